/**
 * Sends HTTP requests; runs inside a namespace. It reads them as JSON, one a line, and prints the answers in the same order.
 *
 * With Node's client: it sends a path as it stands, follows nothing, and asks no proxy that the environment names.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type IncomingMessage, request } from "node:http";
import { request as requestTls } from "node:https";
import { createInterface } from "node:readline";
import process from "node:process";
import type { HttpAnswer, HttpRequest } from "./http_client.ts";

const TIMEOUT_MS = 5_000;

function send({ method = "GET", url, headers = {}, body, authority }: HttpRequest): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const { protocol, hostname, port } = new URL(url);
  const options = {
    method,
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port,
    path: url.replace(/^\w+:\/\/[^/]*/, ""),
    headers: { connection: "close", ...headers },
    timeout: TIMEOUT_MS,
  };
  async function take(message: IncomingMessage): Promise<void> {
    const chunks = await Array.fromAsync(message);
    resolve({ status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks).toString() });
  }
  const sent = protocol === "https:"
    ? requestTls({ ...options, ca: authority }, (message) => take(message).catch(reject))
    : request(options, (message) => take(message).catch(reject));
  sent.on("error", reject);
  sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
  sent.end(body === undefined ? undefined : Buffer.from(body, "base64"));
  return promise;
}

console.log("ready");
for await (const line of createInterface(process.stdin)) {
  const answer = await send(JSON.parse(line)).catch((error) => ({ failure: String(error) }));
  console.log(JSON.stringify(answer));
}
