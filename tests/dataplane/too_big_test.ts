import { strict as assert } from "node:assert";
import { FrameLayout, readFrameLayout } from "../../src/dataplane/frame_layout.ts";
import { PieceReader } from "../../src/dataplane/piece_reader.ts";
import { PieceList } from "../../src/dataplane/split.ts";
import { ANSWER_FRAME_AT, createAnswerLimit, createTooBigAnswer, writeTooBig } from "../../src/dataplane/too_big.ts";
import { concat, slowChecksum } from "../reference/checksum.ts";
import { type FrameSpec, makeFrame, pseudoHeader, readLong, readWord } from "../reference/frame.ts";
import { allocatedPerCall } from "./allocation.ts";

const LIMIT = 1404;
const UDP = "udp";

/** Returns the answer to a frame, or `undefined` if there is none. */
function answerTo(frame: Uint8Array, limit = LIMIT): Uint8Array | undefined {
  const octets = Uint8Array.from(frame);
  const view = new DataView(octets.buffer);
  const list = new PieceList(1);
  list.append(0, 0, frame.length, 0, 0);
  const packet = new PieceReader();
  packet.point(list, 0, octets, view);
  const layout = new FrameLayout();
  readFrameLayout(view, 0, frame.length, layout);
  const answer = createTooBigAnswer();
  const isWritten = writeTooBig(packet, layout, limit, answer);
  assert.equal(isWritten, answer.length > 0);
  assert.ok(answer.octets.subarray(0, ANSWER_FRAME_AT).every((octet) => octet === 0));
  return isWritten ? answer.octets.slice(ANSWER_FRAME_AT, ANSWER_FRAME_AT + answer.length) : undefined;
}

function long(spec: FrameSpec, length = 1448): Uint8Array {
  return makeFrame({ ...spec, payload: Uint8Array.from({ length }, (_, index) => index * 5) });
}

/** An ICMP message in a frame, of the given type. */
function icmp(version: 4 | 6, type: number): Uint8Array {
  const frame = long({ version, protocol: UDP });
  frame[14 + (version === 4 ? 9 : 6)] = version === 4 ? 1 : 58;
  frame[14 + (version === 4 ? 20 : 40)] = type;
  return frame;
}

/** A frame with a fragment header between IPv6 and what it holds. */
function fragment6(offset: number, protocol: number, type: number): Uint8Array {
  const frame = long({ version: 6, protocol: UDP });
  frame[20] = 44;
  frame.set([protocol, 0, offset >> 8, (offset & 0xff) | 1, 0, 0, 0, 9, type], 54);
  return frame;
}

Deno.test("writeTooBig() answers IPv4 with fragmentation needed, in the name of the destination", () => {
  for (const vlanTags of [[], [[0x8100, 0x6005]], [[0x88a8, 7], [0x8100, 9]]] as [number, number][][]) {
    const frame = long({ hosts: [1, 2], vlanTags });
    const network = 14 + 4 * vlanTags.length;
    const answer = answerTo(frame)!;
    assert.deepEqual(
      answer.subarray(0, network),
      concat(frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, network)),
    );
    const ip = answer.subarray(network, network + 20);
    assert.equal(slowChecksum(ip), 0);
    assert.deepEqual([...ip.subarray(0, 10)], [0x45, 0xc0, 576 >> 8, 576 & 0xff, 0, 0, 0x40, 0, 64, 1]);
    assert.deepEqual([...ip.subarray(12)], [10, 0, 0, 2, 10, 0, 0, 1]);
    const message = answer.subarray(network + 20);
    assert.equal(message.length, 556);
    assert.equal(slowChecksum(message), 0);
    assert.deepEqual([message[0], message[1]], [3, 4]);
    assert.equal(readLong(message, 4), LIMIT - network);
    assert.deepEqual(message.subarray(8), frame.subarray(network, network + 548));
  }
});

Deno.test("writeTooBig() answers IPv6 with packet too big, in the name of the destination", () => {
  const frame = long({ version: 6, hosts: [1, 2], vlanTags: [[0x8100, 5]] });
  const answer = answerTo(frame)!;
  assert.equal(answer.length, 18 + 1280);
  assert.deepEqual(answer.subarray(0, 18), concat(frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, 18)));
  const ip = answer.subarray(18, 58);
  assert.deepEqual([...ip.subarray(0, 8)], [0x60, 0, 0, 0, 1240 >> 8, 1240 & 0xff, 58, 64]);
  assert.deepEqual(ip.subarray(8), concat(frame.subarray(18 + 24, 18 + 40), frame.subarray(18 + 8, 18 + 24)));
  const message = answer.subarray(58);
  assert.equal(slowChecksum(pseudoHeader(ip, 58, message.length), message), 0);
  assert.deepEqual([message[0], message[1]], [2, 0]);
  assert.equal(readLong(message, 4), LIMIT - 18);
  assert.deepEqual(message.subarray(8), frame.subarray(18, 18 + 1232));
});

Deno.test("writeTooBig() never tells an MTU that a sender wouldn't believe", () => {
  assert.equal(readLong(answerTo(long({ version: 6 }), 1000)!, 14 + 40 + 4), 1280);
  assert.equal(readWord(answerTo(long({}), 14 + 68)!, 14 + 20 + 6), 68);
  assert.equal(answerTo(long({}), 14 + 67), undefined);
});

Deno.test("writeTooBig() makes no answer that is too long for the same path, but quotes eight octets of data", () => {
  assert.equal(answerTo(long({}), 500)!.length, 500);
  assert.equal(answerTo(long({ version: 6 }), 1000)!.length, 1000);
  assert.equal(answerTo(long({}), 14 + 68)!.length, 14 + 68);
  assert.equal(answerTo(long({}), 14 + 40), undefined);
  assert.equal(answerTo(long({ version: 6 }), 100)!.length, 14 + 40 + 8 + 40 + 8);
});

Deno.test("writeTooBig() quotes a short packet whole", () => {
  const frame = long({}, 100);
  assert.deepEqual(answerTo(frame)!.subarray(14 + 28), frame.subarray(14));
});

Deno.test("writeTooBig() answers what ICMP lets it answer, and is silent otherwise", () => {
  const four = long({});
  const six = long({ version: 6 });
  const rows: { name: string; frame: Uint8Array; answered: boolean }[] = [
    { name: "echo request", frame: icmp(4, 8), answered: true },
    { name: "destination unreachable", frame: icmp(4, 3), answered: false },
    { name: "redirect", frame: icmp(4, 5), answered: false },
    { name: "time exceeded", frame: icmp(4, 11), answered: false },
    { name: "ICMPv6 echo request", frame: icmp(6, 128), answered: true },
    { name: "ICMPv6 packet too big", frame: icmp(6, 2), answered: false },
    { name: "ICMPv6 redirect", frame: icmp(6, 137), answered: false },
    { name: "first fragment", frame: long({ fragment: 0x6000 }), answered: true },
    { name: "second fragment", frame: long({ fragment: 0x6001 }), answered: false },
    { name: "first IPv6 fragment", frame: fragment6(0, 17, 0), answered: true },
    { name: "second IPv6 fragment", frame: fragment6(8, 17, 0), answered: false },
    { name: "first fragment of an ICMPv6 error", frame: fragment6(0, 58, 1), answered: false },
    { name: "first fragment of an ICMPv6 echo request", frame: fragment6(0, 58, 128), answered: true },
    { name: "Ethernet group", frame: four.with(0, 0x03), answered: false },
    { name: "Ethernet group, IPv6", frame: six.with(0, 0x33), answered: false },
    { name: "from an Ethernet group", frame: four.with(6, 0x03), answered: false },
    { name: "IPv4 multicast", frame: four.with(30, 224), answered: false },
    { name: "IPv4 broadcast", frame: four.with(30, 255), answered: false },
    { name: "from IPv4 multicast", frame: four.with(26, 239), answered: false },
    { name: "from this network", frame: four.with(26, 0), answered: false },
    { name: "from loopback", frame: four.with(26, 127), answered: false },
    { name: "IPv6 multicast", frame: six.with(14 + 24, 0xff), answered: false },
    { name: "from IPv6 multicast", frame: six.with(14 + 8, 0xff), answered: false },
    { name: "from the unspecified address", frame: Uint8Array.from(six).fill(0, 22, 38), answered: false },
  ];
  for (const { name, frame, answered } of rows) assert.equal(answerTo(frame) !== undefined, answered, name);
});

Deno.test("createAnswerLimit() allows fifty at once, and then two hundred a second", () => {
  const limit = createAnswerLimit();
  const allowed = (nowMs: number, tries: number) =>
    Array.from({ length: tries }, () => limit.take(nowMs)).filter(Boolean).length;
  assert.equal(allowed(1000, 500), 50);
  assert.equal(allowed(1004, 5), 0);
  assert.equal(allowed(1005, 5), 1);
  assert.equal(allowed(1105, 500), 20);
  assert.equal(allowed(60000, 500), 50);
  assert.equal(allowed(59000, 500), 0);
});

Deno.test("createAnswerLimit() makes a limit that allocates nothing", () => {
  const limit = createAnswerLimit();
  const times = new Float64Array(64).map((_, index) => 1e6 + index * 1.5);
  let allowed = 0;
  const bytes = allocatedPerCall(() => {
    for (let i = 0; i < times.length; i++) if (limit.take(times[i])) allowed++;
  });
  assert.ok(allowed > 0);
  assert.ok(bytes < 1, `${bytes} bytes per burst`);
});
