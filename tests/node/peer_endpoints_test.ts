import { strict as assert } from "node:assert";
import { formatEndpoint } from "../../src/base/endpoint.ts";
import { PATH_KIND_NAMES } from "../../src/base/path_kind.ts";
import type { PeerConfig, PeerEndpoint } from "../../src/config/peer_config.ts";
import { parseEndpointText } from "../../src/config/endpoint_text.ts";
import type { FamilyChoice, NameLookup } from "../../src/conn/candidate.ts";
import { PeerEndpoints } from "../../src/node/peer_endpoints.ts";
import { RecordingLog } from "./recording_log.ts";

const BOTH: FamilyChoice = { ipv4: true, ipv6: true, preferred: 0 };
const RESET_MS = 100_000;
const ROW = 3;

/** Peers that are looked up at a name server of ours. */
class Bench {
  readonly log = new RecordingLog();
  readonly names: Record<string, string[]> = { "one.test": ["192.0.2.1", "2001:db8::1"] };
  /** Names asked for so far. */
  readonly asked: string[] = [];
  readonly endpoints: PeerEndpoints;
  /** Rows of which something was heard lately. */
  readonly alive = new Set<number>();
  #given: string[] = [];

  constructor(families = BOTH, resetEndpointIntervalMs = RESET_MS, lookUp?: NameLookup) {
    this.endpoints = new PeerEndpoints(
      resetEndpointIntervalMs,
      families,
      this.log,
      (peerRow, kind, endpoint) => {
        this.#given.push(`${peerRow} ${PATH_KIND_NAMES[kind]} ${formatEndpoint(endpoint, 0)}`);
      },
      lookUp ?? ((host) => this.#lookUp(host)),
    );
  }

  add(texts: string[], change: Partial<PeerConfig> = {}, row = ROW): void {
    this.endpoints.add(row, { ...peerOf(texts), ...change });
  }

  /** Lets the lookups that are due come to their end; returns what was given out, as `row path endpoint`. */
  async poll(nowMs: number): Promise<string[]> {
    await this.endpoints.poll(nowMs, (row) => !this.alive.has(row));
    return this.#given.splice(0);
  }

  #lookUp(host: string): Promise<string[]> {
    this.asked.push(host);
    const found = this.names[host];
    return found === undefined ? Promise.reject(new Error(`no such name: ${host}`)) : Promise.resolve(found);
  }
}

function endpointsOf(texts: string[]): PeerEndpoint[] {
  return texts.map((text) => ({ ...parseEndpointText(text)!, lookupFamily: 0 }));
}

function peerOf(texts: string[]): PeerConfig {
  return {
    nodeId: 7,
    publicKey: new Uint8Array(32),
    presharedKey: undefined,
    presharedKeyIgnored: false,
    endpoints: endpointsOf(texts),
    fakeTcpEndpoints: [],
    persistentKeepaliveMs: 0,
    isStatic: true,
  };
}

Deno.test("PeerEndpoints gives out an address of each family, and nothing for a peer without one", async () => {
  const bench = new Bench();
  bench.add(["192.0.2.9:5"], {}, 0);
  bench.add(["one.test:6"], {}, 1);
  bench.add([], {}, 2);
  assert.deepEqual((await bench.poll(0)).sort(), [
    "0 udp4 192.0.2.9:5",
    "1 udp4 192.0.2.1:6",
    "1 udp6 [2001:db8::1]:6",
  ]);
  assert.deepEqual(bench.asked, ["one.test"]);
  assert.deepEqual(await bench.poll(1), []);
});

Deno.test("PeerEndpoints keeps to the families of the node and of the endpoint", async () => {
  const [v4, v6] = ["3 udp4 192.0.2.1:5", "3 udp6 [2001:db8::1]:5"];
  const cases: [families: FamilyChoice, lookupFamily: 0 | 4 | 6, expected: string[]][] = [
    [BOTH, 6, [v6]],
    [BOTH, 4, [v4]],
    [BOTH, 0, [v4, v6]],
    [{ ...BOTH, preferred: 6 }, 0, [v4, v6]],
    [{ ...BOTH, ipv4: false }, 0, [v6]],
  ];
  for (const [families, lookupFamily, expected] of cases) {
    const bench = new Bench(families);
    bench.add(["one.test:5"], { endpoints: [{ ...parseEndpointText("one.test:5")!, lookupFamily }] });
    assert.deepEqual(await bench.poll(0), expected);
  }
});

Deno.test("PeerEndpoints.tryNext() goes through all addresses of a family, and begins again", async () => {
  const bench = new Bench();
  bench.add(["one.test:5", "192.0.2.9:6", "192.0.2.9:7"]);
  const given = await bench.poll(0);
  for (let count = 1; count < 4; count++) {
    bench.endpoints.tryNext(ROW);
    given.push(...await bench.poll(count));
  }
  const ofFamily = (name: string) => given.filter((text) => text.includes(name)).map((text) => text.slice(7));
  assert.deepEqual(ofFamily("udp4"), ["192.0.2.1:5", "192.0.2.9:6", "192.0.2.9:7", "192.0.2.1:5"]);
  assert.deepEqual(ofFamily("udp6"), new Array(4).fill("[2001:db8::1]:5"));
  bench.endpoints.tryNext(ROW + 1);
});

Deno.test("PeerEndpoints looks a silent static peer up again after the interval", async () => {
  const bench = new Bench();
  bench.add(["one.test:5"]);
  await bench.poll(0);
  assert.deepEqual(await bench.poll(RESET_MS - 1), []);
  bench.names["one.test"] = ["192.0.2.77"];
  assert.deepEqual(await bench.poll(RESET_MS), ["3 udp4 192.0.2.77:5"]);
});

Deno.test("PeerEndpoints leaves a peer alone that was heard of, until it falls silent for another interval", async () => {
  const bench = new Bench();
  bench.add(["one.test:5"]);
  await bench.poll(0);
  bench.alive.add(ROW);
  assert.deepEqual(await bench.poll(RESET_MS), []);
  bench.alive.clear();
  assert.deepEqual(await bench.poll(2 * RESET_MS - 1), []);
  assert.deepEqual(await bench.poll(2 * RESET_MS), ["3 udp4 192.0.2.1:5", "3 udp6 [2001:db8::1]:5"]);
});

const LOOKED_UP_ONCE: [name: string, resetMs: number, change: Partial<PeerConfig>][] = [
  ["that isn't static", RESET_MS, { isStatic: false }],
  ["where the interval is switched off", 0, {}],
];
for (const [name, resetMs, change] of LOOKED_UP_ONCE) {
  Deno.test(`PeerEndpoints looks a peer up once ${name}`, async () => {
    const bench = new Bench(BOTH, resetMs);
    bench.add(["one.test:5"], change);
    await bench.poll(0);
    assert.deepEqual(await bench.poll(1e12), []);
    assert.deepEqual(bench.asked, ["one.test"]);
  });
}

Deno.test("PeerEndpoints tries a name that isn't found after 2 s, then less and less often, and says so", async () => {
  const bench = new Bench();
  bench.add(["missing.test:5", "gone.test:5"]);
  let nowMs = 0;
  const waits = [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
  for (const inMs of waits) {
    assert.deepEqual(await bench.poll(nowMs), []);
    const [{ fields }, ...others] = bench.log.take("warn");
    assert.equal(others.length, 0);
    assert.deepEqual(fields, {
      peer: "7",
      names: "missing.test, gone.test",
      cause: "no such name: missing.test",
      inMs,
    });
    assert.deepEqual(await bench.poll(nowMs + inMs - 1), []);
    nowMs += inMs;
  }
  assert.equal(bench.asked.length, 2 * waits.length);
  bench.names["gone.test"] = ["192.0.2.8"];
  assert.deepEqual(await bench.poll(nowMs), ["3 udp4 192.0.2.8:5"]);
  // The next failure begins with the shortest wait again.
  delete bench.names["gone.test"];
  await bench.poll(nowMs + RESET_MS);
  assert.equal(bench.log.take("warn")[0].fields.inMs, 2_000);
});

Deno.test("PeerEndpoints tries again even if a peer whose name isn't found was heard of", async () => {
  const bench = new Bench();
  bench.add(["missing.test:5"]);
  await bench.poll(0);
  bench.alive.add(ROW);
  bench.names["missing.test"] = ["192.0.2.8"];
  assert.deepEqual(await bench.poll(2_000), ["3 udp4 192.0.2.8:5"]);
});

const WITHOUT_FAMILY: [resetMs: number, change: Partial<PeerConfig>, inMs: number][] = [
  [RESET_MS, {}, RESET_MS],
  [0, {}, 60_000],
  [RESET_MS, { isStatic: false }, 60_000],
];
for (const [resetMs, change, inMs] of WITHOUT_FAMILY) {
  const what = `a name has no address of an enabled family, every ${inMs} ms`;
  Deno.test(`PeerEndpoints says once that ${what} if ${resetMs} and ${JSON.stringify(change)} are set`, async () => {
    const bench = new Bench({ ...BOTH, ipv4: false }, resetMs);
    bench.names["four.test"] = ["192.0.2.4"];
    bench.add(["four.test:5"], change);
    await bench.poll(0);
    const [{ fields }] = bench.log.take("warn");
    assert.deepEqual([fields.cause, fields.inMs], ["no address of an enabled family", inMs]);
    for (let count = 1; count < 4; count++) {
      await bench.poll(count * inMs - 1);
      assert.equal(bench.asked.length, count);
      await bench.poll(count * inMs);
    }
    assert.deepEqual(bench.log.take("warn"), []);

    bench.names["four.test"].push("2001:db8::4");
    assert.deepEqual(await bench.poll(4 * inMs), ["3 udp6 [2001:db8::4]:5"]);
  });
}

Deno.test("PeerEndpoints uses what it finds where one of several names isn't found", async () => {
  const bench = new Bench();
  bench.add(["missing.test:5", "one.test:6"]);
  assert.deepEqual(await bench.poll(0), ["3 udp4 192.0.2.1:6", "3 udp6 [2001:db8::1]:6"]);
  assert.deepEqual(bench.log.take("warn"), []);
});

Deno.test("PeerEndpoints begins no second lookup of a peer while one runs, and holds no other peer back", async () => {
  const slow = Promise.withResolvers<string[]>();
  const asked: string[] = [];
  const bench = new Bench(BOTH, RESET_MS, (host) => {
    asked.push(host);
    return host === "slow.test" ? slow.promise : Promise.resolve(["192.0.2.1"]);
  });
  bench.add(["slow.test:5"], {}, 0);
  const first = bench.poll(0);
  bench.add(["quick.test:5"], {}, 1);
  assert.deepEqual(await bench.poll(1), ["1 udp4 192.0.2.1:5"]);
  // That the peer didn't answer counts even now.
  bench.endpoints.tryNext(0);
  await bench.poll(2);
  assert.deepEqual(asked, ["slow.test", "quick.test"]);
  slow.resolve(["192.0.2.2", "192.0.2.3"]);
  assert.deepEqual(await first, ["0 udp4 192.0.2.3:5"]);
});

Deno.test("PeerEndpoints gives out where a peer is dialled by FakeTCP, beside or without UDP", async () => {
  const fakeTcpEndpoints = endpointsOf(["one.test:443"]);
  const dialled = ["3 faketcp4 192.0.2.1:443", "3 faketcp6 [2001:db8::1]:443"];
  for (const [texts, udp] of [[["192.0.2.9:5"], ["3 udp4 192.0.2.9:5"]], [[], []]]) {
    const bench = new Bench();
    bench.add(texts, { fakeTcpEndpoints });
    assert.deepEqual(await bench.poll(0), [...udp, ...dialled]);
  }
});

Deno.test("PeerEndpoints uses what it finds for one transport where it finds nothing for the other", async () => {
  const bench = new Bench();
  bench.add(["missing.test:5"], { fakeTcpEndpoints: endpointsOf(["192.0.2.9:443"]) });
  assert.deepEqual(await bench.poll(0), ["3 faketcp4 192.0.2.9:443"]);
  assert.deepEqual(bench.log.take("warn"), []);
});
