/**
 * Control messages and the report to the super node as gob, and back. The only place that knows the names of reference
 * nodes: each type stands here as Go declares it, old spellings included, beside the functions that turn it into our record.
 *
 * The `encode` functions return a stream, which goes behind the inner header (or, gzipped, into the body of a request). The
 * `decode` functions take octets that begin with a stream: zeros that padded the message may follow. They never throw; they
 * return the record, or a fault as a number. Source: `wire.md` §5.3–5.9, §6; reference node, `mtypes/packets.go`.
 *
 * The encoders throw a `RangeError` if a number, key or time is outside of its field's range. `firstTypeId` is for tests
 * that compare with recorded streams: ids differ from one Go program to another, and mean nothing.
 *
 * @module
 */

import { decodeGob, type GobLimits } from "./gob/decoder.ts";
import { encodeGob, FIRST_TYPE_ID } from "./gob/encoder.ts";
import { GobFault } from "./gob/fault.ts";
import { readTime, writeTime } from "./gob/time.ts";
import {
  GOB_FLOAT,
  GOB_INT,
  GOB_STRING,
  type GobArray,
  gobMap,
  type GobOpaque,
  gobSlice,
  gobStruct,
  gobUint,
  type GobValueOf,
} from "./gob/type.ts";
import {
  type BroadcastPeer,
  type PeerReport,
  type Ping,
  type Pong,
  PUBLIC_KEY_LEN,
  type QueryPeer,
  type Register,
  type ServerUpdate,
  TOKEN_KEY_LEN,
} from "./messages.ts";

const UINT16 = gobUint(0xffff);
const UINT32 = gobUint(0xffff_ffff);
/** Go's reaches 2^64; a count of reports doesn't reach what a number holds exactly. */
const UINT64 = gobUint(Number.MAX_SAFE_INTEGER);

const TOKEN_KEY: GobArray = { kind: "array", name: "JWTSecret", length: TOKEN_KEY_LEN };
const PUBLIC_KEY: GobArray = { kind: "array", name: "[32]uint8", length: PUBLIC_KEY_LEN };
const TIME: GobOpaque = { kind: "opaque", name: "Time" };

const REGISTER = gobStruct("RegisterMsg", {
  Node_id: UINT16,
  Version: GOB_STRING,
  PeerStateHash: GOB_STRING,
  NhStateHash: GOB_STRING,
  SuperParamStateHash: GOB_STRING,
  JWTSecret: TOKEN_KEY,
  HttpPostCount: UINT64,
});

const SERVER_UPDATE = gobStruct("ServerUpdateMsg", {
  Node_id: UINT16,
  Action: GOB_INT,
  Code: GOB_INT,
  Params: GOB_STRING,
});

const PING = gobStruct("PingMsg", {
  RequestID: UINT32,
  Src_nodeID: UINT16,
  Time: TIME,
  RequestReply: GOB_INT,
});

const PONG = gobStruct("PongMsg", {
  RequestID: UINT32,
  Src_nodeID: UINT16,
  Dst_nodeID: UINT16,
  Timediff: GOB_FLOAT,
  TimeToAlive: GOB_FLOAT,
  AdditionalCost: GOB_FLOAT,
});

const QUERY_PEER = gobStruct("QueryPeerMsg", { Request_ID: UINT32 });

const BROADCAST_PEER = gobStruct("BoardcastPeerMsg", {
  Request_ID: UINT32,
  NodeID: UINT16,
  PubKey: PUBLIC_KEY,
  ConnURL: GOB_STRING,
});

const LOCAL_ENDPOINTS = gobMap("map[string]float64", GOB_FLOAT);

const PEER_REPORT = gobStruct("API_report_peerinfo", {
  Pongs: gobSlice("[]mtypes.PongMsg", PONG),
  LocalV4s: LOCAL_ENDPOINTS,
  LocalV6s: LOCAL_ENDPOINTS,
});

/**
 * What a message in a datagram may hold. Ours need three descriptors, seven fields and strings of some tens of octets; later
 * versions may add some.
 */
const MESSAGE_LIMITS: GobLimits = {
  octets: 0xffff,
  types: 32,
  fields: 64,
  elements: 256,
  stringLen: 4096,
  depth: 8,
};

/** What a report may hold: 8 MiB (`http-api.md` §8), and an entry for every NodeId twice over. */
const REPORT_LIMITS: GobLimits = { ...MESSAGE_LIMITS, octets: 8 * 2 ** 20, elements: 2 ** 17 };

/** Encodes a registration. */
export function encodeRegister(message: Register, firstTypeId = FIRST_TYPE_ID): Uint8Array {
  const value = {
    Node_id: message.nodeId,
    Version: message.version,
    PeerStateHash: message.peersHash,
    NhStateHash: message.nextHopHash,
    SuperParamStateHash: message.parametersHash,
    JWTSecret: message.tokenKey,
    HttpPostCount: message.reportCount,
  };
  return encodeGob(REGISTER, value, firstTypeId);
}

/** Decodes a registration. */
export function decodeRegister(octets: Uint8Array): Register | GobFault {
  const value = decodeGob(REGISTER, octets, MESSAGE_LIMITS);
  if (typeof value === "number") return value;
  return {
    nodeId: value.Node_id,
    version: value.Version,
    peersHash: value.PeerStateHash,
    nextHopHash: value.NhStateHash,
    parametersHash: value.SuperParamStateHash,
    tokenKey: value.JWTSecret,
    reportCount: value.HttpPostCount,
  };
}

/** Encodes an update of the super node. */
export function encodeServerUpdate(message: ServerUpdate, firstTypeId = FIRST_TYPE_ID): Uint8Array {
  const { nodeId, action, code, params } = message;
  return encodeGob(SERVER_UPDATE, { Node_id: nodeId, Action: action, Code: code, Params: params }, firstTypeId);
}

/** Decodes an update of the super node. */
export function decodeServerUpdate(octets: Uint8Array): ServerUpdate | GobFault {
  const value = decodeGob(SERVER_UPDATE, octets, MESSAGE_LIMITS);
  if (typeof value === "number") return value;
  return { nodeId: value.Node_id, action: value.Action, code: value.Code, params: value.Params };
}

/** Encodes a ping. */
export function encodePing(message: Ping, firstTypeId = FIRST_TYPE_ID): Uint8Array {
  const value = {
    RequestID: message.requestId,
    Src_nodeID: message.source,
    Time: writeTime(message.sentAtMs),
    RequestReply: message.replyCount,
  };
  return encodeGob(PING, value, firstTypeId);
}

/** Decodes a ping. */
export function decodePing(octets: Uint8Array): Ping | GobFault {
  const value = decodeGob(PING, octets, MESSAGE_LIMITS);
  if (typeof value === "number") return value;
  const sentAtMs = readTime(value.Time);
  if (sentAtMs === undefined) return GobFault.TIME_MALFORMED;
  return { requestId: value.RequestID, source: value.Src_nodeID, sentAtMs, replyCount: value.RequestReply };
}

/** Encodes a pong. */
export function encodePong(message: Pong, firstTypeId = FIRST_TYPE_ID): Uint8Array {
  return encodeGob(PONG, pongToGob(message), firstTypeId);
}

/** Decodes a pong. */
export function decodePong(octets: Uint8Array): Pong | GobFault {
  const value = decodeGob(PONG, octets, MESSAGE_LIMITS);
  return typeof value === "number" ? value : pongFromGob(value);
}

/** Encodes a query for peers. */
export function encodeQueryPeer(message: QueryPeer, firstTypeId = FIRST_TYPE_ID): Uint8Array {
  return encodeGob(QUERY_PEER, { Request_ID: message.requestId }, firstTypeId);
}

/** Decodes a query for peers. */
export function decodeQueryPeer(octets: Uint8Array): QueryPeer | GobFault {
  const value = decodeGob(QUERY_PEER, octets, MESSAGE_LIMITS);
  return typeof value === "number" ? value : { requestId: value.Request_ID };
}

/** Encodes what we know of a peer. */
export function encodeBroadcastPeer(message: BroadcastPeer, firstTypeId = FIRST_TYPE_ID): Uint8Array {
  const value = {
    Request_ID: message.requestId,
    NodeID: message.nodeId,
    PubKey: message.publicKey,
    ConnURL: message.endpoint,
  };
  return encodeGob(BROADCAST_PEER, value, firstTypeId);
}

/** Decodes what another node knows of a peer. */
export function decodeBroadcastPeer(octets: Uint8Array): BroadcastPeer | GobFault {
  const value = decodeGob(BROADCAST_PEER, octets, MESSAGE_LIMITS);
  if (typeof value === "number") return value;
  return { requestId: value.Request_ID, nodeId: value.NodeID, publicKey: value.PubKey, endpoint: value.ConnURL };
}

/** Encodes a report, before gzip. */
export function encodePeerReport(report: PeerReport, firstTypeId = FIRST_TYPE_ID): Uint8Array {
  const value = { Pongs: report.pongs.map(pongToGob), LocalV4s: report.localV4, LocalV6s: report.localV6 };
  return encodeGob(PEER_REPORT, value, firstTypeId);
}

/** Decodes a report, after gunzip. */
export function decodePeerReport(octets: Uint8Array): PeerReport | GobFault {
  const value = decodeGob(PEER_REPORT, octets, REPORT_LIMITS);
  if (typeof value === "number") return value;
  return {
    pongs: value.Pongs.map(pongFromGob),
    localV4: value.LocalV4s ?? new Map(),
    localV6: value.LocalV6s ?? new Map(),
  };
}

function pongToGob(pong: Pong): GobValueOf<typeof PONG> {
  return {
    RequestID: pong.requestId,
    Src_nodeID: pong.source,
    Dst_nodeID: pong.destination,
    Timediff: pong.latencyS,
    TimeToAlive: pong.timeToLiveS,
    AdditionalCost: pong.additionalCostMs,
  };
}

function pongFromGob(value: GobValueOf<typeof PONG>): Pong {
  return {
    requestId: value.RequestID,
    source: value.Src_nodeID,
    destination: value.Dst_nodeID,
    latencyS: value.Timediff,
    timeToLiveS: value.TimeToAlive,
    additionalCostMs: value.AdditionalCost,
  };
}
