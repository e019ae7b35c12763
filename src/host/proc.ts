/**
 * The kernel's files below `/proc`, through the shim: Deno grants them only together with everything else.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { Errno } from "../ffi/errno.ts";
import { cString, type Shim } from "../ffi/shim.ts";

/** Reads and writes files below `/proc`. Tests bring a machine of their own. */
export interface ProcFiles {
  /** Content of a file such as `net/route`; `undefined` if it can't be read. */
  read(name: string): string | undefined;
  /** Target of a symbolic link such as `self/ns/net`; empty if it can't be read. */
  link(name: string): string;
  /**
   * Writes a kernel parameter, such as `net/ipv4/conf/eth0/forwarding`.
   *
   * @returns Whether it exists.
   * @throws {SystemError} If the kernel refuses.
   */
  writeSysctl(name: string, value: string): boolean;
}

const FIRST_CAPACITY = 16 * 1024;
/** A routing table of more is cut: the default routes come first in it. */
const MAX_CAPACITY = 16 * 1024 * 1024;

const REMEDIES: Record<string, string> = {
  EPERM: "needs CAP_NET_ADMIN: run as root, or in systemd set AmbientCapabilities=CAP_NET_ADMIN",
  EACCES: "needs CAP_NET_ADMIN: run as root, or in systemd set AmbientCapabilities=CAP_NET_ADMIN",
  EROFS: "/proc/sys is read-only, as in most containers: start the container with " +
    "--sysctl net.ipv4.ip_forward=1 --sysctl net.ipv6.conf.all.forwarding=1, or set FakeTCP.Enabled to false",
};

/** Opens the files of this machine. */
export function openProcFiles(shim: Shim): ProcFiles {
  const { symbols } = shim;
  const decoder = new TextDecoder();
  return {
    read(name) {
      for (let capacity = FIRST_CAPACITY;; capacity *= 8) {
        const buffer = new Uint8Array(capacity);
        const length = symbols.eg_proc_read(cString(name), buffer, capacity);
        if (length < 0) return undefined;
        if (length < capacity || capacity >= MAX_CAPACITY) return decoder.decode(buffer.subarray(0, length));
      }
    },
    link(name) {
      const buffer = new Uint8Array(256);
      const length = symbols.eg_proc_link(cString(name), buffer, buffer.length);
      return length < 0 ? "" : decoder.decode(buffer.subarray(0, length));
    },
    writeSysctl(name, value) {
      const errno = -symbols.eg_sysctl_write(cString(name), cString(value));
      if (errno <= 0) return true;
      if (errno === Errno.ENOENT) return false;
      const code = shim.errnoName(errno);
      throw new SystemError("set sysctl", `${name}=${value}`, errno, code, REMEDIES[code] ?? "");
    },
  };
}
