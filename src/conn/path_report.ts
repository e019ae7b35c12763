/**
 * Finds out what changed about a path since the owner was last told.
 *
 * @module
 */

import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import type { PathEvent } from "./path_event.ts";
import type { Path } from "./path.ts";

/** How a path stands, as far as the owner is told. */
type Standing = "none" | "up" | "down";

/** What the owner was told of a peer's paths. */
export class PathReport {
  /** Both by kind. */
  readonly #standings: Standing[] = new Array(PATH_KIND_COUNT).fill("none");
  readonly #limits = new Float64Array(PATH_KIND_COUNT);

  /** Appends an event for each thing that changed. */
  compare(path: Path, events: PathEvent[]): void {
    this.#compareStanding(path, events);
    const limit = path.isUsable ? path.mtu.limit : 0;
    if (limit === this.#limits[path.kind]) return;
    this.#limits[path.kind] = limit;
    if (limit > 0) events.push({ kind: "limit", path: path.kind, maxDatagramLen: limit });
  }

  #compareStanding(path: Path, events: PathEvent[]): void {
    const { kind } = path;
    const told = this.#standings[kind];
    const standing = standingOf(path, told);
    if (standing === told) return;
    this.#standings[kind] = standing;
    if (standing === "up") events.push({ kind: "path up", path: kind });
    if (standing === "down") events.push({ kind: "path down", path: kind, why: path.deathCause });
    if (told === "up" && !path.isUsable) events.push({ kind: "path down", path: kind, why: "gone" });
  }
}

function standingOf(path: Path, told: Standing): Standing {
  if (!path.isUsable || path.state === "unknown" || path.state === "probing") return "none";
  // Doubt makes no path work that didn't: one on which a peer was called in vain, or that gets another chance.
  if (path.state === "suspect") return told === "up" ? "up" : "none";
  return path.state === "dead" ? "down" : "up";
}
