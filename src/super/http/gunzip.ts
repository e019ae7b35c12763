/**
 * Decompression of what others sent, with a limit.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";

/** Why nothing was decompressed: it is no gzip, or it is longer than the limit. */
export type GunzipFault = "malformed" | "too long";

/**
 * Decompresses gzip, of one member or several.
 *
 * A thousand octets can stand for a million, so that the limit is on what comes out; no more than that is ever made of it.
 *
 * @param lengthMax Most octets that the result may have.
 * @returns What was compressed, or why there is nothing. Never throws because of the octets.
 */
export function gunzip(octets: Uint8Array, lengthMax: number): Uint8Array | GunzipFault {
  try {
    return gunzipSync(octets, { maxOutputLength: lengthMax });
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ERR_BUFFER_TOO_LARGE") return "too long";
    if (typeof code === "string" && code.startsWith("Z_")) return "malformed";
    throw error;
  }
}
