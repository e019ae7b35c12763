/**
 * Edge files for tests: a small valid one, and changes to it.
 *
 * @module
 */

import { type ConfigIssue, formatConfigIssue } from "../../src/base/errors.ts";
import { type EdgeConfig, parseEdgeConfig } from "../../src/config/edge_config.ts";

/** Keys without a meaning outside tests. `OWN_PUBLIC_KEY` belongs to `OWN_KEY`. */
export const OWN_KEY = "QGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=";
export const OWN_PUBLIC_KEY = "f3L5qoSIgO4JgUFf8WTCbQr71ls2sgYMlz3DVFPLKx0=";
export const PEER_KEY = "2MfNtL2rb0Qj+gxY8Q9nV2uEr8zfpBCEeuH4iWxxlHg=";
export const OTHER_KEY = "bm90IHRoZSBzYW1lIGtleSBhcyB0aGUgb3RoZXJzISE=";
export const PRESHARED_KEY = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDEyMzQ=";

/** The least that an edge needs, one key a line. */
export const SMALL_FILE = `NodeID: 1
DefaultTTL: 200
PrivKey: ${OWN_KEY}
Interface: {IType: tap, MacAddrPrefix: "AA:BB:CC:DD", MTU: 1404}
NextHopTable: {1: {2: 2}, 2: {1: 1}}
Peers:
  - {NodeID: 2, PubKey: ${PEER_KEY}}
`;

/** Reads a text; the file is called `edge.yaml`. */
export function read(text: string): { config: EdgeConfig | undefined; issues: readonly ConfigIssue[] } {
  return parseEdgeConfig(text, "edge.yaml");
}

/** Reads a text that must be valid and without warnings. */
export function readValid(text: string): EdgeConfig {
  const { config, issues } = read(text);
  if (config === undefined || issues.length > 0) throw new Error(issues.map(formatConfigIssue).join("\n"));
  return config;
}

/** Reads a text; returns its issues as `line key severity`. */
export function shortIssues(text: string): string[] {
  return read(text).issues.map(({ line, key, severity }) => `${line} ${key} ${severity}`);
}
