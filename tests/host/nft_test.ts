import { strict as assert } from "node:assert";
import { NftBackend, renderNftScript } from "../../src/host/nft.ts";
import type { Ruleset } from "../../src/host/ruleset.ts";
import { answering, failed, memoryNft } from "./memory_machine.ts";

const RULESET: Ruleset = {
  tunName: "eg-tcp0",
  stacks: [{ family: 4, address: "192.168.200.2" }, { family: 6, address: "fd00:200::2" }],
  listenPorts: [3001],
  dialPorts: [61000, 65535],
  guards: [{ family: 4, opened: ["eg-tcp0", "eth0", "eth1"] }, { family: 6, opened: "all" }],
};

Deno.test("renderNftScript() replaces the table at once", () => {
  assert.equal(
    renderNftScript(RULESET),
    `table inet etherguard_eg-tcp0
delete table inet etherguard_eg-tcp0
table inet etherguard_eg-tcp0 {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    # connections to the listening port
    meta nfproto ipv4 iifname != "eg-tcp0" fib daddr type local tcp dport 3001 dnat ip to 192.168.200.2
    # answers to connections of ours that the kernel has forgotten
    meta nfproto ipv4 iifname != "eg-tcp0" fib daddr type local tcp dport 61000-65535 tcp flags & (fin | syn | rst | ack) != syn dnat ip to 192.168.200.2
    # connections to the listening port
    meta nfproto ipv6 iifname != "eg-tcp0" fib daddr type local tcp dport 3001 dnat ip6 to fd00:200::2
    # answers to connections of ours that the kernel has forgotten
    meta nfproto ipv6 iifname != "eg-tcp0" fib daddr type local tcp dport 61000-65535 tcp flags & (fin | syn | rst | ack) != syn dnat ip6 to fd00:200::2
  }

  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    # the stack speaks to the world with this machine's address
    ip saddr 192.168.200.2 oifname != "eg-tcp0" masquerade
    ip6 saddr fd00:200::2 oifname != "eg-tcp0" masquerade
  }

  chain input {
    type filter hook input priority filter; policy accept;
    # strays that this machine would answer by a reset
    ct state established,related,untracked accept
    iifname "lo" accept
    meta l4proto tcp socket transparent 0-1 accept
    meta nfproto ipv4 tcp dport 3001 drop
    meta nfproto ipv4 tcp dport 61000-65535 drop
    meta nfproto ipv6 tcp dport 3001 drop
    meta nfproto ipv6 tcp dport 61000-65535 drop
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    # forwarding was off: it is on for the stack alone
    ct state established accept
    meta nfproto ipv4 iifname { "eth0", "eth1" } ct status & (snat | dnat) == 0 drop
    iifname "eg-tcp0" ip saddr != 192.168.200.2 drop
    oifname "eg-tcp0" ip daddr != 192.168.200.2 drop
    meta nfproto ipv6 iifname != "eg-tcp0" ct status & (snat | dnat) == 0 drop
    iifname "eg-tcp0" ip6 saddr != fd00:200::2 drop
    oifname "eg-tcp0" ip6 daddr != fd00:200::2 drop
  }
}
`,
  );
});

Deno.test("renderNftScript() touches no forward chain where forwarding was on", () => {
  assert.doesNotMatch(renderNftScript({ ...RULESET, guards: [] }), /forward/);
});

Deno.test("renderNftScript() guards the TUN device alone where only that was closed", () => {
  const script = renderNftScript({ ...RULESET, guards: [{ family: 4, opened: ["eg-tcp0"] }] });
  assert.doesNotMatch(script, /ct status/);
  assert.match(script, /iifname "eg-tcp0" ip saddr != 192\.168\.200\.2 drop/);
});

Deno.test("NftBackend.remove() tells whether there was a table", async () => {
  const { run } = memoryNft();
  const backend = new NftBackend("eg-tcp0", run);
  assert.equal(await backend.read(), "");
  await backend.apply(RULESET);
  assert.equal(await backend.read(), renderNftScript(RULESET));
  assert.equal(await backend.remove(), true);
  assert.equal(await backend.remove(), false);
});

Deno.test("NftBackend.apply() leaves strays alone where the kernel can't look for sockets", async () => {
  const nft = memoryNft();
  const refusal = failed("Error: Could not process rule: No such file or directory");
  const backend = new NftBackend("eg-tcp0", (program, args, stdin) => {
    return stdin?.includes("socket") ? Promise.resolve(refusal) : nft.run(program, args, stdin);
  });
  await backend.apply(RULESET);
  const shown = await backend.read();
  assert.match(shown, /dnat ip to/);
  assert.doesNotMatch(shown, /hook input/);
});

Deno.test("NftBackend.apply() names the right that is missing", async () => {
  const run = answering({ "nft -f -": failed("Operation not permitted (you must be root)") });
  await assert.rejects(new NftBackend("eg-tcp0", run).apply(RULESET), {
    message: "nft table inet etherguard_eg-tcp0: EPERM: " +
      "needs CAP_NET_ADMIN: run as root, or in systemd set AmbientCapabilities=CAP_NET_ADMIN",
  });
});
