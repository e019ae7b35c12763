import { strict as assert } from "node:assert";
import { renderRules } from "../../src/host/print_rules.ts";
import type { HostSpec } from "../../src/host/plan.ts";
import { answering, memoryNft, MemoryProc, said } from "./memory_machine.ts";

const SPEC: HostSpec = {
  tunName: "eg-tcp0",
  stackV4: Uint8Array.of(192, 168, 200, 2),
  listenPorts: [3001],
  dialPorts: [61000, 65535],
  usedInterfaces: ["eth0"],
};
const CLOSED = {
  "net/ipv4/conf/all/forwarding": "0",
  "net/ipv4/conf/default/forwarding": "0",
  "net/ipv4/conf/eth0/forwarding": "0",
};

Deno.test("renderRules() shows the nftables script and the sysctls, and changes nothing", async () => {
  const files = new MemoryProc(CLOSED);
  const nft = memoryNft();
  const text = await renderRules(SPEC, { files, run: nft.run });
  assert.match(text, /^# Input of nft -f -\ntable inet etherguard_eg-tcp0\n/);
  assert.match(text, /dnat ip to 192\.168\.200\.2/);
  assert.ok(text.endsWith(`}

# Forwarding, where it is off and needed
sysctl -w net/ipv4/conf/eg-tcp0/forwarding=1 # was 0
sysctl -w net/ipv4/conf/eth0/forwarding=1 # was 0
`));
  assert.deepEqual([files.written, nft.tables.size], [[], 0]);
});

Deno.test("renderRules() shows the lines of iptables where nftables is missing", async () => {
  const files = new MemoryProc({ "net/ipv4/conf/all/forwarding": "1" });
  const text = await renderRules(SPEC, { files, run: answering({ "iptables --version": said("iptables v1.8") }) });
  assert.match(text, /^# Input of iptables-restore and ip6tables-restore\n# iptables-restore --noflush\n\*nat\n/);
  assert.match(text, /\n# Forwarding is on already\n$/);
});

Deno.test("renderRules() says what to install where both tools are missing", async () => {
  await assert.rejects(renderRules(SPEC, { files: new MemoryProc(CLOSED), run: answering({}) }), {
    name: "SystemError",
    code: "ENOENT",
    remedy: /install one of them/,
  });
});
