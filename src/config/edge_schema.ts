/**
 * The configuration file of an edge, key by key, in the order in which it is written.
 *
 * Source: `config.md` §3; `PathSelection`, `DataPlane`, `IgnorePSKey`, `FakeTCPEndPoint`, `WireVersion` and the later keys
 * of `FakeTCP` are ours.
 *
 * @module
 */

import { DYNAMIC_ROUTE } from "./dynamic_route_schema.ts";
import { exampleKey, examplePublicKey } from "./example_values.ts";
import {
  DEVICE_NAME,
  ENDPOINT,
  IPV4_ENDPOINT,
  IPV4_RANGE,
  IPV6_ENDPOINT,
  IPV6_RANGE,
  MAC_PREFIX,
  NODE_ID,
} from "./network_types.ts";
import {
  BOOLEAN,
  oneOfNumbers,
  oneOfWords,
  PRESHARED_KEY,
  PRIVATE_KEY,
  PUBLIC_KEY,
  text,
  wholeNumber,
} from "./scalar_types.ts";
import { block, list, nodeMap, scalar, type ValueOf } from "./schema.ts";
import {
  DISABLED_AF,
  FW_MARK,
  INTERVAL_OR_OFF,
  LOG_LEVEL_BLOCK,
  MAX_NODE_NAME_LEN,
  OBFUSCATION,
  POST_SCRIPT,
  UINT32_MAX,
  WIRE_VERSION_TOLD,
} from "./shared_blocks.ts";
import { DUAL_STACK, fakeTcpBlock, PATH_SELECTION } from "./transport_schema.ts";

/** Most lanes a node may run; the shared tables are laid out for so many. */
const MAX_LANES = 16;

/** The kinds of local side. `""` is what an absent key leaves behind; it is reported as missing. */
export type InterfaceKind =
  | "tap"
  | "dummy"
  | "stdio"
  | "udpsock"
  | "tcpsock"
  | "unixsock"
  | "unixgramsock"
  | "unixpacketsock"
  | "fd"
  | "vpp";

const INTERFACE_KIND = oneOfWords<InterfaceKind | "">({
  tap: "tap",
  dummy: "dummy",
  stdio: "stdio",
  udpsock: "udpsock",
  tcpsock: "tcpsock",
  unixsock: "unixsock",
  unixgramsock: "unixgramsock",
  unixpacketsock: "unixpacketsock",
  fd: "fd",
  vpp: "vpp",
}, "");

/** What a local side of kind `stdio` does with addresses: nothing, one letter each, or none at all. */
export type L2HeaderMode = "unchanged" | "keyboard" | "none";

const L2_HEADER_MODE = oneOfWords<L2HeaderMode>(
  { nochg: "unchanged", kbdbg: "keyboard", noL2: "none" },
  "unchanged",
  "unchanged",
);

const INTERFACE = block("The local side: where Ethernet frames come from and go to.", {
  IType: scalar(INTERFACE_KIND, "Kind of local side. This release runs tap and dummy; a dummy node only relays.", {
    presence: "required",
    example: "tap",
  }),
  Name: scalar(DEVICE_NAME, "Name of the tap device. Empty: the kernel picks one.", { example: "tap1" }),
  VPPIFaceID: scalar(wholeNumber(0, UINT32_MAX), "Number of the memif interface and socket, for vpp."),
  VPPBridgeID: scalar(wholeNumber(0, UINT32_MAX), "Bridge domain, for vpp.", { absentText: "0: none" }),
  MacAddrPrefix: scalar(
    MAC_PREFIX,
    "First octets of the interface's MAC address; the node id fills the rest. Needed by tap, stdio and vpp.",
    { example: "AA:BB:CC:DD" },
  ),
  IPv4CIDR: scalar(IPV4_RANGE, "Range that all nodes share; this node's address is its start plus the node id.", {
    example: "192.168.76.0/24",
  }),
  IPv6CIDR: scalar(IPV6_RANGE, "The same for IPv6.", { example: "fd95:71cb:a3df:e586::/64" }),
  IPv6LLPrefix: scalar(
    IPV6_RANGE,
    "The same for the link-local address, within fe80::/64. If set, the kernel's own addresses are removed first.",
    { example: "fe80::a3df:0/112" },
  ),
  MTU: scalar(wholeNumber(0, 65535), "Largest packet on the interface. Needed by tap and vpp.", {
    unit: "octets",
    example: "1404",
  }),
  RecvAddr: scalar(text(), "Address or path to listen on, for the socket kinds."),
  SendAddr: scalar(text(), "Address or path to send to, for the socket kinds."),
  L2HeaderMode: scalar(L2_HEADER_MODE, "Form of frames, for stdio.", { absentText: "nochg", example: "nochg" }),
});

const PEER = block("One peer.", {
  NodeID: scalar(NODE_ID, "The peer's id.", { presence: "expected", example: "2" }),
  PubKey: scalar(PUBLIC_KEY, "The peer's public key.", { presence: "required", example: examplePublicKey }),
  PSKey: scalar(PRESHARED_KEY, "Preshared key with this peer, the same in its file. Empty: none.", {
    example: exampleKey,
  }),
  IgnorePSKey: scalar(
    BOOLEAN,
    "True: act as if PSKey were empty. For peers that run the Go program, which ignores it.",
    {
      aliases: ["IgnorePSK"],
    },
  ),
  EndPoint: scalar(ENDPOINT, "Where to reach the peer. Empty: wait until it calls.", { example: "127.0.0.1:3002" }),
  EndPointIPv4: scalar(IPV4_ENDPOINT, "One more address to try, over IPv4."),
  EndPointIPv6: scalar(IPV6_ENDPOINT, "One more address to try, over IPv6."),
  FakeTCPEndPoint: scalar(
    ENDPOINT,
    "Where to reach the peer by FakeTCP, for example its TCP port 443. Without FakeTCP.Enabled it has no effect.",
    { absentText: "the endpoints above", example: '""' },
  ),
  PersistentKeepalive: scalar(
    wholeNumber(0, UINT32_MAX),
    "Period of keepalives. Set it to about 25 on the side behind a NAT or firewall.",
    { unit: "s", absentText: "0: none", example: "30" },
  ),
  Static: scalar(
    BOOLEAN,
    "True: the endpoint is looked up again while the peer is silent, as ResetEndPointInterval says.",
    {
      example: "true",
    },
  ),
});

/** The whole edge file. */
export const EDGE_SCHEMA = block("Configuration of an edge: an ordinary node with a local Ethernet side.", {
  Interface: INTERFACE,
  NodeID: scalar(NODE_ID, "This node's id, unique in the network.", { presence: "expected", example: "1" }),
  NodeName: scalar(text(MAX_NODE_NAME_LEN), "This node's name, in the log and in the name of its control socket.", {
    example: "Node01",
  }),
  PostScript: POST_SCRIPT,
  DefaultTTL: scalar(wholeNumber(1, 255), "Hop limit of what this node sends.", {
    unit: "hops",
    presence: "required",
    example: "200",
  }),
  L2FIBTimeout: scalar(INTERVAL_OR_OFF, "Silence after which a MAC address is forgotten. 0.01 and below: never.", {
    unit: "s",
    absentText: "0: never",
    example: "3600",
  }),
  PrivKey: scalar(PRIVATE_KEY, "This node's private key. Show it to nobody.", {
    presence: "required",
    example: exampleKey,
  }),
  ListenPort: scalar(
    wholeNumber(0, 65535),
    "UDP port, of both families. FakeTCP listens on the TCP port of the same number, unless it has its own.",
    { absentText: "0: the system picks one" },
  ),
  FwMark: FW_MARK,
  DisabledAf: DISABLED_AF,
  AfPrefer: scalar(
    oneOfNumbers(0, 4, 6),
    "Family to try first towards a name that has both, and to prefer among paths that work. 0: the system's choice, and " +
      "DualStack.IPv6Preferred decides among paths.",
    { example: "4" },
  ),
  LogLevel: LOG_LEVEL_BLOCK,
  DynamicRoute: DYNAMIC_ROUTE,
  NextHopTable: nodeMap(
    "The routes of static mode, by source and destination: which peer is next. A node forwards for others, too, so " +
      "give all nodes the whole table.",
    NODE_ID,
    nodeMap("By destination.", NODE_ID, scalar(NODE_ID, "The next hop.")),
    ["1: { 2: 2 }", "2: { 1: 1 }"],
  ),
  ResetEndPointInterval: scalar(
    INTERVAL_OR_OFF,
    "Period of looking up again the endpoints of Static peers that are silent. 0.01 and below: never.",
    { unit: "s", absentText: "0: never", example: "600" },
  ),
  AllowPrivateIP: scalar(
    BOOLEAN,
    "True: private and loopback addresses learnt from others are used. Needed inside a LAN. Endpoints written in this " +
      "file may be private in any case.",
  ),
  DisableRelay: scalar(BOOLEAN, "True: forward nothing for others."),
  IgnorePSKey: scalar(BOOLEAN, "True: act as if PSKey of every peer were empty.", { aliases: ["IgnorePSK"] }),
  WireVersion: WIRE_VERSION_TOLD,
  Peers: list("The nodes that this node talks to directly.", PEER),
  FakeTCP: fakeTcpBlock("edge"),
  Obfuscation: OBFUSCATION,
  DualStack: DUAL_STACK,
  PathSelection: PATH_SELECTION,
  DataPlane: block("How the work is spread over processors.", {
    Lanes: scalar(wholeNumber(0, MAX_LANES), "Number of forwarding threads.", {
      absentText: "0: one per two processors, at most 4",
    }),
  }),
});

/** The checked content of an edge file, with the file's own names and units; {@link EdgeConfig} has ours. */
export type EdgeFile = ValueOf<typeof EDGE_SCHEMA>;
