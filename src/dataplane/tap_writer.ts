// No allocation per packet in this file.
/**
 * The way to the tap: learns where addresses live, merges frames, and writes them in one call.
 *
 * @module
 */

import { type NodeId } from "../base/node_id.ts";
import { Reason } from "../base/reason.ts";
import { Errno } from "../ffi/errno.ts";
import { l2fibLearn, l2fibRefresh } from "../route/l2fib.ts";
import { type TapDevice } from "../tap/device.ts";
import { ETHERNET_SOURCE, isGroupAddress } from "../wire/ethernet.ts";
import { type LaneContext } from "./lane_context.ts";
import { acquireLock, releaseLock } from "./lock.ts";
import { FrameMerger } from "./merge.ts";
import { L2FIB_ENTRIES, Setting } from "./tables.ts";
import { WriteList } from "./write_list.ts";

/** Frames between two writes. */
const FRAMES_MAX = 1024;
/** Position of the tap in a lane's poll set. */
const TAP = 0;

/** Frames on their way to the tap, for one lane. */
export class TapWriter {
  readonly #context: LaneContext;
  readonly #tap: TapDevice;
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #l2fibSeed: number;
  readonly #list = new WriteList(FRAMES_MAX);
  readonly #results = new Int32Array(FRAMES_MAX);
  readonly #merger: FrameMerger;
  #lastMacHigh = -1;
  #lastMacLow = -1;
  #lastNode = -1;
  #lastSeconds = 0;

  /**
   * @param octets The buffer that all frames lie in.
   * @param mergeUdp Whether the tap takes merged UDP.
   */
  constructor(context: LaneContext, tap: TapDevice, octets: Uint8Array, l2fibSeed: number, mergeUdp: boolean) {
    this.#context = context;
    this.#tap = tap;
    this.#octets = octets;
    this.#view = new DataView(octets.buffer);
    this.#l2fibSeed = l2fibSeed;
    this.#merger = new FrameMerger(octets, this.#list, { mergeUdp });
  }

  /**
   * Takes a frame for the local host; it lies in the buffer until the next {@linkcode flush}.
   *
   * @param sum One's complement sum of the frame.
   * @param source Node that sent it.
   */
  push(frameAt: number, frameLen: number, sum: number, source: NodeId): void {
    this.#learn(frameAt, source);
    if (this.#merger.push(frameAt, frameLen, sum)) return;
    this.flush();
    this.#merger.push(frameAt, frameLen, sum);
  }

  /** Writes what was taken. */
  flush(): void {
    const list = this.#list;
    this.#merger.flush();
    if (list.count === 0) return;
    const { heads, frames, pieces, count } = list;
    if (this.#tap.writeBurst(heads, this.#octets, frames, pieces, count, this.#results) < count) this.#countFailures();
    list.clear();
  }

  #countFailures(): void {
    for (let index = 0; index < this.#list.count; index++) {
      const result = this.#results[index];
      if (result >= 0) continue;
      this.#context.drop(
        result === -Errno.EAGAIN || result === -Errno.ENOBUFS ? Reason.SEND_NO_BUFFERS : Reason.TAP_WRITE,
      );
      if (result === -Errno.EBADFD) this.#context.noteLaneFailure(TAP, Errno.EBADFD);
    }
  }

  /** Notes that the frame's source address lives behind `node`, unless it is a group address. */
  #learn(frameAt: number, node: NodeId): void {
    const context = this.#context;
    const macHigh = this.#view.getUint32(frameAt + ETHERNET_SOURCE);
    const macLow = this.#view.getUint16(frameAt + ETHERNET_SOURCE + 4);
    const seconds = context.nowSeconds;
    // Frames of one host come in runs: most of them stop here.
    if (
      macHigh === this.#lastMacHigh && macLow === this.#lastMacLow && node === this.#lastNode &&
      seconds === this.#lastSeconds
    ) return;
    if (isGroupAddress(this.#view, frameAt + ETHERNET_SOURCE)) return;
    const { l2fib, settings } = context.tables;
    if (!l2fibRefresh(l2fib, L2FIB_ENTRIES, this.#l2fibSeed, macHigh, macLow, node, seconds)) {
      acquireLock(settings, Setting.L2FIB_LOCK);
      l2fibLearn(l2fib, L2FIB_ENTRIES, this.#l2fibSeed, macHigh, macLow, node, seconds);
      releaseLock(settings, Setting.L2FIB_LOCK);
    }
    this.#lastMacHigh = macHigh;
    this.#lastMacLow = macLow;
    this.#lastNode = node;
    this.#lastSeconds = seconds;
  }
}
