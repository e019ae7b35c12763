import { testInNamespace } from "../in_namespace.ts";

await testInNamespace(
  "TunQueue passes its tests in network namespaces of its own",
  new URL("tun_in_namespace.ts", import.meta.url),
  { mounts: true },
);
