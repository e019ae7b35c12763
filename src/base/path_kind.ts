/**
 * The kinds of paths to a peer: a transport and an address family.
 *
 * A peer has at most one path of each kind. The numbers are indices of table columns and stand in messages between our own
 * nodes, so they never change.
 *
 * @module
 */

/** How datagrams travel. */
export const Transport = {
  UDP: 0,
  /** Dressed as TCP segments. */
  FAKETCP: 1,
} as const;

/** A transport and an address family, in the usual order of preference. */
export const PathKind = { UDP6: 0, UDP4: 1, FAKETCP6: 2, FAKETCP4: 3 } as const;

/** Count of kinds: the width of columns that have one entry a path. */
export const PATH_KIND_COUNT = 4;

/** Name of each kind, by number. */
export const PATH_KIND_NAMES: readonly string[] = ["udp6", "udp4", "faketcp6", "faketcp4"];

/** Returns the kind of a transport and an address family, 4 or 6. */
export function pathKindOf(transport: number, family: number): number {
  return transport * 2 + (family === 4 ? 1 : 0);
}

/** Returns the transport of a kind. */
export function transportOf(kind: number): number {
  return kind >> 1;
}

/** Returns the address family of a kind: 4 or 6. */
export function familyOf(kind: number): number {
  return (kind & 1) === 1 ? 4 : 6;
}
