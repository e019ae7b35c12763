/**
 * An edge of super mode in the simulated network: a node with the real control of an edge.
 *
 * @module
 */

import { PathKind, Transport, transportOf } from "../../src/base/path_kind.ts";
import { type NodeId, SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { WIRE_VERSION } from "../../src/base/version.ts";
import { formatKey } from "../../src/config/key_text.ts";
import { EdgeControl } from "../../src/control/edge_control.ts";
import type { AnswerHandler, DocumentPayload, DocumentSource } from "../../src/control/document_source.ts";
import type { LatencyParameters } from "../../src/control/latency_probes.ts";
import type { PeerReport } from "../../src/control/messages.ts";
import { NO_ROW_16, PeerState, Setting } from "../../src/dataplane/tables.ts";
import { endpointOf, fraction, type SimAddress, type SimNetwork } from "./network.ts";
import { randomKey, SimNode, type SimNodeOptions } from "./node.ts";
import { fastPrimitives } from "./fast_primitives.ts";
import { SIM_PARAMETERS, type SimSuper, type SimSuperAddress } from "./super.ts";

/** How an edge is made. */
export interface SimEdgeOptions extends Partial<SimNodeOptions> {
  readonly address: SimAddress;
  /** Where it finds the identities of its super node. */
  readonly supers: readonly SimSuperAddress[];
  /** Between it and the super. */
  readonly presharedKey?: Uint8Array;
  /** False: it forwards nothing for others. */
  readonly relays?: boolean;
  readonly parameters?: Partial<LatencyParameters>;
  readonly hasFakeTcp?: boolean;
  /** Period of looking for dead peers, ms. */
  readonly timeoutCheckIntervalMs?: number;
  /** A way to the super besides the session; without it there is none. */
  readonly http?: SimHttpLine;
}

/** What lies between an edge and the HTTP server of its super node. */
export interface SimHttpLine {
  /** The super node that runs now. */
  readonly reach: () => SimSuper;
  /** In each direction, ms. */
  readonly delayMs: number;
  /** Probability that a request, or its answer, doesn't arrive. */
  readonly loss: number;
}

/** After so long a request has no answer, ms; `http-api.md` §6. */
const HTTP_TIMEOUT_MS = 8_000;

/** An edge. */
export class SimEdge {
  readonly nodeId: NodeId;
  readonly node: SimNode;
  readonly control: EdgeControl;
  /** Rows of the sessions with the super node. */
  readonly superRows: readonly number[];
  /** By which the super node has ended it. */
  stopOrder: { readonly exitCode: number; readonly why: string } | undefined;
  /** What is to be added to its wall clock, ms: what time servers would tell it. */
  wallClockOffsetMs = 0;
  /** Whether time servers have told it. */
  isClockReady = true;
  readonly #network: SimNetwork;

  constructor(network: SimNetwork, nodeId: NodeId, options: SimEdgeOptions) {
    const { supers, relays = true, parameters, hasFakeTcp = false, otherAddress, presharedKey } = options;
    this.nodeId = nodeId;
    this.#network = network;
    const families = [options.address, ...otherAddress === undefined ? [] : [otherAddress]]
      .map((address) => endpointOf(address)[0]);
    const kinds = Object.values(PathKind).filter((kind) =>
      families.includes(kind === PathKind.UDP4 || kind === PathKind.FAKETCP4 ? 4 : 6) &&
      (hasFakeTcp || transportOf(kind) === Transport.UDP)
    );
    this.node = new SimNode(network, nodeId, {
      primitives: fastPrimitives,
      paths: { fakeTcp: hasFakeTcp, order: kinds },
      ...options,
    });
    const { device, paths, tables, logger: log } = this.node;
    if (paths === undefined) throw new TypeError("Cannot make an edge without paths");
    tables.settings[Setting.DISABLE_RELAY] = relays ? 0 : 1;
    const { nowMs } = network;
    const reached = supers.filter(({ address }) => families.includes(endpointOf(address)[0]));
    this.superRows = reached.map(({ publicKey }) => {
      const row = device.addPeer({ nodeId: SUPER_NODE_ID, publicKey, presharedKey, role: PeerState.SUPER }, nowMs);
      paths.addPeer(row, SUPER_NODE_ID, nowMs);
      return row;
    });
    const tokenKey = randomKey(network.random);
    this.control = new EdgeControl({
      device,
      paths,
      selfNodeId: nodeId,
      columns: tables,
      nextHopTable: {},
      spread: { duplicateTimeoutMs: 40_000, relays },
      random: network.random,
      log,
      onUnanswered: () => {},
      superMode: {
        wireVersion: WIRE_VERSION,
        superRows: this.superRows,
        peers: [],
        parameters: { ...SIM_PARAMETERS, additionalCostMs: 0, ...parameters },
        relays,
        kinds,
        timeoutCheckIntervalMs: options.timeoutCheckIntervalMs ?? 20_000,
        skipsLocalAddresses: false,
        preferredFamily: 0,
        tokenKey,
        wallClockOffsetMs: () => this.wallClockOffsetMs,
        isClockReady: () => this.isClockReady,
        localAddresses: () => this.#localAddresses(),
        http: options.http && this.#httpOver(options.http, tokenKey),
        onPeerRemoved: () => {},
        onStop: (exitCode, why) => {
          this.stopOrder = { exitCode, why };
        },
      },
    }, nowMs);
    this.node.setControl(this.control);
    for (const [index, { address }] of reached.entries()) this.#callSuper(this.superRows[index], address, hasFakeTcp);
  }

  /** Tells whether it has a session with another edge. */
  hasSession(nodeId: NodeId): boolean {
    const { device } = this.node;
    const row = device.peerRows.get(nodeId);
    return row !== undefined && device.hasSession(row, this.#network.nowMs);
  }

  /** The edge that is next on the way to another, by the routes in force; `undefined` for none. */
  nextHopTo(nodeId: NodeId): NodeId | undefined {
    const { tables, device } = this.node;
    const row = tables.nextHopPeer[nodeId];
    return row === NO_ROW_16 ? undefined : device.nodeOf(row);
  }

  /** Ids of the other edges that it knows, ascending. */
  peers(): NodeId[] {
    return [...this.node.device.peerRows.keys()].sort((a, b) => a - b);
  }

  /** Makes all its datagrams end: it was switched off. */
  stop(): void {
    this.node.stop();
  }

  #callSuper(row: number, address: SimAddress, hasFakeTcp: boolean): void {
    const { paths } = this.node;
    const endpoint = endpointOf(address);
    this.node.act((device, nowMs) => {
      paths?.setEndpoint(row, endpoint[0] === 4 ? PathKind.UDP4 : PathKind.UDP6, endpoint, nowMs);
      if (hasFakeTcp) {
        paths?.setEndpoint(row, endpoint[0] === 4 ? PathKind.FAKETCP4 : PathKind.FAKETCP6, endpoint, nowMs);
      }
      device.beginHandshake(row, nowMs);
    });
  }

  #localAddresses(): Pick<PeerReport, "localV4" | "localV6"> {
    const { translator, address } = this.node.attachment;
    const isLocal = translator !== undefined;
    return { localV4: new Map(isLocal ? [[`${address.ip}:${address.port}`, 100]] : []), localV6: new Map() };
  }

  #httpOver(line: SimHttpLine, tokenKey: Uint8Array): DocumentSource {
    const network = this.#network;
    const { nodeId } = this;
    const publicKey = formatKey(this.node.device.publicKey);
    const isLost = () => fraction(network.random) < line.loss;
    function request(
      edge: SimNode,
      kind: number,
      payload: DocumentPayload,
      onAnswer: AnswerHandler,
      nowMs: number,
    ): void {
      let isOver = false;
      const end: AnswerHandler = (answer, atMs) => {
        if (isOver) return;
        isOver = true;
        onAnswer(answer, atMs);
        edge.ring();
      };
      network.at(nowMs + HTTP_TIMEOUT_MS, () => end(undefined, network.nowMs));
      if (isLost()) return;
      network.at(nowMs + line.delayMs, () => {
        const answer = line.reach().answer({ kind, nodeId, publicKey, tokenKey, payload });
        if (isLost()) return;
        network.at(network.nowMs + line.delayMs, () => end(answer, network.nowMs));
      });
    }
    return {
      request: (kind, payload, onAnswer, nowMs) => request(this.node, kind, payload, onAnswer, nowMs),
    };
  }
}
