/**
 * What the HTTP interface may ask of a super node and do to it.
 *
 * @module
 */

import type { NodeId } from "../../base/node_id.ts";
import type { PasswordsConfig } from "../../config/super_config.ts";
import type { PeerReport } from "../../control/messages.ts";
import type { Administration } from "../administration.ts";
import type { Registry } from "../registry.ts";
import type { RouteState } from "../route_calculator.ts";

/** A super node, as far as HTTP is concerned. */
export interface SuperApi {
  readonly registry: Registry;
  readonly administration: Administration;
  readonly passwords: PasswordsConfig;
  /** Monotonic time. */
  nowMs(): number;
  /** Wall-clock time. */
  wallMs(): number;
  /** Takes in a report that has passed all checks. */
  takeReport(nodeId: NodeId, report: PeerReport): void;
  /** Returns the tables of links and routes. */
  routeState(): Promise<RouteState>;
}
