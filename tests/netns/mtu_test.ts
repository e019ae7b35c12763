/**
 * Two hosts with interfaces of different sizes, over a cable that carries the sealed frame unfragmented.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { waitForTunnel } from "./harness/edge.ts";
import { copyFile } from "./harness/file_copy.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import { buildChain, startNodes } from "./harness/topologies.ts";

/** IPv4 and ICMP header in front of ping's payload. */
const PING_HEADERS_LEN = 28;
const FILE_LEN = 10_000_000;

const CASES = [
  { tapMtu: 1280, cableMtu: 1500, offload: true },
  { tapMtu: 1404, cableMtu: 1500, offload: false },
  { tapMtu: 1500, cableMtu: 1600, offload: true },
  { tapMtu: 9000, cableMtu: 9200, offload: true },
  { tapMtu: 9000, cableMtu: 9200, offload: false },
];

for (const { tapMtu, cableMtu, offload } of CASES) {
  const name = `an interface of MTU ${tapMtu} over a cable of ${cableMtu}, offload ${offload ? "on" : "off"}`;
  labTest(`${name}, carries full frames`, async ({ lab, step }) => {
    const site = await buildChain(lab, 2, { mtu: cableMtu, offload });
    for (const settings of site.plan.values()) settings.mtu = tapMtu;
    const [one, two] = await startNodes(site);
    await waitForTunnel(one, two);

    await step("ping() of full size passes with DF, and one octet more is refused", async () => {
      const payloadLen = tapMtu - PING_HEADERS_LEN;
      const full = await ping(one.host, two.address, { payloadLen, dontFragment: true });
      assert.equal(full.received, 3, full.output);
      const longer = await ping(one.host, two.address, { count: 1, payloadLen: payloadLen + 1, dontFragment: true });
      assert.equal(longer.received, 0);
    });

    await step("a file arrives unchanged", async () => {
      const copy = await copyFile(one.host, two.host, two.address, FILE_LEN);
      assert.equal(copy.receivedSha256, copy.sentSha256);
    });
  });
}
