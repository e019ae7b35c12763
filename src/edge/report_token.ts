/**
 * The token that proves a report over HTTP to be ours: a JSON Web Token in compact form (RFC 7515 §3.1, RFC 7519).
 *
 * Source: `http-api.md` §4.5.
 *
 * @module
 */

import { createHash, createHmac } from "node:crypto";

/** What a token says. The names are those of the wire. */
export interface ReportClaims {
  /** Number of the report. */
  readonly PostCount: number;
  /** What stands for the body. */
  readonly BodyHash: string;
}

const TEXT = new TextEncoder();

/** `{"alg":"HS256","typ":"JWT"}` in base64url. */
const HEADER = encodePart(TEXT.encode('{"alg":"HS256","typ":"JWT"}'));

/**
 * Returns what stands for a body in the claims: its SHA-256 in standard base64.
 *
 * Reference edges put the body itself there. Reference supers take anything but the base64 of the SHA3-512.
 */
export function reportBodyHash(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("base64");
}

/**
 * Makes a token, signed by HMAC-SHA-256.
 *
 * @param key The 32 octets of `Register.tokenKey`.
 */
export function signReportToken(key: Uint8Array, { PostCount, BodyHash }: ReportClaims): string {
  const signed = `${HEADER}.${encodePart(TEXT.encode(JSON.stringify({ PostCount, BodyHash })))}`;
  return `${signed}.${encodePart(createHmac("sha256", key).update(signed).digest())}`;
}

function encodePart(octets: Uint8Array): string {
  return octets.toBase64({ alphabet: "base64url", omitPadding: true });
}
