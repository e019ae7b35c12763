/**
 * What every bind does; each implementation's tests run it.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, endpointAddress, parseEndpoint, sameRemote } from "../../src/base/endpoint.ts";
import { familyOf, transportOf } from "../../src/base/path_kind.ts";
import { type Bind, createDatagramBurst, DATAGRAM_BURST_MAX, type DatagramBurst } from "../../src/conn/bind.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { ERROR_WORDS, RECEIVED_AT, RECEIVED_ENDPOINT, RECEIVED_WORDS, RUN_WORDS } from "../../src/ffi/symbols.ts";

/** Two binds that reach each other. */
export interface JoinedBinds extends Disposable {
  readonly sender: Bind;
  readonly receiver: Bind;
  /** Where each is reached. */
  readonly senderEndpoint: Uint32Array;
  readonly receiverEndpoint: Uint32Array;
  /** Whether a datagram may be empty. */
  readonly carriesEmpty: boolean;
  /** Waits until what was sent can be received. */
  deliver(): void;
}

/** A received datagram. */
interface Received {
  readonly octets: Uint8Array;
  readonly endpoint: Uint32Array;
}

const PAYLOAD = Uint8Array.from({ length: 65_507 }, (_, index) => index * 7 + (index >> 8));

/** Receives one burst, taken apart into its datagrams. */
function receive(bind: Bind, burst: DatagramBurst): Received[] {
  const count = bind.receiveBurst(burst);
  if (count === -Errno.EAGAIN) return [];
  assert.ok(count > 0 && count <= DATAGRAM_BURST_MAX);
  return Array.from({ length: count }, (_, message) => {
    const word = message * RECEIVED_WORDS;
    const [length, segment, truncated] = burst.received.subarray(word, word + 3);
    assert.equal(truncated, 0);
    const endpoint = burst.received.slice(word + RECEIVED_ENDPOINT, word + RECEIVED_ENDPOINT + ENDPOINT_WORDS);
    const start = burst.received[word + RECEIVED_AT];
    if (length === 0) return [{ octets: new Uint8Array(0), endpoint }];
    return Array.from({ length: Math.ceil(length / segment) }, (_, index) => ({
      octets: burst.octets.slice(start + index * segment, start + Math.min(length, (index + 1) * segment)),
      endpoint,
    }));
  }).flat();
}

/** Receives until `count` datagrams came. */
function receiveAll(joined: JoinedBinds, count: number): Received[] {
  const burst = createDatagramBurst();
  const all: Received[] = [];
  while (all.length < count) {
    joined.deliver();
    const some = receive(joined.receiver, burst);
    assert.ok(some.length > 0, `${all.length} of ${count} datagrams arrived`);
    all.push(...some);
  }
  return all;
}

/** A run to send: where it begins in the payload, its length, that of each datagram, and which endpoint it is for. */
type Run = [at: number, length: number, segment: number, endpoint: number];

/** Sends runs; returns the results. */
function send(bind: Bind, runs: Run[], endpoints: Uint32Array): number[] {
  const words = Uint32Array.from(runs.flatMap((run) => [...run, 99]));
  const sent = bind.sendRuns(PAYLOAD, words, runs.length, endpoints);
  const results = runs.map((_, index) => words[index * RUN_WORDS + 4]);
  assert.equal(sent, results.filter((result) => result === 0).length);
  return results;
}

/**
 * Registers the tests of the contract for one implementation.
 *
 * @param join Makes two binds that reach each other.
 */
export function testBindContract(name: string, join: () => JoinedBinds): void {
  Deno.test(`${name}.kinds are of its transport, each once`, () => {
    using joined = join();
    const { kinds, transport } = joined.sender;
    assert.ok(kinds.length > 0 && new Set(kinds).size === kinds.length);
    assert.ok(kinds.every((kind) => transportOf(kind) === transport));
  });

  Deno.test(`${name}.readErrors() has nothing where everything arrived`, () => {
    using joined = join();
    send(joined.sender, [[0, 100, 0, 0]], joined.receiverEndpoint);
    receiveAll(joined, 1);
    assert.equal(joined.sender.readErrors(new Uint32Array(ERROR_WORDS)), 0);
  });

  Deno.test(`${name}.receiveBurst() answers -EAGAIN when nothing waits`, () => {
    using joined = join();
    assert.equal(joined.receiver.receiveBurst(createDatagramBurst()), -Errno.EAGAIN);
  });

  Deno.test(`${name} carries datagrams of any length, with the endpoint they came from`, () => {
    using joined = join();
    for (const length of [...(joined.carriesEmpty ? [0] : []), 1, 30, 1472, 9000, 65_000]) {
      assert.deepEqual(send(joined.sender, [[3, length, 0, 0]], joined.receiverEndpoint), [0]);
      const [{ octets, endpoint }] = receiveAll(joined, 1);
      assert.deepEqual(octets, PAYLOAD.slice(3, 3 + length));
      assert.ok(sameRemote(endpoint, 0, joined.senderEndpoint, 0));
    }
  });

  Deno.test(`${name} carries an answer to the endpoint that a datagram came from`, () => {
    using joined = join();
    send(joined.sender, [[0, 100, 0, 0]], joined.receiverEndpoint);
    const [{ endpoint }] = receiveAll(joined, 1);
    using reversed: JoinedBinds = {
      ...joined,
      sender: joined.receiver,
      receiver: joined.sender,
      deliver: () => joined.deliver(),
      [Symbol.dispose]() {},
    };
    assert.deepEqual(send(joined.receiver, [[0, 200, 0, 0]], endpoint), [0]);
    const [answer] = receiveAll(reversed, 1);
    assert.equal(answer.octets.length, 200);
    assert.deepEqual(endpointAddress(answer.endpoint, 0), endpointAddress(joined.receiverEndpoint, 0));
  });

  Deno.test(`${name}.sendRuns() sends the datagrams of a run in order, the last one shorter`, () => {
    using joined = join();
    const runs: Run[] = [[0, 4300, 1000, 0], [4300, 100, 0, 0], [4400, 2000, 1000, 0]];
    assert.deepEqual(send(joined.sender, runs, joined.receiverEndpoint), [0, 0, 0]);
    const received = receiveAll(joined, 8);
    assert.deepEqual(received.map(({ octets }) => octets.length), [1000, 1000, 1000, 1000, 300, 100, 1000, 1000]);
    const octets = Uint8Array.from(received.flatMap((datagram) => [...datagram.octets]));
    assert.deepEqual(octets, PAYLOAD.slice(0, 6400));
  });

  Deno.test(`${name}.sendRuns() sends the longest run`, () => {
    using joined = join();
    const { runDatagramsMax, runLenMax } = joined.sender;
    assert.deepEqual(send(joined.sender, [[0, runDatagramsMax * 500, 500, 0]], joined.receiverEndpoint), [0]);
    assert.equal(receiveAll(joined, runDatagramsMax).length, runDatagramsMax);
    assert.deepEqual(send(joined.sender, [[0, runLenMax, 1400, 0]], joined.receiverEndpoint), [0]);
    assert.equal(receiveAll(joined, Math.ceil(runLenMax / 1400)).length, Math.ceil(runLenMax / 1400));
  });

  Deno.test(`${name}.sendRuns() sends more runs than one receive call takes`, () => {
    using joined = join();
    const count = 2 * DATAGRAM_BURST_MAX + 7;
    const runs = Array.from({ length: count }, (_, index): Run => [index, 20 + index, 0, 0]);
    send(joined.sender, runs, joined.receiverEndpoint);
    const received = receiveAll(joined, count);
    assert.deepEqual(received.map(({ octets }) => octets.length), runs.map(([, length]) => length));
  });

  Deno.test(`${name}.sendRuns() lets a run that fails keep no other back`, () => {
    using joined = join();
    const other = parseEndpoint(familyOf(joined.sender.kinds[0]) === 4 ? "[::1]:9" : "127.0.0.1:9")!;
    const endpoints = Uint32Array.from([...other, ...joined.receiverEndpoint]);
    const runs: Run[] = [[0, 10, 0, 0], [0, 20, 0, 1], [0, 65_507, 1000, 0], [0, 30, 0, 1], [0, 10, 0, 0]];
    const results = send(joined.sender, runs, endpoints);
    assert.deepEqual(results.map((result) => result === 0), [false, true, false, true, false]);
    assert.deepEqual(receiveAll(joined, 2).map(({ octets }) => octets.length), [20, 30]);
  });

  Deno.test(`${name}.sendRuns() sends nothing when told so`, () => {
    using joined = join();
    assert.deepEqual(send(joined.sender, [], joined.receiverEndpoint), []);
    assert.equal(joined.receiver.receiveBurst(createDatagramBurst()), -Errno.EAGAIN);
  });

  Deno.test(`${name}.waitForRoom() returns where there is room`, () => {
    using joined = join();
    joined.sender.waitForRoom(5_000);
  });
}
