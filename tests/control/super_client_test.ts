import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Reason } from "../../src/base/reason.ts";
import { DocumentKind } from "../../src/control/documents.ts";
import { ServerAction } from "../../src/control/messages.ts";
import { found, ScriptedSuper } from "./scripted_super.ts";

const { PARAMETERS, PEERS, NEXT_HOPS, REPORT } = DocumentKind;

/** An edge that has everything of the super's, 10 s after its start. */
function settled(): ScriptedSuper {
  const world = new ScriptedSuper();
  world.establish();
  world.run(10_000);
  assert.equal(world.deeds.length, 3);
  world.log.take();
  return world;
}

function deedsAfter(world: ScriptedSuper, timeMs: number): string[] {
  return world.deeds.filter(({ atMs }) => atMs > timeMs).map(({ what }) => what);
}

Deno.test("SuperClient registers at its start, with nothing in hand, and has all documents within two seconds", () => {
  const world = new ScriptedSuper();
  world.establish();
  world.run(2_000);
  const [first] = world.registers;
  assert.deepEqual(first, {
    atMs: 0,
    nodeId: 1,
    version: "v0.3.5-test",
    peersHash: "",
    nextHopHash: "",
    parametersHash: "",
    tokenKey: new Uint8Array(32),
    reportCount: 0,
  });
  assert.deepEqual(world.deeds.map(({ what }) => what), ["parameters ping 15000", "peers 2", "next hops of 1,2"]);
});

Deno.test("SuperClient registers every ping interval, with the tokens of what is in force", () => {
  const world = settled();
  const before = world.registers.length;
  world.run(70_000);
  const later = world.registers.slice(before);
  assert.equal(later.length, 4);
  assert.deepEqual(later.slice(1).map(({ atMs }, index) => atMs - later[index].atMs), [15_000, 15_000, 15_000]);
  for (const register of later) {
    assert.equal(register.parametersHash, "first-1");
    assert.equal(register.peersHash, "first-2");
    assert.equal(register.nextHopHash, "first-3");
  }
});

Deno.test("SuperClient registers every 8 s if neither the file nor the super names a period", () => {
  const world = new ScriptedSuper();
  world.passes = () => false;
  world.run(20_000);
  assert.deepEqual(world.registers.map(({ atMs }) => atMs), [0, 8_000, 16_000]);
});

Deno.test("SuperClient registers at once to a new session, though not twice for sessions of both families", () => {
  const world = settled();
  const before = world.registers.length;
  world.establish();
  world.establish();
  world.run(10_100);
  assert.deepEqual(world.registers.slice(before).map(({ atMs }) => atMs), [10_000]);
});

Deno.test("SuperClient repeats a registration to a new session soon if nothing comes of it", () => {
  const world = new ScriptedSuper();
  world.passes = (what) => what !== "register" || world.registers.length > 2;
  world.establish();
  world.run(5_000);
  assert.deepEqual(world.registers.slice(0, 3).map(({ atMs }) => atMs), [0, 1_000, 3_000]);
  assert.equal(world.deeds.length, 3);
  assert.ok(world.deeds.every(({ atMs }) => atMs < 4_500));
});

Deno.test("SuperClient gets everything in the end however many registrations, updates and answers are lost", () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(99)), fc.nat(90), (fates, lossPercent) => {
      const world = new ScriptedSuper();
      world.establish();
      world.passes = () => world.nowMs > 60_000 || fates.next().value! >= lossPercent;
      world.run(90_000);
      assert.equal(world.registers.at(-1)!.parametersHash, "first-1");
      world.passes = () => true;
      world.change(NEXT_HOPS, "second");
      world.run(120_000);
      assert.equal(world.registers.at(-1)!.nextHopHash, "second");
    }),
    { numRuns: 200 },
  );
});

Deno.test("SuperClient.handleServerUpdate() ignores a token that it has, and asks once for one that it hasn't", () => {
  const world = settled();
  const before = world.requestTimes(PEERS).length;
  for (let times = 0; times < 5; times++) world.push(PEERS, "first-2");
  world.run(11_000);
  assert.equal(world.requestTimes(PEERS).length, before);
  world.change(PEERS, "second");
  for (let times = 0; times < 5; times++) world.push(PEERS, "second");
  world.run(20_000);
  assert.equal(world.requestTimes(PEERS).length, before + 1);
  assert.deepEqual(deedsAfter(world, 11_000), ["peers 2"]);
});

Deno.test("SuperClient lets the newest of several tokens win, whatever becomes of the download that is under way", () => {
  const world = settled();
  world.interfere = ({ payload }) => {
    return "stateToken" in payload && payload.stateToken === "second" ? found({ 1: { 3: 3 } }) : undefined;
  };
  world.change(NEXT_HOPS, "fourth", { 1: { 4: 4 }, 4: { 1: 1 } });
  world.push(NEXT_HOPS, "second");
  world.client.handleTimeout(world.nowMs);
  world.push(NEXT_HOPS, "third");
  world.push(NEXT_HOPS, "fourth");
  world.run(30_000);
  const asked = world.requests.filter(({ kind, atMs }) => kind === NEXT_HOPS && atMs >= 10_000);
  assert.deepEqual(asked.map(({ payload }) => payload), [{ stateToken: "second" }, { stateToken: "fourth" }]);
  assert.deepEqual(deedsAfter(world, 10_000), ["next hops of 1", "next hops of 1,4"]);
  assert.equal(world.registers.at(-1)!.nextHopHash, "fourth");
});

Deno.test("SuperClient goes back to an earlier state if the super does, even while it downloads the later one", () => {
  const world = settled();
  world.interfere = ({ payload }) => {
    return "stateToken" in payload && payload.stateToken === "second" ? found({ 1: { 3: 3 } }) : undefined;
  };
  world.push(NEXT_HOPS, "second");
  world.client.handleTimeout(world.nowMs);
  world.push(NEXT_HOPS, "first-3");
  world.run(20_000);
  assert.deepEqual(deedsAfter(world, 10_000), ["next hops of 1", "next hops of 1,2"]);
});

Deno.test("SuperClient waits for the next push after an answer that the state is no more, and says nothing of it", () => {
  const world = settled();
  world.push(PEERS, "gone");
  world.run(15_000);
  assert.equal(world.requestTimes(PEERS).filter((atMs) => atMs >= 10_000).length, 1);
  assert.deepEqual(world.log.take("warn"), []);
});

Deno.test("SuperClient says once that the super doesn't know the state, or us, time after time", () => {
  const world = settled();
  world.interfere = ({ kind }) => {
    return kind === PEERS ? { status: 404, body: new TextEncoder().encode("PubKey\n\u001b[31m") } : undefined;
  };
  world.change(PEERS, "second");
  world.run(40_000);
  assert.deepEqual(world.log.take("warn"), [{
    level: "warn",
    event: "download of the list of peers failed",
    fields: { cause: 'super node answers with status 404: "PubKey??[31m"' },
  }]);
  world.interfere = () => undefined;
  world.run(45_000);
  assert.deepEqual(world.log.take("info").map(({ event }) => event), ["download of the list of peers works again"]);
});

Deno.test("SuperClient repeats a download that failed after 1 to 8 s without another push", () => {
  const world = settled();
  world.passes = () => false;
  world.interfere = () => "none";
  world.push(PEERS, "second");
  world.run(150_000);
  const times = world.requestTimes(PEERS).filter((atMs) => atMs >= 10_000);
  // Each attempt ends after 8 s without an answer.
  const waits = times.slice(1).map((atMs, index) => atMs - times[index] - 8_000);
  assert.ok(waits.length > 5);
  for (const [index, waitMs] of waits.entries()) {
    const longestMs = Math.min(2_000 * 2 ** index, 8_000);
    assert.ok(waitMs >= longestMs / 2 && waitMs <= longestMs, `wait ${index} is ${waitMs} ms`);
  }
});

Deno.test("SuperClient takes a push for a reason to repeat a failed download at once", () => {
  const world = settled();
  world.passes = (what) => what !== "update";
  world.interfere = ({ kind }) => kind === PEERS ? { status: 500, body: new Uint8Array() } : undefined;
  world.change(PEERS, "second");
  world.push(PEERS, "second");
  world.run(10_500);
  assert.equal(world.requestTimes(PEERS).filter((atMs) => atMs >= 10_000).length, 1);
  world.run(11_001);
  const before = world.requestTimes(PEERS).length;
  world.push(PEERS, "second");
  world.client.handleTimeout(world.nowMs);
  assert.equal(world.requestTimes(PEERS).length, before + 1);
});

Deno.test("SuperClient downloads a kind once a second at most, whatever the super pushes", () => {
  const world = settled();
  world.interfere = ({ kind }) => kind === NEXT_HOPS ? found({ 1: {} }) : undefined;
  for (let count = 0; count < 1_000; count++) {
    world.push(NEXT_HOPS, `token-${count}`);
    world.run(world.nowMs + 10);
  }
  const times = world.requestTimes(NEXT_HOPS).filter((atMs) => atMs >= 10_000);
  assert.ok(times.length >= 9 && times.length <= 11, `${times.length} downloads`);
  assert.ok(times.slice(1).every((atMs, index) => atMs - times[index] >= 1_000));
});

Deno.test("SuperClient keeps what it has if a document is unfit, and isn't hurried by pushes of the same state", () => {
  const unfit: [number, unknown][] = [
    [PARAMETERS, { SendPingInterval: 0, HttpPostInterval: 50, PeerAliveTimeout: 70 }],
    [PEERS, []],
    [NEXT_HOPS, "no table"],
  ];
  for (const [kind, document] of unfit) {
    const world = settled();
    const deeds = world.deeds.length;
    world.change(kind, "unfit", document);
    // The super believes that the edge has what it answered with, until the next registration.
    for (let count = 0; count < 60; count++) {
      world.push(kind, "unfit");
      world.run(world.nowMs + 1_000);
    }
    assert.equal(world.deeds.length, deeds);
    assert.equal(world.log.take("warn").length, 1);
    const { parametersHash, peersHash, nextHopHash } = world.registers.at(-1)!;
    assert.deepEqual([parametersHash, peersHash, nextHopHash], ["first-1", "first-2", "first-3"]);
    const attempts = world.requestTimes(kind).filter((atMs) => atMs >= 10_000).length;
    assert.ok(attempts > 5 && attempts < 20, `${attempts} attempts in a minute`);
    world.change(kind, "fit", { [kind]: null, SendPingInterval: 5, PeerAliveTimeout: 9 });
    world.run(world.nowMs + 20_000);
    assert.equal(world.deeds.length, deeds + 1);
  }
});

Deno.test("SuperClient takes everything anew after a restart of the super, and keeps the old until it has it", () => {
  const world = settled();
  world.restart("second");
  world.passes = (what) => what === "register";
  world.establish();
  world.run(12_000);
  assert.deepEqual(deedsAfter(world, 10_000), []);
  assert.equal(world.registers.at(-1)!.nextHopHash, "first-3");
  world.passes = () => true;
  world.run(15_000);
  assert.deepEqual(deedsAfter(world, 10_000).sort(), ["next hops of 1,2", "parameters ping 15000", "peers 2"]);
  world.run(40_000);
  assert.equal(world.registers.at(-1)!.nextHopHash, "second-3");
});

Deno.test("SuperClient keeps its table while a super that has just started has none", () => {
  const world = settled();
  assert.equal(world.push(NEXT_HOPS, ""), Reason.NONE);
  world.run(30_000);
  assert.equal(world.requestTimes(NEXT_HOPS).length, 1);
  assert.equal(world.registers.at(-1)!.nextHopHash, "first-3");
});

Deno.test("SuperClient.handleServerUpdate() drops tokens that are none and actions without a meaning", () => {
  const world = settled();
  for (const token of ["a b", "x".repeat(65), "ü", "line\n", "\u0000"]) {
    assert.equal(world.push(PEERS, token), Reason.MESSAGE_MALFORMED, JSON.stringify(token));
  }
  for (const action of [ServerAction.NONE, 7, -1, 2 ** 40]) {
    assert.equal(world.update({ action, params: "x" }), Reason.MESSAGE_MALFORMED);
    assert.equal(world.update({ action, params: "x" }), Reason.MESSAGE_MALFORMED);
    const [line, ...others] = world.log.take("warn");
    assert.match(String(line.fields?.cause), new RegExp(`^action ${action} `));
    assert.deepEqual(others, [], "said once");
  }
  world.run(12_000);
  assert.equal(world.requestTimes(PEERS).length, 1);
});

Deno.test("SuperClient reports when parameters are applied and every report interval then, each time by a new number", () => {
  const world = settled();
  world.run(160_000);
  const reports = world.requests.filter(({ kind }) => kind === REPORT);
  const appliedMs = world.deeds[0].atMs;
  assert.deepEqual(reports.map(({ atMs }) => atMs), [0, 1, 2, 3].map((count) => appliedMs + count * 50_000));
  assert.deepEqual(reports.map(({ payload }) => "count" in payload && payload.count), [0, 1, 2, 3]);
  assert.equal(world.registers.at(-1)!.reportCount, 4);
});

Deno.test("SuperClient names in a registration the report that is under way, which it may overtake", () => {
  const world = settled();
  world.interfere = ({ kind }) => kind === REPORT ? "none" : undefined;
  world.client.reportSoon(10_000);
  world.run(10_010);
  world.establish();
  world.run(10_020);
  const { payload } = world.requests.findLast(({ kind }) => kind === REPORT)!;
  assert.equal(world.registers.at(-1)!.atMs, 10_010);
  assert.deepEqual([world.registers.at(-1)!.reportCount], ["count" in payload && payload.count]);
});

Deno.test("SuperClient reports nothing before it has parameters", () => {
  const world = new ScriptedSuper();
  world.interfere = ({ kind }) => kind === PARAMETERS ? { status: 500, body: new Uint8Array() } : undefined;
  world.establish();
  world.client.reportSoon(0);
  world.run(60_000);
  assert.deepEqual(world.requestTimes(REPORT), []);
});

Deno.test("SuperClient reports once for new parameters that want no periodic reports, and repeats what failed", () => {
  const world = new ScriptedSuper();
  world.documents.set(PARAMETERS, { SendPingInterval: 15, PeerAliveTimeout: 70 });
  let failures = 3;
  world.interfere = ({ kind }) =>
    kind === REPORT && failures-- > 0 ? { status: 400, body: new Uint8Array() } : undefined;
  world.establish();
  world.run(300_000);
  const reports = world.requests.filter(({ kind }) => kind === REPORT);
  assert.deepEqual(reports.map(({ payload }) => "count" in payload && payload.count), [0, 1, 2, 3]);
  assert.ok(reports[3].atMs < 20_000);
  assert.equal(world.log.take("warn").filter(({ event }) => event === "report to the super node failed").length, 1);
});

Deno.test("SuperClient.reportSoon() brings the next report forward, though not within a second of the last", () => {
  const world = settled();
  world.client.reportSoon(10_000);
  world.run(10_100);
  assert.equal(world.requestTimes(REPORT).at(-1), 10_000);
  world.client.reportSoon(10_100);
  world.run(20_000);
  assert.equal(world.requestTimes(REPORT).at(-1), 11_000);
});

Deno.test("SuperClient counts a report that can't even be sent as no attempt", () => {
  const world = new ScriptedSuper();
  world.establish();
  world.interfere = ({ kind }) => {
    if (kind === PARAMETERS) world.hasSource = false;
    return undefined;
  };
  world.run(10_000);
  assert.deepEqual(world.requestTimes(REPORT), []);
  assert.equal(world.registers.at(-1)!.reportCount, 0);
  world.hasSource = true;
  world.run(30_000);
  const report = world.requests.find(({ kind }) => kind === REPORT);
  assert.ok(report !== undefined && "count" in report.payload);
  assert.equal(report.payload.count, 0);
});

Deno.test("SuperClient ends the program once, as it was told, and does nothing after that", () => {
  const said = 'said "x"';
  const cases: [{ action: number; code?: number }, RegExp][] = [
    [{ action: ServerAction.SHUTDOWN, code: 2 }, /^stop 0: super node removed NodeID 1 .*add it at the super again/],
    [{ action: ServerAction.ERROR, code: 1 }, /^stop 1: super node refuses NodeID 1: .*under another NodeID/],
    [
      { action: ServerAction.ERROR, code: 38 },
      /^stop 38: super node refuses version "v0\.3\.5-test".*this node's file as WireVersion/,
    ],
    [{ action: ServerAction.ERROR, code: 0 }, /^stop 1: .*error 0/],
    [{ action: ServerAction.ERROR, code: 256 }, /^stop 1: .*error 256/],
    [{ action: ServerAction.ERROR, code: -3 }, /^stop 1: /],
    [{ action: ServerAction.PANIC }, /^stop 1: super node wants this program to crash/],
  ];
  for (const [update, line] of cases) {
    const world = settled();
    const requests = world.requests.length;
    const registers = world.registers.length;
    world.update({ ...update, params: said });
    world.update({ ...update, params: said });
    world.push(PEERS, "second");
    world.establish();
    world.run(100_000);
    const deeds = deedsAfter(world, 9_999);
    assert.equal(deeds.length, 1);
    assert.match(deeds[0], line);
    assert.ok(deeds[0].includes(JSON.stringify(said)) || deeds[0].includes(said));
    assert.equal(world.requests.length, requests);
    assert.equal(world.registers.length, registers);
    assert.equal(world.client.pollTimeout(), Infinity);
  }
});

Deno.test("SuperClient takes no document in that arrives after the program was ended", () => {
  const world = settled();
  world.change(PEERS, "second");
  world.push(PEERS, "second");
  world.client.handleTimeout(world.nowMs);
  world.update({ action: ServerAction.SHUTDOWN });
  world.run(20_000);
  assert.deepEqual(deedsAfter(world, 10_000), []);
});

Deno.test("SuperClient says once that the super is silent, changes nothing, and says once that it is back", () => {
  const world = settled();
  world.passes = () => false;
  world.run(1_000_000);
  const lines = world.log.take().filter(({ event }) => event.includes("super node is"));
  assert.deepEqual(lines.map(({ event }) => event), ["super node is silent; peers and routes stay as they are"]);
  assert.equal(lines[0].fields.silentS, 150);
  assert.deepEqual(deedsAfter(world, 10_000), []);
  world.passes = () => true;
  world.establish();
  world.run(1_100_000);
  const back = world.log.take("info").filter(({ event }) => event === "super node is back");
  assert.equal(back.length, 1);
});

Deno.test("SuperClient never calls a super silent that answers reports and has nothing else to say", () => {
  const world = settled();
  world.run(3_600_000);
  assert.deepEqual(world.log.take("warn"), []);
});

Deno.test("SuperClient asks the source that is best at that moment, and again later if there is none", () => {
  const world = settled();
  world.hasSource = false;
  world.change(PEERS, "second");
  world.run(20_000);
  assert.equal(world.requestTimes(PEERS).length, 1);
  world.hasSource = true;
  world.run(30_000);
  assert.deepEqual(deedsAfter(world, 10_000), ["peers 2"]);
});

Deno.test("SuperClient copes with an answer that comes before the request returns", () => {
  let asked = 0;
  const world = new ScriptedSuper({
    source: () => ({
      request: (kind, _payload, onAnswer, nowMs) => {
        asked++;
        onAnswer(kind === REPORT ? { status: 200, body: new Uint8Array() } : found(world.documents.get(kind)), nowMs);
      },
    }),
  });
  world.establish();
  world.run(10_000);
  assert.equal(world.deeds.length, 3);
  assert.equal(asked, 4);
});

Deno.test("SuperClient does the same twice in two runs of one script", () => {
  function trace(): unknown {
    const world = new ScriptedSuper();
    world.establish();
    world.passes = (what) => what !== "request" || Math.floor(world.nowMs / 3_000) % 2 === 0;
    world.run(200_000);
    return [world.deeds, world.requests.map(({ atMs, kind }) => [atMs, kind]), world.registers];
  }
  assert.deepEqual(trace(), trace());
});
