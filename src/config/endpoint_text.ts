/**
 * Transport addresses as people write them in a file: a literal or a name, and a port. Names are looked up elsewhere,
 * and again when the peer falls silent, so here they stay names.
 *
 * @module
 */

import { parseIpAddress } from "../base/endpoint.ts";

/** A host and a port. */
export interface EndpointConfig {
  /** An IPv4 literal, an IPv6 literal without brackets, or a DNS name. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** 4 or 6 for a literal; 0 for a name, which may have addresses of both. */
  readonly family: 0 | 4 | 6;
}

/** One label of a DNS name; the underscore is no host name character by RFC 952 but occurs. */
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
/** RFC 1035 §2.3.4, without the root's dot. */
const MAX_DNS_NAME_LEN = 253;

/**
 * Parses `host:port`, `name:port` or `[v6]:port`.
 *
 * @returns The endpoint, or `undefined` if `text` is not of that form. Service names as ports and IPv6 scopes are
 *   refused.
 */
export function parseEndpointText(text: string): EndpointConfig | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port < 1 || port > 65535) return undefined;
  if (match[1] !== undefined) {
    return parseIpAddress(match[1])?.length === 16 ? { host: match[1], port, family: 6 } : undefined;
  }
  if (parseIpAddress(match[2]) !== undefined) return { host: match[2], port, family: 4 };
  return isDnsName(match[2]) ? { host: match[2], port, family: 0 } : undefined;
}

/** Formats an endpoint as {@linkcode parseEndpointText} reads it. */
export function formatEndpointText(endpoint: EndpointConfig): string {
  return endpoint.family === 6 ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

/** Tells whether `text` can be a DNS name. A last label of digits is refused: it is a misspelt address (RFC 3696 §2). */
export function isDnsName(text: string): boolean {
  const labels = (text.endsWith(".") ? text.slice(0, -1) : text).split(".");
  return text.length <= MAX_DNS_NAME_LEN && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1)!);
}
