/**
 * What a super node tells one edge to do, as JSON. Seconds and old spellings of the document begin here.
 *
 * Source: `http-api.md` §4.2.
 *
 * @module
 */

import type { Document, EdgeParameters } from "../control/documents.ts";
import { jsonDocument } from "./json_document.ts";

/** Makes the document of one edge. */
export function parametersDocument(parameters: EdgeParameters): Document {
  const { pingIntervalMs, reportIntervalMs, peerAliveTimeoutMs, dampingFilterRadius, additionalCostMs } = parameters;
  return jsonDocument(JSON.stringify({
    SendPingInterval: pingIntervalMs / 1000,
    HttpPostInterval: reportIntervalMs / 1000,
    PeerAliveTimeout: peerAliveTimeoutMs / 1000,
    DampingFilterRadius: dampingFilterRadius,
    AdditionalCost: additionalCostMs,
  }));
}
