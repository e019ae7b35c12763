import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  copyEndpoint,
  ENDPOINT_REMOTE_WORDS,
  ENDPOINT_WORDS,
  endpointAddress,
  endpointAddressOctet,
  formatEndpoint,
  formatIpAddress,
  parseEndpoint,
  parseIpAddress,
  sameEndpoint,
  sameRemote,
  writeEndpoint,
} from "../../src/base/endpoint.ts";

const IPV4 = Uint8Array.of(192, 0, 2, 1);
const IPV6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x2a);

Deno.test("parseIpAddress() reads every form of a literal", () => {
  const cases: [text: string, octets: number[]][] = [
    ["0.0.0.0", [0, 0, 0, 0]],
    ["255.255.255.255", [255, 255, 255, 255]],
    ["::", new Array(16).fill(0)],
    ["::1", [...new Array(15).fill(0), 1]],
    ["fe80::", [0xfe, 0x80, ...new Array(14).fill(0)]],
    ["1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
    ["1::8", [0, 1, ...new Array(12).fill(0), 0, 8]],
    ["1:2:3:4:5:6:7::", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]],
    ["ABCD::ef", [0xab, 0xcd, ...new Array(12).fill(0), 0, 0xef]],
    ["::ffff:192.0.2.1", [...new Array(10).fill(0), 0xff, 0xff, 192, 0, 2, 1]],
    ["1:2:3:4:5:6:192.0.2.1", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 192, 0, 2, 1]],
  ];
  for (const [text, octets] of cases) assert.deepEqual(parseIpAddress(text), Uint8Array.from(octets), text);
});

Deno.test("parseIpAddress() refuses what is no literal", () => {
  const cases = [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.1000",
    "1.2.3.4 ",
    "1.2.3.-4",
    "0x1.2.3.4",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "[::1]",
    "::1.2.3",
    "192.0.2.1::",
    "::192.0.2.1:1",
  ];
  for (const text of cases) assert.equal(parseIpAddress(text), undefined, text);
});

Deno.test("formatIpAddress() shortens IPv6 as RFC 5952 wants", () => {
  const cases: [text: string, canonical: string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    // §4.2.2: a single group of zeros is not shortened.
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    // §4.2.3: the longest run, the first of equal ones.
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    // §4.1, §4.3: no leading zeros, lower case.
    ["2001:0DB8::000A", "2001:db8::a"],
  ];
  for (const [text, canonical] of cases) assert.equal(formatIpAddress(parseIpAddress(text)!), canonical, text);
});

Deno.test("formatIpAddress() and parseIpAddress() agree on every address", () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Many zeros, so that shortening is met.
    fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 16, maxLength: 16 }).map((octets) => Uint8Array.from(octets)),
  );
  fc.assert(fc.property(address, (octets) => {
    assert.deepEqual(parseIpAddress(formatIpAddress(octets)), octets);
  }));
});

Deno.test("parseIpAddress() and parseEndpoint() never throw", () => {
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(":", "::", ".", "1", "ff", "256", "[", "]", "%", "0"), { maxLength: 24 })
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (written) => {
      const address = parseIpAddress(written);
      if (address !== undefined) assert.deepEqual(parseIpAddress(formatIpAddress(address)), address);
      const endpoint = parseEndpoint(written);
      if (endpoint !== undefined) assert.deepEqual(parseEndpoint(formatEndpoint(endpoint, 0)), endpoint);
    }),
    { numRuns: 500 },
  );
});

Deno.test("writeEndpoint() writes a record anywhere, clears its local part, and touches nothing else", () => {
  for (const [octets, family] of [[IPV4, 4], [IPV6, 6]] as const) {
    const words = new Uint32Array(3 * ENDPOINT_WORDS).fill(0xdeadbeef);
    writeEndpoint(words, 7, octets, 51820, 3);
    assert.equal(words[7], family);
    assert.equal(words[8], 51820);
    assert.equal(words[13], 3);
    assert.deepEqual([...words.subarray(7 + ENDPOINT_REMOTE_WORDS, 7 + ENDPOINT_WORDS)], [0, 0, 0, 0, 0]);
    assert.deepEqual(endpointAddress(words, 7), octets);
    assert.ok([...words.subarray(0, 7), ...words.subarray(7 + ENDPOINT_WORDS)].every((word) => word === 0xdeadbeef));
    octets.forEach((octet, index) => assert.equal(endpointAddressOctet(words, 7, index), octet));
  }
});

Deno.test("writeEndpoint() stores addresses as they stand in a socket address", () => {
  const words = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(words, 0, IPV6, 1);
  assert.deepEqual(new Uint8Array(words.buffer, 8, 16), IPV6);
});

Deno.test("endpointAddress() and formatEndpoint() know a record without a family", () => {
  const words = new Uint32Array(ENDPOINT_WORDS);
  assert.deepEqual(endpointAddress(words, 0), new Uint8Array(0));
  assert.equal(formatEndpoint(words, 0), "none");
});

Deno.test("parseEndpoint() reads what formatEndpoint() writes", () => {
  for (const text of ["192.0.2.1:1", "192.0.2.1:65535", "[::]:80", "[2001:db8::2a]:51820"]) {
    assert.equal(formatEndpoint(parseEndpoint(text)!, 0), text);
  }
});

Deno.test("parseEndpoint() refuses what is no endpoint", () => {
  const cases = [
    "",
    "192.0.2.1",
    "192.0.2.1:",
    "192.0.2.1:0",
    "192.0.2.1:65536",
    "192.0.2.1:123456",
    "192.0.2.1:1 ",
    "[192.0.2.1]:1",
    "::1:1",
    "[::1]",
    "[::1]1",
    "example.org:1",
    "[example.org]:1",
    ":1",
    "[]:1",
  ];
  for (const text of cases) assert.equal(parseEndpoint(text), undefined, text);
});

Deno.test("sameRemote() looks at the remote words only, sameEndpoint() at all", () => {
  const records = new Uint32Array(2 * ENDPOINT_WORDS);
  for (let word = 0; word < ENDPOINT_WORDS; word++) {
    writeEndpoint(records, 0, IPV6, 51820, 2);
    copyEndpoint(records, 0, records, ENDPOINT_WORDS);
    assert.ok(sameRemote(records, 0, records, ENDPOINT_WORDS));
    assert.ok(sameEndpoint(records, 0, records, ENDPOINT_WORDS));
    records[ENDPOINT_WORDS + word] ^= 1;
    assert.equal(sameRemote(records, 0, records, ENDPOINT_WORDS), word >= ENDPOINT_REMOTE_WORDS, `word ${word}`);
    assert.ok(!sameEndpoint(records, 0, records, ENDPOINT_WORDS), `word ${word}`);
  }
});
