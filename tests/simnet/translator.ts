/**
 * A translator of addresses and ports (NAT) as at home or at a carrier.
 *
 * Mapping is endpoint-independent, filtering is address- and port-dependent (RFC 4787 §4.1, §5): one public port for each
 * inside address, and only who was sent to may answer. Mappings end when idle.
 *
 * @module
 */

import type { RandomSource } from "../../src/base/random.ts";

interface Address {
  readonly ip: string;
  readonly port: number;
}

interface Mapping {
  readonly inside: Address;
  readonly publicPort: number;
  /** When each outside address was last sent to, ms, by its text. */
  readonly sentMs: Map<string, number>;
}

/** Idle time after which an outside address may not answer any more, ms: what many home routers give UDP. */
export const MAPPING_IDLE_MS = 30_000;

/** A translator with one public address. */
export class Translator {
  readonly publicIp: string;
  readonly #random: RandomSource;
  #mappings: Mapping[] = [];

  constructor(publicIp: string, random: RandomSource) {
    this.publicIp = publicIp;
    this.#random = random;
  }

  /** Translates the source of an outgoing datagram. */
  outbound(inside: Address, to: Address, nowMs: number): Address {
    let mapping = this.#mappings.find((each) => each.inside.ip === inside.ip && each.inside.port === inside.port);
    if (mapping === undefined) {
      mapping = { inside, publicPort: this.#freePort(), sentMs: new Map() };
      this.#mappings.push(mapping);
    }
    mapping.sentMs.set(textOf(to), nowMs);
    return { ip: this.publicIp, port: mapping.publicPort };
  }

  /** Translates the destination of an incoming datagram; `undefined` if it is not let in. */
  inbound(from: Address, publicPort: number, nowMs: number): Address | undefined {
    const mapping = this.#mappings.find((each) => each.publicPort === publicPort);
    const sentMs = mapping?.sentMs.get(textOf(from));
    return sentMs !== undefined && nowMs - sentMs <= MAPPING_IDLE_MS ? mapping?.inside : undefined;
  }

  /** Forgets all mappings, as after a restart: the next datagram gets another public port. */
  rebind(): void {
    this.#mappings = [];
  }

  #freePort(): number {
    for (;;) {
      const port = 1024 + this.#random.uint32() % (65536 - 1024);
      if (!this.#mappings.some((mapping) => mapping.publicPort === port)) return port;
    }
  }
}

function textOf({ ip, port }: Address): string {
  return `${ip}:${port}`;
}
