/**
 * Spread messages: control messages that flood to every known neighbour, each once.
 *
 * They are rare and small, so they pass through the control thread, where one filter sees all copies whichever lane they
 * came by. Source: `wire.md` §4.4, `behaviour.md` §1.6 and §1.7.
 *
 * @module
 */

import { type NodeId, SPREAD_NODE_ID } from "../base/node_id.ts";
import { Reason } from "../base/reason.ts";
import type { Device } from "../device/device.ts";
import { crc32c, DUPLICATE_ENTRY_WORDS, isDuplicate } from "../route/duplicate_filter.ts";
import { EG_HEADER_LEN, readDestination, readSource } from "../wire/eg_header.ts";

/** Messages that the filter remembers. */
const FILTER_ENTRIES = 4096;

/** Settings of {@linkcode SpreadRelay}. */
export interface SpreadSettings {
  /** How long a message is remembered; 0 switches the filter off. */
  readonly duplicateTimeoutMs: number;
  /** Whether messages are passed on for others. */
  readonly relays: boolean;
}

/** Passes spread messages on, and tells which of them are new. */
export class SpreadRelay {
  readonly #device: Device;
  readonly #settings: SpreadSettings;
  readonly #seen = new Int32Array(FILTER_ENTRIES * DUPLICATE_ENTRY_WORDS);

  constructor(device: Device, settings: SpreadSettings) {
    this.#device = device;
    this.#settings = settings;
  }

  /**
   * Takes a control message that a lane opened.
   *
   * @param content Inner header and body, padding included.
   * @param ttl Relays left, as it arrived.
   * @param fromPeer Row of the peer that it came from.
   * @returns `NONE` if the message is to be processed here, or the reason for which it ends here.
   */
  handleMessage(content: Uint8Array, type: number, ttl: number, fromPeer: number, nowMs: number): number {
    if (readDestination(content, 0) !== SPREAD_NODE_ID) return Reason.NONE;
    const source = readSource(content, 0);
    const crc = crc32c(content, EG_HEADER_LEN, content.length - EG_HEADER_LEN);
    const { duplicateTimeoutMs, relays } = this.#settings;
    if (isDuplicate(this.#seen, FILTER_ENTRIES, crc, source, type, nowMs, duplicateTimeoutMs)) {
      return Reason.SPREAD_DUPLICATE;
    }
    if (relays && ttl > 0) this.#relay(content, type, ttl - 1, source, fromPeer, nowMs);
    return Reason.NONE;
  }

  #relay(content: Uint8Array, type: number, ttl: number, source: NodeId, fromPeer: number, nowMs: number): void {
    const message = { type, ttl, destination: SPREAD_NODE_ID, source, body: content.subarray(EG_HEADER_LEN) };
    for (const { row, nodeId } of this.#device.reachablePeers()) {
      if (row !== fromPeer && nodeId !== source) this.#device.sendMessage(row, message, nowMs);
    }
  }
}
