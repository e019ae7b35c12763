/**
 * Which tool sets the rules on this machine.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { Errno } from "../ffi/errno.ts";
import type { BackendName, RuleBackend } from "./backend.ts";
import { commandError, type CommandRunner } from "./command.ts";
import { IptablesBackend } from "./iptables.ts";
import { NftBackend } from "./nft.ts";

/** Makes a backend by its name. */
export function createBackend(name: BackendName, tunName: string, run: CommandRunner): RuleBackend {
  return name === "nftables" ? new NftBackend(tunName, run) : new IptablesBackend(tunName, run);
}

/** All that the kernel has to know for {@linkcode NftBackend}: inet tables with translation came with Linux 5.2. */
const NFT_TRIAL = `table inet etherguard_trial {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local tcp dport 1 dnat ip to 192.0.2.1
  }
}
`;

/**
 * Finds the tool to use: nftables if it is installed and the kernel knows it, else iptables.
 *
 * @throws {SystemError} ENOENT if neither is installed; what nft said if it alone is, and the kernel doesn't know it.
 */
export async function findBackend(run: CommandRunner): Promise<BackendName> {
  // Checked by the kernel, not carried out.
  const trial = await run("nft", ["--check", "-f", "-"], NFT_TRIAL);
  const trialError = commandError("nft", "--check", trial);
  // Without the rights nothing can be told; it will fail with a better message.
  if (trial !== undefined && (trial.code === 0 || trialError.errno === Errno.EPERM)) return "nftables";
  if (await run("iptables", ["--version"]) !== undefined) return "iptables";
  if (trial !== undefined) throw trialError;
  throw new SystemError(
    "find nft or iptables",
    "in PATH, /usr/sbin, /sbin",
    Errno.ENOENT,
    "ENOENT",
    "install one of them (apt install nftables), or set FakeTCP.Enabled to false",
  );
}
