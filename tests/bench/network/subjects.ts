/**
 * All subjects of the benchmark, and which of them the ratios compare.
 *
 * @module
 */

import type { Subject } from "./subject.ts";
import { etherguardFakeTcpSubject, etherguardUdpSubject } from "./subject_etherguard.ts";
import { vethSubject } from "./subject_veth.ts";
import { wireguardSubject } from "./subject_wireguard.ts";

/** In the order of the tables. */
export const SUBJECTS: readonly Subject[] = [
  vethSubject,
  etherguardUdpSubject,
  etherguardFakeTcpSubject,
  wireguardSubject,
];
/** Names of the subjects that the ratios compare. */
export const COMPARED = {
  /** Its values are divided … */
  ours: etherguardUdpSubject.name,
  /** … by those of this one. */
  yardstick: wireguardSubject.name,
  /** And those of this one by ours. */
  fakeTcp: etherguardFakeTcpSubject.name,
} as const;
