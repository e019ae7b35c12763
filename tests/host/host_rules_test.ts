import { testInNamespace } from "../in_namespace.ts";

await testInNamespace(
  "HostRules passes its tests in a network namespace of its own",
  new URL("host_rules_in_namespace.ts", import.meta.url),
  { probe: ["nft", "list", "tables"] },
);
