/**
 * Shows what etherguard does, on this machine alone: three simulated hosts, UDP that dies under a ping and a copy, how fast it
 * all is, and nodes behind NATs that find each other by a super node.
 *
 *     deno task demo
 *
 * Everything happens in network namespaces that are gone at the end. Without root it works in a user namespace. The exit
 * code is 1 if anything that it promises failed.
 *
 * @module
 */

import { tellStory } from "./demo/story.ts";
import { Narrator } from "./demo/narrator.ts";

const narrator = new Narrator((line) => console.log(line));
try {
  await tellStory(narrator);
  Deno.exitCode = narrator.summarise() ? 0 : 1;
} catch (error) {
  console.error(`The demonstration can't go on: ${error instanceof Error ? error.message : error}`);
  Deno.exitCode = 1;
}
