/**
 * Blocks that edges and supers both have, or that occur in several places of one file.
 *
 * Source: `config.md` §5. What is meant by each key is said in its text, which users read in the reference page.
 *
 * @module
 */

import type { LogLevel } from "../base/log.ts";
import {
  DEVICE_NAME,
  IPV4_ADDRESS,
  IPV4_INTERFACE,
  IPV6_ADDRESS,
  IPV6_INTERFACE,
  NODE_ID_OR_ALL,
} from "./network_types.ts";
import { parseIpAddress } from "../base/endpoint.ts";
import { formatKey, KEY_LEN } from "./key_text.ts";
import { BOOLEAN, number, oneOfWords, PRESHARED_KEY, wholeNumber } from "./scalar_types.ts";
import { block, nodeMap, scalar } from "./schema.ts";

/** A duration that has a meaning at 0 and below: the thing is off. `.inf` is off, too. */
export const INTERVAL_OR_OFF = number(-Infinity, Infinity);
/** A duration in seconds, up to some thirty years. */
export const DURATION = number(0, 1e9);

/** The words of `LogLevel.LogLevel`; `verbose` is the older spelling of `debug`. */
const LOG_LEVEL = oneOfWords<LogLevel>(
  { debug: "debug", verbose: "debug", info: "info", error: "error", silent: "silent" },
  "info",
  "error",
);

export const DISABLED_AF = block("Switches address families off. Note the sense: true means off.", {
  IPv4: scalar(BOOLEAN, "True: send and receive nothing over IPv4."),
  IPv6: scalar(BOOLEAN, "True: send and receive nothing over IPv6."),
  ListenIPv4: scalar(IPV4_ADDRESS, "Local IPv4 address to listen on. Empty: all."),
  ListenIPv6: scalar(IPV6_ADDRESS, "Local IPv6 address to listen on. Empty: all."),
});

/** `FakeTCP` with the defaults of one kind of node. */
export function fakeTcpBlock(subnet: 200 | 201, deviceName: string) {
  const peerV4 = `192.168.${subnet}.2`;
  return block("Datagrams dressed as TCP, for networks that drop UDP. Not in this release.", {
    Enabled: scalar(BOOLEAN, "True: use FakeTCP where UDP doesn't get through."),
    TunName: scalar(DEVICE_NAME, "Name of the TUN device that FakeTCP opens.", { absent: deviceName }),
    TunIPv4: scalar(IPV4_INTERFACE, "The host's IPv4 address on that device.", {
      absent: { address: Uint8Array.of(192, 168, subnet, 1), prefixLength: 24 },
      absentText: `192.168.${subnet}.1/24`,
    }),
    TunPeerIPv4: scalar(IPV4_ADDRESS, "FakeTCP's own IPv4 address on that device.", {
      absent: parseIpAddress(peerV4),
      absentText: peerV4,
    }),
    TunIPv6: scalar(IPV6_INTERFACE, "The host's IPv6 address on that device. Without both IPv6 keys: IPv4 only.", {
      example: `fd00:${subnet}::1/64`,
    }),
    TunPeerIPv6: scalar(IPV6_ADDRESS, "FakeTCP's own IPv6 address on that device.", { example: `fd00:${subnet}::2` }),
    TunMTU: scalar(wholeNumber(576, 65535, "1500"), "Largest packet on that device.", {
      absent: 1500,
      unit: "octets",
    }),
  });
}

export const OBFUSCATION = block("Hides our message formats from observers. Not in this release.", {
  Enabled: scalar(
    BOOLEAN,
    "True: obfuscate towards nodes that can. Older nodes ignore this key and are sent clear text.",
  ),
  PSK: scalar(PRESHARED_KEY, "Key of the obfuscation, the same in all files of a network.", {
    example(random) {
      const key = new Uint8Array(KEY_LEN);
      random.fill(key);
      return formatKey(key);
    },
  }),
});

/** What stands in for intervals of 0 and below, in seconds. Source: `config.md` §5.4. */
export const DUAL_STACK_DEFAULTS_S = { failbackDelay: 30, probeInterval: 10, backupKeepalive: 30 } as const;

export const DUAL_STACK = block(
  "Keeps IPv4 and IPv6 both ready towards a peer that has both. If the block is absent, or has all five keys and all " +
    "are false or zero, it is on. To switch it off, write Enabled: false and leave out the rest.",
  {
    Enabled: scalar(BOOLEAN, "True: on.", { absentText: "see the block", example: "true" }),
    IPv6Preferred: scalar(BOOLEAN, "True: IPv6 is tried first.", {
      absentText: "true if the block is absent",
      example: "true",
    }),
    FailbackDelay: scalar(INTERVAL_OR_OFF, "How long the better family must work before traffic returns to it.", {
      unit: "s",
      ...dualStackDefault(DUAL_STACK_DEFAULTS_S.failbackDelay),
    }),
    ProbeInterval: scalar(INTERVAL_OR_OFF, "Period of probing the family that isn't in use.", {
      unit: "s",
      ...dualStackDefault(DUAL_STACK_DEFAULTS_S.probeInterval),
    }),
    BackupKeepalive: scalar(INTERVAL_OR_OFF, "Period of keepalives on the family that isn't in use.", {
      unit: "s",
      ...dualStackDefault(DUAL_STACK_DEFAULTS_S.backupKeepalive),
    }),
  },
);

/** A written 0 is told from an absent key by this block's own rule, so the default is no `absent` value. */
function dualStackDefault(seconds: number) {
  return { absentText: `${seconds}, also for 0 and below`, example: String(seconds) };
}

export const LOG_LEVEL_BLOCK = block("What is written to standard error.", {
  LogLevel: scalar(LOG_LEVEL, "Least level that is shown. An unknown word acts as error.", { absentText: "info" }),
  LogTransit: scalar(BOOLEAN, "True: also frames forwarded for other nodes."),
  LogNormal: scalar(BOOLEAN, "True: also this node's own frames."),
  DumpNormal: scalar(BOOLEAN, "True: with LogNormal, also what the frames contain."),
  LogControl: scalar(BOOLEAN, "True: also control messages and HTTP requests.", { example: "true" }),
  LogInternal: scalar(BOOLEAN, "True: also internal events and the output of PostScript.", { example: "true" }),
  LogNTP: scalar(BOOLEAN, "True: also the clock correction. Never in static mode.", { example: "true" }),
});

/** `GraphRecalculateSetting`; a super and an edge in P2P mode differ in their usual tolerances only. */
export function graphRecalculateBlock(jitterTolerance: string, jitterToleranceMultiplier: string) {
  return block("When routes are computed anew.", {
    StaticMode: scalar(BOOLEAN, "True: never; the next-hop table stays as it is."),
    ManualLatency: nodeMap(
      "Latency that overrides the measured one, by source and destination. Id 65535 stands for every node; the entry " +
        "that names more wins, and of two that name one id the one that names the source.",
      NODE_ID_OR_ALL,
      nodeMap("By destination.", NODE_ID_OR_ALL, scalar(number(0, Infinity), "Latency.", { unit: "ms" })),
    ),
    JitterTolerance: scalar(DURATION, "Change of a latency that is taken for noise.", {
      unit: "ms",
      example: jitterTolerance,
    }),
    JitterToleranceMultiplier: scalar(number(0, 1e6), "The same as a factor; acts above 1.", {
      example: jitterToleranceMultiplier,
    }),
    TimeoutCheckInterval: scalar(INTERVAL_OR_OFF, "Period of looking for expired latencies.", {
      unit: "s",
      absentText: "0: off",
      example: "5",
    }),
    RecalculateCoolDown: scalar(DURATION, "Least time between two computations.", { unit: "s", example: "5" }),
  });
}
