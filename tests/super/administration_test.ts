import { strict as assert } from "node:assert";
import type { NewPeer } from "../../src/super/administration.ts";
import { ApiError } from "../../src/super/http/api_error.ts";
import { publicKeyOf, TestSuper } from "./http/test_super.ts";

const PEER: NewPeer = {
  nodeId: 7,
  name: "Seven",
  additionalCostMs: 10,
  publicKey: publicKeyOf(7),
  presharedKey: "",
  skipsLocalAddresses: false,
  nextHopTable: undefined,
};
const COMPLETE = {
  1: { 2: 2, 7: 7 },
  2: { 1: 1, 7: 1 },
  7: { 1: 1, 2: 1 },
};

function refusal(status: number, says: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ApiError && error.status === status && says.test(error.message);
}

const CHANGES: { name: string; change: (subject: TestSuper) => unknown }[] = [
  { name: "addPeer", change: ({ administration }) => administration.addPeer(PEER) },
  { name: "removePeer", change: ({ administration }) => administration.removePeer(1) },
  { name: "updatePeer", change: ({ administration }) => administration.updatePeer(1, { additionalCostMs: 5 }) },
  {
    name: "updateParameters",
    change: ({ administration }) => administration.updateParameters({ pingIntervalMs: 5_000 }),
  },
];
for (const { name, change } of CHANGES) {
  Deno.test(`Administration.${name}() saves the file before it changes anything else`, () => {
    const subject = new TestSuper();
    change(subject);
    assert.match(subject.deeds[0], /^saved/);
    assert.equal(subject.deeds.at(-1), "ring");
    // Each line of the log has the super's own name as `node`.
    assert.deepEqual(subject.log.take().map(({ level, fields }) => [level, fields.node]), [["info", undefined]]);
  });

  Deno.test(`Administration.${name}() changes nothing if the file can't be saved, and names the file`, () => {
    const subject = new TestSuper();
    subject.isReadOnly = true;
    const before = subject.snapshot();
    assert.throws(() => change(subject), refusal(500, /\/etc\/super\.yaml/));
    assert.equal(subject.snapshot(), before);
    assert.deepEqual(subject.log.take().map(({ level }) => level), ["error"]);
  });
}

Deno.test("Administration.addPeer() changes nothing if the node can't have sessions", () => {
  const subject = new TestSuper();
  subject.refusal = "there is no room";
  const before = subject.snapshot();
  assert.throws(() => subject.administration.addPeer(PEER), refusal(417, /there is no room/));
  assert.equal(subject.snapshot(), before);
});

Deno.test("Administration.addPeer() ignores a table unless the super is in static mode", () => {
  const subject = new TestSuper();
  subject.administration.addPeer({ ...PEER, nextHopTable: "not even JSON" });
  assert.deepEqual(subject.deeds, ["saved: add 7", "sessions for 7", "ring"]);
});

Deno.test("Administration.addPeer() saves and uses the table of a static network", () => {
  const subject = new TestSuper({ isStatic: true });
  const text = JSON.stringify(COMPLETE);
  subject.administration.addPeer({ ...PEER, nextHopTable: text });
  assert.deepEqual(subject.deeds, [`saved: add 7 ${text}`, "sessions for 7", `table ${text}`, "ring"]);
});

Deno.test("Administration.addPeer() refuses a static network's node without a table that has it", () => {
  const subject = new TestSuper({ isStatic: true });
  const before = subject.snapshot();
  assert.throws(() => subject.administration.addPeer(PEER), refusal(417, /NextHopTable is missing/));
  const old = JSON.stringify({ 1: { 2: 2 }, 2: { 1: 1 } });
  assert.throws(() => subject.administration.addPeer({ ...PEER, nextHopTable: old }), refusal(417, /\[1\]\[7\]/));
  assert.equal(subject.snapshot(), before);
});

Deno.test("Administration.addPeer() looks for those that are there before it looks at the table and the keys", () => {
  const { administration } = new TestSuper({ isStatic: true });
  const bad = { ...PEER, publicKey: "AAAA", presharedKey: "AAAA" };
  assert.throws(() => administration.addPeer({ ...bad, nodeId: 1 }), refusal(409, /NodeID/));
  assert.throws(() => administration.addPeer(bad), refusal(417, /NextHopTable/));
  assert.throws(
    () => administration.addPeer({ ...bad, nextHopTable: JSON.stringify(COMPLETE) }),
    refusal(417, /PubKey/),
  );
});

Deno.test("Administration.removePeer() leaves the table of a static network as it is", () => {
  const subject = new TestSuper({ isStatic: true });
  subject.administration.removePeer(2);
  assert.deepEqual(subject.deeds, ["saved: remove 2", "dismiss 2", "ring"]);
  assert.deepEqual(subject.log.take("warn"), []);
});

Deno.test("Administration.removePeer() names what leads through the node in the table of a static network", () => {
  const nodeIds = [1, 2, 3, 4, 5];
  // Everything goes over node 2, but for what 1 and 3 have for each other.
  const entries = (source: number) => nodeIds.map((id) => [id, source === 2 || source + id === 4 ? id : 2]);
  const table = Object.fromEntries(nodeIds.map((source) => [source, Object.fromEntries(entries(source))]));
  const subject = new TestSuper({ isStatic: true, nodeIds, table });
  subject.administration.removePeer(4);
  assert.deepEqual(subject.log.take("warn"), []);
  subject.administration.removePeer(2);
  const [{ fields }, ...others] = subject.log.take("warn");
  assert.deepEqual([fields.peer, fields.entries, others], ["2", "[1][5], [3][5], [5][1], [5][3]", []]);
  assert.match(String(fields.remedy), /other next hops in the configuration file/);
});

Deno.test("Administration.removePeer() names five broken routes at most, by the table that is in force", () => {
  const subject = new TestSuper({ isStatic: true, nodeIds: [1, 2, 3] });
  const nodeIds = [1, 2, 3, 7];
  const row = (source: number) => Object.fromEntries(nodeIds.map((id) => [id, source === 7 ? id : 7]));
  const table = Object.fromEntries(nodeIds.map((source) => [source, row(source)]));
  subject.administration.addPeer({ ...PEER, nextHopTable: JSON.stringify(table) });
  subject.administration.removePeer(7);
  const [{ fields }] = subject.log.take("warn");
  assert.equal(fields.entries, "[1][2], [1][3], [2][1], [2][3], [3][1] and 1 more");
});

Deno.test("Administration.updateParameters() tells the sessions when an edge counts as dead, if that changes", () => {
  const subject = new TestSuper();
  subject.administration.updateParameters({ pingIntervalMs: 5_000, peerAliveTimeoutMs: 60_000 });
  subject.administration.updateParameters({ pingIntervalMs: 6_000 });
  assert.deepEqual(subject.deeds.filter((deed) => deed.startsWith("alive")), ["alive for 60000"]);
});
