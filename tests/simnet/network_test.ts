import { strict as assert } from "node:assert";
import { type Attachment, type AttachOptions, endpointOf, type SimAddress, SimNetwork } from "./network.ts";
import { formatEndpoint } from "../../src/base/endpoint.ts";
import { MAPPING_IDLE_MS } from "./translator.ts";

const SERVER = { ip: "20.0.0.1", port: 1 };
const CLIENT = { ip: "20.0.0.2", port: 2 };

/** A host that notes what it gets. */
interface Listener {
  readonly attachment: Attachment;
  /** Text of each datagram. */
  readonly heard: string[];
  readonly times: number[];
  readonly sources: string[];
  readonly woken: number[];
}

function listen(network: SimNetwork, address: SimAddress, options: AttachOptions = {}): Listener {
  const heard: string[] = [];
  const times: number[] = [];
  const sources: string[] = [];
  const woken: number[] = [];
  const attachment = network.attach(
    {
      receive(octets, source, nowMs) {
        heard.push(new TextDecoder().decode(octets));
        times.push(nowMs);
        sources.push(formatEndpoint(source, 0));
      },
      wake: (nowMs) => woken.push(nowMs),
    },
    address,
    options,
  );
  return { attachment, heard, times, sources, woken };
}

function send(from: Listener, text: string, to: SimAddress = SERVER): void {
  from.attachment.send(new TextEncoder().encode(text), endpointOf(to));
}

Deno.test("SimNetwork delivers a datagram after the latency of both access links", () => {
  const network = new SimNetwork(1);
  const server = listen(network, SERVER, { link: { latencyMs: 30 } });
  const client = listen(network, CLIENT, { link: { latencyMs: 12 } });
  send(client, "hello");
  network.run(41.9);
  assert.deepEqual(server.heard, []);
  network.run(0.2);
  assert.deepEqual(server.heard, ["hello"]);
  assert.deepEqual(server.times, [42]);
  assert.deepEqual(server.sources, ["20.0.0.2:2"]);
});

Deno.test("SimNetwork loses, doubles and reorders as often as it is told", () => {
  const network = new SimNetwork(1);
  const server = listen(network, SERVER);
  const client = listen(network, CLIENT, { link: { loss: 0.3, duplication: 0.2, jitterMs: 50 } });
  for (let index = 0; index < 2_000; index++) network.at(index * 10, () => send(client, String(index)));
  network.run(30_000);
  const distinct = new Set(server.heard).size;
  // A fifth is sent twice, and both copies are lost in nine of a hundred cases.
  assert.ok(Math.abs(distinct - 2_000 * (0.8 * 0.7 + 0.2 * 0.91)) < 80, `${distinct} arrived`);
  assert.ok(server.heard.length > distinct + 150);
  const inOrder = server.heard.every((text, index) => index === 0 || Number(text) >= Number(server.heard[index - 1]));
  assert.equal(inOrder, false);
});

Deno.test("SimNetwork loses what is longer than the MTU of either link", () => {
  const network = new SimNetwork(1);
  const server = listen(network, SERVER, { link: { mtu: 100 } });
  const client = listen(network, CLIENT);
  send(client, "x".repeat(101));
  send(client, "y".repeat(100));
  network.run(100);
  assert.deepEqual(server.heard, ["y".repeat(100)]);
});

Deno.test("SimNetwork has a firewall that drops in silence, and an ear", () => {
  const network = new SimNetwork(1);
  const server = listen(network, SERVER);
  const client = listen(network, CLIENT);
  let overheard = 0;
  network.onTransit = () => overheard++;
  network.firewall = ({ octets }) => octets[0] === "n".charCodeAt(0);
  send(client, "no");
  send(client, "yes");
  network.run(100);
  assert.deepEqual(server.heard, ["yes"]);
  assert.equal(overheard, 2);
});

Deno.test("SimNetwork wakes a host at the last time that it asked for", () => {
  const network = new SimNetwork(1);
  const host = listen(network, SERVER);
  host.attachment.wakeAt(100);
  host.attachment.wakeAt(200);
  network.run(150);
  assert.deepEqual(host.woken, []);
  network.run(150);
  assert.deepEqual(host.woken, [200]);
  host.attachment.wakeAt(400);
  host.attachment.wakeAt(Infinity);
  network.run(1_000);
  assert.deepEqual(host.woken, [200]);
});

Deno.test("SimNetwork reaches a host that moved at its new address only", () => {
  const network = new SimNetwork(1);
  const server = listen(network, SERVER);
  const client = listen(network, CLIENT);
  send(client, "on its way");
  network.run(15);
  server.attachment.moveTo({ ip: "20.0.0.9", port: 9 });
  send(client, "old address");
  send(client, "new address", { ip: "20.0.0.9", port: 9 });
  network.run(100);
  assert.deepEqual(server.heard, ["new address"]);
});

Deno.test("SimNetwork refuses to go on when a host wants to be woken at once for ever", () => {
  const network = new SimNetwork(1);
  const attachment = network.attach({ receive() {}, wake: (nowMs) => attachment.wakeAt(nowMs) }, SERVER);
  attachment.wakeAt(0);
  assert.throws(() => network.run(1), /time stands still/);
});

Deno.test("Translator lets in only who was sent to, at one public port, until the mapping is idle", () => {
  const network = new SimNetwork(1);
  const server = listen(network, SERVER);
  const other = listen(network, CLIENT);
  const inside = listen(network, { ip: "10.0.0.5", port: 5 }, { behind: "20.0.0.5" });
  send(inside, "out");
  network.run(100);
  const [ip, port] = server.sources[0].split(":");
  const mapped = { ip, port: Number(port) };
  assert.equal(ip, "20.0.0.5");
  send(other, "stranger", mapped);
  send(server, "answer", mapped);
  network.run(100);
  assert.deepEqual(inside.heard, ["answer"]);
  send(inside, "out", CLIENT);
  network.run(100);
  assert.deepEqual(other.sources, server.sources, "the same public port for every destination");
  send(other, "no stranger", mapped);
  network.run(MAPPING_IDLE_MS);
  send(server, "too late", mapped);
  network.run(100);
  assert.deepEqual(inside.heard, ["answer", "no stranger"]);
});

Deno.test("Translator gives another public port after it was reset", () => {
  const network = new SimNetwork(1);
  const server = listen(network, SERVER);
  const inside = listen(network, { ip: "10.0.0.5", port: 5 }, { behind: "20.0.0.5" });
  send(inside, "one");
  network.run(100);
  inside.attachment.translator?.rebind();
  send(inside, "two");
  network.run(100);
  assert.notEqual(server.sources[0], server.sources[1]);
});
