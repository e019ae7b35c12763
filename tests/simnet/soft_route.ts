/**
 * Where content goes that the lane of a simulated node opened: as `dataplane/inbound.ts` has it, but for broadcasts, which
 * simulations don't send.
 *
 * @module
 */

import {
  BROADCAST_NODE_ID,
  INVALID_NODE_ID,
  isOrdinaryNodeId,
  type NodeId,
  SPREAD_NODE_ID,
  SUPER_NODE_ID,
} from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { isKnownUsage, isNeighbourUsage, MessageType } from "../../src/wire/message_type.ts";

/** What is read of a message to know where it goes. */
export interface RoutedMessage {
  readonly type: number;
  readonly source: NodeId;
  readonly destination: NodeId;
  readonly isFromSuper: boolean;
}

/** Returns where a message goes, or the reason for which it goes nowhere. */
export function placeOf(message: RoutedMessage, selfNodeId: NodeId): "control" | "here" | "on" | number {
  const { type, source, destination, isFromSuper } = message;
  if (!isNeighbourUsage(type) && !isKnownUsage(type)) return Reason.USAGE_UNKNOWN;
  if (source === selfNodeId) return Reason.OWN_SOURCE;
  if (type === MessageType.SERVER_UPDATE && !isFromSuper) return Reason.USAGE_FORBIDDEN;
  if (isNeighbourUsage(type)) return destination === selfNodeId ? "control" : Reason.USAGE_FORBIDDEN;
  if (selfNodeId === SUPER_NODE_ID) {
    const isMeant = destination === SUPER_NODE_ID && (type === MessageType.REGISTER || type === MessageType.PONG);
    return isMeant ? "control" : Reason.USAGE_FORBIDDEN;
  }
  const floods = destination === SPREAD_NODE_ID || destination === BROADCAST_NODE_ID;
  if (type === MessageType.SERVER_UPDATE && floods) return Reason.USAGE_FORBIDDEN;
  if (destination === SPREAD_NODE_ID) return "control";
  if (destination === SUPER_NODE_ID && type !== MessageType.SERVER_UPDATE) return Reason.USAGE_FORBIDDEN;
  if (destination === INVALID_NODE_ID) return Reason.NO_ROUTE;
  if (isOrdinaryNodeId(destination) && destination !== selfNodeId) return "on";
  if (type === MessageType.NORMAL) return "here";
  return type === MessageType.REGISTER ? Reason.USAGE_FORBIDDEN : "control";
}
