/**
 * Reading the bodies of requests, which anybody can send.
 *
 * @module
 */

import { ApiError } from "./api_error.ts";
import { type Parameters, parseParameters } from "./parameters.ts";

/** Longest form, in octets. Source: `http-api.md` §8. */
export const FORM_LEN_MAX = 64 * 1024;
/** Octets of all bodies that are being read at a time. */
const UNDER_WAY_MAX = 64 * 1024 * 1024;

/** Reads bodies, each and all together within a limit. */
export class BodyReader {
  #underWay = 0;

  /**
   * Reads a body.
   *
   * @param lengthMax Octets that it may have.
   * @throws {ApiError} It is longer, or ends before it is complete, or there are too many others.
   */
  async read(request: Request, lengthMax: number): Promise<Uint8Array> {
    if (Number(request.headers.get("content-length")) > lengthMax) throw tooLong(lengthMax);
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of chunksOf(request)) {
        length += chunk.length;
        this.#underWay += chunk.length;
        chunks.push(chunk);
        if (length > lengthMax) throw tooLong(lengthMax);
        if (this.#underWay > UNDER_WAY_MAX) throw new ApiError(503, "Too many bodies are being read: try again later");
      }
    } finally {
      this.#underWay -= length;
    }
    return concatenate(chunks, length);
  }

  /**
   * Reads the parameters of a request that may have a form: those of the form come before those of the query.
   *
   * @throws {ApiError} The form can't be read.
   */
  async readForm(request: Request, query: Parameters): Promise<Parameters> {
    const type = (request.headers.get("content-type") ?? "").split(";", 1)[0].trim().toLowerCase();
    if (type !== "application/x-www-form-urlencoded") return query;
    const body = await this.read(request, FORM_LEN_MAX);
    return new Map([...query, ...parseParameters(new TextDecoder().decode(body))]);
  }
}

/** Gives the pieces of a body. Whatever ends it early (the other side went away, or was too slow) is a refusal. */
async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  const reader = request.body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read().catch(() => {
        throw new ApiError(400, "The body should be complete");
      });
      if (done) return;
      yield value;
    }
  } finally {
    // Nobody reads what is left. That it can't be stopped, because it failed already, is no news.
    await reader.cancel().catch(() => {});
  }
}

function tooLong(lengthMax: number): ApiError {
  return new ApiError(413, `The body should have at most ${lengthMax} octets`);
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
