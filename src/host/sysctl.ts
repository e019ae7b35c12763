/**
 * Kernel parameters: what was there before us, setting them, and setting them back.
 *
 * @module
 */

import type { SysctlChange, SysctlValue } from "./plan.ts";
import type { ProcFiles } from "./proc.ts";

/** Value of a parameter; `undefined` if it doesn't exist. */
export function readSysctl(files: ProcFiles, name: string): string | undefined {
  return files.read(`sys/${name}`)?.trim();
}

/** Value of a parameter as it would be without our changes; `undefined` if it doesn't exist. */
export function originalSysctl(
  files: ProcFiles,
  name: string,
  changes: readonly SysctlChange[],
): string | undefined {
  const value = readSysctl(files, name);
  const change = changes.find((change) => change.name === name);
  return change !== undefined && value === change.ours && holds(files, change.while) ? change.before : value;
}

/**
 * Makes a change unless it is made already.
 *
 * @returns Whether there was anything to do.
 * @throws {SystemError} If the kernel refuses.
 */
export function applySysctl(files: ProcFiles, change: SysctlChange): boolean {
  const value = readSysctl(files, change.name);
  return value !== undefined && value !== change.ours && files.writeSysctl(change.name, change.ours);
}

/**
 * Sets a parameter back if its value still is ours. What is gone, or was changed by somebody else, stays as it is.
 *
 * @returns Whether there was anything to do.
 * @throws {SystemError} If the kernel refuses.
 */
export function undoSysctl(files: ProcFiles, change: SysctlChange): boolean {
  if (readSysctl(files, change.name) !== change.ours || !holds(files, change.while)) return false;
  files.writeSysctl(change.name, change.before);
  for (const { name, value } of change.afterwards ?? []) files.writeSysctl(name, value);
  return true;
}

function holds(files: ProcFiles, condition: SysctlValue | undefined): boolean {
  return condition === undefined || readSysctl(files, condition.name) === condition.value;
}
