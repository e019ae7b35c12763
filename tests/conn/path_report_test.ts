import { strict as assert } from "node:assert";
import { Path } from "../../src/conn/path.ts";
import type { PathEvent } from "../../src/conn/path_event.ts";
import { DEFAULT_PATH_PARAMS } from "../../src/conn/path_params.ts";
import { PathReport } from "../../src/conn/path_report.ts";

/** A path, and what its owner is told of it. */
function reported() {
  const path = new Path(0, DEFAULT_PATH_PARAMS);
  const report = new PathReport();
  path.setUsable(true, 1472, 0);
  const told = () => {
    const events: PathEvent[] = [];
    report.compare(path, events);
    return events.map(({ kind }) => kind).filter((kind) => kind !== "limit");
  };
  told();
  return { path, told };
}

Deno.test("a path on which a peer was called in vain isn't up", () => {
  const { path, told } = reported();
  path.handleSilencePassive(5_000);
  assert.deepEqual(told(), []);
  path.handleReceivedPassive(6_000);
  assert.deepEqual(told(), ["path up"]);
});

Deno.test("a path that gets another chance isn't up before something comes in on it", () => {
  const { path, told } = reported();
  path.handleReceivedPassive(0);
  path.handleSendFailure(1_000);
  assert.deepEqual(told(), ["path down"]);
  path.handleTimeoutPassive(1_000 + DEFAULT_PATH_PARAMS.idleProbeIntervalMs);
  assert.equal(path.state, "suspect");
  assert.deepEqual(told(), []);
  path.handleReceivedPassive(20_000);
  assert.deepEqual(told(), ["path up"]);
});

Deno.test("a path in doubt is still up", () => {
  const { path, told } = reported();
  path.handleReceivedPassive(0);
  assert.deepEqual(told(), ["path up"]);
  path.handleSilencePassive(5_000);
  assert.deepEqual(told(), []);
  path.handleReceivedPassive(6_000);
  assert.deepEqual(told(), []);
});
