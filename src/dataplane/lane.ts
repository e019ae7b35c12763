// No allocation per packet in this file.
/**
 * One lane: a loop that forwards, and decides nothing.
 *
 * ```text
 *        ┌──────────────────────────── turn ────────────────────────────┐
 *   poll(tap, binds, wake-up) ──▶ each bind: what is due by the clock, such as delayed acknowledgments
 *                             ──▶ tap: outbound, at most some bursts
 *                             ──▶ each bind: inbound, at most some bursts
 *                             ──▶ wake-up: what waited for a session
 * ```
 *
 * A turn is bounded: whatever floods one descriptor, the others get theirs after a few bursts.
 *
 * @module
 */

import { type NodeId } from "../base/node_id.ts";
import { type Ring } from "../base/ring.ts";
import { type Bind } from "../conn/bind.ts";
import { Errno } from "../ffi/errno.ts";
import { type Shim } from "../ffi/shim.ts";
import { ERROR_WORDS, PollEvent } from "../ffi/symbols.ts";
import { l2fibPurgeNode, l2fibSweep } from "../route/l2fib.ts";
import { type TapDevice } from "../tap/device.ts";
import { Inbound } from "./inbound.ts";
import { LaneContext } from "./lane_context.ts";
import { acquireLock, releaseLock } from "./lock.ts";
import { Outbound } from "./outbound.ts";
import { Sealer } from "./seal.ts";
import { Staging } from "./staging.ts";
import { L2FIB_ENTRIES, NO_ROW, PeerState, Setting, type Tables } from "./tables.ts";
import { TapWriter } from "./tap_writer.ts";

/** Bursts of one descriptor in one turn. */
const BURSTS_PER_TURN = 4;
/** Time between two sweeps of what has grown old. */
const SWEEP_INTERVAL_MS = 1000;
/** Removed nodes whose addresses one sweep forgets: for each it looks at the whole L2 FIB. */
const PURGES_PER_SWEEP = 16;

/** Errors read in one go. */
const ERRORS_MAX = 8;

/** What a lane is made of. */
export interface LaneOptions {
  readonly tables: Tables;
  /** Number of this lane, from 0. */
  readonly lane: number;
  readonly selfNodeId: NodeId;
  readonly events: Ring;
  readonly tap: TapDevice;
  /** Whether the tap takes, and hands over, merged UDP. */
  readonly mergeUdp: boolean;
  readonly binds: readonly Bind[];
  /** Rows of the table of FakeTCP connections; 0 without FakeTCP. */
  readonly connections: number;
  /** Descriptor by which the control thread wakes this lane; −1 where there is none. */
  readonly wakeFd: number;
  /** Random, the same for all lanes. */
  readonly l2fibSeed: number;
  /** How long an idle address stays in the L2 FIB, in seconds; 0 for ever. */
  readonly l2fibTimeoutSeconds: number;
  /** Key of MAC1 towards us, 32 octets. */
  readonly mac1Key: Uint8Array<ArrayBuffer>;
  /** Age at which a session's keys are refused. */
  readonly rejectAfterMs: number;
}

/** One lane. The owner calls {@linkcode turn} until {@linkcode isStopped}. */
export class Lane implements Disposable {
  readonly #tables: Tables;
  readonly #lane: number;
  readonly #binds: readonly Bind[];
  readonly #wakeFd: number;
  readonly #l2fibTimeoutSeconds: number;
  readonly #context: LaneContext;
  readonly #shim: Shim;
  readonly #sealer: Sealer;
  readonly #staging: Staging;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  /** Descriptors to wait for: the tap, the binds, the wake-up. */
  readonly #fds: Int32Array<ArrayBuffer>;
  readonly #revents: Uint32Array<ArrayBuffer>;
  /** Error number of each descriptor that broke while the ring had no room to say so; 0 for the others. */
  readonly #untoldFailures: Int32Array;
  /** When the last wait ended, ms. */
  readonly #nowMs = new Float64Array(1);
  readonly #errors = new Uint32Array(ERRORS_MAX * ERROR_WORDS);
  /** NodeId of the edge in each peer row as the last sweep found it, or {@linkcode NO_ROW}. */
  readonly #sweptNodes: Int32Array;
  #sweptMs = 0;
  /** How long the next wait may last, ms: until a bind has something to do by the clock. */
  #waitMs = 0;

  constructor(options: LaneOptions, shim: Shim) {
    const { tables, tap, binds, l2fibSeed } = options;
    this.#tables = tables;
    this.#lane = options.lane;
    this.#binds = [...binds];
    this.#wakeFd = options.wakeFd;
    this.#l2fibTimeoutSeconds = options.l2fibTimeoutSeconds;
    this.#shim = shim;
    const context = new LaneContext(
      tables,
      options.lane,
      options.selfNodeId,
      options.events,
      options.rejectAfterMs,
    );
    this.#context = context;
    this.#sealer = new Sealer(context, binds, shim);
    this.#staging = new Staging(context, tables.settings[Setting.MTU]);
    // Both fragment, and their packets must not be taken for each other's.
    const identification = Math.imul(l2fibSeed, 2 * options.lane + 1);
    this.#outbound = new Outbound(context, tap, this.#sealer, this.#staging, l2fibSeed, identification);
    this.#inbound = new Inbound(
      context,
      this.#sealer,
      this.#staging,
      ~identification,
      options.connections,
      options.mac1Key,
      shim,
      (octets) => new TapWriter(context, tap, octets, l2fibSeed, options.mergeUdp),
    );
    this.#fds = Int32Array.from([tap.fd, ...binds.map((bind) => bind.fd), options.wakeFd]);
    this.#revents = new Uint32Array(this.#fds.length);
    this.#untoldFailures = new Int32Array(this.#fds.length);
    this.#sweptNodes = new Int32Array(tables.shape.peerCapacity).fill(NO_ROW);
  }

  /** Whether the control thread wants the lane to end. */
  get isStopped(): boolean {
    return Atomics.load(this.#tables.settings, Setting.STOP) !== 0;
  }

  /** Waits until there is something to do, {@linkcode SWEEP_INTERVAL_MS} at most, and does a bounded part of it. */
  turn(): void {
    const { symbols } = this.#shim;
    const count = this.#fds.length;
    const ready = symbols.eg_poll(this.#fds, this.#revents, count, this.#waitMs, this.#nowMs);
    // After an error nothing is known of the descriptors: each is tried.
    this.step(this.#nowMs[0], ready >= 0 ? this.#revents : undefined);
  }

  /**
   * One turn without the wait.
   *
   * @param revents What is ready, in the order tap, binds, wake-up; all of them if left out.
   */
  step(nowMs: number, revents?: Uint32Array): void {
    this.#context.nowMs = nowMs;
    this.#context.nowSeconds = 1 + Math.floor(nowMs / 1000);
    const binds = this.#binds;
    for (let index = 0; index < binds.length; index++) binds[index].service(nowMs);
    if (revents === undefined || revents[0] !== 0) this.#drainTap();
    for (let index = 0; index < binds.length; index++) {
      if (revents === undefined) this.#drainBind(index, PollEvent.ERR);
      else if (revents[index + 1] !== 0) this.#drainBind(index, revents[index + 1]);
    }
    if (revents === undefined || revents[binds.length + 1] !== 0) {
      if (this.#wakeFd >= 0) this.#shim.symbols.eg_eventfd_drain(this.#wakeFd);
      this.#staging.flush(this.#sealer);
    }
    if (nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) this.#sweep(nowMs);
    this.#waitMs = SWEEP_INTERVAL_MS;
    for (let index = 0; index < binds.length; index++) {
      this.#waitMs = Math.min(this.#waitMs, Math.ceil(binds[index].service(nowMs)));
    }
  }

  [Symbol.dispose](): void {
    this.#inbound[Symbol.dispose]();
    this.#sealer[Symbol.dispose]();
  }

  #drainTap(): void {
    for (let burst = 0; burst < BURSTS_PER_TURN; burst++) {
      const result = this.#outbound.turn();
      if (result < 0 && result !== -Errno.EAGAIN) this.#fail(0, -result);
      if (result <= 0) return;
    }
  }

  #drainBind(index: number, revents: number): void {
    if ((revents & PollEvent.ERR) !== 0) this.#reportErrors(this.#binds[index]);
    for (let burst = 0; burst < BURSTS_PER_TURN; burst++) {
      const result = this.#inbound.turn(this.#binds[index]);
      // Other errors are those of earlier datagrams (ICMP), which reading has cleared.
      if (result === -Errno.EBADF || result === -Errno.EBADFD) this.#fail(index + 1, -result);
      if (result <= 0) return;
    }
  }

  /** Tells the control thread which datagrams the network says it couldn't deliver. */
  #reportErrors(bind: Bind): void {
    const count = bind.readErrors(this.#errors);
    for (let index = 0; index < count; index++) {
      this.#context.noteUnreachable(bind.transport, this.#errors, index * ERROR_WORDS);
    }
  }

  /** Waits no longer for a descriptor that is broken for good, and says so. */
  #fail(which: number, errno: number): void {
    this.#fds[which] = -1;
    this.#untoldFailures[which] = this.#context.noteLaneFailure(which, errno) ? 0 : errno;
  }

  /** Says again what the ring had no room for: without it nobody would know that the lane is deaf. */
  #repeatFailures(): void {
    for (let which = 0; which < this.#untoldFailures.length; which++) {
      if (this.#untoldFailures[which] !== 0) this.#fail(which, this.#untoldFailures[which]);
    }
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    this.#repeatFailures();
    this.#sealer.sweep();
    this.#inbound.sweep();
    this.#staging.flush(this.#sealer);
    if (this.#lane !== 0) return;
    const { l2fib, settings } = this.#tables;
    acquireLock(settings, Setting.L2FIB_LOCK);
    if (this.#l2fibTimeoutSeconds !== 0) {
      l2fibSweep(l2fib, L2FIB_ENTRIES, this.#context.nowSeconds - this.#l2fibTimeoutSeconds);
    }
    this.#purgeRemovedNodes();
    releaseLock(settings, Setting.L2FIB_LOCK);
  }

  /** Forgets the addresses behind peers that were removed: a host that lived there is looked for by broadcast again. */
  #purgeRemovedNodes(): void {
    const { l2fib, peerNodeId, peerState } = this.#tables;
    let purges = 0;
    for (let row = 0; row < this.#sweptNodes.length && purges < PURGES_PER_SWEEP; row++) {
      const before = this.#sweptNodes[row];
      const nodeId = peerState[row] === PeerState.EDGE ? peerNodeId[row] : NO_ROW;
      if (nodeId === before) continue;
      this.#sweptNodes[row] = nodeId;
      if (before === NO_ROW) continue;
      l2fibPurgeNode(l2fib, L2FIB_ENTRIES, before);
      purges++;
    }
  }
}
