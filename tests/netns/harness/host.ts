/**
 * One simulated machine: a network namespace with its interfaces, and the programs that run in it.
 *
 * @module
 */

import { type CommandResult, run, RunningProcess, type RunOptions, type SpawnOptions } from "./process.ts";

/** Offloads that a veth pair takes over from real cards: with all of them on, TCP crosses it in super-segments. */
const OFFLOADS = ["tso", "gso", "gro", "tx"];

/** A network namespace. Made by `Lab.addHost`, removed with its lab. */
export class Host {
  /** Short name within the lab, for messages. */
  readonly label: string;
  /** Name of the namespace in the system. */
  readonly namespace: string;
  /** A folder for its files, removed with the lab. */
  readonly folder: string;
  readonly #prefix: readonly string[];
  readonly #processes = new Set<RunningProcess>();

  constructor(label: string, namespace: string, folder: string, prefix: readonly string[]) {
    this.label = label;
    this.namespace = namespace;
    this.folder = folder;
    this.#prefix = prefix;
  }

  /** The programs that were started here, ended ones too. */
  get processes(): readonly RunningProcess[] {
    return [...this.#processes];
  }

  /** Runs a program in this namespace to its end; fails as `run` does. */
  run(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return run(this.#enter(command), options);
  }

  /** Starts a program in this namespace; it is killed with the lab at the latest. */
  spawn(command: readonly string[], options: SpawnOptions = {}): RunningProcess {
    const child = new RunningProcess(this.#enter(command), {
      ...options,
      label: `${this.label}: ${options.label ?? command[0]}`,
    });
    this.#processes.add(child);
    return child;
  }

  /** Runs `ip` on this namespace with the words of `line`, such as `"link set eth0 up"`. */
  ip(line: string, options: RunOptions = {}): Promise<CommandResult> {
    return run([...this.#prefix, "ip", "-n", this.namespace, ...line.split(" ")], options);
  }

  /** Adds an address such as `"10.9.0.1/24"`, usable at once (no duplicate address detection). */
  async addAddress(device: string, cidr: string): Promise<void> {
    await this.ip(`addr add ${cidr} dev ${device}${cidr.includes(":") ? " nodad" : ""}`);
  }

  /** Whether an interface of this name exists. */
  async hasInterface(name: string): Promise<boolean> {
    return (await this.ip(`link show dev ${name}`, { allowFailure: true })).code === 0;
  }

  /** Hardware address of an interface, such as `"02:00:00:00:00:01"`. */
  async macAddress(device: string): Promise<string> {
    const { stdout } = await this.ip(`-brief link show dev ${device}`);
    return /([0-9a-f]{2}:){5}[0-9a-f]{2}/.exec(stdout)![0];
  }

  /** Names of all interfaces but the loopback one, sorted. */
  async interfaces(): Promise<string[]> {
    const { stdout } = await this.ip("-brief link");
    const names = stdout.split("\n").filter((line) => line !== "").map((line) => line.split(/[\s@]/)[0]);
    return names.filter((name) => name !== "lo").sort();
  }

  /** Switches segmentation, merging and checksum offload of an interface. */
  async setOffload(device: string, enabled: boolean): Promise<void> {
    const value = enabled ? "on" : "off";
    await this.run(["ethtool", "-K", device, ...OFFLOADS.flatMap((name) => [name, value])]);
  }

  /** Writes a kernel parameter of this namespace, such as `"net.ipv4.ip_forward"`. */
  async sysctl(name: string, value: string | number): Promise<void> {
    await this.run(["sh", "-c", `echo ${value} > /proc/sys/${name.replaceAll(".", "/")}`]);
  }

  /** Makes this namespace forward packets of both families between its interfaces. */
  async enableForwarding(): Promise<void> {
    await this.sysctl("net.ipv4.ip_forward", 1);
    await this.sysctl("net.ipv6.conf.all.forwarding", 1);
  }

  /** Carries out nftables commands, one a line, as one change. */
  async nft(rules: string): Promise<void> {
    await this.run(["nft", rules]);
  }

  /** Numbers of all processes in this namespace. */
  async processIds(): Promise<number[]> {
    return await processIdsOf(this.namespace, this.#prefix);
  }

  /** Kills and awaits the programs that were started here, then whatever else runs in the namespace. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#processes].map((child) => child[Symbol.asyncDispose]()));
    for (const pid of await this.processIds()) killIfAlive(pid);
  }

  #enter(command: readonly string[]): string[] {
    return [...this.#prefix, "nsenter", `--net=/run/netns/${this.namespace}`, "--", ...command];
  }
}

/** Numbers of all processes in a namespace; none if it doesn't exist. */
export async function processIdsOf(namespace: string, prefix: readonly string[]): Promise<number[]> {
  const { stdout } = await run([...prefix, "ip", "netns", "pids", namespace], { allowFailure: true });
  return stdout.split("\n").filter((line) => line !== "").map(Number);
}

/** Kills one process by its number; nothing happens if it has ended. */
export function killIfAlive(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
