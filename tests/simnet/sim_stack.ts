/**
 * FakeTCP as the layers above see it: connections that take one round trip to open, with rows and generations.
 *
 * There are no sequence numbers and no windows, which tests of `src/faketcp` look after. What matters here is who has which
 * connection when, and what each side believes of it:
 *
 * - a SYN is repeated after 1, 3, 7, 15, 31 and 63 s, and then given up; that of a punch more often, whatever is answered;
 * - SYNs that cross make one connection;
 * - an unknown connection is answered by RST, but for a SYN to the rendezvous port;
 * - RST and FIN on an open connection are reported as doubts, and change nothing by themselves.
 *
 * @module
 */

import { DialWay } from "../../src/base/dial_way.ts";
import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION, endpointAddress, formatIpAddress } from "../../src/base/endpoint.ts";
import type { RandomSource } from "../../src/base/random.ts";
import type { Dialler, OpenConnection } from "../../src/control/fake_tcp_paths.ts";
import { PUNCH_RETRANSMIT_MS } from "../../src/faketcp/punch.ts";
import {
  type Attachment,
  endpointOf,
  type SegmentRole,
  type SimAddress,
  type SimDatagram,
  type SimNetwork,
} from "./network.ts";

/** When SYNs are repeated, ms after the first; the last is when they are given up. */
const SYN_TIMES_MS = [1_000, 3_000, 7_000, 15_000, 31_000, 63_000, 127_000];
/** Source ports of dialled connections. */
const DIAL_PORTS = [61_000, 65_535] as const;
/** Octets of a segment that carries none of ours: what a firewall sees as its size. */
const NOTHING = new Uint8Array(0);

/** What became of a connection. */
export type SimStackEvent =
  | { readonly kind: "opened"; readonly connection: OpenConnection }
  | { readonly kind: "closed"; readonly row: number; readonly generation: number; readonly why: string }
  | { readonly kind: "doubted"; readonly row: number };

interface SimConnection {
  readonly row: number;
  readonly generation: number;
  readonly dialled: boolean;
  readonly isPunch: boolean;
  readonly port: number;
  readonly remote: SimAddress;
  state: "syn sent" | "half open" | "open";
}

/** The connections of one host. */
export class SimStack implements Dialler {
  /** Connections begun by us, open or not. */
  dials = 0;
  /** Rows on which each datagram is to be a segment of its own. */
  readonly singles = new Set<number>();
  /** SYNs that were sent. */
  syns = 0;
  readonly #network: SimNetwork;
  readonly #attachment: Attachment;
  readonly #random: RandomSource;
  readonly #listenPort: number;
  readonly #maxDatagramLen: number;
  readonly #onEvent: () => void;
  #rendezvousPort = 0;
  readonly #connections = new Map<number, SimConnection>();
  readonly #generations: number[] = [];
  readonly #events: SimStackEvent[] = [];

  /**
   * @param listenPort Where connections are accepted.
   * @param maxDatagramLen What a segment has room for, in octets.
   * @param onEvent Called when there is an event to be polled that nobody waits for.
   */
  constructor(
    network: SimNetwork,
    attachment: Attachment,
    listenPort: number,
    maxDatagramLen: number,
    onEvent: () => void,
  ) {
    this.#network = network;
    this.#attachment = attachment;
    this.#random = network.random;
    this.#listenPort = listenPort;
    this.#maxDatagramLen = maxDatagramLen;
    this.#onEvent = onEvent;
  }

  /** Count of open connections. */
  get openCount(): number {
    return [...this.#connections.values()].filter(({ state }) => state === "open").length;
  }

  dial(target: Uint32Array, _nowMs: number, way: number): number {
    const port = way === DialWay.ORDINARY ? this.#drawPort() : this.#rendezvousPort ||= this.#drawPort();
    const remote = { ip: formatIpAddress(endpointAddress(target, 0)), port: target[1] };
    if (this.#find(port, remote) !== undefined) return -1;
    const isPunch = way === DialWay.PUNCH;
    const connection = this.#add(true, port, remote, "syn sent", isPunch);
    this.dials++;
    const ifOpening = (afterMs: number, action: () => void) =>
      this.#network.at(this.#network.nowMs + afterMs, () => {
        if (this.#isPresent(connection) && connection.state !== "open") action();
      });
    const timesMs = isPunch ? PUNCH_RETRANSMIT_MS : SYN_TIMES_MS;
    const repeat = () => this.#send(connection, connection.state === "syn sent" ? "syn" : "syn-ack");
    repeat();
    for (const afterMs of timesMs.slice(0, -1)) ifOpening(afterMs, repeat);
    ifOpening(timesMs[timesMs.length - 1], () => {
      this.#close(connection, "no answer");
      this.#onEvent();
    });
    return connection.row;
  }

  close(row: number): void {
    const connection = this.#connections.get(row);
    if (connection === undefined) return;
    this.#send(connection, "fin");
    this.#close(connection, "closed");
  }

  abort(row: number): void {
    const connection = this.#connections.get(row);
    if (connection !== undefined) this.#close(connection, "aborted");
  }

  setSingles(row: number): void {
    this.singles.add(row);
  }

  /** Sends a datagram on the connection that an endpoint record names. Returns whether there is one. */
  sendDatagram(octets: Uint8Array, endpoint: Uint32Array): boolean {
    const connection = this.#connections.get(endpoint[ENDPOINT_CONNECTION] - 1);
    if (connection?.generation !== endpoint[ENDPOINT_GENERATION] || connection.state === "syn sent") return false;
    this.#send(connection, "data", octets);
    return true;
  }

  /** Takes in a segment. Returns the endpoint that it came from if it carries a datagram of ours. */
  receive({ segment, from, to }: SimDatagram): Uint32Array | undefined {
    const connection = this.#find(to.port, from);
    if (connection === undefined) {
      if (segment === "syn" && to.port === this.#listenPort) this.#accept(from);
      else if (segment === "syn" && to.port === this.#rendezvousPort) return undefined;
      else if (segment !== "rst") this.#attachment.sendSegment("rst", NOTHING, to.port, from);
      return undefined;
    }
    switch (segment) {
      case "syn":
        if (connection.state === "syn sent") connection.state = "half open";
        if (connection.state === "half open") this.#send(connection, "syn-ack");
        break;
      case "syn-ack":
        this.#send(connection, "ack");
        if (connection.state !== "open") this.#open(connection);
        break;
      case "fin":
      case "rst":
        if (connection.state === "open") this.#events.push({ kind: "doubted", row: connection.row });
        else if (!connection.isPunch) this.#close(connection, "reset");
        break;
      case "data":
      case "ack":
        if (connection.state === "half open") this.#open(connection);
        return segment === "data" ? endpointWith(connection) : undefined;
    }
    return undefined;
  }

  /** Returns the next event, or `undefined`. */
  pollEvent(): SimStackEvent | undefined {
    return this.#events.shift();
  }

  #accept(remote: SimAddress): void {
    this.#send(this.#add(false, this.#listenPort, remote, "half open", false), "syn-ack");
  }

  #drawPort(): number {
    return DIAL_PORTS[0] + this.#random.uint32() % (DIAL_PORTS[1] - DIAL_PORTS[0] + 1);
  }

  #add(
    dialled: boolean,
    port: number,
    remote: SimAddress,
    state: SimConnection["state"],
    isPunch: boolean,
  ): SimConnection {
    let row = 0;
    while (this.#connections.has(row)) row++;
    const generation = (this.#generations[row] ?? 0) + 1;
    this.#generations[row] = generation;
    const connection: SimConnection = { row, generation, dialled, isPunch, port, remote, state };
    this.#connections.set(row, connection);
    return connection;
  }

  #open(connection: SimConnection): void {
    connection.state = "open";
    const { row, generation, dialled } = connection;
    const endpoint = endpointWith(connection);
    const maxDatagramLen = this.#maxDatagramLen;
    this.#events.push({ kind: "opened", connection: { row, generation, dialled, endpoint, maxDatagramLen } });
  }

  #close(connection: SimConnection, why: string): void {
    this.#connections.delete(connection.row);
    this.#events.push({ kind: "closed", row: connection.row, generation: connection.generation, why });
  }

  #isPresent(connection: SimConnection): boolean {
    return this.#connections.get(connection.row) === connection;
  }

  #find(port: number, remote: SimAddress): SimConnection | undefined {
    for (const connection of this.#connections.values()) {
      const { port: own, remote: { ip, port: theirs } } = connection;
      if (own === port && ip === remote.ip && theirs === remote.port) return connection;
    }
    return undefined;
  }

  #send({ port, remote }: SimConnection, segment: SegmentRole, octets: Uint8Array = NOTHING): void {
    if (segment === "syn") this.syns++;
    this.#attachment.sendSegment(segment, octets, port, remote);
  }
}

function endpointWith({ row, generation, remote }: SimConnection): Uint32Array {
  const endpoint = endpointOf(remote);
  endpoint.set([row + 1, generation], ENDPOINT_CONNECTION);
  return endpoint;
}
