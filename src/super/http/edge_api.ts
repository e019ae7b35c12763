/**
 * What edges ask for: their parameters, their peers, the next-hop table; and what they report.
 *
 * The same documents go through encrypted sessions; this is for edges that don't know of that. Source: `http-api.md` §4.
 *
 * @module
 */

import { isOrdinaryNodeId, type NodeId } from "../../base/node_id.ts";
import { DocumentKind } from "../../control/documents.ts";
import { decodePeerReport } from "../../control/message_codec.ts";
import type { PeerReport } from "../../control/messages.ts";
import type { ReportGate } from "../registry.ts";
import { documentAnswer, textAnswer } from "./answer.ts";
import { ApiError } from "./api_error.ts";
import type { BodyReader } from "./body.ts";
import { gunzip } from "./gunzip.ts";
import { type Parameters, parseNodeId, required } from "./parameters.ts";
import { isHashOfBody, readReportToken } from "./report_token.ts";
import type { Call, Route } from "./router.ts";
import type { SuperApi } from "./super_api.ts";

/** Longest body of a report, compressed, in octets. Source: `http-api.md` §8. */
export const REPORT_BODY_LEN_MAX = 1024 * 1024;
/** Longest report behind that. */
export const REPORT_LEN_MAX = 8 * 1024 * 1024;
/** Beyond what any clock, timeout or cost says; a thousand times as much can still be computed with. */
const QUANTITY_MAX = 1e12;

/** An edge that says who it is. */
interface Asker {
  readonly nodeId: NodeId;
  /** As it wrote it. */
  readonly publicKey: string;
}

/** Returns the calls of edges. */
export function edgeRoutes(api: SuperApi, bodies: BodyReader): Route[] {
  return [
    documentRoute("/edge/superparams", DocumentKind.PARAMETERS, api),
    documentRoute("/edge/peerinfo", DocumentKind.PEERS, api),
    documentRoute("/edge/nhtable", DocumentKind.NEXT_HOPS, api),
    { path: "/edge/post/nodeinfo", methods: ["POST"], answer: (call) => takeReport(call, api, bodies) },
  ];
}

function documentRoute(path: string, kind: number, { registry }: SuperApi): Route {
  function answer({ request, query }: Call): Response {
    const state = required(query, "State");
    const { nodeId, publicKey } = readAsker(query);
    return documentAnswer(request, registry.document(kind, nodeId, publicKey, state));
  }
  return { path, methods: ["GET"], answer };
}

/**
 * Takes in a report, if nothing is wrong with it.
 *
 * From the end of the body on all happens in one go: two requests with the same number can't both be found to be new.
 */
async function takeReport({ request, query }: Call, api: SuperApi, bodies: BodyReader): Promise<Response> {
  const { registry } = api;
  const asker = readAsker(query);
  const token = required(query, "JWTSig");
  gateOf(asker, api);
  const body = await bodies.read(request, REPORT_BODY_LEN_MAX);

  // Asked once more: the edge may have registered anew, or have been removed, while its body came.
  const gate = gateOf(asker, api);
  const count = checkToken(token, body, gate, api.wallMs());
  const { nodeId } = asker;
  if (!registry.allowsReport(nodeId, api.nowMs())) throw new ApiError(429, "This node reports too often");
  const report = unpackReport(body);
  if (!registry.acceptReport(nodeId, count)) throw new ApiError(400, COUNT_TOO_LOW);
  api.takeReport(nodeId, report);
  return textAnswer(200, "OK");
}

const COUNT_TOO_LOW = "PostCount in JWTSig should be above that of the last report";

/** Reads who asks. */
function readAsker(query: Parameters): Asker {
  const publicKey = required(query, "PubKey");
  const nodeId = parseNodeId(required(query, "NodeID"));
  if (nodeId === undefined) throw new ApiError(400, "NodeID should be a whole number, 0 to 65535");
  if (!isOrdinaryNodeId(nodeId)) throw new ApiError(400, "NodeID is reserved");
  return { nodeId, publicKey };
}

function gateOf({ nodeId, publicKey }: Asker, { registry }: SuperApi): ReportGate & { tokenKey: Uint8Array } {
  const gate = registry.reportGate(nodeId, publicKey);
  if (gate === undefined) throw new ApiError(404, "NodeID and PubKey don't belong together");
  const { tokenKey } = gate;
  // The reference node begins with a key of zeros, with which anybody can sign.
  if (tokenKey === undefined) throw new ApiError(400, "JWTSig can't be checked: this node has not registered yet");
  return { ...gate, tokenKey };
}

/** Returns the number of a report whose token was made by its edge for this body. */
function checkToken(
  text: string,
  body: Uint8Array,
  gate: ReportGate & { tokenKey: Uint8Array },
  wallMs: number,
): number {
  const token = readReportToken(text, gate.tokenKey, wallMs);
  if (typeof token === "string") throw new ApiError(400, token);
  if (token.count < gate.expectedCount) throw new ApiError(400, COUNT_TOO_LOW);
  if (!isHashOfBody(token.bodyHash, body)) throw new ApiError(400, "BodyHash in JWTSig doesn't belong to the body");
  return token.count;
}

function unpackReport(body: Uint8Array): PeerReport {
  const octets = gunzip(body, REPORT_LEN_MAX);
  if (octets === "too long") throw new ApiError(413, `The report should have at most ${REPORT_LEN_MAX} octets`);
  if (octets === "malformed") throw new ApiError(400, "The body should be gzip");
  const report = decodePeerReport(octets);
  if (typeof report === "number") throw new ApiError(400, "The body should be a report in gob");
  if (!hasSoundNumbers(report)) throw new ApiError(400, "The report has a number that is none, or far too large");
  return report;
}

function hasSoundNumbers({ pongs, localV4, localV6 }: PeerReport): boolean {
  return pongs.every(({ latencyS, timeToLiveS, additionalCostMs }) =>
    isQuantity(latencyS) && isQuantity(timeToLiveS) && isQuantity(additionalCostMs)
  ) && [...localV4.values(), ...localV6.values()].every(isQuantity);
}

/** NaN isn't, either. */
function isQuantity(value: number): boolean {
  return Math.abs(value) <= QUANTITY_MAX;
}
