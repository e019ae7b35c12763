/**
 * The keys that say how datagrams travel: `FakeTCP`, `DualStack` and `PathSelection`.
 *
 * Sources: `config.md` §5.2 and §5.4. `PathSelection` and the keys of `FakeTCP` from `ListenPort` on are ours.
 *
 * @module
 */

import { parseIpAddress } from "../base/endpoint.ts";
import { PATH_KIND_NAMES } from "../base/path_kind.ts";
import { DEVICE_NAME, IPV4_ADDRESS, IPV4_INTERFACE, IPV6_ADDRESS, IPV6_INTERFACE } from "./network_types.ts";
import { BOOLEAN, number, octets, oneOfWords, wholeNumber } from "./scalar_types.ts";
import { block, list, scalar } from "./schema.ts";
import { INTERVAL_OR_OFF } from "./shared_blocks.ts";

/** Most TCP ports beside the first: each is a rule of the firewall. */
export const MAX_MORE_LISTEN_PORTS = 16;
/** Longest first payload in octets: with all headers it fits into the least packet of IPv4 (RFC 791 §3.1, 576). */
const MAX_FIRST_PAYLOAD_LEN = 512;

/** What the first sequence number of a connection is. */
export type IsnChoice = "random" | "zero";

const ISN = oneOfWords<IsnChoice>({ random: "random", zero: "zero" }, "random");
const PORT = wholeNumber(1, 65535);

/** What differs between the kinds of nodes. The ranges and names of a super are apart, so that it may share a host. */
const FAKE_TCP_KINDS = {
  edge: {
    subnet: 200,
    deviceName: "etherguard-tcp0",
    deviceDoc: "Name of the TUN device that FakeTCP opens; firewall rules are named after it.",
  },
  super: {
    subnet: 201,
    // The reference node's "etherguard-tcp-super", cut as Linux cuts it.
    deviceName: "etherguard-tcp-",
    deviceDoc:
      "Name of the TUN device that FakeTCP opens for IPv4; firewall rules are named after it. The one for IPv6 " +
      'is named by its first 14 characters and "6".',
  },
} as const;

/** `FakeTCP` with the defaults of one kind of node. */
export function fakeTcpBlock(kind: "edge" | "super") {
  const { subnet, deviceName, deviceDoc } = FAKE_TCP_KINDS[kind];
  const peerV4 = `192.168.${subnet}.2`;
  return block(
    "Datagrams dressed as TCP, for networks that drop UDP. A node with FakeTCP keeps UDP as well, and uses towards each " +
      "peer what works; PathSelection tunes the choice. It opens a TUN device with a range of addresses of its own.",
    {
      Enabled: scalar(BOOLEAN, "True: use FakeTCP where UDP doesn't get through. Peers without it have UDP alone.", {
        example: "true",
      }),
      TunName: scalar(DEVICE_NAME, deviceDoc, { absent: deviceName as string }),
      TunIPv4: scalar(
        IPV4_INTERFACE,
        "The host's IPv4 address on that device. Its range must be used for nothing else.",
        {
          absent: { address: Uint8Array.of(192, 168, subnet, 1), prefixLength: 24 },
          absentText: `192.168.${subnet}.1/24`,
        },
      ),
      TunPeerIPv4: scalar(IPV4_ADDRESS, "FakeTCP's own IPv4 address on that device, of the same range.", {
        absent: parseIpAddress(peerV4),
        absentText: peerV4,
      }),
      TunIPv6: scalar(IPV6_INTERFACE, "The host's IPv6 address on that device. Without both IPv6 keys: IPv4 only.", {
        example: `fd00:${subnet}::1/64`,
      }),
      TunPeerIPv6: scalar(IPV6_ADDRESS, "FakeTCP's own IPv6 address on that device, of the same range.", {
        example: `fd00:${subnet}::2`,
      }),
      TunMTU: scalar(wholeNumber(576, 65535, "1500"), "Largest packet on that device.", {
        absent: 1500,
        unit: "octets",
      }),
      ListenPort: scalar(
        wholeNumber(0, 65535),
        "TCP port to listen on, at all addresses of the host. A server of the host at that port can't be reached any " +
          "more from outside.",
        { absentText: "0: the number of the UDP port in use" },
      ),
      ListenPorts: list(
        `Further TCP ports to listen on, at most ${MAX_MORE_LISTEN_PORTS}, each 1 to 65535.`,
        scalar(PORT, "A port.", { presence: "required" }),
      ),
      FirstPayload: scalar(
        octets(MAX_FIRST_PAYLOAD_LEN),
        "What to send first on each connection that this node opens, for networks that judge a connection by it. The " +
          "peer drops it.",
      ),
      Isn: scalar(
        ISN,
        "First sequence number of each connection that this node opens. zero: for a phantun server, which refuses others.",
        { absentText: "random", example: "random" },
      ),
      ManageRules: scalar(
        BOOLEAN,
        "True: the program sets the firewall rules and the forwarding that FakeTCP needs, and removes them at its end. " +
          `False: you do; etherguard ${kind} --print-rules shows them.`,
        { absent: true },
      ),
    },
  );
}

/** What stands in for intervals of 0 and below, in seconds. Source: `config.md` §5.4. */
export const DUAL_STACK_DEFAULTS_S = { failbackDelay: 30, probeInterval: 10, backupKeepalive: 30 } as const;

export const DUAL_STACK = block(
  "The change between IPv6 and IPv4 towards a peer that has both. On: the preferred family is used, and again once it " +
    "has recovered. Off: the preferred family is used until it fails, and the other then until that fails in turn. If " +
    "the block is absent, or has all five keys and all are false or zero, it is on. To switch it off, write Enabled: " +
    "false and leave out the rest.",
  {
    Enabled: scalar(BOOLEAN, "True: on.", { absentText: "see the block", example: "true" }),
    IPv6Preferred: scalar(BOOLEAN, "True: IPv6 is preferred. Has no effect if AfPrefer is 4 or 6.", {
      absentText: "true",
      example: "true",
    }),
    FailbackDelay: scalar(INTERVAL_OR_OFF, "How long the preferred family must work before traffic returns to it.", {
      unit: "s",
      ...dualStackDefault(DUAL_STACK_DEFAULTS_S.failbackDelay),
    }),
    ProbeInterval: scalar(
      INTERVAL_OR_OFF,
      "Period of probing a path that has failed, over UDP or FakeTCP. Acts with the block off, too. Under traffic a better " +
        "path is probed at PathSelection.RecoveryProbeInterval.",
      { unit: "s", ...dualStackDefault(DUAL_STACK_DEFAULTS_S.probeInterval) },
    ),
    BackupKeepalive: scalar(
      INTERVAL_OR_OFF,
      "Period of probing a path that works but isn't in use, over UDP or FakeTCP, so that it stays ready. Acts with the " +
        "block off, too.",
      { unit: "s", ...dualStackDefault(DUAL_STACK_DEFAULTS_S.backupKeepalive) },
    ),
  },
);

/** A written 0 is told from an absent key by this block's own rule, so the default is no `absent` value. */
function dualStackDefault(seconds: number) {
  return { absentText: `${seconds}, also for 0 and below`, example: String(seconds) };
}

/** A kind of path; `""` is what an empty entry leaves behind, which is reported. */
const PATH_KIND_NAME = oneOfWords(Object.fromEntries(PATH_KIND_NAMES.map((name) => [name, name])), "");

export const PATH_SELECTION = block(
  "How the path to a peer is chosen, among UDP and FakeTCP over IPv6 and IPv4. The defaults suit nearly every network.",
  {
    Order: list(
      `Kinds of paths, best first: ${PATH_KIND_NAMES.join(", ")}. ` +
        "Those that aren't named come after, in this order; if IPv4 is preferred (AfPrefer 4, or AfPrefer 0 and " +
        "IPv6Preferred: false), with IPv4 before IPv6.",
      scalar(PATH_KIND_NAME, "A kind of path.", { presence: "required" }),
    ),
    ActiveProbeInterval: secondsOr(0.1, 0.02, 10, "Period of probing the path in use while there is traffic."),
    RecoveryProbeInterval: secondsOr(
      1,
      0.1,
      3600,
      "Period of probing a better path that has failed, while there is traffic.",
    ),
    HoldTime: secondsOr(
      5,
      0.1,
      3600,
      "How long a better transport must have worked without a gap before traffic returns to it. Between the families of " +
        "one transport it is DualStack.FailbackDelay.",
    ),
    DecideTime: secondsOr(
      0.4,
      0.05,
      10,
      "How long the path in use may be in doubt, with no probe answered, before traffic leaves it.",
    ),
    LossThreshold: scalar(
      number(0.01, 1, "0.2"),
      "Share of lost probes, 1 for all, above which a path is left for one that loses hardly any.",
      { absent: 0.2 },
    ),
    Mirror: scalar(
      BOOLEAN,
      "True: while the path in use is in doubt, everything is sent on the next best one as well, so that a change loses " +
        "nothing. The peer drops the copies.",
      { absent: true },
    ),
  },
);

/** A duration that has a default and a range. */
function secondsOr(absent: number, min: number, max: number, doc: string) {
  return scalar(number(min, max, String(absent)), doc, { absent, unit: "s" });
}
