/**
 * A super node that follows a script, and an edge's client beside it, in virtual time.
 *
 * The super knows of the edge what a real one knows: the tokens of the last registration that arrived, and of the downloads
 * that it answered. Every second it pushes what differs.
 *
 * @module
 */

import { seededRandom } from "../../src/base/random.ts";
import type {
  AnswerHandler,
  DocumentPayload,
  DocumentSource,
  SourceAnswer,
} from "../../src/control/document_source.ts";
import { DocumentKind, type EdgeParameters, type ListedPeer } from "../../src/control/documents.ts";
import { type PeerReport, type Register, ServerAction, type ServerUpdate } from "../../src/control/messages.ts";
import { SuperClient, type SuperClientOptions } from "../../src/control/super_client.ts";
import type { NextHopTable } from "../../src/route/next_hop.ts";
import { RecordingLog } from "../node/recording_log.ts";

/** Something the client did. */
export interface Deed {
  readonly atMs: number;
  readonly what: string;
}

/** A request that the client made. */
export interface Request {
  readonly atMs: number;
  readonly kind: number;
  readonly payload: DocumentPayload;
}

const PARAMETERS = { SendPingInterval: 15, HttpPostInterval: 50, PeerAliveTimeout: 70, DampingFilterRadius: 4 };
/** Public keys of nodes 1 (the client's) and 2. */
const KEYS = [1, 2].map((octet) => new Uint8Array(32).fill(octet).toBase64());
const LATENCY_MS = 20;
const EMPTY_REPORT: PeerReport = { pongs: [], localV4: new Map(), localV6: new Map() };

const ACTIONS: ReadonlyMap<number, number> = new Map([
  [DocumentKind.PARAMETERS, ServerAction.UPDATE_PARAMETERS],
  [DocumentKind.PEERS, ServerAction.UPDATE_PEERS],
  [DocumentKind.NEXT_HOPS, ServerAction.UPDATE_NEXT_HOP],
]);

/** An answer with a document. */
export function found(document: unknown): SourceAnswer {
  return { status: 200, body: new TextEncoder().encode(JSON.stringify(document)) };
}

/** A world of one edge and one super. */
export class ScriptedSuper implements DocumentSource {
  nowMs = 0;
  readonly log = new RecordingLog();
  readonly deeds: Deed[] = [];
  readonly requests: Request[] = [];
  readonly registers: (Register & { readonly atMs: number })[] = [];
  /** Of each kind, what the super has. */
  readonly tokens = new Map<number, string>();
  readonly documents = new Map<number, unknown>([
    [DocumentKind.PARAMETERS, PARAMETERS],
    [DocumentKind.PEERS, { [KEYS[1]]: { NodeID: 2, PSKey: "", Connurl: { ExternalV4: { "198.51.100.2:3001": 4 } } } }],
    [DocumentKind.NEXT_HOPS, { 1: { 2: 2 }, 2: { 1: 1 } }],
  ]);
  /** Whether a registration, an update or a request gets through; all do if left out. */
  passes: (what: "register" | "update" | "request") => boolean = () => true;
  /** What a request gets in place of the document; the document if it returns `undefined`, silence for "none". */
  interfere: (request: Request) => SourceAnswer | "none" | undefined = () => undefined;
  hasSource = true;
  readonly client: SuperClient;
  /** What the super believes the edge has; `undefined` before the first registration. */
  #held: Map<number, string> | undefined;
  readonly #queue: { readonly atMs: number; readonly run: () => void }[] = [];
  #nextPushMs = 0;

  constructor(options: Partial<SuperClientOptions> = {}) {
    for (const kind of ACTIONS.keys()) this.tokens.set(kind, `first-${kind}`);
    this.client = new SuperClient({
      selfNodeId: 1,
      selfPublicKey: Uint8Array.fromBase64(KEYS[0]),
      skipsLocalAddresses: false,
      preferredFamily: 0,
      wireVersion: "v0.3.5-test",
      tokenKey: new Uint8Array(32),
      pingIntervalMs: 0,
      random: seededRandom(7),
      log: this.log,
      source: () => this.hasSource ? this : undefined,
      report: () => EMPTY_REPORT,
      onReported: () => {},
      applyParameters: (parameters: EdgeParameters) => this.#note(`parameters ping ${parameters.pingIntervalMs}`),
      applyPeers: (peers: readonly ListedPeer[]) => this.#note(`peers ${peers.map(({ nodeId }) => nodeId)}`),
      applyNextHops: (table: NextHopTable) => this.#note(`next hops of ${Object.keys(table)}`),
      onStop: (exitCode, reason) => this.#note(`stop ${exitCode}: ${reason}`),
      ...options,
    }, 0);
  }

  /** The super has another state of a document. */
  change(kind: number, token: string, document = this.documents.get(kind)): void {
    this.tokens.set(kind, token);
    this.documents.set(kind, document);
  }

  /** The super ends and starts again: it knows nothing of the edge, and all tokens are new. */
  restart(life: string): void {
    this.#held = undefined;
    for (const kind of ACTIONS.keys()) this.tokens.set(kind, `${life}-${kind}`);
  }

  /** Pushes a state at once, as if the super had sent it. Returns the reason for which the client dropped it. */
  push(kind: number, token: string): number {
    return this.update({ action: ACTIONS.get(kind)!, params: token });
  }

  /** Hands an update over at once. */
  update(update: Partial<ServerUpdate>): number {
    return this.client.handleServerUpdate({ nodeId: 65533, action: 0, code: 0, params: "", ...update }, this.nowMs);
  }

  /** A session was made. */
  establish(): void {
    this.client.handleSuperSession(this.nowMs);
    this.#settle();
  }

  /** Lets time pass; `onEvent` sees every moment at which something happens. */
  run(untilMs: number): void {
    for (;;) {
      const nextMs = Math.min(this.client.pollTimeout(), this.#queue[0]?.atMs ?? Infinity, this.#nextPushMs);
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      while (this.#queue.length > 0 && this.#queue[0].atMs <= this.nowMs) this.#queue.shift()!.run();
      if (this.nowMs >= this.#nextPushMs) this.#pushAll();
      this.client.handleTimeout(this.nowMs);
      this.#settle();
    }
    this.nowMs = untilMs;
    this.client.handleTimeout(untilMs);
    this.#settle();
  }

  /** Times of the requests for documents of a kind. */
  requestTimes(kind: number): number[] {
    return this.requests.filter((request) => request.kind === kind).map(({ atMs }) => atMs);
  }

  request(kind: number, payload: DocumentPayload, onAnswer: AnswerHandler, nowMs: number): void {
    const request = { atMs: nowMs, kind, payload };
    this.requests.push(request);
    const answer = this.passes("request") ? this.interfere(request) ?? this.#answer(request) : "none";
    if (answer === "none") this.#at(nowMs + 8_000, () => onAnswer(undefined, this.nowMs));
    else this.#at(nowMs + LATENCY_MS, () => onAnswer(answer, this.nowMs));
  }

  #answer({ kind, payload }: Request): SourceAnswer {
    if ("report" in payload) return { status: 200, body: new Uint8Array() };
    if (payload.stateToken !== this.tokens.get(kind)) return { status: 404, body: new Uint8Array() };
    this.#held?.set(kind, payload.stateToken);
    return found(this.documents.get(kind));
  }

  #pushAll(): void {
    this.#nextPushMs = this.nowMs + 1_000;
    for (const [kind, action] of ACTIONS) {
      const token = this.tokens.get(kind)!;
      if (this.#held === undefined || this.#held.get(kind) === token || !this.passes("update")) continue;
      this.update({ action, params: token });
    }
  }

  #settle(): void {
    const register = this.client.pollRegister();
    if (register === undefined) return;
    this.registers.push({ atMs: this.nowMs, ...register });
    if (!this.passes("register")) return;
    this.#at(this.nowMs + LATENCY_MS, () => {
      this.#held = new Map([
        [DocumentKind.PARAMETERS, register.parametersHash],
        [DocumentKind.PEERS, register.peersHash],
        [DocumentKind.NEXT_HOPS, register.nextHopHash],
      ]);
    });
  }

  #at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs, run });
    this.#queue.sort((a, b) => a.atMs - b.atMs);
  }

  #note(what: string): void {
    this.deeds.push({ atMs: this.nowMs, what });
  }
}
