/**
 * A network in simulated time: hosts on access links, address translators, firewalls, and a clock that jumps.
 *
 * ```
 *   host ── access link ──┐                  ┌── access link ── translator ── host
 *   host ── access link ──┼── the Internet ──┼── access link ── host
 *                       firewall
 * ```
 *
 * A datagram travels by UDP or dressed as a TCP segment: firewalls see which, translators keep them apart, and a host gets
 * the segments for all its ports. Connections are the hosts' business, see `sim_stack.ts`.
 *
 * Nothing happens by itself: {@linkcode SimNetwork.runUntil} takes what is due earliest, a datagram that arrives or a
 * host's timer, and moves the clock there. Of two things due at once the one that was scheduled first comes first. All
 * randomness comes from one seed, so two runs with one seed give one trace.
 *
 * @module
 */

import { ENDPOINT_WORDS, endpointAddress, formatIpAddress, writeEndpoint } from "../../src/base/endpoint.ts";
import { parseIpAddress } from "../../src/base/endpoint.ts";
import { Transport } from "../../src/base/path_kind.ts";
import { type RandomSource, seededRandom } from "../../src/base/random.ts";
import { EventQueue } from "./event_queue.ts";
import { Translator } from "./translator.ts";

/** An address and port in the simulated network. */
export interface SimAddress {
  /** IP literal. */
  readonly ip: string;
  readonly port: number;
}

/** How a link treats datagrams, in each direction. */
export interface LinkConditions {
  /** Time on the link, ms. */
  latencyMs: number;
  /** Additional time, drawn evenly from 0 to this; lets datagrams overtake each other. */
  jitterMs: number;
  /** Probability that a datagram is lost, 0 to 1. */
  loss: number;
  /** Probability that a datagram arrives twice, 0 to 1. */
  duplication: number;
  /** Longest datagram, in octets; longer ones are lost without a word. */
  mtu: number;
}

/** A link without faults. */
export const PERFECT_LINK: LinkConditions = { latencyMs: 10, jitterMs: 0, loss: 0, duplication: 0, mtu: 1500 };

/** What a TCP segment is for. */
export type SegmentRole = "syn" | "syn-ack" | "ack" | "data" | "fin" | "rst";

/** A datagram on its way. */
export interface SimDatagram {
  readonly from: SimAddress;
  readonly to: SimAddress;
  readonly octets: Uint8Array;
  /** Of a TCP segment; a UDP datagram has none. */
  readonly segment?: SegmentRole;
}

/** Returns how a datagram travels, a {@linkcode Transport}. */
export function transportOfDatagram({ segment }: SimDatagram): number {
  return segment === undefined ? Transport.UDP : Transport.FAKETCP;
}

/** What a firewall does: lets pass (`false`), drops in silence (`true`), or drops and tells the sender (ICMP). */
export type Verdict = boolean | "reject";

/** What the network does with a host. */
export interface SimHost {
  /** A datagram has arrived; `source` is an endpoint record of 12 words. */
  receive(octets: Uint8Array, source: Uint32Array, nowMs: number): void;
  /** A TCP segment has arrived; hosts without a stack leave this out. */
  receiveSegment?(segment: SimDatagram, nowMs: number): void;
  /** A firewall has refused a datagram of the host's. */
  unreachable?(transport: number, target: Uint32Array, nowMs: number): void;
  /** The time of the last {@linkcode Attachment.wakeAt} has come. */
  wake(nowMs: number): void;
}

/** A host's place in the network. */
export interface Attachment {
  /** Conditions of the access link; may be changed at any time. */
  readonly link: LinkConditions;
  /** Present if the host has a private address. */
  readonly translator: Translator | undefined;
  /** The host's own address; changes when it {@linkcode Attachment.moveTo moves}. */
  readonly address: SimAddress;
  /** Tells for each UDP datagram whether the host's own system refuses to send it. */
  refuses: (octets: Uint8Array) => boolean;
  /** Sends a datagram to the address in an endpoint record. Returns whether the system took it. */
  send(octets: Uint8Array, target: Uint32Array): boolean;
  /** Sends a TCP segment from one of the host's ports. */
  sendSegment(segment: SegmentRole, octets: Uint8Array, port: number, to: SimAddress): void;
  /** Asks to be woken, instead of whatever was asked for before; `Infinity` for not at all. */
  wakeAt(timeMs: number): void;
  /** Gives the host another address. */
  moveTo(address: SimAddress): void;
  /** Takes the host off the network: it is neither woken nor reached any more. */
  detach(): void;
}

/** How a host is attached. */
export interface AttachOptions {
  readonly link?: Partial<LinkConditions>;
  /** Public address of a translator in front of the host. */
  readonly behind?: string;
  /** Whether that translator has another public port for each destination. */
  readonly symmetric?: boolean;
}

/** Makes the endpoint record of an address. */
export function endpointOf(address: SimAddress): Uint32Array {
  const octets = parseIpAddress(address.ip);
  if (octets === undefined) throw new TypeError(`Cannot use "${address.ip}": is no IP address`);
  const words = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(words, 0, octets, address.port);
  return words;
}

/** The network, its clock and its randomness. */
export class SimNetwork {
  readonly random: RandomSource;
  /** Judges each datagram. Sees public addresses. */
  firewall: (datagram: SimDatagram) => Verdict = () => false;
  /** Tells how long each datagram is on the Internet, ms, besides its time on the access links. Sees public addresses. */
  transitMs: (datagram: SimDatagram) => number = () => 0;
  /** Sees each datagram as it enters the Internet; may not change it. For eavesdroppers and attackers. */
  onTransit: (datagram: SimDatagram) => void = () => {};
  /** One line for each datagram that was sent, lost or delivered, unless `traces` is switched off. */
  readonly trace: string[] = [];
  traces = true;
  readonly #queue = new EventQueue();
  readonly #hosts = new Map<string, SimAttachment>();
  readonly #translators = new Map<string, Translator>();

  /** @param seed Decides everything that is random here, and in hosts that draw from {@linkcode SimNetwork.random}. */
  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** Simulated time, ms. */
  get nowMs(): number {
    return this.#queue.nowMs;
  }

  /** Puts a host on the network. */
  attach(host: SimHost, address: SimAddress, options: AttachOptions = {}): Attachment {
    const link = { ...PERFECT_LINK, ...options.link };
    const { behind, symmetric } = options;
    const translator = behind === undefined ? undefined : new Translator(behind, this.random, symmetric);
    if (translator !== undefined) this.#translators.set(translator.publicIp, translator);
    return new SimAttachment(this, this.#queue, this.#hosts, host, address, link, translator);
  }

  /** Calls a function at a time. */
  at(timeMs: number, action: () => void): void {
    this.#queue.push(timeMs, action);
  }

  /** Runs until nothing is due at or before a time, and moves the clock there. */
  runUntil(timeMs: number): void {
    this.#queue.runUntil(timeMs);
  }

  /** Runs for a time. */
  run(durationMs: number): void {
    this.runUntil(this.nowMs + durationMs);
  }

  /** Runs until a condition holds, looking after each event; tells whether it came to hold in time. */
  runUntilHolds(condition: () => boolean, limitMs: number): boolean {
    const endMs = this.nowMs + limitMs;
    while (!condition()) {
      if (!this.#queue.runNext(endMs)) return condition();
    }
    return true;
  }

  /** Puts a datagram on the Internet, from any public address that the sender claims. */
  inject(datagram: SimDatagram): void {
    this.#note("sent", datagram);
    this.onTransit(datagram);
    const verdict = this.firewall(datagram);
    if (verdict !== false) {
      if (verdict === "reject") this.#reject(datagram);
      return this.#note("blocked", datagram);
    }
    const transitMs = this.transitMs(datagram);
    if (transitMs > 0) this.#queue.push(this.nowMs + transitMs, () => this.#arrive(datagram));
    else this.#arrive(datagram);
  }

  /** Takes a datagram from the Internet to the access link that its destination stands for. */
  #arrive(datagram: SimDatagram): void {
    const transport = transportOfDatagram(datagram);
    const to = this.#insideOf(datagram.to, datagram.from, transport);
    const host = to === undefined ? undefined : this.#hosts.get(hostKey(to, transport));
    if (host === undefined || to === undefined) return this.#note("unreachable", datagram);
    host.carry(datagram.octets, () => this.#deliver(host, { ...datagram, to }), () => this.#note("lost", datagram));
  }

  /** Returns the address of a host as its own side of a translator sees it; `undefined` if the translator lets nothing in. */
  #insideOf(to: SimAddress, from: SimAddress, transport: number): SimAddress | undefined {
    const translator = this.#translators.get(to.ip);
    return translator === undefined ? to : translator.inbound(from, to.port, transport, this.nowMs);
  }

  /** Lets the sender of a datagram hear that it was refused. */
  #reject(datagram: SimDatagram): void {
    const transport = transportOfDatagram(datagram);
    const sender = this.#insideOf(datagram.from, datagram.to, transport);
    const host = sender === undefined ? undefined : this.#hosts.get(hostKey(sender, transport));
    host?.carry(NOTHING, () => host.host.unreachable?.(transport, endpointOf(datagram.to), this.nowMs), () => {});
  }

  #deliver(host: SimAttachment, datagram: SimDatagram): void {
    const transport = transportOfDatagram(datagram);
    // The host may have moved while the datagram was on its link.
    if (this.#hosts.get(hostKey(datagram.to, transport)) !== host) return this.#note("unreachable", datagram);
    this.#note("delivered", datagram);
    if (transport === Transport.FAKETCP) host.host.receiveSegment?.(datagram, this.nowMs);
    else host.host.receive(datagram.octets, endpointOf(datagram.from), this.nowMs);
  }

  #note(what: string, { from, to, octets, segment }: SimDatagram): void {
    if (!this.traces) return;
    const head = `${segment ?? ""} ${octets.subarray(0, 24).toHex()}`;
    this.trace.push(`${this.nowMs.toFixed(3)} ${what} ${textOf(from)} > ${textOf(to)} ${octets.length} ${head}`);
  }
}

class SimAttachment implements Attachment {
  readonly host: SimHost;
  readonly link: LinkConditions;
  readonly translator: Translator | undefined;
  address: SimAddress;
  refuses: (octets: Uint8Array) => boolean = () => false;
  readonly #network: SimNetwork;
  readonly #queue: EventQueue;
  readonly #hosts: Map<string, SimAttachment>;
  /** Grows with each request to be woken; earlier ones find that they are out of date. */
  #wakeVersion = 0;

  constructor(
    network: SimNetwork,
    queue: EventQueue,
    hosts: Map<string, SimAttachment>,
    host: SimHost,
    address: SimAddress,
    link: LinkConditions,
    translator: Translator | undefined,
  ) {
    this.#network = network;
    this.#queue = queue;
    this.#hosts = hosts;
    this.host = host;
    this.address = address;
    this.link = link;
    this.translator = translator;
    this.#enter();
  }

  send(octets: Uint8Array, target: Uint32Array): boolean {
    if (this.refuses(octets)) return false;
    this.#send({ from: this.address, to: addressOf(target), octets: octets.slice() });
    return true;
  }

  sendSegment(segment: SegmentRole, octets: Uint8Array, port: number, to: SimAddress): void {
    this.#send({ from: { ip: this.address.ip, port }, to, octets: octets.slice(), segment });
  }

  #send(datagram: SimDatagram): void {
    const { from: inside, to, octets } = datagram;
    this.carry(octets, () => {
      const from = this.translator?.outbound(inside, to, transportOfDatagram(datagram), this.#network.nowMs) ?? inside;
      this.#network.inject({ ...datagram, from });
    }, () => {});
  }

  #enter(): void {
    for (const transport of Object.values(Transport)) this.#hosts.set(hostKey(this.address, transport), this);
  }

  #leave(): void {
    for (const transport of Object.values(Transport)) {
      const key = hostKey(this.address, transport);
      // Another host may have come to this address meanwhile.
      if (this.#hosts.get(key) === this) this.#hosts.delete(key);
    }
  }

  wakeAt(timeMs: number): void {
    const version = ++this.#wakeVersion;
    if (timeMs === Infinity) return;
    this.#queue.push(timeMs, () => {
      if (version === this.#wakeVersion) this.host.wake(this.#network.nowMs);
    });
  }

  moveTo(address: SimAddress): void {
    this.#leave();
    this.address = address;
    this.#enter();
  }

  detach(): void {
    this.#wakeVersion++;
    this.#leave();
  }

  /** Takes octets over the access link: calls one of the functions, `arrive` perhaps twice. */
  carry(octets: Uint8Array, arrive: () => void, lose: () => void): void {
    const { latencyMs, jitterMs, loss, duplication, mtu } = this.link;
    const copies = chance(this.#network.random, duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (octets.length > mtu || chance(this.#network.random, loss)) lose();
      else this.#queue.push(this.#network.nowMs + latencyMs + fraction(this.#network.random) * jitterMs, arrive);
    }
  }
}

/** Draws evenly from 0 up to 1. */
export function fraction(random: RandomSource): number {
  return random.uint32() / 2 ** 32;
}

function chance(random: RandomSource, probability: number): boolean {
  return probability > 0 && fraction(random) < probability;
}

/** A UDP socket has an address and a port; a TCP stack has all ports of its address. */
function hostKey({ ip, port }: SimAddress, transport: number): string {
  return transport === Transport.UDP ? `${ip}:${port}` : ip;
}

function textOf({ ip, port }: SimAddress): string {
  return `${ip}:${port}`;
}

function addressOf(endpoint: Uint32Array): SimAddress {
  return { ip: formatIpAddress(endpointAddress(endpoint, 0)), port: endpoint[1] };
}

const NOTHING = new Uint8Array(0);
