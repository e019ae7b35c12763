/**
 * SNTP: a client's request to a time server, and the answer.
 *
 * | octets | field |
 * | --- | --- |
 * | 0 | leap indicator (2 bits), version (3), mode (3) |
 * | 1 | stratum: 0 a kiss-o'-death, 1 has a clock of its own, 2–15 has the time from another, 16 has none |
 * | 2, 3 | poll interval and precision, exponents of 2 |
 * | 4–7, 8–11 | root delay, root dispersion |
 * | 12–15 | reference id; of a kiss-o'-death its code, four letters |
 * | 16–23 | reference timestamp |
 * | 24–31 | origin timestamp: the transmit timestamp of the request |
 * | 32–39 | receive timestamp |
 * | 40–47 | transmit timestamp |
 *
 * Extensions and authenticators may follow; they aren't looked at. A timestamp has seconds since 1900 and their fraction, 32
 * bits each, big-endian. As RFC 4330 §3 proposes, one whose top bit is 0 belongs to the era that begins in 2036.
 *
 * The request says nothing but its version. In place of the time it has a random number that the answer echoes: it tells an
 * observer nothing, and who doesn't see it can't forge the answer.
 *
 * Source: RFC 5905 §7.3, §7.4, §14; `behaviour.md` §7.
 *
 * @module
 */

/** Length of a request, and least length of an answer, in octets. */
export const NTP_PACKET_LEN = 48;
/** Length of a timestamp, in octets. */
export const NTP_TIMESTAMP_LEN = 8;

/** Why an answer is of no use. */
export const NtpFault = {
  NONE: 0,
  /** Shorter than a packet. */
  TRUNCATED: 1,
  /** Of another version, or no answer of a server. */
  NOT_A_REPLY: 2,
  /** It answers another request. */
  ORIGIN: 3,
  /** A kiss-o'-death: the server wants us to ask less, or not at all. */
  KISS: 4,
  /** The server says that it doesn't know the time. */
  UNSYNCHRONIZED: 5,
  /** Its timestamps are missing, or contradict each other. */
  TIMESTAMPS: 6,
} as const;

/** Name of each fault in lower case with hyphens, by number. */
export const NTP_FAULT_NAMES: readonly string[] = Object.keys(NtpFault).map((name) =>
  name.toLowerCase().replaceAll("_", "-")
);

const STRATUM = 1;
const REFERENCE_ID = 12;
const ORIGIN = 24;
const RECEIVE = 32;
const TRANSMIT = 40;

const VERSION = 4;
/** Servers answer in the version of the request; some old ones in their own. */
const LEAST_VERSION = 3;
const MODE_CLIENT = 3;
const MODE_SERVER = 4;
const LEAP_UNKNOWN = 3;
const MAX_STRATUM = 15;

/** 1900-01-01T00:00:00Z, in milliseconds since 1970. */
const ERA_0_MS = -2_208_988_800_000;
/** 2036-02-07T06:28:16Z: seconds begin at 0 again. */
const ERA_1_MS = ERA_0_MS + 2 ** 32 * 1000;

/**
 * Writes a request.
 *
 * @param view Buffer with {@linkcode NTP_PACKET_LEN} octets from `offset` on; all are written.
 * @param cookie {@linkcode NTP_TIMESTAMP_LEN} random octets that stand for the transmit timestamp.
 */
export function writeNtpRequest(view: DataView, offset: number, cookie: Uint8Array): void {
  for (let at = 0; at < NTP_PACKET_LEN; at++) view.setUint8(offset + at, 0);
  view.setUint8(offset, (VERSION << 3) | MODE_CLIENT);
  for (let at = 0; at < NTP_TIMESTAMP_LEN; at++) view.setUint8(offset + TRANSMIT + at, cookie[at]);
}

/**
 * Decides whether an answer tells the time.
 *
 * @param length Octets of the datagram.
 * @param cookie That of the request.
 * @returns One of {@linkcode NtpFault}. After `KISS` {@linkcode readKissCode} may be asked.
 */
export function checkNtpReply(view: DataView, offset: number, length: number, cookie: Uint8Array): number {
  if (length < NTP_PACKET_LEN) return NtpFault.TRUNCATED;
  const first = view.getUint8(offset);
  const version = (first >> 3) & 7;
  if ((first & 7) !== MODE_SERVER || version < LEAST_VERSION || version > VERSION) return NtpFault.NOT_A_REPLY;
  for (let at = 0; at < NTP_TIMESTAMP_LEN; at++) {
    if (view.getUint8(offset + ORIGIN + at) !== cookie[at]) return NtpFault.ORIGIN;
  }
  const stratum = view.getUint8(offset + STRATUM);
  if (stratum === 0) return NtpFault.KISS;
  if (stratum > MAX_STRATUM || first >> 6 === LEAP_UNKNOWN) return NtpFault.UNSYNCHRONIZED;
  if (isZero(view, offset + RECEIVE) || isZero(view, offset + TRANSMIT)) return NtpFault.TIMESTAMPS;
  return readReceiveMs(view, offset) <= readTransmitMs(view, offset) ? NtpFault.NONE : NtpFault.TIMESTAMPS;
}

/** Reads the code of a kiss-o'-death, such as `RATE`; what are no capital letters or digits becomes `?`. */
export function readKissCode(view: DataView, offset: number): string {
  const octets = Array.from({ length: 4 }, (_, at) => view.getUint8(offset + REFERENCE_ID + at));
  return String.fromCharCode(...octets).replace(/\0+$/, "").replaceAll(/[^A-Z0-9]/g, "?");
}

/** Reads when the request arrived, by the server's clock; ms since 1970, with a fraction. */
export function readReceiveMs(view: DataView, offset: number): number {
  return readTimestampMs(view, offset + RECEIVE);
}

/** Reads when the answer was sent, by the server's clock; ms since 1970, with a fraction. */
export function readTransmitMs(view: DataView, offset: number): number {
  return readTimestampMs(view, offset + TRANSMIT);
}

function readTimestampMs(view: DataView, at: number): number {
  const seconds = view.getUint32(at);
  const fraction = view.getUint32(at + 4) / 2 ** 32;
  return (seconds >= 2 ** 31 ? ERA_0_MS : ERA_1_MS) + (seconds + fraction) * 1000;
}

function isZero(view: DataView, at: number): boolean {
  return view.getUint32(at) === 0 && view.getUint32(at + 4) === 0;
}

/** What a question to a server shows. */
export interface ClockSample {
  /** What is to be added to our clock to get the server's, ms. */
  readonly offsetMs: number;
  /** Time on the way, there and back, ms; at least 0. The offset is wrong by half of it at most. */
  readonly roundTripMs: number;
}

/**
 * Compares two clocks by the four timestamps of a question and its answer, ms since 1970 each.
 *
 * Source: RFC 5905 §8.
 *
 * @param originMs Our clock when the request was sent.
 * @param receiveMs The server's when it arrived.
 * @param transmitMs The server's when the answer was sent.
 * @param destinationMs Ours when that arrived.
 */
export function compareClocks(
  originMs: number,
  receiveMs: number,
  transmitMs: number,
  destinationMs: number,
): ClockSample {
  return {
    offsetMs: ((receiveMs - originMs) + (transmitMs - destinationMs)) / 2,
    roundTripMs: Math.max(0, (destinationMs - originMs) - (transmitMs - receiveMs)),
  };
}
