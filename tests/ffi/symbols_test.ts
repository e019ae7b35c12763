import { strict as assert } from "node:assert";
import { ENDPOINT_REMOTE_WORDS, ENDPOINT_WORDS } from "../../src/base/endpoint.ts";
import {
  ERROR_WORDS,
  FRAME_WORDS,
  OPEN_WORDS,
  RECEIVED_ENDPOINT,
  RECEIVED_WORDS,
  RUN_WORDS,
  SEAL_WORDS,
  SHIM_ABI_VERSION,
  SYMBOLS,
  TunFlag,
  UdpFlag,
  WRITE_FRAME_WORDS,
  WRITE_PIECE_WORDS,
} from "../../src/ffi/symbols.ts";
import { readHeader } from "./header.ts";

const header = readHeader();

Deno.test("SYMBOLS has the functions of the header, each with its parameters and result", () => {
  const bound = Object.entries(SYMBOLS).map(([name, { parameters, result }]) => ({
    name,
    parameters: [...parameters] as string[],
    result: result as string,
  }));
  const byName = (a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1;
  assert.ok(header.functions.length > 25);
  assert.deepEqual(bound.sort(byName), [...header.functions].sort(byName));
});

Deno.test("SYMBOLS comes with every number that the header defines", () => {
  assert.deepEqual(Object.fromEntries(header.numbers), {
    EG_ABI_VERSION: SHIM_ABI_VERSION,
    EG_TUN_TAP: TunFlag.TAP,
    EG_TUN_MULTI_QUEUE: TunFlag.MULTI_QUEUE,
    EG_TUN_VNET_HDR: TunFlag.VNET_HDR,
    EG_TUN_EXCLUSIVE: TunFlag.EXCLUSIVE,
    EG_FRAME_WORDS: FRAME_WORDS,
    EG_WRITE_FRAME_WORDS: WRITE_FRAME_WORDS,
    EG_WRITE_PIECE_WORDS: WRITE_PIECE_WORDS,
    EG_UDP_REUSEPORT: UdpFlag.REUSEPORT,
    EG_UDP_GRO: UdpFlag.GRO,
    EG_UDP_PKTINFO: UdpFlag.PKTINFO,
    EG_UDP_ERRORS: UdpFlag.ERRORS,
    EG_RECEIVED_WORDS: RECEIVED_WORDS,
    EG_RUN_WORDS: RUN_WORDS,
    EG_ERROR_WORDS: ERROR_WORDS,
    EG_SEAL_WORDS: SEAL_WORDS,
    EG_OPEN_WORDS: OPEN_WORDS,
  });
});

Deno.test("an endpoint record has the layout of struct eg_endpoint", () => {
  const names = header.endpointFields.flatMap(([name, words]) => Array.from({ length: words }, () => name));
  assert.equal(names.length, ENDPOINT_WORDS);
  assert.equal(names.indexOf("local"), ENDPOINT_REMOTE_WORDS);
  assert.deepEqual(
    ["family", "port", "address", "scope", "local", "interface"].map((name) => names.indexOf(name)),
    [0, 1, 2, 6, 7, 11],
  );
  assert.equal(RECEIVED_ENDPOINT + ENDPOINT_WORDS, RECEIVED_WORDS);
});
