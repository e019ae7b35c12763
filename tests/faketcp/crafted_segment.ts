/**
 * Segments of any content, as an outsider may send them.
 *
 * @module
 */

import { parseEndpoint } from "../../src/base/endpoint.ts";
import { REMOTE_WORDS } from "../../src/faketcp/connection_table.ts";
import { checksumOf, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from "../../src/wire/checksum.ts";
import { IpProtocol, writeIpv4Header } from "../../src/wire/ipv4.ts";
import { writeIpv6Header } from "../../src/wire/ipv6.ts";
import { TcpFlag, writeTcpHeader, writeTcpTimestamps } from "../../src/wire/tcp.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";

/** What a segment says. */
export interface CraftedSegment {
  /** `address:port`, both sides of one family. */
  readonly from: string;
  readonly to: string;
  readonly flags?: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly tsVal?: number;
  readonly tsEcr?: number;
  readonly payload?: Uint8Array;
}

/** Makes a segment behind an empty virtio header, its checksum complete; with timestamps if they are given. */
export function craftSegment(segment: CraftedSegment): Uint8Array<ArrayBuffer> {
  const { flags = TcpFlag.ACK, seq = 0, ack = 0, window = 0xffff, payload = new Uint8Array(0) } = segment;
  const [from, to] = [parseEndpoint(segment.from)!, parseEndpoint(segment.to)!];
  const isV4 = from[0] === 4;
  const ipLen = isV4 ? 20 : 40;
  const tcpHeaderLen = 20 + (segment.tsVal === undefined ? 0 : 12);
  const octets = new Uint8Array(VIRTIO_NET_HDR_LEN + ipLen + tcpHeaderLen + payload.length);
  const view = new DataView(octets.buffer);
  const at = VIRTIO_NET_HDR_LEN;
  const tcpAt = at + ipLen;
  const tcpLen = tcpHeaderLen + payload.length;
  if (isV4) writeIpv4Header(view, at, 0, ipLen + tcpLen, 1, 0x4000, 60, IpProtocol.TCP, 0, 0);
  else writeIpv6Header(view, at, 0, 0, tcpLen, IpProtocol.TCP, 60);
  octets.set(addressOf(from), at + (isV4 ? 12 : 8));
  octets.set(addressOf(to), at + (isV4 ? 16 : 24));
  if (isV4) {
    view.setUint16(at + 10, 0);
    view.setUint16(at + 10, checksumOf(onesComplementSum(view, at, ipLen)));
  }
  writeTcpHeader(view, tcpAt, from[1], to[1], seq >>> 0, ack >>> 0, tcpHeaderLen, flags, window);
  if (segment.tsVal !== undefined) {
    view.setUint16(tcpAt + 20, 0x0101);
    writeTcpTimestamps(view, tcpAt + 22, segment.tsVal >>> 0, (segment.tsEcr ?? 0) >>> 0);
  }
  octets.set(payload, tcpAt + tcpHeaderLen);
  const pseudo = (isV4 ? pseudoHeaderSum4 : pseudoHeaderSum6)(view, at, IpProtocol.TCP, tcpLen);
  view.setUint16(tcpAt + 16, pseudo);
  view.setUint16(tcpAt + 16, checksumOf(onesComplementSum(view, tcpAt, tcpLen)));
  return octets;
}

function addressOf(endpoint: Uint32Array): Uint8Array {
  return new Uint8Array(endpoint.slice(2, endpoint[0] === 4 ? 3 : REMOTE_WORDS - 2).buffer);
}
