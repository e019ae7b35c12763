/**
 * The edge file that a super makes for a new edge, from a template or from the built-in example.
 *
 * Source: `http-api.md` §7.2. Beyond the reference node, what the super knows is filled in, and a comment marks what is
 * left to do.
 *
 * @module
 */

import type { ConfigIssue } from "../base/errors.ts";
import type { NodeId } from "../base/node_id.ts";
import type { RandomSource } from "../base/random.ts";
import { readCompanionFile } from "./companion_file.ts";
import { EDGE_SCHEMA } from "./edge_schema.ts";
import { formatEndpointText, parseEndpointText } from "./endpoint_text.ts";
import { renderEdgeKeys } from "./example.ts";
import type { FakeTcpConfig } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import { formatKey, KEY_LEN } from "./key_text.ts";
import { loadYaml } from "./load.ts";
import type { ObfuscationConfig } from "./node_config.ts";
import {
  type EditableMap,
  emptyList,
  emptyMap,
  plainScalar,
  quotedScalar,
  SharedNodeError,
  YamlEditor,
} from "./yaml_editor.ts";

/** What the super fills in. */
export interface EdgeTemplateValues {
  readonly nodeId: NodeId;
  readonly nodeName: string;
  /** The edge's public key: it stands beside the place for the private one. 32 octets, as are the other keys. */
  readonly publicKey: Uint8Array;
  /** With the super; `undefined` for none. */
  readonly presharedKey: Uint8Array | undefined;
  readonly additionalCostMs: number;
  readonly skipsLocalAddresses: boolean;
  /** As the super's own file has it; `undefined` if it names none. */
  readonly wireVersion: string | undefined;
  /** The super's own keys; `undefined` for a family without sessions. */
  readonly superPublicKeyV4: Uint8Array | undefined;
  readonly superPublicKeyV6: Uint8Array | undefined;
  /** FakeTCP and obfuscation of the super. */
  readonly fakeTcp: Pick<FakeTcpConfig, "isEnabled" | "listenPort" | "tunMtu">;
  readonly obfuscation: ObfuscationConfig;
}

/** What stands in place of the edge's private key, which the super never sees. */
const PRIVATE_KEY_PLACEHOLDER = "Your_Private_Key";

/** Keys that are replaced in any case, or that a template leaves to the one who copies it. */
const REPLACED_KEYS =
  /^(?:NodeID|NodeName|PrivKey|NextHopTable|Peers|DynamicRoute\.SuperNode\.(?:PSKey|PubKeyV[46]))\b/;

/**
 * Reads the template that a super's file names.
 *
 * What can't be read, or is no YAML, is an error at the key; anything else that is wrong in it is a warning at its own
 * line, since a template may be unfinished.
 *
 * @param written Path as the configuration has it; empty for none.
 * @param configPath Path of the configuration.
 * @returns The text, `undefined` if there is none, and the warnings.
 */
export function readEdgeTemplate(
  written: string,
  configPath: string,
  findings: Findings,
): { text: string | undefined; issues: readonly ConfigIssue[] } {
  if (written === "") return { text: undefined, issues: [] };
  const file = readCompanionFile(written, configPath, true);
  if ("cause" in file) {
    const remedy = "check the path and the permissions, or leave the key empty";
    findings.error("EdgeTemplate", { found: file.cause, allowed: "the path of an edge file", remedy });
    return { text: undefined, issues: [] };
  }
  const { findings: inner } = loadYaml(file.text, file.path, EDGE_SCHEMA);
  const issues = inner.list().filter(({ key }) => !REPLACED_KEYS.test(key));
  const cause = inner.areSound("") ? causeOfUnfitness(file.text) : "it is no YAML";
  if (cause === undefined) {
    return { text: file.text, issues: issues.map((issue) => ({ ...issue, severity: "warning" })) };
  }
  findings.error("EdgeTemplate", {
    allowed: "the path of an edge file in YAML",
    remedy: `${cause}: correct that file`,
  });
  return { text: undefined, issues };
}

/** Tries a template: says why it can't be filled in, if so. */
function causeOfUnfitness(template: string): string | undefined {
  if (YamlEditor.parse(template) === undefined) return "it has no keys";
  try {
    renderEdgeConfig(template, SAMPLE_VALUES);
    return undefined;
  } catch (error) {
    if (!(error instanceof SharedNodeError)) throw error;
    return `what its anchor "${error.anchor}" names is to be replaced, but used in other places, too`;
  }
}

const SAMPLE_VALUES: EdgeTemplateValues = {
  nodeId: 0,
  nodeName: "",
  publicKey: new Uint8Array(KEY_LEN),
  presharedKey: undefined,
  additionalCostMs: 0,
  skipsLocalAddresses: false,
  wireVersion: undefined,
  superPublicKeyV4: undefined,
  superPublicKeyV6: undefined,
  fakeTcp: { isEnabled: false, listenPort: 0, tunMtu: 0 },
  obfuscation: { isEnabled: false, key: undefined },
};

/**
 * Returns the file for a new edge.
 *
 * @param template Text of a template that {@linkcode readEdgeTemplate} has passed; `undefined` for the built-in example.
 * @returns YAML. The private key is left to do, and whatever else a comment "fill in" says.
 */
export function renderEdgeConfig(template: string | undefined, values: EdgeTemplateValues): string {
  const editor = YamlEditor.parse(template ?? renderEdgeKeys(NO_RANDOM));
  if (editor === undefined) throw new TypeError("the template must be YAML");
  const { root } = editor;
  editor.set(root, "NodeID", plainScalar(String(values.nodeId)));
  editor.set(root, "NodeName", quotedScalar(values.nodeName));
  const privateKeyNote = `the private key of ${formatKey(values.publicKey)}`;
  editor.set(root, "PrivKey", withNote(plainScalar(PRIVATE_KEY_PLACEHOLDER), privateKeyNote));
  if (values.wireVersion !== undefined) editor.set(root, "WireVersion", quotedScalar(values.wireVersion));
  const dynamicRoute = editor.mapAt(root, "DynamicRoute");
  editor.set(dynamicRoute, "AdditionalCost", plainScalar(String(values.additionalCostMs)));
  const superNode = editor.mapAt(dynamicRoute, "SuperNode");
  if (template === undefined) editor.set(superNode, "UseSuperNode", plainScalar("true"));
  fillSuperNode(editor, superNode, values);
  editor.replace(root, "NextHopTable", emptyMap());
  editor.replace(root, "Peers", emptyList());
  const fakeTcp = editor.mapAt(root, "FakeTCP");
  editor.set(fakeTcp, "Enabled", plainScalar(String(values.fakeTcp.isEnabled)));
  editor.set(fakeTcp, "TunMTU", plainScalar(String(values.fakeTcp.tunMtu)));
  const obfuscation = editor.mapAt(root, "Obfuscation");
  editor.set(obfuscation, "Enabled", plainScalar(String(values.obfuscation.isEnabled)));
  editor.set(obfuscation, "PSK", keyScalar(values.obfuscation.key));
  return template === undefined ? BUILT_IN_PREFACE + editor.toString() : editor.toString();
}

const BUILT_IN_PREFACE =
  `# Configuration of an etherguard edge, made by its super from the built-in example, as the super's own
# file names no EdgeTemplate. Look for "fill in", and at the block Interface. Then check it with:
# etherguard edge --check --config FILE

`;

/** All that is random in the example is replaced. */
const NO_RANDOM: RandomSource = { fill: (target) => void target.fill(0), uint32: () => 0 };

function fillSuperNode(editor: YamlEditor, superNode: EditableMap, values: EdgeTemplateValues): void {
  editor.set(superNode, "PSKey", keyScalar(values.presharedKey));
  editor.set(superNode, "PubKeyV4", keyScalar(values.superPublicKeyV4));
  editor.set(superNode, "PubKeyV6", keyScalar(values.superPublicKeyV6));
  editor.set(superNode, "SkipLocalIP", plainScalar(String(values.skipsLocalAddresses)));
  const textAt = (name: string) => editor.textAt(superNode, name) ?? "";
  const families = [[4, values.superPublicKeyV4], [6, values.superPublicKeyV6]] as const;
  const usable = families.filter(([, publicKey]) => publicKey !== undefined).map(([family]) => family);
  if (usable.every((family) => textAt(`EndpointV${family}`) === "")) {
    for (const family of usable) {
      const note = `the super's address over IPv${family} and its UDP port${
        usable.length > 1 ? ", unless it has none" : ""
      }`;
      editor.set(superNode, `EndpointV${family}`, withNote(quotedScalar(""), note));
    }
  }
  if (textAt("EndpointEdgeAPIUrl") === "") {
    const note = "http://HOST:PORT and API_Prefix of the super, if this edge is to run the Go program";
    editor.set(superNode, "EndpointEdgeAPIUrl", withNote(quotedScalar(""), note));
  }
  for (const family of usable) fillFakeTcpEndpoint(editor, superNode, family, values.fakeTcp);
}

/** FakeTCP of a super may listen at another port than UDP, which an edge can't know. */
function fillFakeTcpEndpoint(
  editor: YamlEditor,
  superNode: EditableMap,
  family: 4 | 6,
  { isEnabled, listenPort }: EdgeTemplateValues["fakeTcp"],
): void {
  const name = `FakeTCPEndpointV${family}`;
  const endpoint = parseEndpointText(editor.textAt(superNode, `EndpointV${family}`) ?? "");
  if (!isEnabled || listenPort === 0 || endpoint === undefined || endpoint.port === listenPort) return;
  if (editor.textAt(superNode, name)) return;
  editor.set(superNode, name, quotedScalar(formatEndpointText({ ...endpoint, port: listenPort })));
}

function keyScalar(key: Uint8Array | undefined) {
  return key === undefined ? quotedScalar("") : plainScalar(formatKey(key));
}

function withNote(scalar: ReturnType<typeof plainScalar>, note: string) {
  scalar.comment = ` fill in: ${note}`;
  return scalar;
}
