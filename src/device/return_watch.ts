/**
 * Notices that a peer's address goes back and forth: two hosts run with one private key, as when a file was copied to
 * another host and nothing in it changed. A node that moves, or whose translator forgets it, leaves an address for good.
 *
 * @module
 */

import { sameRemote } from "../base/endpoint.ts";

/** So many returns within {@linkcode RETURN_WINDOW_MS} are no accident. */
export const RETURNS_MIN = 3;
export const RETURN_WINDOW_MS = 60_000;

/** What is known of one path. */
interface Moves {
  /** Record of 12 words: the address left last. */
  left: Uint32Array;
  returns: number;
  firstReturnMs: number;
}

/** Watches the paths of all peers. */
export class ReturnWatch {
  readonly #moves = new Map<number, Moves>();

  /**
   * A path leads elsewhere from now on.
   *
   * @param path Number of the path among those of all peers.
   * @param from Record of 12 words; kept.
   * @param to Record of 12 words.
   * @returns Whether the two have taken turns too often.
   */
  handleMove(path: number, from: Uint32Array, to: Uint32Array, nowMs: number): boolean {
    const moves = this.#moves.get(path);
    if (moves === undefined || !sameRemote(moves.left, 0, to, 0)) {
      this.#moves.set(path, { left: from, returns: 0, firstReturnMs: -Infinity });
      return false;
    }
    moves.left = from;
    if (nowMs - moves.firstReturnMs > RETURN_WINDOW_MS) {
      moves.returns = 0;
      moves.firstReturnMs = nowMs;
    }
    moves.returns++;
    return moves.returns >= RETURNS_MIN;
  }
}
