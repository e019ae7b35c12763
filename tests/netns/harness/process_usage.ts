/**
 * What a running program has used, read from `/proc`: processor time and memory, its descendants included.
 *
 * Source of the formats: `proc(5)`.
 *
 * @module
 */

/** Clock ticks per second in `/proc/PID/stat`; fixed on Linux for programs (`USER_HZ`). */
const TICKS_PER_SECOND = 100;
/** Places of `utime` and `stime` among the fields after the command name, which stands in parentheses. */
const UTIME_FIELD = 11;
const STIME_FIELD = 12;

/** What a program and its descendants have used so far. */
export interface ProcessUsage {
  /** Seconds of processor time, in user and kernel mode, of all threads; ended descendants don't count. */
  cpuSeconds: number;
  /** Largest resident memory so far, in units of 10^6 octets: the sum of each process's own maximum. */
  peakMemoryMB: number;
}

/** Returns what a running process and its descendants have used. */
export async function readProcessUsage(pid: number): Promise<ProcessUsage> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const peakKiB = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  const usage = {
    cpuSeconds: (Number(fields[UTIME_FIELD]) + Number(fields[STIME_FIELD])) / TICKS_PER_SECOND,
    peakMemoryMB: peakKiB * 1024 / 1e6,
  };
  for (const child of await childrenOf(pid)) {
    const ofChild = await readProcessUsage(child).catch(() => ({ cpuSeconds: 0, peakMemoryMB: 0 }));
    usage.cpuSeconds += ofChild.cpuSeconds;
    usage.peakMemoryMB += ofChild.peakMemoryMB;
  }
  return usage;
}

/** Whether a process with this number exists. */
export async function processExists(pid: number): Promise<boolean> {
  return await Deno.stat(`/proc/${pid}`).then(() => true, () => false);
}

async function childrenOf(pid: number): Promise<number[]> {
  const children: number[] = [];
  for await (const thread of Deno.readDir(`/proc/${pid}/task`)) {
    const list = await Deno.readTextFile(`/proc/${pid}/task/${thread.name}/children`).catch(() => "");
    children.push(...list.split(" ").filter((text) => text !== "").map(Number));
  }
  return children;
}
