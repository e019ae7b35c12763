import { strict as assert } from "node:assert";
import { DocumentKind } from "../../src/control/documents.ts";
import { type Register, ServerAction } from "../../src/control/messages.ts";
import { makeNodeRecord } from "../../src/super/registered_node.ts";
import { refusalOf, takeRegistration } from "../../src/super/registration.ts";
import { nodeConfig, registerOf, WIRE_VERSION } from "./registry_fixture.ts";

Deno.test("refusalOf() refuses another NodeId with code 1 and another version with code 38, which counts more", () => {
  const cases: [string, Partial<Register>, number | undefined][] = [
    ["fits", {}, undefined],
    ["the same release of somebody else", { version: "v0.3.5" }, undefined],
    ["the same release, with two hyphens", { version: "v0.3.5-a-b" }, undefined],
    ["another release", { version: "v0.3.6-f5" }, 38],
    ["a release that begins alike", { version: "v0.3.51" }, 38],
    ["no version", { version: "" }, 38],
    ["another NodeId", { nodeId: 8 }, 1],
    ["both", { nodeId: 8, version: "v0.4" }, 38],
  ];
  for (const [name, change, code] of cases) {
    const refusal = refusalOf(7, registerOf(7, change), WIRE_VERSION);
    assert.equal(refusal?.code, code, name);
    if (refusal === undefined) continue;
    assert.deepEqual([refusal.nodeId, refusal.action], [7, ServerAction.ERROR], name);
    assert.match(refusal.params, /^Cannot register node \d+: /, name);
  }
});

Deno.test("refusalOf() repeats no more than a little of what it was sent", () => {
  const refusal = refusalOf(7, registerOf(7, { version: "x".repeat(4096) }), WIRE_VERSION);
  assert(refusal !== undefined && refusal.params.length < 300);
});

Deno.test("takeRegistration() takes tokens of up to 64 characters, and anything longer for none", () => {
  const node = makeNodeRecord(nodeConfig(7), "");
  takeRegistration(node, registerOf(7, { parametersHash: "p".repeat(64), peersHash: "12345678", nextHopHash: "" }));
  assert.equal(node.states.held(DocumentKind.PARAMETERS), "p".repeat(64));
  assert.equal(node.states.held(DocumentKind.PEERS), "12345678");
  takeRegistration(node, registerOf(7, { parametersHash: "p".repeat(65), peersHash: "q".repeat(4096) }));
  assert.equal(node.states.held(DocumentKind.PARAMETERS), "");
  assert.equal(node.states.held(DocumentKind.PEERS), "");
});

Deno.test("takeRegistration() expects the number that the edge names, or a lower one that may still be under way", () => {
  const node = makeNodeRecord(nodeConfig(7), "");
  const tokenKey = new Uint8Array(32).fill(1);
  takeRegistration(node, registerOf(7, { tokenKey, reportCount: 5 }));
  assert.equal(node.expectedCount, 5);
  takeRegistration(node, registerOf(7, { tokenKey, reportCount: 6 }));
  assert.equal(node.expectedCount, 5, "it overtook report 5");
  node.expectedCount = 9;
  takeRegistration(node, registerOf(7, { tokenKey, reportCount: 8 }));
  assert.equal(node.expectedCount, 8, "as it says");
  tokenKey.fill(2);
  assert.deepEqual(node.tokenKey, new Uint8Array(32).fill(1), "copied");
  takeRegistration(node, registerOf(7, { tokenKey, reportCount: 10 }));
  assert.equal(node.expectedCount, 10, "restarted");
});
