/**
 * The control thread's loop: takes what lanes report, lets the device decide, sends what it wants sent, and sleeps until
 * there is a report or a deadline.
 *
 * @module
 */

import { wallClockMs } from "../base/clock.ts";
import { Reason } from "../base/reason.ts";
import type { Bind } from "../conn/bind.ts";
import { EventKind, type LaneEvent } from "../dataplane/events.ts";
import { Setting, type Tables } from "../dataplane/tables.ts";
import { createTransmit, type Device, type DeviceEvent } from "../device/device.ts";
import type { Shim } from "../ffi/shim.ts";
import { RUN_WORDS } from "../ffi/symbols.ts";
import type { SpreadRelay } from "../control/spread.ts";
import type { LanePool } from "./lane_pool.ts";

/** Reports handled before signals and lookups get their turn. */
const EVENTS_PER_ROUND = 256;
/** Time between two calls of {@linkcode ControlLoopOptions.onTick}. */
const TICK_MS = 1_000;

/** What the loop joins. */
export interface ControlLoopOptions {
  readonly tables: Tables;
  readonly device: Device;
  readonly spread: SpreadRelay;
  readonly lanes: LanePool;
  /** One for each address family, on the lanes' own sockets. */
  readonly binds: readonly Bind[];
  readonly shim: Shim;
  /** What the device reports, but for the wake-ups, which the loop does itself. */
  readonly onDeviceEvent: (event: DeviceEvent) => void;
  /** A descriptor of a lane is broken for good; `which` is its position: 0 the tap, then the binds. */
  readonly onLaneFailed: (which: number, errno: number) => void;
  /** Called about every second. */
  readonly onTick: (nowMs: number) => void;
}

/** Runs until it is stopped. */
export class ControlLoop {
  readonly #options: ControlLoopOptions;
  readonly #transmit = createTransmit();
  readonly #run = new Uint32Array(RUN_WORDS);
  #isStopped = false;
  #nextTickMs = 0;

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
    const { tables, device, shim } = this.#options;
    while (!this.#isStopped) {
      const bell = Atomics.load(tables.settings, Setting.DOORBELL);
      const isBusy = this.#handleEvents() === EVENTS_PER_ROUND;
      const nowMs = shim.nowMs();
      if (nowMs >= device.pollTimeout()) device.handleTimeout(nowMs, wallClockMs());
      if (nowMs >= this.#nextTickMs) {
        this.#nextTickMs = nowMs + TICK_MS;
        this.#options.onTick(nowMs);
      }
      this.#drainDevice();
      const deadlineMs = Math.min(device.pollTimeout(), this.#nextTickMs);
      await this.#sleep(bell, isBusy ? 0 : Math.max(0, deadlineMs - shim.nowMs()));
    }
  }

  /** Waits until the bell rings or the time is over; at least until other tasks of this thread have had their turn. */
  async #sleep(bell: number, timeoutMs: number): Promise<void> {
    const waiting = Atomics.waitAsync(this.#options.tables.settings, Setting.DOORBELL, bell, timeoutMs);
    if (waiting.async) await waiting.value;
    else await new Promise((resolve) => setTimeout(resolve, 0));
  }

  #handleEvents(): number {
    const { lanes, device, shim } = this.#options;
    device.setBacklog(lanes.backlog, shim.nowMs());
    let count = 0;
    for (; count < EVENTS_PER_ROUND; count++) {
      const event = lanes.takeEvent();
      if (event === undefined) break;
      this.#handleEvent(event, shim.nowMs());
    }
    return count;
  }

  #handleEvent(event: LaneEvent, nowMs: number): void {
    const { device, spread, onLaneFailed } = this.#options;
    switch (event.kind) {
      case EventKind.LANE_FAILED:
        return onLaneFailed(event.peerRow, event.number);
      case EventKind.MESSAGE: {
        const { payload, number, peerRow } = event;
        const reason = spread.handleMessage(payload, number & 0xff, number >> 8, peerRow, nowMs);
        if (reason !== Reason.NONE) device.countDrop(reason);
        return;
      }
      default:
        device.handleEvent(event, nowMs, wallClockMs());
    }
  }

  #drainDevice(): void {
    const { device, lanes, onDeviceEvent } = this.#options;
    while (device.pollTransmit(this.#transmit)) this.#send();
    for (let event = device.pollEvent(); event !== undefined; event = device.pollEvent()) {
      if (event.kind === "wake lanes") lanes.wake();
      else onDeviceEvent(event);
    }
  }

  /** Sends one datagram of the device. That it is lost is no error: its timers send another. */
  #send(): void {
    const { endpoint, octets, length } = this.#transmit;
    const bind = this.#options.binds.find(({ family }) => family === endpoint[0]);
    if (bind === undefined) return;
    this.#run.fill(0);
    this.#run[1] = length;
    if (bind.sendRuns(octets, this.#run, 1, endpoint) === 1) return;
    // The local address that the peer last spoke to may be gone: let the system choose another.
    endpoint.fill(0, 7);
    bind.sendRuns(octets, this.#run, 1, endpoint);
  }
}
