/**
 * What the device wants done: datagrams to send, and events for its owner.
 *
 * @module
 */

import { copyEndpoint, ENDPOINT_WORDS } from "../base/endpoint.ts";

/** Datagrams that wait at most. More only come of a flood of handshakes, and then the rest may be lost. */
export const OUTBOX_CAPACITY = 1024;
/** Longest datagram that the control thread sends, in octets. */
export const TRANSMIT_MAX = 65_535;

/** One datagram to be sent. The caller owns the record and brings the same one each time. */
export interface Transmit {
  /** Where to: a record of 12 words, see `base/endpoint.ts`. */
  readonly endpoint: Uint32Array;
  /** Room for {@linkcode TRANSMIT_MAX} octets; the datagram begins at 0. */
  readonly octets: Uint8Array;
  /** Octets of the datagram. */
  length: number;
  /** The peer it is for, or −1 for a cookie reply to a stranger. */
  peerRow: number;
  /** Kind of the path that it is for. */
  path: number;
}

/** Something that the owner should know or do. */
export type DeviceEvent =
  /**
   * There is a session to send with. `renewed` tells that it replaces one that was still good; what completed its handshake
   * came on `path`.
   */
  | { readonly kind: "session established"; readonly peerRow: number; readonly renewed: boolean; readonly path: number }
  /** An initiation was sent; `attempts` counts from 1 since the handshake began. */
  | { readonly kind: "initiation sent"; readonly peerRow: number; readonly attempts: number }
  /** The peer didn't answer; what waited for the session is dropped. */
  | { readonly kind: "handshake given up"; readonly peerRow: number }
  /** The peer is reached at another address now, on this path. */
  | { readonly kind: "endpoint changed"; readonly peerRow: number; readonly path: number }
  /** Something authentic of the peer came on a FakeTCP connection that isn't recorded as its path. */
  | {
    readonly kind: "connection used";
    readonly peerRow: number;
    readonly path: number;
    readonly endpoint: Uint32Array;
  }
  /** Lanes should look at the tables: they may hold frames that can go now. */
  | { readonly kind: "wake lanes" };

interface QueuedDatagram {
  readonly endpoint: Uint32Array;
  readonly datagram: Uint8Array;
  readonly peerRow: number;
  readonly path: number;
}

/** Makes a record for {@linkcode Outbox.pollTransmit}. */
export function createTransmit(): Transmit {
  return {
    endpoint: new Uint32Array(ENDPOINT_WORDS),
    octets: new Uint8Array(TRANSMIT_MAX),
    length: 0,
    peerRow: -1,
    path: -1,
  };
}

/** Queues of datagrams and events. */
export class Outbox {
  readonly #datagrams: QueuedDatagram[] = [];
  readonly #events: DeviceEvent[] = [];
  #wakesLanes = false;

  /** Tells whether anything waits to be polled. */
  get isEmpty(): boolean {
    return this.#datagrams.length === 0 && this.#events.length === 0 && !this.#wakesLanes;
  }

  /**
   * Queues a datagram.
   *
   * @param endpoint Words that hold the destination at `endpointAt`; copied.
   * @param datagram Kept, not copied.
   * @param path Kind of the path.
   * @returns Whether there was room.
   */
  send(endpoint: Uint32Array, endpointAt: number, datagram: Uint8Array, peerRow: number, path: number): boolean {
    if (this.#datagrams.length >= OUTBOX_CAPACITY) return false;
    this.#datagrams.push({
      endpoint: endpoint.slice(endpointAt, endpointAt + ENDPOINT_WORDS),
      datagram,
      peerRow,
      path,
    });
    return true;
  }

  /** Queues an event. */
  report(event: DeviceEvent): void {
    this.#events.push(event);
  }

  /** Asks that the lanes be woken; several requests become one event. */
  wakeLanes(): void {
    this.#wakesLanes = true;
  }

  /** Copies the oldest datagram into `out` and tells whether there was one. */
  pollTransmit(out: Transmit): boolean {
    const next = this.#datagrams.shift();
    if (next === undefined) return false;
    copyEndpoint(next.endpoint, 0, out.endpoint, 0);
    out.octets.set(next.datagram);
    out.length = next.datagram.length;
    out.peerRow = next.peerRow;
    out.path = next.path;
    return true;
  }

  /** Returns the oldest event, or `undefined`. */
  pollEvent(): DeviceEvent | undefined {
    const next = this.#events.shift();
    if (next !== undefined) return next;
    if (!this.#wakesLanes) return undefined;
    this.#wakesLanes = false;
    return { kind: "wake lanes" };
  }
}
