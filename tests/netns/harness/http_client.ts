/**
 * HTTP requests that are sent from a host of a lab.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Host } from "./host.ts";
import type { RunningProcess } from "./process.ts";
import { programEnvironment } from "./program.ts";

const PROGRAM = new URL("http_tool.ts", import.meta.url).pathname;
const START_TIMEOUT_MS = 20_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** A request, as the program in the namespace takes it. */
export interface HttpRequest {
  /** GET if absent. */
  method?: string;
  /** Sent as it stands: nothing in it is encoded. */
  url: string;
  headers?: Record<string, string>;
  /** In base64. */
  body?: string;
  /** Certificate in PEM form by which that of the server was signed. */
  authority?: string;
}

/** What came back. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** A client on a host; killed with its lab. It sends one request after the other. */
export class HttpClient {
  readonly #process: RunningProcess;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(process: RunningProcess) {
    this.#process = process;
  }

  /** Starts a client on a host. */
  static async start(host: Host): Promise<HttpClient> {
    const command = [Deno.execPath(), "run", "--allow-net", "--no-prompt", "--no-check", PROGRAM];
    const process = host.spawn(command, { stdin: true, env: programEnvironment(), label: "HTTP client" });
    await process.waitForLine(/^ready$/, START_TIMEOUT_MS);
    return new HttpClient(process);
  }

  /** Sends a request. @throws {Error} When no answer comes; says why. */
  send(request: HttpRequest): Promise<HttpAnswer> {
    const answer = this.#last.then(() => this.#exchange(request));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Sends a form. */
  post(url: string, form: Record<string, string>): Promise<HttpAnswer> {
    return this.send({
      method: "POST",
      url,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: Buffer.from(new URLSearchParams(form).toString()).toString("base64"),
    });
  }

  async #exchange(request: HttpRequest): Promise<HttpAnswer> {
    const { length } = this.#process.lines;
    await this.#process.writeLine(JSON.stringify(request));
    const line = await this.#process.waitForLine((text) => text.startsWith("{"), ANSWER_TIMEOUT_MS, length);
    const answer = JSON.parse(line) as HttpAnswer | { failure: string };
    if ("failure" in answer) throw new Error(`${request.method ?? "GET"} ${request.url}: ${answer.failure}`);
    return answer;
  }
}
