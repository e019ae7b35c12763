/**
 * Super files for tests: a small valid one, and changes to it.
 *
 * @module
 */

import { type ConfigIssue, formatConfigIssue } from "../../src/base/errors.ts";
import { parseSuperConfig, type SuperConfig } from "../../src/config/super_config.ts";
import { OTHER_KEY, OWN_KEY, PEER_KEY } from "./edge_files.ts";

/** The least that a super needs, one key a line; two edges. */
export const SMALL_SUPER_FILE = `PrivKeyV4: ${OWN_KEY}
ListenPort_EdgeAPI: 3456
RePushConfigInterval: 30
PeerAliveTimeout: 70
SendPingInterval: 15
GraphRecalculateSetting: {TimeoutCheckInterval: 5}
Peers:
  - {NodeID: 1, Name: one, PubKey: ${PEER_KEY}}
  - {NodeID: 2, Name: two, PubKey: ${OTHER_KEY}}
`;

/** The small file with one of its lines, found by how it begins, replaced. */
export function withLine(start: string, line: string): string {
  const lines = SMALL_SUPER_FILE.split("\n");
  const index = lines.findIndex((candidate) => candidate.trimStart().startsWith(start));
  return lines.with(index, line).join("\n");
}

/** Reads a text; the file is called `tests/config/super.yaml`, and isn't there. */
export function readSuper(text: string): { config: SuperConfig | undefined; issues: readonly ConfigIssue[] } {
  return parseSuperConfig(text, "tests/config/super.yaml");
}

/** Reads a text that must be valid and without warnings. */
export function readValidSuper(text: string): SuperConfig {
  const { config, issues } = readSuper(text);
  if (config === undefined || issues.length > 0) throw new Error(issues.map(formatConfigIssue).join("\n"));
  return config;
}

/** Reads a text; returns its issues as `line key severity`. */
export function shortSuperIssues(text: string): string[] {
  return readSuper(text).issues.map(({ line, key, severity }) => `${line} ${key} ${severity}`);
}
