/**
 * A connection that both sides dial at once through their NATs (RFC 9293 §3.5): when its SYN is sent again.
 *
 * Until both sides have dialled, a NAT may answer with RST or ICMP. None of it ends the attempt: SYN, or SYN-ACK to a SYN that
 * crossed ours, is repeated with the same numbers until the time is up. What Linux's connection tracking does with such a
 * RST (`nf_conntrack_tcp_packet()` in net/netfilter/nf_conntrack_proto_tcp.c; seen on Linux 6.18):
 *
 * - If nothing else has come from there, it forgets the connection, and lets no SYN in until our next one goes out. So that one
 *   follows at once: the NAT then is open nearly all the time that SYN and RST are under way. With a longer pause two NATs
 *   that both answer so can miss each other again and again.
 * - If a SYN has come in already, it takes the connection for closed, for 10 s. No SYN comes in any more, but ours still goes
 *   out, and the SYN-ACK to that brings it back in step (case TCP_CONNTRACK_IGNORE). So it is enough that one side is open.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";

/**
 * When SYN or SYN-ACK is sent again, ms after the first SYN; the last entry gives up instead. The other side begins about now,
 * so the first ones come fast. The late ones are for one that begins later: they keep our NAT open for its SYN.
 */
export const PUNCH_RETRANSMIT_MS: readonly number[] = [
  ...[300, 700, 1200, 2000, 3000, 4000, 5000, 6000],
  ...[12_000, 24_000, 40_000, 63_000],
];
/** Least time from one SYN to the next that follows a reset, ms, and up to how much is added by chance. */
const RESUME_SPACING_MS = 50;
const RESUME_JITTER_MS = 25;
/** How long after the first SYN resets have that effect, ms. */
const RESUMES_FOR_MS = 2000;

/** The times of one attempt. */
export class Punch {
  readonly #random: RandomSource;
  readonly #beganMs: number;
  #sentMs: number;

  constructor(random: RandomSource, nowMs: number) {
    this.#random = random;
    this.#beganMs = nowMs;
    this.#sentMs = nowMs;
  }

  /** Notes that something is sent. Returns when to send it again, ms; `undefined` if it is time to give up instead. */
  nextMs(nowMs: number): number | undefined {
    this.#sentMs = nowMs;
    const passedMs = nowMs - this.#beganMs;
    const nextMs = PUNCH_RETRANSMIT_MS.find((timeMs) => timeMs > passedMs);
    return nextMs === undefined ? undefined : this.#beganMs + nextMs;
  }

  /** Returns by when to send again after a reset, ms; `Infinity` if it makes no difference. */
  resumeMs(nowMs: number): number {
    if (nowMs - this.#beganMs > RESUMES_FOR_MS) return Infinity;
    return Math.max(nowMs, this.#sentMs + RESUME_SPACING_MS) + this.#random.uint32() % RESUME_JITTER_MS;
  }
}
