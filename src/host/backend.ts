/**
 * What a tool that sets rules has to do: nftables, or iptables where it is missing.
 *
 * @module
 */

import type { Ruleset } from "./ruleset.ts";

/** Which tool. */
export type BackendName = "nftables" | "iptables";

/** Sets the rules of one TUN device. Nobody else's are touched. */
export interface RuleBackend {
  readonly name: BackendName;
  /** What it owns, in plain words. */
  readonly object: string;
  /** The exact input of the tool that {@linkcode apply} would give it on a machine without our rules. */
  render(ruleset: Ruleset): string;
  /**
   * Puts the rules in place of those that were there before; each table changes at once.
   *
   * @throws {SystemError} If the system refuses.
   */
  apply(ruleset: Ruleset): Promise<void>;
  /**
   * Our rules as the system has them, in a form that is the same as long as they are; empty if there are none.
   *
   * @throws {SystemError} If the system refuses.
   */
  read(): Promise<string>;
  /**
   * Removes our rules; what is gone already is no error.
   *
   * @returns Whether there were any.
   * @throws {SystemError} If the system refuses.
   */
  remove(): Promise<boolean>;
}
