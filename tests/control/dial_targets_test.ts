import { strict as assert } from "node:assert";
import { DialWay } from "../../src/base/dial_way.ts";
import { formatEndpoint, parseEndpoint } from "../../src/base/endpoint.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import { type DialTarget, DialTargets } from "../../src/control/dial_targets.ts";
import type { Candidate } from "../../src/control/documents.ts";

const { UDP4, FAKETCP6, FAKETCP4 } = PathKind;
const ORDER = [FAKETCP6, FAKETCP4];

function candidate(text: string, rank: number, kind: number = text.startsWith("[") ? FAKETCP6 : FAKETCP4): Candidate {
  return { kind, endpoint: parseEndpoint(text)!, rank };
}

function textOf(targets: readonly DialTarget[]): string[] {
  return targets.map(({ endpoint }) => formatEndpoint(endpoint, 0));
}

Deno.test("DialTargets puts what the user wrote first, then what was learnt, then candidates by rank, and none twice", () => {
  const targets = new DialTargets(ORDER, false);
  targets.setCandidates([
    candidate("10.0.0.1:1", 100),
    candidate("192.0.2.1:1", 4),
    candidate("[2001:db8::1]:1", 4),
    candidate("192.0.2.9:1", 4, UDP4),
    candidate("192.0.2.2:1", 6),
  ]);
  targets.learn(FAKETCP4, parseEndpoint("192.0.2.2:1")!);
  targets.learn(FAKETCP6, parseEndpoint("[2001:db8::2]:1")!);
  targets.configure(FAKETCP6, parseEndpoint("[2001:db8::3]:1")!);
  assert.deepEqual(textOf(targets.ordinary()), [
    "[2001:db8::3]:1",
    "192.0.2.2:1",
    "[2001:db8::1]:1",
    "192.0.2.1:1",
    "10.0.0.1:1",
  ]);
  assert.deepEqual(targets.endpointsOf(FAKETCP6).length, 2);
  assert.deepEqual(targets.punches(), []);
});

Deno.test("DialTargets.punches() returns the best mapping of each kind: ranks 10 to 49", () => {
  const targets = new DialTargets(ORDER, false);
  targets.setCandidates([
    candidate("192.0.2.1:9", 9),
    candidate("192.0.2.1:14", 14),
    candidate("192.0.2.1:10", 10),
    candidate("192.0.2.1:50", 50),
    candidate("[2001:db8::1]:49", 49),
  ]);
  assert.deepEqual(textOf(targets.punches()), ["[2001:db8::1]:49", "192.0.2.1:10"]);
  assert.deepEqual(textOf(targets.ordinary()), ["192.0.2.1:9", "192.0.2.1:50"]);
  assert.ok(targets.punches().every(({ way }) => way === DialWay.PUNCH));
});

Deno.test("DialTargets has super nodes dialled from the rendezvous port, and others from any", () => {
  for (const [isSuper, way] of [[true, DialWay.RENDEZVOUS], [false, DialWay.ORDINARY]] as const) {
    const targets = new DialTargets(ORDER, isSuper);
    targets.configure(FAKETCP4, parseEndpoint("192.0.2.1:443")!);
    assert.deepEqual(targets.ordinary().map((target) => target.way), [way]);
  }
});

Deno.test("DialTargets.setCandidates() tells news from what it knows, in whatever order it comes", () => {
  const targets = new DialTargets(ORDER, false);
  const [a, b] = [candidate("192.0.2.1:1", 4), candidate("192.0.2.1:2", 14)];
  assert.equal(targets.setCandidates([]), false);
  assert.equal(targets.setCandidates([a, b]), true);
  assert.equal(targets.setCandidates([b, { ...a, endpoint: a.endpoint.slice() }]), false);
  assert.equal(targets.setCandidates([a, { ...b, rank: 15 }]), true);
  assert.equal(targets.setCandidates([a, candidate("192.0.2.1:3", 15)]), true);
  assert.equal(targets.setCandidates([a]), true);
  assert.equal(targets.setCandidates([]), true);
});

Deno.test("DialTargets remembers the best sixteen candidates", () => {
  const targets = new DialTargets(ORDER, false);
  targets.setCandidates(Array.from({ length: 100 }, (_, index) => candidate(`10.0.0.${index}:1`, 199 - index)));
  assert.equal(targets.ordinary().length, 16);
  assert.equal(textOf(targets.ordinary())[0], "10.0.0.99:1");
});
