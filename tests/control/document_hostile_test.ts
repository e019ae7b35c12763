import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import { REASON_COUNT } from "../../src/base/reason.ts";
import { DocumentExchange, REQUEST_MEMORY_MAX } from "../../src/control/document_exchange.ts";
import { DocumentKind } from "../../src/control/documents.ts";
import { DOCUMENT_MESSAGE_VERSION, DocumentMessageKind } from "../../src/wire/document_message.ts";
import { BODY_LEN_MAX, contentOf, documentOf, noise } from "./document_net.ts";

const TABLE = noise(20_000, 1);
const REPORT = noise(9_000, 2);

/** What becomes of one message: passed on, lost, repeated, put off, or changed. */
type Fate =
  | { readonly kind: "pass" | "lose" | "repeat" | "replay" }
  | { readonly kind: "change"; readonly at: number; readonly mask: number }
  | { readonly kind: "random"; readonly octets: Uint8Array };

const fates: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>({ kind: "pass" }) },
  { weight: 1, arbitrary: fc.constantFrom<Fate>({ kind: "lose" }, { kind: "repeat" }, { kind: "replay" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("change" as const),
      at: fc.nat(60),
      mask: fc.integer({ min: 1, max: 255 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("random" as const), octets: fc.uint8Array({ maxLength: 80 }) }),
  },
);

interface Queued {
  readonly toSuper: boolean;
  readonly body: Uint8Array;
}

/** An edge and a super whose messages lie in one queue, until the test decides about each. */
class Table {
  readonly queued: Queued[] = [];
  readonly edge = this.#create(1, false);
  readonly superNode = this.#create(2, true);
  readonly served: { kind: number; payload: Uint8Array }[] = [];

  #create(seed: number, isSuper: boolean): DocumentExchange {
    return new DocumentExchange({
      send: (_row, body) => {
        this.queued.push({ toSuper: !isSuper, body });
        return true;
      },
      serve: (_row, kind, payload) => {
        this.served.push({ kind, payload });
        return { status: 200, document: documentOf(TABLE) };
      },
      random: seededRandom(seed),
      bodyLenMax: BODY_LEN_MAX,
    });
  }

  receive(toSuper: boolean, body: Uint8Array, nowMs: number): void {
    const reason = (toSuper ? this.superNode : this.edge).handleMessage(0, contentOf(body), nowMs);
    assert.ok(reason >= 0 && reason < REASON_COUNT);
  }

  handleTimeout(nowMs: number): void {
    if (this.edge.pollTimeout() <= nowMs) this.edge.handleTimeout(nowMs);
    if (this.superNode.pollTimeout() <= nowMs) this.superNode.handleTimeout(nowMs);
  }
}

Deno.test("DocumentExchange delivers the right body or none, once, whatever happens to the messages", () => {
  fc.assert(
    fc.property(fc.array(fates, { minLength: 1, maxLength: 60 }), (plan) => {
      const table = new Table();
      const past: Queued[] = [];
      const answers = [0, 0];
      let nowMs = 0;
      [[DocumentKind.REPORT, REPORT], [DocumentKind.NEXT_HOPS, REPORT.subarray(0, 32)]].forEach((
        [kind, payload],
        index,
      ) =>
        table.edge.request(0, kind as number, payload as Uint8Array, nowMs, (answer) => {
          answers[index]++;
          if (answer !== undefined && answer.status === 200) {
            assert.ok(isSame(answer.body, TABLE) || answer.body.length === 0);
          }
        })
      );
      for (let step = 0; step < 600; step++) {
        table.handleTimeout(nowMs);
        const next = table.queued.shift();
        if (next === undefined) {
          const dueMs = Math.min(table.edge.pollTimeout(), table.superNode.pollTimeout());
          if (dueMs === Infinity) break;
          nowMs = dueMs;
          continue;
        }
        past.push(next);
        inflict(table, next, plan[step % plan.length], past[(step * 7) % past.length], nowMs);
        assert.ok(table.queued.length < 400);
        assert.ok(table.superNode.requestMemoryLen <= REQUEST_MEMORY_MAX);
      }
      nowMs += 200_000;
      for (let calls = 0; calls < 20; calls++) table.handleTimeout(nowMs += 60_000);
      assert.deepEqual(answers, [1, 1]);
      for (const { kind, payload } of table.served) {
        // A kind may have been changed on the way, the payload not.
        assert.ok(kind >= 1 && kind <= 4);
        assert.ok(isSame(payload, REPORT) || isSame(payload, REPORT.subarray(0, 32)));
      }
      assert.equal(table.superNode.requestMemoryLen, 0);
    }),
    { numRuns: 300 },
  );
});

function inflict(table: Table, message: Queued, fate: Fate, earlier: Queued, nowMs: number): void {
  const { toSuper, body } = message;
  if (fate.kind === "lose") return;
  if (fate.kind === "random") table.receive(toSuper, fate.octets, nowMs);
  if (fate.kind === "replay") table.receive(earlier.toSuper, earlier.body, nowMs);
  if (fate.kind === "change") {
    const changed = body.slice();
    changed[fate.at % changed.length] ^= fate.mask;
    table.receive(toSuper, changed, nowMs);
    return;
  }
  table.receive(toSuper, body, nowMs);
  if (fate.kind === "repeat") table.receive(toSuper, body, nowMs);
}

Deno.test("DocumentExchange takes any octets in a well-formed head without throwing, and keeps its memory", () => {
  const head = fc.record({
    kind: fc.nat(DocumentMessageKind.GONE),
    document: fc.nat(5),
    encoding: fc.nat(1),
    id: fc.nat(6),
    bodyLen: fc.oneof(fc.nat(3_000), fc.nat(0xffff_ffff)),
    fragmentLen: fc.oneof(fc.nat(3), fc.nat(0xffff)),
    index: fc.oneof(fc.nat(4), fc.nat(0xffff)),
    rest: fc.uint8Array({ maxLength: 100 }),
    length: fc.nat(4_012),
    toSuper: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(head, { maxLength: 60 }), (heads) => {
      const table = new Table();
      let nowMs = 0;
      table.edge.request(0, DocumentKind.PEERS, REPORT.subarray(0, 32), nowMs, () => {});
      for (const one of heads) {
        const body = new Uint8Array(22 + one.length);
        const view = new DataView(body.buffer);
        body.set([one.kind, DOCUMENT_MESSAGE_VERSION, one.document, one.encoding]);
        view.setUint32(4, one.id);
        view.setUint32(8, one.bodyLen);
        view.setUint16(16, one.fragmentLen);
        view.setUint16(18, one.index);
        view.setUint16(20, 200);
        body.set(one.rest.subarray(0, one.length), 22);
        table.receive(one.toSuper, body, nowMs);
        table.handleTimeout(nowMs += 10);
        assert.ok(table.superNode.requestMemoryLen <= 4 << 20);
        table.queued.length = 0;
      }
      for (let calls = 0; calls < 20; calls++) table.handleTimeout(nowMs += 60_000);
      assert.equal(table.superNode.requestMemoryLen, 0);
      assert.equal(table.edge.pollTimeout(), Infinity);
      assert.equal(table.superNode.pollTimeout(), Infinity);
    }),
    { numRuns: 500 },
  );
});

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
