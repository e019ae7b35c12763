/**
 * Where a super offers its HTTP interfaces, and with which certificate, checked.
 *
 * @module
 */

import { readCompanionFile } from "./companion_file.ts";
import type { FakeTcpConfig } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import type { ListenConfig } from "./http_types.ts";
import type { SuperFileRecord } from "./super_schema.ts";

/** Files of a TLS server in PEM form; paths as the program opens them. Both were readable when they were checked. */
export interface TlsConfig {
  readonly certificatePath: string;
  readonly keyPath: string;
}

/** Addresses that stand for all of the host's. */
const ALL_ADDRESSES: ReadonlySet<string | undefined> = new Set([undefined, "0.0.0.0", "::"]);

/** Reports two listeners that take each other's port. Two that are the same are one server. */
export function checkListeners(file: SuperFileRecord, findings: Findings): void {
  const { ListenPort_EdgeAPI: edge, ListenPort_ManageAPI: manage } = file;
  if (edge === undefined || manage === undefined) return;
  if (edge.port !== manage.port || edge.host === manage.host) return;
  if (!ALL_ADDRESSES.has(edge.host) && !ALL_ADDRESSES.has(manage.host)) return;
  findings.error("ListenPort_ManageAPI", {
    allowed: "the same as ListenPort_EdgeAPI, or another port",
    remedy: "one of the two takes the port at all addresses: choose another port",
  });
}

/**
 * Tells whether FakeTCP can run beside the HTTP interfaces, which it would cut off from the outside if it had their port.
 *
 * Files of older nodes have one number for all ports, and FakeTCP switched on although it never worked there. They stay
 * valid: FakeTCP remains off, with a warning. A port that is written for FakeTCP alone is an error.
 */
export function sparesHttpPorts(file: SuperFileRecord, fakeTcp: FakeTcpConfig, findings: Findings): boolean {
  if (!fakeTcp.isEnabled) return true;
  const listeners = [
    ["ListenPort_EdgeAPI", file.ListenPort_EdgeAPI],
    ["ListenPort_ManageAPI", file.ListenPort_ManageAPI],
  ] as const;
  let spares = true;
  for (const [name, listener] of listeners) {
    if (listener === undefined || isLoopback(listener)) continue;
    const allowed = `a TCP port apart from ${name}`;
    const remedy = "HTTP couldn't be reached there any more: choose another port for one of the two";
    const index = fakeTcp.moreListenPorts.indexOf(listener.port);
    if (index >= 0) findings.error(`FakeTCP.ListenPorts[${index}]`, { allowed, remedy });
    if (fakeTcp.listenPort === listener.port) findings.error("FakeTCP.ListenPort", { allowed, remedy });
    if (fakeTcp.listenPort !== 0 || file.ListenPort !== listener.port || !spares) continue;
    spares = false;
    findings.warn("FakeTCP.ListenPort", {
      found: `the number of the UDP port, ${listener.port}`,
      allowed,
      remedy: "FakeTCP stays off: write a port for it here, or another one there",
    });
  }
  return spares;
}

/** What a host asks itself never passes the firewall rules by which FakeTCP gets its segments. */
function isLoopback({ host }: ListenConfig): boolean {
  return host !== undefined && (host.startsWith("127.") || host === "::1" || host === "localhost");
}

/**
 * Checks that both files are there and look like what they should be.
 *
 * @param configPath Path of the configuration.
 * @returns `undefined` if neither is named.
 */
export function readTls(file: SuperFileRecord, configPath: string, findings: Findings): TlsConfig | undefined {
  const { CertFile: certificate, KeyFile: key } = file.TLS;
  if (certificate === "" && key === "") return undefined;
  if (certificate === "" || key === "") {
    const [missing, other] = certificate === "" ? ["CertFile", "KeyFile"] : ["KeyFile", "CertFile"];
    const remedy = `${other} is of no use alone: write this key, too`;
    findings.error(`TLS.${missing}`, { allowed: "the path of a PEM file", remedy });
  }
  return {
    certificatePath: checkPem(certificate, "CertFile", "CERTIFICATE", configPath, findings),
    keyPath: checkPem(key, "KeyFile", "PRIVATE KEY", configPath, findings),
  };
}

/** Returns the path that the file was found at. */
function checkPem(
  written: string,
  name: "CertFile" | "KeyFile",
  label: string,
  configPath: string,
  findings: Findings,
): string {
  if (written === "") return "";
  const file = readCompanionFile(written, configPath);
  const path = `TLS.${name}`;
  const allowed = `the path of a PEM file with a ${label}`;
  if ("cause" in file) {
    findings.error(path, { found: file.cause, allowed, remedy: "check the path and the permissions" });
    return "";
  }
  // The label of a key may begin with its kind, such as "EC" (RFC 7468 §10).
  if (!new RegExp(`^-----BEGIN (?:[A-Z0-9]+ )*${label}-----$`, "m").test(file.text.replaceAll("\r", ""))) {
    findings.error(path, { allowed, remedy: `it has no line "-----BEGIN ${label}-----": name the right file` });
  }
  return file.path;
}
