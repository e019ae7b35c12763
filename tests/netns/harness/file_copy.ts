/**
 * Copies a file from host to host by TCP and compares both ends by SHA-256.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { monotonicMs } from "../../../src/base/clock.ts";
import type { Host } from "./host.ts";

const PROGRAM = new URL("./tcp_peer.ts", import.meta.url).pathname;
const PORT = 7000;
const START_TIMEOUT_MS = 10_000;
/** Octets of one `getRandomValues` call at most. */
const RANDOM_CHUNK_LEN = 65536;

/** How to copy. */
export interface CopyOptions {
  /** Octets per second that the sender keeps to; no limit if absent. */
  bytesPerSecond?: number;
  /** Called when the first octets have arrived. */
  onStart?: () => void;
  /** Time after which the copy counts as stuck; half a minute if absent. */
  timeoutMs?: number;
}

/** What was copied. */
export interface FileCopy {
  sentSha256: string;
  receivedSha256: string;
  bytes: number;
  /** From the start of the sender to the last octet's arrival. */
  seconds: number;
}

/** Makes a file of random octets, copies it from one host to the other, and hashes both. */
export async function copyFile(
  from: Host,
  to: Host,
  address: string,
  bytes: number,
  options: CopyOptions = {},
): Promise<FileCopy> {
  const [source, copy] = [`${from.folder}/sent`, `${to.folder}/received`];
  await Deno.writeFile(source, randomOctets(bytes));
  const deno = [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-config",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    PROGRAM,
  ];
  await using receiver = to.spawn([...deno, "receive", String(PORT), copy], { label: "file receiver" });
  await receiver.waitForLine(/^listening$/, START_TIMEOUT_MS);
  const beginMs = monotonicMs();
  if (options.onStart) receiver.waitForLine(/^receiving$/, START_TIMEOUT_MS).then(options.onStart, () => {});
  const pace = options.bytesPerSecond === undefined ? [] : [String(options.bytesPerSecond)];
  await from.run([...deno, "send", address, String(PORT), source, ...pace], { timeoutMs: options.timeoutMs });
  const seconds = (monotonicMs() - beginMs) / 1000;
  await receiver.status;
  return {
    sentSha256: await sha256(source),
    receivedSha256: await sha256(copy),
    bytes: (await Deno.stat(copy)).size,
    seconds,
  };
}

function randomOctets(length: number): Uint8Array {
  const octets = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += RANDOM_CHUNK_LEN) {
    crypto.getRandomValues(octets.subarray(offset, offset + RANDOM_CHUNK_LEN));
  }
  return octets;
}

async function sha256(path: string): Promise<string> {
  return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
}
