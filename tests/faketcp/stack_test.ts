import { strict as assert } from "node:assert";
import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION, ENDPOINT_WORDS, writeEndpoint } from "../../src/base/endpoint.ts";
import { ConnectionFlag, ConnectionState, NO_CONNECTION, ROW_REST_MS } from "../../src/faketcp/connection_table.ts";
import { LINUX, PHANTUN } from "../../src/faketcp/fingerprint.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { readTcpFlags } from "../../src/wire/tcp.ts";
import { connect, exchange, PORT, readSegment, SoftHost } from "./soft_host.ts";

const { FIN, SYN, RST, ACK, PSH } = TcpFlag;

/** Control bits of an IPv4 packet without IP options. */
function flagsOf(packet: Uint8Array): number {
  return readTcpFlags(new DataView(packet.buffer), 20);
}

Deno.test("dial() opens a connection on both sides, with all that Linux negotiates, for both families", () => {
  for (const family of [4, 6]) {
    const a = new SoftHost(1);
    const b = new SoftHost(2);
    const [rowA, rowB] = connect(a, b, 1000, family);
    assert.deepEqual(a.eventNames(), ["opened"]);
    assert.deepEqual(b.eventNames(), ["opened"]);
    const mss = 1500 - (family === 4 ? 40 : 60);
    for (const [host, row, dialled] of [[a, rowA, true], [b, rowB, false]] as const) {
      const { table } = host;
      const opened = host.events[0];
      assert.ok(opened.kind === "opened");
      assert.equal(opened.dialled, dialled);
      assert.equal(opened.maxDatagramLen, mss - 12);
      assert.equal(opened.endpoint[ENDPOINT_CONNECTION], row + 1);
      assert.equal(opened.endpoint[ENDPOINT_GENERATION], opened.generation);
      assert.equal(opened.endpoint[0], family);
      assert.equal(table.flags[row], ConnectionFlag.TIMESTAMPS | ConnectionFlag.WINDOW_SCALE);
      assert.equal(table.sndNxt[row], (table.iss[row] + 1) >>> 0);
      assert.equal(table.sndUna[row], table.sndNxt[row]);
    }
    assert.equal(a.table.rcvNxt[rowA], b.table.sndNxt[rowB]);
    assert.equal(b.table.rcvNxt[rowB], a.table.sndNxt[rowA]);
    assert.equal(a.table.sndWnd[rowA], 0xffff << 7);
  }
});

Deno.test("dial() returns no row without an address of the family, a port, a route, or a free row", () => {
  const b = new SoftHost(2);
  const linkLocal = b.endpoint(6);
  linkLocal[6] = 3;
  assert.equal(new SoftHost(1, { addressV6: undefined }).stack.dial(b.endpoint(6), 0), NO_CONNECTION);
  assert.equal(new SoftHost(1).stack.dial(b.endpoint(4, 0), 0), NO_CONNECTION);
  assert.equal(new SoftHost(1).stack.dial(linkLocal, 0), NO_CONNECTION);
  assert.equal(new SoftHost(1).stack.dial(new Uint32Array(ENDPOINT_WORDS), 0), NO_CONNECTION);

  const onePort = new SoftHost(1, { dialPorts: [61000, 61000] });
  assert.notEqual(onePort.stack.dial(b.endpoint(), 0), NO_CONNECTION);
  assert.equal(onePort.stack.dial(b.endpoint(), 0), NO_CONNECTION);

  const small = new SoftHost(1, { capacity: 2 });
  const first = small.stack.dial(b.endpoint(), 0);
  assert.notEqual(small.stack.dial(b.endpoint(), 0), NO_CONNECTION);
  assert.equal(small.stack.dial(b.endpoint(), 0), NO_CONNECTION);
  small.stack.abort(first, 10);
  assert.equal(small.stack.dial(b.endpoint(), 10 + ROW_REST_MS - 1), NO_CONNECTION);
  assert.equal(small.stack.dial(b.endpoint(), 10 + ROW_REST_MS), first);
});

Deno.test("the handshake looks as one between Linux hosts", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  a.stack.dial(b.endpoint(), 0);
  const [synPacket] = a.transmit();
  const syn = readSegment(synPacket, b.local);
  assert.equal(syn.flags, SYN);
  assert.equal(syn.window, 64240);
  assert.deepEqual([syn.mss, syn.windowScale, syn.sackPermitted, syn.hasTimestamps], [1460, 7, true, true]);
  assert.equal(syn.tsEcr, 0);
  assert.ok(syn.tuple[1] >= 61000);
  b.receive(synPacket, 0);
  const [synAckPacket] = b.transmit();
  const synAck = readSegment(synAckPacket, a.local);
  assert.equal(synAck.flags, SYN | ACK);
  assert.equal(synAck.tsEcr, syn.tsVal);
  assert.deepEqual([synAck.mss, synAck.windowScale, synAck.sackPermitted], [1460, 7, true]);
  assert.equal(new DataView(synAckPacket.buffer).getUint16(4), 0, "identification of a SYN-ACK");
  a.receive(synAckPacket, 0);
  const [ackPacket] = a.transmit();
  const ack = readSegment(ackPacket, b.local);
  assert.deepEqual([ack.flags, ack.payloadLen, ack.window, ack.hasTimestamps], [ACK, 0, 0xffff, true]);
  b.receive(ackPacket, 0);
  const answers = b.transmit();
  assert.equal(answers.length, 1, "the responder shows its scaled window at once");
  assert.deepEqual([readSegment(answers[0], a.local).flags, readSegment(answers[0], a.local).window], [ACK, 0xffff]);
});

Deno.test("an unanswered SYN is sent six times, at 0, 1, 3, 7, 15 and 31 s, and given up at 63 s", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  a.stack.dial(b.endpoint(), 0);
  const sentMs: number[] = [];
  for (let nowMs = 0; nowMs <= 70_000; nowMs += 500) {
    a.handleTimeout(nowMs);
    for (const packet of a.transmit()) {
      sentMs.push(nowMs);
      assert.equal(flagsOf(packet), SYN);
    }
  }
  assert.deepEqual(sentMs, [0, 1000, 3000, 7000, 15_000, 31_000]);
  assert.deepEqual(a.eventNames(), ["closed: timed out"]);
  assert.equal(a.stack.pollTimeout(), Infinity);
});

Deno.test("an unanswered SYN-ACK is given up without a word to the owner, who never knew of it", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  a.stack.dial(b.endpoint(), 0);
  for (const packet of a.transmit()) b.receive(packet, 0);
  let sent = 0;
  for (let nowMs = 0; nowMs <= 70_000; nowMs += 500) {
    b.handleTimeout(nowMs);
    sent += b.transmit().length;
  }
  assert.equal(sent, 6);
  assert.deepEqual(b.events, []);
  assert.equal(b.stack.pollTimeout(), Infinity);
});

Deno.test("a lost acknowledgment of the SYN-ACK is made up for by the first segment with data", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const row = a.stack.dial(b.endpoint(), 0);
  for (const packet of a.transmit()) b.receive(packet, 0);
  for (const packet of b.transmit()) a.receive(packet, 0);
  a.transmit();
  b.receive(a.segment(row, Uint8Array.of(1, 2, 3), 5), 5);
  assert.deepEqual(b.eventNames(), ["opened"]);
  assert.deepEqual(b.received, [Uint8Array.of(1, 2, 3)]);
  assert.equal(b.table.rcvNxt[b.openRow()], a.table.sndNxt[row]);
});

Deno.test("a repeated SYN-ACK is acknowledged again and no reason for doubt", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  a.stack.dial(b.endpoint(), 0);
  for (const packet of a.transmit()) b.receive(packet, 0);
  for (const packet of b.transmit()) a.receive(packet, 0);
  a.transmit();
  b.handleTimeout(1000);
  for (const packet of b.transmit()) a.receive(packet, 1000);
  for (const packet of a.transmit()) b.receive(packet, 1000);
  assert.deepEqual(a.eventNames(), ["opened"]);
  assert.deepEqual(b.eventNames(), ["opened"]);
});

Deno.test("the first payload is the first data of a dialled connection, behind a pure acknowledgment", () => {
  const firstPayload = new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n");
  const a = new SoftHost(1, { firstPayload });
  const b = new SoftHost(2);
  const row = a.stack.dial(b.endpoint(), 0);
  for (const packet of a.transmit()) b.receive(packet, 0);
  for (const packet of b.transmit()) a.receive(packet, 0);
  const later = a.segment(row, Uint8Array.of(9), 0);
  const packets = a.transmit();
  const [ack, payload] = packets.map((packet) => ({ ...readSegment(packet, b.local) }));
  assert.deepEqual([ack.flags, ack.payloadLen], [ACK, 0]);
  assert.deepEqual([payload.flags, payload.payloadLen], [ACK | PSH, firstPayload.length]);
  assert.equal(payload.seq, ack.seq);
  assert.equal(readSegment(later, b.local).seq, (payload.seq + firstPayload.length) >>> 0);
  for (const packet of packets) b.receive(packet, 0);
  assert.deepEqual(b.received, [firstPayload]);
});

Deno.test("close() ends a connection by the FIN handshake: the closer stays in TIME-WAIT, then both rows are free", () => {
  const a = new SoftHost(1, { capacity: 8 });
  const b = new SoftHost(2, { capacity: 8 });
  const [rowA, rowB] = connect(a, b, 0);
  a.stack.close(rowA, 1000);
  assert.equal(a.table.state[rowA], ConnectionState.CLOSED, "no datagram passes from now on");
  exchange(a, b, 1000);
  assert.deepEqual(b.eventNames(), ["opened", "doubted: FIN"]);
  assert.equal(b.table.state[rowB], ConnectionState.OPEN, "a FIN alone closes nothing");
  b.stack.close(rowB, 2000);
  exchange(a, b, 2000);
  assert.deepEqual(b.eventNames(), ["opened", "doubted: FIN", "closed: closed"]);
  assert.deepEqual(a.eventNames(), ["opened", "closed: closed"]);
  b.handleTimeout(2001);
  assert.equal(b.stack.pollTimeout(), Infinity);
  a.handleTimeout(62_001);
  assert.equal(a.stack.pollTimeout(), Infinity);
});

Deno.test("close() by both sides at once ends the connection on both", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  a.stack.close(rowA, 1000);
  b.stack.close(rowB, 1000);
  exchange(a, b, 1000);
  assert.deepEqual(a.eventNames(), ["opened", "closed: closed"]);
  assert.deepEqual(b.eventNames(), ["opened", "closed: closed"]);
});

Deno.test("close() before the handshake is done gives the dial up", () => {
  const a = new SoftHost(1);
  const row = a.stack.dial(new SoftHost(2).endpoint(), 0);
  a.stack.close(row, 10);
  a.transmit();
  a.handleTimeout(1000);
  assert.deepEqual(a.eventNames(), ["closed: closed"]);
  assert.equal(a.stack.pollTimeout(), Infinity);
});

Deno.test("a FIN that nobody answers is given up like a SYN", () => {
  const a = new SoftHost(1);
  const [row] = connect(a, new SoftHost(2), 0);
  a.stack.close(row, 0);
  let sent = 0;
  for (let nowMs = 0; nowMs <= 70_000; nowMs += 500) {
    a.handleTimeout(nowMs);
    for (const packet of a.transmit()) {
      assert.equal(flagsOf(packet), FIN | ACK);
      sent++;
    }
  }
  assert.equal(sent, 6);
  assert.deepEqual(a.eventNames(), ["opened", "closed: timed out"]);
});

Deno.test("abort() forgets a connection silently, and the peer's next segment is answered by an exact reset", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  a.stack.abort(rowA, 1000);
  assert.deepEqual(a.transmit(), []);
  assert.deepEqual(a.eventNames(), ["opened"]);
  const data = b.segment(rowB, Uint8Array.of(1), 1000);
  a.receive(data, 1000);
  const [reset] = a.transmit();
  const info = readSegment(reset, b.local);
  assert.equal(info.flags, RST);
  assert.equal(info.seq, b.table.rcvNxt[rowB]);
  b.receive(reset, 1000);
  assert.deepEqual(b.eventNames(), ["opened", "doubted: RST"]);
  assert.equal(b.table.state[rowB], ConnectionState.OPEN);
});

Deno.test("a reset refuses a dial if it acknowledges the SYN exactly, and not otherwise", () => {
  const a = new SoftHost(1);
  const closed = new SoftHost(2, { listenPorts: [] });
  const row = a.stack.dial(closed.endpoint(), 0);
  const [syn] = a.transmit();
  closed.receive(syn, 0);
  const [reset] = closed.transmit();
  assert.equal(readSegment(reset, a.local).flags, RST | ACK);

  const wrong = new SoftHost(2, { listenPorts: [] });
  const other = syn.slice();
  other[24] ^= 1; // Another sequence number: the reset acknowledges what wasn't sent.
  fixChecksum(other);
  wrong.receive(other, 0);
  for (const packet of wrong.transmit()) a.receive(packet, 0);
  assert.deepEqual(a.events, []);
  a.receive(reset, 0);
  assert.deepEqual(a.eventNames(), ["closed: refused"]);
  assert.equal(a.table.state[row], ConnectionState.CLOSED);
});

Deno.test("a SYN on an open connection gets a challenge ACK and a doubt; a peer that restarted ends it by a reset", () => {
  const a = new SoftHost(1, { dialPorts: [61000, 61000] });
  const b = new SoftHost(2);
  const [, rowB] = connect(a, b, 0);
  // The same host after a restart: the same tuple, nothing remembered.
  const restarted = new SoftHost(1, { dialPorts: [61000, 61000], seed: 99 });
  restarted.stack.dial(b.endpoint(), 5000);
  exchange(restarted, b, 5000);
  assert.deepEqual(b.eventNames(), ["opened", "doubted: SYN", "doubted: RST"]);
  assert.equal(b.table.state[rowB], ConnectionState.OPEN);
  assert.deepEqual(restarted.events, [], "it goes on dialling");
  // The owner's probes stay unanswered.
  b.stack.abort(rowB, 5500);
  restarted.handleTimeout(6000);
  exchange(restarted, b, 6000);
  assert.deepEqual(restarted.eventNames(), ["opened"]);
  assert.equal(b.openCount(), 1);
});

Deno.test("crossing SYNs of one tuple open one connection on each side", () => {
  const a = new SoftHost(1, { dialPorts: [PORT, PORT] });
  const b = new SoftHost(2, { dialPorts: [PORT, PORT] });
  const rowA = a.stack.dial(b.endpoint(), 0);
  const rowB = b.stack.dial(a.endpoint(), 0);
  exchange(a, b, 0);
  for (const [host, row] of [[a, rowA], [b, rowB]] as const) {
    assert.deepEqual(host.eventNames(), ["opened"]);
    assert.equal(host.openRow(), row);
    assert.equal(host.openCount(), 1);
    assert.equal(host.table.flags[row], ConnectionFlag.TIMESTAMPS | ConnectionFlag.WINDOW_SCALE);
  }
  b.receive(a.segment(rowA, Uint8Array.of(7), 1), 1);
  assert.deepEqual(b.received, [Uint8Array.of(7)]);
});

Deno.test("a peer without options gets none, and limits nothing", () => {
  for (const [dialler, responder] of [[PHANTUN, LINUX], [LINUX, PHANTUN]]) {
    const a = new SoftHost(1, { fingerprint: dialler });
    const b = new SoftHost(2, { fingerprint: responder });
    const [rowA, rowB] = connect(a, b, 0);
    assert.equal(a.table.flags[rowA], ConnectionFlag.WINDOW_SCALE);
    assert.equal(b.table.flags[rowB], ConnectionFlag.WINDOW_SCALE);
    assert.equal(a.table.maxDatagramLen[rowA], 1460);
    assert.equal(b.table.maxDatagramLen[rowB], 1460);
  }
  const bare = { ...LINUX, synOptions: 0 };
  const a = new SoftHost(1, { fingerprint: bare, mtu: 1400 });
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  assert.equal(b.table.flags[rowB], 0);
  assert.equal(b.table.sndWnd[rowB], 0xffff >> 0);
  assert.equal(a.table.rcvWnd[rowA], 0xffff);
  assert.equal(b.table.maxDatagramLen[rowB], 1460);
});

Deno.test("the peer's MSS limits the datagrams, but not below what every host must take", () => {
  for (const [mtu, expected] of [[1280, 1240 - 12], [9000, 1460 - 12], [300, 536 - 12]]) {
    const a = new SoftHost(1);
    const b = new SoftHost(2, { mtu });
    const [rowA] = connect(a, b, 0);
    assert.equal(a.table.maxDatagramLen[rowA], expected);
  }
});

Deno.test("isn zero is used by the dialler alone", () => {
  const a = new SoftHost(1, { isn: "zero" });
  const b = new SoftHost(2, { isn: "zero" });
  const [rowA, rowB] = connect(a, b, 0);
  assert.equal(a.table.iss[rowA], 0);
  assert.notEqual(b.table.iss[rowB], 0);
});

Deno.test("segments to ports that nobody listens on are answered by resets as a closed port answers", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2, { listenPorts: [PORT, 4000] });
  a.stack.dial(b.endpoint(4, 4001), 0);
  exchange(a, b, 0);
  assert.deepEqual(a.eventNames(), ["closed: refused"]);
  a.stack.dial(b.endpoint(4, 4000), 0);
  exchange(a, b, 0);
  assert.equal(a.openCount(), 1);
});

Deno.test("resets to strangers are limited to a hundred a second", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  const data = a.segment(rowA, Uint8Array.of(1), 0);
  b.stack.abort(rowB, 0);
  let resets = 0;
  for (let packet = 0; packet < 1000; packet++) {
    b.receive(data, 10);
    resets += b.transmit().length;
  }
  assert.equal(resets, 100);
  b.receive(data, 1010);
  assert.equal(b.transmit().length, 1);
});

Deno.test("TIME-WAIT answers a repeated FIN, and gives way to a newer SYN of the same tuple", () => {
  const a = new SoftHost(1, { dialPorts: [61000, 61000] });
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  b.stack.close(rowB, 0);
  exchange(a, b, 0);
  a.stack.close(rowA, 0);
  const [fin] = a.transmit();
  b.receive(fin, 0);
  assert.equal(b.transmit().length, 1, "the last acknowledgment, which is lost");
  a.handleTimeout(1000);
  exchange(a, b, 1000);
  assert.deepEqual(a.eventNames().at(-1), "closed: closed");

  a.stack.dial(b.endpoint(), 2000);
  exchange(a, b, 2000);
  assert.equal(b.openCount(), 1);
  assert.equal(a.openCount(), 1);
});

Deno.test("rows in TIME-WAIT never take more than a quarter of the table", () => {
  const a = new SoftHost(1, { capacity: 16 });
  const b = new SoftHost(2, { capacity: 1024 });
  for (let round = 0; round < 100; round++) {
    const nowMs = round * 2000;
    const row = a.stack.dial(b.endpoint(), nowMs);
    assert.notEqual(row, NO_CONNECTION, `round ${round}`);
    exchange(a, b, nowMs);
    const rowB = b.events.findLast((event) => event.kind === "opened")!.row;
    a.stack.close(row, nowMs);
    exchange(a, b, nowMs);
    b.stack.close(rowB, nowMs);
    exchange(a, b, nowMs);
  }
});

Deno.test("handlePacket() reads the beginning of a long packet as lanes hand it over", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  const packet = a.segment(rowA, new Uint8Array(1400), 0, ACK | FIN);
  assert.equal(b.stack.handlePacket(packet.slice(0, 600), 600, 0), 0);
  assert.deepEqual(b.stack.pollEvent(), { kind: "doubted", row: rowB, generation: 1, cause: "FIN" });
  b.transmit();
  // Once the owner believes it, the FIN behind the whole payload is acknowledged.
  b.stack.close(rowB, 0);
  assert.equal(readSegment(b.transmit()[0], a.local).ack, (a.table.sndNxt[rowA] + 1) >>> 0);
});

Deno.test("an endpoint's scope and local part don't matter to the connection it becomes", () => {
  const a = new SoftHost(1);
  const remote = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(remote, 0, Uint8Array.of(192, 0, 2, 2), PORT);
  remote[8] = 77;
  const row = a.stack.dial(remote, 0);
  assert.deepEqual([...a.table.remote.slice(row * 8, row * 8 + 7)], [...remote.slice(0, 7)]);
});

/** Makes the TCP checksum of an IPv4 packet right again after its first sequence octet changed by one. */
function fixChecksum(packet: Uint8Array): void {
  const view = new DataView(packet.buffer);
  const sum = (~view.getUint16(36) & 0xffff) + ((packet[24] & 1) === 1 ? 0x100 : -0x100);
  view.setUint16(36, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
}
