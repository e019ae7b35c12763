/**
 * Node identifiers: 16-bit numbers that name the vertices of the network.
 *
 * Source: `behaviour.md` §0.1; reference node, `mtypes/vertex.go`.
 *
 * @module
 */

/** A 16-bit node identifier. 0 to {@linkcode MAX_ORDINARY_NODE_ID} name nodes; the four above are reserved. */
export type NodeId = number;

/** Greatest identifier that an edge may carry. */
export const MAX_ORDINARY_NODE_ID: NodeId = 0xfffb;
/** "No route"; also the first reserved value. */
export const INVALID_NODE_ID: NodeId = 0xfffc;
/** The super node, in every session with it. */
export const SUPER_NODE_ID: NodeId = 0xfffd;
/** Destination of control messages that flood to every known neighbour. */
export const SPREAD_NODE_ID: NodeId = 0xfffe;
/** Destination of frames that follow the broadcast tree. */
export const BROADCAST_NODE_ID: NodeId = 0xffff;
/** Count of values a node identifier can take; the length of tables indexed by one. */
export const NODE_ID_SPACE = 0x10000;

/** Tells whether `id` names an ordinary node rather than a reserved destination. */
export function isOrdinaryNodeId(id: NodeId): boolean {
  return id <= MAX_ORDINARY_NODE_ID;
}

/** Formats an identifier for people: reserved ones by name, others in decimal. */
export function formatNodeId(id: NodeId): string {
  switch (id) {
    case INVALID_NODE_ID:
      return "invalid";
    case SUPER_NODE_ID:
      return "super";
    case SPREAD_NODE_ID:
      return "spread";
    case BROADCAST_NODE_ID:
      return "broadcast";
    default:
      return String(id);
  }
}
