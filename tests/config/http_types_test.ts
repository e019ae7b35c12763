import { strict as assert } from "node:assert";
import { API_PREFIX, LISTEN_ADDRESS, type ListenConfig } from "../../src/config/http_types.ts";

const LISTEN: readonly [text: string, value: ListenConfig][] = [
  ["3000", { host: undefined, port: 3000 }],
  [":3000", { host: undefined, port: 3000 }],
  ["http", { host: undefined, port: 80 }],
  [":https", { host: undefined, port: 443 }],
  ["127.0.0.1:3000", { host: "127.0.0.1", port: 3000 }],
  ["super.example:65535", { host: "super.example", port: 65535 }],
  ["[2001:db8::1]:1", { host: "2001:db8::1", port: 1 }],
];

Deno.test("LISTEN_ADDRESS reads a port, with and without a host", () => {
  for (const [text, value] of LISTEN) assert.deepEqual(LISTEN_ADDRESS.parse(text, false), { value }, text);
  assert.deepEqual(LISTEN_ADDRESS.parse("", false), { value: undefined });
});

Deno.test("LISTEN_ADDRESS refuses anything else", () => {
  const wrong = [
    "0",
    "65536",
    "-1",
    "localhost",
    "a b:1",
    "127.0.0.1",
    "[::1]",
    "[127.0.0.1]:1",
    "::1:3000",
    "*:80",
    "ftp",
  ];
  for (const text of wrong) assert.ok("remedy" in LISTEN_ADDRESS.parse(text, false), text);
});

Deno.test("API_PREFIX adds the slash at the start, drops one at the end, and refuses what is no path", () => {
  const values = [["", ""], ["/eg_api", "/eg_api"], ["eg_api", "/eg_api"], ["/a/b-c.d", "/a/b-c.d"], ["/a/", "/a"], [
    "/",
    "",
  ]];
  for (const [text, expected] of values) {
    const parsed = API_PREFIX.parse(text, false);
    assert.ok("value" in parsed && parsed.value === expected, text);
    assert.equal(parsed.doubt !== undefined, text.length > 0 && text.endsWith("/"), text);
  }
  for (const text of ["//a", "/a//b", "/a/../b", "/./a", "/a?b", "/a#b", "/a b", "/ä", "a//"]) {
    assert.ok("remedy" in API_PREFIX.parse(text, false), text);
  }
});
