/**
 * The token that proves who sent a report: a JSON Web Token that says which body it belongs to, and its number.
 *
 * It is signed with the key that the edge told in its last registration, through the encrypted session. Source:
 * `http-api.md` §4.5, "What our super does"; RFC 7515 (JWS), RFC 7519 (JWT). Of the algorithms only HS256 is taken: a token
 * that may choose its algorithm may choose none.
 *
 * @module
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** What a token says; whether the body and the number are right is for those to ask who have them. */
export interface ReportToken {
  /** Number of the report; below 2^53. */
  readonly count: number;
  /** Says which body it was made for; see {@linkcode isHashOfBody}. */
  readonly bodyHash: string;
}

/** Longest token that is looked at, in characters: reference edges put the whole report into it. */
const TOKEN_LEN_MAX = 65_536;

/**
 * Checks a token's form, signature and times.
 *
 * @param text In the compact form: three parts with dots between them.
 * @param key Key of the edge, 32 octets.
 * @param wallMs Wall-clock time. Reference edges put no times into their tokens; one that has some means them.
 * @returns What it says, or a sentence about what is wrong with it. Never throws.
 */
export function readReportToken(text: string, key: Uint8Array, wallMs: number): ReportToken | string {
  if (text.length > TOKEN_LEN_MAX) return "JWTSig is too long";
  const parts = text.split(".");
  if (parts.length !== 3) return "JWTSig should be three parts with dots between them";
  const [header, claims, signature] = parts;
  const shown = fromBase64Url(signature);
  const expected = createHmac("sha256", key).update(`${header}.${claims}`).digest();
  if (shown?.length !== expected.length || !timingSafeEqual(shown, expected)) return "JWTSig has a wrong signature";
  const { alg: algorithm, crit: extensions } = parseObject(header) ?? {};
  if (algorithm !== "HS256") return "JWTSig should be signed with HS256";
  // RFC 7515 §4.1.11: who doesn't understand all of them has to refuse the token.
  if (extensions !== undefined) return "JWTSig has an extension that is not supported";
  return readClaims(parseObject(claims) ?? {}, wallMs);
}

/**
 * Tells whether a token was made for a body.
 *
 * The hash is the base64 of the body's SHA-256, or of the whole body, as reference edges write it. Theirs is a mistake, but
 * one that proves just as well which body is meant.
 */
export function isHashOfBody(hash: string, body: Uint8Array): boolean {
  return hash === createHash("sha256").update(body).digest("base64") || hash === body.toBase64();
}

function readClaims(claims: Record<string, unknown>, wallMs: number): ReportToken | string {
  const { PostCount: count, BodyHash: bodyHash } = claims;
  if (!isCount(count)) return "PostCount in JWTSig should be a whole number below 2^53";
  if (typeof bodyHash !== "string") return "BodyHash in JWTSig should be a text";
  const nowS = Math.floor(wallMs / 1000);
  for (const name of ["exp", "iat", "nbf"]) {
    const time = claims[name];
    if (time === undefined) continue;
    if (!Number.isSafeInteger(time)) return `${name} in JWTSig should be a whole number`;
    if (name === "exp" ? Number(time) < nowS : Number(time) > nowS) return `JWTSig is not valid now, says its ${name}`;
  }
  return { count, bodyHash };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Decodes a part of a token that should be an object; `undefined` if it isn't. */
function parseObject(part: string): Record<string, unknown> | undefined {
  const octets = fromBase64Url(part);
  if (octets === undefined) return undefined;
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(octets));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Decodes base64url without padding; `undefined` for another alphabet or length. */
function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return undefined;
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}
