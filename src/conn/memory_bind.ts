/**
 * A bind in memory, for tests; where a simulated network plugs in.
 *
 * @module
 */

import { copyEndpoint, ENDPOINT_WORDS } from "../base/endpoint.ts";
import { familyOf, PathKind, transportOf } from "../base/path_kind.ts";
import { Errno } from "../ffi/errno.ts";
import { ERROR_WORDS, ErrorOrigin, RECEIVED_AT, RECEIVED_ENDPOINT, RECEIVED_WORDS, RUN_WORDS } from "../ffi/symbols.ts";
import { type Bind, DATAGRAM_SLOT_LEN, type DatagramBurst, SLOTTED_BURST_MAX } from "./bind.ts";
import { UDP_RUN_DATAGRAMS_MAX, UDP_RUN_LEN_MAX } from "./udp_bind.ts";

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

/** What the network answered to a datagram that it couldn't deliver. */
export interface DeliveryError {
  readonly errno: number;
  /** Where the datagram was sent to. */
  readonly endpoint: Uint32Array;
  /** For `EMSGSIZE`: the MTU. */
  readonly info?: number;
}

/** Datagrams that the owner puts in are received; datagrams that are sent can be taken out. */
export class MemoryBind implements Bind {
  readonly fd = -1;
  readonly transport: number;
  readonly kinds: readonly number[];
  readonly runLenMax = UDP_RUN_LEN_MAX;
  readonly runDatagramsMax = UDP_RUN_DATAGRAMS_MAX;
  /** What was sent, one entry a datagram, runs taken apart. */
  readonly sent: Datagram[] = [];
  /** How often the sender waited for room. */
  waits = 0;
  /** The time it was told last, ms. */
  nowMs = 0;
  /** Decides for each run: 0 lets it through, else it fails with this error number. */
  refuse: (run: MemoryRun) => number = () => 0;
  readonly #waiting: Datagram[] = [];
  readonly #errors: DeliveryError[] = [];

  /** @param kinds Path kinds to play, of one transport; UDP over IPv4 if there are none. */
  constructor(...kinds: number[]) {
    this.kinds = kinds.length === 0 ? [PathKind.UDP4] : kinds;
    this.transport = transportOf(this.kinds[0]);
  }

  /** Datagrams that weren't received yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Queues a datagram to be received. */
  put(datagram: Datagram): void {
    this.#waiting.push(datagram);
  }

  /** Queues an error to be read. */
  putError(error: DeliveryError): void {
    this.#errors.push(error);
  }

  service(nowMs: number): number {
    this.nowMs = nowMs;
    return Infinity;
  }

  receiveBurst(burst: DatagramBurst): number {
    const batch = this.#waiting.splice(0, SLOTTED_BURST_MAX);
    batch.forEach(({ octets, endpoint, segment }, index) => {
      const at = index * RECEIVED_WORDS;
      burst.octets.set(octets.subarray(0, DATAGRAM_SLOT_LEN), index * DATAGRAM_SLOT_LEN);
      burst.received[at] = Math.min(octets.length, DATAGRAM_SLOT_LEN);
      burst.received[at + 1] = segment ?? burst.received[at];
      burst.received[at + 2] = octets.length > DATAGRAM_SLOT_LEN ? 1 : 0;
      burst.received[at + RECEIVED_AT] = index * DATAGRAM_SLOT_LEN;
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
      const errno: number = isFull ? Errno.EAGAIN : this.#judge({ datagrams, datagramLen, endpoint }, length);
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

  #judge(run: MemoryRun, length: number): number {
    if (!this.kinds.some((kind) => familyOf(kind) === run.endpoint[0])) return Errno.EAFNOSUPPORT;
    return length > this.runLenMax ? Errno.EMSGSIZE : this.refuse(run);
  }

  readErrors(records: Uint32Array): number {
    const batch = this.#errors.splice(0, Math.floor(records.length / ERROR_WORDS));
    batch.forEach(({ errno, endpoint, info = 0 }, index) => {
      const at = index * ERROR_WORDS;
      records.set([errno, endpoint[0] === 4 ? ErrorOrigin.ICMP : ErrorOrigin.ICMP6, 0, info], at);
      copyEndpoint(endpoint, 0, records, at + RECEIVED_ENDPOINT);
    });
    return batch.length;
  }

  waitForRoom(): void {
    this.waits++;
  }

  [Symbol.dispose](): void {}
}
