/**
 * The main part of the demonstration: UDP is taken away under a ping and a copy, and given back.
 *
 * @module
 */

import { wallClockMs } from "../../src/base/clock.ts";
import type { RunningEdge } from "../../tests/netns/harness/edge.ts";
import { checkpoint } from "../../tests/netns/harness/failover.ts";
import { copyFile } from "../../tests/netns/harness/file_copy.ts";
import { waitForSwitch } from "../../tests/netns/harness/path_events.ts";
import { type PingReport, PingWatch } from "../../tests/netns/harness/ping_watch.ts";
import { countTraffic } from "../../tests/netns/harness/traffic_counter.ts";
import { blockUdp, type CountedUdpBlock, Fault } from "../../tests/netns/harness/udp_block.ts";
import type { Narrator } from "./narrator.ts";

const FILE_MB = 60;
/** Slow enough that the file is under way all the time that the story needs. */
const RATE_MB_PER_S = 5;
const PING_INTERVAL_S = 0.01;
/** Answers to wait for, so that there is something to see before and after each change: a second's worth. */
const PINGS_BETWEEN = 100;
const PING_TIMEOUT_MS = 10_000;
/** What is promised of the change, there and back. */
const DARK_LIMIT_MS = 1_000;
const RETURN_LIMIT_MS = 10_000;
const SWITCH_TIMEOUT_MS = 15_000;

/** Stops UDP between two neighbours in silence, by nftables on both. */
export function cutUdp(one: RunningEdge, two: RunningEdge): Promise<CountedUdpBlock> {
  return blockUdp([checkpoint(one, "input"), checkpoint(two, "input")], Fault.DROP);
}

/**
 * Tells the part. A ping and a copy run from `one` to `far`; UDP is cut between `one` and its neighbour `two`.
 *
 * @param device The interface of `two` towards `one`.
 */
export async function tellHowUdpDies(
  narrator: Narrator,
  one: RunningEdge,
  two: RunningEdge,
  far: RunningEdge,
  device: string,
): Promise<void> {
  narrator.say(
    `Host 1 pings host 3 a hundred times per second and sends it a file of ${FILE_MB} MB. Meanwhile nftables on host 1 and ` +
      `host 2 begin to swallow every UDP datagram of etherguard, without a word to anyone. No error tells etherguard so: it ` +
      `has to find out.`,
  );
  narrator.show("");
  await using pings = await PingWatch.start(one.host, far.address, PING_INTERVAL_S);
  const copying = copyFile(one.host, far.host, far.address, FILE_MB * 1e6, { bytesPerSecond: RATE_MB_PER_S * 1e6 });
  // Awaited at the end of the story; a failure before that is told there.
  copying.catch(() => {});
  await pings.progress(PINGS_BETWEEN, PING_TIMEOUT_MS);

  const cutMs = wallClockMs();
  const block = await cutUdp(one, two);
  await narrator.promise("UDP dies in silence, and within a second everything flows over FakeTCP", async () => {
    await Promise.all([one, two].map((edge) => waitForSwitch(edge, "faketcp", SWITCH_TIMEOUT_MS, cutMs)));
    await pings.progress(PINGS_BETWEEN, PING_TIMEOUT_MS);
    const report = pings.report({ fromMs: cutMs });
    if (report.darkMs > DARK_LIMIT_MS) throw new Error(describe(report));
    return describe(report);
  });
  await narrator.promise("While UDP is dead, the cable carries TCP alone", async () => {
    const read = await countTraffic(two.host, device);
    await pings.progress(PINGS_BETWEEN, PING_TIMEOUT_MS);
    const { tcp } = await read();
    if (tcp < PINGS_BETWEEN * 100) throw new Error(`${tcp} octets came as TCP`);
    return `${(tcp / 1e6).toFixed(1)} MB in TCP segments, ${await block.stopped()} UDP datagrams swallowed so far`;
  });

  await block.lift();
  const backMs = wallClockMs();
  await narrator.promise(
    "UDP works again, and traffic returns to it within ten seconds without losing a packet",
    async () => {
      await Promise.all([one, two].map((edge) => waitForSwitch(edge, "udp", SWITCH_TIMEOUT_MS, backMs)));
      const tookMs = wallClockMs() - backMs;
      await pings.progress(PINGS_BETWEEN, PING_TIMEOUT_MS);
      const report = pings.report({ fromMs: backMs });
      const seen = `after ${(tookMs / 1000).toFixed(1)} s; ${describe(report)}`;
      if (tookMs > RETURN_LIMIT_MS || report.lost > 0) throw new Error(seen);
      return seen;
    },
  );
  await narrator.promise("The file arrived unchanged over one and the same TCP connection", async () => {
    const copy = await copying;
    if (copy.sentSha256 !== copy.receivedSha256) {
      throw new Error(`SHA-256 ${copy.sentSha256} was sent, ${copy.receivedSha256} was received`);
    }
    return `SHA-256 ${copy.receivedSha256.slice(0, 16)}… at both ends, ${copy.seconds.toFixed(1)} s`;
  });
}

function describe(report: PingReport): string {
  const asked = report.answered + report.lost;
  return `no answer for ${(report.darkMs / 1000).toFixed(2)} s at most, ${report.lost} of ${asked} pings lost`;
}
