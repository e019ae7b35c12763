// No allocation per packet in this file.
/**
 * What becomes of runs that a bind refused: sent again in another form, or on another path, or counted as lost.
 *
 * A path that the system refuses to send on is dead; the control thread will say so in a moment. What is to be sent until
 * then is sealed already, and goes out on the paths that stand by.
 *
 * @module
 */

import { ENDPOINT_WORDS } from "../base/endpoint.ts";
import { PATH_KIND_COUNT, Transport, transportOf } from "../base/path_kind.ts";
import { Reason } from "../base/reason.ts";
import { Errno } from "../ffi/errno.ts";
import { RUN_WORDS } from "../ffi/symbols.ts";
import { type LaneContext } from "./lane_context.ts";
import { type RunList } from "./run_list.ts";

/** How long a path that refused a run gets its datagrams singly, before runs are tried again. */
const SINGLES_MS = 30_000;
const LOCAL_ADDRESS = 7;
const INTERFACE = 11;
/** Words of a run, see `Bind.sendRuns`. */
const LENGTH = 1;
const SEGMENT = 2;
const PATH = 3;
const RESULT = 4;

/** Deals with the failures of one lane. A path is peer row × PATH_KIND_COUNT + kind. */
export class SendRecovery {
  readonly #context: LaneContext;
  readonly #listOfKind: readonly (RunList | undefined)[];
  readonly #out: Uint8Array;
  readonly #run = new Uint32Array(RUN_WORDS);
  /** By path. */
  readonly #singlesUntilMs: Float64Array;
  /** Flush in which a path's local address was forgotten last. */
  readonly #forgottenInFlush: Uint32Array;

  /**
   * @param listOfKind By kind of path: where its datagrams wait, and with it the bind.
   * @param out Holds the sealed datagrams.
   */
  constructor(context: LaneContext, listOfKind: readonly (RunList | undefined)[], out: Uint8Array) {
    this.#context = context;
    this.#listOfKind = listOfKind;
    this.#out = out;
    this.#singlesUntilMs = new Float64Array(context.tables.pathCount);
    this.#forgottenInFlush = new Uint32Array(context.tables.pathCount);
  }

  /** Tells whether datagrams on a path must not be joined, because it has refused runs lately. */
  goesSingly(path: number): boolean {
    return this.#singlesUntilMs[path] > this.#context.nowMs;
  }

  /** Sends the run at word `at` once more and notes its result. Returns 1 if it left. */
  sendAgain(list: RunList, at: number): number {
    const { words } = list;
    for (let word = 0; word < RUN_WORDS; word++) this.#run[word] = words[at + word];
    const sent = list.bind.sendRuns(this.#out, this.#run, 1, this.#context.endpoints);
    words[at + RESULT] = this.#run[RESULT];
    return sent;
  }

  /** Deals with each run that failed. @param flush Number of the flush that they were part of. */
  recover(list: RunList, flush: number): void {
    const { words } = list;
    for (let at = 0; at < list.count * RUN_WORDS; at += RUN_WORDS) {
      if (words[at + RESULT] === 0) continue;
      const path = words[at + PATH];
      if (transportOf(path % PATH_KIND_COUNT) === Transport.UDP) {
        if (this.#hasForgottenLocalAddress(path, words[at + RESULT], flush) && this.sendAgain(list, at) === 1) continue;
        if (words[at + SEGMENT] !== 0 && this.#refusesRuns(list, path, words[at + RESULT])) {
          this.#sendSingly(list, at);
          continue;
        }
      }
      this.#giveUp(path, words[at + RESULT], words[at], words[at + LENGTH], words[at + SEGMENT]);
    }
  }

  /**
   * After an error that a local address which has gone away can cause, lets the system choose one from now on.
   *
   * @returns Whether there was one to forget when the run was sent, so that another try may succeed.
   */
  #hasForgottenLocalAddress(path: number, errno: number, flush: number): boolean {
    if (errno !== Errno.EINVAL && errno !== Errno.EADDRNOTAVAIL && errno !== Errno.ENETUNREACH) return false;
    // Another run of the same flush has come here first.
    if (this.#forgottenInFlush[path] === flush) return true;
    const { endpoints } = this.#context;
    const at = path * ENDPOINT_WORDS;
    if (endpoints[at + INTERFACE] === 0) return false;
    for (let word = LOCAL_ADDRESS; word < ENDPOINT_WORDS; word++) endpoints[at + word] = 0;
    this.#forgottenInFlush[path] = flush;
    return true;
  }

  /**
   * Tells whether an error means that runs are refused, and remembers it: by the kernel for good (`EIO`: the device can't
   * complete checksums, udp(7)), or by the path for a while (`EINVAL`, `EMSGSIZE`: a datagram exceeds the path's MTU).
   */
  #refusesRuns(list: RunList, path: number, errno: number): boolean {
    if (errno === Errno.EIO) {
      list.joins = false;
      return true;
    }
    if (errno !== Errno.EINVAL && errno !== Errno.EMSGSIZE) return false;
    this.#singlesUntilMs[path] = this.#context.nowMs + SINGLES_MS;
    return true;
  }

  /** Sends the datagrams of the run at word `at` one by one; the kernel may then fragment each. */
  #sendSingly(list: RunList, at: number): void {
    const { words } = list;
    const end = words[at] + words[at + LENGTH];
    const segment = words[at + SEGMENT];
    const path = words[at + PATH];
    for (let offset = words[at]; offset < end; offset += segment) {
      const length = Math.min(segment, end - offset);
      if (this.#sendOn(list, path, offset, length)) continue;
      this.#giveUp(path, this.#run[RESULT], offset, length, 0);
    }
  }

  /** Sends one datagram. */
  #sendOn(list: RunList, path: number, offset: number, length: number): boolean {
    this.#run[0] = offset;
    this.#run[LENGTH] = length;
    this.#run[SEGMENT] = 0;
    this.#run[PATH] = path;
    return list.bind.sendRuns(this.#out, this.#run, 1, this.#context.endpoints) === 1;
  }

  /** A path doesn't take these datagrams: others may, otherwise they are lost. */
  #giveUp(path: number, errno: number, offset: number, length: number, segment: number): void {
    const context = this.#context;
    const isFull = errno === Errno.EAGAIN || errno === Errno.ENOBUFS;
    if (!isFull) context.noteSendFailure(path, errno);
    // What was mirrored is in other lists already.
    const peerRow = Math.floor(path / PATH_KIND_COUNT);
    if (context.paths[peerRow] !== 1 << (path % PATH_KIND_COUNT)) return;
    const step = segment === 0 ? length : segment;
    let lost = 0;
    for (let at = offset; at < offset + length; at += step) {
      if (isFull || !this.#sendElsewhere(path, at, Math.min(step, offset + length - at))) lost++;
    }
    if (lost === 0) return;
    const otherwise = errno === Errno.EMSGSIZE ? Reason.SEND_OVERSIZED : Reason.SEND_FAILED;
    context.drop(isFull ? Reason.SEND_NO_BUFFERS : otherwise, lost);
  }

  /** Sends one datagram on the other paths that are in use by now or stand by. Returns whether one has it. */
  #sendElsewhere(path: number, offset: number, length: number): boolean {
    const peerRow = Math.floor(path / PATH_KIND_COUNT);
    const first = peerRow * PATH_KIND_COUNT;
    const others = this.#context.otherPaths(peerRow, path - first);
    let isSent = false;
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      const list = this.#listOfKind[kind];
      if ((others & (1 << kind)) === 0 || list === undefined) continue;
      if (this.#sendOn(list, first + kind, offset, length)) isSent = true;
    }
    return isSent;
  }
}
