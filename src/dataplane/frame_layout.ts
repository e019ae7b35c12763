// No allocation per packet in this file.
/**
 * Where the headers of a frame stand: what splitting and merging both need to know before they begin.
 *
 * @module
 */
import { EtherType, networkOffset, readEtherType } from "../wire/ethernet.ts";
import { checkIpv4, IpProtocol, isIpv4Fragment, readIpv4Protocol } from "../wire/ipv4.ts";
import { checkIpv6, ipv6HeadersLen, readIpv6Protocol } from "../wire/ipv6.ts";
import { checkTcp } from "../wire/tcp.ts";
import { checkUdp } from "../wire/udp.ts";

/** One record, filled again for every frame. Offsets are in octets from the frame's beginning. */
export class FrameLayout {
  /** 4 or 6 if a whole IP header was found, else 0 and nothing else here counts. */
  version = 0;
  /** Where the IP header begins. */
  network = 0;
  /** Where what follows the IP headers begins: the transport header, if `protocol` says so. */
  transport = 0;
  /** {@linkcode IpProtocol} of the transport header, or the number of whatever stands there. */
  protocol = 0;
  /**
   * Length of all headers, the transport header included: where the payload begins. 0 unless a whole TCP or UDP header was
   * found in a packet that is no fragment.
   */
  headerLen = 0;
}

/**
 * Finds the headers of a frame: Ethernet with up to two VLAN tags, IPv4 with options or IPv6 with extension headers, TCP
 * with options or UDP.
 *
 * Only octets of the frame are read. Lengths that the headers claim for packet and payload, and checksums, are not
 * compared with anything.
 *
 * @param view The buffer.
 * @param frameAt Where the frame begins.
 * @param frameLen Its length, at least `ETHERNET_HEADER_LEN` octets.
 * @param layout Receives what was found.
 */
export function readFrameLayout(view: DataView, frameAt: number, frameLen: number, layout: FrameLayout): void {
  const network = networkOffset(view, frameAt, frameLen);
  layout.version = 0;
  layout.headerLen = 0;
  layout.network = network;
  switch (readEtherType(view, frameAt, network)) {
    case EtherType.IPV4:
      readIpv4Layout(view, frameAt, frameLen, layout);
      break;
    case EtherType.IPV6:
      readIpv6Layout(view, frameAt, frameLen, layout);
      break;
  }
}

function readIpv4Layout(view: DataView, frameAt: number, frameLen: number, layout: FrameLayout): void {
  const ipAt = frameAt + layout.network;
  const ipHeaderLen = checkIpv4(view, ipAt, frameLen - layout.network);
  if (ipHeaderLen === 0) return;
  layout.version = 4;
  layout.transport = layout.network + ipHeaderLen;
  layout.protocol = readIpv4Protocol(view, ipAt);
  if (!isIpv4Fragment(view, ipAt)) readTransportLayout(view, frameAt, frameLen, layout);
}

function readIpv6Layout(view: DataView, frameAt: number, frameLen: number, layout: FrameLayout): void {
  const ipAt = frameAt + layout.network;
  if (checkIpv6(view, ipAt, frameLen - layout.network) === 0) return;
  const headersLen = ipv6HeadersLen(view, ipAt, frameLen - layout.network);
  layout.version = 6;
  layout.transport = layout.network + headersLen;
  layout.protocol = readIpv6Protocol(view, ipAt, headersLen);
  readTransportLayout(view, frameAt, frameLen, layout);
}

function readTransportLayout(view: DataView, frameAt: number, frameLen: number, layout: FrameLayout): void {
  const { transport, protocol } = layout;
  let transportHeaderLen = 0;
  if (protocol === IpProtocol.TCP) {
    transportHeaderLen = checkTcp(view, frameAt + transport, frameLen - transport);
  } else if (protocol === IpProtocol.UDP) {
    transportHeaderLen = checkUdp(frameLen - transport);
  }
  if (transportHeaderLen !== 0) layout.headerLen = transport + transportHeaderLen;
}
