/**
 * The types of scalars that have to do with HTTP: addresses of servers, where a server listens, the prefix of its paths.
 *
 * @module
 */

import { parseIpAddress } from "../base/endpoint.ts";
import { isDnsName } from "./endpoint_text.ts";
import type { ScalarType } from "./schema.ts";

/** Where a server listens. */
export interface ListenConfig {
  /** An address without brackets, or a name; `undefined`: all addresses of the host. */
  readonly host: string | undefined;
  /** 1 to 65535. */
  readonly port: number;
}

/** Names of ports that occur in files of older nodes, which take any name that the host knows. */
const SERVICE_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** An HTTP address. */
export const HTTP_URL: ScalarType<string> = {
  name: "URL",
  allowed: "http://… or https://…, without a slash at the end",
  zero: "",
  secret: false,
  parse(value) {
    if (value === "") return { value };
    const url = URL.parse(value);
    if (url === null || !/^https?:$/.test(url.protocol)) return { remedy: "write the whole address with its scheme" };
    return value.endsWith("/") ? { remedy: "remove the slash at the end" } : { value };
  },
};

/** A port, alone or with a colon before it, or an address and a port. */
export const LISTEN_ADDRESS: ScalarType<ListenConfig | undefined> = {
  name: "listen address",
  allowed: "a port 1 to 65535 such as 3456, or host:port, or [v6]:port",
  zero: undefined,
  secret: false,
  parse(text) {
    if (text === "") return { value: undefined };
    const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d{1,5}|[a-z]+)$/.exec(text);
    if (match === null) return { remedy: "write a port, or the host, a colon and the port" };
    const [, v6, name, portText] = match;
    const port = Object.hasOwn(SERVICE_PORTS, portText) ? SERVICE_PORTS[portText] : Number(portText);
    if (!(port >= 1 && port <= 65535)) return { remedy: "write a port of this range" };
    if (v6 !== undefined) {
      return parseIpAddress(v6)?.length === 16
        ? { value: { host: v6, port } }
        : { remedy: "write an IPv6 address into the brackets" };
    }
    // Nothing before the colon is all addresses, as it is without the colon.
    if (!name) return { value: { host: undefined, port } };
    if (parseIpAddress(name) !== undefined || isDnsName(name)) return { value: { host: name, port } };
    return { remedy: "write an address of this host, or the port alone for all of them" };
  },
};

/** The first part of the paths of a server: empty, or with a slash at its start and none at its end. */
export const API_PREFIX: ScalarType<string> = {
  name: "path",
  allowed: "a path such as /eg_api, without a slash at the end",
  zero: "",
  secret: false,
  parse(text) {
    const written = text === "" || text.startsWith("/") ? text : `/${text}`;
    const value = written.replace(/\/$/, "");
    // These characters stand for themselves in a path (RFC 3986 §3.3); a server would resolve "." and ".." away.
    const isPath = value.split("/").slice(1).every((part) => /^(?!\.{1,2}$)[\w.~!$&'()*+,;=:@-]+$/.test(part));
    if (!isPath) return { remedy: 'write words of letters, digits, "_" and "-" between slashes' };
    return value === written ? { value } : { value, doubt: "the slash at the end is dropped: remove it" };
  },
};
