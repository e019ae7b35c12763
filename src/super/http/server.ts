/**
 * The HTTP interface of a super node: documents for edges, and calls for administrators.
 *
 * ```text
 *   listener.ts ──▶ router.ts ──┬─▶ edge_api.ts ───▶ Registry
 *   sockets, TLS    path, method├─▶ manage_api.ts ─▶ Administration
 *                               └─ ApiError: status and text
 * ```
 *
 * Everything behind the listener is a function from a request to a response. Source: `http-api.md`.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { SystemError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ListenConfig, SuperConfig, TlsConfig } from "../../config/super_config.ts";
import { BodyReader } from "./body.ts";
import { edgeRoutes } from "./edge_api.ts";
import { Listener, type ServerLimits, type TlsIdentity } from "./listener.ts";
import { manageRoutes } from "./manage_api.ts";
import { type RequestHandler, routeRequests } from "./router.ts";
import type { SuperApi } from "./super_api.ts";

/** What of the configuration concerns HTTP. */
export type HttpConfig = Pick<SuperConfig, "edgeApi" | "manageApi" | "tls" | "apiPrefix">;

/** Who answers at an address. */
export interface Endpoint {
  readonly address: ListenConfig;
  readonly handler: RequestHandler;
}

/** Returns where which calls are answered: both kinds in one place if the addresses are equal. */
export function endpointsOf({ edgeApi, manageApi, apiPrefix }: HttpConfig, api: SuperApi): Endpoint[] {
  const bodies = new BodyReader();
  const edge = edgeRoutes(api, bodies);
  if (manageApi === undefined) return [{ address: edgeApi, handler: routeRequests(apiPrefix, edge) }];
  const manage = manageRoutes(api, bodies);
  if (edgeApi.host === manageApi.host && edgeApi.port === manageApi.port) {
    return [{ address: edgeApi, handler: routeRequests(apiPrefix, [...edge, ...manage]) }];
  }
  return [
    { address: edgeApi, handler: routeRequests(apiPrefix, edge) },
    { address: manageApi, handler: routeRequests(apiPrefix, manage) },
  ];
}

/** The servers of a super node. */
export class HttpServer implements AsyncDisposable {
  readonly #listeners: readonly Listener[];

  private constructor(listeners: readonly Listener[]) {
    this.#listeners = listeners;
  }

  /**
   * Starts to listen.
   *
   * @param limits Those of `http-api.md` §8, if left out.
   * @throws {SystemError} It can't listen, or read the certificate; names the address or the file. Nothing listens then.
   */
  static async start(config: HttpConfig, api: SuperApi, log: Logger, limits?: ServerLimits): Promise<HttpServer> {
    const tls = config.tls === undefined ? undefined : readTlsIdentity(config.tls);
    await using stack = new AsyncDisposableStack();
    const listeners: Listener[] = [];
    for (const { address, handler } of endpointsOf(config, api)) {
      const listener = stack.use(await Listener.start({ address, handler, tls, limits, log }));
      log.info("listening for HTTP", { address: listener.address, tls: tls !== undefined });
      listeners.push(listener);
    }
    stack.move();
    return new HttpServer(listeners);
  }

  /** Where it listens: for edges first. */
  get listeners(): readonly Listener[] {
    return this.#listeners;
  }

  /** Stops listening; answers that are being given are finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener[Symbol.asyncDispose]()));
  }
}

/**
 * Reads a certificate and its key.
 *
 * @throws {SystemError} A file can't be read, or has no such thing in it, or they don't belong together.
 */
export function readTlsIdentity({ certificatePath, keyPath }: TlsConfig): TlsIdentity {
  const certificate = readPem(certificatePath);
  const key = readPem(keyPath);
  if (!belongTogether(certificate, key)) {
    const remedy = "they should be a certificate and the private key that belongs to it, in PEM form";
    throw new SystemError("use for TLS", `${certificatePath} and ${keyPath}`, 0, "EINVAL", remedy);
  }
  return { certificate, key };
}

/** A server that starts with another's key would fail each handshake, one by one. */
function belongTogether(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function readPem(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const { code = "unreadable", message } = error as Error & { code?: string };
    throw new SystemError("read", path, 0, code, message, error);
  }
}
