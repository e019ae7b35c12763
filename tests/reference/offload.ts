/**
 * Segmentation and merging, slow and readable: the twins of `src/dataplane/split.ts` and `src/dataplane/merge.ts`.
 *
 * They copy whole frames and compute every checksum from the beginning.
 *
 * @module
 */
import { concat, slowSum } from "./checksum.ts";
import {
  assemble,
  type FrameParts,
  pseudoHeader,
  readLong,
  readWord,
  takeApart,
  versionOf,
  writeLong,
  writeWord,
} from "./frame.ts";

/** What stands in a `virtio_net_hdr`. */
export interface Offload {
  readonly flags: number;
  readonly gsoType: number;
  readonly hdrLen: number;
  readonly gsoSize: number;
  readonly csumStart: number;
  readonly csumOffset: number;
}

/** A frame as it passes through a TAP. */
export interface TapFrame {
  readonly offload: Offload;
  readonly frame: Uint8Array;
}

/** The offload of an ordinary frame. */
export const NO_OFFLOAD: Offload = { flags: 0, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart: 0, csumOffset: 0 };

const FIN = 0x01;
const PSH = 0x08;
const ACK = 0x10;
const CWR = 0x80;

/** Returns the super-frame that stands for a frame cut into segments of `gsoSize` octets of payload. */
export function makeSuperFrame(parts: FrameParts, gsoSize: number): TapFrame {
  const frame = assemble(parts);
  const { ethernet, ip, transport, payload, protocol } = parts;
  const csumStart = ethernet.length + ip.length;
  const csumOffset = protocol === 6 ? 16 : 6;
  writeWord(frame, csumStart + csumOffset, slowSum(pseudoHeader(ip, protocol, transport.length + payload.length)));
  const tcpType = versionOf(ip) === 4 ? 1 : 4;
  return {
    offload: {
      flags: 1,
      gsoType: protocol === 6 ? tcpType : 5,
      hdrLen: csumStart + transport.length,
      gsoSize,
      csumStart,
      csumOffset,
    },
    frame,
  };
}

/** Returns the frames that a super-frame stands for, or an ordinary frame with its checksum completed. */
export function slowSplit({ offload, frame }: TapFrame): Uint8Array[] {
  if (offload.gsoType === 0) return [(offload.flags & 1) === 0 ? frame : completeChecksum(offload, frame)];
  const parts = takeApart(frame)!;
  const count = Math.ceil(parts.payload.length / offload.gsoSize);
  return Array.from({ length: count }, (_, i) => {
    const ip = Uint8Array.from(parts.ip);
    const transport = Uint8Array.from(parts.transport);
    if (versionOf(ip) === 4) writeWord(ip, 4, (readWord(ip, 4) + i) % 65536);
    if (parts.protocol === 6) {
      writeLong(transport, 4, (readLong(transport, 4) + i * offload.gsoSize) % 2 ** 32);
      if (i > 0) transport[13] &= ~CWR;
      if (i < count - 1) transport[13] &= ~(FIN | PSH);
    }
    const payload = parts.payload.subarray(i * offload.gsoSize, (i + 1) * offload.gsoSize);
    return assemble({ ...parts, ip, transport, payload });
  });
}

/** Does what a network card does with a frame whose checksum is open. */
export function completeChecksum({ csumStart, csumOffset }: Offload, frame: Uint8Array): Uint8Array {
  const complete = Uint8Array.from(frame);
  const checksum = 0xffff - slowSum(frame.subarray(csumStart));
  writeWord(complete, csumStart + csumOffset, csumOffset === 6 && checksum === 0 ? 0xffff : checksum);
  return complete;
}

/** A frame that takes part in merging. */
interface Segment {
  readonly frame: Uint8Array;
  readonly parts: FrameParts;
}

/** A super-frame that may still grow. */
interface OpenSuperFrame {
  readonly addresses: string;
  readonly flow: string;
  readonly segments: Segment[];
}

/** Returns what a merger with `maxOpen` super-frames at a time writes for a burst of frames, in its order. */
export function slowMerge(frames: Uint8Array[], { mergeUdp = true, maxOpen = 16 } = {}): TapFrame[] {
  const out: TapFrame[] = [];
  let open: OpenSuperFrame[] = [];

  function finish(which: (candidate: OpenSuperFrame) => boolean): void {
    for (const { segments } of open.filter(which)) out.push(joinSegments(segments));
    open = open.filter((candidate) => !which(candidate));
  }

  for (const frame of frames) {
    const addresses = addressesOf(frame);
    const cut = takeApart(frame);
    if (cut === undefined) {
      finish((candidate) => candidate.addresses === addresses);
      out.push({ offload: NO_OFFLOAD, frame });
      continue;
    }
    const parts = trimToPacket(cut);
    const flow = [addresses, cut.protocol, hex(cut.transport.subarray(0, 4))].join();
    const intact = parts !== undefined && isIntact(frame, parts);
    const mergeable = intact && isMergeable(parts, mergeUdp);
    const current = open.find((candidate) => candidate.flow === flow);
    if (current !== undefined && mergeable && canFollow(current.segments, { frame, parts })) {
      current.segments.push({ frame, parts });
      const isShorter = parts.payload.length < current.segments[0].parts.payload.length;
      if (isShorter || isLast(parts) || current.segments.length === 64) finish((candidate) => candidate === current);
      continue;
    }
    finish((candidate) => candidate === current);
    if (mergeable && !isLast(parts)) {
      if (open.length === maxOpen) finish((candidate) => candidate === open[0]);
      open.push({ addresses, flow, segments: [{ frame, parts }] });
    } else {
      out.push({ offload: { ...NO_OFFLOAD, flags: intact ? 2 : 0 }, frame });
    }
  }
  finish(() => true);
  return out;
}

function joinSegments(segments: Segment[]): TapFrame {
  const first = segments[0].parts;
  if (segments.length === 1) return { offload: { ...NO_OFFLOAD, flags: 2 }, frame: segments[0].frame };
  const transport = Uint8Array.from(first.transport);
  if (first.protocol === 6) transport[13] = segments[segments.length - 1].parts.transport[13];
  const payload = concat(...segments.map(({ parts }) => parts.payload));
  return makeSuperFrame({ ...first, transport, payload }, first.payload.length);
}

/** Returns the IP addresses of a frame as text, or `""` if there is no IP header. */
function addressesOf(frame: Uint8Array): string {
  if (frame.length < 14) return "";
  let at = 14;
  for (let tags = 0; tags < 2 && [0x8100, 0x88a8].includes(readWord(frame, at - 2)); tags++) at += 4;
  const packet = frame.subarray(at);
  const headerLen = (packet[0] & 15) * 4;
  if (readWord(frame, at - 2) === 0x0800) {
    const isWhole = packet.length >= 20 && packet[0] >> 4 === 4 && headerLen >= 20 && headerLen <= packet.length;
    return isWhole ? hex(packet.subarray(12, 20)) : "";
  }
  const isIpv6 = readWord(frame, at - 2) === 0x86dd && packet.length >= 40 && packet[0] >> 4 === 6;
  return isIpv6 ? hex(packet.subarray(8, 40)) : "";
}

/** Cuts padding off the payload; `undefined` if the packet's own length is impossible. */
function trimToPacket(parts: FrameParts): FrameParts | undefined {
  const { ip, transport, payload } = parts;
  const packetLen = versionOf(ip) === 4 ? readWord(ip, 2) : 40 + readWord(ip, 4);
  const payloadLen = packetLen - ip.length - transport.length;
  if (payloadLen < 0 || payloadLen > payload.length) return undefined;
  return { ...parts, payload: payload.subarray(0, payloadLen) };
}

/** Tells whether the checksums are right, padding that isn't zero counting against them. */
function isIntact(frame: Uint8Array, { ethernet, ip, protocol, transport, payload }: FrameParts): boolean {
  if (versionOf(ip) === 4 && slowSum(ip) !== 0xffff) return false;
  const padded = frame.subarray(ethernet.length + ip.length);
  return slowSum(concat(pseudoHeader(ip, protocol, transport.length + payload.length), padded)) === 0xffff;
}

function isMergeable({ ethernet, ip, protocol, transport, payload }: FrameParts, mergeUdp: boolean): boolean {
  if (payload.length === 0 || 10 + ethernet.length + ip.length + transport.length > 256) return false;
  if (versionOf(ip) === 4 && (ip[6] & 0x80) !== 0) return false;
  if (protocol === 6) return (transport[13] & ~(FIN | PSH)) === ACK;
  return mergeUdp && readWord(transport, 6) !== 0 && readWord(transport, 4) === 8 + payload.length;
}

function isLast({ protocol, transport }: FrameParts): boolean {
  return protocol === 6 && (transport[13] & (FIN | PSH)) !== 0;
}

function canFollow(segments: Segment[], next: Segment): boolean {
  const first = segments[0].parts;
  const { ethernet, ip, protocol, transport, payload } = next.parts;
  const merged = segments.reduce((sum, { parts }) => sum + parts.payload.length, 0);
  const isNextId = versionOf(ip) === 6 || readWord(ip, 4) === (readWord(first.ip, 4) + segments.length) % 65536;
  const isNextSeq = protocol === 17 || readLong(transport, 4) === (readLong(first.transport, 4) + merged) % 2 ** 32;
  return isNextId && isNextSeq && commonHeaders(next.parts) === commonHeaders(first) &&
    payload.length <= first.payload.length &&
    ethernet.length + ip.length + transport.length + merged + payload.length <= 65535;
}

/** Returns the headers as text, with a blank in place of everything that may differ between segments. */
function commonHeaders(parts: FrameParts): string {
  const ip = Uint8Array.from(parts.ip);
  const transport = Uint8Array.from(parts.transport);
  if (versionOf(ip) === 4) {
    writeLong(ip, 2, 0);
    writeWord(ip, 10, 0);
  } else {
    writeWord(ip, 4, 0);
  }
  if (parts.protocol === 6) {
    writeLong(transport, 4, 0);
    transport[13] &= ~(FIN | PSH);
    writeWord(transport, 16, 0);
  } else {
    writeLong(transport, 4, 0);
  }
  return [parts.ethernet, ip, transport].map(hex).join();
}

function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}
