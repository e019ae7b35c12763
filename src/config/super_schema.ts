/**
 * The configuration file of a super, key by key, in the order in which it is written.
 *
 * Source: `config.md` §4; `TLS`, `PathSelection`, `WireVersion` and the later keys of `FakeTCP` are ours.
 *
 * @module
 */

import { exampleKey, examplePassword, examplePublicKey } from "./example_values.ts";
import { API_PREFIX, LISTEN_ADDRESS } from "./http_types.ts";
import { ENDPOINT, IP_ADDRESS, NODE_ID } from "./network_types.ts";
import {
  BOOLEAN,
  number,
  PASSWORD,
  PRESHARED_KEY,
  PRIVATE_KEY,
  PUBLIC_KEY,
  text,
  wholeNumber,
} from "./scalar_types.ts";
import { block, list, nodeMap, scalar, type ValueOf } from "./schema.ts";
import {
  DISABLED_AF,
  DURATION,
  FW_MARK,
  graphRecalculateBlock,
  INTERVAL_OR_OFF,
  LOG_LEVEL_BLOCK,
  MAX_NODE_NAME_LEN,
  OBFUSCATION,
  POST_SCRIPT,
  WIRE_VERSION_TOLD,
} from "./shared_blocks.ts";
import { fakeTcpBlock, PATH_SELECTION } from "./transport_schema.ts";

/** A period that can't be off. Below a millisecond it would be a busy loop. */
const PERIOD = number(0.001, 1e9);

const PEER = block("One edge.", {
  NodeID: scalar(NODE_ID, "The edge's id.", { presence: "expected", example: "1" }),
  Name: scalar(text(), "The edge's name, as administrators see it.", { example: "Node_01" }),
  PubKey: scalar(PUBLIC_KEY, "The edge's public key.", { presence: "required", example: examplePublicKey }),
  PSKey: scalar(PRESHARED_KEY, "Preshared key with this edge: SuperNode.PSKey of its file. Empty: none.", {
    example: exampleKey,
  }),
  AdditionalCost: scalar(
    number(-1e9, 1e9),
    "Added to every link that ends at this edge. Below 0: what the edge's own file says.",
    { unit: "ms", example: "10" },
  ),
  SkipLocalIP: scalar(BOOLEAN, "True: other edges aren't told its local addresses, nor is it told theirs."),
  EndPoint: scalar(ENDPOINT, "Where the super calls the edge. Empty: wait until it calls, which is usual."),
  ExternalIP: scalar(
    IP_ADDRESS,
    "Address told to other edges in place of the one that the super sees; the port stays.",
  ),
});

function password(call: string) {
  return scalar(PASSWORD, `For ${call}. Empty: nobody may.`, { example: examplePassword });
}

/** Some texts of the block speak of what an edge only has. */
const SUPER_PATH_SELECTION = block(
  "How the path to an edge is chosen, between UDP and FakeTCP. The defaults suit nearly every network.",
  {
    ...PATH_SELECTION.fields,
    Order: list(
      `${PATH_SELECTION.fields.Order.item.type.allowed}: kinds of paths, best first. Of each family the super has a ` +
        "session of its own, so only the order of the two transports counts.",
      PATH_SELECTION.fields.Order.item,
    ),
    HoldTime: {
      ...PATH_SELECTION.fields.HoldTime,
      doc: "How long a better transport must have worked without a gap before traffic returns to it.",
    },
  },
);

/** The whole super file. */
export const SUPER_SCHEMA = block("Configuration of a super: the registry that tells edges their peers and routes.", {
  NodeName: scalar(text(MAX_NODE_NAME_LEN), "The super's name, in the log and in the names of its control sockets.", {
    example: "NodeSuper",
  }),
  PostScript: POST_SCRIPT,
  PrivKeyV4: scalar(
    PRIVATE_KEY,
    "Private key of the sessions over IPv4: edges have its public key as PubKeyV4. Show it to nobody. Empty: no sessions " +
      "over IPv4.",
    { example: exampleKey },
  ),
  PrivKeyV6: scalar(PRIVATE_KEY, "The same for IPv6; another key than PrivKeyV4.", { example: exampleKey }),
  ListenPort: scalar(
    wholeNumber(0, 65535),
    "UDP port, of both families. FakeTCP listens on the TCP port of the same number, unless it has its own.",
    { absentText: "0: the system picks one", example: "3000" },
  ),
  ListenPort_EdgeAPI: scalar(
    LISTEN_ADDRESS,
    "Where edges ask over HTTP. FakeTCP must have another port. Without a host: at all addresses.",
    { presence: "required", example: '"3456"' },
  ),
  ListenPort_ManageAPI: scalar(
    LISTEN_ADDRESS,
    "Where administrators ask over HTTP; may be the same. Empty: nowhere. Passwords pass unsealed unless TLS is on, so " +
      "let it listen where only you can reach it.",
    { example: '"127.0.0.1:3457"' },
  ),
  FwMark: FW_MARK,
  DisabledAf: DISABLED_AF,
  API_Prefix: scalar(API_PREFIX, "In front of the paths of both HTTP interfaces.", { example: "/eg_api" }),
  RePushConfigInterval: scalar(PERIOD, "Period of telling all edges the state of the routes once more.", {
    unit: "s",
    presence: "required",
    example: "30",
  }),
  HttpPostInterval: scalar(
    DURATION,
    "Told to edges: period of their reports. At most PeerAliveTimeout.",
    { unit: "s", absentText: "0: no periodic reports", example: "50" },
  ),
  PeerAliveTimeout: scalar(PERIOD, "Told to edges: silence after which a peer counts as dead. So it does here.", {
    unit: "s",
    presence: "required",
    example: "70",
  }),
  SendPingInterval: scalar(PERIOD, "Told to edges: period of measuring latencies. Below PeerAliveTimeout.", {
    unit: "s",
    presence: "required",
    example: "15",
  }),
  DampingFilterRadius: scalar(
    wholeNumber(0, 65535),
    "Told to edges: latencies pass a median filter over this many measurements to either side.",
    { absentText: "0: off", example: "4" },
  ),
  LogLevel: LOG_LEVEL_BLOCK,
  Passwords: block("What each call of the manage interface asks for. Each has a password of its own.", {
    ShowState: password("reading the state of the network"),
    AddPeer: password("adding an edge"),
    DelPeer: password("removing an edge"),
    UpdatePeer: password("changing an edge"),
    UpdateSuper: password("changing the parameters that edges are told"),
  }),
  GraphRecalculateSetting: graphRecalculateBlock("30", "1.01"),
  NextHopTable: nodeMap(
    "The routes, by source and destination: which peer is next. With StaticMode every pair of peers needs an entry; " +
      "without it the routes are computed.",
    NODE_ID,
    nodeMap("By destination.", NODE_ID, scalar(NODE_ID, "The next hop.")),
  ),
  EdgeTemplate: scalar(
    text(),
    "Path of an edge file. What the manage interface answers to a new edge is made from it. Relative to this file's " +
      "folder or, if it isn't there, to the folder in which the program was started.",
    { absentText: "a built-in example", example: '""' },
  ),
  UsePSKForInterEdge: scalar(BOOLEAN, "True: each pair of edges gets a preshared key from the super.", {
    example: "true",
  }),
  ResetEndPointInterval: scalar(
    INTERVAL_OR_OFF,
    "Period of looking up again the EndPoint of edges that are silent. 0.01 and below: never.",
    { unit: "s", absentText: "0: never", example: "600" },
  ),
  AllowPrivateIP: scalar(
    BOOLEAN,
    "True: edges that come from private and loopback addresses are answered. Needed inside a LAN.",
  ),
  DisableRelay: scalar(BOOLEAN, "Has no effect: a super forwards nothing. Older nodes read and ignore it."),
  WireVersion: WIRE_VERSION_TOLD,
  Peers: list("The edges of the network. The manage interface writes into this list.", PEER),
  FakeTCP: fakeTcpBlock("super"),
  Obfuscation: OBFUSCATION,
  TLS: block("HTTPS instead of HTTP. Both keys or none.", {
    CertFile: scalar(text(), "Path of the certificate in PEM form, with its chain; relative to this file's folder."),
    KeyFile: scalar(text(), "Path of its private key in PEM form."),
  }),
  PathSelection: SUPER_PATH_SELECTION,
});

/** The checked content of a super file, with the file's own names and units; {@link SuperConfig} has ours. */
export type SuperFileRecord = ValueOf<typeof SUPER_SCHEMA>;
