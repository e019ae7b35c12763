/**
 * All subjects of the benchmark, and which of them the ratios compare.
 *
 * @module
 */

import type { Subject } from "./subject.ts";
import { etherguardUdpSubject } from "./subject_etherguard.ts";
import { vethSubject } from "./subject_veth.ts";
import { wireguardSubject } from "./subject_wireguard.ts";

/** In the order of the tables. */
export const SUBJECTS: readonly Subject[] = [vethSubject, etherguardUdpSubject, wireguardSubject];
/** The subject whose values are divided … */
export const OURS = etherguardUdpSubject.name;
/** … by those of this one. */
export const YARDSTICK = wireguardSubject.name;
