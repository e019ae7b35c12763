/**
 * What a change of paths looks like in the log: one line each, for whoever reads it at night.
 *
 * The words of the reference node stay recognisable: "UDP failed", "trying FakeTCP", "UDP recovered".
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import { formatNodeId, type NodeId } from "../base/node_id.ts";
import { PATH_KIND_NAMES, Transport, transportOf } from "../base/path_kind.ts";

/** A change of the path that a peer is sent to on. */
export interface PathSwitch {
  /** Kinds; −1 for none. */
  readonly from: number;
  readonly to: number;
  readonly why: string;
  /** How long nothing was confirmed to arrive before copies went out on another path, ms. */
  readonly darkMs: number;
  /** Messages to the peer that didn't arrive meanwhile. */
  readonly lost: number;
}

/** Writes the lines of one node. */
export class PathLog {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** A switch: what it was, why, how long it was dark, how many were lost. */
  logSwitch(peer: NodeId, { from, to, why, darkMs, lost }: PathSwitch): void {
    const fields = {
      peer: formatNodeId(peer),
      from: nameOf(from),
      to: nameOf(to),
      why,
      darkMs: Math.round(darkMs),
      lost,
    };
    if (from < 0) this.#log.debug("path chosen", fields);
    else if (to < 0) this.#log.warn("no path left", fields);
    else if (transportOf(from) === transportOf(to) || why === "preferred") this.#log.info("path switched", fields);
    else if (why === "recovered") this.#log.info(`${transportName(to)} recovered`, fields);
    else this.#log.warn(`${transportName(from)} failed, trying ${transportName(to)}`, fields);
  }

  /** The current path is in doubt: copies go out on another. */
  logSuspected(peer: NodeId, kind: number): void {
    this.#log.debug("path suspected", { peer: formatNodeId(peer), path: nameOf(kind) });
  }

  /** The doubt was unfounded. */
  logCleared(peer: NodeId, kind: number): void {
    this.#log.debug("path cleared", { peer: formatNodeId(peer), path: nameOf(kind) });
  }

  /** A path works now. */
  logUp(peer: NodeId, kind: number): void {
    this.#log.info("path up", { peer: formatNodeId(peer), path: nameOf(kind) });
  }

  /** A path doesn't work any more. */
  logDown(peer: NodeId, kind: number, why: string): void {
    this.#log.info("path down", { peer: formatNodeId(peer), path: nameOf(kind), why });
  }

  /** The FakeTCP connection that a path led over is closed. */
  logClosed(peer: NodeId, kind: number, why: string): void {
    this.#log.debug("FakeTCP path gone", { peer: formatNodeId(peer), path: nameOf(kind), why });
  }

  /** A path carries datagrams up to another length. */
  logLimit(peer: NodeId, kind: number, maxDatagramLen: number): void {
    this.#log.debug("path limit", { peer: formatNodeId(peer), path: nameOf(kind), maxDatagramLen });
  }

  /** Somebody on the way re-cuts what we send in one go. */
  logSingles(peer: NodeId, kind: number): void {
    this.#log.warn("somebody in the path re-cuts TCP segments; datagrams go one by one from now on", {
      peer: formatNodeId(peer),
      path: nameOf(kind),
    });
  }

  /** A TCP proxy stands in the path. */
  logProxy(peer: NodeId, kind: number): void {
    this.#log.error("a TCP proxy stands in the path, FakeTCP can't pass it", {
      peer: formatNodeId(peer),
      path: nameOf(kind),
      remedy: "use another TCP port, or a network without a transparent proxy",
    });
  }
}

function nameOf(kind: number): string {
  return PATH_KIND_NAMES[kind] ?? "none";
}

function transportName(kind: number): string {
  return transportOf(kind) === Transport.UDP ? "UDP" : "FakeTCP";
}
