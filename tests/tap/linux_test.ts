import { testInNamespace } from "../in_namespace.ts";

await testInNamespace(
  "LinuxTap passes its tests in a network namespace of its own",
  new URL("linux_in_namespace.ts", import.meta.url),
);
