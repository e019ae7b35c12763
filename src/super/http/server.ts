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

import type { Logger } from "../../base/log.ts";
import type { ListenConfig, SuperConfig } from "../../config/super_config.ts";
import { BodyReader } from "./body.ts";
import { edgeRoutes } from "./edge_api.ts";
import { Listener, type ServerLimits } from "./listener.ts";
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
   * @throws {SystemError} It can't listen; names the address. Nothing listens then.
   */
  static async start(config: HttpConfig, api: SuperApi, log: Logger, limits?: ServerLimits): Promise<HttpServer> {
    const { tls } = config;
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
