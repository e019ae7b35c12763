/**
 * What another thread does between two steps of this one, made to happen at a certain step.
 *
 * @module
 */

/** A word that is read or written atomically. */
export interface AtomicStep {
  readonly column: ArrayLike<number>;
  readonly index: number;
}

/** Runs `act`, and `other` right before it first reads a word by `Atomics.load`. Returns whether that happened. */
export function actBeforeLoad(step: AtomicStep, other: () => void, act: () => void): boolean {
  const { load } = Atomics;
  let happened = false;
  Atomics.load = ((column: Int32Array, index: number) => {
    if (!happened && column === step.column && index === step.index) {
      happened = true;
      other();
    }
    return load(column, index);
  }) as typeof load;
  try {
    act();
  } finally {
    Atomics.load = load;
  }
  return happened;
}

/** Runs `act`, and calls `look` before every word of a column that it writes by `Atomics.store`. Returns how often. */
export function watchStores(column: ArrayLike<number>, look: () => void, act: () => void): number {
  const { store } = Atomics;
  let count = 0;
  Atomics.store = ((written: Int32Array, index: number, value: number) => {
    if (written === column) {
      count++;
      look();
    }
    return store(written, index, value);
  }) as typeof store;
  try {
    act();
  } finally {
    Atomics.store = store;
  }
  return count;
}
