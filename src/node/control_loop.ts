/**
 * The control thread's loop: takes what lanes report, lets the device decide, sends what it wants sent, and sleeps until
 * there is a report or a deadline.
 *
 * @module
 */

import { wallClockMs } from "../base/clock.ts";
import { Transport, transportOf } from "../base/path_kind.ts";
import { Reason } from "../base/reason.ts";
import type { Bind } from "../conn/bind.ts";
import type { PathControl } from "../control/path_control.ts";
import { EventKind, type LaneEvent } from "../dataplane/events.ts";
import { Setting, type Tables } from "../dataplane/tables.ts";
import { createTransmit, type Device, type DeviceEvent } from "../device/device.ts";
import { Errno } from "../ffi/errno.ts";
import type { Shim } from "../ffi/shim.ts";
import { RUN_WORDS } from "../ffi/symbols.ts";
import { MessageType } from "../wire/message_type.ts";
import type { FakeTcpNode } from "./fake_tcp.ts";
import type { LanePool } from "./lane_pool.ts";

/** Word of a run that holds its result. */
const RUN_RESULT = 4;
/** Reports handled before signals and lookups get their turn. */
const EVENTS_PER_ROUND = 256;
/** Time between two calls of {@linkcode ControlLoopOptions.onTick}. */
const TICK_MS = 1_000;

/** What decides about messages and their consequences: that of an edge, or that of a super node. */
export interface NodeControl {
  /**
   * Takes in a control message that a lane opened; those about paths don't come here.
   *
   * @param type Usage code.
   * @param ttl Relays left, as it arrived.
   * @returns `NONE`, or the reason for which it was dropped.
   */
  handleMessage(message: LaneEvent, type: number, ttl: number, nowMs: number, wallMs: number): number;
  /** Takes in what the device reports, after the paths have. */
  handleDeviceEvent(event: DeviceEvent, nowMs: number): void;
  /** Does what is due. */
  handleTimeout(nowMs: number, wallMs: number): void;
  /** Returns when {@linkcode NodeControl.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number;
}

/** What the loop joins. */
export interface ControlLoopOptions {
  readonly tables: Tables;
  readonly device: Device;
  readonly paths: PathControl;
  /** `undefined` without FakeTCP. */
  readonly fakeTcp: FakeTcpNode | undefined;
  readonly control: NodeControl;
  readonly lanes: LanePool;
  /** On the lanes' own sockets and queues: one for each kind of path at least. */
  readonly binds: readonly Bind[];
  readonly shim: Shim;
  /** A descriptor of a lane is broken for good; `which` is its position: 0 the tap, then the binds. */
  readonly onLaneFailed: (which: number, errno: number) => void;
  /** Called about every second. */
  readonly onTick: (nowMs: number) => void;
}

/** Refusals to send that say something of the path, and not of one datagram or moment. */
const PATH_REFUSALS: readonly number[] = [
  Errno.EPERM,
  Errno.EACCES,
  Errno.EINVAL,
  Errno.EADDRNOTAVAIL,
  Errno.ENETDOWN,
  Errno.ENETUNREACH,
  Errno.EHOSTUNREACH,
];

/** Runs until it is stopped. */
export class ControlLoop {
  readonly #options: ControlLoopOptions;
  readonly #transmit = createTransmit();
  readonly #run = new Uint32Array(RUN_WORDS);
  #isStopped = false;
  #nextTickMs = 0;
  /** Deadlines at the end of the last round: with a thousand peers it takes a while to ask. */
  readonly #due = { device: 0, paths: 0, control: 0, fakeTcp: 0 };

  constructor(options: ControlLoopOptions) {
    this.#options = options;
  }

  /** Ends {@linkcode run} as soon as it looks up. */
  stop(): void {
    this.#isStopped = true;
    this.ring();
  }

  /** Makes the loop look up, as if a lane had reported something. */
  ring(): void {
    const { settings } = this.#options.tables;
    Atomics.add(settings, Setting.DOORBELL, 1);
    Atomics.notify(settings, Setting.DOORBELL);
  }

  /** Runs until {@linkcode stop}. */
  async run(): Promise<void> {
    const { tables, shim } = this.#options;
    while (!this.#isStopped) {
      const bell = Atomics.load(tables.settings, Setting.DOORBELL);
      const isBusy = this.#handleEvents() === EVENTS_PER_ROUND;
      const nowMs = shim.nowMs();
      this.#handleTimeouts(nowMs);
      this.#drain(nowMs);
      const deadlineMs = this.#deadlineMs();
      await this.#sleep(bell, isBusy ? 0 : Math.max(0, deadlineMs - shim.nowMs()));
    }
  }

  #handleTimeouts(nowMs: number): void {
    const { device, paths, fakeTcp, control, onTick } = this.#options;
    const due = this.#due;
    if (nowMs >= due.control) control.handleTimeout(nowMs, wallClockMs());
    if (nowMs >= due.device) device.handleTimeout(nowMs, wallClockMs());
    if (nowMs >= due.paths) paths.handleTimeout(nowMs);
    if (nowMs >= due.fakeTcp) fakeTcp?.handleTimeout(nowMs);
    if (nowMs < this.#nextTickMs) return;
    this.#nextTickMs = nowMs + TICK_MS;
    onTick(nowMs);
  }

  #deadlineMs(): number {
    const { device, paths, fakeTcp, control } = this.#options;
    const due = this.#due;
    due.device = device.pollTimeout();
    due.paths = paths.pollTimeout();
    due.control = control.pollTimeout();
    due.fakeTcp = fakeTcp?.pollTimeout() ?? Infinity;
    return Math.min(due.device, due.paths, due.control, due.fakeTcp, this.#nextTickMs);
  }

  /** Waits until the bell rings or the time is over; at least until other tasks of this thread have had their turn. */
  async #sleep(bell: number, timeoutMs: number): Promise<void> {
    const waiting = Atomics.waitAsync(this.#options.tables.settings, Setting.DOORBELL, bell, timeoutMs);
    if (waiting.async) await waiting.value;
    else await new Promise((resolve) => setTimeout(resolve, 0));
  }

  #handleEvents(): number {
    const { lanes, device, shim } = this.#options;
    device.setBacklog(lanes.handshakeBacklog, shim.nowMs());
    let count = 0;
    for (; count < EVENTS_PER_ROUND; count++) {
      const event = lanes.takeEvent();
      if (event === undefined) break;
      this.#handleEvent(event, shim.nowMs());
    }
    return count;
  }

  #handleEvent(event: LaneEvent, nowMs: number): void {
    const { device, paths, fakeTcp, onLaneFailed } = this.#options;
    switch (event.kind) {
      case EventKind.LANE_FAILED:
        return onLaneFailed(event.peerRow, event.number);
      case EventKind.MESSAGE:
        return this.#handleMessage(event, nowMs);
      case EventKind.PROBE_WANTED:
        return paths.handleProbeWanted(event.peerRow, nowMs);
      case EventKind.SEND_FAILED:
        if (PATH_REFUSALS.includes(event.number)) paths.handleSendFailure(event.peerRow, event.path, nowMs);
        return;
      case EventKind.UNREACHABLE:
        // That a datagram was too long says nothing against the path.
        if (event.number === Errno.EMSGSIZE) return;
        return paths.handleUnreachable(transportOf(event.path), event.endpoint, nowMs);
      case EventKind.BORDER_LOSS:
        return paths.handleBorderLoss(event.endpoint, event.number, nowMs);
      case EventKind.SEGMENT:
        return fakeTcp?.handlePacket(event.payload, nowMs);
      default:
        device.handleEvent(event, nowMs, wallClockMs());
    }
  }

  #handleMessage(message: LaneEvent, nowMs: number): void {
    const { device, paths, control } = this.#options;
    const { payload, number, path, peerRow } = message;
    const type = number & 0xff;
    const reason = type === MessageType.PATH
      ? paths.handleMessage(peerRow, payload, path, nowMs)
      : control.handleMessage(message, type, number >> 8, nowMs, wallClockMs());
    if (reason !== Reason.NONE) device.countDrop(reason);
  }

  /** Does what the parts want done, until none wants anything any more. */
  #drain(nowMs: number): void {
    const { device, paths, fakeTcp, lanes, control } = this.#options;
    for (let isDone = false; !isDone;) {
      isDone = true;
      // Before the device says that something came on a connection, the paths must know that it is open.
      if (fakeTcp?.drain(paths, nowMs)) isDone = false;
      for (let event = device.pollEvent(); event !== undefined; event = device.pollEvent()) {
        isDone = false;
        if (event.kind === "wake lanes") lanes.wake();
        paths.handleDeviceEvent(event, nowMs);
        control.handleDeviceEvent(event, nowMs);
      }
      while (device.pollTransmit(this.#transmit)) this.#send(nowMs);
    }
  }

  /** Sends one datagram of the device. That it is lost is no error: its timers send another. */
  #send(nowMs: number): void {
    const { endpoint, octets, length, path } = this.#transmit;
    const bind = this.#options.binds.find(({ kinds }) => kinds.includes(path));
    if (bind === undefined) return;
    bind.service(nowMs);
    this.#run.fill(0);
    this.#run[1] = length;
    if (bind.sendRuns(octets, this.#run, 1, endpoint) === 1) return;
    const errno = this.#run[RUN_RESULT];
    if (transportOf(path) === Transport.UDP) {
      // The local address that the peer last spoke to may be gone: let the system choose another.
      endpoint.fill(0, 7);
      if (bind.sendRuns(octets, this.#run, 1, endpoint) === 1) return;
    }
    const { paths } = this.#options;
    if (PATH_REFUSALS.includes(errno)) paths.handleSendFailure(this.#transmit.peerRow, path, nowMs);
  }
}
