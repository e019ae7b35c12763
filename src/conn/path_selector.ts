/**
 * Chooses the path to one peer: promotion, mirroring, hold time.
 *
 * Read `path.ts` (what is known of one path), `path_score.ts` (which is better), `path_schedule.ts` (how often each is
 * probed), `path_hold.ts` (when to return) and `path_choice.ts` (where to go, and why) first; here they come together.
 *
 * The *current* path carries the traffic. When it comes into doubt, everything is *mirrored* at once on the best others: the
 * sealed bytes go out on all of them and the receiver's replay window drops copies, so that nothing is lost while it is
 * still open whether the current path has failed. Decided is later, by probes alone, and so neither a lost datagram nor a
 * forged error moves the traffic. A return to a better path is mirrored, too, until a probe sent afterwards is answered.
 *
 * Each side decides for what it sends. For that, a reply to a probe has to come back even if only our direction works: the
 * peer should send it on the path that the probe came by, on its own current path, and on those it mirrors on.
 *
 * Nothing happens by itself. The owner calls a `handle…` or `set…` function, then
 *
 * 1. {@linkcode PathSelector.pollTransmit} until it returns `false`, sending each probe on exactly the path named,
 * 2. {@linkcode PathSelector.pollEvent} until it returns `undefined`,
 * 3. writes the choice (`current` to `candidatesMask`) where lanes see it,
 * 4. asks {@linkcode PathSelector.pollTimeout} when to call {@linkcode PathSelector.handleTimeout}.
 *
 * What has been received should be handed in before `handleTimeout`, which takes a reply not handed in for one not received.
 *
 * @module
 */

import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import type { RandomSource } from "../base/random.ts";
import { backupMask, bestFirst, bestRefuge, isInDoubt, type PathChoices, reasonToSwitch } from "./path_choice.ts";
import type { PathEvent, SwitchReason } from "./path_event.ts";
import { PathHold } from "./path_hold.ts";
import type { PathParams } from "./path_params.ts";
import { PathPatience } from "./path_passive.ts";
import { PathReport } from "./path_report.ts";
import { type PathRole, probeIntervalMs } from "./path_schedule.ts";
import { isPreferred } from "./path_score.ts";
import { Path } from "./path.ts";

/** A probe to be sent. */
export interface ProbeOut {
  /** Kind of the path to be sent on. */
  kind: number;
  /** To be put into the probe, 32 bits. */
  id: number;
  /** Wished length of the datagram in octets, headers of transport message and probe included. */
  length: number;
}

/** No path. */
const NONE = -1;
/** Intervals from this on are shortened at random, by up to a tenth: many peers' probes must not fall together. */
const JITTERED_INTERVAL_MS = 1_000;
const JITTER = 0.1;

/** The paths to one peer, and the choice between them. */
export class PathSelector {
  readonly #params: PathParams;
  readonly #order: readonly number[];
  readonly #random: RandomSource;
  /** By kind. */
  readonly #paths: readonly Path[];
  readonly #hold: PathHold;
  readonly #patience = new PathPatience();
  readonly #events: PathEvent[] = [];

  #nowMs = -Infinity;
  #peerProbes = false;
  #lastActivityMs = -Infinity;
  #nextId: number;
  /** By kind: what the interval of its next probe is multiplied with. */
  readonly #jitter = new Float64Array(PATH_KIND_COUNT).fill(1);

  #current = NONE;
  #mirrorMask = 0;
  #standbyMask = 0;
  #confirmedUntilMs = -Infinity;
  #maxDatagramLen = 0;
  #candidatesMask = 0;

  /** When the current path came into doubt; `Infinity` if it isn't. */
  #doubtedMs = Infinity;
  /** The path that was left last, until the new one has proven itself. */
  #handoverFrom = NONE;
  #handoverMs = -Infinity;
  readonly #report = new PathReport();

  /**
   * @param order Kinds of `PathKind`, most preferred first.
   * @param random Spreads probes in time, and draws the first id.
   */
  constructor(params: PathParams, order: readonly number[], random: RandomSource) {
    this.#params = params;
    this.#order = order;
    this.#random = random;
    this.#paths = Array.from({ length: PATH_KIND_COUNT }, (_, kind) => new Path(kind, params));
    this.#hold = new PathHold(params);
    this.#nextId = random.uint32();
  }

  /** Kind of the path that carries the traffic; −1 if none can. */
  get current(): number {
    return this.#current;
  }

  /** Set of kinds on which everything is to be sent as well, bit 1 « kind. */
  get mirrorMask(): number {
    return this.#mirrorMask;
  }

  /** The same, once {@linkcode PathSelector.confirmedUntilMs} has passed. */
  get standbyMask(): number {
    return this.#standbyMask;
  }

  /**
   * Until then the current path counts as working, ms; `Infinity` for peers that answer no probes. Without traffic it is let
   * pass: who sends then mirrors at first, and tells {@linkcode PathSelector.handleProbeWanted}.
   */
  get confirmedUntilMs(): number {
    return this.#confirmedUntilMs;
  }

  /** Longest datagram that fits all the paths above, in octets; 0 without a path. */
  get maxDatagramLen(): number {
    return this.#maxDatagramLen;
  }

  /** Set of kinds on which a handshake message is to be sent: all usable ones as long as none is known to work. */
  get candidatesMask(): number {
    return this.#candidatesMask;
  }

  /** Returns a path, to be looked at only. */
  path(kind: number): Path {
    return this.#paths[kind];
  }

  /**
   * Tells whether datagrams can be sent on a path: its endpoint is known (UDP), its connection is open (FakeTCP).
   *
   * @param maxDatagramLen Longest datagram that its interface and transport allow, in octets.
   */
  setUsable(kind: number, isUsable: boolean, maxDatagramLen: number, nowMs: number): void {
    this.#paths[kind].setUsable(isUsable, maxDatagramLen, nowMs);
    this.#settle(nowMs);
  }

  /**
   * Tells whether the peer answers probes: it said so in a hello, and there is a session to send them in.
   *
   * Said again of a peer that does, as with each new session, it has all paths probed at once.
   */
  setPeerProbes(answers: boolean, nowMs: number): void {
    for (const path of this.#paths) {
      if (answers !== this.#peerProbes) path.reset(nowMs);
      else if (answers) path.wantProbe();
    }
    this.#peerProbes = answers;
    this.#settle(nowMs);
  }

  /** Something new and authentic came in on a path; to be called now and then with the latest time. */
  handleReceived(kind: number, nowMs: number): void {
    const path = this.#paths[kind];
    if (!path.isUsable) return;
    if (this.#peerProbes) path.handleReceived(nowMs);
    else {
      path.handleReceivedPassive(nowMs);
      if (kind === this.#current) this.#patience.handleHeard();
    }
    this.#settle(nowMs);
  }

  /**
   * A reply came in, on whatever path.
   *
   * @param kind Path kind in the reply: any octet.
   * @param receivedLen Length of the probe's datagram as the peer received it, in octets.
   * @returns Whether it answers a probe that had no answer yet.
   */
  handleReply(kind: number, id: number, receivedLen: number, nowMs: number): boolean {
    if (kind >= PATH_KIND_COUNT) return false;
    const isExpected = this.#paths[kind].handleReply(id, receivedLen, nowMs);
    if (isExpected) this.#settle(nowMs);
    return isExpected;
  }

  /** The system refused to send on a path for a reason that concerns the path, not the length of the datagram. */
  handleSendFailure(kind: number, nowMs: number): void {
    if (this.#paths[kind].isUsable) this.#paths[kind].handleSendFailure(nowMs);
    this.#settle(nowMs);
  }

  /** An ICMP error says that a path leads nowhere. */
  handleUnreachable(kind: number, nowMs: number): void {
    if (this.#peerProbes && this.#paths[kind].isUsable) this.#paths[kind].handleUnreachable(nowMs);
    this.#settle(nowMs);
  }

  /** A RST or FIN came in for a path's connection. */
  handleDoubt(kind: number, nowMs: number): void {
    if (this.#peerProbes && this.#paths[kind].isUsable) this.#paths[kind].handleDoubt();
    this.#settle(nowMs);
  }

  /** Something was sent to the peer; to be called now and then with the latest time. */
  handleActivity(nowMs: number): void {
    this.#lastActivityMs = Math.max(this.#lastActivityMs, nowMs);
    this.#settle(nowMs);
  }

  /** Somebody wants to send and finds the current path unconfirmed. */
  handleProbeWanted(nowMs: number): void {
    if (this.#current >= 0) this.#paths[this.#current].wantProbe();
    this.handleActivity(nowMs);
  }

  /** A peer that answers no probes sends from another path by now: it is told the other way round there. */
  handleFollowed(kind: number, nowMs: number): void {
    const path = this.#paths[kind];
    if (this.#peerProbes || !path.isUsable) return;
    this.#advance(nowMs);
    path.handleReceivedPassive(nowMs);
    if (kind !== this.#current && this.#patience.mayFollow(nowMs)) this.#switchTo(kind, "followed");
    this.#settle(nowMs);
  }

  /** Data went out and nothing came back, or a handshake message had to be repeated. */
  handleSilence(nowMs: number): void {
    if (this.#peerProbes) return this.handleProbeWanted(nowMs);
    this.#advance(nowMs);
    if (this.#current >= 0 && this.#patience.mayTryAnother(nowMs)) {
      this.#paths[this.#current].handleSilencePassive(nowMs);
      const next = this.#nextInOrder();
      if (next !== undefined) this.#switchTo(next.kind, "no answer");
    }
    this.#settle(nowMs);
  }

  /** Lets time pass. */
  handleTimeout(nowMs: number): void {
    for (const path of this.#paths) {
      if (!path.isUsable) continue;
      if (this.#peerProbes) path.handleTimeout(nowMs);
      else path.handleTimeoutPassive(nowMs);
    }
    this.#settle(nowMs);
  }

  /** Returns when {@linkcode PathSelector.handleTimeout} is to be called, ms; `Infinity` for never. */
  pollTimeout(): number {
    if (this.#events.length > 0) return this.#nowMs;
    let dueMs = Infinity;
    for (const path of this.#paths) {
      if (!path.isUsable) continue;
      if (!this.#peerProbes) dueMs = Math.min(dueMs, path.pollTimeoutPassive());
      else dueMs = Math.min(dueMs, path.pollTimeout(), this.#probeDueMs(path), this.#returnDueMs(path));
    }
    return Math.max(dueMs, this.#nowMs);
  }

  /** Writes the next probe to be sent now into `out` and counts it as sent; `false` if there is none. */
  pollTransmit(out: ProbeOut): boolean {
    if (!this.#peerProbes) return false;
    for (const path of this.#paths) {
      if (!path.isUsable || this.#probeDueMs(path) > this.#nowMs) continue;
      out.kind = path.kind;
      out.id = this.#nextId;
      out.length = path.takeSearchProbe(out.id, this.#nowMs) || path.takeProbe(out.id, this.#nowMs);
      this.#nextId = (this.#nextId + 1) >>> 0;
      this.#jitter[path.kind] = 1 - JITTER * this.#random.uint32() / 2 ** 32;
      return true;
    }
    return false;
  }

  /** Returns the next event, or `undefined`. */
  pollEvent(): PathEvent | undefined {
    return this.#events.shift();
  }

  #choices(): PathChoices {
    const paths = this.#paths.filter((path) => path.isUsable);
    return { paths, order: this.#order, hold: this.#hold, doubtedMs: this.#doubtedMs, nowMs: this.#nowMs };
  }

  #advance(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  /** Draws the conclusions from what has just been learnt. */
  #settle(nowMs: number): void {
    this.#advance(nowMs);
    for (const path of this.#paths) this.#report.compare(path, this.#events);
    this.#tellDoubt();
    if (this.#peerProbes) this.#choose();
    else this.#choosePassive();
    this.#publish();
  }

  #choose(): void {
    if (this.#leaveUnusable()) return;
    const current = this.#paths[this.#current];
    if (current.state === "dead") {
      const refuge = bestRefuge(this.#current, this.#choices());
      if (refuge !== undefined && refuge.state !== "dead") this.#switchTo(refuge.kind, current.deathCause);
      return;
    }
    const choices = this.#choices();
    for (const path of bestFirst(choices)) {
      const reason = reasonToSwitch(current, path, choices);
      if (reason !== undefined) return this.#switchTo(path.kind, reason);
    }
  }

  /** Goes from a path that can't be used to one that can; returns whether there is nothing more to choose. */
  #leaveUnusable(): boolean {
    if (this.#current >= 0 && this.#paths[this.#current].isUsable) return false;
    const best = bestRefuge(this.#current, this.#choices());
    if (best !== undefined) this.#switchTo(best.kind, this.#current < 0 ? "first" : "gone");
    else if (this.#current >= 0) this.#switchTo(NONE, "gone");
    return true;
  }

  #choosePassive(): void {
    if (this.#leaveUnusable()) return;
    const current = this.#paths[this.#current];
    const best = bestFirst(this.#choices())[0];
    if (best === current) return;
    if (current.state === "dead" && best.state !== "dead") return this.#switchTo(best.kind, current.deathCause);
    const isOpen = current.state === "unknown" && !current.wasHeard() && best.state === "unknown";
    if (isOpen) this.#switchTo(best.kind, "preferred");
  }

  /** Returns the usable path after the current one in the order of preference, beginning anew behind the last. */
  #nextInOrder(): Path | undefined {
    const inOrder = this.#order.map((kind) => this.#paths[kind]).filter((path) => path.isUsable);
    const place = inOrder.findIndex((path) => path.kind === this.#current);
    const next = [...inOrder.slice(place + 1), ...inOrder.slice(0, Math.max(place, 0))];
    return next.find((path) => path.state !== "dead");
  }

  #switchTo(kind: number, reason: SwitchReason): void {
    const from = this.#current;
    const old = from < 0 ? undefined : this.#paths[from];
    this.#events.push({
      kind: "switched",
      from,
      to: kind,
      reason,
      atMs: this.#nowMs,
      suspectedMs: this.#doubtedMs,
      lastConfirmedMs: old?.lastAnsweredSentMs ?? -Infinity,
      loss: old?.loss(this.#nowMs) ?? 0,
    });
    if (from >= 0) this.#hold.handleLeave(from, reason, this.#nowMs);
    if (reason === "loss") this.#noteLossy(kind);
    if (reason === "recovered") this.#hold.handleReturn(kind, this.#nowMs);
    this.#current = kind;
    this.#doubtedMs = Infinity;
    this.#handoverFrom = from;
    this.#handoverMs = this.#nowMs;
    if (kind >= 0) this.#paths[kind].wantProbe();
    this.#tellDoubt();
  }

  /** What comes before a path that was chosen for its low loss was judged, too, and found wanting. */
  #noteLossy(chosen: number): void {
    for (const path of this.#paths) {
      if (path.isUsable && isPreferred(path.kind, chosen, this.#order)) this.#hold.handleLossy(path.kind);
    }
  }

  /** Works out what the owner reads. */
  #publish(): void {
    this.#mirrorMask = 0;
    this.#standbyMask = 0;
    this.#candidatesMask = this.#usableMask();
    this.#maxDatagramLen = 0;
    this.#confirmedUntilMs = Infinity;
    if (this.#current < 0) return;
    const current = this.#paths[this.#current];
    if (this.#peerProbes) {
      this.#confirmedUntilMs = current.lastReplyMs + this.#params.activeProbeIntervalMs + current.rtt.timeoutMs;
      if (this.#params.mirrors) {
        this.#standbyMask = backupMask(current, this.#choices());
        if (this.#doubtedMs < Infinity) this.#mirrorMask = this.#standbyMask;
        this.#mirrorMask |= this.#handoverMask(current);
      }
    }
    const inUse = this.#mirrorMask | this.#standbyMask;
    this.#maxDatagramLen = this.#limitOf(current, inUse);
    if (this.#paths.some((path) => path.state === "alive")) {
      this.#candidatesMask = (1 << this.#current) | this.#mirrorMask;
    }
  }

  /** After a change the old path goes on carrying everything, too, until a probe sent since is answered on the new one. */
  #handoverMask(current: Path): number {
    if (this.#handoverFrom < 0) return 0;
    const old = this.#paths[this.#handoverFrom];
    const isDone = current.lastAnsweredSentMs >= this.#handoverMs || !old.isUsable || old.state === "dead";
    if (isDone) this.#handoverFrom = NONE;
    return isDone ? 0 : 1 << old.kind;
  }

  /** A path for small talk doesn't count beside others: what is too long for it still goes over them. */
  #limitOf(current: Path, mask: number): number {
    let limit = current.mtu.limit;
    for (const path of this.#paths) {
      if ((mask & (1 << path.kind)) !== 0 && !path.isSmallOnly) limit = Math.min(limit, path.mtu.limit);
    }
    return limit;
  }

  #usableMask(): number {
    return this.#paths.reduce((mask, path) => path.isUsable ? mask | (1 << path.kind) : mask, 0);
  }

  #probeDueMs(path: Path): number {
    if (path.mtu.hasSearchLen()) return this.#nowMs;
    const intervalMs = probeIntervalMs(path, this.#roleOf(path), this.#params, this.#nowMs);
    const jitter = intervalMs < JITTERED_INTERVAL_MS ? 1 : this.#jitter[path.kind];
    const wantedMs = path.isProbeWanted ? this.#params.suspectProbeIntervalMs : Infinity;
    return path.lastProbeMs + Math.min(intervalMs * jitter, wantedMs);
  }

  #roleOf(path: Path): PathRole {
    const current = this.#current < 0 ? undefined : this.#paths[this.#current];
    return {
      isCurrent: path === current,
      isPreferred: current !== undefined && isPreferred(path.kind, current.kind, this.#order),
      isActive: this.#nowMs - this.#lastActivityMs < this.#params.activityMs,
      isCurrentTroubled: current === undefined || this.#doubtedMs < Infinity || current.isSmallOnly || current.isLossy,
      trialMs: this.#hold.trialMs(path.kind),
    };
  }

  /** Returns when a path will have been clean long enough; what is past then depends on replies, not on time. */
  #returnDueMs(path: Path): number {
    if (this.#current < 0 || !isPreferred(path.kind, this.#current, this.#order)) return Infinity;
    const dueMs = path.cleanSinceMs + this.#hold.holdMs(this.#current, path.kind);
    return dueMs > this.#nowMs ? dueMs : Infinity;
  }

  #tellDoubt(): void {
    if (this.#current < 0) return;
    const current = this.#paths[this.#current];
    const isDoubted = current.isUsable && isInDoubt(current, this.#choices());
    if (isDoubted === (this.#doubtedMs < Infinity)) return;
    const suspectedMs = this.#doubtedMs;
    this.#doubtedMs = isDoubted ? this.#nowMs : Infinity;
    const path = this.#current;
    if (isDoubted) this.#events.push({ kind: "suspected", path, lastConfirmedMs: current.lastAnsweredSentMs });
    else if (current.isUsable) this.#events.push({ kind: "cleared", path, suspectedMs });
  }
}
