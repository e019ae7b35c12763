/**
 * What the commands `edge` and `super` have in common: both run a node from a file, or check the file, or print an
 * example of one or the firewall rules that the node needs.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { configureLog, type LogFormat } from "../base/log.ts";
import { type RandomSource, systemRandom } from "../base/random.ts";
import type { ConfigReading } from "../config/config_file.ts";
import type { FakeTcpConfig } from "../config/faketcp_config.ts";
import type { LogConfig } from "../config/node_config.ts";
import { argumentIssue, type OptionValues, readOptions } from "./arguments.ts";
import { type Command, ExitCode } from "./command.ts";
import { writeOutput } from "./output.ts";
import { showIssues } from "./show_issues.ts";

const OPTIONS = {
  config: { type: "string", allowed: "a path" },
  check: { type: "boolean" },
  example: { type: "boolean" },
  "print-rules": { type: "boolean" },
  "log-format": { type: "string", choices: ["text", "json"] },
  bind: { type: "string", choices: ["linux", "std"] },
  "no-uapi": { type: "boolean" },
} as const;

type NodeCommandValues = OptionValues<typeof OPTIONS>;

/** The keys that the configurations of all nodes have. */
interface NodeConfig {
  readonly nodeName: string;
  readonly log: LogConfig;
  readonly fakeTcp: FakeTcpConfig;
}

/** What a node is run with beside its configuration. */
export interface NodeRunOptions {
  readonly configPath: string;
  readonly bind: "linux" | "std";
  readonly noUapi: boolean;
}

/** What differs between the kinds of nodes. What loads the native part is imported within these functions. */
export interface NodeKind<C extends NodeConfig> {
  readonly name: string;
  readonly summary: string;
  /** What the node does, for the help text. */
  readonly description: string;
  renderExample(random: RandomSource): string;
  readConfig(path: string): ConfigReading<C>;
  /** One line about a valid configuration. */
  summaryOf(config: C): string;
  /** The rules of a configuration in which FakeTCP is on. May throw {@linkcode SystemError}. */
  rulesText(config: C): Promise<string>;
  /** Runs the node until it ends; returns the exit code. */
  run(config: C, options: NodeRunOptions): Promise<number>;
}

/** Makes the command of a kind of nodes. */
export function nodeCommand<C extends NodeConfig>(kind: NodeKind<C>): Command {
  return {
    name: kind.name,
    summary: kind.summary,
    usage: usageOf(kind),
    async run(args) {
      const { values, issues } = readOptions(args, OPTIONS);
      const all = [...issues, ...conflictsOf(values)];
      if (all.length > 0) {
        showIssues(all, formatOf(values));
        return ExitCode.USAGE;
      }
      if (values.example) return await writeOutput(kind.renderExample(systemRandom));
      return await readAndRun(kind, values, values.config!);
    },
  };
}

function usageOf({ name, description }: { name: string; description: string }): string {
  return `etherguard ${name} --config FILE [OPTIONS]   run a node
etherguard ${name} --config FILE --check      check its configuration, run nothing
etherguard ${name} --config FILE --print-rules
                                           print the firewall rules that FakeTCP needs, set none
etherguard ${name} --example                  print a commented configuration with fresh keys

${description}

  --config FILE            the node's configuration, in YAML
  --check                  only read the file; say what is wrong with it
  --print-rules            only print what the node would change on this host for FakeTCP; for those who write
                           ManageRules: false
  --example                only print an example
  --log-format text|json   form of the log on standard error (text)
  --bind linux|std         linux: answer from the address that was asked; std: plain sockets (linux)
  --no-uapi                accepted for old command lines: this release opens no control socket
  --help                   print this text

Exit code: 0 stopped, or what was asked for is done; 1 a failure while running; 2 a wrong command line or
configuration.`;
}

function conflictsOf(values: NodeCommandValues) {
  if (!values.example) {
    const issues = [];
    if (values.config === undefined) {
      issues.push(argumentIssue("--config", "nothing", "a path", "name the configuration: --config FILE"));
    }
    if (values.check && values["print-rules"]) {
      issues.push(argumentIssue("--print-rules", "it beside --check", "one of the two", "remove one"));
    }
    return issues;
  }
  const others = Object.keys(values).filter((name) => name !== "example");
  return others.map((name) => argumentIssue(`--${name}`, "it beside --example", "--example alone", "remove one"));
}

async function readAndRun<C extends NodeConfig>(
  kind: NodeKind<C>,
  values: NodeCommandValues,
  path: string,
): Promise<number> {
  const { config, issues } = kind.readConfig(path);
  const format = formatOf(values);
  showIssues(issues, format);
  if (config === undefined) {
    const count = issues.filter((issue) => issue.severity === "error").length;
    if (format === "text") console.error(`${path}: ${count} error${count === 1 ? "" : "s"}: nothing was started`);
    return ExitCode.USAGE;
  }
  if (values.check) return await writeOutput(`${path}: configuration is valid: ${kind.summaryOf(config)}\n`);
  if (values["print-rules"]) return await printRules(kind, config, path);
  configureLog({ level: config.log.level, format, nodeName: config.nodeName });
  return await kind.run(config, {
    configPath: path,
    bind: values.bind ?? "linux",
    noUapi: values["no-uapi"] ?? false,
  });
}

async function printRules<C extends NodeConfig>(kind: NodeKind<C>, config: C, path: string): Promise<number> {
  if (!config.fakeTcp.isEnabled) {
    console.error(`${path}: FakeTCP is off, so that no rules are needed: FakeTCP.Enabled: true switches it on`);
    return ExitCode.OK;
  }
  try {
    return await writeOutput(await kind.rulesText(config));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    console.error(`${path}: can't tell the rules: ${error.message}`);
    return ExitCode.FAILURE;
  }
}

function formatOf(values: NodeCommandValues): LogFormat {
  return values["log-format"] ?? "text";
}

/** Says how many there are of a thing. */
export function countText(count: number, thing: string): string {
  return count === 1 ? `1 ${thing}` : `${count} ${thing}s`;
}

/** A name in quotes after a blank; nothing for an empty one. */
export function quotedName(name: string): string {
  return name === "" ? "" : ` "${name}"`;
}
