// No allocation per packet in this file.
/**
 * Frames that wait for a session: at most 128 a peer, the oldest gives way (`wire.md` §3.5).
 *
 * All peers share one pool of slots, so that memory is bounded whatever the number of peers. A peer's frames are a linked
 * list through the pool.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { type LaneContext } from "./lane_context.ts";
import { type Sealer } from "./seal.ts";
import { NO_ROW } from "./tables.ts";

/** Frames that may wait for one peer. */
const STAGED_PER_PEER = 128;
/** Octets of the pool. */
const POOL_LEN = 2 << 20;
/** What a slot holds besides a frame of the MTU: Ethernet header, two VLAN tags, rounding. */
const SLOT_EXTRA = 64;

/** The waiting frames of one lane. */
export class Staging {
  /** Frames that wait, for all peers. */
  count = 0;
  readonly #context: LaneContext;
  readonly #slotLen: number;
  readonly #pool: Uint8Array<ArrayBuffer>;
  /** Next slot of the same peer, or of the free list. */
  readonly #next: Int32Array;
  readonly #length: Uint32Array;
  readonly #typeAndTtl: Uint16Array;
  readonly #destination: Uint16Array;
  readonly #source: Uint16Array;
  readonly #csumStart: Uint32Array;
  readonly #csumOffset: Uint32Array;
  #free = 0;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #perPeer: Uint16Array;
  readonly #epoch: Int32Array;

  /** @param mtu Of the tap, in octets: the size of a slot follows from it. */
  constructor(context: LaneContext, mtu: number) {
    this.#context = context;
    this.#slotLen = (mtu + SLOT_EXTRA + 15) & ~15;
    const slots = Math.max(STAGED_PER_PEER, Math.floor(POOL_LEN / this.#slotLen));
    this.#pool = new Uint8Array(slots * this.#slotLen);
    this.#next = Int32Array.from({ length: slots }, (_, slot) => (slot + 1 < slots ? slot + 1 : NO_ROW));
    this.#length = new Uint32Array(slots);
    this.#typeAndTtl = new Uint16Array(slots);
    this.#destination = new Uint16Array(slots);
    this.#source = new Uint16Array(slots);
    this.#csumStart = new Uint32Array(slots);
    this.#csumOffset = new Uint32Array(slots);
    const peers = context.tables.shape.peerCapacity;
    this.#first = new Int32Array(peers).fill(NO_ROW);
    this.#last = new Int32Array(peers).fill(NO_ROW);
    this.#perPeer = new Uint16Array(peers);
    this.#epoch = new Int32Array(peers);
  }

  /** Copies a frame to wait for a session of the peer; arguments as in {@linkcode Sealer.add}. */
  put(
    peerRow: number,
    type: number,
    ttl: number,
    destination: number,
    source: number,
    headers: Uint8Array,
    headerAt: number,
    headerLen: number,
    octets: Uint8Array,
    payloadAt: number,
    payloadLen: number,
    csumStart: number,
    csumOffset: number,
  ): void {
    const context = this.#context;
    if (headerLen + payloadLen > this.#slotLen) return context.drop(Reason.FRAME_OVERSIZED);
    const epoch = Atomics.load(context.tables.peerStagedEpoch, peerRow);
    if (epoch !== this.#epoch[peerRow]) {
      this.#expire(peerRow);
      this.#epoch[peerRow] = epoch;
    }
    if (this.#perPeer[peerRow] === STAGED_PER_PEER) {
      this.#release(peerRow);
      context.drop(Reason.STAGED_OVERFLOW);
    }
    const slot = this.#free;
    if (slot === NO_ROW) return context.drop(Reason.STAGED_OVERFLOW);
    this.#free = this.#next[slot];
    this.#next[slot] = NO_ROW;
    if (this.#perPeer[peerRow] === 0) this.#first[peerRow] = slot;
    else this.#next[this.#last[peerRow]] = slot;
    this.#last[peerRow] = slot;
    this.#perPeer[peerRow]++;
    this.count++;

    const at = slot * this.#slotLen;
    for (let index = 0; index < headerLen; index++) this.#pool[at + index] = headers[headerAt + index];
    for (let index = 0; index < payloadLen; index++) this.#pool[at + headerLen + index] = octets[payloadAt + index];
    this.#length[slot] = headerLen + payloadLen;
    this.#typeAndTtl[slot] = (type << 8) | ttl;
    this.#destination[slot] = destination;
    this.#source[slot] = source;
    this.#csumStart[slot] = csumStart;
    this.#csumOffset[slot] = csumOffset;
  }

  /** Sends what waits for peers that have a session by now, and drops what waits for those that were given up. */
  flush(sealer: Sealer): void {
    if (this.count === 0) return;
    const { tables } = this.#context;
    for (let peerRow = 0; peerRow < this.#perPeer.length; peerRow++) {
      if (this.#perPeer[peerRow] === 0) continue;
      if (Atomics.load(tables.peerStagedEpoch, peerRow) !== this.#epoch[peerRow]) this.#expire(peerRow);
      else if (Atomics.load(tables.peerCurrentSession, peerRow) !== NO_ROW) this.#sendAll(peerRow, sealer);
    }
  }

  /** Drops what waits for a peer that was given up. */
  #expire(peerRow: number): void {
    this.#context.drop(Reason.STAGED_EXPIRED, this.#perPeer[peerRow]);
    while (this.#perPeer[peerRow] > 0) this.#release(peerRow);
  }

  #sendAll(peerRow: number, sealer: Sealer): void {
    const context = this.#context;
    const session = context.sessionToSend(peerRow);
    if (session === NO_ROW || context.refreshPaths(peerRow) === 0) return;
    sealer.begin(this.#pool, this.#pool);
    let counter = sealer.reserve(session, this.#perPeer[peerRow]);
    if (counter < 0) return;
    while (this.#perPeer[peerRow] > 0) {
      const slot = this.#first[peerRow];
      sealer.add(
        peerRow,
        session,
        counter++,
        this.#typeAndTtl[slot] >> 8,
        this.#typeAndTtl[slot] & 0xff,
        this.#destination[slot],
        this.#source[slot],
        0,
        0,
        slot * this.#slotLen,
        this.#length[slot],
        this.#csumStart[slot],
        this.#csumOffset[slot],
      );
      this.#release(peerRow);
    }
    // The slots just freed are overwritten by the next put.
    sealer.flush();
  }

  /** Frees the oldest slot of a peer. */
  #release(peerRow: number): void {
    const slot = this.#first[peerRow];
    this.#first[peerRow] = this.#next[slot];
    this.#next[slot] = this.#free;
    this.#free = slot;
    this.#perPeer[peerRow]--;
    this.count--;
  }
}
