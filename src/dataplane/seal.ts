// No allocation per packet in this file.
/**
 * Seals what a burst yielded, and sends it.
 *
 * Datagrams are added one by one and lie back to back in one buffer. {@linkcode Sealer.flush} seals all of them with one
 * call of the shim, which also gathers the frames and completes their checksums, then sends them in runs of equal length.
 *
 * @module
 */

import { PATH_KIND_COUNT } from "../base/path_kind.ts";
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
import { SendRecovery } from "./send_recovery.ts";
import { Setting } from "./tables.ts";

/** Octets of sealed datagrams between two flushes; small enough to stay in a core's own cache. */
const OUT_LEN = 512 * 1024;
/** Datagrams between two flushes. */
const ITEMS_MAX = 1024;
/** Longest datagram that there can be; a host may send more than fits if somebody raised the MTU of the tap. */
const DATAGRAM_LEN_MAX = 65_535;
/** How long a lane waits for a full socket before it drops. */
const WAIT_FOR_ROOM_MS = 5;

const EMPTY = new Uint8Array(new ArrayBuffer(8));

/** The way out of one lane. */
export class Sealer implements Disposable {
  readonly #context: LaneContext;
  readonly #shim: Shim;
  readonly #keys: KeyCache;
  /** One for each kind that a bind serves: what goes to two paths of one bind must not break up each other's runs. */
  readonly #lists: RunList[];
  /** By kind of path: its list, if a bind serves it. */
  readonly #listOfKind: (RunList | undefined)[];
  readonly #out = new Uint8Array(OUT_LEN);
  readonly #view = new DataView(this.#out.buffer);
  readonly #items = new Uint32Array(ITEMS_MAX * SEAL_WORDS);
  readonly #recovery: SendRecovery;
  #flushes = 0;
  #source: Uint8Array<ArrayBuffer> = EMPTY;
  #headers: Uint8Array<ArrayBuffer> = EMPTY;
  #count = 0;
  #used = 0;

  constructor(context: LaneContext, binds: readonly Bind[], shim: Shim) {
    this.#context = context;
    this.#shim = shim;
    this.#keys = new KeyCache(context.tables, "seal");
    this.#listOfKind = Array.from({ length: PATH_KIND_COUNT }, (_, kind) => {
      const bind = binds.find(({ kinds }) => kinds.includes(kind));
      return bind && new RunList(bind, ITEMS_MAX);
    });
    this.#lists = this.#listOfKind.filter((list) => list !== undefined);
    this.#recovery = new SendRecovery(context, this.#listOfKind, this.#out);
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
   * Adds one datagram, once for each path in use. The caller has reserved its counter and refreshed the peer's paths.
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
    const { tables, nowMs, activityAt } = this.#context;
    const contentLen = paddedContentLength(EG_HEADER_LEN + headerLen + payloadLen, tables.settings[Setting.MTU]);
    const length = TRANSPORT_HEADER_LEN + contentLen + TAG_LEN;
    if (length > DATAGRAM_LEN_MAX) return this.#context.drop(Reason.FRAME_OVERSIZED);
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
    this.#addToPaths(peerRow, at, length);

    const activity = activityAt + peerRow;
    tables.lastSentMs[activity] = nowMs;
    tables.lastDataSentMs[activity] = nowMs;
    tables.sentPackets[activity]++;
    tables.sentOctets[activity] += length;
  }

  /** Lets a datagram go out on every path in use: the same octets, so that the replay window drops all copies but one. */
  #addToPaths(peerRow: number, at: number, length: number): void {
    const { tables, paths, pathActivityAt } = this.#context;
    let path = peerRow * PATH_KIND_COUNT;
    let sent = 0;
    for (let mask = paths[peerRow], kind = 0; mask !== 0; mask >>= 1, kind++, path++) {
      const list = this.#listOfKind[kind];
      if ((mask & 1) === 0 || list === undefined) continue;
      list.add(path, at, length, this.#recovery.goesSingly(path));
      tables.pathSentPackets[pathActivityAt + path]++;
      tables.pathSentOctets[pathActivityAt + path] += length;
      sent++;
    }
    if (sent === 0) this.#context.drop(Reason.NO_ENDPOINT);
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
      if (sent < list.count) this.#recovery.recover(list, this.#flushes);
    }
    list.clear();
  }

  /** Waits until a full socket has room, and sends the runs that found none. Returns how many left. */
  #sendRest(list: RunList): number {
    const { bind, words } = list;
    bind.waitForRoom(WAIT_FOR_ROOM_MS);
    let sent = 0;
    for (let index = 0; index < list.count; index++) {
      if (words[index * RUN_WORDS + 4] === Errno.EAGAIN) sent += this.#recovery.sendAgain(list, index * RUN_WORDS);
    }
    return sent;
  }
}
