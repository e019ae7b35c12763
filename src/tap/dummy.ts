/**
 * A device without frames, for nodes that only relay (`IType: dummy`).
 *
 * @module
 */

import { Errno } from "../ffi/errno.ts";
import type { TapDevice } from "./device.ts";

/** Frames never come, and go nowhere. */
export class DummyTap implements TapDevice {
  readonly fd = -1;

  readBurst(): number {
    return -Errno.EAGAIN;
  }

  writeBurst(
    _heads: Uint8Array,
    _body: Uint8Array,
    _frames: Uint32Array,
    _pieces: Uint32Array,
    count: number,
  ): number {
    return count;
  }

  [Symbol.dispose](): void {}
}
