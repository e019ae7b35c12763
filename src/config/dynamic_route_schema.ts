/**
 * The `DynamicRoute` block of an edge file: how routes and peers are found out.
 *
 * Source: `config.md` §3.3; the `FakeTCPEndpoint…` keys are ours.
 *
 * @module
 */

import { HTTP_URL } from "./http_types.ts";
import { ENDPOINT, IPV4_ENDPOINT, IPV6_ENDPOINT } from "./network_types.ts";
import { BOOLEAN, number, PRESHARED_KEY, PUBLIC_KEY, text, wholeNumber } from "./scalar_types.ts";
import { block, list, scalar } from "./schema.ts";
import { DURATION, graphRecalculateBlock, INTERVAL_OR_OFF } from "./shared_blocks.ts";

/** Public time servers of several operators, for the example file. */
const EXAMPLE_TIME_SERVERS = [
  "time1.google.com",
  "time2.google.com",
  "time1.facebook.com",
  "time2.facebook.com",
  "time.cloudflare.com",
  "time.apple.com",
  "pool.ntp.org",
  "ntp.aliyun.com",
];

const SUPER_NODE = block("The registry that tells this edge its peers and routes.", {
  UseSuperNode: scalar(BOOLEAN, "True: super mode."),
  PSKey: scalar(PRESHARED_KEY, "Preshared key with the super. Empty: none."),
  EndpointV4: scalar(IPV4_ENDPOINT, "The super's address over IPv4. Empty: no session over IPv4."),
  PubKeyV4: scalar(PUBLIC_KEY, "The super's public key over IPv4."),
  EndpointV6: scalar(IPV6_ENDPOINT, "The super's address over IPv6. Empty: no session over IPv6."),
  PubKeyV6: scalar(PUBLIC_KEY, "The super's public key over IPv6."),
  FakeTCPEndpointV4: scalar(
    IPV4_ENDPOINT,
    "Where to reach the super by FakeTCP over IPv4, if it listens there at another port. Without FakeTCP.Enabled it has " +
      "no effect.",
    { absentText: "EndpointV4", example: '""' },
  ),
  FakeTCPEndpointV6: scalar(IPV6_ENDPOINT, "The same over IPv6.", { absentText: "EndpointV6", example: '""' }),
  EndpointEdgeAPIUrl: scalar(
    HTTP_URL,
    "Where the super's HTTP interface for edges begins, prefix included. Empty: ask within the session, which a super " +
      "that runs the Go program doesn't answer.",
  ),
  SkipLocalIP: scalar(BOOLEAN, "True: tell others no local address, and use none of theirs."),
  AdditionalLocalIP: list(
    "Addresses told to others as local ones, even with SkipLocalIP.",
    scalar(ENDPOINT, "A host and a port."),
  ),
  SuperNodeInfoTimeout: scalar(DURATION, "Has no effect in this release: what the super told stays valid.", {
    unit: "s",
    example: "50",
  }),
});

const P2P = block("Edges find each other and compute routes themselves.", {
  UseP2P: scalar(BOOLEAN, "True: P2P mode. Not in this release."),
  SendPeerInterval: scalar(DURATION, "Period of telling all peers to all peers. P2P mode needs it above 0.", {
    unit: "s",
    example: "20",
  }),
  GraphRecalculateSetting: graphRecalculateBlock("50", "1.1"),
});

const NTP_CONFIG = block("Corrects the clock that latencies are measured with. No effect in static mode.", {
  UseNTP: scalar(BOOLEAN, "True: correct it.", { example: "true" }),
  MaxServerUse: scalar(
    wholeNumber(-65535, 65535),
    "All servers are asked once, and then so many of the nearest again. Below 0: all of them again.",
    { absentText: "0: none again", example: "8" },
  ),
  SyncTimeInterval: scalar(DURATION, "Period of asking. UseNTP needs it above 0.", { unit: "s", example: "99999" }),
  NTPTimeout: scalar(DURATION, "How long to wait for one answer.", { unit: "s", absent: 5, example: "3" }),
  Servers: list("Names or addresses of the servers. Empty: off.", scalar(text(), "A server."), EXAMPLE_TIME_SERVERS),
});

export const DYNAMIC_ROUTE = block(
  "How routes and peers are found out. With UseSuperNode and UseP2P both false the node is in static mode: it uses " +
    "NextHopTable and Peers as written, and nothing here but PeerAliveTimeout and DupCheckTimeout has an effect. In " +
    "super mode the super tells peers, routes and parameters: SendPingInterval, PeerAliveTimeout, AdditionalCost and " +
    "DampingFilterRadius count until it has.",
  {
    SendPingInterval: scalar(INTERVAL_OR_OFF, "Period of measuring the latency to each peer.", {
      unit: "s",
      absentText: "0: no measuring",
      example: "16",
    }),
    PeerAliveTimeout: scalar(DURATION, "Silence after which a peer counts as dead. Super mode needs it above 0.", {
      unit: "s",
      example: "70",
    }),
    TimeoutCheckInterval: scalar(INTERVAL_OR_OFF, "Period of looking for dead peers, to try their other addresses.", {
      unit: "s",
      absentText: "0: as SendPingInterval",
      example: "20",
    }),
    ConnNextTry: scalar(DURATION, "How long each address of a peer is tried. Super mode needs it above 0.", {
      unit: "s",
      example: "5",
    }),
    DupCheckTimeout: scalar(DURATION, "How long a flooded message is remembered, to forward it once only.", {
      unit: "s",
      absentText: "0: not at all",
      example: "40",
    }),
    AdditionalCost: scalar(number(-1e9, 1e9), "Added to every link that ends at this node. Below 0 counts as 0.", {
      unit: "ms",
      example: "10",
    }),
    DampingFilterRadius: scalar(
      wholeNumber(0, 65535),
      "Latencies pass a median filter over this many measurements to either side.",
      { absentText: "0: off", example: "4" },
    ),
    SaveNewPeers: scalar(BOOLEAN, "True: P2P mode writes peers that were learnt into this file. Not in this release.", {
      example: "true",
    }),
    SuperNode: SUPER_NODE,
    P2P,
    NTPConfig: NTP_CONFIG,
  },
);
