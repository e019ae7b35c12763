/**
 * One path to a peer as a state machine.
 *
 * ```
 *              probe sent            reply                two probes in a row missed, or a hint
 *   unknown ──────────────► probing ──────► alive ─────────────────────────────────────────────► suspect
 *      ▲                       │              ▲  ◄──────────────────────── reply ───────────────────┘ │
 *      │ made usable anew      │ no reply     │ reply                                     no reply    │
 *      └───── (any state)      └──────────► dead ◄────────────────────────────────────────────────────┘
 *                                             ▲
 *                                             └── (any state) the system refuses to send
 * ```
 *
 * What counts is what comes back: a firewall that drops in silence causes no error. And only replies count, as they alone
 * speak of the direction in which we send: that the peer is heard on a path says nothing about whether it hears us.
 * Towards peers that answer no probes (*passive*) what is heard has to do.
 *
 * A hint (an ICMP error, a RST) can be forged by anybody on the way. So it makes a path doubted, which costs a few
 * datagrams sent twice, and the next probe decides.
 *
 * The file knows one path. Which path carries the traffic, and when probes are due, is known to `path_selector.ts`.
 *
 * @module
 */

import { BULK_MIN_LEN, PathMtu, SMALL_PROBE_LEN } from "./path_mtu.ts";
import type { PathParams } from "./path_params.ts";
import { PathProbes, type SentProbe } from "./path_probes.ts";
import { PathRtt } from "./path_rtt.ts";
import type { PathStanding, PathState } from "./path_score.ts";

/** Why a path is dead. */
export type DeathCause = "no answer" | "send failed";

/** Probes in a row that must be missed before an alive path becomes suspect: a single one is lost by chance too often. */
const SUSPECT_AFTER_MISSED = 2;
/** Outcomes without which a path isn't called lossy: of 16 it takes four that are missed, which chance hardly does. */
const LOSSY_MIN_SAMPLES = 16;
/**
 * Outcomes without which it isn't called clean. More, because we look again and again while they come in: of a path that
 * loses a fifth of all probes 48 in a row look clean once in 250 times, 16 once in 30.
 */
const CLEAN_MIN_SAMPLES = 48;
/** How far back outcomes count for the share of loss. Probes of one a second still give enough of them. */
const LOSS_HORIZON_MS = 20_000;
/** Probes that may be lost within a clean stretch of any length: chance does this to good paths. */
const CLEAN_MISSED_MAX = 2;
/** How long after the end of a clean stretch no other begins, so that a lossy path isn't on trial all the time. */
const CLEAN_PAUSE_MS = 2_000;
/** How long a path must have been unheard before hearing it is news, in probes of a failed path. */
const UNHEARD_INTERVALS = 3;

/** One path to a peer. */
export class Path implements PathStanding {
  readonly kind: number;
  /** How long its datagrams may be. */
  readonly mtu = new PathMtu();
  readonly rtt: PathRtt;
  readonly #params: PathParams;
  readonly #probes = new PathProbes();

  #isUsable = false;
  #state: PathState = "unknown";
  #isLossy = false;
  #deathCause: DeathCause = "no answer";
  /** When the state became what it is. */
  #stateSinceMs = -Infinity;
  /** A reply ends doubt, or death, if its probe was sent at or after this. */
  #revivesFromMs = -Infinity;
  /** Whether one missed probe is enough to become suspect. */
  #isDoubted = false;
  /** When the path last came to life: what happened before doesn't count for its loss. */
  #aliveSinceMs = Infinity;
  /** The present clean stretch: its beginning and its outcomes, and when the next may begin. */
  #cleanSinceMs = Infinity;
  #cleanAnswered = 0;
  #cleanMissed = 0;
  #cleanFromMs = -Infinity;

  #lastReplyMs = -Infinity;
  #lastAnsweredSentMs = -Infinity;
  #lastLongAnsweredSentMs = -Infinity;
  #lastReceivedMs = -Infinity;
  #lastProbeMs = -Infinity;
  #isProbeWanted = false;
  #isNextLong = false;

  constructor(kind: number, params: PathParams) {
    this.kind = kind;
    this.#params = params;
    this.rtt = new PathRtt(params);
  }

  /** Whether datagrams can be sent on it at all. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  get state(): PathState {
    return this.#state;
  }

  /** When the state became what it is, ms. */
  get stateSinceMs(): number {
    return this.#stateSinceMs;
  }

  /** Why it is dead, if it is. */
  get deathCause(): DeathCause {
    return this.#deathCause;
  }

  /** Whether it loses more than `lossWorse`, or did and still loses more than `lossGood`. */
  get isLossy(): boolean {
    return this.#isLossy;
  }

  get isSmallOnly(): boolean {
    return this.mtu.isSmallOnly();
  }

  /** Since when the path has answered, but for a few probes, without a gap, ms; `Infinity` if it doesn't. */
  get cleanSinceMs(): number {
    return this.#cleanSinceMs;
  }

  /** When the last reply came, ms; −Infinity for never. */
  get lastReplyMs(): number {
    return this.#lastReplyMs;
  }

  /** When the youngest answered probe was sent, ms: then, at the latest, the path worked. */
  get lastAnsweredSentMs(): number {
    return this.#lastAnsweredSentMs;
  }

  /** When the last probe was sent that was answered and long enough for bulk traffic, ms. */
  get lastLongAnsweredSentMs(): number {
    return this.#lastLongAnsweredSentMs;
  }

  /** Returns how many probes that were sent since a time are missed. */
  missedSince(sinceMs: number): number {
    return this.#tally(sinceMs).missed;
  }

  /** Whether anything authentic ever came in on it. */
  wasHeard(): boolean {
    return this.#lastReceivedMs > -Infinity || this.#lastReplyMs > -Infinity;
  }

  /** When the last probe was sent, ms; −Infinity for never. */
  get lastProbeMs(): number {
    return this.#lastProbeMs;
  }

  /** Whether a probe is wanted out of turn. */
  get isProbeWanted(): boolean {
    return this.#isProbeWanted;
  }

  /** Tells whether traffic on the path should go over another one, too: it is silent, or long datagrams get lost. */
  isInDoubt(): boolean {
    return this.#state === "suspect" || this.mtu.isDoubtful();
  }

  /** Tells whether probes should follow each other quickly until something is clear. */
  isHasty(): boolean {
    if (this.#state === "dead" || this.#state === "unknown") return false;
    return this.isInDoubt() || this.mtu.isHasty() || this.#probes.missedInRow() > 0;
  }

  /** Tells whether enough probes have an outcome to call the path clean, or not. */
  isJudged(nowMs: number): boolean {
    const { answered, missed } = this.#tally(nowMs - LOSS_HORIZON_MS);
    return answered + missed >= CLEAN_MIN_SAMPLES;
  }

  /** Tells whether the path, judged by enough probes, loses no more than `lossGood`. */
  isClean(nowMs: number): boolean {
    const { answered, missed } = this.#tally(nowMs - LOSS_HORIZON_MS);
    return answered + missed >= CLEAN_MIN_SAMPLES && missed <= this.#params.lossGood * (answered + missed);
  }

  /** Share of probes lost lately, 0 to 1; 0 while there are too few to tell. */
  loss(nowMs: number): number {
    const { answered, missed } = this.#tally(nowMs - LOSS_HORIZON_MS);
    return answered + missed < LOSSY_MIN_SAMPLES ? 0 : missed / (answered + missed);
  }

  /** Number of probes answered in the present clean stretch. */
  get cleanAnswered(): number {
    return this.#cleanAnswered;
  }

  /**
   * Makes the path usable, with what its interface and transport allow as greatest length, or unusable.
   *
   * What was measured is kept while it stays usable. Another connection is another path: the owner takes the old one away
   * first.
   */
  setUsable(isUsable: boolean, maxDatagramLen: number, nowMs: number): void {
    if (isUsable && this.#isUsable) return this.mtu.setCeiling(maxDatagramLen, nowMs);
    if (isUsable) this.mtu.reset(maxDatagramLen);
    if (isUsable !== this.#isUsable) this.reset(nowMs);
    if (!isUsable) this.#lastReceivedMs = -Infinity;
    this.#isUsable = isUsable;
  }

  /** Forgets what probes showed, but not how long datagrams may be, nor that something came in. */
  reset(nowMs: number): void {
    this.#probes.reset();
    this.rtt.reset();
    this.#become("unknown", nowMs);
    this.#isLossy = false;
    this.#isDoubted = false;
    this.#aliveSinceMs = Infinity;
    this.#cleanFromMs = -Infinity;
    this.#lastReplyMs = -Infinity;
    this.#lastAnsweredSentMs = -Infinity;
    this.#lastLongAnsweredSentMs = -Infinity;
    this.#lastProbeMs = -Infinity;
    this.#isProbeWanted = false;
    this.#isNextLong = false;
  }

  /** Asks for a probe as soon as possible. */
  wantProbe(): void {
    this.#isProbeWanted = true;
  }

  /** Takes a reply; tells whether it answers a probe of this path that had no answer yet. */
  handleReply(id: number, receivedLen: number, nowMs: number): boolean {
    const probe = this.#probes.answer(id);
    if (probe === undefined) return false;
    this.rtt.sample(nowMs - probe.sentMs);
    this.#lastReplyMs = nowMs;
    this.#lastAnsweredSentMs = Math.max(this.#lastAnsweredSentMs, probe.sentMs);
    const length = Math.min(probe.length, receivedLen);
    const limit = this.mtu.limit;
    if (length >= Math.min(BULK_MIN_LEN, limit)) {
      this.#lastLongAnsweredSentMs = Math.max(this.#lastLongAnsweredSentMs, probe.sentMs);
    }
    this.mtu.handleAnswered(probe, length, nowMs);
    if (this.mtu.limit > limit) this.#beginAnew(probe.sentMs);
    if (this.#state === "alive" || probe.sentMs >= this.#revivesFromMs) this.#confirm(probe.sentMs, nowMs);
    if (this.#countsForStretch(probe)) {
      this.#cleanAnswered++;
      if (probe.isLate) this.#cleanMissed--;
    }
    this.#judgeLoss(nowMs);
    return true;
  }

  /** The system refused to send: nothing gets out. */
  handleSendFailure(nowMs: number): void {
    this.#die("send failed", nowMs, nowMs);
  }

  /** Somebody claims that the path leads nowhere. */
  handleUnreachable(nowMs: number): void {
    this.wantProbe();
    if (this.#state === "alive") this.#suspect(nowMs, nowMs);
  }

  /** Something happened that may, but need not, mean the end of the path. */
  handleDoubt(): void {
    this.wantProbe();
    this.#isDoubted = true;
  }

  /** Something authentic came in on the path. If it had been silent for long, it may work again: worth a probe. */
  handleReceived(nowMs: number): void {
    const isNews = nowMs - this.#lastReceivedMs > UNHEARD_INTERVALS * this.#params.recoveryProbeIntervalMs;
    if (isNews && this.#state !== "alive") this.wantProbe();
    this.#lastReceivedMs = nowMs;
  }

  /** The same towards a peer that answers no probes. */
  handleReceivedPassive(nowMs: number): void {
    this.#lastReceivedMs = nowMs;
    if (this.#state !== "alive") this.#become("alive", nowMs);
  }

  /** Nothing comes back from a peer that answers no probes. */
  handleSilencePassive(nowMs: number): void {
    this.#become("suspect", nowMs);
  }

  /** Judges what time has shown of a path to a peer that answers no probes: a refusal to send doesn't bar it for ever. */
  handleTimeoutPassive(nowMs: number): void {
    if (nowMs >= this.pollTimeoutPassive()) this.#become("suspect", nowMs);
  }

  /** Returns when {@linkcode Path.handleTimeoutPassive} may change something, ms. */
  pollTimeoutPassive(): number {
    return this.#state === "dead" ? this.#stateSinceMs + this.#params.idleProbeIntervalMs : Infinity;
  }

  /** Judges what time has shown. */
  handleTimeout(nowMs: number): void {
    const limit = this.mtu.limit;
    const missed = this.#probes.expire(nowMs, this.rtt.timeoutMs);
    for (const probe of missed) {
      if (this.#countsForStretch(probe)) this.#cleanMissed++;
      this.mtu.handleMissed(probe, nowMs);
    }
    if (this.mtu.limit > limit) this.#beginAnew(nowMs);
    if (missed.length > 0) {
      this.#judgeStretch(nowMs);
      this.#judgeLoss(nowMs);
    }
    this.#judgeSilence(nowMs);
  }

  /** Returns when {@linkcode Path.handleTimeout} may change something, ms. */
  pollTimeout(): number {
    const decideAtMs = this.#decideAtMs();
    // Once that time has passed only another missed probe can bring the decision.
    return Math.min(this.#probes.nextExpiryMs(this.rtt.timeoutMs), decideAtMs);
  }

  /** Returns the length of a probe's datagram to be sent now out of the search for the length limit, 0 for none. */
  takeSearchProbe(id: number, nowMs: number): number {
    const length = this.mtu.takeSearchLen();
    if (length > 0) this.#probes.note(id, length, false, nowMs);
    return length;
  }

  /** Notes that a regular probe is sent now, and returns the length of its datagram: small and full in turn. */
  takeProbe(id: number, nowMs: number): number {
    const length = this.#isNextLong ? this.mtu.longProbeLen() : SMALL_PROBE_LEN;
    if (this.#isNextLong) this.mtu.maybeRaise(nowMs);
    this.#isNextLong = !this.#isNextLong;
    this.#isProbeWanted = false;
    this.#lastProbeMs = nowMs;
    this.#probes.note(id, length, true, nowMs);
    if (this.#state === "unknown") this.#become("probing", nowMs);
    return length;
  }

  #confirm(sentMs: number, nowMs: number): void {
    if (this.#cleanSinceMs === Infinity && nowMs >= this.#cleanFromMs) this.#beginStretch(sentMs);
    if (this.#probes.missedInRow() === 0) this.#isDoubted = false;
    if (this.#state === "alive") return;
    if (this.#state !== "suspect") this.#aliveSinceMs = sentMs;
    this.#become("alive", nowMs);
  }

  /** What the path did for smaller datagrams says nothing about what it does for those that it carries now. */
  #beginAnew(sinceMs: number): void {
    if (this.#aliveSinceMs < Infinity) this.#aliveSinceMs = sinceMs;
    if (this.#cleanSinceMs < Infinity) this.#beginStretch(sinceMs);
  }

  #judgeSilence(nowMs: number): void {
    const missed = this.#probes.missedInRow();
    if (this.#state === "alive" && missed >= (this.#isDoubted ? 1 : SUSPECT_AFTER_MISSED)) {
      this.#suspect(nowMs, this.#probes.missedSinceMs());
    }
    if (this.#state !== "suspect" && this.#state !== "probing") return;
    if (missed < this.#params.minMissedProbes || nowMs < this.#stateSinceMs + this.#params.decideMs) return;
    this.#die("no answer", this.#probes.missedSinceMs(), nowMs);
  }

  #suspect(nowMs: number, revivesFromMs: number): void {
    this.#endStretch(nowMs);
    this.#revivesFromMs = revivesFromMs;
    this.#become("suspect", nowMs);
    this.wantProbe();
  }

  #die(cause: DeathCause, revivesFromMs: number, nowMs: number): void {
    this.#endStretch(nowMs);
    this.#deathCause = cause;
    this.#revivesFromMs = revivesFromMs;
    this.#isLossy = false;
    this.#aliveSinceMs = Infinity;
    if (this.#state !== "dead") this.#become("dead", nowMs);
  }

  #become(state: PathState, nowMs: number): void {
    this.#state = state;
    this.#stateSinceMs = nowMs;
    if (state === "unknown") {
      this.#revivesFromMs = -Infinity;
      this.#cleanSinceMs = Infinity;
      this.#cleanAnswered = 0;
      this.#cleanMissed = 0;
    }
  }

  #decideAtMs(): number {
    if (this.#state !== "suspect" && this.#state !== "probing") return Infinity;
    if (this.#probes.missedInRow() < this.#params.minMissedProbes) return Infinity;
    return this.#stateSinceMs + this.#params.decideMs;
  }

  #countsForStretch(probe: SentProbe): boolean {
    return probe.isRegular && probe.sentMs >= this.#cleanSinceMs && probe.length <= this.mtu.limit;
  }

  #beginStretch(sinceMs: number): void {
    this.#cleanSinceMs = sinceMs;
    this.#cleanAnswered = 0;
    this.#cleanMissed = 0;
  }

  #judgeStretch(nowMs: number): void {
    const total = this.#cleanAnswered + this.#cleanMissed;
    if (this.#cleanMissed > Math.max(CLEAN_MISSED_MAX, this.#params.lossGood * total)) this.#endStretch(nowMs);
  }

  #endStretch(nowMs: number): void {
    if (this.#cleanSinceMs === Infinity) return;
    this.#beginStretch(Infinity);
    this.#cleanFromMs = nowMs + CLEAN_PAUSE_MS;
  }

  /** Two thresholds: a path whose loss lies between them stays what it is. */
  #judgeLoss(nowMs: number): void {
    const { answered, missed } = this.#tally(nowMs - LOSS_HORIZON_MS);
    const total = answered + missed;
    if (total < LOSSY_MIN_SAMPLES) return;
    if (missed > this.#params.lossWorse * total) this.#isLossy = true;
    else if (missed <= this.#params.lossGood * total) this.#isLossy = false;
  }

  /** Counts outcomes since a time in the path's present life. What is too long for it isn't its loss. */
  #tally(sinceMs: number): { answered: number; missed: number } {
    return this.#probes.tally(Math.max(sinceMs, this.#aliveSinceMs), this.mtu.limit);
  }
}
