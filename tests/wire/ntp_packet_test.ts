import fc from "fast-check";
import { strict as assert } from "node:assert";
import {
  checkNtpReply,
  compareClocks,
  NTP_FAULT_NAMES,
  NTP_PACKET_LEN,
  NTP_TIMESTAMP_LEN,
  NtpFault,
  readKissCode,
  readReceiveMs,
  readTransmitMs,
  writeNtpRequest,
} from "../../src/wire/ntp_packet.ts";

const COOKIE = Uint8Array.fromHex("0123456789abcdef");

/** An answer, field by field; the timestamps are those of 2026-01-01T00:00:00Z and a quarter of a second later. */
const ANSWER = {
  head: "24",
  stratum: "02",
  exponents: "06e8",
  rootDelay: "00000a1b",
  rootDispersion: "000003c4",
  referenceId: "c0000201",
  reference: "ed00370012345678",
  origin: COOKIE.toHex(),
  receive: "ed00378000000000",
  transmit: "ed00378040000000",
  rest: "",
};
const RECEIVE_MS = Date.UTC(2026, 0, 1);

function answerWith(change: Partial<typeof ANSWER> = {}): DataView {
  return new DataView(Uint8Array.fromHex(Object.values({ ...ANSWER, ...change }).join("")).buffer);
}

function check(view: DataView): string {
  return NTP_FAULT_NAMES[checkNtpReply(view, 0, view.byteLength, COOKIE)];
}

Deno.test("writeNtpRequest() writes version 4, mode client, the cookie, and nothing else", () => {
  const octets = new Uint8Array(NTP_PACKET_LEN + 4).fill(0xee);
  writeNtpRequest(new DataView(octets.buffer), 2, COOKIE);
  const expected = "eeee" + "23" + "00".repeat(39) + COOKIE.toHex() + "eeee";
  assert.equal(octets.toHex(), expected);
});

Deno.test("an answer is read field by field", () => {
  const view = answerWith();
  assert.equal(view.byteLength, NTP_PACKET_LEN);
  assert.equal(check(view), "none");
  assert.equal(readReceiveMs(view, 0), RECEIVE_MS);
  assert.equal(readTransmitMs(view, 0), RECEIVE_MS + 250);
});

Deno.test("an answer is read at an offset", () => {
  const octets = new Uint8Array(NTP_PACKET_LEN + 3);
  octets.set(new Uint8Array(answerWith().buffer), 3);
  const view = new DataView(octets.buffer);
  assert.equal(checkNtpReply(view, 3, NTP_PACKET_LEN, COOKIE), NtpFault.NONE);
  assert.equal(readTransmitMs(view, 3), RECEIVE_MS + 250);
});

const ACCEPTED: [name: string, change: Partial<typeof ANSWER>][] = [
  ["version 3", { head: "1c" }],
  ["a leap second ahead", { head: "64" }],
  ["stratum 1", { stratum: "01" }],
  ["stratum 15", { stratum: "0f" }],
  ["an authenticator", { rest: "00".repeat(20) }],
  ["no time between arrival and answer", { transmit: ANSWER.receive }],
];
for (const [name, change] of ACCEPTED) {
  Deno.test(`checkNtpReply() accepts an answer with ${name}`, () => assert.equal(check(answerWith(change)), "none"));
}

const REFUSED: [name: string, change: Partial<typeof ANSWER>, fault: string][] = [
  ["of mode client", { head: "23" }, "not-a-reply"],
  ["of mode broadcast", { head: "25" }, "not-a-reply"],
  ["of version 2", { head: "14" }, "not-a-reply"],
  ["of version 5", { head: "2c" }, "not-a-reply"],
  ["to another request", { origin: "0123456789abcdee" }, "origin"],
  ["without an origin", { origin: "00".repeat(8) }, "origin"],
  ["of stratum 0", { stratum: "00" }, "kiss"],
  ["of stratum 0 to another request", { stratum: "00", origin: "ff".repeat(8) }, "origin"],
  ["of stratum 16", { stratum: "10" }, "unsynchronized"],
  ["of a server whose clock isn't set", { head: "e4" }, "unsynchronized"],
  ["that never arrived", { receive: "00".repeat(8) }, "timestamps"],
  ["that was never sent", { transmit: "00".repeat(8) }, "timestamps"],
  ["that was sent before the request arrived", { transmit: "ed00377fff000000" }, "timestamps"],
];
for (const [name, change, fault] of REFUSED) {
  Deno.test(`checkNtpReply() refuses an answer ${name}`, () => assert.equal(check(answerWith(change)), fault));
}

Deno.test("checkNtpReply() refuses an answer that is cut anywhere", () => {
  const view = answerWith();
  for (let length = 0; length < NTP_PACKET_LEN; length++) {
    const cut = new DataView(view.buffer.slice(0, length));
    assert.equal(checkNtpReply(cut, 0, length, COOKIE), NtpFault.TRUNCATED);
  }
});

Deno.test("readKissCode() reads four letters, and shows nothing that a terminal would obey", () => {
  const codes: [hex: string, code: string][] = [
    ["52415445", "RATE"],
    ["44454e59", "DENY"],
    ["41434c00", "ACL"],
    ["1b5b324a", "??2J"],
    ["00000000", ""],
  ];
  for (const [referenceId, code] of codes) {
    assert.equal(readKissCode(answerWith({ stratum: "00", referenceId }), 0), code);
  }
});

Deno.test("timestamps go on after 2036, when their seconds begin at 0 again", () => {
  const cases: [hex: string, ms: number][] = [
    ["80000000" + "00000000", Date.UTC(1968, 0, 20, 3, 14, 8)],
    ["ffffffff" + "80000000", Date.UTC(2036, 1, 7, 6, 28, 15) + 500],
    ["00000000" + "00000001", Date.UTC(2036, 1, 7, 6, 28, 16)],
    ["7fffffff" + "00000000", Date.UTC(2104, 1, 26, 9, 42, 23)],
  ];
  for (const [transmit, ms] of cases) {
    assert.ok(Math.abs(readTransmitMs(answerWith({ transmit }), 0) - ms) < 0.001);
  }
});

Deno.test("compareClocks() finds the offset exactly where both ways take equally long", () => {
  const time = fc.integer({ min: 0, max: 4e12 });
  const delay = fc.integer({ min: 0, max: 10_000 });
  fc.assert(
    fc.property(
      time,
      fc.integer({ min: -4e12, max: 4e12 }),
      delay,
      delay,
      delay,
      (sentMs, offsetMs, there, at, back) => {
        const receiveMs = sentMs + offsetMs + there;
        const sample = compareClocks(sentMs, receiveMs, receiveMs + at, sentMs + there + at + back);
        assert.equal(sample.roundTripMs, there + back);
        assert.ok(Math.abs(sample.offsetMs - offsetMs) <= sample.roundTripMs / 2);
        if (there === back) assert.equal(sample.offsetMs, offsetMs);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("compareClocks() knows no negative round trip, whatever the server says it took", () => {
  assert.equal(compareClocks(1_000, 5_000, 5_100, 1_020).roundTripMs, 0);
});

Deno.test("checkNtpReply() decides about any octets without throwing, and accepts none without the cookie", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (octets, hasCookie) => {
      const packet = octets.slice();
      if (hasCookie && packet.length >= 32) packet.set(COOKIE, 24);
      const fault = checkNtpReply(new DataView(packet.buffer), 0, packet.length, COOKIE);
      assert.ok(fault in NTP_FAULT_NAMES);
      if (fault === NtpFault.NONE) assert.equal(packet.subarray(24, 24 + NTP_TIMESTAMP_LEN).toHex(), COOKIE.toHex());
    }),
    { numRuns: 1_000 },
  );
});
