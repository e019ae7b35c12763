/**
 * Two hosts whose sessions live for two seconds, under load.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { countArrivals, INITIATION_LEN } from "./harness/datagram_counter.ts";
import { waitForTunnel } from "./harness/edge.ts";
import { measureTcp } from "./harness/iperf.ts";
import { labTest } from "./harness/lab_steps.ts";
import { buildChain, startNodes } from "./harness/topologies.ts";

const SECONDS = 8;
const TIMERS = { rekeyAfterTimeMs: 2_000, rejectAfterTimeMs: 6_000, rekeyTimeoutMs: 500, keepaliveTimeoutMs: 1_000 };
/** One rekey every two seconds, less what a busy machine takes away. */
const LEAST_REKEYS = 3;

labTest("a session is renewed under load without a pause", async ({ lab }) => {
  const site = await buildChain(lab, 2);
  const [one, two] = await startNodes(site, { timers: TIMERS });
  await waitForTunnel(one, two);
  const initiations = [await countArrivals(one.host, INITIATION_LEN), await countArrivals(two.host, INITIATION_LEN)];

  const result = await measureTcp(one.host, two.host, two.address, { seconds: SECONDS });

  assert.ok(result.intervalBytes.every((bytes) => bytes > 0), `bytes by half second: ${result.intervalBytes}`);
  const counts = await Promise.all(initiations.map((read) => read()));
  assert.ok(counts[0] + counts[1] >= LEAST_REKEYS, `${counts[0]} and ${counts[1]} handshakes in ${SECONDS} s`);
});
