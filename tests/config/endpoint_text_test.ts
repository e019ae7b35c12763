import { strict as assert } from "node:assert";
import { type EndpointConfig, formatEndpointText, parseEndpointText } from "../../src/config/endpoint_text.ts";

const ENDPOINTS: readonly [text: string, endpoint: EndpointConfig][] = [
  ["127.0.0.1:3002", { host: "127.0.0.1", port: 3002, family: 4 }],
  ["[::1]:3000", { host: "::1", port: 3000, family: 6 }],
  ["[fd00::1]:65535", { host: "fd00::1", port: 65535, family: 6 }],
  ["1.example.com:3456", { host: "1.example.com", port: 3456, family: 0 }],
  ["node_1:1", { host: "node_1", port: 1, family: 0 }],
  ["example.com.:1", { host: "example.com.", port: 1, family: 0 }],
];

for (const [text, endpoint] of ENDPOINTS) {
  Deno.test(`parseEndpointText() reads ${text}, and formatEndpointText() writes it`, () => {
    assert.deepEqual(parseEndpointText(text), endpoint);
    assert.equal(formatEndpointText(endpoint), text);
  });
}

Deno.test("parseEndpointText() refuses what is no host and port", () => {
  const refused = [
    "",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "127.0.0.1:http",
    "127.0.0.1: 80",
    ":3000",
    "::1:3000",
    "[::1]",
    "[127.0.0.1]:3000",
    "[fe80::1%eth0]:3000",
    "[]:3000",
    "1.2.3:80",
    "1.2.3.999:80",
    "-a.example:80",
    "a..b:80",
    "a b:80",
    `${"a".repeat(64)}.example:80`,
    `${"a.".repeat(130)}example:80`,
    "http://example.com:80",
  ];
  for (const text of refused) assert.equal(parseEndpointText(text), undefined, text);
});
