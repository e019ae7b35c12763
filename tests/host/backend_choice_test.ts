import { strict as assert } from "node:assert";
import { findBackend } from "../../src/host/backend_choice.ts";
import type { CommandResult } from "../../src/host/command.ts";
import { answering, failed, said } from "./memory_machine.ts";

const NFT = "nft --check -f -";
const IPTABLES = { "iptables --version": said("iptables v1.8.9") };

const CASES: [what: string, answers: Record<string, CommandResult>, expected: string | RegExp][] = [
  ["takes nftables where it works", { [NFT]: said(""), ...IPTABLES }, "nftables"],
  ["takes nftables without the rights to try it", { [NFT]: failed("Operation not permitted") }, "nftables"],
  ["takes iptables where nftables is missing", IPTABLES, "iptables"],
  [
    "takes iptables where the kernel doesn't know nftables",
    { [NFT]: failed("Not supported"), ...IPTABLES },
    "iptables",
  ],
  ["tells what nftables said where there is nothing else", { [NFT]: failed("Not supported") }, /Not supported/],
  ["says what to install where there is nothing", {}, /ENOENT: install one of them/],
];
for (const [what, answers, expected] of CASES) {
  Deno.test(`findBackend() ${what}`, async () => {
    if (expected instanceof RegExp) await assert.rejects(findBackend(answering(answers)), expected);
    else assert.equal(await findBackend(answering(answers)), expected);
  });
}
