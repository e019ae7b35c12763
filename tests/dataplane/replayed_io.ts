/**
 * A tap and a bind that allocate nothing: they give out one prepared burst again and again, and swallow what they are given.
 *
 * @module
 */

import { PathKind, transportOf } from "../../src/base/path_kind.ts";
import { type Bind, DATAGRAM_SLOT_LEN, type DatagramBurst } from "../../src/conn/bind.ts";
import { UDP_RUN_DATAGRAMS_MAX, UDP_RUN_LEN_MAX } from "../../src/conn/udp_bind.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { RECEIVED_AT, RECEIVED_ENDPOINT, RECEIVED_WORDS, RUN_WORDS } from "../../src/ffi/symbols.ts";
import { FRAME_HEADROOM, type FrameBurst, type TapDevice } from "../../src/tap/device.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";

/** Gives out its burst of frames at every read. */
export class ReplayedTap implements TapDevice {
  readonly fd = -1;
  framesWritten = 0;
  readonly #frames: readonly Uint8Array[];

  /** @param frames Each with its `virtio_net_hdr` in front. */
  constructor(frames: readonly Uint8Array[]) {
    this.#frames = frames;
  }

  readBurst(burst: FrameBurst): number {
    if (this.#frames.length === 0) return -Errno.EAGAIN;
    let at = 0;
    for (let index = 0; index < this.#frames.length; index++) {
      const frame = this.#frames[index];
      burst.octets.set(frame, at + FRAME_HEADROOM);
      burst.frames[index * 2] = at + FRAME_HEADROOM + VIRTIO_NET_HDR_LEN;
      burst.frames[index * 2 + 1] = frame.length - VIRTIO_NET_HDR_LEN;
      at = (at + FRAME_HEADROOM + frame.length + 47) & ~15;
    }
    return this.#frames.length;
  }

  writeBurst(_heads: Uint8Array, _body: Uint8Array, _frames: Uint32Array, _pieces: Uint32Array, count: number): number {
    this.framesWritten += count;
    return count;
  }

  [Symbol.dispose](): void {}
}

/** A received message: one datagram, or several of one length but the last. */
export interface ReplayedMessage {
  readonly octets: Uint8Array;
  readonly segment: number;
  readonly endpoint: Uint32Array;
}

/** Gives out its burst of messages at every read. */
export class ReplayedBind implements Bind {
  readonly fd = -1;
  readonly transport: number;
  readonly kinds: readonly number[];
  readonly runLenMax = UDP_RUN_LEN_MAX;
  readonly runDatagramsMax = UDP_RUN_DATAGRAMS_MAX;
  datagramsSent = 0;
  readonly #messages: readonly ReplayedMessage[];
  readonly #beforeBurst: () => void;

  /**
   * @param beforeBurst Makes the receiver take the same counters once more.
   * @param kind Path kind to play.
   */
  constructor(messages: readonly ReplayedMessage[], beforeBurst: () => void, kind: number = PathKind.UDP4) {
    this.#messages = messages;
    this.#beforeBurst = beforeBurst;
    this.kinds = [kind];
    this.transport = transportOf(kind);
  }

  service(): number {
    return Infinity;
  }

  receiveBurst(burst: DatagramBurst): number {
    if (this.#messages.length === 0) return -Errno.EAGAIN;
    this.#beforeBurst();
    const { received } = burst;
    for (let index = 0; index < this.#messages.length; index++) {
      const message = this.#messages[index];
      const word = index * RECEIVED_WORDS;
      burst.octets.set(message.octets, index * DATAGRAM_SLOT_LEN);
      received[word] = message.octets.length;
      received[word + 1] = message.segment;
      received[word + 2] = 0;
      received[word + RECEIVED_AT] = index * DATAGRAM_SLOT_LEN;
      received.set(message.endpoint, word + RECEIVED_ENDPOINT);
    }
    return this.#messages.length;
  }

  sendRuns(_octets: Uint8Array, runs: Uint32Array, count: number): number {
    for (let index = 0; index < count; index++) {
      const length = runs[index * RUN_WORDS + 1];
      const segment = runs[index * RUN_WORDS + 2];
      this.datagramsSent += segment === 0 ? 1 : Math.ceil(length / segment);
      runs[index * RUN_WORDS + 4] = 0;
    }
    return count;
  }

  readErrors(): number {
    return 0;
  }

  waitForRoom(): void {}

  [Symbol.dispose](): void {}
}
