/**
 * Blocks and keys that edges and supers both have, or that occur in several places of one file.
 *
 * Source: `config.md` §5. What is meant by each key is said in its text, which users read in the reference page.
 *
 * @module
 */

import type { LogLevel } from "../base/log.ts";
import { WIRE_VERSION } from "../base/version.ts";
import { exampleKey } from "./example_values.ts";
import { IPV4_ADDRESS, IPV6_ADDRESS, NODE_ID_OR_ALL } from "./network_types.ts";
import { asciiWord, BOOLEAN, COMMAND, number, oneOfWords, PRESHARED_KEY, wholeNumber } from "./scalar_types.ts";
import { block, nodeMap, scalar } from "./schema.ts";

/** Longest NodeName in octets: it names a socket and stands in every line of the log. */
export const MAX_NODE_NAME_LEN = 32;
export const UINT32_MAX = 2 ** 32 - 1;
/** Longest version in octets: a super repeats no more of one that it refuses. */
const MAX_VERSION_LEN = 64;

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

export const POST_SCRIPT = scalar(COMMAND, "Program to run once after the start. Its failure stops the node.", {
  absentText: "none",
  example: '""',
});

export const FW_MARK = scalar(wholeNumber(0, UINT32_MAX), "Mark on sent datagrams, for routing rules of the host.", {
  absentText: "0: none",
});

export const WIRE_VERSION_TOLD = scalar(
  asciiWord(MAX_VERSION_LEN),
  'Version that an edge tells its super, and a super compares with its own: an edge that differs before the first "-" is ' +
    "stopped. Needed only beside Go nodes of another version: write theirs, in the files of edges and super alike.",
  { absentText: WIRE_VERSION, example: '""' },
);

export const DISABLED_AF = block("Switches address families off. Note the sense: true means off.", {
  IPv4: scalar(BOOLEAN, "True: send and receive nothing over IPv4."),
  IPv6: scalar(BOOLEAN, "True: send and receive nothing over IPv6."),
  ListenIPv4: scalar(IPV4_ADDRESS, "Local IPv4 address to listen on. Empty: all."),
  ListenIPv6: scalar(IPV6_ADDRESS, "Local IPv6 address to listen on. Empty: all."),
});

export const OBFUSCATION = block("Hides our message formats from observers. Not in this release.", {
  Enabled: scalar(
    BOOLEAN,
    "True: obfuscate towards nodes that can. Older nodes ignore this key and are sent clear text.",
  ),
  PSK: scalar(PRESHARED_KEY, "Key of the obfuscation, the same in all files of a network.", {
    example: exampleKey,
  }),
});

export const LOG_LEVEL_BLOCK = block("What is written to standard error.", {
  LogLevel: scalar(LOG_LEVEL, "Least level that is shown. An unknown word acts as error.", { absentText: "info" }),
  LogTransit: scalar(BOOLEAN, "Has no effect: no frame is logged. Older nodes log those forwarded for others."),
  LogNormal: scalar(BOOLEAN, "Has no effect. Older nodes log also their own frames."),
  DumpNormal: scalar(BOOLEAN, "Has no effect. Older nodes log, with LogNormal, also what the frames contain."),
  LogControl: scalar(BOOLEAN, "Has no effect: LogLevel debug tells more. Older nodes log control messages.", {
    example: "true",
  }),
  LogInternal: scalar(BOOLEAN, "True: also the output of PostScript if it ends well.", { example: "true" }),
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
