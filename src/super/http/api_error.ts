/**
 * Why a request is refused: what its handler throws, and the router turns into an answer.
 *
 * @module
 */

/** A request that is refused. Changes nothing. */
export class ApiError extends Error {
  /** Status of HTTP, 400 to 599. */
  readonly status: number;

  /**
   * @param status Status of HTTP. The reference node's clients act on this alone; see `http-api.md` §2.
   * @param text One sentence that names the parameter. It is sent to whoever asked, so it quotes no secret.
   */
  constructor(status: number, text: string) {
    super(text);
    this.name = "ApiError";
    this.status = status;
  }
}
