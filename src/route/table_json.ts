/**
 * Tables of a network as JSON: source → destination → value, with NodeIds as decimal strings.
 *
 * Of a thousand nodes such a table has a million entries. It is written straight from the matrices of `shortest_paths.ts`,
 * octet by octet: as objects it would take ten times the memory and the time. Source:
 * `http-api.md` §4.4, §7.1.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { UNREACHABLE_MS } from "./latency_filter.ts";
import { NO_NEXT_HOP } from "./shortest_paths.ts";

const US_PER_S = 1_000_000;
const UNREACHABLE_US = UNREACHABLE_MS * 1000;

/** Longest text of a NodeId as a key, `"65535":`, in octets. */
const KEY_LEN_MAX = 8;
/** Longest text of a latency or cost below 2^53 µs, `-9007199254.740991`, in octets. */
const SECONDS_LEN_MAX = 18;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;

/** The keys and values of all nodes, as they stand in JSON. */
interface NodeTexts {
  /** Index node: its key with quotes and colon, from `KEY_LEN_MAX` × index on. The digits begin one octet later. */
  readonly octets: Uint8Array;
  /** Index node: length of its digits. */
  readonly digits: Uint8Array;
}

/**
 * Writes the next-hop table. Every node has a row, which may be empty; nodes and destinations ascend.
 *
 * @param nodes Ascending.
 * @param nextHops As `PathMatrices.nextHops`, over the indices of `nodes`.
 * @returns JSON, such as `{"1":{"2":2,"100":2},"2":{}}`; the caller's own, exactly as long as its buffer.
 */
export function nextHopJson(nodes: readonly NodeId[], nextHops: Uint16Array): Uint8Array<ArrayBuffer> {
  const texts = textsOf(nodes);
  const target = new Uint8Array(nextHopJsonLength(nodes.length, texts.digits, nextHops));
  let at = 0;
  target[at++] = BRACE_OPEN;
  for (let source = 0; source < nodes.length; source++) {
    if (source > 0) target[at++] = COMMA;
    at = writeKey(target, at, texts, source);
    at = writeRow(target, at, texts, nextHops.subarray(source * nodes.length, (source + 1) * nodes.length));
  }
  target[at] = BRACE_CLOSE;
  return target;
}

/**
 * Writes a table of latencies or costs in seconds. Every pair has an entry; 99999 is unreachable.
 *
 * @param nodes Ascending.
 * @param valuesUs Nodes × nodes, whole microseconds; `Infinity`: unreachable.
 * @param hasDiagonal Whether nodes have an entry for themselves.
 */
export function secondsJson(
  nodes: readonly NodeId[],
  valuesUs: Float64Array,
  hasDiagonal: boolean,
): Uint8Array<ArrayBuffer> {
  const size = nodes.length;
  const texts = textsOf(nodes);
  const rows: Uint8Array[] = [];
  // One row, with the comma before it or the brace before the first.
  const row = new Uint8Array(3 + KEY_LEN_MAX + size * (1 + KEY_LEN_MAX + SECONDS_LEN_MAX));
  for (let source = 0; source < size; source++) {
    let at = 0;
    row[at++] = source === 0 ? BRACE_OPEN : COMMA;
    at = writeKey(row, at, texts, source);
    row[at++] = BRACE_OPEN;
    let isFirst = true;
    for (let destination = 0; destination < size; destination++) {
      if (destination === source && !hasDiagonal) continue;
      if (!isFirst) row[at++] = COMMA;
      isFirst = false;
      at = writeKey(row, at, texts, destination);
      at = writeSeconds(row, at, Math.min(valuesUs[source * size + destination], UNREACHABLE_US));
    }
    row[at++] = BRACE_CLOSE;
    rows.push(row.slice(0, at));
  }
  return joinRows(rows);
}

/** Closes the table. Its first row begins with the brace that opens it. */
function joinRows(rows: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  if (rows.length === 0) return Uint8Array.of(BRACE_OPEN, BRACE_CLOSE);
  const target = new Uint8Array(rows.reduce((length, row) => length + row.length, 1));
  let at = 0;
  for (const row of rows) {
    target.set(row, at);
    at += row.length;
  }
  target[at] = BRACE_CLOSE;
  return target;
}

/** Writes whole microseconds as seconds, without zeros at the end; returns where it ended. */
function writeSeconds(target: Uint8Array, offset: number, valueUs: number): number {
  let at = offset;
  if (valueUs < 0) target[at++] = MINUS;
  const absolute = Math.abs(valueUs);
  const seconds = Math.floor(absolute / US_PER_S);
  let place = 1;
  while (place * 10 <= seconds) place *= 10;
  for (; place >= 1; place /= 10) target[at++] = ZERO + Math.floor(seconds / place) % 10;
  let rest = absolute % US_PER_S;
  if (rest > 0) target[at++] = POINT;
  for (let unit = US_PER_S / 10; rest > 0; unit /= 10) {
    target[at++] = ZERO + Math.floor(rest / unit);
    rest %= unit;
  }
  return at;
}

function textsOf(nodes: readonly NodeId[]): NodeTexts {
  const octets = new Uint8Array(nodes.length * KEY_LEN_MAX);
  const encoder = new TextEncoder();
  const digits = Uint8Array.from(nodes, (node, index) => {
    encoder.encodeInto(`"${node}":`, octets.subarray(index * KEY_LEN_MAX));
    return String(node).length;
  });
  return { octets, digits };
}

function nextHopJsonLength(size: number, digits: Uint8Array, nextHops: Uint16Array): number {
  // Braces, and for each row its key with quotes and colon, its braces, and the comma between rows.
  let length = 2 + Math.max(0, size - 1);
  for (let source = 0; source < size; source++) {
    length += digits[source] + 5;
    let entries = 0;
    for (let destination = 0; destination < size; destination++) {
      const next = nextHops[source * size + destination];
      if (next === NO_NEXT_HOP) continue;
      length += digits[destination] + 3 + digits[next];
      entries++;
    }
    length += Math.max(0, entries - 1);
  }
  return length;
}

function writeRow(target: Uint8Array, offset: number, texts: NodeTexts, nextHops: Uint16Array): number {
  let at = offset;
  target[at++] = BRACE_OPEN;
  let isFirst = true;
  for (let destination = 0; destination < nextHops.length; destination++) {
    const next = nextHops[destination];
    if (next === NO_NEXT_HOP) continue;
    if (!isFirst) target[at++] = COMMA;
    isFirst = false;
    at = writeKey(target, at, texts, destination);
    const digits = next * KEY_LEN_MAX + 1;
    at = write(target, at, texts.octets, digits, digits + texts.digits[next]);
  }
  target[at++] = BRACE_CLOSE;
  return at;
}

function writeKey(target: Uint8Array, offset: number, { octets, digits }: NodeTexts, node: number): number {
  return write(target, offset, octets, node * KEY_LEN_MAX, node * KEY_LEN_MAX + digits[node] + 3);
}

/** Copies a few octets; `set()` with a view of them would take longer to call than to copy. */
function write(target: Uint8Array, offset: number, source: Uint8Array, begin: number, end: number): number {
  let at = offset;
  for (let from = begin; from < end; from++) target[at++] = source[from];
  return at;
}
