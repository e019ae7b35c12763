/**
 * A model of how Linux tracks TCP connections: what a firewall with `ct state invalid drop` lets through.
 *
 * Follows `net/netfilter/nf_conntrack_proto_tcp.c` of Linux 6.12: the table of states (`tcp_conntracks`), the check of windows
 * (`tcp_in_window()`, after van Rooij, "Real Stateful TCP Packet Filtering in IP Filter", 2000), picking up a connection that
 * is under way (`nf_conntrack_tcp_loose`), and the timeouts. Names are the kernel's. Left out: address translation, checksums,
 * the SYN proxy, liberal mode but for connections picked up, and the blocks of the SACK option.
 *
 * @module
 */

import { checkIpv4, IPV4_SOURCE, readIpv4TotalLen } from "../../src/wire/ipv4.ts";
import { IPV6_HEADER_LEN, IPV6_SOURCE, readIpv6PayloadLen } from "../../src/wire/ipv6.ts";
import { seqAfter, seqBefore } from "../../src/wire/sequence.ts";
import {
  checkTcp,
  findTcpOption,
  readTcpAck,
  readTcpDestinationPort,
  readTcpFlags,
  readTcpSeq,
  readTcpSourcePort,
  readTcpWindow,
  TcpFlag,
  TcpOption,
} from "../../src/wire/tcp.ts";

/** States of an entry, in the order of `enum tcp_conntrack`; then what else the table of states may say. */
const State = {
  NONE: 0,
  SS: 1,
  SR: 2,
  ES: 3,
  FW: 4,
  CW: 5,
  LA: 6,
  TW: 7,
  CL: 8,
  S2: 9,
  INVALID: 10,
  IGNORE: 11,
} as const;
const { NONE: NO, SS, SR, ES, FW, CW, LA, TW, CL, S2, INVALID: IV, IGNORE: IG } = State;

/** Names of the states, as `conntrack -L` prints them. */
const STATE_NAMES = [
  ...["NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"],
  "SYN_SENT2",
];

const Index = { SYN: 0, SYN_ACK: 1, FIN: 2, ACK: 3, RST: 4 } as const;

/** `tcp_conntracks`: by direction, kind of segment and old state, the new one. */
const TRANSITIONS: readonly (readonly (readonly number[])[])[] = [
  [
    // NO, SS, SR, ES, FW, CW, LA, TW, CL, S2
    [SS, SS, IG, IG, IG, IG, IG, SS, SS, S2],
    [IV, IV, SR, IV, IV, IV, IV, IV, IV, SR],
    [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    [ES, IV, ES, ES, CW, CW, TW, TW, CL, IV],
    [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
  ],
  [
    [IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
    [IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
    [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    [IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
    [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
  ],
];

/** `tcp_timeouts`, ms, by state. */
const TIMEOUT_MS = [0, 120e3, 60e3, 432_000e3, 120e3, 60e3, 30e3, 120e3, 10e3, 120e3];
/** Un-acknowledged data, and many repetitions of one segment, shorten the life of an entry (`nf_ct_tcp_timeout_unack`). */
const TIMEOUT_UNACK_MS = 300e3;
/** `nf_conntrack_tcp_max_retrans`. */
const MAX_RETRANS = 3;
/** `MAXACKWINCONST`. */
const MAX_ACK_WINDOW = 66000;

/** One direction of an entry: `struct ip_ct_tcp_state`. */
interface Seen {
  end: number;
  maxend: number;
  maxwin: number;
  maxack: number | undefined;
  scale: number;
  hasScale: boolean;
  isLiberal: boolean;
  isUnacknowledged: boolean;
  closedFirst: boolean;
}

interface Entry {
  state: number;
  seen: [Seen, Seen];
  hasReply: boolean;
  isAssured: boolean;
  expiresMs: number;
  last: { index: number; dir: number; seq: number; end: number; ack: number; win: number; options: Seen };
  retrans: number;
}

interface Segment {
  source: string;
  destination: string;
  index: number;
  flags: number;
  seq: number;
  ack: number;
  /** `segment_seq_plus_len()`. */
  end: number;
  win: number;
  scale: number;
}

/** What `ct state` says of a packet. */
export type Verdict = "new" | "established" | "invalid";

/** A table of connections, as a router has it. */
export class Conntrack {
  /** Packets that were found invalid. */
  invalid = 0;
  /** Why the last packets were invalid. */
  readonly reasons: string[] = [];
  readonly #isLoose: boolean;
  readonly #entries = new Map<string, { entry: Entry; origin: string }>();

  /** @param isLoose `nf_conntrack_tcp_loose`: a connection first seen under way is picked up. */
  constructor(isLoose = true) {
    this.#isLoose = isLoose;
  }

  /** Forgets all entries, as `conntrack -F`. */
  flush(): void {
    this.#entries.clear();
  }

  /** Returns the state of the entry that a packet belongs to, as `conntrack -L` names it; `undefined` without one. */
  stateOf(octets: Uint8Array): string | undefined {
    const segment = readPacket(octets);
    const found = segment && this.#entries.get(keyOf(segment));
    return found && STATE_NAMES[found.entry.state];
  }

  /** Returns when the entry that a packet belongs to ends, ms. */
  expiresMs(octets: Uint8Array): number | undefined {
    const segment = readPacket(octets);
    return segment && this.#entries.get(keyOf(segment))?.entry.expiresMs;
  }

  /** Judges a packet that passes at a time; `nf_conntrack_tcp_packet()`. */
  track(octets: Uint8Array, nowMs: number): Verdict {
    const segment = readPacket(octets);
    if (segment === undefined) return this.#refuse("no TCP segment");
    const key = keyOf(segment);
    let found = this.#entries.get(key);
    if (found !== undefined && found.entry.expiresMs <= nowMs) {
      this.#entries.delete(key);
      found = undefined;
    }
    if (found === undefined) return this.#begin(key, segment, nowMs);
    const dir = found.origin === segment.source ? 0 : 1;
    return this.#continue(key, found.entry, segment, dir, nowMs);
  }

  /** `tcp_new()`. */
  #begin(key: string, segment: Segment, nowMs: number): Verdict {
    const state = TRANSITIONS[0][segment.index][NO];
    if (state === IV || (state !== SS && !this.#isLoose)) return this.#refuse("first segment is not a SYN");
    const first = emptySeen();
    const second = emptySeen();
    first.end = segment.end;
    first.maxwin = Math.max(segment.win, 1);
    first.maxend = segment.end;
    if (state === SS) {
      readOptions(segment, first);
    } else {
      first.maxend = (segment.end + first.maxwin) >>> 0;
      first.isLiberal = second.isLiberal = true;
    }
    const entry: Entry = {
      state: NO,
      seen: [first, second],
      hasReply: false,
      isAssured: false,
      expiresMs: Infinity,
      last: { index: -1, dir: 0, seq: 0, end: 0, ack: 0, win: 0, options: emptySeen() },
      retrans: 0,
    };
    this.#entries.set(key, { entry, origin: segment.source });
    const verdict = this.#continue(key, entry, segment, 0, nowMs);
    if (verdict === "invalid") this.#entries.delete(key);
    return verdict === "established" ? "new" : verdict;
  }

  #continue(key: string, entry: Entry, segment: Segment, dir: number, nowMs: number): Verdict {
    const { index } = segment;
    let newState = TRANSITIONS[dir][index][entry.state];
    if (newState === IV) return this.#refuse(`segment ${index} in state ${STATE_NAMES[entry.state]}`);
    if (newState === SS && entry.state >= TW) {
      const closedFirst = entry.seen[0].closedFirst || entry.seen[1].closedFirst;
      if (closedFirst || (entry.last.dir === dir && entry.last.index === Index.RST)) {
        this.#entries.delete(key);
        return this.#begin(key, segment, nowMs);
      }
      newState = IG;
    }
    if (newState === IG) {
      if (!this.#resynchronise(entry, segment, dir)) return "established";
      newState = SR;
    }
    let checksWindow = true;
    if (newState === CL && index === Index.RST) {
      const action = this.#judgeReset(entry, segment, dir);
      if (action === "invalid") return this.#refuse("reset below the greatest acknowledgment");
      if (action === "keep state") newState = entry.state;
      checksWindow = action !== "skip window";
    }
    if (checksWindow) {
      const result = this.#isInWindow(entry, segment, dir);
      if (result === "invalid") return "invalid";
      if (result === "ignore") return "established";
    }
    // "If only reply is a RST, we can consider ourselves not to have an established connection."
    if (index === Index.RST && !entry.hasReply) this.#entries.delete(key);
    else this.#accept(key, entry, segment, dir, newState, nowMs);
    return "established";
  }

  /**
   * The firewall is out of step with both sides: a SYN of ORIGINAL passes and is remembered; the SYN-ACK that
   * acknowledges it brings the entry back in step, and this returns true.
   */
  #resynchronise(entry: Entry, segment: Segment, dir: number): boolean {
    const { last } = entry;
    if (
      segment.index === Index.SYN_ACK && last.index === Index.SYN && last.dir !== dir && segment.ack === last.end
    ) {
      entry.state = SS;
      entry.seen[last.dir] = { ...last.options, end: last.end, maxend: last.end, maxwin: Math.max(last.win, 1) };
      entry.seen[dir] = emptySeen();
      return true;
    }
    entry.last = { ...last, index: segment.index, dir, seq: segment.seq, end: segment.end, win: segment.win };
    if (segment.index === Index.SYN && dir === 0) {
      entry.last.options = emptySeen();
      readOptions(segment, entry.last.options);
    }
    return false;
  }

  /** What the kernel does with a reset before it looks at windows: the case of `TCP_CONNTRACK_CLOSE`. */
  #judgeReset(entry: Entry, segment: Segment, dir: number): "believe" | "keep state" | "skip window" | "invalid" {
    if (entry.state >= FW && entry.state <= CL) return "skip window";
    const maxack = entry.seen[1 - dir].maxack;
    if (maxack !== undefined && entry.last.index !== Index.SYN) {
      if (segment.seq === 0 && entry.state !== ES) return "believe";
      if (seqBefore(segment.seq, maxack)) return "invalid";
      if (entry.state !== ES || segment.seq === maxack) return "believe";
      const { last } = entry;
      if (last.index === Index.ACK && last.dir === dir && segment.seq === last.end) return "believe";
      return "keep state";
    }
    const answersIgnored = (entry.hasReply && entry.last.index === Index.SYN) ||
      (!entry.isAssured && entry.last.index === Index.ACK);
    return answersIgnored && segment.ack === entry.last.end ? "skip window" : "believe";
  }

  /** `tcp_in_window()`. */
  #isInWindow(entry: Entry, segment: Segment, dir: number): "accept" | "ignore" | "invalid" {
    const sender = entry.seen[dir];
    const receiver = entry.seen[1 - dir];
    const isSyn = (segment.flags & TcpFlag.SYN) !== 0;
    const hasAck = (segment.flags & TcpFlag.ACK) !== 0;
    const isRst = (segment.flags & TcpFlag.RST) !== 0;
    let { seq, ack, end, win } = segment;

    if (sender.maxwin === 0) {
      if (isSyn) {
        beginSender(sender, receiver, segment, dir);
        if (!hasAck) return "accept"; // Simultaneous open.
      } else {
        // Under way, its history is lost: the data of this segment must do.
        sender.end = end;
        sender.maxwin = Math.max((win << sender.scale) >>> 0, 1);
        sender.maxend = (end + sender.maxwin) >>> 0;
        if (receiver.maxwin === 0) receiver.end = receiver.maxend = ack;
        else if (ack === ((receiver.end + 1) >>> 0)) receiver.end = ack;
      }
    } else if (isSyn && seqAfter(end, sender.end) && (entry.state === SS || entry.state === SR)) {
      beginSender(sender, receiver, segment, dir);
      if (dir === 1 && !hasAck) return "accept";
    }
    if (!hasAck || (isRst && ack === 0)) ack = receiver.end;
    if (isRst && seq === 0 && entry.state === SS) seq = end = sender.end;

    const isLiberal = sender.isLiberal;
    const maxAckWindow = Math.max(sender.maxwin, MAX_ACK_WINDOW);
    const isInReceiveWindow = receiver.maxwin === 0 || seqAfter(end, (sender.end - receiver.maxwin - 1) >>> 0);
    const isAckRecent = seqAfter(ack, (receiver.end - maxAckWindow - 1) >>> 0);
    if (!seqBefore(seq, (sender.maxend + 1) >>> 0)) {
      const overshot = (end - sender.maxend + 1) >>> 0;
      const isForgiven = receiver.maxwin !== 0 && isInReceiveWindow && isAckRecent && overshot <= receiver.maxwin &&
        seqBefore(ack, (receiver.end + 1) >>> 0);
      if (isLiberal) return "accept";
      return isForgiven ? "ignore" : this.#outside(`SEQ is over the upper bound by ${seq - sender.maxend}`);
    }
    if (!seqBefore(ack, (receiver.end + 1) >>> 0)) {
      return isLiberal ? "accept" : this.#outside(`ACK is over the upper bound by ${ack - receiver.end}`);
    }
    if (!isInReceiveWindow || !isAckRecent) return isLiberal ? "accept" : "ignore";

    if (!isSyn) win = (win << sender.scale) >>> 0;
    sender.maxwin = Math.max(sender.maxwin, win);
    if (seqAfter(end, sender.end)) {
      sender.end = end;
      sender.isUnacknowledged = true;
    }
    if (hasAck && (sender.maxack === undefined || seqAfter(ack, sender.maxack))) sender.maxack = ack;
    if (receiver.maxwin !== 0 && seqAfter(end, sender.maxend)) receiver.maxwin += (end - sender.maxend) >>> 0;
    if (seqAfter((ack + win) >>> 0, (receiver.maxend - 1) >>> 0)) {
      receiver.maxend = (ack + win + (win === 0 ? 1 : 0)) >>> 0;
    }
    if (ack === receiver.end) receiver.isUnacknowledged = false;
    return "accept";
  }

  /** Behind `in_window:` the entry follows the segment. */
  #accept(key: string, entry: Entry, segment: Segment, dir: number, newState: number, nowMs: number): void {
    const { last } = entry;
    if (segment.index === Index.ACK) {
      const isRepeated = last.index === Index.ACK && last.dir === dir && last.seq === segment.seq &&
        last.ack === segment.ack && last.end === segment.end && last.win === segment.win;
      entry.retrans = isRepeated ? entry.retrans + 1 : 0;
    }
    entry.last = {
      ...last,
      index: segment.index,
      dir,
      seq: segment.seq,
      end: segment.end,
      ack: segment.ack,
      win: segment.win,
    };
    const oldState = entry.state;
    entry.state = newState;
    if (oldState !== newState && newState === FW) entry.seen[dir].closedFirst = true;
    if (dir === 1) entry.hasReply = true;
    const isRst = segment.index === Index.RST;
    if (!entry.hasReply && isRst) {
      this.#entries.delete(key);
      return;
    }
    if (entry.hasReply && newState === ES && (oldState === SR || oldState === ES)) entry.isAssured = true;
    const isUnacknowledged = entry.seen[0].isUnacknowledged || entry.seen[1].isUnacknowledged;
    const isShort = entry.retrans >= MAX_RETRANS || isUnacknowledged || (!entry.hasReply && newState === ES) ||
      (isRst && newState !== CL);
    const timeoutMs = isRst && newState !== CL ? TIMEOUT_MS[CL] : TIMEOUT_MS[newState];
    entry.expiresMs = nowMs + (isShort ? Math.min(timeoutMs, TIMEOUT_UNACK_MS) : timeoutMs);
  }

  #outside(reason: string): "invalid" {
    this.#refuse(reason);
    return "invalid";
  }

  #refuse(reason: string): Verdict {
    this.invalid++;
    if (this.reasons.length < 20) this.reasons.push(reason);
    return "invalid";
  }
}

/** `tcp_init_sender()` for a SYN: windows on SYNs are not scaled, and only what both sides scale is scaled. */
function beginSender(sender: Seen, receiver: Seen, segment: Segment, dir: number): void {
  sender.end = sender.maxend = segment.end;
  sender.maxwin = Math.max(segment.win, 1);
  readOptions(segment, sender);
  if (dir === 1 && !(sender.hasScale && receiver.hasScale)) sender.scale = receiver.scale = 0;
}

function readOptions(segment: Segment, seen: Seen): void {
  seen.hasScale = segment.scale >= 0;
  seen.scale = Math.max(segment.scale, 0);
}

function emptySeen(): Seen {
  return {
    end: 0,
    maxend: 0,
    maxwin: 0,
    maxack: undefined,
    scale: 0,
    hasScale: false,
    isLiberal: false,
    isUnacknowledged: false,
    closedFirst: false,
  };
}

function keyOf(segment: Segment): string {
  return [segment.source, segment.destination].sort().join(" ");
}

/** Reads a packet; `undefined` if it is no whole TCP segment, or if its control bits don't go together. */
function readPacket(octets: Uint8Array): Segment | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const isV4 = octets[0] >> 4 === 4;
  const at = isV4 ? checkIpv4(view, 0, octets.length) : IPV6_HEADER_LEN;
  const packetLen = isV4 ? readIpv4TotalLen(view, 0) : IPV6_HEADER_LEN + readIpv6PayloadLen(view, 0);
  const headerLen = checkTcp(view, at, packetLen - at);
  if (headerLen === 0) return undefined;
  const flags = readTcpFlags(view, at);
  const index = indexOf(flags);
  if (index === undefined) return undefined;
  const scaleAt = findTcpOption(view, at, headerLen, TcpOption.WINDOW_SCALE);
  const addressAt = isV4 ? IPV4_SOURCE : IPV6_SOURCE;
  const addressLen = isV4 ? 4 : 16;
  const seq = readTcpSeq(view, at);
  const length = packetLen - at - headerLen + (flags & TcpFlag.SYN ? 1 : 0) + (flags & TcpFlag.FIN ? 1 : 0);
  return {
    source: `${octets.slice(addressAt, addressAt + addressLen)}:${readTcpSourcePort(view, at)}`,
    destination: `${octets.slice(addressAt + addressLen, addressAt + addressLen * 2)}:${
      readTcpDestinationPort(view, at)
    }`,
    index,
    flags,
    seq,
    ack: readTcpAck(view, at),
    end: (seq + length) >>> 0,
    win: readTcpWindow(view, at),
    scale: scaleAt < 0 ? -1 : Math.min(view.getUint8(scaleAt + 2), 14),
  };
}

/** `get_conntrack_index()`. */
function indexOf(flags: number): number | undefined {
  if (flags & TcpFlag.RST) return flags & (TcpFlag.SYN | TcpFlag.FIN) ? undefined : Index.RST;
  if (flags & TcpFlag.SYN) return flags & TcpFlag.FIN ? undefined : flags & TcpFlag.ACK ? Index.SYN_ACK : Index.SYN;
  if (flags & TcpFlag.FIN) return flags & TcpFlag.ACK ? Index.FIN : undefined;
  return flags & TcpFlag.ACK ? Index.ACK : undefined;
}
