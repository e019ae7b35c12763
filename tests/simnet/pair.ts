/**
 * Two nodes that know each other, and what tests of them repeat.
 *
 * @module
 */

import { Reason } from "../../src/base/reason.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { type LinkConditions, SimNetwork } from "./network.ts";
import { SimNode, type SimNodeOptions, type SimPeerOptions } from "./node.ts";

export const ADDRESS_A = { ip: "20.0.0.1", port: 3001 };
export const ADDRESS_B = { ip: "20.0.0.2", port: 3002 };

/** How a pair differs from two ordinary nodes on perfect links that have each other's address. */
export interface PairOptions {
  readonly a?: Partial<SimNodeOptions>;
  readonly b?: Partial<SimNodeOptions>;
  /** What A knows of B, and the other way round. */
  readonly aKnows?: Partial<SimPeerOptions>;
  readonly bKnows?: Partial<SimPeerOptions>;
  /** B has no address of A and waits. */
  readonly bWaits?: boolean;
  readonly link?: Partial<LinkConditions>;
}

/** Two nodes; `aRow` is B's row at A, `bRow` is A's row at B. */
export interface Pair {
  readonly network: SimNetwork;
  readonly a: SimNode;
  readonly b: SimNode;
  readonly aRow: number;
  readonly bRow: number;
}

/** Makes a pair. */
export function createPair(seed: number, options: PairOptions = {}): Pair {
  const network = new SimNetwork(seed);
  const { link } = options;
  const a = new SimNode(network, 1, { address: ADDRESS_A, link, ...options.a });
  const b = new SimNode(network, 2, { address: ADDRESS_B, link, ...options.b });
  const aRow = a.addPeer(b, { address: ADDRESS_B, ...options.aKnows });
  const bRow = b.addPeer(a, { address: options.bWaits ? undefined : ADDRESS_A, ...options.bKnows });
  return { network, a, b, aRow, bRow };
}

/** Sends from A to B, waits until it has arrived, and fails if it doesn't within a second. */
export function connect({ network, a, b, aRow }: Pair): void {
  a.send(aRow, "hello");
  if (!network.runUntilHolds(() => b.received.includes("hello"), 1_000)) throw new Error("A and B don't connect");
  network.run(100);
}

/** Counts the datagrams of a type that enter the Internet from now on. */
export function countSent(network: SimNetwork, type: number): () => number {
  const before = network.onTransit;
  let count = 0;
  network.onTransit = (datagram) => {
    before(datagram);
    if (datagram.octets[0] === type) count++;
  };
  return () => count;
}

/** Counts initiations from now on. */
export function countInitiations(network: SimNetwork): () => number {
  return countSent(network, MessageType.INITIATION);
}

/** Runs a test with each of the seeds 1 to `count`; a failure names the seed. */
export function forSeeds(count: number, test: (seed: number) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      test(seed);
    } catch (cause) {
      throw new Error(`Fails with seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}

/** Calls a function every `intervalMs`, `count` times, the first time now. */
export function repeat(network: SimNetwork, count: number, intervalMs: number, action: (index: number) => void): void {
  for (let index = 0; index < count; index++) network.at(network.nowMs + index * intervalMs, () => action(index));
}

/** All counts of a node that are not 0, by the name of the reason. */
export function dropsOf(node: SimNode): Record<string, number> {
  return Object.fromEntries(
    Object.entries(Reason).map(([name, reason]) => [name, node.dropped(reason)] as const).filter(([, count]) =>
      count > 0
    ),
  );
}
