/**
 * Records what crosses an interface, in both directions, and has tcpdump judge it afterwards.
 *
 * @module
 */

import type { Host } from "./host.ts";
import { startRecording } from "./packet_tool.ts";
import { run, type RunningProcess } from "./process.ts";

/** How tcpdump -vv marks a wrong checksum: of TCP and ICMP, of UDP, of an IPv4 header. */
const BAD_CHECKSUM = /\(incorrect|bad udp cksum|bad cksum/;

/** A recording under way. */
export class Capture implements AsyncDisposable {
  readonly #recorder: RunningProcess;
  readonly #file: string;

  private constructor(recorder: RunningProcess, file: string) {
    this.#recorder = recorder;
    this.#file = file;
  }

  /** Starts to record; when this resolves, the interface is being listened to. */
  static async start(host: Host, device: string): Promise<Capture> {
    const file = `${host.folder}/${host.label}-${device}.pcap`;
    return new Capture(await startRecording(host, device, file), file);
  }

  /**
   * Ends the recording and returns one line of `tcpdump -vv` per packet, continuation lines joined.
   *
   * @param filter A tcpdump expression; all packets if absent.
   */
  async stop(filter = ""): Promise<string[]> {
    await this.#recorder.stop();
    const words = ["tcpdump", "-n", "-vv", "-r", this.#file];
    // Started by root, tcpdump would turn into a user who may not read the file.
    if (Deno.uid() === 0) words.push("-Z", "root");
    const { stdout } = await run(filter === "" ? words : [...words, filter]);
    return stdout.replaceAll(/\n\s+/g, " ").split("\n").filter((line) => line !== "");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#recorder[Symbol.asyncDispose]();
  }
}

/** Of the packets of a recording, those with a wrong checksum of any layer. */
export function packetsWithBadChecksum(packets: readonly string[]): string[] {
  return packets.filter((packet) => BAD_CHECKSUM.test(packet));
}
