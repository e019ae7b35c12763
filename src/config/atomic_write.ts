/**
 * Replaces a file in one step: whoever reads it, or a machine that loses power, has the old text or the new one.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { SystemError } from "../base/errors.ts";

/** Such files hold private keys and passwords. */
const NEW_FILE_MODE = 0o600;

const REMEDIES: Record<string, string> = {
  EACCES: "check the permissions of its folder, which a new file is written into",
  EPERM: "check the permissions of its folder, which a new file is written into",
  EROFS: "it lies on a file system that can't be written: move it",
  ENOSPC: "the file system is full: make room",
  EDQUOT: "the quota is used up: make room",
  ENOENT: "its folder isn't there: make it",
  // A single file that is mounted into a container can't be replaced by another one.
  EBUSY: "it is a mount point: mount its folder instead of the file",
};

/**
 * Writes a new file beside the old one, has it reach the disk, and puts it in the old one's place.
 *
 * A symbolic link stays, and what it leads to is replaced. Mode and, if the process may, owner are kept; a new file can
 * be read by its owner only.
 *
 * @throws {SystemError} If any step fails; the old file is then as it was.
 */
export function replaceFile(path: string, text: string): void {
  let temporary: string | undefined;
  try {
    const target = realPathOf(path);
    const old = statOf(target);
    temporary = join(dirname(target), `.${basename(target)}.new`);
    // One that was cut short may have left it.
    removeIfThere(temporary);
    writeThrough(temporary, text, old);
    Deno.renameSync(temporary, target);
    temporary = undefined;
    syncFolder(dirname(target));
  } catch (error) {
    if (temporary !== undefined) removeIfThere(temporary);
    throw writeError(path, error);
  }
}

function writeThrough(path: string, text: string, old: Deno.FileInfo | undefined): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: NEW_FILE_MODE });
  const octets = new TextEncoder().encode(text);
  for (let written = 0; written < octets.length;) written += file.writeSync(octets.subarray(written));
  if (old !== undefined) {
    keepOwner(path, old);
    // After the owner, because a change of owner may clear bits of the mode.
    Deno.chmodSync(path, (old.mode ?? NEW_FILE_MODE) & 0o7777);
  }
  file.syncSync();
}

/** Only root may give files away; for anyone else the new file is his own. */
function keepOwner(path: string, { uid, gid }: Deno.FileInfo): void {
  try {
    Deno.chownSync(path, uid, gid);
  } catch (error) {
    if (codeOf(error) !== "EPERM") throw error;
  }
}

/** The rename is lasting only once the folder is on disk. Some file systems don't offer that, which must not hurt. */
function syncFolder(path: string): void {
  try {
    using folder = Deno.openSync(path);
    folder.syncSync();
  } catch (error) {
    if (codeOf(error) !== "EINVAL") throw error;
  }
}

function realPathOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? (error as Error).name;
}

function writeError(path: string, error: unknown): SystemError {
  const code = codeOf(error);
  return new SystemError("write", path, 0, code, REMEDIES[code] ?? (error as Error).message, error);
}
