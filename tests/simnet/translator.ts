/**
 * A translator of addresses and ports (NAT) as at home or at a carrier.
 *
 * Mapping is endpoint-independent, filtering is address- and port-dependent (RFC 4787 §4.1, §5): one public port for each
 * inside address, and only who was sent to may answer. Mappings end when idle. A *symmetric* one has another public port for
 * each destination.
 *
 * @module
 */

import { Transport } from "../../src/base/path_kind.ts";
import type { RandomSource } from "../../src/base/random.ts";

interface Address {
  readonly ip: string;
  readonly port: number;
}

interface Mapping {
  readonly inside: Address;
  readonly transport: number;
  /** Of a symmetric translator: to whom. */
  readonly to: string;
  readonly publicPort: number;
  /** When each outside address was last sent to, ms, by its text. */
  readonly sentMs: Map<string, number>;
}

/** Idle time after which an outside address may not answer any more, ms: what many home routers give UDP. */
export const MAPPING_IDLE_MS = 30_000;

/** The same for TCP: far shorter than RFC 5382 §5 wants, as middleboxes have it. */
export const TCP_MAPPING_IDLE_MS = 300_000;

/** A translator with one public address. */
export class Translator {
  readonly publicIp: string;
  readonly #isSymmetric: boolean;
  readonly #random: RandomSource;
  #mappings: Mapping[] = [];
  /** Inside addresses of the public ports that are open to everybody. */
  readonly #forwarded = new Map<number, Address>();

  constructor(publicIp: string, random: RandomSource, isSymmetric = false) {
    this.publicIp = publicIp;
    this.#isSymmetric = isSymmetric;
    this.#random = random;
  }

  /** Lets everybody in to an inside address, at a public port of the same number. */
  forward(inside: Address): void {
    this.#forwarded.set(inside.port, inside);
  }

  /** Translates the source of an outgoing datagram of a `Transport`. */
  outbound(inside: Address, to: Address, transport: number, nowMs: number): Address {
    const { ip, port } = this.#forwarded.get(inside.port) ?? {};
    if (ip === inside.ip && port !== undefined) return { ip: this.publicIp, port };
    const whom = this.#isSymmetric ? textOf(to) : "";
    let mapping = this.#mappings.find((each) =>
      each.transport === transport && each.inside.ip === inside.ip && each.inside.port === inside.port &&
      each.to === whom
    );
    if (mapping === undefined) {
      mapping = { inside, transport, to: whom, publicPort: this.#freePort(), sentMs: new Map() };
      this.#mappings.push(mapping);
    }
    mapping.sentMs.set(textOf(to), nowMs);
    return { ip: this.publicIp, port: mapping.publicPort };
  }

  /** Translates the destination of an incoming datagram; `undefined` if it is not let in. */
  inbound(from: Address, publicPort: number, transport: number, nowMs: number): Address | undefined {
    const forwarded = this.#forwarded.get(publicPort);
    if (forwarded !== undefined) return forwarded;
    const mapping = this.#mappings.find((each) => each.transport === transport && each.publicPort === publicPort);
    const sentMs = mapping?.sentMs.get(textOf(from));
    const idleMs = transport === Transport.UDP ? MAPPING_IDLE_MS : TCP_MAPPING_IDLE_MS;
    return sentMs !== undefined && nowMs - sentMs <= idleMs ? mapping?.inside : undefined;
  }

  /** Forgets all mappings, as after a restart: the next datagram gets another public port. */
  rebind(): void {
    this.#mappings = [];
  }

  #freePort(): number {
    for (;;) {
      const port = 1024 + this.#random.uint32() % (65536 - 1024);
      const isTaken = this.#forwarded.has(port) || this.#mappings.some((mapping) => mapping.publicPort === port);
      if (!isTaken) return port;
    }
  }
}

function textOf({ ip, port }: Address): string {
  return `${ip}:${port}`;
}
