/**
 * Frames as records, for tests: put together with every length and checksum right, and taken apart again.
 *
 * @module
 */
import { concat, slowChecksum } from "./checksum.ts";

/** A TCP or UDP frame, cut at its layers. Lengths and checksums in the headers may have any value. */
export interface FrameParts {
  /** Addresses, VLAN tags, EtherType. */
  readonly ethernet: Uint8Array;
  /** IPv4 header with options, or IPv6 header with extension headers. */
  readonly ip: Uint8Array;
  readonly protocol: number;
  /** TCP header with options, or UDP header. */
  readonly transport: Uint8Array;
  readonly payload: Uint8Array;
}

/** What a frame is made from; everything has a default. */
export interface FrameSpec {
  readonly version?: 4 | 6;
  readonly protocol?: "tcp" | "udp";
  readonly payload?: Uint8Array;
  /** Last octet of both MAC addresses and IP addresses, source and destination. */
  readonly hosts?: readonly [number, number];
  readonly ports?: readonly [number, number];
  /** Tag protocol identifier and tag control information, outer tag first. */
  readonly vlanTags?: readonly (readonly [number, number])[];
  readonly typeOfService?: number;
  readonly ttl?: number;
  readonly identification?: number;
  /** Flags and fragment offset of IPv4. */
  readonly fragment?: number;
  /** IPv4 options, a multiple of four octets, at most 40. */
  readonly ipOptions?: Uint8Array;
  readonly flowLabel?: number;
  /** IPv6 extension headers: number and octets behind the first two, 6 modulo 8 of them. */
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
  readonly seq?: number;
  readonly ack?: number;
  readonly flags?: number;
  readonly window?: number;
  readonly urgent?: number;
  /** A multiple of four octets, at most 40. */
  readonly tcpOptions?: Uint8Array;
}

/** Returns a frame with right lengths and checksums. */
export function makeFrame(spec: FrameSpec): Uint8Array {
  return assemble(makeParts(spec));
}

/** Returns a frame's parts, with lengths and checksums zero. */
export function makeParts(spec: FrameSpec): FrameParts {
  const { version = 4, protocol = "tcp", payload = new Uint8Array() } = spec;
  return {
    ethernet: makeEthernet(spec, version),
    ip: version === 4 ? makeIpv4(spec) : makeIpv6(spec),
    protocol: protocolNumber(protocol),
    transport: protocol === "tcp" ? makeTcp(spec) : makeUdp(spec),
    payload,
  };
}

/** Joins parts to a frame, with right lengths and checksums in place of those in the headers. */
export function assemble(parts: FrameParts): Uint8Array {
  const { ethernet, protocol, payload } = parts;
  const ip = Uint8Array.from(parts.ip);
  const transport = Uint8Array.from(parts.transport);
  const transportLen = transport.length + payload.length;
  if (protocol === 17) writeWord(transport, 4, transportLen);
  if (versionOf(ip) === 4) {
    writeWord(ip, 2, ip.length + transportLen);
    writeWord(ip, 10, 0);
    writeWord(ip, 10, slowChecksum(ip));
  } else {
    writeWord(ip, 4, ip.length - 40 + transportLen);
  }
  const checksumAt = protocol === 6 ? 16 : 6;
  writeWord(transport, checksumAt, 0);
  const checksum = slowChecksum(pseudoHeader(ip, protocol, transportLen), transport, payload);
  writeWord(transport, checksumAt, protocol === 17 && checksum === 0 ? 0xffff : checksum);
  return concat(ethernet, ip, transport, payload);
}

/**
 * Cuts a frame at its layers; the payload reaches to the frame's end, whatever the headers say.
 *
 * @returns The parts, or `undefined` if there is no whole TCP or UDP header, or the packet is a fragment.
 */
export function takeApart(frame: Uint8Array): FrameParts | undefined {
  let ethernetLen = 14;
  for (let tags = 0; tags < 2 && [0x8100, 0x88a8].includes(readWord(frame, ethernetLen - 2)); tags++) ethernetLen += 4;
  const etherType = readWord(frame, ethernetLen - 2);
  const packet = frame.subarray(ethernetLen);
  let ip: Uint8Array | undefined;
  let protocol = 0;
  if (etherType === 0x0800) {
    ip = takeIpv4(packet);
    protocol = packet[9];
  } else if (etherType === 0x86dd && packet.length >= 40 && versionOf(packet) === 6) {
    let ipLen = 40;
    protocol = packet[6];
    while ([0, 43, 60].includes(protocol)) {
      const extensionLen = (packet[ipLen + 1] + 1) * 8;
      if (!(ipLen + extensionLen <= packet.length) || (protocol === 43 && packet[ipLen + 3] !== 0)) return undefined;
      protocol = packet[ipLen];
      ipLen += extensionLen;
    }
    ip = packet.subarray(0, ipLen);
  }
  if (ip === undefined || (protocol !== 6 && protocol !== 17)) return undefined;
  const transport = packet.subarray(ip.length);
  const headerLen = protocol === 17 ? 8 : (transport[12] >> 4) * 4;
  if (!(headerLen <= transport.length) || headerLen < (protocol === 17 ? 8 : 20)) return undefined;
  return {
    ethernet: frame.subarray(0, ethernetLen),
    ip,
    protocol,
    transport: transport.subarray(0, headerLen),
    payload: transport.subarray(headerLen),
  };
}

function takeIpv4(packet: Uint8Array): Uint8Array | undefined {
  const headerLen = (packet[0] & 15) * 4;
  const isWhole = packet.length >= 20 && versionOf(packet) === 4 && headerLen >= 20 && headerLen <= packet.length;
  const isFragment = (readWord(packet, 6) & 0x3fff) !== 0;
  return isWhole && !isFragment ? packet.subarray(0, headerLen) : undefined;
}

/** Returns the pseudo-header that belongs to an IP header. */
export function pseudoHeader(ip: Uint8Array, protocol: number, transportLen: number): Uint8Array {
  const addresses = versionOf(ip) === 4 ? ip.subarray(12, 20) : ip.subarray(8, 40);
  return concat(addresses, Uint8Array.of(0, protocol, transportLen >> 8, transportLen & 0xff));
}

/** Returns 4 or 6. */
export function versionOf(ip: Uint8Array): number {
  return ip[0] >> 4;
}

/** Reads 16 bits, most significant octet first. */
export function readWord(octets: Uint8Array, at: number): number {
  return octets[at] * 256 + octets[at + 1];
}

/** Writes 16 bits, most significant octet first. */
export function writeWord(octets: Uint8Array, at: number, value: number): void {
  octets[at] = (value >> 8) & 0xff;
  octets[at + 1] = value & 0xff;
}

/** Reads 32 bits, most significant octet first. */
export function readLong(octets: Uint8Array, at: number): number {
  return readWord(octets, at) * 65536 + readWord(octets, at + 2);
}

/** Writes 32 bits, most significant octet first. */
export function writeLong(octets: Uint8Array, at: number, value: number): void {
  writeWord(octets, at, Math.floor(value / 65536));
  writeWord(octets, at + 2, value % 65536);
}

function protocolNumber(protocol: "tcp" | "udp"): number {
  return protocol === "tcp" ? 6 : 17;
}

function makeEthernet(spec: FrameSpec, version: number): Uint8Array {
  const [source, destination] = spec.hosts ?? [1, 2];
  const tags = (spec.vlanTags ?? []).flat().flatMap((word) => [word >> 8, word & 0xff]);
  return Uint8Array.of(
    ...[2, 0, 0, 0, 0, destination],
    ...[2, 0, 0, 0, 0, source],
    ...tags,
    ...(version === 4 ? [0x08, 0x00] : [0x86, 0xdd]),
  );
}

function makeIpv4(spec: FrameSpec): Uint8Array {
  const { typeOfService = 0, identification = 0, fragment = 0x4000, ttl = 64, ipOptions = new Uint8Array() } = spec;
  const [source, destination] = spec.hosts ?? [1, 2];
  const ip = new Uint8Array(20);
  ip[0] = 0x45 + ipOptions.length / 4;
  ip[1] = typeOfService;
  writeWord(ip, 4, identification);
  writeWord(ip, 6, fragment);
  ip[8] = ttl;
  ip[9] = protocolNumber(spec.protocol ?? "tcp");
  ip.set([10, 0, 0, source, 10, 0, 0, destination], 12);
  return concat(ip, ipOptions);
}

function makeIpv6(spec: FrameSpec): Uint8Array {
  const { typeOfService = 0, flowLabel = 0, ttl = 64, extensions = [] } = spec;
  const [source, destination] = spec.hosts ?? [1, 2];
  const numbers = [...extensions.map(([number]) => number), protocolNumber(spec.protocol ?? "tcp")];
  const ip = new Uint8Array(40);
  writeLong(ip, 0, 6 * 2 ** 28 + typeOfService * 2 ** 20 + flowLabel);
  ip[6] = numbers[0];
  ip[7] = ttl;
  ip.set([0xfd, source], 8);
  ip.set([0xfd, destination], 24);
  const chain = extensions.map(([, octets], i) =>
    concat(Uint8Array.of(numbers[i + 1], (octets.length + 2) / 8 - 1), octets)
  );
  return concat(ip, ...chain);
}

function makeTcp(spec: FrameSpec): Uint8Array {
  const { ports = [1000, 2000], seq = 1, ack = 1, flags = 0x10, window = 500, urgent = 0 } = spec;
  const tcpOptions = spec.tcpOptions ?? new Uint8Array();
  const tcp = new Uint8Array(20);
  writeWord(tcp, 0, ports[0]);
  writeWord(tcp, 2, ports[1]);
  writeLong(tcp, 4, seq);
  writeLong(tcp, 8, ack);
  tcp[12] = (5 + tcpOptions.length / 4) << 4;
  tcp[13] = flags;
  writeWord(tcp, 14, window);
  writeWord(tcp, 18, urgent);
  return concat(tcp, tcpOptions);
}

function makeUdp(spec: FrameSpec): Uint8Array {
  const { ports = [1000, 2000] } = spec;
  const udp = new Uint8Array(8);
  writeWord(udp, 0, ports[0]);
  writeWord(udp, 2, ports[1]);
  return udp;
}
