/**
 * The command `edge`: runs a node, or checks its file, or prints an example of one or the firewall rules it needs.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { configureLog } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { type EdgeConfig, readEdgeConfig } from "../config/edge_config.ts";
import { renderEdgeExample } from "../config/example.ts";
import { argumentIssue, type OptionValues, readOptions } from "./arguments.ts";
import { type Command, ExitCode } from "./command.ts";
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

type EdgeOptions = OptionValues<typeof OPTIONS>;

const USAGE = `etherguard edge --config FILE [OPTIONS]   run a node
etherguard edge --config FILE --check      check its configuration, run nothing
etherguard edge --config FILE --print-rules
                                           print the firewall rules that FakeTCP needs, set none
etherguard edge --example                  print a commented configuration with fresh keys

A node joins its tap interface to those of the other nodes, over sealed datagrams. It runs in the foreground until it
is stopped by SIGINT or SIGTERM. It needs root, or CAP_NET_ADMIN.

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

/** The command `edge`. */
export const EDGE_COMMAND: Command = {
  name: "edge",
  summary: "run a node of the network",
  usage: USAGE,
  async run(args) {
    const { values, issues } = readOptions(args, OPTIONS);
    const format = values["log-format"] ?? "text";
    const all = [...issues, ...conflictsOf(values)];
    if (all.length > 0) {
      showIssues(all, format);
      return ExitCode.USAGE;
    }
    if (values.example) {
      await Deno.stdout.write(new TextEncoder().encode(renderEdgeExample(systemRandom)));
      return ExitCode.OK;
    }
    return await readAndRun(values, values.config!);
  },
};

function conflictsOf(values: EdgeOptions) {
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

async function readAndRun(values: EdgeOptions, path: string): Promise<number> {
  const { config, issues } = readEdgeConfig(path);
  const format = values["log-format"] ?? "text";
  showIssues(issues, format);
  if (config === undefined) {
    const count = issues.filter((issue) => issue.severity === "error").length;
    if (format === "text") console.error(`${path}: ${count} error${count === 1 ? "" : "s"}: nothing was started`);
    return ExitCode.USAGE;
  }
  if (values.check) {
    console.log(`${path}: configuration is valid: ${summaryOf(config)}`);
    return ExitCode.OK;
  }
  if (values["print-rules"]) return await printRules(config, path);
  configureLog({ level: config.log.level, format, nodeName: config.nodeName });
  // Imported here, because it loads the native part: checking a file must work where that can't be loaded.
  const { runEdge } = await import("../edge/edge.ts");
  return await runEdge(config, {
    configPath: path,
    bind: values.bind ?? "linux",
    noUapi: values["no-uapi"] ?? false,
  });
}

async function printRules(config: EdgeConfig, path: string): Promise<number> {
  if (!config.fakeTcp.isEnabled) {
    console.error(`${path}: FakeTCP is off, so that no rules are needed: FakeTCP.Enabled: true switches it on`);
    return ExitCode.OK;
  }
  try {
    // Imported here for the same reason as the node itself: it asks the kernel how this machine is.
    const { rulesText } = await import("../node/print_rules.ts");
    await Deno.stdout.write(new TextEncoder().encode(await rulesText(config)));
    return ExitCode.OK;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    console.error(`${path}: can't tell the rules: ${error.message}`);
    return ExitCode.FAILURE;
  }
}

function summaryOf(config: EdgeConfig): string {
  const name = config.nodeName === "" ? "" : ` "${config.nodeName}"`;
  const peers = config.peers.length === 1 ? "1 peer" : `${config.peers.length} peers`;
  const device = config.interface.name === "" ? "" : ` ${config.interface.name}`;
  return `node ${config.nodeId}${name}, ${config.interface.kind}${device}, static mode, ${peers}`;
}
