import { strict as assert } from "node:assert";
import { gunzipSync } from "node:zlib";
import { parametersDocument } from "../../src/super/parameters_document.ts";
import { PARAMETERS } from "./registry_fixture.ts";

/** Source: `http-api.md` §4.2. */
const EXAMPLE =
  '{"SendPingInterval":15,"HttpPostInterval":50,"PeerAliveTimeout":70,"DampingFilterRadius":4,"AdditionalCost":10}';

Deno.test("parametersDocument() writes the example of the specification", () => {
  const document = parametersDocument({ ...PARAMETERS, additionalCostMs: 10 });
  assert.equal(new TextDecoder().decode(document.plain), EXAMPLE);
  assert.equal(gunzipSync(document.gzip()).toString(), EXAMPLE);
  assert.equal(document.gzip(), document.gzip(), "compressed once");
});

Deno.test("parametersDocument() keeps fractions of a second, and the sign of a cost that is the edge's own", () => {
  const document = parametersDocument({ ...PARAMETERS, pingIntervalMs: 1500, additionalCostMs: -1 });
  const { SendPingInterval, AdditionalCost } = JSON.parse(new TextDecoder().decode(document.plain));
  assert.deepEqual([SendPingInterval, AdditionalCost], [1.5, -1]);
});
