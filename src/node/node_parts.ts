/**
 * The parts of an ordinary node, made as its file says.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import type { EdgeConfig } from "../config/edge_config.ts";
import { DEFAULT_PATH_PARAMS } from "../conn/path_params.ts";
import { PathControl } from "../control/path_control.ts";
import { createTables, Setting, type Tables } from "../dataplane/tables.ts";
import { Device } from "../device/device.ts";
import type { Shim } from "../ffi/shim.ts";
import { findConflicts } from "../host/conflict.ts";
import type { TimerParams } from "../noise/constants.ts";
import type { Primitives } from "../noise/primitives.ts";
import { fullDatagramLength } from "../wire/transport_message.ts";
import { FakeTcpNode } from "../node/fake_tcp.ts";
import { hostSpecOf } from "../node/print_rules.ts";

/** Least rows of the tables of peers, and of sources whose broadcasts are passed on. */
const MIN_ROWS = 32;

/**
 * Opens FakeTCP if the file asks for it. What it can't do without it lacks: then UDP alone goes on, and the log says why.
 *
 * @param stack Takes its undoing.
 */
export function openNodeFakeTcp(
  config: EdgeConfig,
  udpPort: number,
  laneCount: number,
  shim: Shim,
  stack: AsyncDisposableStack,
): FakeTcpNode | undefined {
  if (!config.fakeTcp.isEnabled) return undefined;
  const log = getLogger("faketcp");
  const { listenPorts } = hostSpecOf(config, udpPort, []);
  const { ipv4, ipv6, tunName } = config.fakeTcp;
  const subnets = [ipv4, ipv6].flatMap((ends) => ends === undefined ? [] : [ends.host]);
  const [conflict] = findConflicts({ tunName, subnets, listenPorts });
  try {
    if (conflict !== undefined) {
      log.error("FakeTCP can't be opened; UDP alone goes on", { cause: conflict.found, remedy: conflict.remedy });
      return undefined;
    }
    const peerCount = config.peers.length;
    const node = new FakeTcpNode(
      { config: config.fakeTcp, listenPorts, laneCount, peerCount, random: systemRandom },
      shim,
    );
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

/** Makes what decides about the paths of peers. */
export function createPathControl(config: EdgeConfig, device: Device, fakeTcp: FakeTcpNode | undefined): PathControl {
  const { order, lossThreshold, ...written } = config.pathSelection;
  return new PathControl({
    device,
    selfNodeId: config.nodeId,
    params: {
      ...DEFAULT_PATH_PARAMS,
      ...written,
      lossWorse: lossThreshold,
      lossGood: Math.min(DEFAULT_PATH_PARAMS.lossGood, lossThreshold),
    },
    order,
    fullDatagramLen: fullDatagramLength(config.interface.mtu),
    mtu: config.interface.mtu,
    random: systemRandom,
    log: getLogger("path"),
    dialler: fakeTcp,
    fakeTcpPort: fakeTcp?.listenPorts[0] ?? 0,
  });
}

/** Makes the tables, with room for the peers of the file. */
export function createNodeTables(config: EdgeConfig, lanes: number): Tables {
  const rows = Math.max(MIN_ROWS, 2 ** Math.ceil(Math.log2(config.peers.length + 1)));
  const sources = Math.max(MIN_ROWS, Object.keys(config.nextHopTable).length);
  const tables = createTables({ peerCapacity: rows, sourceCapacity: sources, laneCount: lanes });
  tables.settings[Setting.MTU] = config.interface.mtu;
  tables.settings[Setting.DEFAULT_TTL] = config.defaultTtl;
  tables.settings[Setting.DISABLE_RELAY] = config.relays ? 0 : 1;
  return tables;
}

/** Makes the device. */
export function createDevice(config: EdgeConfig, tables: Tables, primitives: Primitives, timers: TimerParams): Device {
  return new Device({
    privateKey: config.privateKey,
    tables,
    primitives,
    random: systemRandom,
    timers,
    settings: {
      allowPrivateIp: config.allowPrivateIp,
      // The configuration has already left out the preshared keys that are to be ignored.
      ignorePresharedKey: false,
      peerAliveTimeoutMs: config.dynamicRoute.peerAliveTimeoutMs,
    },
    log: getLogger("handshake"),
  });
}
