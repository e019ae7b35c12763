/**
 * What a super is told to do: its configuration file in our own words, units and types.
 *
 * As with the file of an edge, keys with their old spellings, seconds and base64 end here; what one key alone can get
 * wrong was found by the schema, and here and in the files beside it stand the checks of keys against each other.
 *
 * @module
 */

import { x25519 } from "@noble/curves/ed25519.js";
import type { ConfigIssue } from "../base/errors.ts";
import { type ConfigReading, parseConfigText, readConfigFile } from "./config_file.ts";
import { durationMs, intervalMs } from "./duration.ts";
import { readEdgeTemplate } from "./edge_template.ts";
import { type FakeTcpConfig, readFakeTcp } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import { type GraphConfig, type NextHopTableConfig, readGraph, readNextHopTable } from "./graph_config.ts";
import type { ListenConfig } from "./http_types.ts";
import { formatKey } from "./key_text.ts";
import { MAX_DEVICE_NAME_LEN } from "./network_types.ts";
import {
  type AddressFamilyConfig,
  checkNodeName,
  type LogConfig,
  type ObfuscationConfig,
  readAddressFamilies,
  readLog,
  readObfuscation,
} from "./node_config.ts";
import { DEFAULT_DUAL_STACK, type PathSelectionConfig, readPathSelection } from "./path_selection_config.ts";
import { checkListeners, readTls, sparesHttpPorts, type TlsConfig } from "./super_http_config.ts";
import { checkStaticRoutes, type OwnKey, readSuperPeers, type SuperPeerConfig } from "./super_peer_config.ts";
import { SUPER_SCHEMA, type SuperFileRecord } from "./super_schema.ts";

export type { ListenConfig, SuperPeerConfig, TlsConfig };

/** Everything a super is told. */
export interface SuperConfig {
  /** At most 32 octets, no slash; may be empty. */
  readonly nodeName: string;
  /** Program and arguments; empty for none. */
  readonly postScript: readonly string[];
  /** 32 octets each, as written: X25519 clamps them. `undefined` if the family is off; at least one is there. */
  readonly privateKeyV4: Uint8Array | undefined;
  readonly privateKeyV6: Uint8Array | undefined;
  /** 32 octets each, derived from the private keys. */
  readonly publicKeyV4: Uint8Array | undefined;
  readonly publicKeyV6: Uint8Array | undefined;
  /** UDP port of both families; 0: the system picks one. */
  readonly listenPort: number;
  /** Where edges fetch what they need over HTTP. */
  readonly edgeApi: ListenConfig;
  /** Where administrators ask and change; `undefined`: nowhere. The same as `edgeApi`: one server for both. */
  readonly manageApi: ListenConfig | undefined;
  /** Certificate and key of both servers; `undefined`: plain HTTP. */
  readonly tls: TlsConfig | undefined;
  /** In front of all paths: empty, or with a slash at its start and none at its end. */
  readonly apiPrefix: string;
  /** Mark on sent datagrams; 0: none. */
  readonly fwmark: number;
  /** Families of the sessions: those that are on and have a private key. HTTP isn't bound by them. */
  readonly addressFamilies: AddressFamilyConfig;
  readonly log: LogConfig;
  /** Period of telling edges the state of the next-hop table, whether they seem to have it or not. */
  readonly rePushIntervalMs: number;
  /** Told to edges: period of their reports; 0: none but after new parameters. */
  readonly reportIntervalMs: number;
  /** Told to edges: silence after which a peer counts as dead; for the super, an edge. */
  readonly peerAliveTimeoutMs: number;
  /** Told to edges: period of measuring. */
  readonly pingIntervalMs: number;
  /** Told to edges: measurements to either side of the median; 0: no filter. */
  readonly dampingFilterRadius: number;
  readonly passwords: PasswordsConfig;
  readonly graph: GraphConfig;
  /** In static mode complete for all pairs of peers. */
  readonly nextHopTable: NextHopTableConfig;
  /** Text of the edge file that the answer to a new peer is made from; `undefined`: the built-in example. */
  readonly edgeTemplate: string | undefined;
  /** Whether each pair of edges gets a preshared key of its own. */
  readonly usesPairKeys: boolean;
  /** Period of looking up again the endpoints of silent peers; 0: never. */
  readonly resetEndpointIntervalMs: number;
  /** Whether an edge that calls from a private address is answered. */
  readonly allowPrivateIp: boolean;
  /** Version that edges have to agree with; `undefined`: that of this release. */
  readonly wireVersion: string | undefined;
  /** By place in the file; ids, keys and names occur once. */
  readonly peers: readonly SuperPeerConfig[];
  /** `tunName` is the device of IPv4; {@linkcode secondTunName} makes that of IPv6 from it. */
  readonly fakeTcp: FakeTcpConfig;
  readonly obfuscation: ObfuscationConfig;
  readonly pathSelection: PathSelectionConfig;
}

/** What the calls of the administration ask for; a call whose password is empty always refuses. */
export interface PasswordsConfig {
  readonly showState: string;
  readonly addPeer: string;
  readonly delPeer: string;
  readonly updatePeer: string;
  readonly updateSuper: string;
}

/** What became of a super file. */
export type SuperConfigReading = ConfigReading<SuperConfig>;

/**
 * Name of the TUN device of FakeTCP over IPv6, made from that over IPv4: a super has a stack for each family.
 *
 * @returns At most as many octets as a device name may have.
 */
export function secondTunName(tunName: string): string {
  return `${tunName.slice(0, MAX_DEVICE_NAME_LEN - 1)}6`;
}

/** Reads a super file as {@linkcode readConfigFile} does, and the files that it names. Never throws. */
export function readSuperConfig(path: string): SuperConfigReading {
  return readConfigFile(path, parseSuperConfig);
}

/**
 * Checks the text of a super file as {@linkcode parseConfigText} does. Never throws.
 *
 * @param file Path as the user wrote it; templates and certificates are looked for beside it.
 */
export function parseSuperConfig(text: string, file: string): SuperConfigReading {
  const templateIssues: ConfigIssue[] = [];
  const { config, issues } = parseConfigText(text, file, SUPER_SCHEMA, (record, findings) => {
    const template = readEdgeTemplate(record.EdgeTemplate, file, findings);
    templateIssues.push(...template.issues);
    return readConfig(record, file, template.text, findings);
  });
  const hasWrongTemplate = templateIssues.some((issue) => issue.severity === "error");
  return { config: hasWrongTemplate ? undefined : config, issues: [...issues, ...templateIssues] };
}

function readConfig(
  file: SuperFileRecord,
  path: string,
  edgeTemplate: string | undefined,
  findings: Findings,
): SuperConfig {
  checkNodeName(file.NodeName, findings);
  checkPrivateKeys(file, findings);
  checkListeners(file, findings);
  checkIntervals(file, findings);
  if (file.GraphRecalculateSetting.StaticMode) checkStaticRoutes(file, findings);
  if (file.DisableRelay) {
    findings.warn("DisableRelay", { allowed: "false", remedy: "it has no effect on a super: remove it" });
  }
  const families = readAddressFamilies(file.DisabledAf, 0, findings);
  const addressFamilies: AddressFamilyConfig = {
    ...families,
    ipv4: families.ipv4 && file.PrivKeyV4 !== undefined,
    ipv6: families.ipv6 && file.PrivKeyV6 !== undefined,
  };
  const privateKeyV4 = addressFamilies.ipv4 ? file.PrivKeyV4 : undefined;
  const privateKeyV6 = addressFamilies.ipv6 ? file.PrivKeyV6 : undefined;
  const publicKeyV4 = publicKeyOf(privateKeyV4);
  const publicKeyV6 = publicKeyOf(privateKeyV6);
  const fakeTcp = readSuperFakeTcp(file, addressFamilies, findings);
  const ownKeys = [{ name: "PrivKeyV4", publicKey: publicKeyV4 }, { name: "PrivKeyV6", publicKey: publicKeyV6 }];
  return {
    nodeName: file.NodeName,
    postScript: file.PostScript,
    privateKeyV4,
    privateKeyV6,
    publicKeyV4,
    publicKeyV6,
    listenPort: file.ListenPort,
    // A missing address was reported, so this value goes nowhere.
    edgeApi: file.ListenPort_EdgeAPI ?? { host: undefined, port: 0 },
    manageApi: file.ListenPort_ManageAPI,
    tls: readTls(file, path, findings),
    apiPrefix: file.API_Prefix,
    fwmark: file.FwMark,
    addressFamilies,
    log: readLog(file.LogLevel, false),
    rePushIntervalMs: durationMs(file.RePushConfigInterval),
    reportIntervalMs: durationMs(file.HttpPostInterval),
    peerAliveTimeoutMs: durationMs(file.PeerAliveTimeout),
    pingIntervalMs: durationMs(file.SendPingInterval),
    dampingFilterRadius: file.DampingFilterRadius,
    passwords: readPasswords(file.Passwords),
    graph: readGraph(file.GraphRecalculateSetting),
    nextHopTable: readNextHopTable(file.NextHopTable),
    edgeTemplate,
    usesPairKeys: file.UsePSKForInterEdge,
    resetEndpointIntervalMs: intervalMs(file.ResetEndPointInterval),
    allowPrivateIp: file.AllowPrivateIP,
    wireVersion: file.WireVersion,
    peers: readSuperPeers(file.Peers, ownKeys.filter(isKnownKey), addressFamilies, findings),
    fakeTcp,
    obfuscation: readObfuscation(file.Obfuscation, findings),
    pathSelection: readPathSelection(file, addressFamilies, DEFAULT_DUAL_STACK, fakeTcp, findings),
  };
}

function isKnownKey(own: { name: string; publicKey: Uint8Array | undefined }): own is OwnKey {
  return own.publicKey !== undefined;
}

function publicKeyOf(privateKey: Uint8Array | undefined): Uint8Array | undefined {
  return privateKey === undefined ? undefined : x25519.getPublicKey(privateKey);
}

function readPasswords(written: SuperFileRecord["Passwords"]): PasswordsConfig {
  return {
    showState: written.ShowState,
    addPeer: written.AddPeer,
    delPeer: written.DelPeer,
    updatePeer: written.UpdatePeer,
    updateSuper: written.UpdateSuper,
  };
}

/** Reports a super without any session family, and one that edges can't tell from itself. */
function checkPrivateKeys(file: SuperFileRecord, findings: Findings): void {
  const { PrivKeyV4: v4, PrivKeyV6: v6, DisabledAf: { IPv4: isIpv4Off, IPv6: isIpv6Off } } = file;
  if (!findings.areSound("PrivKeyV4", "PrivKeyV6")) return;
  if (v4 === undefined && v6 === undefined) {
    const remedy = "without one no edge can connect: write one, or better both";
    findings.error("PrivKeyV4", { allowed: "a private key here or in PrivKeyV6", remedy });
  } else if (v4 === undefined && isIpv6Off && !isIpv4Off) {
    const remedy = "DisabledAf switches IPv6 off, so that PrivKeyV6 alone is of no use: write this key";
    findings.error("PrivKeyV4", { allowed: "a private key of a family that is on", remedy });
  } else if (v6 === undefined && isIpv4Off && !isIpv6Off) {
    const remedy = "DisabledAf switches IPv4 off, so that PrivKeyV4 alone is of no use: write this key";
    findings.error("PrivKeyV6", { allowed: "a private key of a family that is on", remedy });
  }
  if (v4 === undefined || v6 === undefined || formatKey(v4) !== formatKey(v6)) return;
  findings.error("PrivKeyV6", {
    allowed: "another key than PrivKeyV4",
    remedy: "edges tell the two sessions apart by their keys: generate another one",
  });
}

/** Reports periods that contradict each other, or that the reference node would spin at. */
function checkIntervals(file: SuperFileRecord, findings: Findings): void {
  const { HttpPostInterval: report, PeerAliveTimeout: alive, SendPingInterval: ping } = file;
  if (findings.areSound("PeerAliveTimeout", "HttpPostInterval") && report > alive) {
    const remedy = "an edge would count as dead between two reports: write less";
    findings.error("HttpPostInterval", { allowed: `at most PeerAliveTimeout, ${alive}`, remedy });
  }
  if (findings.areSound("PeerAliveTimeout", "SendPingInterval") && ping >= alive) {
    const remedy = "a peer would count as dead between two measurements: write less";
    findings.error("SendPingInterval", { allowed: `below PeerAliveTimeout, ${alive}`, remedy });
  }
  const { StaticMode: isStatic, TimeoutCheckInterval: check } = file.GraphRecalculateSetting;
  if (isStatic || intervalMs(check) > 0) return;
  findings.error("GraphRecalculateSetting.TimeoutCheckInterval", {
    allowed: "above 0.01, unless StaticMode is true",
    remedy: "it is how the loss of an edge is noticed: write for example 5",
  });
}

/** Reads the block, and checks what an edge's FakeTCP doesn't have: a second device, and HTTP beside it. */
function readSuperFakeTcp(file: SuperFileRecord, families: AddressFamilyConfig, findings: Findings): FakeTcpConfig {
  const config = readFakeTcp(file, families, findings);
  if (!config.isEnabled || !findings.areSound("FakeTCP.TunName")) return config;
  const second = secondTunName(config.tunName);
  if (config.ipv4 !== undefined && config.ipv6 !== undefined && second === config.tunName) {
    findings.error("FakeTCP.TunName", {
      allowed: `a name that differs from "${second}"`,
      remedy: "the device for IPv6 is called that: choose another name",
    });
  }
  return sparesHttpPorts(file, config, findings) ? config : { ...config, isEnabled: false };
}
