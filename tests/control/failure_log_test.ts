import { strict as assert } from "node:assert";
import { FailureLog } from "../../src/control/failure_log.ts";
import { RecordingLog } from "../node/recording_log.ts";

Deno.test("FailureLog tells each cause once until it works again, and that it does", () => {
  const log = new RecordingLog();
  const failures = new FailureLog(log);
  failures.succeed("download");
  for (const cause of ["a", "a", "b", "a", "b"]) failures.fail("download", cause);
  failures.fail("report", "a");
  failures.succeed("download");
  failures.succeed("download");
  failures.fail("download", "a");
  assert.deepEqual(log.take().map(({ level, event, fields }) => [level, event, fields.cause]), [
    ["warn", "download failed", "a"],
    ["warn", "download failed", "b"],
    ["warn", "report failed", "a"],
    ["info", "download works again", undefined],
    ["warn", "download failed", "a"],
  ]);
});

Deno.test("FailureLog is silent after a few causes, whatever comes", () => {
  const log = new RecordingLog();
  const failures = new FailureLog(log);
  for (let count = 0; count < 1_000; count++) failures.fail("download", `cause ${count}`);
  assert.equal(log.take().length, 8);
});
