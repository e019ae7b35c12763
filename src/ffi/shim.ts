/**
 * Loads the C shim and checks that it fits.
 *
 * The library is looked for at `ETHERGUARD_SHIM` (set by the self-extracting executable), else in the `build` folder of the
 * checkout or of the compiled program's file system.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { SystemError } from "../base/errors.ts";
import { systemError } from "./errno.ts";
import { SHIM_ABI_VERSION, SYMBOLS } from "./symbols.ts";

/** The functions of the shim, as `Deno.dlopen` types them. */
export type ShimSymbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The loaded shim. */
export interface Shim {
  readonly symbols: ShimSymbols;
  /** Milliseconds of a clock that never steps back and is the same in all threads. */
  nowMs(): number;
  /** Symbolic name of an error number, such as `EPERM`. */
  errnoName(errno: number): string;
  /**
   * Passes a result through, or throws if it is negative.
   *
   * @throws {SystemError} For a negative result.
   */
  check(operation: string, object: string, result: number): number;
}

/** Where the library is, as the text of a path. */
export function shimPath(): string {
  return Deno.env.get("ETHERGUARD_SHIM") ?? fileURLToPath(new URL("../../build/libetherguard.so", import.meta.url));
}

let loaded: Shim | undefined;

/**
 * Returns the shim, loading it at the first call of this thread.
 *
 * @throws {SystemError} If the library is missing, can't be loaded, or has another version.
 */
export function loadShim(): Shim {
  loaded ??= open(shimPath());
  return loaded;
}

function open(path: string): Shim {
  const { symbols } = openLibrary(path);
  const version = symbols.eg_abi_version();
  if (version !== SHIM_ABI_VERSION) {
    const remedy = `it has version ${version}, this program needs ${SHIM_ABI_VERSION}: run 'deno task build:ffi'`;
    throw new SystemError("load shim", path, 0, "EPROTO", remedy);
  }
  const name = new Uint8Array(32);
  function errnoName(errno: number): string {
    if (symbols.eg_errno_name(errno, name) < 0) return `errno ${errno}`;
    return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
  }
  return {
    symbols,
    nowMs: () => symbols.eg_now_ms(),
    errnoName,
    check(operation, object, result) {
      if (result < 0) throw systemError(operation, object, result, errnoName);
      return result;
    },
  };
}

function openLibrary(path: string): Deno.DynamicLibrary<typeof SYMBOLS> {
  try {
    return Deno.dlopen(path, SYMBOLS);
  } catch (cause) {
    throw new SystemError("load shim", path, 0, "ENOENT", "build it with 'deno task build:ffi'", cause);
  }
}

/** Encodes text as the NUL-terminated string that C wants. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
