/**
 * Where a super offers its HTTP interfaces, and with which certificate, checked.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { readCompanionFile } from "./companion_file.ts";
import type { FakeTcpConfig } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import type { ListenConfig } from "./http_types.ts";
import type { SuperFileRecord } from "./super_schema.ts";

/** What a TLS server has, in PEM form. */
export interface TlsConfig {
  /** With its chain. */
  readonly certificate: string;
  /** Its private key. */
  readonly key: string;
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
 * Reads the certificate and its key, and checks that a server can work with them.
 *
 * @param configPath Path of the configuration.
 * @returns What is only fit for use if there are no errors; `undefined` if neither file is named.
 */
export function readTls(file: SuperFileRecord, configPath: string, findings: Findings): TlsConfig | undefined {
  const { CertFile, KeyFile } = file.TLS;
  if (CertFile === "" && KeyFile === "") return undefined;
  if (CertFile === "" || KeyFile === "") {
    const [missing, other] = CertFile === "" ? ["CertFile", "KeyFile"] : ["KeyFile", "CertFile"];
    const remedy = `${other} is of no use alone: write this key, too`;
    findings.error(`TLS.${missing}`, { allowed: "the path of a PEM file", remedy });
  }
  const certificate = readPem(CertFile, "CertFile", "CERTIFICATE", configPath, findings);
  const key = readPem(KeyFile, "KeyFile", "PRIVATE KEY", configPath, findings);
  checkPair(certificate, key, findings);
  return { certificate: certificate.text, key: key.text };
}

/** What a PEM file has: all of its text, and the blocks of a kind in it. */
interface PemFile {
  readonly text: string;
  readonly blocks: readonly string[];
}

const NO_PEM: PemFile = { text: "", blocks: [] };

/** Returns no blocks if the file isn't of the kind; that was reported. */
function readPem(
  written: string,
  name: "CertFile" | "KeyFile",
  label: string,
  configPath: string,
  findings: Findings,
): PemFile {
  if (written === "") return NO_PEM;
  const file = readCompanionFile(written, configPath);
  const path = `TLS.${name}`;
  const allowed = `the path of a PEM file with a ${label}`;
  if ("cause" in file) {
    findings.error(path, { found: file.cause, allowed, remedy: "check the path and the permissions" });
    return NO_PEM;
  }
  // The label of a key may begin with its kind, such as "EC" (RFC 7468 §10).
  const block = new RegExp(`^-----BEGIN ((?:[A-Z0-9]+ )*${label})-----$[^]*?^-----END \\1-----$`, "gm");
  const blocks = file.text.replaceAll("\r", "").match(block) ?? [];
  if (blocks.length === 0) {
    const remedy = `it has no lines "-----BEGIN ${label}-----" and "-----END ${label}-----": name the right file`;
    findings.error(path, { allowed, remedy });
  }
  return { text: file.text, blocks };
}

/** Reports what a server would fail with at its start, or, with a key of another certificate, at each handshake. */
function checkPair(certificate: PemFile, key: PemFile, findings: Findings): void {
  const certificates = certificate.blocks.map((block) => resultOf(() => new X509Certificate(block)));
  const bad = certificates.indexOf(undefined);
  if (bad >= 0) {
    const remedy = `what its block ${bad + 1} holds is no certificate: name the right file, or make it anew`;
    findings.error("TLS.CertFile", { allowed: "the path of a PEM file with a CERTIFICATE", remedy });
  }
  const [keyBlock] = key.blocks;
  if (keyBlock === undefined) return;
  const privateKey = resultOf(() => createPrivateKey(keyBlock));
  if (privateKey === undefined) {
    const remedy = "what it holds is no private key, or one with a passphrase: name the right file, or make it anew";
    findings.error("TLS.KeyFile", { allowed: "the path of a PEM file with a PRIVATE KEY", remedy });
    return;
  }
  const [own] = certificates;
  if (own === undefined || bad >= 0) return;
  if (!own.checkPrivateKey(privateKey)) {
    const remedy = "name the certificate of the server first, before those of its authorities, and the key of that one";
    findings.error("TLS.KeyFile", { allowed: "the private key of the first certificate in TLS.CertFile", remedy });
  } else if (resultOf(() => createSecureContext({ cert: certificate.text, key: key.text })) === undefined) {
    const remedy = "no TLS server can be made with them: make others, for example with an elliptic curve";
    findings.error("TLS.CertFile", { allowed: "a certificate and a key of good length", remedy });
  }
}

function resultOf<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
