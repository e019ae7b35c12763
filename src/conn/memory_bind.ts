/**
 * A bind in memory, for tests; where a simulated network plugs in.
 *
 * @module
 */

import { copyEndpoint, ENDPOINT_WORDS } from "../base/endpoint.ts";
import { Errno } from "../ffi/errno.ts";
import { RECEIVED_ENDPOINT, RECEIVED_WORDS, RUN_WORDS } from "../ffi/symbols.ts";
import { type Bind, DATAGRAM_BURST_MAX, DATAGRAM_SLOT_LEN, type DatagramBurst, RUN_LEN_MAX } from "./bind.ts";

/** A datagram on its way, with the endpoint that it came from or goes to. */
export interface Datagram {
  readonly octets: Uint8Array;
  readonly endpoint: Uint32Array;
  /** Where the kernel has merged several to one message: length of each. */
  readonly segment?: number;
}

/** A run that is about to be sent. */
export interface MemoryRun {
  readonly datagrams: number;
  /** Octets of each datagram; the last may have fewer. */
  readonly datagramLen: number;
  readonly endpoint: Uint32Array;
}

/** Datagrams that the owner puts in are received; datagrams that are sent can be taken out. */
export class MemoryBind implements Bind {
  readonly fd = -1;
  readonly family: number;
  /** What was sent, one entry a datagram, runs taken apart. */
  readonly sent: Datagram[] = [];
  /** How often the sender waited for room. */
  waits = 0;
  /** Decides for each run: 0 lets it through, else it fails with this error number. */
  refuse: (run: MemoryRun) => number = () => 0;
  readonly #waiting: Datagram[] = [];

  constructor(family = 4) {
    this.family = family;
  }

  /** Datagrams that weren't received yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Queues a datagram to be received. */
  put(datagram: Datagram): void {
    this.#waiting.push(datagram);
  }

  receiveBurst(burst: DatagramBurst): number {
    const batch = this.#waiting.splice(0, DATAGRAM_BURST_MAX);
    batch.forEach(({ octets, endpoint, segment }, index) => {
      const at = index * RECEIVED_WORDS;
      burst.octets.set(octets.subarray(0, DATAGRAM_SLOT_LEN), index * DATAGRAM_SLOT_LEN);
      burst.received[at] = Math.min(octets.length, DATAGRAM_SLOT_LEN);
      burst.received[at + 1] = segment ?? burst.received[at];
      burst.received[at + 2] = octets.length > DATAGRAM_SLOT_LEN ? 1 : 0;
      copyEndpoint(endpoint, 0, burst.received, at + RECEIVED_ENDPOINT);
    });
    return batch.length === 0 ? -Errno.EAGAIN : batch.length;
  }

  sendRuns(octets: Uint8Array, runs: Uint32Array, count: number, endpoints: Uint32Array): number {
    let sent = 0;
    let isFull = false;
    for (let index = 0; index < count; index++) {
      const [at, length, segment, endpointIndex] = runs.subarray(index * RUN_WORDS, index * RUN_WORDS + 4);
      const endpoint = endpoints.slice(endpointIndex * ENDPOINT_WORDS, (endpointIndex + 1) * ENDPOINT_WORDS);
      const datagramLen = segment === 0 ? length : segment;
      const datagrams = length === 0 ? 1 : Math.ceil(length / datagramLen);
      const errno: number = isFull ? Errno.EAGAIN : this.#judge({ datagrams, datagramLen, endpoint });
      isFull = errno === Errno.EAGAIN;
      runs[index * RUN_WORDS + 4] = errno;
      if (errno !== 0) continue;
      sent++;
      for (let datagram = 0; datagram < datagrams; datagram++) {
        const start = at + datagram * datagramLen;
        this.sent.push({ octets: octets.slice(start, Math.min(start + datagramLen, at + length)), endpoint });
      }
    }
    return sent;
  }

  #judge(run: MemoryRun): number {
    if (run.endpoint[0] !== this.family) return Errno.EAFNOSUPPORT;
    return run.datagrams * run.datagramLen > RUN_LEN_MAX ? Errno.EMSGSIZE : this.refuse(run);
  }

  waitForRoom(): void {
    this.waits++;
  }

  [Symbol.dispose](): void {}
}
