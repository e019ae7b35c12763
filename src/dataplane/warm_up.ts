/**
 * Lets a lane's code run before there is anything to forward, so that the first packets find it compiled.
 *
 * The engine compiles what has run some thousand times. A node with little traffic would take minutes to get there, and
 * until then each packet would cost several times as much. So two lanes exchange some thousand bursts first: single frames
 * as of a ping, and TCP to be split and merged. The engine's best code is made for the very objects that it has seen, so they
 * are real: UDP sockets on the loopback interface, and in place of taps socket pairs, which behave like them. And what it
 * hasn't seen makes it throw its code away, so the numbers are as large, and the frames as various, as in a real network.
 *
 * @module
 */

import { ENDPOINT_WORDS, writeEndpoint } from "../base/endpoint.ts";
import { PathKind } from "../base/path_kind.ts";
import type { RandomSource } from "../base/random.ts";
import { UdpBind } from "../conn/udp_bind.ts";
import type { Shim } from "../ffi/shim.ts";
import { RUN_WORDS, UdpFlag, WRITE_PIECE_WORDS } from "../ffi/symbols.ts";
import { createFrameBurst } from "../tap/device.ts";
import { LinuxTap } from "../tap/linux.ts";
import { VIRTIO_NET_HDR_LEN } from "../wire/virtio_net_hdr.ts";
import { createEventRing } from "./events.ts";
import { Lane } from "./lane.ts";
import { pathWord } from "./path_word.ts";
import { createTables, KEY_LEN, PeerState, SessionState, Setting } from "./tables.ts";

/** Bursts that are exchanged: the engine's threshold for its best code is 3,000 calls of a function. */
const BURSTS = 6_000;
/** A slow machine must not wait longer than this for its node to start. */
const TIME_LIMIT_MS = 400;
const SOCKET_BUFFER_LEN = 1 << 20;
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const MTU = 1404;
/** Greater than 2^31, as half of all random ones: the engine tells small integers from others. */
const INDEX = 0xfedcba00;
const L2FIB_SEED = 0x9e3779b9;
const NO_FD = -1;

/** One of the two nodes that rehearse, and its host. */
interface RehearsalNode {
  readonly lane: Lane;
  /** The host's end of the pair that stands for the tap. */
  readonly host: LinuxTap;
  readonly tap: LinuxTap;
  readonly bind: UdpBind;
}

/**
 * Runs two lanes against each other. Takes about a fifth of a second.
 *
 * Where the loopback interface is down there is no rehearsal: the node then only starts slower.
 */
export async function warmUp(shim: Shim, random: RandomSource): Promise<void> {
  const binds = [openLoopbackBind(shim), openLoopbackBind(shim)];
  const keys = new Uint8Array(2 * KEY_LEN);
  random.fill(keys);
  const nodes = binds.map((bind, index) => createNode(index, bind, binds[1 - index], keys, shim));
  if (canReach(binds[0], binds[1], shim)) await rehearse(nodes, shim);
  for (const { lane, host, tap, bind } of nodes) {
    for (const part of [lane, host, tap, bind]) part[Symbol.dispose]();
  }
}

async function rehearse(nodes: readonly RehearsalNode[], shim: Shim): Promise<void> {
  const received = createFrameBurst();
  const frames = [0, 1].map((from) => createFrames(from));
  const head = Uint32Array.of(0, VIRTIO_NET_HDR_LEN, 0, 1);
  const piece = new Uint32Array(WRITE_PIECE_WORDS);
  const results = new Int32Array(1);
  // What is called from a loop is compiled as a part of that loop. Called as a microtask, a turn is compiled by itself, and
  // that code is there for any loop to call.
  const turns = nodes.map(({ lane }) => lane.turn.bind(lane));
  const endMs = shim.nowMs() + TIME_LIMIT_MS;
  for (let burst = 0; burst < BURSTS && shim.nowMs() < endMs; burst++) {
    const from = burst & 1;
    const frame = frames[from][(burst >> 1) % frames[from].length];
    piece[0] = VIRTIO_NET_HDR_LEN;
    piece[1] = frame.length - VIRTIO_NET_HDR_LEN;
    nodes[from].host.writeBurst(frame, frame, head, piece, 1, results);
    queueMicrotask(turns[from]);
    queueMicrotask(turns[1 - from]);
    await undefined;
    nodes[1 - from].host.readBurst(received);
  }
}

function openLoopbackBind(shim: Shim): UdpBind {
  const local = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(local, 0, LOOPBACK, 0);
  const { symbols } = shim;
  const fd = symbols.eg_udp_open(local, UdpFlag.GRO | UdpFlag.PKTINFO, 0, SOCKET_BUFFER_LEN);
  return new UdpBind(shim.check("bind", "UDP on the loopback interface", fd), 4, shim);
}

/** Sends an empty datagram, which the other's lane will drop. */
function canReach(from: UdpBind, to: UdpBind, shim: Shim): boolean {
  const octets = new Uint8Array(1);
  return from.sendRuns(octets, new Uint32Array(RUN_WORDS), 1, endpointOf(to, shim)) === 1;
}

function endpointOf(bind: UdpBind, shim: Shim): Uint32Array<ArrayBuffer> {
  const endpoint = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(endpoint, 0, LOOPBACK, shim.check("getsockname", "loopback", shim.symbols.eg_udp_port(bind.fd)));
  return endpoint;
}

function createNode(index: number, bind: UdpBind, other: UdpBind, keys: Uint8Array, shim: Shim): RehearsalNode {
  const fds = new Int32Array(2);
  shim.check("socketpair", "warm-up", shim.symbols.eg_socketpair(fds));
  const tap = new LinuxTap(fds[0], shim);
  const tables = createTables({ peerCapacity: 32, sourceCapacity: 1, laneCount: 1 });
  const peer = 2 - index;
  tables.settings[Setting.MTU] = MTU;
  tables.settings[Setting.DEFAULT_TTL] = 1;
  tables.peerState[0] = PeerState.EDGE;
  tables.pathEndpoint.set(endpointOf(other, shim), PathKind.UDP4 * ENDPOINT_WORDS);
  tables.pathEndpointVersion[PathKind.UDP4] = 2;
  tables.peerPath[0] = pathWord(PathKind.UDP4, 0, 0);
  tables.peerConfirmedUntilMs[0] = Infinity;
  tables.sessionPeer[0] = 0;
  tables.sessionLocalIndex[0] = INDEX;
  tables.sessionRemoteIndex[0] = INDEX;
  tables.sessionSendKey.set(keys.subarray(index * KEY_LEN, (index + 1) * KEY_LEN));
  tables.sessionReceiveKey.set(keys.subarray((1 - index) * KEY_LEN, (2 - index) * KEY_LEN));
  tables.sessionState[0] = SessionState.LIVE;
  tables.peerCurrentSession[0] = 0;
  tables.nextHopPeer[peer] = 0;
  tables.broadcastPeers[0] = 1;
  const lane = new Lane({
    tables,
    lane: 0,
    selfNodeId: index + 1,
    events: createEventRing(),
    tap,
    mergeUdp: true,
    binds: [bind],
    connections: 0,
    wakeFd: NO_FD,
    l2fibSeed: L2FIB_SEED,
    l2fibTimeoutSeconds: 1,
    mac1Key: new Uint8Array(KEY_LEN),
    rejectAfterMs: Infinity,
  }, shim);
  return { lane, host: new LinuxTap(fds[1], shim), tap, bind };
}

/** Frames of one node, with their virtio headers: small and large, IPv4 and IPv6, to one and to all. */
function createFrames(from: number): Uint8Array<ArrayBuffer>[] {
  const [own, other] = from === 0 ? [1, 2] : [2, 1];
  const source = [0xfe, 0, 0, 0, 0, own];
  const toOne = [0xfe, 0, 0, 0, 0, other, ...source];
  const toAll = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...source];
  const segmentLen = MTU - 60;
  const ping = createFrame(toOne, createIpv4(own, other, 1, new Uint8Array(64)));
  return [
    ping,
    createFrame(toAll, [0x08, 0x06, ...new Array(46).fill(0)]),
    ping,
    createFrame(toOne, createIpv6(own, other, 58, new Uint8Array(64))),
    ping,
    createOffloaded(createFrame(toOne, createIpv4(own, other, 17, createUdp(64))), 0, 0, 34, 6),
    createOffloaded(createFrame(toOne, createIpv4(own, other, 6, createTcp(8 * segmentLen))), 1, segmentLen, 34, 16),
    createOffloaded(createFrame(toOne, createIpv4(own, other, 6, createTcp(0))), 0, 0, 34, 16),
    createOffloaded(createFrame(toOne, createIpv6(own, other, 6, createTcp(8 * segmentLen))), 4, segmentLen, 54, 16),
  ];
}

/** Room for a virtio header, then addresses, then EtherType and packet. */
function createFrame(addresses: number[], packet: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...new Array(VIRTIO_NET_HDR_LEN).fill(0), ...addresses, ...packet]);
}

function createIpv4(from: number, to: number, protocol: number, payload: Uint8Array): number[] {
  const length = 20 + payload.length;
  const header = [0x45, 0, length >> 8, length & 0xff, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to];
  return [0x08, 0x00, ...header, ...payload];
}

function createIpv6(from: number, to: number, nextHeader: number, payload: Uint8Array): number[] {
  const address = (last: number) => [0xfd, ...new Array(14).fill(0), last];
  const header = [0x60, 0, 0, 0, payload.length >> 8, payload.length & 0xff, nextHeader, 64];
  return [0x86, 0xdd, ...header, ...address(from), ...address(to), ...payload];
}

function createTcp(payloadLen: number): Uint8Array {
  const segment = new Uint8Array(20 + payloadLen);
  segment.set([0x80, 1, 0x14, 0x51, 0xff, 0, 0, 1, 0xff, 0, 0, 2, 5 << 4, 0x10, 0xff, 0xff]);
  return segment;
}

function createUdp(payloadLen: number): Uint8Array {
  const length = 8 + payloadLen;
  return Uint8Array.from([0x80, 1, 0x14, 0x51, length >> 8, length & 0xff, 0, 0, ...new Array(payloadLen).fill(1)]);
}

/** Fills in the virtio header of a frame whose checksum, and with a `gsoType` whose segmentation, is left to us. */
function createOffloaded(
  frame: Uint8Array<ArrayBuffer>,
  gsoType: number,
  gsoSize: number,
  csumStart: number,
  csumOffset: number,
): Uint8Array<ArrayBuffer> {
  frame.set([1, gsoType]);
  new Uint16Array(frame.buffer, 2, 4).set([csumStart + 20, gsoSize, csumStart, csumOffset]);
  return frame;
}
