/**
 * A ring of fixed slots in shared memory: one thread puts, another takes, nobody waits.
 *
 * Memory never grows: when the ring is full the producer is told, and drops and counts.
 *
 * @module
 */

/** Word of the producer's position. */
const HEAD = 0;
/** Word of the consumer's position, a cache line apart from the producer's. */
const TAIL = 16;
/** Words before the first slot. */
const RING_HEADER_WORDS = 32;

/** A single-producer, single-consumer ring. */
export class Ring {
  /** The memory, for the other thread. */
  readonly buffer: SharedArrayBuffer;
  readonly slotLen: number;
  /** All slots; slot `n` begins at `slotAt(n)`. */
  readonly octets: Uint8Array;
  /** The same memory in words; a slot begins at a multiple of four octets. */
  readonly words: Uint32Array;
  /** The same memory, for unaligned and 64-bit access. */
  readonly view: DataView;
  readonly #control: Int32Array;
  readonly #mask: number;

  /**
   * @param buffer Memory of {@linkcode ringBufferLength} octets; zeroed memory is an empty ring.
   * @param slotLen Octets of a slot, a multiple of 8.
   * @param slotCount A power of two.
   */
  constructor(buffer: SharedArrayBuffer, slotLen: number, slotCount: number) {
    this.buffer = buffer;
    this.slotLen = slotLen;
    this.octets = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.view = new DataView(buffer);
    this.#control = new Int32Array(buffer, 0, RING_HEADER_WORDS);
    this.#mask = slotCount - 1;
  }

  #slotAt(position: number): number {
    return RING_HEADER_WORDS * 4 + (position & this.#mask) * this.slotLen;
  }

  /** Slots that are filled. */
  get size(): number {
    return (Atomics.load(this.#control, HEAD) - Atomics.load(this.#control, TAIL)) | 0;
  }

  /** Producer: returns the octet offset of the slot to fill, or −1 if the ring is full. */
  beginPut(): number {
    const head = this.#control[HEAD];
    if (((head - Atomics.load(this.#control, TAIL)) | 0) > this.#mask) return -1;
    return this.#slotAt(head);
  }

  /** Producer: hands over the slot of the last {@linkcode beginPut}. */
  endPut(): void {
    Atomics.store(this.#control, HEAD, (this.#control[HEAD] + 1) | 0);
  }

  /** Consumer: returns the octet offset of the oldest filled slot, or −1 if there is none. */
  beginTake(): number {
    const tail = this.#control[TAIL];
    if (tail === Atomics.load(this.#control, HEAD)) return -1;
    return this.#slotAt(tail);
  }

  /** Consumer: returns the octet offset of the filled slot that is `places` behind the oldest; less than {@linkcode size}. */
  peek(places: number): number {
    return this.#slotAt(this.#control[TAIL] + places);
  }

  /** Consumer: frees the slot of the last {@linkcode beginTake}; its octets may be overwritten from now on. */
  endTake(): void {
    Atomics.store(this.#control, TAIL, (this.#control[TAIL] + 1) | 0);
  }
}

/** Octets of memory that a ring needs. */
export function ringBufferLength(slotLen: number, slotCount: number): number {
  return RING_HEADER_WORDS * 4 + slotLen * slotCount;
}
