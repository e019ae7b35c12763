/**
 * What a word of the command line is: a record, so that `main.ts` needs to know no command by name.
 *
 * @module
 */

/** One command. */
export interface Command {
  /** The word that selects it. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole help text, without a line end. */
  readonly usage: string;
  /**
   * Runs the command.
   *
   * @param args What follows the word.
   * @returns The exit code, see {@linkcode ExitCode}.
   */
  run(args: readonly string[]): Promise<number>;
}

/** How the program ends. Source: `config.md` §2.2. */
export const ExitCode = {
  /** Done, or stopped by SIGINT, SIGTERM or SIGHUP. */
  OK: 0,
  /** Something failed while it ran. */
  FAILURE: 1,
  /** The command line or the configuration is wrong; nothing ran. */
  USAGE: 2,
} as const;
