/**
 * How many messages to a peer were lost, from what it says to have received.
 *
 * With each probe we remember how many messages had been sent; the answer tells how many had arrived. The difference
 * between two such pairs is what was lost between them, but for what was on its way at either moment. Probes themselves
 * are sent to be lost, and don't count.
 *
 * @module
 */

/** Probes remembered: more than are sent on all paths from the first doubt of one to the change to another. */
const PROBES_MAX = 128;

/** What had been sent, and received by the peer, at one moment. */
export interface LossMark {
  readonly sent: number;
  /** Modulo 2^32. */
  readonly received: number;
}

/** Follows what one peer receives. */
export class PathLoss {
  /** Probes sent, by id, in the order of sending. */
  readonly #probes = new Map<number, { readonly messagesSent: number; isAnswered: boolean }>();
  #latest: LossMark | undefined;

  /** The latest pair, or `undefined` before the first answer. */
  get latest(): LossMark | undefined {
    return this.#latest;
  }

  /** To be called when a probe is sent. @param messagesSent Messages sent to the peer so far, this probe not among them. */
  onProbe(id: number, messagesSent: number): void {
    this.#probes.set(id, { messagesSent, isAnswered: false });
    for (const oldest of this.#probes.keys()) {
      if (this.#probes.size <= PROBES_MAX) break;
      this.#probes.delete(oldest);
    }
  }

  /** To be called when a probe is answered. @param received Messages that the peer has accepted, modulo 2^32. */
  onReply(id: number, received: number): void {
    const probe = this.#probes.get(id);
    if (probe === undefined) return;
    probe.isAnswered = true;
    const sent = probe.messagesSent;
    if (this.#latest === undefined || sent >= this.#latest.sent) this.#latest = { sent, received };
  }

  /** Returns how many messages were lost since a mark; 0 if nothing is known. */
  lostSince(mark: LossMark | undefined): number {
    const latest = this.#latest;
    if (mark === undefined || latest === undefined) return 0;
    const missing = latest.sent - mark.sent - ((latest.received - mark.received) >>> 0);
    return Math.max(0, missing - this.#probesLostBetween(mark.sent, latest.sent));
  }

  /** Counts the probes without an answer that were sent between two counts of messages. */
  #probesLostBetween(fromSent: number, toSent: number): number {
    let count = 0;
    for (const { messagesSent, isAnswered } of this.#probes.values()) {
      if (!isAnswered && messagesSent >= fromSent && messagesSent < toSent) count++;
    }
    return count;
  }
}
