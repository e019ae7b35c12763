import { strict as assert } from "node:assert";
import { createDatagramBurst } from "../../src/conn/bind.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { CLOSED, createPair, deliver, sendRun, type Side, takeWritten } from "./connection.ts";

const burst = createDatagramBurst();

/** Lets `to` receive what `from` sends as one burst at a time. */
function transfer(from: Side, to: Side, nowMs: number, length: number): void {
  from.bind.service(nowMs);
  to.bind.service(nowMs);
  assert.equal(sendRun(from, length, 1400), 0);
  deliver(from, to);
  assert.ok(to.bind.receiveBurst(burst) > 0);
}

/** Returns the acknowledgment numbers of the pure acknowledgments that a side wrote. */
function acksOf(from: Side, to: Side): number[] {
  const written = takeWritten(from, to).filter(({ payloadLen }) => payloadLen === 0);
  assert.ok(written.every(({ flags, isIntact }) => flags === TcpFlag.ACK && isIntact));
  return written.map(({ ack }) => ack);
}

Deno.test("DelayedAcks acknowledge data after 40 ms, once", () => {
  const [sender, receiver] = createPair();
  assert.equal(receiver.bind.service(100), Infinity);
  transfer(sender, receiver, 100, 3000);
  transfer(sender, receiver, 115, 3000);
  assert.deepEqual(acksOf(receiver, sender), []);
  assert.equal(receiver.bind.service(115), 25);
  assert.equal(receiver.bind.service(140), Infinity);
  assert.deepEqual(acksOf(receiver, sender), [1001 + 6000]);
  assert.equal(receiver.bind.service(400), Infinity);
  assert.deepEqual(acksOf(receiver, sender), []);
});

Deno.test("DelayedAcks say nothing when data has acknowledged meanwhile, and wait anew for what came later", () => {
  const [sender, receiver] = createPair();
  transfer(sender, receiver, 100, 3000);
  sendRun(receiver, 100);
  takeWritten(receiver, sender);
  receiver.bind.service(140);
  assert.deepEqual(acksOf(receiver, sender), []);
  transfer(sender, receiver, 150, 3000);
  sendRun(receiver, 100);
  takeWritten(receiver, sender);
  transfer(sender, receiver, 160, 1000);
  assert.equal(receiver.bind.service(190), 40);
  assert.deepEqual(acksOf(receiver, sender), []);
  receiver.bind.service(230);
  assert.deepEqual(acksOf(receiver, sender), [1001 + 7000]);
});

Deno.test("DelayedAcks acknowledge at the end of the burst that fills an eighth of the window", () => {
  const [sender, receiver] = createPair();
  for (let run = 1; run <= 40; run++) {
    transfer(sender, receiver, 100, 60_000);
    // 18 runs are the first to exceed 1,048,560 octets.
    assert.deepEqual(acksOf(receiver, sender), run % 18 === 0 ? [1001 + run * 60_000] : []);
  }
});

Deno.test("DelayedAcks let only one lane send what two owe", () => {
  const [sender, receiver] = createPair();
  transfer(sender, receiver, 100, 3000);
  receiver.table.ackSent[0] = receiver.table.rcvNxt[0];
  receiver.bind.service(140);
  assert.deepEqual(acksOf(receiver, sender), []);
});

Deno.test("DelayedAcks forget what a closed connection owes", () => {
  const [sender, receiver] = createPair();
  transfer(sender, receiver, 100, 3000);
  Atomics.store(receiver.table.state, 0, CLOSED);
  assert.equal(receiver.bind.service(140), Infinity);
  assert.deepEqual(acksOf(receiver, sender), []);
});

Deno.test("DelayedAcks answer a keepalive at once, and many of them seldom", () => {
  const [sender, receiver] = createPair();
  sender.table.sndWnd[0] = 0;
  let answers = 0;
  for (let nowMs = 1000; nowMs < 2000; nowMs++) {
    // A full window makes the sender ask; we let it forget when it did.
    sender.bind.service(nowMs * 1000);
    receiver.bind.service(nowMs);
    sendRun(sender, 100);
    assert.equal(deliver(sender, receiver), 1);
    assert.equal(receiver.bind.receiveBurst(burst), 0);
    answers += acksOf(receiver, sender).length;
  }
  assert.equal(answers, 100);
});

Deno.test("DelayedAcks don't answer each other", () => {
  const [first, second] = createPair();
  for (let round = 0; round < 10; round++) {
    sendRun(first, 100);
    sendRun(second, 100);
    let packets = 2;
    for (let exchange = 0; packets > 0; exchange++) {
      assert.ok(exchange < 3);
      first.bind.service(round * 1000 + exchange * 50);
      second.bind.service(round * 1000 + exchange * 50);
      packets = deliver(first, second) + deliver(second, first);
      while (first.bind.receiveBurst(burst) >= 0 || second.bind.receiveBurst(burst) >= 0);
    }
  }
});
