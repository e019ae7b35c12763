import { strict as assert } from "node:assert";
import { nearestName } from "../../src/config/nearest_name.ts";

const KEYS = ["NodeID", "NodeName", "PubKey", "PSKey", "PrivKey", "EndPoint", "EndPointIPv4", "ListenPort"];

const GUESSES: readonly [written: string, meant: string | undefined][] = [
  ["PubKye", "PubKey"],
  ["pubkey", "PubKey"],
  ["PublicKey", "PubKey"],
  ["NodeId", "NodeID"],
  ["Endpoint", "EndPoint"],
  ["LisenPort", "ListenPort"],
  ["ResetConnInterval", undefined],
  ["X", undefined],
  ["", undefined],
];

for (const [written, meant] of GUESSES) {
  Deno.test(`nearestName() takes ${JSON.stringify(written)} for ${meant ?? "nothing known"}`, () => {
    assert.equal(nearestName(written, KEYS), meant);
  });
}

Deno.test("nearestName() refuses to compare a name without bound", () => {
  assert.equal(nearestName("a".repeat(100_000), ["a".repeat(100_000)]), undefined);
});
