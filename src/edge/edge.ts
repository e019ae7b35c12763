/**
 * The ordinary node: wiring and life.
 *
 * A start goes through what can fail before it changes anything for others: tap, sockets, lanes. The user's program runs while
 * the node already answers.
 * Each step that made something puts its undoing on a stack, which unwinds at the end, whatever the end is. The tap device
 * and all its addresses belong to its descriptors, so that even after SIGKILL nothing is left of them.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { SUPER_NODE_ID } from "../base/node_id.ts";
import { systemRandom } from "../base/random.ts";
import { PROGRAM_VERSION } from "../base/version.ts";
import { type EdgeConfig, laneCount } from "../config/edge_config.ts";
import { EdgeControl } from "../control/edge_control.ts";
import type { PathControl } from "../control/path_control.ts";
import type { ConfiguredPeer } from "../control/peer_directory.ts";
import { Setting, type Tables } from "../dataplane/tables.ts";
import type { Device } from "../device/device.ts";
import { loadShim, type Shim } from "../ffi/shim.ts";
import { openProcFiles } from "../host/proc.ts";
import type { NodeControl } from "../node/control_loop.ts";
import type { FakeTcpNode } from "../node/fake_tcp.ts";
import type { LanePool } from "../node/lane_pool.ts";
import { NodeCore, type NodeTap } from "../node/node_core.ts";
import { createDevice, createNodeTables, createPathControl, openNodeFakeTcp } from "../node/node_parts.ts";
import { PeerEndpoints } from "../node/peer_endpoints.ts";
import { postScriptEnvironment } from "../node/post_script.ts";
import { libcryptoPrimitives } from "../node/primitives.ts";
import { notifySystemd, onSignals, runUserProgram } from "../node/process_life.ts";
import { closeNodeSockets, type NodeSockets, openNodeSockets } from "../node/sockets.ts";
import { DropReport, logPaths, logPeers } from "../node/status.ts";
import { readTimers } from "../node/timer_override.ts";
import { closeNodeTap, openNodeTap, readLinkState } from "./node_tap.ts";
import { SuperLink } from "./super_link.ts";

/** What the command line says beside the configuration. */
export interface EdgeRunOptions {
  /** Path of the configuration file as the user wrote it. */
  readonly configPath: string;
  /** Whether answers leave from the address that was asked (`linux`) or as the system chooses (`std`). */
  readonly bind: "linux" | "std";
  /** Whether to open no control socket. */
  readonly noUapi: boolean;
}

/** Time between two reports of what was dropped. */
const DROP_REPORT_INTERVAL_MS = 60_000;
/** Peers that an edge of super mode has room for: it doesn't know beforehand how many it will have. */
const SUPER_MODE_PEERS = 1500;

const log = getLogger("edge");

/**
 * Runs a node until it is stopped.
 *
 * @returns The exit code: 0 after SIGINT, SIGTERM or SIGHUP, 1 after a failure, which has been logged.
 */
export async function runEdge(config: EdgeConfig, options: EdgeRunOptions): Promise<number> {
  log.info("edge starting", { version: PROGRAM_VERSION, nodeId: config.nodeId, config: options.configPath });
  try {
    await using stack = new AsyncDisposableStack();
    return await startAndRun(config, options, stack);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    log.error("edge can't run", { cause: error.message });
    return 1;
  } finally {
    log.info("edge stopped");
  }
}

async function startAndRun(
  config: EdgeConfig,
  options: EdgeRunOptions,
  stack: AsyncDisposableStack,
): Promise<number> {
  const shim = loadShim();
  const lanes = laneCount(config.lanes, navigator.hardwareConcurrency);
  const tap = openNodeTap(config.interface, lanes, shim);
  stack.defer(() => closeNodeTap(tap, shim));
  const sockets = openNodeSockets(
    {
      families: config.addressFamilies,
      port: config.listenPort,
      fwmark: config.fwmark,
      packetInfo: options.bind === "linux",
      laneCount: lanes,
    },
    shim,
    log,
  );
  stack.defer(() => closeNodeSockets(sockets, shim));
  log.info("UDP bind updated", { port: sockets.port });
  const fakeTcp = openNodeFakeTcp(
    { config: config.fakeTcp, udpPort: sockets.port, laneCount: lanes, peerCount: peerRoom(config) },
    shim,
    stack,
  );
  const edge = new Edge({ config, tap, sockets, fakeTcp, lanes, shim });
  // In the background: a name server that doesn't answer must not keep the node from starting.
  edge.lookUpPeers();
  // Before the machine is changed, and until it is changed back.
  stack.use(edge.obeySignals());
  await edge.setHostRules(stack);
  const running = stack.use(await edge.startLanes());
  return await edge.run(running);
}

/** What a node is made of: all descriptors are open. */
interface EdgeParts {
  readonly config: EdgeConfig;
  readonly tap: NodeTap;
  readonly sockets: NodeSockets;
  readonly fakeTcp: FakeTcpNode | undefined;
  readonly lanes: number;
  readonly shim: Shim;
}

/** A running node. */
class Edge {
  readonly #config: EdgeConfig;
  readonly #tap: NodeTap;
  readonly #sockets: NodeSockets;
  readonly #shim: Shim;
  readonly #tables: Tables;
  readonly #device: Device;
  readonly #paths: PathControl;
  readonly #core: NodeCore;
  readonly #endpoints: PeerEndpoints;
  readonly #control: EdgeControl;
  readonly #superLink: SuperLink | undefined;
  readonly #drops: DropReport;
  #nextDropReportMs: number;
  readonly #ending = new AbortController();
  /** PostScript has ended. */
  #isReady = false;
  #exitCode = 0;
  #mtu: number;

  constructor({ config, tap, sockets, fakeTcp, lanes, shim }: EdgeParts) {
    this.#config = config;
    this.#tap = tap;
    this.#sockets = sockets;
    this.#shim = shim;
    this.#mtu = config.interface.mtu;
    const primitives = libcryptoPrimitives(shim);
    const timers = readTimers();
    const { nodeId: selfNodeId, interface: { mtu }, pathSelection: selection, l2FibTimeoutMs, dynamicRoute } = config;
    const { peerAliveTimeoutMs, duplicateCheckTimeoutMs: duplicateTimeoutMs, superNode } = dynamicRoute;
    this.#tables = createNodeTables({
      peerCount: peerRoom(config),
      sourceCount: Math.max(Object.keys(config.nextHopTable).length, superNode === undefined ? 0 : SUPER_MODE_PEERS),
      laneCount: lanes,
      mtu,
      defaultTtl: config.defaultTtl,
      relays: config.relays,
    });
    const deviceOptions = { ...config, peerAliveTimeoutMs, learnsPeers: superNode !== undefined };
    this.#device = createDevice(deviceOptions, this.#tables, primitives, timers);
    this.#paths = createPathControl({ selfNodeId, selection, mtu }, this.#device, fakeTcp);
    const parts = {
      selfNodeId,
      tap,
      sockets,
      fakeTcp,
      fakeTcpConfig: config.fakeTcp,
      l2FibTimeoutMs,
      primitives,
      timers,
    };
    this.#core = new NodeCore({ ...parts, tables: this.#tables, device: this.#device, paths: this.#paths, shim });
    this.#drops = new DropReport(this.#tables, getLogger("drops"));
    this.#nextDropReportMs = shim.nowMs() + DROP_REPORT_INTERVAL_MS;
    const { preferred } = config.addressFamilies;
    const has = (family: number) => sockets.families.some((sockets) => sockets.family === family);
    this.#endpoints = new PeerEndpoints(
      config.resetEndpointIntervalMs,
      { ipv4: has(4), ipv6: has(6), preferred },
      getLogger("endpoint"),
      (peerRow, kind, endpoint) => this.#setEndpoint(peerRow, kind, endpoint),
    );
    const peers = this.#addPeers();
    this.#superLink = superNode && new SuperLink({
      config,
      superNode,
      device: this.#device,
      paths: this.#paths,
      endpoints: this.#endpoints,
      udpPort: sockets.port,
      families: { ipv4: has(4), ipv6: has(6) },
      hasFakeTcp: fakeTcp !== undefined,
      shim,
      ring: () => this.#core.ring(),
      onReportWanted: () => this.#control.reportSoon(this.#shim.nowMs()),
      onStop: (exitCode, why) => this.#obeySuper(exitCode, why),
    });
    this.#control = new EdgeControl({
      device: this.#device,
      paths: this.#paths,
      selfNodeId,
      columns: this.#tables,
      nextHopTable: config.nextHopTable,
      spread: { duplicateTimeoutMs, relays: config.relays },
      random: systemRandom,
      log: getLogger("control"),
      onUnanswered: (peerRow) => this.#endpoints.tryNext(peerRow),
      superMode: this.#superLink?.mode(peers),
    }, shim.nowMs());
    this.#publishRoutes();
  }

  /** Stops on signals, also in the middle of the start, until the result is disposed of. */
  obeySignals(): Disposable {
    return onSignals({
      stop: (signal) => {
        log.info("edge stopping", { signal });
        this.#end();
      },
      status: () => this.#logStatus(),
    }, openProcFiles(this.#shim));
  }

  /** Changes the machine so that FakeTCP reaches the world and is reached. */
  setHostRules(stack: AsyncDisposableStack): Promise<void> {
    return this.#core.setHostRules(stack);
  }

  /** Starts the lookups that are due; literal addresses are known before a lane runs. */
  lookUpPeers(): void {
    const nowMs = this.#shim.nowMs();
    void this.#endpoints.poll(nowMs, (peerRow) => !this.#device.isAlive(peerRow, nowMs));
  }

  /** Starts the workers; they forward as soon as there are sessions. */
  async startLanes(): Promise<LanePool> {
    const lanes = await this.#core.startLanes((reason) => this.#fail(reason));
    const { mtu } = this.#config.interface;
    log.info("lanes running", { lanes: this.#tables.shape.laneCount, interface: this.#tap.name, mtu });
    return lanes;
  }

  /** Serves until a signal, a failure, or an order of the super node. Returns the exit code. */
  async run(lanes: LanePool): Promise<number> {
    using _link = this.#superLink;
    const serving = this.#core.run(lanes, {
      control: this.#createControl(),
      onTick: (nowMs) => this.#tick(nowMs),
      onFailure: (reason) => this.#fail(reason),
    });
    await Promise.all([serving, this.#getReady()]);
    this.#drops.logTotals();
    return this.#exitCode;
  }

  /** While PostScript runs, the node answers others, but does nothing by itself: `behaviour.md` §2.1. */
  #createControl(): NodeControl {
    const control = this.#control;
    return {
      handleMessage: (...message) => control.handleMessage(...message),
      handleDeviceEvent: (event, nowMs) => control.handleDeviceEvent(event, nowMs),
      handleTimeout: (nowMs, wallMs) => {
        if (this.#isReady) control.handleTimeout(nowMs, wallMs);
      },
      pollTimeout: () => this.#isReady ? control.pollTimeout() : Infinity,
    };
  }

  /** Runs the user's program, if there is one, and then tells the operator and, if it started us, systemd: sd_notify(3). */
  async #getReady(): Promise<void> {
    const { nodeId, postScript, log: { internal } } = this.#config;
    const environment = postScriptEnvironment(this.#config, this.#tap.name);
    if (!await runUserProgram(postScript, environment, internal, log, this.#ending.signal)) {
      this.#exitCode = 1;
      return this.#end();
    }
    if (this.#isEnding) return;
    this.#isReady = true;
    this.#core.ring();
    notifySystemd(this.#shim, log);
    log.info("edge ready", { nodeId, interface: this.#tap.name, port: this.#sockets.port, pid: Deno.pid });
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  #setEndpoint(peerRow: number, kind: number, endpoint: Uint32Array): void {
    const nowMs = this.#shim.nowMs();
    this.#paths.setEndpoint(peerRow, kind, endpoint, nowMs);
    // An ordinary peer is called when there is something to say; a super node, as soon as it can be.
    if (this.#device.nodeOf(peerRow) === SUPER_NODE_ID) this.#device.beginHandshake(peerRow, nowMs);
    this.#core.ring();
  }

  /** Adds the peers of the file. */
  #addPeers(): ConfiguredPeer[] {
    const nowMs = this.#shim.nowMs();
    return this.#config.peers.map((peer) => {
      const { nodeId, publicKey, presharedKey, persistentKeepaliveMs } = peer;
      const peerRow = this.#device.addPeer({ nodeId, publicKey, presharedKey, persistentKeepaliveMs }, nowMs);
      this.#paths.addPeer(peerRow, nodeId, nowMs);
      this.#endpoints.add(peerRow, peer);
      return { peerRow, nodeId, publicKey, presharedKey };
    });
  }

  #publishRoutes(): void {
    if (this.#control.publishRoutes() > 0 || this.#superLink !== undefined) return;
    log.warn("NextHopTable leads nowhere from this node; no frame will leave it", { nodeId: this.#config.nodeId });
  }

  #fail(reason: string): void {
    if (this.#isEnding) return;
    this.#exitCode = 1;
    log.error("edge failed", { reason });
    this.#end();
  }

  #obeySuper(exitCode: number, why: string): void {
    if (this.#isEnding) return;
    this.#exitCode = exitCode;
    log[exitCode === 0 ? "info" : "error"]("edge ended by the super node", { why, exitCode });
    this.#end();
  }

  #end(): void {
    this.#ending.abort();
    this.#core.stop();
  }

  #tick(nowMs: number): void {
    this.lookUpPeers();
    this.#superLink?.poll(nowMs);
    if (nowMs >= this.#nextDropReportMs) {
      this.#nextDropReportMs = nowMs + DROP_REPORT_INTERVAL_MS;
      this.#drops.logNew();
    }
    if (this.#tap.name !== "") this.#watchTap();
  }

  /** Follows a change of the MTU, which padding depends on. That the device is gone is reported by a lane. */
  #watchTap(): void {
    const { exists, mtu } = readLinkState(this.#tap.name, this.#shim);
    if (!exists || mtu === this.#mtu) return;
    log.info("MTU changed", { interface: this.#tap.name, from: this.#mtu, to: mtu });
    this.#mtu = mtu;
    Atomics.store(this.#tables.settings, Setting.MTU, mtu);
  }

  #logStatus(): void {
    const log = getLogger("status");
    const peers = this.#device.snapshot(this.#shim.nowMs());
    logPeers(log, peers);
    for (const { row } of peers) logPaths(log, this.#paths.pathsOf(row));
    this.#drops.logTotals();
  }
}

function peerRoom({ peers, dynamicRoute }: EdgeConfig): number {
  return dynamicRoute.superNode === undefined ? peers.length : Math.max(peers.length + 2, SUPER_MODE_PEERS);
}
