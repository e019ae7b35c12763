import { strict as assert } from "node:assert";
import {
  assertSurvived,
  blockUdp,
  createFailoverPair,
  DARK_MAX_MS,
  load,
  type LoadedPair,
  outcomeOf,
  switchesOf,
  unblock,
  WARM_UP_MS,
} from "./failover.ts";
import { endpointOf, fraction, type SimDatagram } from "./network.ts";
import { ADDRESS_A, ADDRESS_B, forSeeds, repeat } from "./pair.ts";

/** Longest time in which nothing may arrive when somebody says that a path is closed, ms. */
const DARK_REFUSED_MAX_MS = 100;
/** How long after a path works again traffic must be back on it, ms. */
const RETURN_MAX_MS = 10_000;

const toB = ({ from }: SimDatagram) => from.ip === ADDRESS_A.ip;
const fromB = ({ from }: SimDatagram) => from.ip !== ADDRESS_A.ip;
const anyWay = () => true;

/** Blocks UDP under load at a random moment, lets it pass again, and checks both directions. */
function cutAndRestore(seed: number, block: (pair: LoadedPair) => void, darkMaxMs: number): LoadedPair {
  const pair = load(createFailoverPair(seed), WARM_UP_MS + 26_000);
  const { network, flows } = pair;
  network.run(WARM_UP_MS + fraction(network.random) * 1_000);
  const cutMs = network.nowMs;
  block(pair);
  network.run(8_000);
  unblock(pair);
  const restoredMs = network.nowMs;
  network.run(14_000);
  for (const flow of flows) {
    assertSurvived(flow, network.nowMs, cutMs, darkMaxMs);
    const switches = switchesOf(flow.from, cutMs);
    const last = switches[switches.length - 1];
    assert.ok(
      last === undefined || (last.to === "udp4" && last.atMs <= restoredMs + RETURN_MAX_MS),
      "not back in time",
    );
    assert.ok(switches.length <= 2, `flapping: ${JSON.stringify(switches)}`);
  }
  return pair;
}

for (
  const [name, matches, affected] of [
    ["both directions", anyWay, [0, 1]],
    ["one direction", toB, [0]],
    ["the other direction", fromB, [1]],
  ] as const
) {
  Deno.test(`UDP that is dropped in silence in ${name} is dark for less than a second, and comes back`, () => {
    forSeeds(20, (seed) => {
      const { flows } = cutAndRestore(seed, (pair) => blockUdp(pair, true, matches), DARK_MAX_MS);
      for (const index of affected) {
        const [away, back, ...others] = switchesOf(flows[index].from).slice(-2);
        assert.deepEqual([away.from, away.to, back.from, back.to, back.why, others.length], [
          "udp4",
          "faketcp4",
          "faketcp4",
          "udp4",
          "recovered",
          0,
        ]);
      }
    });
  });
}

Deno.test("UDP that the system refuses to send is left at once", () => {
  forSeeds(20, (seed) => {
    const refuse = (pair: LoadedPair, refuses: boolean) => {
      for (const { attachment } of seed % 2 === 0 ? [pair.a, pair.b] : [pair.a]) attachment.refuses = () => refuses;
    };
    cutAndRestore(seed, (pair) => {
      refuse(pair, true);
      pair.network.at(pair.network.nowMs + 8_000, () => refuse(pair, false));
    }, DARK_REFUSED_MAX_MS);
  });
});

Deno.test("UDP that the network refuses (ICMP) is mirrored as soon as that is heard", () => {
  forSeeds(20, (seed) => {
    const roundTripMs = 4 * (1 + seed * 7 % 50);
    cutAndRestore(seed, (pair) => blockUdp(pair, "reject"), DARK_REFUSED_MAX_MS + roundTripMs);
  });
});

Deno.test("forged ICMP errors cost copies, and neither a frame nor a change of path", () => {
  forSeeds(20, (seed) => {
    const pair = load(createFailoverPair(seed), WARM_UP_MS + 10_000);
    const { network, a, flows } = pair;
    network.run(WARM_UP_MS);
    repeat(network, 50, 100, () => a.unreachable(0, endpointOf(ADDRESS_B), network.nowMs));
    network.run(10_000);
    for (const flow of flows) {
      assert.deepEqual(outcomeOf(flow, network.nowMs), { lost: 0, doubled: 0, darkMs: 0 });
      assert.deepEqual(switchesOf(flow.from), []);
    }
  });
});

Deno.test("UDP that loses 30 % is left for FakeTCP once, and not taken again", () => {
  forSeeds(5, (seed) => {
    const minutes = 3;
    const pair = load(createFailoverPair(seed), WARM_UP_MS + minutes * 60_000);
    const { network, flows } = pair;
    network.run(WARM_UP_MS);
    const badMs = network.nowMs;
    blockUdp(pair, true, () => fraction(network.random) < 0.3);
    network.run(minutes * 60_000);
    for (const flow of flows) {
      const switches = switchesOf(flow.from, badMs);
      for (let minute = 0; minute < minutes; minute++) {
        const within = switches.filter(({ atMs }) => Math.floor((atMs - badMs) / 60_000) === minute);
        assert.ok(within.length <= 1, `${within.length} changes in minute ${minute}: ${JSON.stringify(switches)}`);
      }
      assert.equal(switches[0]?.to, "faketcp4");
      const { lost } = outcomeOf(flow, network.nowMs, badMs + 20_000);
      assert.ok(lost <= 3, `${lost} lost after the change`);
    }
  });
});

Deno.test("UDP that passes small datagrams only is left for a path that passes all", () => {
  forSeeds(20, (seed) => {
    const pair = load(createFailoverPair(seed), WARM_UP_MS + 15_000, 1_200);
    const { network, flows } = pair;
    network.run(WARM_UP_MS);
    const cutMs = network.nowMs;
    blockUdp(pair, true, ({ octets }) => octets.length > 600);
    network.run(15_000);
    for (const flow of flows) {
      assertSurvived(flow, network.nowMs, cutMs, 2 * DARK_MAX_MS);
      assert.deepEqual(switchesOf(flow.from, cutMs).map(({ to, why }) => [to, why]), [["faketcp4", "small only"]]);
    }
  });
});

Deno.test("UDP that comes and goes is left each time within a second, and taken ever more reluctantly", () => {
  forSeeds(5, (seed) => {
    const pair = load(createFailoverPair(seed), 130_000);
    const { network, flows } = pair;
    network.run(WARM_UP_MS);
    const startMs = network.nowMs;
    const periodMs = 8_000;
    blockUdp(pair, true, () => (network.nowMs - startMs) % periodMs < 2_000);
    network.run(120_000);
    for (const flow of flows) {
      assert.ok(outcomeOf(flow, network.nowMs).darkMs <= DARK_MAX_MS);
      const switches = switchesOf(flow.from, startMs);
      const late = switches.filter(({ atMs }) => atMs > startMs + 60_000);
      assert.ok(
        late.length <= switches.length - late.length,
        `${switches.length} changes, ${late.length} of them late`,
      );
      assert.ok(late.length <= 8, `${late.length} changes in a minute`);
    }
  });
});

Deno.test("two runs with one seed give one trace", () => {
  const run = (seed: number) => {
    const pair = load(createFailoverPair(seed), 12_000);
    const { network, a, b } = pair;
    network.traces = true;
    network.run(WARM_UP_MS);
    blockUdp(pair, true, () => fraction(network.random) < 0.9);
    network.run(3_000);
    unblock(pair);
    network.run(8_000);
    return [network.trace, a.log, b.log];
  };
  for (const seed of [1, 2, 3]) assert.deepEqual(run(seed), run(seed));
  assert.notDeepEqual(run(1)[0], run(2)[0]);
});
