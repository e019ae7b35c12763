/**
 * From a request to the call that answers it.
 *
 * A request handler is a function from a `Request`, and what the request doesn't say of itself, to a `Response`. It opens no
 * socket, so that tests hand it requests as they like. Calls throw an {@linkcode ApiError} to refuse; here, and nowhere else,
 * that becomes an answer.
 *
 * The paths and methods are those that the documents show. The reference node takes any method; but a page in an
 * administrator's browser can make it send requests without being asked, and so requests that come from a page of another
 * site are refused, as well as methods that nobody has a use for. Source: `http-api.md` §1, §9.
 *
 * @module
 */

import { textAnswer } from "./answer.ts";
import { ApiError } from "./api_error.ts";
import { type Parameters, parseParameters } from "./parameters.ts";

/** What a server knows of a request beside what is in it. */
export interface RequestInfo {
  /** Where it comes from, without the port. */
  readonly remoteAddress: string;
  /** Path and query exactly as they were sent: a `Request` has resolved its `..` already. */
  readonly target: string;
}

/** Answers requests. Its promise is rejected only by a mistake in the program. */
export type RequestHandler = (request: Request, info: RequestInfo) => Promise<Response>;

/** A request for a call. */
export interface Call {
  readonly request: Request;
  readonly query: Parameters;
  readonly remoteAddress: string;
}

/** Something that can be asked for. */
export interface Route {
  /** Path behind the prefix. */
  readonly path: string;
  /** Where GET alone is allowed, HEAD is, too: what can be posted changes something, and HEAD never does. */
  readonly methods: readonly ("GET" | "POST")[];
  /** @throws {ApiError} The request is refused. */
  answer(call: Call): Response | Promise<Response>;
}

/**
 * Makes a handler of calls.
 *
 * @param prefix In front of all paths; empty, or with a slash at its start and none at its end.
 */
export function routeRequests(prefix: string, routes: readonly Route[]): RequestHandler {
  const routeAt = new Map(routes.map((route) => [prefix + route.path, route]));

  async function answer(request: Request, info: RequestInfo): Promise<Response> {
    if (isForeign(request)) throw new ApiError(403, "Origin should be this server");
    // RFC 3986 §2: all else is percent-encoded. It wouldn't fit into a header, either.
    if (!/^[\x21-\x7e]*$/.test(info.target)) throw new ApiError(400, "The address should be percent-encoded");
    const { path, query } = splitTarget(info.target);
    const cleaned = path.startsWith("/") ? cleanPath(path) : path;
    if (cleaned !== path) return textAnswer(301, "Moved", { location: encodeURI(cleaned) + query });
    const route = routeAt.get(path);
    if (route === undefined) throw new ApiError(404, "There is nothing at this path");
    const methods: string[] = [...route.methods];
    if (!methods.includes("POST")) methods.push("HEAD");
    if (!methods.includes(request.method)) {
      const allow = methods.join(", ");
      return textAnswer(405, `The method should be one of ${allow}`, { allow });
    }
    return await route.answer({
      request,
      query: parseParameters(query.slice(1)),
      remoteAddress: info.remoteAddress,
    });
  }

  return (request, info) =>
    answer(request, info).catch((error) => {
      if (error instanceof ApiError) return textAnswer(error.status, error.message);
      throw error;
    });
}

/**
 * Tells whether a browser sent the request because a page of another site made it.
 *
 * Programs send no `Origin`. The schemes aren't compared, since a proxy may have taken the TLS off.
 */
function isForeign(request: Request): boolean {
  const origin = request.headers.get("origin");
  if (origin === null) return false;
  const host = request.headers.get("host") ?? "";
  return URL.parse(origin)?.host !== host.toLowerCase();
}

/** Parts a target into its path, with the percent-encoding undone, and its query with the question mark, if it has one. */
function splitTarget(target: string): { path: string; query: string } {
  // The whole address, as proxies get it; RFC 9112 §3.2.2.
  const local = target.replace(/^https?:\/\/[^/?]*/i, "");
  const question = local.indexOf("?");
  const path = question < 0 ? local : local.slice(0, question);
  return { path: decodePath(path), query: question < 0 ? "" : local.slice(question) };
}

/** What can't be decoded, or has no slash of its own at its start, stays as it is: there is no such path. */
function decodePath(path: string): string {
  if (!path.startsWith("/")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Resolves `.`, `..` and repeated slashes, as Go does; only a slash at the end stays. Begins with exactly one slash. */
function cleanPath(path: string): string {
  const kept: string[] = [];
  const parts = path.split("/");
  for (const part of parts) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  const isFolder = kept.length > 0 && path.endsWith("/");
  return `/${kept.join("/")}${isFolder ? "/" : ""}`;
}
