/**
 * An edge towards its super node: it registers, obeys updates, downloads what is new, and reports.
 *
 * It does no I/O, reads no clock and starts no timer. Registrations go out through the sessions with the super, updates come
 * in through them; documents and reports go through a {@linkcode DocumentSource}, which is asked for anew each time.
 *
 * ```text
 *   session ──▶ Register ──▶ super ──▶ update with a state token ──▶ download ──▶ parse ──▶ apply ──▶ keep the token
 *                  ▲                                                    │ fails         │ is unfit
 *                  └── every ping interval, with the tokens kept        └── again later ┘
 * ```
 *
 * A token is kept only when its document is in force, so that whatever is lost on the way (a registration, an update, an
 * answer) is made up for by the next registration or update. If the super falls silent everything stays as it is.
 *
 * | file | part |
 * | --- | --- |
 * | `registration.ts` | when to register |
 * | `document_download.ts` | when to download a document of one kind |
 * | `report_plan.ts` | when to report, and under which number |
 * | `document_application.ts`, `super_documents.ts` | what documents say, and putting it in force |
 * | `super_refusal.ts` | what it means if the super ends this program |
 *
 * Source: `behaviour.md` §2; `http-api.md` §3, §6.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import type { RandomSource } from "../base/random.ts";
import { Reason } from "../base/reason.ts";
import { DocumentApplication, type DocumentUsers } from "./document_application.ts";
import { DocumentDownload, type DownloadOutcome } from "./document_download.ts";
import type { DocumentSource, SourceAnswer } from "./document_source.ts";
import { DocumentKind, DocumentStatus, type EdgeParameters } from "./documents.ts";
import { FailureLog } from "./failure_log.ts";
import { quoteForeignText } from "./foreign_text.ts";
import { type PeerReport, type Register, ServerAction, type ServerUpdate } from "./messages.ts";
import { Registration } from "./registration.ts";
import { ReportPlan } from "./report_plan.ts";
import type { PeerListReader } from "./super_documents.ts";
import { stopOrderOf } from "./super_refusal.ts";

export type { DocumentSource } from "./document_source.ts";

/** What {@linkcode SuperClient} is made of. */
export interface SuperClientOptions extends PeerListReader, DocumentUsers {
  readonly wireVersion: string;
  /** 32 random octets, made at the start: signs reports over HTTP. */
  readonly tokenKey: Uint8Array;
  /** Period of registrations until the super names one; 0: not named. */
  readonly pingIntervalMs: number;
  readonly random: RandomSource;
  readonly log: Logger;
  /** The best way to ask at this moment; `undefined` if there is none. */
  readonly source: () => DocumentSource | undefined;
  /** What there is to report now. */
  readonly report: (nowMs: number) => PeerReport;
  /** The last report has arrived. */
  readonly onReported: (nowMs: number) => void;
  /** The super ends this program. Called at most once; nothing else is called after it. */
  readonly onStop: (exitCode: number, reason: string) => void;
}

/** A state token; ours and those of reference supers are 32 hex digits. */
const STATE_TOKEN = /^[\x21-\x7e]{1,64}$/;

/** A super is silent when nothing has come for so many times the period at which something should. */
const SILENT_PERIODS = 3;
/** Period at which most supers push the state of the table whether it changed or not, ms; an edge isn't told its own's. */
const USUAL_PUSH_INTERVAL_MS = 30_000;
/** So many answers "not found" in a row are more than a document that changed meanwhile. */
const OUTDATED_TOLD = 3;

/** Kinds of documents in the order in which they are asked for, and what they are called. */
const DOCUMENT_NAMES: ReadonlyMap<number, string> = new Map([
  [DocumentKind.PARAMETERS, "parameters"],
  [DocumentKind.PEERS, "list of peers"],
  [DocumentKind.NEXT_HOPS, "next-hop table"],
]);

const PUSHED_KINDS: ReadonlyMap<number, number> = new Map([
  [ServerAction.UPDATE_PARAMETERS, DocumentKind.PARAMETERS],
  [ServerAction.UPDATE_PEERS, DocumentKind.PEERS],
  [ServerAction.UPDATE_NEXT_HOP, DocumentKind.NEXT_HOPS],
]);

/** Obeys a super node. */
export class SuperClient {
  readonly #options: SuperClientOptions;
  readonly #registration: Registration;
  readonly #reports: ReportPlan;
  readonly #downloads = new Map<number, DocumentDownload>();
  readonly #application: DocumentApplication;
  readonly #failures: FailureLog;
  /** Answers "not found" in a row, by kind. */
  readonly #outdated = new Map<number, number>();
  #reportIntervalMs = 0;
  #nowMs: number;
  #heardMs: number;
  #isSilent = false;
  #isStopped = false;

  constructor(options: SuperClientOptions, nowMs: number) {
    this.#options = options;
    this.#registration = new Registration(options.pingIntervalMs);
    this.#reports = new ReportPlan(options.random);
    for (const kind of DOCUMENT_NAMES.keys()) this.#downloads.set(kind, new DocumentDownload(options.random));
    this.#failures = new FailureLog(options.log);
    const users = {
      applyParameters: (parameters: EdgeParameters, atMs: number) => this.#applyParameters(parameters, atMs),
      applyPeers: options.applyPeers,
      applyNextHops: options.applyNextHops,
    };
    this.#application = new DocumentApplication(users, options, options.log, this.#failures);
    this.#nowMs = nowMs;
    this.#heardMs = nowMs;
  }

  /** A session with a super node was made: it is to hear of us at once. */
  handleSuperSession(nowMs: number): void {
    if (this.#isStopped) return;
    this.#nowMs = nowMs;
    this.#registration.handleSession(nowMs);
    this.#handleSign(nowMs);
  }

  /**
   * Takes in an update that came through a session with a super node.
   *
   * @returns `NONE`, or the reason for which it was dropped.
   */
  handleServerUpdate(update: ServerUpdate, nowMs: number): number {
    if (this.#isStopped) return Reason.NONE;
    this.#nowMs = nowMs;
    this.#registration.handleSign();
    this.#handleSign(nowMs);
    const { selfNodeId, wireVersion } = this.#options;
    const order = stopOrderOf(update, { nodeId: selfNodeId, wireVersion });
    if (order !== undefined) {
      // Sessions of both families bring it, and it is repeated: once is enough.
      this.#isStopped = true;
      this.#options.onStop(order.exitCode, order.reason);
      return Reason.NONE;
    }
    const kind = PUSHED_KINDS.get(update.action);
    if (kind !== undefined) return this.#handlePush(kind, update.params, nowMs);
    this.#failures.fail("update from the super node", `action ${update.action} means nothing to this release`);
    return Reason.MESSAGE_MALFORMED;
  }

  /** There is something new to report: an address of this node has changed. */
  reportSoon(nowMs: number): void {
    this.#reports.wantNow(nowMs);
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#isStopped) return;
    for (const [kind, download] of this.#downloads) {
      if (nowMs >= download.dueMs) this.#download(kind, download, nowMs);
    }
    if (nowMs >= this.#reports.dueMs) this.#report(nowMs);
    if (nowMs >= this.#silenceMs()) this.#handleSilence(nowMs);
  }

  /** Returns when {@linkcode SuperClient.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    if (this.#isStopped) return Infinity;
    const dueMs = [...this.#downloads.values()].map((download) => download.dueMs);
    return Math.min(...dueMs, this.#reports.dueMs, this.#registration.dueMs, this.#silenceMs());
  }

  /** Returns a registration that is to be sent through every session with a super node now; `undefined` if none is. */
  pollRegister(): Register | undefined {
    if (this.#isStopped || !this.#registration.poll(this.#nowMs)) return undefined;
    const { selfNodeId, wireVersion, tokenKey } = this.#options;
    return {
      nodeId: selfNodeId,
      version: wireVersion,
      peersHash: this.#tokenOf(DocumentKind.PEERS),
      nextHopHash: this.#tokenOf(DocumentKind.NEXT_HOPS),
      parametersHash: this.#tokenOf(DocumentKind.PARAMETERS),
      tokenKey,
      reportCount: this.#reports.leastCount,
    };
  }

  #tokenOf(kind: number): string {
    return this.#downloads.get(kind)!.token;
  }

  #handlePush(kind: number, token: string, nowMs: number): number {
    // A super that has just started has no table yet; what it said in its last life is better than none.
    if (token === "") return Reason.NONE;
    if (!STATE_TOKEN.test(token)) return Reason.MESSAGE_MALFORMED;
    this.#downloads.get(kind)!.handlePush(token, nowMs);
    return Reason.NONE;
  }

  #download(kind: number, download: DocumentDownload, nowMs: number): void {
    const stateToken = download.begin(nowMs);
    const source = this.#options.source();
    if (source === undefined) return download.finish("failed", nowMs);
    source.request(kind, { stateToken }, (answer, answeredMs) => {
      if (this.#isStopped || !download.isRunning(stateToken)) return;
      this.#nowMs = answeredMs;
      download.finish(this.#takeDocument(kind, answer, answeredMs), answeredMs);
    }, nowMs);
  }

  #takeDocument(kind: number, answer: SourceAnswer | undefined, nowMs: number): DownloadOutcome {
    // Why there was none, the source has said.
    if (answer === undefined) return "failed";
    this.#handleSign(nowMs);
    const what = `download of the ${DOCUMENT_NAMES.get(kind)}`;
    if (answer.status === DocumentStatus.NOT_FOUND) {
      const count = (this.#outdated.get(kind) ?? 0) + 1;
      this.#outdated.set(kind, count);
      if (count >= OUTDATED_TOLD) this.#failures.fail(what, causeOf(answer));
      return "outdated";
    }
    this.#outdated.delete(kind);
    if (answer.status !== DocumentStatus.OK) {
      this.#failures.fail(what, causeOf(answer));
      return answer.status === DocumentStatus.TOO_LARGE ? "unfit" : "failed";
    }
    const fault = this.#application.apply(kind, answer.body, nowMs);
    if (fault !== undefined) {
      this.#failures.fail(what, fault);
      return "unfit";
    }
    this.#failures.succeed(what);
    return "applied";
  }

  /** New parameters change how often we are heard, and are worth a report at once. */
  #applyParameters(parameters: EdgeParameters, nowMs: number): void {
    this.#reportIntervalMs = parameters.reportIntervalMs;
    this.#registration.setInterval(parameters.pingIntervalMs, nowMs);
    this.#options.applyParameters(parameters, nowMs);
    this.#reports.setInterval(parameters.reportIntervalMs, nowMs);
  }

  #report(nowMs: number): void {
    const source = this.#options.source();
    if (source === undefined) return this.#reports.postpone(nowMs);
    const count = this.#reports.begin(nowMs);
    const report = this.#options.report(nowMs);
    source.request(DocumentKind.REPORT, { report, count }, (answer, answeredMs) => {
      if (this.#isStopped) return;
      this.#nowMs = answeredMs;
      this.#reports.finish(this.#takeReceipt(answer, answeredMs), answeredMs);
    }, nowMs);
  }

  #takeReceipt(answer: SourceAnswer | undefined, nowMs: number): boolean {
    if (answer === undefined) return false;
    this.#handleSign(nowMs);
    const what = "report to the super node";
    if (answer.status !== DocumentStatus.OK) {
      this.#failures.fail(what, causeOf(answer));
      return false;
    }
    this.#failures.succeed(what);
    this.#options.onReported(nowMs);
    return true;
  }

  /** The super is there. */
  #handleSign(nowMs: number): void {
    if (this.#isSilent) {
      this.#options.log.info("super node is back", { silentS: Math.round((nowMs - this.#heardMs) / 1000) });
    }
    this.#isSilent = false;
    this.#heardMs = nowMs;
  }

  #handleSilence(nowMs: number): void {
    this.#isSilent = true;
    this.#options.log.warn("super node is silent; peers and routes stay as they are", {
      silentS: Math.round((nowMs - this.#heardMs) / 1000),
      remedy: "see whether the super runs, and whether its endpoint and public key in the file are right",
    });
  }

  /** When the super is to be called silent; `Infinity` if it has been. */
  #silenceMs(): number {
    if (this.#isSilent) return Infinity;
    const periodMs = Math.max(this.#registration.intervalMs, this.#reportIntervalMs, USUAL_PUSH_INTERVAL_MS);
    return this.#heardMs + SILENT_PERIODS * periodMs;
  }
}

/** What a status says, and what the super said to it. */
function causeOf({ status, body }: SourceAnswer): string {
  const said = body.length === 0 ? "" : `: ${quoteForeignText(new TextDecoder().decode(body))}`;
  return `super node answers with status ${status}${said}`;
}
