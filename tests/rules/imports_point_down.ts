/**
 * A folder of `src/` imports only what the table allows; imports point down, and there are no cycles between folders.
 *
 * Imports of types count as well: a layer that knows another's types knows the other layer.
 *
 * @module
 */

import { folderOf, pathBelowSrc, resolveBelowSrc } from "./source_path.ts";

/**
 * For each folder, what it may import besides itself and `base/`: folders, or single files written as patterns.
 *
 * A file without I/O lies low whatever its folder's layer: that is why a lane may use `noise/replay.ts`,
 * `route/l2fib.ts` and `route/next_hop.ts`, and `control` may use the pure `conn/path*.ts` and `config/key_text.ts`.
 * Of the data plane, `device` knows the memory that it shares with the lanes: the tables with the words in them, and the
 * ring of events.
 */
const ALLOWED: Record<string, readonly (string | RegExp)[]> = {
  base: [],
  wire: [],
  noise: ["wire"],
  obfuscation: ["wire"],
  route: [],
  ffi: [],
  tap: ["wire", "ffi"],
  faketcp: ["wire", "ffi"],
  conn: ["wire", "ffi", "faketcp"],
  dataplane: [
    "wire",
    "ffi",
    "tap",
    "faketcp",
    "conn",
    "obfuscation",
    /^noise\/replay\.ts$/,
    /^route\/(l2fib|next_hop)\.ts$/,
  ],
  device: ["wire", "noise", "conn", /^dataplane\/(tables|events|path_word|\w+_table)\.ts$/],
  control: ["wire", "route", "device", /^conn\/path\w*\.ts$/, /^config\/key_text\.ts$/],
  host: ["ffi"],
  config: ["wire"],
  uapi: ["device"],
  node: belowNode(),
  edge: [...belowNode(), "node"],
  super: [...belowNode(), "node"],
  cli: ["node", "edge", "super", "config"],
};

function belowNode(): string[] {
  return [
    "wire",
    "noise",
    "obfuscation",
    "route",
    "ffi",
    "tap",
    "faketcp",
    "conn",
    "dataplane",
    "device",
    "control",
    "host",
    "config",
    "uapi",
  ];
}

function isAllowed(importer: string, imported: string): boolean {
  const folder = folderOf(importer);
  const target = folderOf(imported);
  if (target === folder || target === "base") return true;
  return ALLOWED[folder].some((entry) => typeof entry === "string" ? entry === target : entry.test(imported));
}

function describeAllowed(folder: string): string {
  const entries = ALLOWED[folder].map((entry) => typeof entry === "string" ? entry : entry.source);
  return ["base", ...entries].join(", ");
}

/** The rule `imports-point-down`. */
export const importsPointDown: Deno.lint.Rule = {
  create(context) {
    const importer = pathBelowSrc(context.filename);
    if (importer === "") return {};
    const folder = folderOf(importer);
    if (!(folder in ALLOWED)) {
      return {
        Program(node) {
          context.report({
            node,
            message: `"src/${importer}" lies in no folder of the import table`,
            hint: "Move it into the folder whose responsibility it shares, or add the folder to the table",
          });
        },
      };
    }

    function check(node: Deno.lint.Node, specifier: string): void {
      if (!specifier.startsWith(".")) return;
      const imported = resolveBelowSrc(importer, specifier);
      if (imported === undefined) {
        context.report({ node, message: `"src/${importer}" imports "${specifier}", which lies outside src/` });
      } else if (!isAllowed(importer, imported)) {
        context.report({
          node,
          message: `"${folder}" imports "${imported}", which doesn't lie below it`,
          hint: `"${folder}" may import: ${describeAllowed(folder)}`,
        });
      }
    }

    return {
      "ImportDeclaration, ExportNamedDeclaration, ExportAllDeclaration"(
        node: Deno.lint.ImportDeclaration | Deno.lint.ExportNamedDeclaration | Deno.lint.ExportAllDeclaration,
      ) {
        if (node.source) check(node, node.source.value);
      },
      ImportExpression(node) {
        if (node.source.type === "Literal" && typeof node.source.value === "string") check(node, node.source.value);
      },
      TSImportType(node) {
        const { argument } = node;
        if (argument.type !== "TSLiteralType" || argument.literal.type !== "Literal") return;
        if (typeof argument.literal.value === "string") check(node, argument.literal.value);
      },
    };
  },
};
