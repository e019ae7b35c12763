/**
 * What we are about to change on the machine, written down before it is changed.
 *
 * One file for each TUN device and network namespace, because namespaces share `/run`. A process that ends undoes what
 * its file names and removes the file; what a killed one has left is undone by the next start
 * ({@linkcode recoverLedgers}). Undoing may be cut short and repeated: each step finds out by itself whether there is
 * anything to do, so the file may also name changes that were never made.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import type { BackendName } from "./backend.ts";
import { createBackend } from "./backend_choice.ts";
import type { CommandRunner } from "./command.ts";
import type { SysctlChange } from "./plan.ts";
import type { ProcFiles } from "./proc.ts";
import { undoSysctl } from "./sysctl.ts";

/** Where the files are, unless a test says otherwise. */
export const LEDGER_FOLDER = "/run/etherguard";

/** Grows when the layout of the file changes; files of another version are left alone. */
const LEDGER_VERSION = 1;

/** Who made the changes: a process number alone would be taken for that of another, later process. */
interface Owner {
  readonly pid: number;
  /** Clock ticks since the boot; field 22 of proc_pid_stat(5). */
  readonly startTime: string;
  readonly bootId: string;
  /** The namespace in which the number counts, such as `pid:[4026531836]`. */
  readonly pidNamespace: string;
}

/** The content of a file. */
interface LedgerRecord {
  readonly version: number;
  readonly tunName: string;
  readonly owner: Owner;
  /** The tool that holds our rules. */
  readonly backend: BackendName;
  /** In the order in which they are made. */
  readonly sysctls: readonly SysctlChange[];
}

/** The machine as the ledger sees it. */
export interface LedgerOptions {
  readonly files: ProcFiles;
  readonly run: CommandRunner;
  /** Folder of the files; {@linkcode LEDGER_FOLDER} if absent. */
  readonly folder?: string;
}

/** What was undone for a process that died. */
export interface RecoveredLedger {
  readonly tunName: string;
  /** In plain words; empty if nothing was left. */
  readonly undone: readonly string[];
}

/** The changes of this process for one TUN device. */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #path: string;
  readonly #tunName: string;
  readonly #backend: BackendName;
  #sysctls: readonly SysctlChange[] = [];

  constructor(tunName: string, backend: BackendName, options: LedgerOptions) {
    this.#options = options;
    this.#tunName = tunName;
    this.#backend = backend;
    this.#path = `${folderOf(options)}/${fileNameOf(tunName, options.files)}`;
  }

  /** The changes that are written down, in the order in which they are made. */
  get sysctls(): readonly SysctlChange[] {
    return this.#sysctls;
  }

  /**
   * Writes down that the rules and these sysctls are ours; what was written before is replaced.
   *
   * When this returns, the file is on its medium, whole.
   *
   * @throws {SystemError} If the file can't be written.
   */
  async record(sysctls: readonly SysctlChange[]): Promise<void> {
    const { files } = this.#options;
    const record: LedgerRecord = {
      version: LEDGER_VERSION,
      tunName: this.#tunName,
      owner: ownerOfThisProcess(files),
      backend: this.#backend,
      sysctls,
    };
    try {
      await Deno.mkdir(folderOf(this.#options), { recursive: true, mode: 0o755 });
      await replaceFile(this.#path, JSON.stringify(record, null, 2) + "\n");
    } catch (error) {
      throw writeError(this.#path, error);
    }
    this.#sysctls = sysctls;
  }

  /**
   * Undoes everything in reverse order and removes the file.
   *
   * A step that fails doesn't keep the others back; the file then stays for the next start.
   *
   * @throws {SystemError} The first failure.
   */
  async undo(): Promise<void> {
    const { failures } = await undoChanges(this.#tunName, this.#backend, this.#sysctls, this.#options);
    if (failures.length > 0) throw failures[0];
    await removeFile(this.#path);
    this.#sysctls = [];
  }
}

/**
 * Undoes what processes that are dead have left in this network namespace.
 *
 * A file that can't be read as ours is left alone.
 *
 * @returns One entry for each dead process.
 * @throws {SystemError} If something can't be undone; its file stays.
 */
export async function recoverLedgers(options: LedgerOptions): Promise<RecoveredLedger[]> {
  const recovered: RecoveredLedger[] = [];
  const suffix = fileSuffix(options.files);
  for (const name of await fileNames(folderOf(options))) {
    if (!name.endsWith(suffix)) continue;
    const path = `${folderOf(options)}/${name}`;
    const record = parseRecord(await readFile(path));
    if (record === undefined || isAlive(record, options.files)) continue;
    const { tunName, backend, sysctls } = record;
    // After a reboot there is nothing left but the file.
    const isOfThisBoot = record.owner.bootId === bootIdOf(options.files);
    const { undone, failures } = isOfThisBoot
      ? await undoChanges(tunName, backend, sysctls, options)
      : { undone: [], failures: [] };
    if (failures.length > 0) throw failures[0];
    await removeFile(path);
    recovered.push({ tunName, undone });
  }
  return recovered;
}

/** Tells whether another process that is alive has changed the machine for a TUN device of this name. */
export async function isOwnedByAnother(tunName: string, options: LedgerOptions): Promise<boolean> {
  const record = parseRecord(await readFile(`${folderOf(options)}/${fileNameOf(tunName, options.files)}`));
  return record !== undefined && record.owner.pid !== Deno.pid && isAlive(record, options.files);
}

async function undoChanges(
  tunName: string,
  backend: BackendName,
  sysctls: readonly SysctlChange[],
  { files, run }: LedgerOptions,
): Promise<{ undone: string[]; failures: SystemError[] }> {
  const rules = createBackend(backend, tunName, run);
  const undone: string[] = [];
  const failures: SystemError[] = [];
  const steps = [
    { object: `${backend} ${rules.object}`, undo: () => rules.remove() },
    ...sysctls.map((change) => ({ object: `sysctl ${change.name}`, undo: () => undoSysctl(files, change) })),
  ];
  for (const { object, undo } of steps.reverse()) {
    try {
      if (await undo()) undone.push(object);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      failures.push(error);
    }
  }
  return { undone, failures };
}

function folderOf(options: LedgerOptions): string {
  return options.folder ?? LEDGER_FOLDER;
}

/** The end of the names of all files of this network namespace: its number, as in `net:[4026531840]`. */
function fileSuffix(files: ProcFiles): string {
  return `@${/\d+/.exec(files.link("self/ns/net"))?.[0] ?? "0"}.json`;
}

function fileNameOf(tunName: string, files: ProcFiles): string {
  return tunName + fileSuffix(files);
}

function bootIdOf(files: ProcFiles): string {
  return (files.read("sys/kernel/random/boot_id") ?? "").trim();
}

function ownerOfThisProcess(files: ProcFiles): Owner {
  return {
    pid: Deno.pid,
    startTime: startTimeOf(Deno.pid, files) ?? "",
    bootId: bootIdOf(files),
    pidNamespace: files.link("self/ns/pid"),
  };
}

/** When a process started; `undefined` if there is none, or only its remains. */
function startTimeOf(pid: number, files: ProcFiles): string | undefined {
  const stat = files.read(`${pid}/stat`);
  // The second field is the name of the program, in parentheses, and may have blanks and parentheses in it.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined || fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function isAlive({ tunName, owner }: LedgerRecord, files: ProcFiles): boolean {
  if (owner.bootId !== bootIdOf(files)) return false;
  // Of a process in another container we see no more than its device, which lives as long as it does.
  if (owner.pidNamespace !== files.link("self/ns/pid")) {
    return files.read(`sys/net/ipv4/conf/${tunName}/forwarding`) !== undefined;
  }
  return startTimeOf(owner.pid, files) === owner.startTime;
}

/** Reads a file of ours; `undefined` for what is none. */
function parseRecord(text: string): LedgerRecord | undefined {
  try {
    const record = JSON.parse(text) as LedgerRecord;
    return record?.version === LEDGER_VERSION && Array.isArray(record.sysctls) ? record : undefined;
  } catch {
    // A file that is cut off can't be ours: ours appear whole.
    return undefined;
  }
}

/** Puts a file in place of another so that there is always one of them, whole. */
async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.${Deno.pid}`;
  await removeFile(fresh);
  await Deno.writeTextFile(fresh, text, { createNew: true, mode: 0o600 });
  using file = await Deno.open(fresh);
  await file.sync();
  await Deno.rename(fresh, path);
}

async function fileNames(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw writeError(folder, error);
  }
}

/** The text of a file; empty if it is gone. */
async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw writeError(path, error);
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw writeError(path, error);
  }
}

function writeError(path: string, error: unknown): SystemError {
  const { code = "EIO", name, message } = error as Error & { code?: string };
  const isRefused = name === "PermissionDenied" || code === "EACCES" || code === "EPERM";
  const remedy = isRefused ? "run as root, or in systemd set RuntimeDirectory=etherguard" : message;
  return new SystemError("keep ledger", path, 0, code, remedy, error);
}
