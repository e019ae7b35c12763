/**
 * What the machine needs so that the stack behind the TUN device reaches the world and is reached: set, kept, undone.
 *
 * All goes through one function that compares what should be with what is, and makes up the difference: at the start,
 * when the interfaces in use change, and whenever the owner looks after it. It first closes what isn't needed any more,
 * then writes down what it is going to do, then sets the rules, and only then switches forwarding on, so that there is no
 * moment at which the machine forwards for strangers.
 *
 * Two nodes on one machine share interfaces: the one that came first has switched forwarding on. When it ends, the other
 * one notices at its next {@linkcode HostRules.check} and switches it on for itself.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { Errno } from "../ffi/errno.ts";
import { loadShim } from "../ffi/shim.ts";
import type { BackendName, RuleBackend } from "./backend.ts";
import { createBackend, findBackend } from "./backend_choice.ts";
import { type CommandRunner, runCommand } from "./command.ts";
import { readHostFacts } from "./facts.ts";
import { isOwnedByAnother, Ledger, type LedgerOptions, recoverLedgers } from "./ledger.ts";
import { type HostSpec, planHostRules, type SysctlChange } from "./plan.ts";
import { openProcFiles, type ProcFiles } from "./proc.ts";
import { isNameable } from "./ruleset.ts";
import { applySysctl, undoSysctl } from "./sysctl.ts";

/** The machine; what is absent is the real one. */
export interface HostOptions {
  /** Folder of the ledger, `/run/etherguard` if absent. */
  readonly folder?: string;
  /** Tool for the rules; found out if absent. */
  readonly backend?: BackendName;
  readonly files?: ProcFiles;
  readonly run?: CommandRunner;
}

/** What {@linkcode HostRules.check} found. */
export interface HostFindings {
  /** What was gone or changed and is back, in plain words; mostly empty. */
  readonly restored: readonly string[];
}

/** The machine of these options. */
export function machineOf(options: HostOptions): LedgerOptions & { run: CommandRunner } {
  return { files: options.files ?? openProcFiles(loadShim()), run: options.run ?? runCommand, folder: options.folder };
}

/** The changes to the machine for one TUN device. */
export class HostRules implements AsyncDisposable {
  readonly #machine: LedgerOptions;
  readonly #backend: RuleBackend;
  readonly #ledger: Ledger;
  #spec: HostSpec;
  /** The rules that were set last, as we wrote them and as the system shows them. */
  #rules = { written: "", shown: "" };
  /** Work is done one after the other. */
  #work: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(spec: HostSpec, backend: RuleBackend, machine: LedgerOptions) {
    this.#spec = spec;
    this.#backend = backend;
    this.#machine = machine;
    this.#ledger = new Ledger(spec.tunName, backend.name, machine);
  }

  /**
   * Undoes what dead processes have left, then changes the machine. The TUN device has to be there.
   *
   * @throws {SystemError} If the system refuses, with the remedy; nothing stays changed.
   */
  static async apply(spec: HostSpec, options: HostOptions = {}): Promise<HostRules> {
    checkNames([spec.tunName, ...spec.usedInterfaces]);
    const machine = machineOf(options);
    await recoverLedgers(machine);
    if (await isOwnedByAnother(spec.tunName, machine)) {
      const remedy = "another program has set them: stop it, or change FakeTCP.TunName";
      throw new SystemError("set host rules", spec.tunName, Errno.EBUSY, "EBUSY", remedy);
    }
    const name = options.backend ?? await findBackend(machine.run);
    const rules = new HostRules(spec, createBackend(name, spec.tunName, machine.run), machine);
    try {
      await rules.#reconcile();
    } catch (error) {
      // Why it failed is worth more than why its undoing failed, which the next start repeats.
      await rules.#ledger.undo().catch(() => {});
      throw error;
    }
    return rules;
  }

  /** The tool in use. */
  get backend(): BackendName {
    return this.#backend.name;
  }

  /**
   * Looks whether all is in place, and puts back what isn't. Meant to be called every 10 s at the latest.
   *
   * @throws {SystemError} If the system refuses.
   */
  check(): Promise<HostFindings> {
    return this.#inTurn(async () => ({ restored: await this.#reconcile() }));
  }

  /**
   * Says through which interfaces the world is reached from now on.
   *
   * @throws {SystemError} If the system refuses.
   */
  setUsedInterfaces(names: readonly string[]): Promise<HostFindings> {
    checkNames(names);
    return this.#inTurn(async () => {
      this.#spec = { ...this.#spec, usedInterfaces: names };
      return { restored: await this.#reconcile() };
    });
  }

  /**
   * Undoes all changes; more than one call is harmless.
   *
   * @throws {SystemError} The first failure; the next start tries again.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const isFirst = !this.#isClosed;
    this.#isClosed = true;
    await this.#work;
    if (isFirst) await this.#ledger.undo();
  }

  #inTurn(work: () => Promise<HostFindings>): Promise<HostFindings> {
    const nothing = { restored: [] };
    const turn = this.#work.then(() => this.#isClosed ? nothing : work());
    this.#work = turn.catch(() => {});
    return turn;
  }

  /** Makes up the difference between what should be and what is. Returns what had been ours and was gone. */
  async #reconcile(): Promise<string[]> {
    const { files } = this.#machine;
    const known = this.#ledger.sysctls;
    const facts = readHostFacts(files, this.#spec, { changes: known, expectsInterfaces: false });
    const { ruleset, sysctls } = planHostRules(this.#spec, facts);
    const restored: string[] = [];

    const unneeded = known.filter(({ name }) => !sysctls.some((change) => change.name === name));
    for (const change of unneeded.toReversed()) undoSysctl(files, change);
    if (this.#rules.written === "" || !sameNames(known, sysctls)) await this.#ledger.record(sysctls);

    const written = this.#backend.render(ruleset);
    const isShown = this.#rules.written !== "" && await this.#backend.read() === this.#rules.shown;
    if (!isShown || written !== this.#rules.written) {
      await this.#backend.apply(ruleset);
      if (!isShown && this.#rules.written !== "") restored.push(`${this.#backend.name} ${this.#backend.object}`);
      this.#rules = { written, shown: await this.#backend.read() };
    }

    for (const change of sysctls) {
      const wasOurs = known.some(({ name }) => name === change.name);
      if (applySysctl(files, change) && wasOurs) restored.push(`sysctl ${change.name}`);
    }
    return restored;
  }
}

function sameNames(a: readonly SysctlChange[], b: readonly SysctlChange[]): boolean {
  return a.length === b.length && a.every(({ name }, index) => name === b[index].name);
}

function checkNames(names: readonly string[]): void {
  for (const name of names) {
    if (isNameable(name)) continue;
    const remedy = "rules can't name it: use letters, digits, '-', '_' and '.'";
    throw new SystemError("set host rules", name, Errno.EINVAL, "EINVAL", remedy);
  }
}
