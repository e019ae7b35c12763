/**
 * Nodes that exchange documents, joined by links that lose, delay, repeat and throttle: in virtual time.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { type RandomSource, seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import { DocumentExchange } from "../../src/control/document_exchange.ts";
import type { Document, DocumentAnswer } from "../../src/control/documents.ts";
import { TRANSPORT_OVERHEAD_LEN } from "../../src/wire/transport_message.ts";
import { EventQueue } from "../simnet/event_queue.ts";

/** Longest body of a message here: as with an interface of MTU 1404. */
export const BODY_LEN_MAX = 1_300;

/** What a link does to what it carries, each way. */
export interface LinkOptions {
  readonly delayMs?: number;
  /** Additional delay, drawn for each datagram: above the distance of two datagrams it reorders. */
  readonly jitterMs?: number;
  readonly loss?: number;
  readonly duplicates?: number;
  /** 0: not throttled. */
  readonly bitsPerSecond?: number;
  /** Datagrams that wait at the bottleneck at most. */
  readonly queueLen?: number;
}

/** One node. */
export class DocumentNode {
  readonly exchange: DocumentExchange;
  /** Requests that it served, in order. */
  readonly served: { peerRow: number; kind: number; payload: Uint8Array }[] = [];
  /** Messages that it sent. */
  sentCount = 0;
  /** Most fragments that one call of its `handleTimeout` sent. */
  burstMax = 0;
  /** How often each reason came back. */
  readonly reasons = new Map<number, number>();
  answer: (peerRow: number, kind: number, payload: Uint8Array) => DocumentAnswer = () => ({
    status: 404,
    document: undefined,
  });
  readonly #net: DocumentNet;
  readonly #links = new Map<number, (body: Uint8Array) => void>();
  #wakeMs = Infinity;

  constructor(net: DocumentNet, random: RandomSource) {
    this.#net = net;
    this.exchange = new DocumentExchange({
      send: (peerRow, body) => {
        assert.ok(body.length <= BODY_LEN_MAX);
        this.sentCount++;
        const link = this.#links.get(peerRow);
        link?.(body);
        return link !== undefined;
      },
      serve: (peerRow, kind, payload) => {
        this.served.push({ peerRow, kind, payload });
        return this.answer(peerRow, kind, payload);
      },
      random,
      bodyLenMax: BODY_LEN_MAX,
    });
  }

  link(peerRow: number, carry: ((body: Uint8Array) => void) | undefined): void {
    if (carry === undefined) this.#links.delete(peerRow);
    else this.#links.set(peerRow, carry);
  }

  receive(peerRow: number, body: Uint8Array): number {
    const reason = this.exchange.handleMessage(peerRow, contentOf(body), this.#net.nowMs);
    if (reason !== Reason.NONE) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    this.wake();
    return reason;
  }

  /** Asks, and returns a record that will hold the answer. */
  ask(peerRow: number, kind: number, payload: Uint8Array): Asked {
    const asked: Asked = { status: 0, body: undefined, calls: 0, answeredMs: Infinity };
    const isBegun = this.exchange.request(peerRow, kind, payload, this.#net.nowMs, (answer, nowMs) => {
      asked.calls++;
      asked.status = answer?.status ?? -1;
      asked.body = answer?.body;
      asked.answeredMs = nowMs;
    });
    assert.ok(isBegun);
    this.wake();
    return asked;
  }

  /** Sees to it that what is due is done at its time. */
  wake(): void {
    const dueMs = this.exchange.pollTimeout();
    if (dueMs >= this.#wakeMs || dueMs === Infinity) return;
    this.#wakeMs = dueMs;
    this.#net.queue.push(dueMs, () => {
      if (this.#wakeMs !== dueMs) return;
      this.#wakeMs = Infinity;
      if (this.exchange.pollTimeout() <= this.#net.nowMs) {
        const before = this.sentCount;
        this.exchange.handleTimeout(this.#net.nowMs);
        this.burstMax = Math.max(this.burstMax, this.sentCount - before);
      }
      this.wake();
    });
  }
}

/** What became of a request. */
export interface Asked {
  /** 0 while there is no answer, −1 if there was none. */
  status: number;
  body: Uint8Array | undefined;
  calls: number;
  answeredMs: number;
}

/** A network of nodes. */
export class DocumentNet {
  readonly queue = new EventQueue();
  readonly random: RandomSource;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  addNode(): DocumentNode {
    return new DocumentNode(this, this.random);
  }

  /** Joins two nodes; each is the other's peer with the given row. */
  join(one: DocumentNode, rowOfOther: number, other: DocumentNode, rowOfOne: number, options: LinkOptions): void {
    one.link(rowOfOther, this.#carrier(other, rowOfOne, options));
    other.link(rowOfOne, this.#carrier(one, rowOfOther, options));
  }

  /** Runs until nothing is due any more, or a time has come. */
  run(untilMs: number): void {
    this.queue.runUntil(untilMs);
  }

  chance(probability: number): boolean {
    return this.random.uint32() < probability * 2 ** 32;
  }

  #carrier(receiver: DocumentNode, row: number, options: LinkOptions): (body: Uint8Array) => void {
    const { delayMs = 20, jitterMs = 0, loss = 0, duplicates = 0, bitsPerSecond = 0, queueLen = Infinity } = options;
    let waiting = 0;
    let freeAtMs = 0;
    return (body) => {
      if (waiting >= queueLen) return;
      let departsMs = this.nowMs;
      if (bitsPerSecond > 0) {
        freeAtMs = Math.max(freeAtMs, this.nowMs) + datagramBits(body) / bitsPerSecond * 1000;
        departsMs = freeAtMs;
        waiting++;
        this.queue.push(departsMs, () => waiting--);
      }
      for (let copies = this.chance(duplicates) ? 2 : 1; copies > 0; copies--) {
        if (this.chance(loss)) continue;
        const jitter = this.random.uint32() / 2 ** 32 * jitterMs;
        this.queue.push(departsMs + delayMs + jitter, () => receiver.receive(row, body));
      }
    };
  }
}

/** Returns a message as a lane delivers it: behind an inner header, padded with zeros. */
export function contentOf(body: Uint8Array): Uint8Array {
  const content = new Uint8Array(Math.ceil((4 + body.length) / 16) * 16);
  content.set(body, 4);
  return content;
}

/** Returns a document; its compressed form is made once. */
export function documentOf(plain: Uint8Array<ArrayBuffer>): Document & { gzipCalls: number } {
  let compressed: Uint8Array<ArrayBuffer> | undefined;
  return {
    plain,
    gzipCalls: 0,
    gzip() {
      this.gzipCalls++;
      compressed ??= new Uint8Array(gzipSync(plain));
      return compressed;
    },
  };
}

/** Returns octets that can't be compressed. */
export function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(length);
  seededRandom(seed).fill(octets);
  return octets;
}

function datagramBits(body: Uint8Array): number {
  return (contentOf(body).length + TRANSPORT_OVERHEAD_LEN + 28) * 8;
}
