/**
 * A priority queue of nodes, least increase first: a binary heap.
 *
 * A node may be in it several times; who pops tells the entries that have been overtaken by the increase.
 *
 * @module
 */

/** Nodes by the increase of their distance. */
export class IncreaseQueue {
  readonly #increases: number[] = [];
  readonly #nodes: number[] = [];
  /** The increase of the node that {@linkcode pop} returned last. */
  poppedIncrease = 0;

  /** Count of entries. */
  get size(): number {
    return this.#nodes.length;
  }

  /** Puts a node in. */
  push(increase: number, node: number): void {
    let at = this.#nodes.length;
    this.#increases.push(increase);
    this.#nodes.push(node);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#increases[parent] <= increase) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(increase, node, at);
  }

  /** Takes out the node of the least increase; -1 if there is none. */
  pop(): number {
    const node = this.#nodes[0] ?? -1;
    if (node < 0) return node;
    this.poppedIncrease = this.#increases[0];
    const increase = this.#increases.pop() ?? 0;
    const last = this.#nodes.pop() ?? -1;
    if (this.#nodes.length > 0) this.#sink(increase, last);
    return node;
  }

  /** Puts an entry at the top and lets it sink to its place. */
  #sink(increase: number, node: number): void {
    const count = this.#nodes.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && this.#increases[child + 1] < this.#increases[child]) child++;
      if (this.#increases[child] >= increase) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(increase, node, at);
  }

  #move(from: number, to: number): void {
    this.#put(this.#increases[from], this.#nodes[from], to);
  }

  #put(increase: number, node: number, at: number): void {
    this.#increases[at] = increase;
    this.#nodes[at] = node;
  }
}
