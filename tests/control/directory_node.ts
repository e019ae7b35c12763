/**
 * A node of the simulated network whose peers come from lists, as a super node would push them.
 *
 * @module
 */

import { PathKind, Transport } from "../../src/base/path_kind.ts";
import type { Candidate, ListedPeer } from "../../src/control/documents.ts";
import { PeerDirectory, type PeerDirectoryOptions } from "../../src/control/peer_directory.ts";
import { endpointOf, type SimAddress, type SimNetwork } from "../simnet/network.ts";
import { SimNode, type SimNodeOptions } from "../simnet/node.ts";
import { fastPrimitives } from "../simnet/fast_primitives.ts";
import { RecordingLog } from "../node/recording_log.ts";

/** Where every node is known from outside: it has sent something there. */
const RENDEZVOUS = { ip: "20.0.0.250", port: 3000 };
/** How late a node's owner looks at what its device reports, ms. */
const LOOK_INTERVAL_MS = 5;
/** Period of looking for dead peers. */
export const CHECK_INTERVAL_MS = 20_000;

/** How a node is made, and how its directory differs. */
export interface DirectoryNodeOptions extends Partial<SimNodeOptions> {
  readonly directory?: Partial<PeerDirectoryOptions>;
}

/** A node with a directory. */
export class DirectoryNode {
  readonly sim: SimNode;
  readonly directory: PeerDirectory;
  readonly log = new RecordingLog();
  /** Rows that were removed. */
  readonly removed: number[] = [];
  /** How often routes had to be published. */
  publications = 0;
  readonly #network: SimNetwork;

  constructor(network: SimNetwork, nodeId: number, address: SimAddress, options: DirectoryNodeOptions = {}) {
    const { directory, ...rest } = options;
    this.#network = network;
    this.sim = new SimNode(network, nodeId, {
      address,
      primitives: fastPrimitives,
      paths: { fakeTcp: false },
      ...rest,
    });
    const { device, paths } = this.sim;
    if (paths === undefined) throw new TypeError("Cannot make a directory for a node without paths");
    this.directory = new PeerDirectory({
      device,
      paths,
      selfNodeId: nodeId,
      kinds: Object.values(PathKind),
      timeoutCheckIntervalMs: CHECK_INTERVAL_MS,
      log: this.log,
      onPeersChanged: () => this.publications++,
      onPeerRemoved: (row) => this.removed.push(row),
      ...directory,
    });
    this.#look();
  }

  /** Pushes a list to this node. */
  list(...peers: ListedPeer[]): void {
    this.sim.act((_device, nowMs) => this.directory.apply(peers, nowMs));
  }

  /** Entry of this node in the lists of others: where it is seen from outside, and its own address behind a translator. */
  entry(change: Partial<ListedPeer> = {}): ListedPeer {
    const { attachment, nodeId, device } = this.sim;
    const { translator, address } = attachment;
    const seen = translator?.outbound(address, RENDEZVOUS, Transport.UDP, this.#network.nowMs) ?? address;
    const local = translator === undefined ? [] : [candidateAt(address, 100)];
    return {
      nodeId,
      publicKey: device.publicKey,
      presharedKey: undefined,
      candidates: [candidateAt(seen, 4), ...local],
      ...change,
    };
  }

  /** Tells whether this node has a session with another. */
  hasSession(peer: DirectoryNode): boolean {
    const row = this.directory.rowOf(peer.sim.nodeId);
    return row !== undefined && this.sim.device.hasSession(row, this.#network.nowMs);
  }

  /** NodeIds of the device's peers, ascending. */
  peerIds(): number[] {
    return [...this.sim.device.peerRows.keys()].sort((a, b) => a - b);
  }

  #look(): void {
    this.sim.act((_device, nowMs) => {
      for (const event of this.sim.events.splice(0)) this.directory.handleDeviceEvent(event, nowMs);
      if (nowMs >= this.directory.pollTimeout()) this.directory.handleTimeout(nowMs);
    });
    this.#network.at(this.#network.nowMs + LOOK_INTERVAL_MS, () => this.#look());
  }
}

/** A candidate of UDP over IPv4. */
export function candidateAt(address: SimAddress, rank: number): Candidate {
  return { kind: PathKind.UDP4, endpoint: endpointOf(address), rank };
}

/** Address of the node with a NodeId on the open Internet. */
export function publicAddress(nodeId: number): SimAddress {
  return { ip: `20.0.${nodeId >> 8}.${nodeId & 0xff}`, port: 3001 };
}
