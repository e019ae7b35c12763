import { strict as assert } from "node:assert";
import { ENDPOINT_CONNECTION } from "../../src/base/endpoint.ts";
import { PathKind, Transport } from "../../src/base/path_kind.ts";
import { Reason } from "../../src/base/reason.ts";
import { BorderVerdict } from "../../src/dataplane/border_check.ts";
import { EG_HEADER_LEN } from "../../src/wire/eg_header.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { PathMessageKind } from "../../src/wire/path_message.ts";
import { TRANSPORT_HEADER_LEN } from "../../src/wire/transport_message.ts";
import { createFailoverPair, FAST_NODE, WARM_UP_MS } from "../simnet/failover.ts";
import { endpointOf } from "../simnet/network.ts";
import type { SimNode } from "../simnet/node.ts";
import { ADDRESS_A, ADDRESS_B, type Pair, repeat } from "../simnet/pair.ts";

const { UDP4, FAKETCP4 } = PathKind;
const SEED = 1;

/** A pair whose FakeTCP connection is warm. */
function createWarmPair(): Pair {
  const pair = createFailoverPair(SEED);
  pair.a.send(pair.aRow, "hello");
  pair.network.run(WARM_UP_MS);
  assert.equal(stateOf(pair.a, pair.aRow), "alive");
  return pair;
}

function stateOf({ paths }: SimNode, row: number, kind: number = FAKETCP4): string | undefined {
  return paths?.pathsOf(row)?.stateOf(kind);
}

/** Row of the connection that a node's path to its peer leads over. */
function connectionRow({ device }: SimNode, row: number): number {
  return device.endpointOf(row, FAKETCP4)[ENDPOINT_CONNECTION] - 1;
}

/** Lets B's lanes find that datagrams of A come with wrong borders. */
function loseBorders({ b, bRow, network }: Pair, verdict: number): void {
  b.act((device, nowMs) => b.paths?.handleBorderLoss(device.endpointOf(bRow, FAKETCP4), verdict, nowMs));
  network.run(500);
}

Deno.test("a peer that says that segments are re-cut gets each datagram by itself, also on later connections", () => {
  const pair = createWarmPair();
  const { a, aRow, network } = pair;
  loseBorders(pair, BorderVerdict.MERGED);
  const row = connectionRow(a, aRow);
  assert.deepEqual([...a.stack?.singles ?? []], [row]);
  assert.equal(a.logged("re-cuts TCP segments").length, 1);
  // Said again it changes nothing.
  network.run(2_000);
  loseBorders(pair, BorderVerdict.MERGED);
  assert.equal(a.logged("re-cuts TCP segments").length, 1);
  a.stack?.singles.clear();
  a.act((_device, nowMs) => a.paths?.handleConnectionClosed(row, 1, "reset", nowMs));
  network.run(8_000);
  assert.ok(a.stack?.singles.has(connectionRow(a, aRow)));
});

Deno.test("a path behind a TCP proxy is left alone for ten minutes, and only if single segments fail, too", () => {
  const pair = createWarmPair();
  const { a, aRow, network } = pair;
  loseBorders(pair, BorderVerdict.ALL);
  assert.equal(a.logged("a TCP proxy stands in the path").length, 0);
  assert.equal(stateOf(a, aRow), "alive");
  network.run(2_000);
  loseBorders(pair, BorderVerdict.ALL);
  const [line] = a.logged("a TCP proxy stands in the path");
  assert.match(String(line.fields.remedy), /another TCP port/);
  assert.equal(a.device.endpointOf(aRow, FAKETCP4)[0], 0);
  const dials = a.stack?.dials;
  network.run(500_000);
  assert.equal(a.stack?.dials, dials);
});

Deno.test("wrong borders are reported once a second at most", () => {
  const pair = createWarmPair();
  const { b, bRow, network } = pair;
  let reports = 0;
  network.onTransit = ({ octets }) => {
    // The nodes of this pair keep nothing secret: the body begins behind header and inner header.
    const kind = octets[TRANSPORT_HEADER_LEN + EG_HEADER_LEN];
    if (octets[0] === MessageType.PATH && kind === PathMessageKind.REPORT) reports++;
  };
  repeat(network, 18, 100, () => {
    b.act((device, nowMs) => {
      b.paths?.handleBorderLoss(device.endpointOf(bRow, FAKETCP4), BorderVerdict.MERGED, nowMs);
    });
  });
  network.run(1_900);
  // Each goes out on both paths: that it arrives matters more than what it costs.
  assert.equal(reports, 4);
});

Deno.test("wrong borders on a connection that is nobody's path are no news to anybody", () => {
  const { b, network } = createWarmPair();
  const endpoint = endpointOf(ADDRESS_A);
  for (const row of [-1, 500]) {
    endpoint[ENDPOINT_CONNECTION] = row + 1;
    b.act((_device, nowMs) => b.paths?.handleBorderLoss(endpoint, BorderVerdict.ALL, nowMs));
  }
  network.run(1_000);
  assert.equal(b.logged("proxy").length, 0);
});

Deno.test("a connection that carries less limits what lanes send on its path", () => {
  const { a, aRow, network } = createWarmPair();
  a.act((_device, nowMs) => a.paths?.handleConnectionLimit(connectionRow(a, aRow), 1_200, nowMs));
  network.run(500);
  assert.equal(a.tables.peerMaxDatagramLen[aRow], 1_200);
  a.act((_device, nowMs) => a.paths?.handleConnectionLimit(999, 500, nowMs));
  assert.equal(a.tables.peerMaxDatagramLen[aRow], 1_200);
});

Deno.test("an ICMP error concerns the path that leads to its address, and no other", () => {
  const { a, network } = createWarmPair();
  const strangers = [endpointOf({ ...ADDRESS_B, port: 9 }), endpointOf({ ip: "20.0.0.77", port: ADDRESS_B.port })];
  for (const stranger of strangers) {
    a.act((_device, nowMs) => a.paths?.handleUnreachable(Transport.UDP, stranger, nowMs));
  }
  assert.equal(a.logged("path suspected").length, 0);
  a.act((_device, nowMs) => a.paths?.handleUnreachable(Transport.UDP, endpointOf(ADDRESS_B), nowMs));
  assert.equal(a.logged("path suspected").length, 1);
  network.run(1_000);
  assert.equal(a.logged("path cleared").length, 1);
});

Deno.test("a connection from a private address is nobody's path where these may not be learnt", () => {
  const inside = { ip: "10.9.9.9", port: 3001 };
  const pair = createFailoverPair(SEED, {
    a: { address: inside },
    b: { ...FAST_NODE, allowPrivateIp: false },
    bKnows: { address: undefined },
  });
  const { network, a, b, aRow, bRow } = pair;
  network.firewall = ({ segment }) => segment === undefined;
  a.send(aRow, "hello");
  network.run(30_000);
  assert.equal(b.device.endpointOf(bRow, FAKETCP4)[0], 0);
  assert.ok(b.dropped(Reason.PRIVATE_SOURCE) > 0);
  assert.deepEqual(b.received, []);
});

Deno.test("a peer that is removed leaves nothing behind, and one in its row starts anew", () => {
  const { a, b, aRow, network } = createWarmPair();
  a.act((device, nowMs) => {
    a.paths?.removePeer(aRow, nowMs);
    device.removePeer(aRow);
  });
  assert.equal(a.paths?.pathsOf(aRow), undefined);
  assert.equal(a.stack?.openCount, 0);
  a.act((_device, nowMs) => {
    a.paths?.handleSendFailure(aRow, UDP4, nowMs);
    a.paths?.handleProbeWanted(aRow, nowMs);
    a.paths?.handleDeviceEvent({ kind: "initiation sent", peerRow: aRow, attempts: 2 }, nowMs);
  });
  network.run(1_000);
  const row = a.addPeer(b, { address: ADDRESS_B });
  a.send(row, "again");
  network.run(WARM_UP_MS);
  assert.ok(b.received.includes("again"));
  assert.equal(stateOf(a, row, UDP4), "alive");
});

Deno.test("what isn't a path message is refused with a reason", () => {
  const { a, aRow, network } = createWarmPair();
  assert.equal(a.paths?.handleMessage(aRow, new Uint8Array(4), UDP4, network.nowMs), Reason.CONTENT_TRUNCATED);
  const known = Uint8Array.of(0, 1, 0, 2, 0, 1, 0, 3, 0, 0, 0, 0);
  assert.equal(a.paths?.handleMessage(aRow + 7, known, UDP4, network.nowMs), Reason.SESSION_UNKNOWN);
});
