import { strict as assert } from "node:assert";
import { PathLoss } from "../../src/control/path_loss.ts";

/** A peer that counts what it receives, probes included. */
class Link {
  readonly loss = new PathLoss();
  #sent = 0;
  #received: number;
  #id = 0;

  constructor(receivedBefore = 0) {
    this.#received = receivedBefore;
  }

  /** Sends messages of which some arrive. */
  send(count: number, arrived = count): void {
    this.#sent += count;
    this.#received += arrived;
  }

  /** Sends a probe that is answered at once, or lost. */
  probe(isAnswered = true): void {
    this.loss.onProbe(this.#id, this.#sent);
    this.send(1, isAnswered ? 1 : 0);
    if (isAnswered) this.loss.onReply(this.#id, this.#received >>> 0);
    this.#id++;
  }
}

Deno.test("PathLoss.lostSince() is what was sent and didn't arrive between two answers", () => {
  const link = new Link();
  assert.equal(link.loss.latest, undefined);
  link.send(10, 9);
  link.probe();
  const mark = link.loss.latest;
  assert.equal(link.loss.lostSince(mark), 0);
  link.send(100, 93);
  link.probe();
  assert.equal(link.loss.lostSince(mark), 7);
  link.send(100);
  link.probe();
  assert.equal(link.loss.lostSince(mark), 7);
});

Deno.test("PathLoss.lostSince() counts no probes", () => {
  const link = new Link();
  link.probe();
  const mark = link.loss.latest;
  link.send(5, 3);
  for (let count = 0; count < 20; count++) link.probe(false);
  link.probe();
  assert.equal(link.loss.lostSince(mark), 2);
});

Deno.test("PathLoss.lostSince() is right when the peer's count passes 2^32", () => {
  const link = new Link(2 ** 32 - 3);
  link.probe();
  const mark = link.loss.latest;
  link.send(10, 8);
  link.probe();
  assert.equal(link.loss.lostSince(mark), 2);
});

Deno.test("PathLoss.lostSince() is 0 while nothing is known, and after the peer began to count anew", () => {
  const link = new Link();
  assert.equal(link.loss.lostSince(undefined), 0);
  link.send(100);
  link.probe();
  const mark = link.loss.latest;
  link.loss.onProbe(99, 300);
  link.loss.onReply(99, 5);
  assert.equal(link.loss.lostSince(mark), 0);
});

Deno.test("PathLoss.onReply() ignores answers that are unknown or overtaken", () => {
  const { loss } = new Link();
  loss.onReply(1, 7);
  assert.equal(loss.latest, undefined);
  loss.onProbe(1, 10);
  loss.onProbe(2, 20);
  loss.onReply(2, 21);
  loss.onReply(1, 11);
  assert.deepEqual(loss.latest, { sent: 20, received: 21 });
});

Deno.test("PathLoss remembers a bounded number of probes", () => {
  const { loss } = new Link();
  for (let id = 0; id < 10_000; id++) loss.onProbe(id, id);
  loss.onReply(0, 1);
  assert.equal(loss.latest, undefined);
  loss.onReply(9_950, 1);
  assert.deepEqual(loss.latest, { sent: 9_950, received: 1 });
});
