/**
 * What all parts of the device share.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import type { RandomSource } from "../base/random.ts";
import { REASON_COUNT } from "../base/reason.ts";
import type { Tables } from "../dataplane/tables.ts";
import type { TimerParams } from "../noise/constants.ts";
import type { Identity } from "../noise/handshake.ts";
import type { Primitives } from "../noise/primitives.ts";
import type { LogThrottle } from "./log_throttle.ts";
import type { Outbox } from "./outbox.ts";
import type { ReturnWatch } from "./return_watch.ts";
import type { EndpointPolicy } from "./endpoint_policy.ts";
import type { SessionTable } from "./session_table.ts";

/** What the user decides about a device. */
export interface DeviceSettings {
  /** Learn private addresses from what others send; see `base/private_address.ts`. */
  readonly allowPrivateIp: boolean;
  /** Use no preshared key with any peer: reference nodes ignore the one in their file. */
  readonly ignorePresharedKey: boolean;
  /** Peers come and go while the node runs, so that one who calls may be about to become known: that is no news. */
  readonly learnsPeers?: boolean;
  /** A peer that sent nothing for so long is dead, and its name is to be resolved again; ms. */
  readonly peerAliveTimeoutMs: number;
}

/** What all parts of the device share. */
export interface DeviceContext {
  readonly identity: Identity;
  readonly primitives: Primitives;
  readonly tables: Tables;
  readonly random: RandomSource;
  readonly timers: TimerParams;
  readonly settings: DeviceSettings;
  readonly log: Logger;
  readonly throttle: LogThrottle;
  readonly returns: ReturnWatch;
  readonly sessions: SessionTable;
  readonly endpoints: EndpointPolicy;
  readonly outbox: Outbox;
}

/** Counts something dropped, in the control thread's row of counters. */
export function countDrop(context: DeviceContext, reason: number): void {
  const { dropped, shape } = context.tables;
  dropped[shape.laneCount * REASON_COUNT + reason]++;
}
