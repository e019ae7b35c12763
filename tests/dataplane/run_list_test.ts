import { strict as assert } from "node:assert";
import { MemoryBind } from "../../src/conn/memory_bind.ts";
import { UDP_RUN_DATAGRAMS_MAX, UDP_RUN_LEN_MAX } from "../../src/conn/udp_bind.ts";
import { RunList } from "../../src/dataplane/run_list.ts";
import { RUN_WORDS } from "../../src/ffi/symbols.ts";

/** A datagram to be added: endpoint, length, and whether it must stay alone; it lies where the one before it ends. */
type Added = [endpoint: number, length: number, alone?: boolean];
/** A run: length, length of each datagram or 0, endpoint. */
type Run = [length: number, segment: number, endpoint: number];

function addAll(list: RunList, datagrams: Added[], start = 0): void {
  let at = start;
  for (const [endpoint, length, alone = false] of datagrams) {
    list.add(endpoint, at, length, alone);
    at += length;
  }
}

/** Returns the runs of a list after checking that they cover the buffer without a gap. */
function runsOf(list: RunList): Run[] {
  let at = list.words[0];
  return Array.from({ length: list.count }, (_, index) => {
    const [offset, length, segment, endpoint, result] = list.words.subarray(index * RUN_WORDS, (index + 1) * RUN_WORDS);
    assert.equal(offset, at);
    assert.equal(result, 0);
    at += length;
    return [length, segment, endpoint];
  });
}

const CASES: [name: string, datagrams: Added[], runs: Run[]][] = [
  ["keeps a single datagram single", [[1, 100]], [[100, 0, 1]]],
  ["joins equal datagrams to one endpoint", [[1, 100], [1, 100], [1, 100]], [[300, 100, 1]]],
  ["ends a run with a shorter datagram", [[1, 100], [1, 100], [1, 40], [1, 40]], [[240, 100, 1], [40, 0, 1]]],
  ["begins a run with a longer datagram", [[1, 40], [1, 100], [1, 100]], [[40, 0, 1], [200, 100, 1]]],
  ["begins a run at another endpoint", [[1, 100], [2, 100], [2, 100], [1, 100]], [[100, 0, 1], [200, 100, 2], [
    100,
    0,
    1,
  ]]],
  ["joins a shorter datagram to a single one", [[1, 100], [1, 99], [1, 99]], [[199, 100, 1], [99, 0, 1]]],
  ["joins nothing to a datagram that must stay alone", [[1, 100, true], [1, 100], [1, 100]], [
    [100, 0, 1],
    [200, 100, 1],
  ]],
  ["joins a datagram that must stay alone to nothing", [[1, 100], [1, 100, true], [1, 100, true]], [
    [100, 0, 1],
    [100, 0, 1],
    [100, 0, 1],
  ]],
];

for (const [name, datagrams, runs] of CASES) {
  Deno.test(`RunList.add() ${name}`, () => {
    const list = new RunList(new MemoryBind(), 100);
    for (let round = 0; round < 2; round++) {
      addAll(list, datagrams, 77);
      assert.deepEqual(runsOf(list), runs);
      list.clear();
      assert.equal(list.count, 0);
    }
  });
}

Deno.test("RunList.add() joins no datagram that lies elsewhere", () => {
  const list = new RunList(new MemoryBind(), 100);
  list.add(1, 0, 100, false);
  list.add(1, 101, 100, false);
  assert.equal(list.count, 2);
});

Deno.test("RunList.add() joins as many datagrams as the kernel takes", () => {
  const list = new RunList(new MemoryBind(), 100);
  addAll(list, Array.from({ length: 2 * UDP_RUN_DATAGRAMS_MAX + 1 }, () => [1, 100]));
  assert.deepEqual(runsOf(list), [
    [UDP_RUN_DATAGRAMS_MAX * 100, 100, 1],
    [UDP_RUN_DATAGRAMS_MAX * 100, 100, 1],
    [100, 0, 1],
  ]);
});

Deno.test("RunList.add() joins as many octets as a UDP payload has", () => {
  const list = new RunList(new MemoryBind(), 100);
  const length = 1450;
  const fitting = Math.floor(UDP_RUN_LEN_MAX / length);
  addAll(list, Array.from({ length: fitting + 2 }, () => [1, length]));
  assert.deepEqual(runsOf(list), [[fitting * length, length, 1], [2 * length, length, 1]]);
  list.clear();
  addAll(list, [[1, 33_000], [1, UDP_RUN_LEN_MAX - 33_000], [1, 33_000], [1, UDP_RUN_LEN_MAX - 33_000 + 1]]);
  assert.deepEqual(runsOf(list).map(([octets]) => octets), [UDP_RUN_LEN_MAX, 33_000, UDP_RUN_LEN_MAX - 33_000 + 1]);
});

Deno.test("RunList.add() joins nothing once the kernel has refused runs", () => {
  const list = new RunList(new MemoryBind(), 100);
  list.joins = false;
  addAll(list, [[1, 100], [1, 100]]);
  assert.deepEqual(runsOf(list), [[100, 0, 1], [100, 0, 1]]);
});

Deno.test("RunList.clear() forgets the last run, so that nothing joins it", () => {
  const list = new RunList(new MemoryBind(), 100);
  list.add(1, 0, 100, false);
  list.clear();
  list.add(1, 100, 100, false);
  assert.deepEqual(runsOf(list), [[100, 0, 1]]);
});

Deno.test("RunList.isFull tells when no further run fits", () => {
  const list = new RunList(new MemoryBind(), 2);
  addAll(list, [[1, 100], [2, 100]]);
  assert.ok(list.isFull);
  list.clear();
  assert.ok(!list.isFull);
});
