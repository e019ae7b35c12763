/**
 * A thread that puts numbers into a ring; see `ring_test.ts`.
 *
 * @module
 */

import { Ring } from "../../src/base/ring.ts";

/** What the thread is told. */
export interface RingTask {
  readonly buffer: SharedArrayBuffer;
  readonly slotLen: number;
  readonly slotCount: number;
  /** How many numbers to put, from 0. */
  readonly total: number;
}

const scope = self as unknown as {
  onmessage: (message: MessageEvent<RingTask>) => void;
  postMessage(message: string): void;
};

scope.onmessage = ({ data: { buffer, slotLen, slotCount, total } }) => {
  const ring = new Ring(buffer, slotLen, slotCount);
  for (let value = 0; value < total;) {
    const at = ring.beginPut();
    if (at < 0) continue;
    ring.octets.fill(value & 0xff, at, at + slotLen);
    ring.view.setUint32(at, value++, true);
    ring.endPut();
  }
  scope.postMessage("done");
};
