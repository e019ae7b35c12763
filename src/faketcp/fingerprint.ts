/**
 * How a host's TCP looks from outside: one record of values a system.
 *
 * Networks judge a flow by its first segments. What differs between systems stands here, so that another one can be
 * imitated by another record. The order of the options is fixed (`packet.ts`, `writeSyn`).
 *
 * @module
 */

import { SynOption } from "./packet.ts";

/** How segments look. */
export interface Fingerprint {
  readonly name: string;
  /** TTL or hop limit with which segments leave the machine: the stack's own is one more, which the host takes as it forwards. */
  readonly ttl: number;
  /** Options of a SYN, bits of {@linkcode SynOption}; a SYN-ACK has those of them that the SYN had, and its MSS. */
  readonly synOptions: number;
  /** Shift of the window scale option. */
  readonly windowScale: number;
  /** Window of a SYN or SYN-ACK, which is never scaled. */
  readonly synWindow: number;
  /** Window of all other segments in octets, if windows are scaled. */
  readonly rcvWnd: number;
  /** When an unanswered SYN, SYN-ACK or FIN is sent again, ms after the first time; the last entry gives up instead. */
  readonly retransmitMs: readonly number[];
}

/**
 * Linux 6 with default settings on a link of 1,500 octets: `tcp_syn_options()`, `tcp_select_initial_window()`.
 *
 * The window is what a Linux host offers once it has received for a while with `net.ipv4.tcp_rmem` tuned to 8 MB. A greater
 * one would let resets with a guessed sequence number pass firewalls: with 1 GiB a quarter of all guesses.
 */
export const LINUX: Fingerprint = {
  name: "linux",
  ttl: 64,
  synOptions: SynOption.MSS | SynOption.SACK_PERMITTED | SynOption.TIMESTAMPS | SynOption.WINDOW_SCALE,
  windowScale: 7,
  synWindow: 64240,
  rcvWnd: 0xffff << 7,
  retransmitMs: [1000, 3000, 7000, 15_000, 31_000, 63_000],
};

/** What phantun and the reference node send: `build_tcp_packet()` of phantun, `fake-tcp/src/packet.rs`. */
export const PHANTUN: Fingerprint = {
  name: "phantun",
  ttl: 64,
  synOptions: SynOption.WINDOW_SCALE,
  windowScale: 14,
  synWindow: 0xffff,
  rcvWnd: 0xffff << 14,
  retransmitMs: [1000, 2000, 3000, 4000, 5000, 6000],
};
