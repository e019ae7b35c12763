/**
 * Who is to be told of a new state token, and when.
 *
 * An edge tells in its registrations which states it has, and a download shows it, too. Whoever is alive and lacks one is
 * told at once, and again every second, since nobody acknowledges what is told. The state of the next-hop table is told to
 * all that are alive now and again even if they have it: an edge that hears nothing for long gives up the table.
 * Source: `http-api.md` §3; `behaviour.md` §3.6. The reference node tells silent edges of the table as well; we don't, since
 * each such message would begin a handshake with somebody who is away.
 *
 * @module
 */

import { type NodeId, SUPER_NODE_ID } from "../base/node_id.ts";
import { DocumentKind } from "../control/documents.ts";
import { ServerAction, type ServerUpdate } from "../control/messages.ts";
import { NO_STATE } from "./state_token.ts";

/** Period of repeating what had no effect, ms. */
export const PUSH_INTERVAL_MS = 1_000;
/** All edges are looked at together. Whoever was told less than that ago is left for the next time, ms. */
const REPEAT_MIN_MS = PUSH_INTERVAL_MS / 2;

/** Kinds of documents with a state, in the order of telling: an edge begins to report once it has parameters. */
const KINDS = [DocumentKind.PARAMETERS, DocumentKind.PEERS, DocumentKind.NEXT_HOPS] as const;
/** A kind of document that has a state token. */
export type StatefulKind = (typeof KINDS)[number];
/** Keys of the queue: room for a kind beside the NodeId. */
const KIND_BITS = 2;

const ACTIONS: Readonly<Record<StatefulKind, number>> = {
  [DocumentKind.PARAMETERS]: ServerAction.UPDATE_PARAMETERS,
  [DocumentKind.PEERS]: ServerAction.UPDATE_PEERS,
  [DocumentKind.NEXT_HOPS]: ServerAction.UPDATE_NEXT_HOP,
};

/** The states that one edge has, as far as we know, and of which it was told. */
export class EdgeStates {
  readonly #held = new Map<StatefulKind, string>();
  readonly #told = new Map<StatefulKind, { token: string; atMs: number }>();

  /** Token of the state that it has; `""` for none. */
  held(kind: StatefulKind): string {
    return this.#held.get(kind) ?? NO_STATE;
  }

  /** It says that it has a state, or has just downloaded it. */
  hold(kind: StatefulKind, token: string): void {
    this.#held.set(kind, token);
  }

  /** Tells whether it was told of a state since a time. */
  wasToldSince(kind: StatefulKind, token: string, sinceMs: number): boolean {
    const told = this.#told.get(kind);
    return told !== undefined && told.token === token && told.atMs > sinceMs;
  }

  /** It is being told. */
  onTold(kind: StatefulKind, token: string, nowMs: number): void {
    this.#told.set(kind, { token, atMs: nowMs });
  }
}

/** Tells whether documents of a kind have a state token. */
export function isStatefulKind(kind: number): kind is StatefulKind {
  return KINDS.some((stateful) => stateful === kind);
}

/** An edge that can be told. */
export interface PushTarget {
  readonly nodeId: NodeId;
  readonly isAlive: boolean;
  readonly states: EdgeStates;
}

/** A message for all sessions with an edge. */
export interface Push {
  readonly nodeId: NodeId;
  readonly update: ServerUpdate;
}

/** What the plan is made with. */
export interface PushPlanOptions<Edge extends PushTarget> {
  /** Kept by the owner. */
  readonly edges: ReadonlyMap<NodeId, Edge>;
  /** Current token of a kind for an edge; `""` if there is no such document yet. */
  readonly tokenOf: (edge: Edge, kind: StatefulKind) => string;
  /** Period of telling everybody of the next-hop table, ms. */
  readonly rePushIntervalMs: () => number;
  readonly startedMs: number;
}

/** Decides about telling. */
export class PushPlan<Edge extends PushTarget> {
  readonly #options: PushPlanOptions<Edge>;
  /** Edges to be looked at before the others are. */
  readonly #touched = new Set<NodeId>();
  /** A newer token takes the place of an older one that was not sent yet. */
  readonly #queue = new Map<number, Push>();
  #scanDueMs = Infinity;
  #rePushDueMs: number;
  #nowMs: number;

  constructor(options: PushPlanOptions<Edge>) {
    this.#options = options;
    this.#nowMs = options.startedMs;
    this.#rePushDueMs = options.startedMs + options.rePushIntervalMs();
  }

  /** One edge may lack something. */
  touch(nodeId: NodeId): void {
    this.#touched.add(nodeId);
  }

  /** A token has changed that all edges have. */
  touchAll(): void {
    this.#scanDueMs = this.#nowMs;
  }

  /** Lets an edge go. */
  forget(nodeId: NodeId): void {
    this.#touched.delete(nodeId);
    for (const kind of KINDS) this.#queue.delete(queueKey(nodeId, kind));
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    const isRePush = nowMs >= this.#rePushDueMs;
    if (isRePush) this.#rePushDueMs = nowMs + this.#options.rePushIntervalMs();
    const { edges } = this.#options;
    if (isRePush || nowMs >= this.#scanDueMs) {
      this.#scanDueMs = Infinity;
      for (const edge of edges.values()) this.#look(edge, isRePush);
    } else {
      for (const nodeId of this.#touched) {
        const edge = edges.get(nodeId);
        if (edge !== undefined) this.#look(edge, false);
      }
    }
    this.#touched.clear();
  }

  /** Returns when {@linkcode PushPlan.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    if (this.#touched.size > 0 || this.#queue.size > 0) return this.#nowMs;
    return Math.min(this.#scanDueMs, this.#rePushDueMs);
  }

  /** Returns the next message to be sent, or `undefined`. */
  pollPush(): Push | undefined {
    for (const [key, push] of this.#queue) {
      this.#queue.delete(key);
      return push;
    }
    return undefined;
  }

  #look(edge: Edge, isRePush: boolean): void {
    if (!edge.isAlive) return;
    for (const kind of KINDS) {
      const token = this.#options.tokenOf(edge, kind);
      if (token === NO_STATE) continue;
      if (edge.states.held(kind) !== token) {
        this.#scanDueMs = Math.min(this.#scanDueMs, this.#nowMs + PUSH_INTERVAL_MS);
        if (edge.states.wasToldSince(kind, token, this.#nowMs - REPEAT_MIN_MS)) continue;
      } else if (!isRePush || kind !== DocumentKind.NEXT_HOPS) {
        continue;
      }
      edge.states.onTold(kind, token, this.#nowMs);
      this.#queue.set(queueKey(edge.nodeId, kind), {
        nodeId: edge.nodeId,
        update: { nodeId: SUPER_NODE_ID, action: ACTIONS[kind], code: 0, params: token },
      });
    }
  }
}

function queueKey(nodeId: NodeId, kind: StatefulKind): number {
  return (nodeId << KIND_BITS) | kind;
}
