/**
 * Measures how many bytes a function allocates, to prove that the data plane allocates none.
 *
 * V8 has two figures, and neither is enough alone. The running total of allocated bytes only grows, but counts the unused
 * rest of an allocation buffer with each reading, up to 256 KiB. The used heap is exact to the byte until a garbage
 * collection takes an unknown part of it away. A collection in a round that allocated little makes the used heap shrink, so
 * such a round is recognised; a round that allocated much is measured well enough by the total.
 *
 * @module
 */
import { getHeapStatistics } from "node:v8";

/** Calls before the first measurement, so that V8 has compiled the function with all its optimisations. */
const WARM_UP_CALLS = 10_000;
const ROUNDS = 8;
/** A round that allocated less, by the running total, can't have filled V8's young generation of 1 MiB by itself. */
const LITTLE_BYTES = 512 * 1024;

/**
 * Returns the bytes that one call of `burst` allocates on V8's heap, on average over the best of several rounds; others
 * may be disturbed by the compiler, which works in the background.
 *
 * @param burst What to measure. What it allocates must escape, or V8 may optimise the allocation away. A number beyond
 * V8's small integers that is stored in a variable counts too: it is an object.
 * @param calls How often it is called per round.
 */
export function allocatedPerCall(burst: () => void, calls = 10_000): number {
  for (let call = 0; call < WARM_UP_CALLS; call++) burst();
  // A round without calls costs what the readings themselves do.
  const own = leastOfRounds(burst, 0);
  return Math.max(0, leastOfRounds(burst, calls) - own) / calls;
}

function leastOfRounds(burst: () => void, calls: number): number {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) least = Math.min(least, allocatedInRound(burst, calls));
  return least;
}

function allocatedInRound(burst: () => void, calls: number): number {
  const before = readHeap();
  for (let call = 0; call < calls; call++) burst();
  const after = readHeap();
  const total = after.total_allocated_bytes - before.total_allocated_bytes;
  const used = after.used_heap_size - before.used_heap_size;
  return total < LITTLE_BYTES && used >= 0 ? used : total;
}

/** Reads the statistics; the types of node:v8 that Deno brings lack one of the figures. */
function readHeap(): { readonly total_allocated_bytes: number; readonly used_heap_size: number } {
  return getHeapStatistics() as ReturnType<typeof getHeapStatistics> & { readonly total_allocated_bytes: number };
}
