/**
 * The parts of a running node, made as its file says: what an edge and a super node have in common.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { NodeId } from "../base/node_id.ts";
import { systemRandom } from "../base/random.ts";
import type { FakeTcpConfig } from "../config/faketcp_config.ts";
import type { PathSelectionConfig } from "../config/path_selection_config.ts";
import { DEFAULT_PATH_PARAMS } from "../conn/path_params.ts";
import { PathControl } from "../control/path_control.ts";
import { createTables, Setting, type Tables } from "../dataplane/tables.ts";
import { Device } from "../device/device.ts";
import type { Shim } from "../ffi/shim.ts";
import { findConflicts, type WantedPort } from "../host/conflict.ts";
import type { TimerParams } from "../noise/constants.ts";
import type { Primitives } from "../noise/primitives.ts";
import { fullDatagramLength } from "../wire/transport_message.ts";
import { FakeTcpNode } from "./fake_tcp.ts";
import { hostSpecOf } from "./print_rules.ts";

/** Least rows of the tables of peers, and of sources whose broadcasts are passed on. */
const MIN_ROWS = 32;

/** How FakeTCP of a node is opened. */
export interface NodeFakeTcpOptions {
  readonly config: FakeTcpConfig;
  /** UDP port in use: FakeTCP listens at the same number unless it has its own. */
  readonly udpPort: number;
  readonly laneCount: number;
  /** Peers that there is to be room for. */
  readonly peerCount: number;
}

/**
 * Opens FakeTCP if the file asks for it. What it can't do without it lacks: then UDP alone goes on, and the log says why.
 *
 * @param stack Takes its undoing.
 */
export function openNodeFakeTcp(
  options: NodeFakeTcpOptions,
  shim: Shim,
  stack: AsyncDisposableStack,
): FakeTcpNode | undefined {
  const { config, udpPort, laneCount, peerCount } = options;
  if (!config.isEnabled) return undefined;
  const log = getLogger("faketcp");
  const { listenPorts } = hostSpecOf(config, udpPort, []);
  const { ipv4, ipv6, tunName } = config;
  const subnets = [ipv4, ipv6].flatMap((ends) => ends === undefined ? [] : [ends.host]);
  const [conflict] = findConflicts({ tunName, subnets, listenPorts: wantedPorts(config, listenPorts) });
  try {
    if (conflict !== undefined) {
      log.error("FakeTCP can't be opened; UDP alone goes on", { cause: conflict.found, remedy: conflict.remedy });
      return undefined;
    }
    const node = new FakeTcpNode({ config, listenPorts, laneCount, peerCount, random: systemRandom }, shim);
    stack.use(node);
    const { ipv6Refusal, offload, name } = node.tun;
    if (ipv6Refusal !== undefined) log.warn("FakeTCP goes on with IPv4 alone", { cause: ipv6Refusal.message });
    if (!offload) log.warn("kernel can't cut TCP segments for FakeTCP; throughput will be lower", { interface: name });
    log.info("FakeTCP bind opened", { port: listenPorts[0] ?? 0, interface: name });
    return node;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    log.error("FakeTCP can't be opened; UDP alone goes on", { cause: error.message });
    return undefined;
  }
}

/** Names the key of each port. The first is that of the UDP sockets unless its key is written, which gives it another. */
export function wantedPorts({ moreListenPorts }: FakeTcpConfig, listenPorts: readonly number[]): WantedPort[] {
  return listenPorts.map((port) => ({
    port,
    key: moreListenPorts.includes(port) ? "FakeTCP.ListenPorts" : "FakeTCP.ListenPort",
  }));
}

/** What the paths of a node's peers are decided by. */
export interface NodePathOptions {
  readonly selfNodeId: NodeId;
  readonly selection: PathSelectionConfig;
  /** MTU of the interface, or what takes its place on a node without one. */
  readonly mtu: number;
  /** What peers are told that we are capable of: bits of `PathCapability`. */
  readonly capabilities?: number;
}

/** Makes what decides about the paths of peers. */
export function createPathControl(
  options: NodePathOptions,
  device: Device,
  fakeTcp: FakeTcpNode | undefined,
): PathControl {
  const { selfNodeId, mtu, capabilities, selection: { order, lossThreshold, ...written } } = options;
  return new PathControl({
    device,
    selfNodeId,
    params: {
      ...DEFAULT_PATH_PARAMS,
      ...written,
      lossWorse: lossThreshold,
      lossGood: Math.min(DEFAULT_PATH_PARAMS.lossGood, lossThreshold),
    },
    order,
    fullDatagramLen: fullDatagramLength(mtu),
    mtu,
    random: systemRandom,
    log: getLogger("path"),
    dialler: fakeTcp,
    fakeTcpPort: fakeTcp?.listenPorts[0] ?? 0,
    capabilities,
  });
}

/** What the tables of a node have room for, and what lanes find in them at the start. */
export interface NodeTableOptions {
  /** Peers that there is to be room for at least. */
  readonly peerCount: number;
  /** Sources of broadcasts to pass on that there is to be room for at least. */
  readonly sourceCount: number;
  readonly laneCount: number;
  readonly mtu: number;
  readonly defaultTtl: number;
  readonly relays: boolean;
}

/** Makes the tables. */
export function createNodeTables(options: NodeTableOptions): Tables {
  const { peerCount, sourceCount, laneCount, mtu, defaultTtl, relays } = options;
  const tables = createTables({
    peerCapacity: Math.max(MIN_ROWS, 2 ** Math.ceil(Math.log2(peerCount + 1))),
    sourceCapacity: Math.max(MIN_ROWS, sourceCount),
    laneCount,
  });
  tables.settings[Setting.MTU] = mtu;
  tables.settings[Setting.DEFAULT_TTL] = defaultTtl;
  tables.settings[Setting.DISABLE_RELAY] = relays ? 0 : 1;
  return tables;
}

/** What a device is told. */
export interface NodeDeviceOptions {
  readonly privateKey: Uint8Array;
  readonly allowPrivateIp: boolean;
  readonly peerAliveTimeoutMs: number;
  /** Whether somebody else tells which peers there are. */
  readonly learnsPeers: boolean;
}

/** Makes the device. */
export function createDevice(
  { privateKey, allowPrivateIp, peerAliveTimeoutMs, learnsPeers }: NodeDeviceOptions,
  tables: Tables,
  primitives: Primitives,
  timers: TimerParams,
): Device {
  return new Device({
    privateKey,
    tables,
    primitives,
    random: systemRandom,
    timers,
    // The configuration has already left out the preshared keys that are to be ignored.
    settings: { allowPrivateIp, ignorePresharedKey: false, peerAliveTimeoutMs, learnsPeers },
    log: getLogger("handshake"),
  });
}
