// No allocation per packet in this file.
/**
 * Seals what a burst yielded, and sends it.
 *
 * Datagrams are added one by one and lie back to back in one buffer. {@linkcode Sealer.flush} seals all of them with one
 * call of the shim, which also gathers the frames and completes their checksums, then sends them in runs of equal length.
 *
 * @module
 */

import { ENDPOINT_WORDS } from "../base/endpoint.ts";
import { Reason } from "../base/reason.ts";
import { type Bind } from "../conn/bind.ts";
import { Errno } from "../ffi/errno.ts";
import { type Shim } from "../ffi/shim.ts";
import { RUN_WORDS, SEAL_WORDS } from "../ffi/symbols.ts";
import { EG_HEADER_LEN, writeEgHeader } from "../wire/eg_header.ts";
import { paddedContentLength, TAG_LEN, TRANSPORT_HEADER_LEN, writeTransportHeader } from "../wire/transport_message.ts";
import { KeyCache } from "./key_cache.ts";
import { type LaneContext } from "./lane_context.ts";
import { RunList } from "./run_list.ts";
import { Setting } from "./tables.ts";

/** Octets of sealed datagrams between two flushes; small enough to stay in a core's own cache. */
const OUT_LEN = 512 * 1024;
/** Datagrams between two flushes. */
const ITEMS_MAX = 1024;
/** How long a lane waits for a full socket before it drops. */
const WAIT_FOR_ROOM_MS = 5;
/** How long a peer whose path refused a run gets its datagrams singly, before runs are tried again. */
const SINGLES_MS = 30_000;

const EMPTY = new Uint8Array(new ArrayBuffer(8));
const LOCAL_ADDRESS = 7;
const INTERFACE = 11;

/** The way out of one lane. */
export class Sealer implements Disposable {
  readonly #context: LaneContext;
  readonly #shim: Shim;
  readonly #keys: KeyCache;
  readonly #lists: RunList[];
  readonly #listOfFamily: (RunList | undefined)[];
  readonly #out = new Uint8Array(OUT_LEN);
  readonly #view = new DataView(this.#out.buffer);
  readonly #items = new Uint32Array(ITEMS_MAX * SEAL_WORDS);
  readonly #singles = new Uint32Array(RUN_WORDS);
  readonly #singlesUntilMs: Float64Array;
  /** Flush in which a peer's local address was forgotten last. */
  readonly #forgottenInFlush: Uint32Array;
  #flushes = 0;
  #source: Uint8Array<ArrayBuffer> = EMPTY;
  #headers: Uint8Array<ArrayBuffer> = EMPTY;
  #count = 0;
  #used = 0;

  constructor(context: LaneContext, binds: readonly Bind[], shim: Shim) {
    this.#context = context;
    this.#shim = shim;
    this.#keys = new KeyCache(context.tables, "seal");
    this.#lists = binds.map((bind) => new RunList(bind, ITEMS_MAX));
    this.#listOfFamily = Array.from({ length: 7 }, (_, family) => this.#lists.find((l) => l.bind.family === family));
    this.#singlesUntilMs = new Float64Array(context.tables.shape.peerCapacity);
    this.#forgottenInFlush = new Uint32Array(context.tables.shape.peerCapacity);
  }

  /**
   * Names the buffers that the next datagrams are gathered from. They must not change before the next flush.
   *
   * @param headers Holds rewritten headers; may be any buffer if none are used.
   * @param source Holds the rest.
   */
  begin(headers: Uint8Array, source: Uint8Array): void {
    if (this.#count > 0) this.flush();
    this.#headers = headers as Uint8Array<ArrayBuffer>;
    this.#source = source as Uint8Array<ArrayBuffer>;
  }

  /**
   * Takes `count` consecutive counters of a session for the datagrams to be added next.
   *
   * A counter must never meet two keys, nor a key one counter twice. A row may get new keys, and its counter may start
   * again, at any moment; but its generation changes before its counter does. So counters taken between two looks at the same
   * generation belong to the keys of that generation.
   *
   * @returns The first counter, or −1 if the session was withdrawn meanwhile.
   */
  reserve(sessionRow: number, count: number): number {
    const { sessionSendCounter } = this.#context.tables;
    if (!this.#keys.isCurrent(sessionRow)) {
      // Datagrams that wait under the row's old keys must not be sealed with the new ones.
      this.flush();
      if (!this.#keys.ensure(sessionRow)) return -1;
    }
    const first = Atomics.add(sessionSendCounter, sessionRow, count);
    return this.#keys.isCurrent(sessionRow) ? first : -1;
  }

  /**
   * Adds one datagram. The caller has reserved its counter and refreshed the peer's endpoint.
   *
   * @param type Usage, not authenticated.
   * @param ttl Relays left.
   * @param destination Inner destination.
   * @param source Inner source.
   * @param headerLen Octets at `headerAt` of the headers, before `payloadLen` octets at `payloadAt` of the source.
   * @param csumStart Where in the frame a checksum is to be completed, 0 for none; see `PieceList`.
   */
  add(
    peerRow: number,
    sessionRow: number,
    counter: number,
    type: number,
    ttl: number,
    destination: number,
    source: number,
    headerAt: number,
    headerLen: number,
    payloadAt: number,
    payloadLen: number,
    csumStart: number,
    csumOffset: number,
  ): void {
    const { tables, endpoints, nowMs, activityAt } = this.#context;
    const list = this.#listOfFamily[endpoints[peerRow * ENDPOINT_WORDS]];
    if (list === undefined) return this.#context.drop(Reason.NO_ENDPOINT);
    const contentLen = paddedContentLength(EG_HEADER_LEN + headerLen + payloadLen, tables.settings[Setting.MTU]);
    const length = TRANSPORT_HEADER_LEN + contentLen + TAG_LEN;
    if (this.#count === ITEMS_MAX || this.#used + length > OUT_LEN) this.flush();

    const at = this.#used;
    writeTransportHeader(this.#view, at, type, ttl, tables.sessionRemoteIndex[sessionRow], counter);
    writeEgHeader(this.#out, at + TRANSPORT_HEADER_LEN, destination, source);
    const item = this.#count * SEAL_WORDS;
    const items = this.#items;
    items[item] = sessionRow;
    items[item + 1] = at;
    items[item + 2] = contentLen;
    items[item + 3] = headerAt;
    items[item + 4] = headerLen;
    items[item + 5] = payloadAt;
    items[item + 6] = payloadLen;
    items[item + 7] = csumStart;
    items[item + 8] = csumOffset;
    this.#count++;
    this.#used = at + length;
    list.add(peerRow, at, length, this.#singlesUntilMs[peerRow] > nowMs);

    const activity = activityAt + peerRow;
    tables.lastSentMs[activity] = nowMs;
    tables.lastDataSentMs[activity] = nowMs;
    tables.sentPackets[activity]++;
    tables.sentOctets[activity] += length;
  }

  /** Seals and sends what was added. */
  flush(): void {
    if (this.#count === 0) return;
    const { symbols } = this.#shim;
    const sealed = symbols.eg_aead_seal(
      this.#keys.keys,
      this.#out,
      this.#headers,
      this.#source,
      this.#items,
      this.#count,
    );
    this.#count = 0;
    this.#used = 0;
    this.#flushes = (this.#flushes + 1) >>> 0;
    if (sealed < 0) this.#shim.check("seal", "burst", sealed);
    for (let index = 0; index < this.#lists.length; index++) this.#send(this.#lists[index]);
  }

  /** Zeroes keys whose sessions are gone. */
  sweep(): void {
    this.#keys.sweep();
  }

  [Symbol.dispose](): void {
    this.#keys[Symbol.dispose]();
  }

  #send(list: RunList): void {
    if (list.count === 0) return;
    const { bind, words } = list;
    let sent = bind.sendRuns(this.#out, words, list.count, this.#context.endpoints);
    if (sent < list.count) {
      if (words[(list.count - 1) * RUN_WORDS + 4] === Errno.EAGAIN) sent += this.#sendRest(list);
      if (sent < list.count) this.#recover(list);
    }
    list.clear();
  }

  /** Waits until a full socket has room, and sends the runs that found none. Returns how many left. */
  #sendRest(list: RunList): number {
    const { bind, words } = list;
    bind.waitForRoom(WAIT_FOR_ROOM_MS);
    let sent = 0;
    for (let index = 0; index < list.count; index++) {
      if (words[index * RUN_WORDS + 4] === Errno.EAGAIN) sent += this.#sendOne(list, index * RUN_WORDS);
    }
    return sent;
  }

  /** Sends the run at word `at` once more and notes its result. Returns 1 if it left. */
  #sendOne(list: RunList, at: number): number {
    const { words } = list;
    for (let word = 0; word < RUN_WORDS; word++) this.#singles[word] = words[at + word];
    const sent = list.bind.sendRuns(this.#out, this.#singles, 1, this.#context.endpoints);
    words[at + 4] = this.#singles[4];
    return sent;
  }

  /** Deals with each run that failed. */
  #recover(list: RunList): void {
    const { words } = list;
    for (let at = 0; at < list.count * RUN_WORDS; at += RUN_WORDS) {
      if (words[at + 4] === 0) continue;
      const peerRow = words[at + 3];
      const datagrams = words[at + 2] === 0 ? 1 : Math.ceil(words[at + 1] / words[at + 2]);
      if (this.#hasForgottenLocalAddress(peerRow, words[at + 4]) && this.#sendOne(list, at) === 1) continue;
      if (datagrams > 1 && this.#refusesRuns(list, peerRow, words[at + 4])) {
        this.#sendSingly(list, at);
        continue;
      }
      this.#countFailure(peerRow, words[at + 4], datagrams);
    }
  }

  /**
   * After an error that a local address which has gone away can cause, lets the system choose one from now on.
   *
   * @returns Whether there was one to forget when the run was sent, so that another try may succeed.
   */
  #hasForgottenLocalAddress(peerRow: number, errno: number): boolean {
    if (errno !== Errno.EINVAL && errno !== Errno.EADDRNOTAVAIL && errno !== Errno.ENETUNREACH) return false;
    // Another run of the same flush has come here first.
    if (this.#forgottenInFlush[peerRow] === this.#flushes) return true;
    const { endpoints } = this.#context;
    const at = peerRow * ENDPOINT_WORDS;
    if (endpoints[at + INTERFACE] === 0) return false;
    for (let word = LOCAL_ADDRESS; word < ENDPOINT_WORDS; word++) endpoints[at + word] = 0;
    this.#forgottenInFlush[peerRow] = this.#flushes;
    this.#context.noteSendFailure(peerRow, errno);
    return true;
  }

  /**
   * Tells whether an error means that runs are refused, and remembers it: by the kernel for good (`EIO`: the device can't
   * complete checksums, udp(7)), or by the path for a while (`EINVAL`, `EMSGSIZE`: a datagram exceeds the path's MTU).
   */
  #refusesRuns(list: RunList, peerRow: number, errno: number): boolean {
    if (errno === Errno.EIO) {
      list.joins = false;
      return true;
    }
    if (errno !== Errno.EINVAL && errno !== Errno.EMSGSIZE) return false;
    this.#singlesUntilMs[peerRow] = this.#context.nowMs + SINGLES_MS;
    return true;
  }

  /** Sends the datagrams of the run at word `at` one by one; the kernel may then fragment each. */
  #sendSingly(list: RunList, at: number): void {
    const { words } = list;
    const end = words[at] + words[at + 1];
    const segment = words[at + 2];
    for (let offset = words[at]; offset < end; offset += segment) {
      this.#singles[0] = offset;
      this.#singles[1] = Math.min(segment, end - offset);
      this.#singles[2] = 0;
      this.#singles[3] = words[at + 3];
      if (list.bind.sendRuns(this.#out, this.#singles, 1, this.#context.endpoints) === 1) continue;
      this.#countFailure(words[at + 3], this.#singles[4], 1);
    }
  }

  #countFailure(peerRow: number, errno: number, datagrams: number): void {
    if (errno === Errno.EAGAIN || errno === Errno.ENOBUFS) {
      this.#context.drop(Reason.SEND_NO_BUFFERS, datagrams);
      return;
    }
    this.#context.drop(errno === Errno.EMSGSIZE ? Reason.SEND_OVERSIZED : Reason.SEND_FAILED, datagrams);
    this.#context.noteSendFailure(peerRow, errno);
  }
}
