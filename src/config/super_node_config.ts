/**
 * The `DynamicRoute.SuperNode` block of an edge file, checked: where the super is, and what it is told.
 *
 * @module
 */

import type { EdgeFile } from "./edge_schema.ts";
import type { EndpointConfig } from "./endpoint_text.ts";
import type { FakeTcpConfig } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import { formatKey } from "./key_text.ts";

/** The registry that an edge of super mode obeys. */
export interface SuperNodeConfig {
  readonly presharedKey: Uint8Array | undefined;
  /** Sessions by family; at least one. */
  readonly ipv4: SuperSessionConfig | undefined;
  readonly ipv6: SuperSessionConfig | undefined;
  /** Base of the HTTP interface, without a slash at the end; empty: documents come through the session only. */
  readonly apiUrl: string;
  readonly skipsLocalAddresses: boolean;
  readonly additionalLocalEndpoints: readonly EndpointConfig[];
}

/** A session with the super. */
export interface SuperSessionConfig {
  readonly endpoint: EndpointConfig;
  /** Where the super is called by FakeTCP; `undefined` if FakeTCP is off in this family. */
  readonly fakeTcpEndpoint: EndpointConfig | undefined;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
}

type SuperNodeFile = EdgeFile["DynamicRoute"]["SuperNode"];

const PATH = "DynamicRoute.SuperNode";

/**
 * Checks the block.
 *
 * @param ownPublicKey This node's public key; `undefined` if its private key is wrong.
 * @param fakeTcp Whether the super is called by FakeTCP, too, and over which families.
 * @returns What is only fit for use if there are no errors; `undefined` if super mode is off.
 */
export function readSuperNode(
  file: EdgeFile,
  ownPublicKey: Uint8Array | undefined,
  fakeTcp: FakeTcpConfig,
  findings: Findings,
): SuperNodeConfig | undefined {
  const block = file.DynamicRoute.SuperNode;
  if (!block.UseSuperNode) return undefined;
  checkEndpoints(file, findings);
  checkKeys(block, ownPublicKey, findings);
  checkFakeTcpEndpoints(block, fakeTcp, findings);
  if (block.EndpointEdgeAPIUrl === "") {
    findings.warn(`${PATH}.EndpointEdgeAPIUrl`, {
      allowed: "http://… or https://…",
      remedy: "with a super that runs the Go program this edge gets no peers: write this key",
    });
  }
  return {
    presharedKey: block.PSKey,
    ipv4: file.DisabledAf.IPv4 ? undefined : readSession(block, 4, fakeTcp, findings),
    ipv6: file.DisabledAf.IPv6 ? undefined : readSession(block, 6, fakeTcp, findings),
    apiUrl: block.EndpointEdgeAPIUrl,
    skipsLocalAddresses: block.SkipLocalIP,
    additionalLocalEndpoints: block.AdditionalLocalIP.filter((endpoint) => endpoint !== undefined),
  };
}

function readSession(
  block: SuperNodeFile,
  family: 4 | 6,
  fakeTcp: FakeTcpConfig,
  findings: Findings,
): SuperSessionConfig | undefined {
  const endpoint = block[`EndpointV${family}`];
  const publicKey = block[`PubKeyV${family}`];
  if (endpoint === undefined) return undefined;
  if (publicKey === undefined) {
    const remedy = "its endpoint needs it: write this key";
    findings.error(`${PATH}.PubKeyV${family}`, { allowed: "the super's public key", remedy });
    return undefined;
  }
  const hasFakeTcp = fakeTcp.isEnabled && fakeTcp[`ipv${family}`] !== undefined;
  return {
    endpoint,
    fakeTcpEndpoint: hasFakeTcp ? block[`FakeTCPEndpointV${family}`] ?? endpoint : undefined,
    publicKey,
  };
}

/** Reports a super that can't be reached over any family. */
function checkEndpoints(file: EdgeFile, findings: Findings): void {
  const { EndpointV4: v4, EndpointV6: v6 } = file.DynamicRoute.SuperNode;
  if (!findings.areSound(`${PATH}.EndpointV4`, `${PATH}.EndpointV6`)) return;
  if (v4 === undefined && v6 === undefined) {
    findings.error(`${PATH}.EndpointV4`, { allowed: "an endpoint here or in EndpointV6", remedy: "write one" });
    return;
  }
  const { IPv4: isIpv4Off, IPv6: isIpv6Off } = file.DisabledAf;
  if ((v4 !== undefined && !isIpv4Off) || (v6 !== undefined && !isIpv6Off)) return;
  const [used, other] = v4 === undefined ? [6, 4] : [4, 6];
  findings.error(`${PATH}.EndpointV${used}`, {
    allowed: "an endpoint of a family that is on",
    remedy: `DisabledAf switches IPv${used} off: switch it on, or write EndpointV${other}`,
  });
}

/** Reports keys that belong to somebody else: a peer is known by its key, so each session needs one of its own. */
function checkKeys(block: SuperNodeFile, ownPublicKey: Uint8Array | undefined, findings: Findings): void {
  const { PubKeyV4: v4, PubKeyV6: v6 } = block;
  if (v4 !== undefined && v6 !== undefined && formatKey(v4) === formatKey(v6)) {
    findings.error(`${PATH}.PubKeyV6`, {
      allowed: "another key than PubKeyV4",
      remedy: "a super has a key for each family: copy the one of PrivKeyV6",
    });
  }
  for (const [name, key] of [["PubKeyV4", v4], ["PubKeyV6", v6]] as const) {
    if (key === undefined || ownPublicKey === undefined || formatKey(key) !== formatKey(ownPublicKey)) continue;
    findings.error(`${PATH}.${name}`, {
      allowed: "the super's public key",
      remedy: "this is the public key of this node's own PrivKey: correct one",
    });
  }
}

/** Warns about endpoints that FakeTCP has no use for. */
function checkFakeTcpEndpoints(block: SuperNodeFile, fakeTcp: FakeTcpConfig, findings: Findings): void {
  for (const family of [4, 6] as const) {
    const path = `${PATH}.FakeTCPEndpointV${family}`;
    if (block[`FakeTCPEndpointV${family}`] === undefined) continue;
    if (!fakeTcp.isEnabled) {
      const remedy = "FakeTCP is off: switch it on";
      findings.warn(path, { allowed: "an endpoint beside FakeTCP.Enabled: true", remedy });
    } else if (block[`EndpointV${family}`] === undefined) {
      const remedy = `there is no session over IPv${family}: write EndpointV${family}`;
      findings.warn(path, { allowed: `an endpoint beside EndpointV${family}`, remedy });
    } else if (fakeTcp[`ipv${family}`] === undefined) {
      const remedy = `FakeTCP has no addresses of IPv${family}, or the family is off`;
      findings.warn(path, { allowed: "an endpoint of a family that FakeTCP has", remedy });
    }
  }
}
