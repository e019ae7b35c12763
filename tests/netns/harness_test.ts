/**
 * The instruments of the other tests, tried on plain programs: what they break is broken, and what they count is right.
 *
 *     client ──── router ──── server
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { wallClockMs } from "../../src/base/clock.ts";
import { copyFile } from "./harness/file_copy.ts";
import { floodWithSyns, forgeClosing } from "./harness/forge.ts";
import { measureTcp } from "./harness/iperf.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import { PingWatch } from "./harness/ping_watch.ts";
import { Resegmenter } from "./harness/resegment.ts";
import { reportOn, Stream, type StreamReport } from "./harness/stream.ts";
import { buildBetweenNats, buildThroughRouter } from "./harness/topologies.ts";
import { blockUdp, blockUdpByIptables, Fault, lossOf } from "./harness/udp_block.ts";
import { eventually } from "./harness/wait.ts";

/** Port of `tcp_peer.ts`, and of iperf3. */
const COPY_PORT = 7000;
const IPERF_PORT = 5201;
const FILE_LEN = 3_000_000;

labTest("blocks of UDP do what they say, and the stream tells it", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab, { offload: false });
  const [client, server, router] = [site.hosts.get(1)!, site.hosts.get(2)!, site.router.host];
  const address = "10.9.2.2";
  let port = 7300;

  /** Sends a stream of which a part meets a fault on the router, and returns what became of that part. */
  async function tryFault(fault: string, datagramLen: number, count: number): Promise<[StreamReport, number]> {
    await using stream = await Stream.start(client, server, address, { rate: 2000, datagramLen });
    const block = await blockUdp([{ host: router, hook: "forward", port: port++ }], fault);
    const fromMs = wallClockMs();
    await eventually("datagrams that the fault has met", async () => {
      return await block.stopped() >= count || (fault === Fault.ONLY_SMALL && wallClockMs() > fromMs + 200);
    }, 5_000);
    const toMs = wallClockMs();
    const stopped = await block.stopped();
    await block.lift();
    await stream.progress(50);
    const record = await stream.finish();
    assert.ok(reportOn(record).lostSentMs.length >= stopped);
    // The time of sending is taken before it, so that of the last one only the beginning may lie within the fault.
    const lastMs = record.sentMs.findLast((sentMs) => sentMs < toMs) ?? fromMs;
    return [reportOn(record, { fromMs, toMs: lastMs }), toMs - fromMs];
  }

  await step("a stream without a fault loses, doubles and reorders nothing", async () => {
    await using stream = await Stream.start(client, server, address, { rate: 2000 });
    await stream.progress(500);
    const report = reportOn(await stream.finish());
    assert.ok(report.sent >= 500);
    assert.deepEqual([report.lostSentMs, report.duplicated, report.outOfOrder], [[], 0, 0]);
    port++;
  });

  await step("Fault.DROP lets nothing pass, and the silence is as long as the block", async () => {
    const [report, blockedMs] = await tryFault(Fault.DROP, 200, 300);
    assert.equal(report.lostSentMs.length, report.sent);
    assert.ok(Math.abs(report.darkMs - blockedMs) < 100, `dark for ${report.darkMs} ms, blocked for ${blockedMs}`);
  });

  await step("lossOf() loses a share", async () => {
    const [report] = await tryFault(lossOf(30), 200, 200);
    const share = report.lostSentMs.length / report.sent;
    assert.ok(share > 0.2 && share < 0.4, `${share} of ${report.sent}`);
  });

  await step("Fault.ONLY_SMALL loses large datagrams and no small ones", async () => {
    const [large] = await tryFault(Fault.ONLY_SMALL, 1200, 100);
    assert.equal(large.lostSentMs.length, large.sent);
    const [small] = await tryFault(Fault.ONLY_SMALL, 200, 100);
    assert.deepEqual([small.lostSentMs, small.sent > 100], [[], true]);
  });

  await step("a drop on the way out is EPERM, a rejection an ICMP error", async () => {
    const hearer = await blockUdp([{ host: server, hook: "input", port: 7998 }], Fault.REJECT);
    const twice = "exec 3<>/dev/udp/10.9.2.2/7998; echo one >&3; read -t 1 -u 3; echo two >&3";
    const rejected = await client.run(["bash", "-c", twice], { allowFailure: true });
    assert.match(rejected.stderr, /No route to host|Connection refused/);
    await hearer.lift();
    const socket = 'LocalPort => 7997, PeerAddr => "10.9.2.2:7998", Proto => "udp"';
    const send = ["perl", "-MIO::Socket::INET", "-e", `IO::Socket::INET->new(${socket})->send("x") or die $!`];
    const blocks = [
      () => blockUdp([{ host: client, hook: "output", port: 7997 }], Fault.DROP),
      () => blockUdpByIptables(client, 7997),
    ];
    for (const begin of blocks) {
      const block = await begin();
      assert.match((await client.run(send, { allowFailure: true })).stderr, /Operation not permitted/);
      await block.lift();
      assert.equal((await client.run(send)).code, 0);
    }
  });

  await step("PingWatch tells a silence and what it cost", async () => {
    await using watch = await PingWatch.start(client, address, 0.01);
    await watch.progress(10, 5_000);
    const fromMs = wallClockMs();
    await router.nft(
      "add table ip cut; add chain ip cut forward { type filter hook forward priority 0; policy drop; }",
    );
    await eventually("300 ms to pass", () => wallClockMs() > fromMs + 300, 5_000);
    await router.nft("delete table ip cut");
    await watch.progress(10, 5_000);
    const report = watch.report({ fromMs });
    assert.ok(report.darkMs > 280 && report.darkMs < 500, JSON.stringify(report));
    // On a busy machine ping sends less often than it was told.
    assert.ok(report.lost >= 10 && report.lost <= 50, JSON.stringify(report));
  });
});

labTest("the router tracks connections", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab, { router: { onlyTcpPort: COPY_PORT, demandsHandshake: true } });
  const [client, server, { router }] = [site.hosts.get(1)!, site.hosts.get(2)!, site];

  await step("what its port allows passes, all else is refused, and nothing is invalid", async () => {
    const copy = await copyFile(client, server, "10.9.2.2", FILE_LEN);
    assert.equal(copy.receivedSha256, copy.sentSha256);
    assert.equal(await router.refusedCount(), 0);
    assert.equal((await ping(client, "10.9.2.2", { count: 1 })).received, 0);
    assert.equal(await router.refusedCount(), 1);
    assert.equal(await router.invalidCount(), 0);
    const connection = (await router.connections()).find((one) => one.destinationPort === COPY_PORT)!;
    assert.deepEqual([connection.protocol, connection.source, connection.isAssured], ["tcp", "10.9.1.2", true]);
  });

  await step("forgetting them in the middle makes what follows invalid, if it demands handshakes", async () => {
    await router.host.nft("insert rule inet guard forward ct state new accept");
    await using listener = server.spawn(["iperf3", "--server", "--forceflush"]);
    await listener.waitForLine(/listening/, 5_000);
    await using _sender = client.spawn(["iperf3", "--client", "10.9.2.2", "--time", "20", "--bitrate", "10M"]);
    await eventually("a transfer", async () => {
      return (await router.connections()).some((one) => one.destinationPort === IPERF_PORT && one.isAssured);
    }, 5_000);
    await router.forgetConnections();
    await eventually("invalid packets", async () => await router.invalidCount() > 0, 5_000);
  });
});

labTest("forged segments, floods of SYNs and a proxy reach a plain TCP", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab);
  const [client, server, { router }] = [site.hosts.get(1)!, site.hosts.get(2)!, site];

  await step("forgeClosing() ends a connection of the kernel's TCP", async () => {
    const transfer = measureTcp(client, server, "10.9.2.2", { seconds: 4, limitBitsPerSecond: 1e7 });
    const [outcome, forged] = await Promise.all([
      transfer.then(() => "complete", String),
      forgeClosing(router.host, "wan", IPERF_PORT, { count: 60_000 }),
    ]);
    assert.notEqual(outcome, "complete");
    assert.equal(forged.sent, 60_000);
    assert.ok(forged.seconds < 5, `${forged.seconds} s`);
  });

  await step("floodWithSyns() is answered by a listener, so its checksums are right", async () => {
    await using _listener = server.spawn(["iperf3", "--server"]);
    await server.nft(`
      add table inet answers
      add chain inet answers output { type filter hook output priority 0; }
      add rule inet answers output tcp sport ${IPERF_PORT} tcp flags & (syn | ack) == syn | ack counter
    `);
    await eventually(
      "a listener",
      async () => (await server.run(["ss", "-ltn"])).stdout.includes(`:${IPERF_PORT}`),
      5_000,
    );
    const target = { mac: await server.macAddress("eth0"), address: "10.9.2.2", port: IPERF_PORT };
    await floodWithSyns(router.host, "wan", target, { count: 20_000 });
    await eventually("answers", async () => {
      const { stdout } = await server.run(["nft", "list", "table", "inet", "answers"]);
      return Number(/packets (\d+)/.exec(stdout)![1]) > 1000;
    }, 5_000);
  });

  await step("Resegmenter copies every octet", async () => {
    await using proxy = await Resegmenter.start(router.host, "lan", COPY_PORT);
    const copy = await copyFile(client, server, "10.9.2.2", FILE_LEN);
    assert.equal(copy.receivedSha256, copy.sentSha256);
    await proxy.connection(1_000);
  });
});

labTest("NATs hide what is behind them, but for forwarded ports", async ({ lab }) => {
  const site = await buildBetweenNats(lab, 2, [{ protocol: "tcp", port: COPY_PORT }]);
  const [one, two] = [site.hosts.get(1)!, site.hosts.get(2)!];
  const copy = await copyFile(one, two, "10.9.9.2", FILE_LEN);
  assert.equal(copy.receivedSha256, copy.sentSha256);
  const seen = (await site.otherRouter.connections()).find((connection) => connection.destinationPort === COPY_PORT)!;
  assert.equal(seen.source, "10.9.9.1");
  assert.equal((await ping(two, "10.9.9.1", { count: 1 })).received, 1);
  assert.equal((await ping(one, "10.9.2.2", { count: 1 })).received, 0);
});
