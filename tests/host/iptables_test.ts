import { strict as assert } from "node:assert";
import { IptablesBackend, renderRestore } from "../../src/host/iptables.ts";
import type { Ruleset } from "../../src/host/ruleset.ts";
import { failed, said } from "./memory_machine.ts";

const RULESET: Ruleset = {
  tunName: "eg-tcp0",
  stacks: [{ family: 4, address: "192.168.200.2" }, { family: 6, address: "fd00:200::2" }],
  listenPorts: [3001],
  dialPorts: [61000, 65535],
  guards: [{ family: 4, opened: ["eg-tcp0", "eth0"] }],
};
const NAT_JUMPS = `-I PREROUTING 1 -j EG-eg-tcp0-pre\n`;

Deno.test("renderRestore() fills chains of our own and hooks each by one jump", () => {
  assert.equal(
    renderRestore(RULESET, 4, ""),
    `*nat
:EG-eg-tcp0-pre - [0:0]
:EG-eg-tcp0-post - [0:0]
-A EG-eg-tcp0-pre ! -i eg-tcp0 -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 3001 -m comment --comment "etherguard: listening port" -j DNAT --to-destination 192.168.200.2
-A EG-eg-tcp0-pre ! -i eg-tcp0 -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 61000:65535 ! --syn -m comment --comment "etherguard: answers that the kernel has no memory for" -j DNAT --to-destination 192.168.200.2
-I PREROUTING 1 -j EG-eg-tcp0-pre
-A EG-eg-tcp0-post -s 192.168.200.2 ! -o eg-tcp0 -m comment --comment "etherguard: with the address of this machine" -j MASQUERADE
-I POSTROUTING 1 -j EG-eg-tcp0-post
COMMIT
*filter
:EG-eg-tcp0-in - [0:0]
:EG-eg-tcp0-fwd - [0:0]
-A EG-eg-tcp0-in -m conntrack ! --ctstate INVALID,NEW -m comment --comment "etherguard: strays that this machine would answer by a reset" -j RETURN
-A EG-eg-tcp0-in -p tcp -m socket --nowildcard -m comment --comment "etherguard: strays that this machine would answer by a reset" -j RETURN
-A EG-eg-tcp0-in ! -i lo -p tcp -m tcp --dport 3001 -m comment --comment "etherguard: strays that this machine would answer by a reset" -j DROP
-A EG-eg-tcp0-in ! -i lo -p tcp -m tcp --dport 61000:65535 -m comment --comment "etherguard: strays that this machine would answer by a reset" -j DROP
-I INPUT 1 -j EG-eg-tcp0-in
-A EG-eg-tcp0-fwd -m conntrack --ctstate ESTABLISHED -m comment --comment "etherguard: forwarding was off" -j RETURN
-A EG-eg-tcp0-fwd -i eth0 -m conntrack ! --ctstate SNAT,DNAT -m comment --comment "etherguard: forwarding was off" -j DROP
-A EG-eg-tcp0-fwd -i eg-tcp0 ! -s 192.168.200.2 -m comment --comment "etherguard: forwarding was off" -j DROP
-A EG-eg-tcp0-fwd -o eg-tcp0 ! -d 192.168.200.2 -m comment --comment "etherguard: forwarding was off" -j DROP
-I FORWARD 1 -j EG-eg-tcp0-fwd
COMMIT
`,
  );
});

Deno.test("renderRestore() adds no second jump", () => {
  const saved = "*nat\n:EG-eg-tcp0-pre - [0:0]\n-A PREROUTING -j EG-eg-tcp0-pre\nCOMMIT\n";
  const script = renderRestore(RULESET, 4, saved);
  assert.ok(!script.includes(NAT_JUMPS));
  assert.ok(script.includes("-I POSTROUTING 1 -j EG-eg-tcp0-post\n"));
});

Deno.test("renderRestore() removes chains and jumps that are wanted no more, and nobody else's", () => {
  const saved = `*filter
:INPUT ACCEPT [7:99]
:FORWARD DROP [3:44]
:EG-eg-tcp0-fwd - [0:0]
:EG-eg-tcp00-fwd - [0:0]
-A FORWARD -j EG-eg-tcp00-fwd
-A FORWARD -j EG-eg-tcp0-fwd
-A FORWARD -i docker0 -j ACCEPT
-A EG-eg-tcp0-fwd -i eth0 -j DROP
COMMIT
`;
  assert.equal(
    renderRestore({ ...RULESET, stacks: [] }, 4, saved),
    "*filter\n-D FORWARD -j EG-eg-tcp0-fwd\n-F EG-eg-tcp0-fwd\n-X EG-eg-tcp0-fwd\nCOMMIT\n",
  );
});

Deno.test("renderRestore() has nothing to do where nothing is and nothing is wanted", () => {
  assert.equal(renderRestore({ ...RULESET, stacks: [] }, 6, ""), "");
});

Deno.test("IptablesBackend.apply() leaves strays alone where the kernel can't look for sockets", async () => {
  const scripts: string[] = [];
  const backend = new IptablesBackend("eg-tcp0", (program, _args, stdin = "") => {
    if (program.endsWith("-save")) return Promise.resolve(said(""));
    if (stdin.includes("-m socket")) return Promise.resolve(failed("Couldn't load match `socket'"));
    scripts.push(stdin);
    return Promise.resolve(said(""));
  });
  await backend.apply(RULESET);
  assert.equal(scripts.length, 2);
  for (const script of scripts) {
    assert.match(script, /-j DNAT/);
    assert.doesNotMatch(script, /INPUT/);
  }
});
