/**
 * An edge that is cheap enough to have a thousand of: towards its super node it does what an edge does, but it has no sessions
 * with other edges, makes its measurements up, and looks into no document.
 *
 * @module
 */

import { type NodeId, SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { WIRE_VERSION } from "../../src/base/version.ts";
import { formatKey } from "../../src/config/key_text.ts";
import { DocumentExchange } from "../../src/control/document_exchange.ts";
import type { SourceAnswer } from "../../src/control/document_source.ts";
import { DocumentKind, DocumentStatus, FRAGMENT_LEN_MAX } from "../../src/control/documents.ts";
import { decodeServerUpdate, encodePong, encodeRegister } from "../../src/control/message_codec.ts";
import type { Pong } from "../../src/control/messages.ts";
import { ServerAction, TOKEN_KEY_LEN } from "../../src/control/messages.ts";
import { attachTables, createTables, NO_ROW, PeerState, type Tables } from "../../src/dataplane/tables.ts";
import type { DeviceEvent } from "../../src/device/device.ts";
import type { LaneEvent } from "../../src/dataplane/events.ts";
import type { NodeControl } from "../../src/node/control_loop.ts";
import { EG_HEADER_LEN } from "../../src/wire/eg_header.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { fastPrimitives } from "./fast_primitives.ts";
import { endpointOf, type SimAddress, type SimNetwork } from "./network.ts";
import { randomKey, SimNode } from "./node.ts";
import type { SimSuper } from "./super.ts";

const SHAPE = { peerCapacity: 32, sourceCapacity: 1, laneCount: 1 };
/** Time between two registrations, ms. */
const REGISTER_INTERVAL_MS = 15_000;
/** Time to the super and back over HTTP, ms. */
const HTTP_ROUND_TRIP_MS = 40;
/** What stands for a download that got no document, or none that is current any more. */
const RETRY_MS = 1_000;

const KINDS: ReadonlyMap<number, number> = new Map([
  [ServerAction.UPDATE_PARAMETERS, DocumentKind.PARAMETERS],
  [ServerAction.UPDATE_PEERS, DocumentKind.PEERS],
  [ServerAction.UPDATE_NEXT_HOP, DocumentKind.NEXT_HOPS],
]);

/** How documents come to an edge. */
export type DocumentWay = "http" | "session";

/** Looks at a document that has just arrived; it isn't kept. */
export type DocumentHandler = (edge: LightEdge, kind: number, body: Uint8Array) => void;

/** An edge. */
export class LightEdge implements NodeControl {
  readonly nodeId: NodeId;
  readonly node: SimNode;
  readonly publicKeyText: string;
  readonly tokenKey = new Uint8Array(TOKEN_KEY_LEN);
  /** Tokens of the states that it has, by kind. */
  readonly tokens = new Map<number, string>();
  /** How often it downloaded, by kind. */
  readonly downloads = new Map<number, number>();
  reportCount = 0;
  readonly #network: SimNetwork;
  readonly #way: DocumentWay;
  readonly #superNode: SimSuper;
  readonly #superRow: number;
  readonly #exchange: DocumentExchange;
  readonly #onDocument: DocumentHandler;
  readonly #running = new Map<number, string>();
  #registerMs = Infinity;

  constructor(
    network: SimNetwork,
    nodeId: NodeId,
    privateKey: Uint8Array,
    address: SimAddress,
    way: DocumentWay,
    superNode: SimSuper,
    onDocument: DocumentHandler,
  ) {
    this.#onDocument = onDocument;
    this.nodeId = nodeId;
    this.#network = network;
    this.#way = way;
    this.#superNode = superNode;
    network.random.fill(this.tokenKey);
    this.node = new SimNode(network, nodeId, {
      address,
      privateKey,
      tables: sparseTables(),
      primitives: fastPrimitives,
    });
    const { device } = this.node;
    this.publicKeyText = formatKey(device.publicKey);
    const [{ publicKey, address: superAddress }] = superNode.addresses;
    this.#superRow = device.addPeer({
      nodeId: SUPER_NODE_ID,
      publicKey,
      role: PeerState.SUPER,
      endpoint: endpointOf(superAddress),
      endpointIsConfigured: true,
    }, network.nowMs);
    this.#exchange = new DocumentExchange({
      send: (_row, body, nowMs) => this.#send(MessageType.DOCUMENT, body, nowMs),
      serve: () => ({ status: DocumentStatus.NOT_FOUND, document: undefined }),
      random: network.random,
      bodyLenMax: FRAGMENT_LEN_MAX,
    });
    this.node.setControl(this);
  }

  /** Calls the super node. */
  start(): void {
    this.node.act((device, nowMs) => device.beginHandshake(this.#superRow, nowMs));
  }

  /** Reports; `report` is a whole report, encoded. */
  report(report: Uint8Array, onAnswer: (status: number | undefined) => void): void {
    this.node.act((_device, nowMs) => {
      this.#exchange.request(this.#superRow, DocumentKind.REPORT, report, nowMs, (answer) => onAnswer(answer?.status));
    });
  }

  /** Sends a pong by itself. */
  sendPong(pong: Pong): void {
    this.node.act((_device, nowMs) => this.#send(MessageType.PONG, encodePong(pong), nowMs));
  }

  handleMessage({ payload }: LaneEvent, type: number, _ttl: number, nowMs: number): number {
    if (type === MessageType.DOCUMENT) return this.#exchange.handleMessage(this.#superRow, payload, nowMs);
    const update = decodeServerUpdate(payload.subarray(EG_HEADER_LEN));
    const kind = typeof update === "number" ? undefined : KINDS.get(update.action);
    if (typeof update === "number" || kind === undefined) return Reason.MESSAGE_MALFORMED;
    if (this.tokens.get(kind) !== update.params) this.#download(kind, update.params, nowMs);
    return Reason.NONE;
  }

  handleDeviceEvent(event: DeviceEvent, nowMs: number): void {
    if (event.kind === "session established") this.#registerMs = nowMs;
  }

  handleTimeout(nowMs: number): void {
    this.#exchange.handleTimeout(nowMs);
    if (nowMs < this.#registerMs) return;
    this.#registerMs = nowMs + REGISTER_INTERVAL_MS;
    const tokenOf = (kind: number) => this.tokens.get(kind) ?? "";
    const register = {
      nodeId: this.nodeId,
      version: WIRE_VERSION,
      peersHash: tokenOf(DocumentKind.PEERS),
      nextHopHash: tokenOf(DocumentKind.NEXT_HOPS),
      parametersHash: tokenOf(DocumentKind.PARAMETERS),
      tokenKey: this.tokenKey,
      reportCount: this.reportCount,
    };
    this.#send(MessageType.REGISTER, encodeRegister(register), nowMs);
  }

  pollTimeout(): number {
    return Math.min(this.#registerMs, this.#exchange.pollTimeout());
  }

  #send(type: number, body: Uint8Array, nowMs: number): boolean {
    const message = { type, ttl: 0, destination: SUPER_NODE_ID, source: this.nodeId, body };
    return this.node.device.sendMessage(this.#superRow, message, nowMs);
  }

  #download(kind: number, stateToken: string, nowMs: number): void {
    if (this.#running.has(kind)) return;
    this.#running.set(kind, stateToken);
    const end = (answer: SourceAnswer | undefined) => {
      this.#running.delete(kind);
      if (answer?.status !== DocumentStatus.OK) return;
      this.tokens.set(kind, stateToken);
      this.#onDocument(this, kind, answer.body);
      this.downloads.set(kind, (this.downloads.get(kind) ?? 0) + 1);
    };
    if (this.#way === "session") {
      const isBegun = this.#exchange.request(
        this.#superRow,
        kind,
        new TextEncoder().encode(stateToken),
        nowMs,
        (answer) => end(answer),
      );
      if (!isBegun) this.#network.at(nowMs + RETRY_MS, () => this.#running.delete(kind));
      return;
    }
    const { nodeId, publicKeyText: publicKey, tokenKey } = this;
    this.#network.at(nowMs + HTTP_ROUND_TRIP_MS, () => {
      end(this.#superNode.answer({ kind, nodeId, publicKey, tokenKey, payload: { stateToken } }));
    });
  }
}

/** Tables of which only what is used takes memory. */
function sparseTables(): Tables {
  const tables = attachTables(SHAPE, new SharedArrayBuffer(SAMPLE.buffer.byteLength));
  tables.peerCurrentSession.fill(NO_ROW);
  tables.sessionPeer.fill(NO_ROW);
  return tables;
}

const SAMPLE = createTables(SHAPE);

/** Draws private keys and tells their public ones. */
export function drawKeys(network: SimNetwork, count: number): { privateKey: Uint8Array; publicKey: Uint8Array }[] {
  return Array.from({ length: count }, () => {
    const privateKey = randomKey(network.random);
    return { privateKey, publicKey: fastPrimitives.x25519PublicKey(privateKey) };
  });
}
