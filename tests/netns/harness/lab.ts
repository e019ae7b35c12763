/**
 * A network on this machine: hosts, cables, switches. All of it lies in network namespaces of its own and is removed with
 * the lab: at the end of its scope, at a failure, at SIGINT and SIGTERM.
 *
 * ```ts
 * await using lab = await Lab.create();
 * const [a, b] = [await lab.addHost("a"), await lab.addHost("b")];
 * await lab.connect(a, "eth0", b, "eth0");
 * ```
 *
 * Namespaces and folders are called `eg-<process>-<random>-<label>`. When a process died so hard that it could not clean
 * up, the next lab does it: it removes everything of this form whose process is gone, with the programs in it.
 *
 * @module
 */

import { Host, killIfAlive, processIdsOf } from "./host.ts";
import { obtainPrivilege, type Privilege } from "./privilege.ts";
import { processExists } from "./process_usage.ts";
import { run } from "./process.ts";

/** Names of our namespaces and folders; in parentheses the number of the process that made it. */
const NAME_PATTERN = /^eg-(\d+)-[0-9a-f]{4}-/;

/** How two interfaces are to be joined. */
export interface CableOptions {
  /** Largest packet, in octets; 1500 if absent. */
  mtu?: number;
  /** Segmentation, merging and checksum offload; on if absent, as the kernel has it. */
  offload?: boolean;
}

/** A set of hosts with what joins them. */
export class Lab implements AsyncDisposable {
  /** A folder for files, removed with the lab. */
  readonly folder: string;
  /** How the lab got its rights, in plain words. */
  readonly privilegeDescription: string;
  readonly #privilege: Privilege;
  readonly #tag: string;
  readonly #hosts: Host[] = [];
  readonly #onSignal = () => this[Symbol.asyncDispose]().finally(() => Deno.exit(130));
  #disposal: Promise<void> | undefined;

  private constructor(privilege: Privilege, tag: string, folder: string) {
    this.#privilege = privilege;
    this.#tag = tag;
    this.privilegeDescription = privilege.description;
    this.folder = folder;
    Deno.addSignalListener("SIGINT", this.#onSignal);
    Deno.addSignalListener("SIGTERM", this.#onSignal);
  }

  /** Makes an empty lab and removes what dead ones have left. @throws {Error} Without the rights; says what to do. */
  static async create(): Promise<Lab> {
    const privilege = await obtainPrivilege();
    const random = crypto.getRandomValues(new Uint16Array(1))[0];
    const tag = `eg-${Deno.pid}-${random.toString(16).padStart(4, "0")}`;
    const folder = await Deno.makeTempDir({ prefix: `${tag}-` });
    await removeDeadFolders(parentOf(folder));
    await removeDeadNamespaces(privilege.prefix);
    return new Lab(privilege, tag, folder);
  }

  /** Adds a host without interfaces but `lo`. `label` is short: letters and digits. */
  async addHost(label: string): Promise<Host> {
    const host = new Host(label, `${this.#tag}-${label}`, this.folder, this.#privilege.prefix);
    await run([...this.#privilege.prefix, "ip", "netns", "add", host.namespace]);
    this.#hosts.push(host);
    await host.ip("link set lo up");
    // Addresses are to be usable at once, also those that the program under test sets on its own interface.
    await host.sysctl("net.ipv6.conf.default.accept_dad", 0);
    return host;
  }

  /** Lays a cable: a veth pair whose ends get these names and are up. */
  async connect(a: Host, deviceA: string, b: Host, deviceB: string, options: CableOptions = {}): Promise<void> {
    await a.ip(`link add ${deviceA} type veth peer name ${deviceB} netns ${b.namespace}`);
    for (const [host, device] of [[a, deviceA], [b, deviceB]] as const) {
      await host.ip(`link set ${device} mtu ${options.mtu ?? 1500} up`);
      if (options.offload === false) await host.setOffload(device, false);
    }
  }

  /** Joins hosts by a switch; on each of them the interface is called `device`. */
  async connectBySwitch(
    label: string,
    device: string,
    hosts: readonly Host[],
    options: CableOptions = {},
  ): Promise<Host> {
    const bridge = await this.addHost(label);
    await bridge.ip("link add bridge type bridge");
    await bridge.ip(`link set bridge mtu ${options.mtu ?? 1500} up`);
    for (const [index, host] of hosts.entries()) {
      await this.connect(host, device, bridge, `port${index}`, options);
      await bridge.ip(`link set port${index} master bridge`);
    }
    return bridge;
  }

  /** The last lines of every program on every host: what a failed test wants to show. */
  logTails(): string {
    return this.#hosts.flatMap((host) => host.processes).map((child) => `${child.label}\n${child.tail()}`).join("\n");
  }

  /** Removes everything; more than one call is harmless. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#remove();
    return this.#disposal;
  }

  async #remove(): Promise<void> {
    Deno.removeSignalListener("SIGINT", this.#onSignal);
    Deno.removeSignalListener("SIGTERM", this.#onSignal);
    await Promise.all(this.#hosts.map((host) => host.stopAll()));
    for (const host of this.#hosts) await run([...this.#privilege.prefix, "ip", "netns", "del", host.namespace]);
    await this.#privilege[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function removeDeadNamespaces(prefix: readonly string[]): Promise<void> {
  const { stdout } = await run([...prefix, "ip", "netns", "list"]);
  for (const line of stdout.split("\n")) {
    const namespace = line.split(" ")[0];
    if (!await isOfDeadProcess(namespace)) continue;
    for (const pid of await processIdsOf(namespace, prefix)) killIfAlive(pid);
    // Another lab that starts now may be faster.
    await run([...prefix, "ip", "netns", "del", namespace], { allowFailure: true });
  }
}

async function removeDeadFolders(parent: string): Promise<void> {
  for await (const { name } of Deno.readDir(parent)) {
    // Another lab may be faster, and another user's folder isn't ours to remove.
    if (await isOfDeadProcess(name)) await Deno.remove(`${parent}/${name}`, { recursive: true }).catch(() => {});
  }
}

async function isOfDeadProcess(name: string): Promise<boolean> {
  const maker = NAME_PATTERN.exec(name)?.[1];
  return maker !== undefined && !(await processExists(Number(maker)));
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
