/**
 * One question to one time server: its name looked up, a datagram sent, the answer judged.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import { monotonicMs, wallClockMs } from "../base/clock.ts";
import { parseIpAddress } from "../base/endpoint.ts";
import type { RandomSource } from "../base/random.ts";
import { type NameLookup, systemLookup } from "../conn/candidate.ts";
import {
  checkNtpReply,
  type ClockSample,
  compareClocks,
  NTP_FAULT_NAMES,
  NTP_PACKET_LEN,
  NTP_TIMESTAMP_LEN,
  NtpFault,
  readKissCode,
  readReceiveMs,
  readTransmitMs,
  writeNtpRequest,
} from "../wire/ntp_packet.ts";

/** What became of a question. */
export type NtpAnswer =
  | { readonly kind: "sample"; readonly sample: ClockSample; readonly address: string }
  /** The server doesn't want to be asked: `code` is that of its kiss-o'-death. */
  | { readonly kind: "kiss"; readonly code: string }
  | { readonly kind: "failure"; readonly cause: string };

/** Asks a server; never rejects. */
export type NtpQuery = (server: string, timeoutMs: number) => Promise<NtpAnswer>;

/** What {@linkcode createNtpQuery} needs besides the network. */
export interface NtpQueryOptions {
  readonly random: RandomSource;
  /** Ends all questions that are under way. */
  readonly signal: AbortSignal;
  readonly lookUp?: NameLookup;
}

/** Port of time servers: RFC 5905 §16. */
const NTP_PORT = 123;
/** Addresses of a name that are asked, one after the other. */
const ADDRESSES_ASKED = 2;

/** Makes the function that asks real servers. A server is a name or literal, with `:port` behind it for another than 123. */
export function createNtpQuery({ random, signal, lookUp = systemLookup }: NtpQueryOptions): NtpQuery {
  return async (server, timeoutMs) => {
    const { host, port } = splitServer(server);
    let addresses: string[];
    try {
      addresses = parseIpAddress(host) === undefined ? await lookUp(host) : [host];
    } catch (error) {
      return { kind: "failure", cause: (error as Error).message };
    }
    let answer: NtpAnswer = { kind: "failure", cause: "its name has no address" };
    for (const address of addresses.slice(0, ADDRESSES_ASKED)) {
      const cookie = new Uint8Array(NTP_TIMESTAMP_LEN);
      random.fill(cookie);
      answer = await askAddress({ address, port, cookie, timeoutMs, signal });
      if (answer.kind !== "failure" || signal.aborted) break;
    }
    return answer;
  };
}

/** Parts `host:port`; a literal of IPv6 needs brackets if there is a port. */
export function splitServer(server: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(server);
  if (match === null) return { host: server, port: NTP_PORT };
  return { host: match[1] ?? match[2], port: match[3] === undefined ? NTP_PORT : Number(match[3]) };
}

interface Question {
  /** IP literal. */
  readonly address: string;
  readonly port: number;
  readonly cookie: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function askAddress({ address, port, cookie, timeoutMs, signal }: Question): Promise<NtpAnswer> {
  const { promise, resolve } = Promise.withResolvers<NtpAnswer>();
  const fail = (cause: string) => resolve({ kind: "failure", cause });
  const onAbort = () => fail("stopped");
  if (signal.aborted) return { kind: "failure", cause: "stopped" };
  signal.addEventListener("abort", onAbort);
  const timer = setTimeout(() => fail("no answer"), timeoutMs);
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  try {
    socket.on("error", (error) => fail(error.message));
    const request = new Uint8Array(NTP_PACKET_LEN);
    writeNtpRequest(new DataView(request.buffer), 0, cookie);
    await bind(socket);
    // What passes between the two readings of our clock is measured by the one that doesn't step.
    const [originMs, sentMs] = [wallClockMs(), monotonicMs()];
    socket.on("message", (datagram) => {
      const answer = judge(datagram, cookie, address, originMs, originMs + monotonicMs() - sentMs);
      // Whoever sent the others hasn't seen the request: they neither help nor harm.
      if (answer !== undefined) resolve(answer);
    });
    socket.send(Buffer.from(request), port, address, (error) => {
      if (error !== null && error !== undefined) fail(error.message);
    });
    return await promise;
  } catch (error) {
    return { kind: "failure", cause: (error as Error).message };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.close();
  }
}

function bind(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.bind(0, resolve);
  return promise.finally(() => socket.off("error", reject));
}

/** Judges a datagram; `undefined` for one that is no answer to the question. */
function judge(
  datagram: Uint8Array,
  cookie: Uint8Array,
  address: string,
  originMs: number,
  destinationMs: number,
): NtpAnswer | undefined {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  const fault = checkNtpReply(view, 0, datagram.length, cookie);
  switch (fault) {
    case NtpFault.TRUNCATED:
    case NtpFault.NOT_A_REPLY:
    case NtpFault.ORIGIN:
      return undefined;
    case NtpFault.NONE: {
      const sample = compareClocks(originMs, readReceiveMs(view, 0), readTransmitMs(view, 0), destinationMs);
      return { kind: "sample", sample, address };
    }
    case NtpFault.KISS:
      return { kind: "kiss", code: readKissCode(view, 0) };
    default:
      return { kind: "failure", cause: NTP_FAULT_NAMES[fault] };
  }
}
