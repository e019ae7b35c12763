// No allocation per packet in this file.
/**
 * The replay window: each counter of a session is accepted once, and only if it isn't too far behind.
 *
 * RFC 6479: a ring of words is a bitmap of counters, one bit each. Moving forward clears the words that are entered
 * instead of shifting the whole map. The word that is partly entered costs some of the ring: of 8192 bits 8128 are
 * promised, as in WireGuard (128 blocks of 64 bits, one of them incomplete).
 *
 * The window of a session is a region of {@linkcode REPLAY_WORDS} words in a table that may be shared memory:
 *
 * | word | content |
 * | --- | --- |
 * | 0 | highest counter accepted, lower 32 bits |
 * | 1 | highest counter accepted, upper 32 bits |
 * | 2–257 | bitmap: counter *c* is bit *c* mod 32 of word *c* / 32 mod 256 |
 *
 * Nothing here is atomic: whoever lets several threads receive for one session holds a lock around the call.
 *
 * Source: RFC 6479 §3; `wire.md` §3.3; wireguard-go, `replay/replay.go`. The slow twin is `tests/reference/replay.ts`.
 *
 * @module
 */

/** Words of the bitmap; a power of two. */
const BITMAP_WORDS = 256;
/** Words of a window: the highest counter in two halves, then the bitmap. */
export const REPLAY_WORDS = 2 + BITMAP_WORDS;
/** Bits in the bitmap. */
export const REPLAY_BITS = BITMAP_WORDS * 32;
/** How far behind the highest counter one is still accepted: all blocks of 64 but the incomplete one. */
export const REPLAY_WINDOW = REPLAY_BITS - 64;

const HIGHEST_LOW = 0;
const HIGHEST_HIGH = 1;
const BITMAP = 2;

/**
 * Empties a window, for a session whose counters begin at 0.
 *
 * @param words Table that holds the window.
 * @param at Index of the window's first word.
 */
export function replayReset(words: Uint32Array, at: number): void {
  words.fill(0, at, at + REPLAY_WORDS);
}

/**
 * Accepts a counter unless it was accepted before or lies more than {@linkcode REPLAY_WINDOW} behind the highest.
 *
 * To be called after the tag was found good, never before: otherwise a forged datagram could move the window away from
 * the peer's real counters.
 *
 * @param words Table that holds the window.
 * @param at Index of the window's first word.
 * @param counterLow Lower 32 bits of the counter, 0 to 2^32 − 1.
 * @param counterHigh Upper 32 bits, 0 to 2^21 − 1: the caller has refused counters of 2^53 and above.
 * @returns Whether the message may be used; the counter is then marked as seen.
 */
export function acceptCounter(words: Uint32Array, at: number, counterLow: number, counterHigh: number): boolean {
  const highestLow = words[at + HIGHEST_LOW];
  // Exact: both counters are below 2^53, and so are all partial results.
  const ahead = (counterHigh - words[at + HIGHEST_HIGH]) * 2 ** 32 + (counterLow - highestLow);
  if (ahead > 0) {
    clearEntered(words, at, highestLow, counterLow, ahead);
    words[at + HIGHEST_LOW] = counterLow;
    words[at + HIGHEST_HIGH] = counterHigh;
  } else if (ahead < -REPLAY_WINDOW) {
    return false;
  }

  const word = at + BITMAP + ((counterLow >>> 5) & (BITMAP_WORDS - 1));
  const before = words[word] | 0;
  const after = before | (1 << (counterLow & 31));
  words[word] = after;
  return before !== after;
}

/** Clears the words that the window enters when its highest counter grows by `ahead`. */
function clearEntered(words: Uint32Array, at: number, highestLow: number, counterLow: number, ahead: number): void {
  const first = highestLow >>> 5;
  // Below one turn of the ring at most 256 words are entered, so that the lower halves suffice, even if they wrapped.
  const entered = ahead >= REPLAY_BITS ? BITMAP_WORDS : ((counterLow >>> 5) - first) & (2 * BITMAP_WORDS - 1);
  for (let step = 1; step <= entered; step++) words[at + BITMAP + ((first + step) & (BITMAP_WORDS - 1))] = 0;
}
