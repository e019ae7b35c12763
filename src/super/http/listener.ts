/**
 * One HTTP server: between sockets and a request handler.
 *
 * It is made with Node's server rather than with `Deno.serve`, which waits for the rest of a request for ever (measured with
 * Deno 2.9: a connection with half a header stays open), so that a few thousand idle connections of one attacker would leave
 * none for edges. Node's ends a request that takes too long to come in, and has limits on headers and connections.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { SystemError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ListenConfig, TlsConfig } from "../../config/super_config.ts";
import { textAnswer } from "./answer.ts";
import type { RequestHandler } from "./router.ts";

/** Limits of a server on what others may use of it. */
export interface ServerLimits {
  /** How long a request may take to come in, header and body each, ms. */
  readonly requestMs: number;
  /** How long a connection without traffic stays, ms. */
  readonly idleMs: number;
  /** Connections at a time; more are closed at once. */
  readonly connections: number;
}

/** Source of the first: `http-api.md` §8. A Go edge keeps its connection for the next request, but makes another if need be. */
export const SERVER_LIMITS: ServerLimits = { requestMs: 10_000, idleMs: 30_000, connections: 1024 };

/**
 * Octets of a request line and headers: a reference edge puts its whole report into the line, which for a thousand peers are
 * 65,000.
 */
export const HEADER_LEN_MAX = 80 * 1024;

/** How often slow requests are looked for, as a share of their limit. */
const CHECKS_PER_LIMIT = 10;
/** How long a server that closes waits for the answers that it is giving, ms. */
const CLOSE_PATIENCE_MS = 2_000;

/** What a listener is made with. */
export interface ListenerOptions {
  readonly address: ListenConfig;
  readonly handler: RequestHandler;
  /** `undefined`: plain HTTP. */
  readonly tls: TlsConfig | undefined;
  readonly limits?: ServerLimits;
  readonly log: Logger;
}

/** A server that listens. */
export class Listener implements AsyncDisposable {
  readonly #server: Server;
  /** Where it listens, as `address:port` or `[address]:port`. */
  readonly address: string;
  /** Port that it listens on. */
  readonly port: number;

  private constructor(server: Server) {
    this.#server = server;
    const { address, port } = server.address() as AddressInfo;
    this.address = formatAddress({ host: address, port });
    this.port = port;
  }

  /**
   * Starts a server.
   *
   * @throws {SystemError} It can't listen there; names the address.
   */
  static async start(options: ListenerOptions): Promise<Listener> {
    const { address: { host, port } } = options;
    if (host !== undefined) return new Listener(await listen(options, host, port));
    try {
      // Takes IPv4 in, too.
      return new Listener(await listen(options, "::", port));
    } catch (error) {
      if (!(error instanceof SystemError) || !NO_IPV6.includes(error.code)) throw error;
      return new Listener(await listen(options, "0.0.0.0", port));
    }
  }

  /** Stops listening, and waits for answers that are being given, though not for long. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_PATIENCE_MS);
    await closed;
    clearTimeout(timer);
  }
}

/** Errors of a host without IPv6; Deno's Node server says EINVAL for EADDRNOTAVAIL. */
const NO_IPV6 = ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EINVAL"];

const NO_SUCH_ADDRESS = "this host has no such address: change ListenPort_EdgeAPI or ListenPort_ManageAPI";

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there: stop it, or change ListenPort_EdgeAPI or ListenPort_ManageAPI",
  EADDRNOTAVAIL: NO_SUCH_ADDRESS,
  EINVAL: NO_SUCH_ADDRESS,
  EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE: run as root, or choose another port",
};

/** What a resolver says of a name: ENOTFOUND, or one of `getaddrinfo(3)`. */
const NAME_FAILURE = /^(?:ENOTFOUND|EAI_\w+)$/;
const NO_SUCH_NAME =
  "no address of this name was found: write an address in place of it in ListenPort_EdgeAPI or ListenPort_ManageAPI, or " +
  "see whether this host's name servers answer";

function listen(options: ListenerOptions, host: string, port: number): Promise<Server> {
  const server = makeServer(options);
  return new Promise((resolve, reject) => {
    function refuse(error: Error & { code?: string; errno?: number }): void {
      const { code = "unknown error", errno = 0 } = error;
      const remedy = NAME_FAILURE.test(code) ? NO_SUCH_NAME : REMEDIES[code] ?? "";
      reject(new SystemError("listen", formatAddress({ host, port }), Math.abs(errno), code, remedy, error));
    }
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse);
      reportFirstError(server, options.log);
      resolve(server);
    });
  });
}

/** What fails later, such as to take a connection in without a descriptor left for it, may fail a thousand times. */
function reportFirstError(server: Server, log: Logger): void {
  let isReported = false;
  server.on("error", (error) => {
    if (!isReported) log.error("HTTP server failed to take a connection in", { cause: error.message });
    isReported = true;
  });
}

function makeServer({ handler, tls, limits = SERVER_LIMITS, log }: ListenerOptions): Server {
  const settings = {
    headersTimeout: limits.requestMs,
    requestTimeout: 2 * limits.requestMs,
    connectionsCheckingInterval: limits.requestMs / CHECKS_PER_LIMIT,
    maxHeaderSize: HEADER_LEN_MAX,
  };
  function answer(message: IncomingMessage, response: ServerResponse): void {
    answerRequest(message, response, handler).catch((error) => {
      // Its text may quote the request, and that may have a password in it.
      log.error("request failed by a mistake of ours", { error: error.name, at: placeOf(error) });
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  }
  const server = tls === undefined
    ? createServer(settings, answer)
    : createTlsServer({ ...settings, handshakeTimeout: limits.requestMs, cert: tls.certificate, key: tls.key }, answer);
  server.maxConnections = limits.connections;
  server.setTimeout(limits.idleMs);
  return server;
}

async function answerRequest(
  message: IncomingMessage,
  response: ServerResponse,
  handler: RequestHandler,
): Promise<void> {
  const { url: target = "/", socket } = message;
  const request = requestOf(message);
  const answer = request === undefined
    ? textAnswer(400, "The request has a method or a header that isn't allowed")
    : await handler(request, { remoteAddress: socket.remoteAddress ?? "", target });
  // A body of which nobody wants the rest isn't waited for.
  if (!message.complete) response.shouldKeepAlive = false;
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (message.method === "HEAD") await answer.body?.cancel();
  else await sendBody(answer.body, response);
  response.end();
}

async function sendBody(body: ReadableStream<Uint8Array> | null, response: ServerResponse): Promise<void> {
  for await (const chunk of body ?? []) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await writable(response);
  }
}

/** Waits until a response takes more, or is gone. */
function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    function done(): void {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    }
    response.on("drain", done);
    response.on("close", done);
  });
}

/**
 * Makes a request of a message; `undefined` for what a request can't have, such as the method TRACE.
 *
 * Only the router asks for a path, and it takes the target: that of the request here is of no use.
 */
function requestOf(message: IncomingMessage): Request | undefined {
  const { method = "GET", rawHeaders } = message;
  const hasBody = method !== "GET" && method !== "HEAD";
  // Who doesn't read all of it leaves the connection as it is, so that there can be an answer.
  const body = hasBody ? ReadableStream.from(message.iterator({ destroyOnReturn: false })) : undefined;
  try {
    const headers = new Headers();
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      headers.append(rawHeaders[index], rawHeaders[index + 1]);
    }
    return new Request("http://super.invalid/", { method, headers, body });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function placeOf(error: unknown): string {
  const stack = error instanceof Error ? error.stack ?? "" : "";
  return stack.split("\n").find((line) => /^\s+at /.test(line))?.trim() ?? "unknown place";
}

function formatAddress({ host = "::", port }: ListenConfig): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
