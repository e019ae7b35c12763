import { strict as assert } from "node:assert";
import { parseEndpoint } from "../../src/base/endpoint.ts";
import { addressText, EndpointPolicy } from "../../src/device/endpoint_policy.ts";

function endpoint(text: string): Uint32Array {
  const words = parseEndpoint(text);
  if (words === undefined) throw new TypeError(`Cannot parse "${text}"`);
  return words;
}

Deno.test("mayLearn() refuses private addresses unless they are allowed", () => {
  const strict = new EndpointPolicy(false);
  assert.equal(strict.mayLearn(endpoint("8.8.8.8:1")), true);
  assert.equal(strict.mayLearn(endpoint("10.0.0.1:1")), false);
  assert.equal(strict.mayLearn(endpoint("[fe80::1]:1")), false);
  assert.equal(strict.mayLearn(new Uint32Array(12)), false, "no address");
  assert.equal(new EndpointPolicy(true).mayLearn(endpoint("10.0.0.1:1")), true);
});

Deno.test("mayLearn() accepts a private address that is configured for any peer, with any port", () => {
  const policy = new EndpointPolicy(false);
  policy.configure(3, endpoint("10.0.0.1:1"));
  assert.equal(policy.mayLearn(endpoint("10.0.0.1:2")), true);
  assert.equal(policy.mayLearn(endpoint("10.0.0.2:1")), false);
  policy.forget(3);
  assert.equal(policy.mayLearn(endpoint("10.0.0.1:2")), false);
});

Deno.test("configure() remembers the last eight addresses of a peer", () => {
  const policy = new EndpointPolicy(false);
  for (let last = 1; last <= 8; last++) policy.configure(0, endpoint(`10.0.0.${last}:1`));
  policy.configure(0, endpoint("10.0.0.1:1"));
  policy.configure(0, endpoint("10.0.0.9:1"));
  assert.equal(policy.mayLearn(endpoint("10.0.0.1:1")), true, "was named again");
  assert.equal(policy.mayLearn(endpoint("10.0.0.2:1")), false);
  assert.equal(policy.mayLearn(endpoint("10.0.0.9:1")), true);
});

Deno.test("addressText() leaves out the port", () => {
  assert.equal(addressText(endpoint("192.0.2.1:77"), 0), "192.0.2.1");
  assert.equal(addressText(endpoint("[2001:db8::1]:77"), 0), "2001:db8::1");
});
