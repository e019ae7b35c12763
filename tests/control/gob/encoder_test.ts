import { strict as assert } from "node:assert";
import { encodeGob, FIRST_TYPE_ID } from "../../../src/control/gob/encoder.ts";
import {
  GOB_FLOAT,
  GOB_INT,
  GOB_STRING,
  type GobArray,
  type GobMap,
  gobMap,
  type GobOpaque,
  gobSlice,
  type GobStruct,
  gobStruct,
  gobUint,
  type GobValueOf,
} from "../../../src/control/gob/type.ts";
import { PEER_REPORT_VECTORS, PING_VECTORS } from "../../vectors/gob.ts";

const UINT = gobUint(0xffff);
const KEY: GobArray = { kind: "array", name: "[2]uint8", length: 2 };
const TIME: GobOpaque = { kind: "opaque", name: "Time" };

/** Returns the last message of a stream in hexadecimal, without its length and its id: the value. */
function valueOf<Type extends GobStruct>(type: Type, value: GobValueOf<Type>): string {
  return encodeGob(type, value).toHex().split("ff82").at(-1)!;
}

Deno.test("encodeGob() begins at 65 unless told otherwise", () => {
  const type = gobStruct("T", { A: UINT });
  assert.equal(FIRST_TYPE_ID, 65);
  assert.equal(
    encodeGob(type, { A: 1 }).toHex(),
    "15ff810301010154" + "01ff82000101010141" + "01060000" + "0005ff82010100",
  );
  assert.equal(encodeGob(type, { A: 1 }, 65).toHex(), encodeGob(type, { A: 1 }).toHex());
  assert.throws(() => encodeGob(type, { A: 1 }, 63), RangeError);
});

Deno.test("encodeGob() leaves zeros out and counts the fields in between", () => {
  const type = gobStruct("T", { A: UINT, B: GOB_INT, C: GOB_FLOAT, D: GOB_STRING, E: TIME, F: UINT });
  const zero = { A: 0, B: 0, C: -0, D: "", E: new Uint8Array(0), F: 0 };
  assert.equal(valueOf(type, zero), "00");
  assert.equal(valueOf(type, { ...zero, F: 1 }), "0601" + "00");
  assert.equal(valueOf(type, { ...zero, A: 1, D: "x" }), "0101" + "030178" + "00");
  assert.equal(valueOf(type, { ...zero, B: -1, C: 1, E: Uint8Array.of(9) }), "0201" + "01fef03f" + "020109" + "00");
});

Deno.test("encodeGob() always writes arrays, and maps and structs that are there", () => {
  const inner = gobStruct("I", { A: UINT });
  const type = gobStruct("T", { K: KEY, M: gobMap("m", UINT), S: inner, L: gobSlice("l", UINT) });
  const zero = { K: new Uint8Array(2), M: undefined, S: undefined, L: [] };
  assert.equal(encodeGob(type, zero).toHex().slice(-14), "ff820102000000");
  const empty = { ...zero, M: new Map(), S: { A: 0 } };
  assert.equal(encodeGob(type, empty).toHex().slice(-22), "ff82010200000100" + "0100" + "00");
});

Deno.test("encodeGob() writes an octet of an array from 128 on as two", () => {
  const type = gobStruct("T", { K: KEY });
  assert.equal(encodeGob(type, { K: Uint8Array.of(127, 128) }).toHex().slice(-16), "ff8201027fff8000");
});

Deno.test("encodeGob() writes zeros that are elements", () => {
  const type = gobStruct("T", { L: gobSlice("l", UINT), M: gobMap("m", GOB_FLOAT) });
  const value = { L: [0, 1], M: new Map([["", 0]]) };
  assert.equal(encodeGob(type, value).toHex().slice(-22), "ff8201020001" + "01010000" + "00");
});

Deno.test("encodeGob() writes a ping with nanoseconds and zone as recorded", () => {
  const type = gobStruct("PingMsg", { RequestID: UINT, Src_nodeID: UINT, Time: TIME, RequestReply: GOB_INT });
  const time = "010000000edce5e800075bcd15";
  const ping = { RequestID: 0, Src_nodeID: 1, Time: Uint8Array.fromHex(time + "ffff"), RequestReply: 0 };
  assert.equal(encodeGob(type, ping, 64).toHex(), PING_VECTORS[0].octets.toHex());
  const elsewhere = { ...ping, Time: Uint8Array.fromHex(time + "01e0"), RequestReply: 1 };
  assert.equal(encodeGob(type, elsewhere, 64).toHex(), PING_VECTORS[1].octets.toHex());
});

Deno.test("encodeGob() writes a report with one map empty and the other nil as recorded", () => {
  const pong = gobStruct("PongMsg", {
    RequestID: UINT,
    Src_nodeID: UINT,
    Dst_nodeID: UINT,
    Timediff: GOB_FLOAT,
    TimeToAlive: GOB_FLOAT,
    AdditionalCost: GOB_FLOAT,
  });
  const endpoints: GobMap<typeof GOB_FLOAT> = gobMap("map[string]float64", GOB_FLOAT);
  const type = gobStruct("API_report_peerinfo", {
    Pongs: gobSlice("[]mtypes.PongMsg", pong),
    LocalV4s: endpoints,
    LocalV6s: endpoints,
  });
  const report = { Pongs: [], LocalV4s: new Map(), LocalV6s: undefined };
  assert.equal(encodeGob(type, report, 64).toHex(), PEER_REPORT_VECTORS[1].octets.toHex());
});

Deno.test("encodeGob() throws for values that no reader would take", () => {
  const type = gobStruct("T", { A: UINT, B: GOB_INT, C: GOB_FLOAT, K: KEY });
  const good = { A: 1, B: 1, C: 1, K: new Uint8Array(2) };
  encodeGob(type, good);
  for (const A of [-1, 0x10000, 0.5, NaN, Infinity]) {
    assert.throws(() => encodeGob(type, { ...good, A }), /RangeError: Cannot encode .* integer from 0 to 65535$/);
  }
  for (const B of [2 ** 52, -(2 ** 52) - 1, 0.5]) assert.throws(() => encodeGob(type, { ...good, B }), RangeError);
  for (const C of [NaN, -Infinity]) assert.throws(() => encodeGob(type, { ...good, C }), RangeError);
  assert.throws(() => encodeGob(type, { ...good, K: new Uint8Array(3) }), RangeError);
});
