/**
 * The right to make network namespaces: that of root, or that of an ordinary user within a user namespace.
 *
 * Where an ordinary user starts the tests, a small program is put into a user, mount and network namespace of its own, in
 * which the user counts as root, and every further command is carried out in there. `/run` is empty and private in there,
 * so that `ip netns` can keep its files in `/run/netns`. When we end, however that happens, its input closes and it ends too.
 *
 * @module
 */

import { RunningProcess } from "./process.ts";

const START_TIMEOUT_MS = 5_000;
const HOLD_NAMESPACES = "mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/wireguard && echo ready && read line";

/** A way to run commands as root, in this process's namespaces or in those of a user namespace. */
export interface Privilege extends AsyncDisposable {
  /** Words to put in front of a command. */
  readonly prefix: readonly string[];
  /** In plain words, for reports. */
  readonly description: string;
}

/**
 * Obtains the right to make network namespaces.
 *
 * @throws {Error} When neither root's rights nor a user namespace can be had; the message says what to do.
 */
export async function obtainPrivilege(): Promise<Privilege> {
  if (await mayMakeNamespaces()) {
    return { prefix: [], description: "as root", [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const holder = new RunningProcess(
    ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", HOLD_NAMESPACES],
    { label: "user namespace", stdin: true },
  );
  try {
    await holder.waitForLine(/^ready$/, START_TIMEOUT_MS);
  } catch (cause) {
    await holder[Symbol.asyncDispose]();
    throw new Error(
      "network namespaces can't be made: this user may not, and the kernel refuses a user namespace; run as root, or " +
        "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000, on Ubuntu " +
        "kernel.apparmor_restrict_unprivileged_userns=0; in a container, start it with --privileged)",
      { cause },
    );
  }
  return {
    prefix: ["nsenter", `--target=${holder.pid}`, "--user", "--mount", "--net", "--preserve-credentials", "--"],
    description: "without root, in a user namespace",
    [Symbol.asyncDispose]: () => holder[Symbol.asyncDispose](),
  };
}

async function mayMakeNamespaces(): Promise<boolean> {
  if (Deno.uid() !== 0) return false;
  const trial = await new Deno.Command("unshare", {
    args: ["--net", "--mount", "true"],
    stdout: "null",
    stderr: "null",
  })
    .output();
  return trial.success;
}
