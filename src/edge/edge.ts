/**
 * The ordinary node: wiring and life.
 *
 * A start goes through what can fail before it changes anything for others: tap, sockets, lanes, then the user's program.
 * Each step that made something puts its undoing on a stack, which unwinds at the end, whatever the end is. The tap device
 * and all its addresses belong to its descriptors, so that even after SIGKILL nothing is left of them.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { PROGRAM_VERSION } from "../base/version.ts";
import { type EdgeConfig, laneCount } from "../config/edge_config.ts";
import { UdpBind } from "../conn/udp_bind.ts";
import type { PathControl } from "../control/path_control.ts";
import { SpreadRelay } from "../control/spread.ts";
import { Setting, type Tables } from "../dataplane/tables.ts";
import type { Device, DeviceEvent } from "../device/device.ts";
import { cString, loadShim, type Shim } from "../ffi/shim.ts";
import type { TimerParams } from "../noise/constants.ts";
import { deriveMac1Key } from "../noise/cookie.ts";
import type { Primitives } from "../noise/primitives.ts";
import { publishNextHops } from "../route/next_hop.ts";
import { ControlLoop } from "../node/control_loop.ts";
import type { FakeTcpNode } from "../node/fake_tcp.ts";
import { HostWatch, interfacesToPeers } from "../node/host_watch.ts";
import { LanePool } from "../node/lane_pool.ts";
import { closeNodeTap, type NodeTap, openNodeTap, readLinkState } from "./node_tap.ts";
import { createDevice, createNodeTables, createPathControl, openNodeFakeTcp } from "./node_parts.ts";
import { PeerEndpoints } from "../node/peer_endpoints.ts";
import { postScriptEnvironment, runPostScript } from "../node/post_script.ts";
import { libcryptoPrimitives } from "../node/primitives.ts";
import { hostSpecOf } from "../node/print_rules.ts";
import { closeNodeSockets, type NodeSockets, openNodeSockets } from "../node/sockets.ts";
import { DropReport, logPaths, logPeers } from "../node/status.ts";
import { readTimers } from "../node/timer_override.ts";

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

const log = getLogger("edge");

/**
 * Runs a node until it is stopped.
 *
 * @returns The exit code: 0 after SIGINT or SIGTERM, 1 after a failure, which has been logged.
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
  const fakeTcp = openNodeFakeTcp(config, sockets.port, lanes, shim, stack);
  const edge = new Edge({ config, tap, sockets, fakeTcp, lanes, shim });
  // In the background: a name server that doesn't answer must not keep the node from starting.
  edge.lookUpPeers();
  await edge.setHostRules(stack);
  const running = stack.use(await edge.startLanes());
  if (!await edge.runPostScript()) return 1;
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
  readonly #fakeTcp: FakeTcpNode | undefined;
  readonly #shim: Shim;
  readonly #primitives: Primitives;
  readonly #timers: TimerParams;
  readonly #tables: Tables;
  readonly #device: Device;
  readonly #paths: PathControl;
  readonly #endpoints: PeerEndpoints;
  readonly #drops: DropReport;
  #loop: ControlLoop | undefined;
  #hostWatch: HostWatch | undefined;
  #nextDropReportMs: number;
  #exitCode = 0;
  #mtu: number;

  constructor({ config, tap, sockets, fakeTcp, lanes, shim }: EdgeParts) {
    this.#config = config;
    this.#tap = tap;
    this.#sockets = sockets;
    this.#fakeTcp = fakeTcp;
    this.#shim = shim;
    this.#mtu = config.interface.mtu;
    this.#primitives = libcryptoPrimitives(shim);
    this.#timers = readTimers();
    this.#tables = createNodeTables(config, lanes);
    this.#device = createDevice(config, this.#tables, this.#primitives, this.#timers);
    this.#paths = createPathControl(config, this.#device, fakeTcp);
    this.#drops = new DropReport(this.#tables, getLogger("drops"));
    this.#nextDropReportMs = shim.nowMs() + DROP_REPORT_INTERVAL_MS;
    const { preferred } = config.addressFamilies;
    const has = (family: number) => sockets.families.some((sockets) => sockets.family === family);
    this.#endpoints = new PeerEndpoints(
      config,
      { ipv4: has(4), ipv6: has(6), preferred },
      getLogger("endpoint"),
      (peerRow, kind, endpoint) => {
        this.#paths.setEndpoint(peerRow, kind, endpoint, shim.nowMs());
        this.#loop?.ring();
      },
    );
    this.#addPeers();
  }

  /**
   * Changes the machine so that FakeTCP reaches the world and is reached, unless the user does that himself. Where it can't be
   * done, UDP alone goes on.
   */
  async setHostRules(stack: AsyncDisposableStack): Promise<void> {
    if (this.#fakeTcp === undefined || !this.#config.fakeTcp.managesRules) return;
    const log = getLogger("host");
    const { usedInterfaces: _, ...spec } = hostSpecOf(this.#config, this.#sockets.port, []);
    try {
      this.#hostWatch = stack.use(await HostWatch.start(spec, () => this.#usedInterfaces(), log));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.error("host rules can't be set; FakeTCP is of no use without them", { cause: error.message });
    }
  }

  /** Starts the lookups that are due; literal addresses are known before a lane runs. */
  lookUpPeers(): void {
    const nowMs = this.#shim.nowMs();
    void this.#endpoints.poll(nowMs, (peerRow) => !this.#device.isAlive(peerRow, nowMs));
  }

  /** Starts the workers; they forward as soon as there are sessions. */
  async startLanes(): Promise<LanePool> {
    const { interface: { mtu }, l2FibTimeoutMs, nodeId } = this.#config;
    const verifiesChecksums = this.#hostWatch?.verifiesChecksums(this.#shim) !== true;
    const lanes = await LanePool.start(
      {
        tables: this.#tables,
        selfNodeId: nodeId,
        tapFds: this.#tap.fds,
        mergeUdp: this.#tap.mergeUdp,
        sockets: this.#sockets.families,
        fakeTcpOf: (lane) => this.#fakeTcp?.laneOptions(lane, verifiesChecksums),
        l2fibSeed: systemRandom.uint32(),
        l2fibTimeoutSeconds: Math.ceil(l2FibTimeoutMs / 1000),
        mac1Key: deriveMac1Key(this.#primitives, this.#device.publicKey),
        rejectAfterMs: this.#timers.rejectAfterTimeMs,
      },
      this.#shim,
      (message) => this.#fail(message),
    );
    log.info("lanes running", { lanes: this.#tables.shape.laneCount, interface: this.#tap.name, mtu });
    return lanes;
  }

  /**
   * Runs the user's program, if there is one.
   *
   * @returns Whether it ended well.
   */
  async runPostScript(): Promise<boolean> {
    const command = this.#config.postScript;
    if (command.length === 0) return true;
    const environment = postScriptEnvironment(this.#config, this.#tap.name);
    try {
      const { exitCode, output } = await runPostScript(command, environment);
      if (this.#config.log.internal || exitCode !== 0) log.info("PostScript output", { output });
      if (exitCode === 0) return true;
      log.error("PostScript failed", { command: command.join(" "), exitCode });
    } catch (error) {
      log.error("PostScript can't be started", { command: command.join(" "), cause: (error as Error).message });
    }
    return false;
  }

  /** Serves until a signal or a failure. Returns the exit code. */
  async run(lanes: LanePool): Promise<number> {
    const loop = new ControlLoop({
      tables: this.#tables,
      device: this.#device,
      paths: this.#paths,
      fakeTcp: this.#fakeTcp,
      spread: new SpreadRelay(this.#device, {
        duplicateTimeoutMs: this.#config.dynamicRoute.duplicateCheckTimeoutMs,
        relays: this.#config.relays,
      }),
      lanes,
      binds: [
        ...this.#sockets.families.map(({ family, fds }) => new UdpBind(fds[0], family, this.#shim)),
        ...(this.#fakeTcp === undefined ? [] : [this.#fakeTcp.bind]),
      ],
      shim: this.#shim,
      onDeviceEvent: (event) => this.#handleDeviceEvent(event),
      onLaneFailed: (which, errno) => this.#handleLaneFailure(which, errno),
      onTick: (nowMs) => this.#tick(nowMs),
    });
    this.#loop = loop;
    using _signals = onSignals({
      stop: (signal) => {
        log.info("edge stopping", { signal });
        loop.stop();
      },
      status: () => this.#logStatus(),
    });
    this.#notifyReady();
    if (this.#exitCode === 0) await loop.run();
    this.#fakeTcp?.closeAll(this.#shim.nowMs());
    this.#drops.logTotals();
    return this.#exitCode;
  }

  /**
   * Through which interfaces FakeTCP is to reach the world: the default routes, and the routes to peers. A peer of which no
   * address is known may come by any.
   */
  #usedInterfaces(): string[] {
    const { names, isComplete } = interfacesToPeers(this.#device, this.#paths, this.#shim);
    if (isComplete) return names;
    const ours = ["lo", this.#tap.name, this.#fakeTcp?.tun.name ?? ""];
    const others = Deno.networkInterfaces().map(({ name }) => name).filter((name) => !ours.includes(name));
    return [...new Set([...names, ...others])].sort();
  }

  #addPeers(): void {
    const nowMs = this.#shim.nowMs();
    for (const peer of this.#config.peers) {
      const row = this.#device.addPeer({
        nodeId: peer.nodeId,
        publicKey: peer.publicKey,
        presharedKey: peer.presharedKey,
        persistentKeepaliveMs: peer.persistentKeepaliveMs,
      }, nowMs);
      this.#paths.addPeer(row, peer.nodeId, nowMs);
      this.#endpoints.add(row, peer);
    }
    const { destinations } = publishNextHops(
      this.#tables,
      this.#config.nextHopTable,
      this.#config.nodeId,
      this.#device.peerRows,
    );
    if (destinations === 0) {
      log.warn("NextHopTable leads nowhere from this node; no frame will leave it", { nodeId: this.#config.nodeId });
    }
  }

  #handleDeviceEvent(event: DeviceEvent): void {
    if (event.kind === "handshake given up") this.#endpoints.tryNext(event.peerRow);
  }

  #handleLaneFailure(which: number, errno: number): void {
    const isTun = this.#fakeTcp !== undefined && which > this.#sockets.families.length;
    const bind = isTun ? `TUN device ${this.#fakeTcp?.tun.name}` : `UDP socket ${which}`;
    const what = which === 0 ? `tap ${this.#tap.name}` : bind;
    this.#fail(`${what} broke: ${this.#shim.errnoName(errno)}: somebody removed it; start again to make it anew`);
  }

  #fail(reason: string): void {
    if (this.#exitCode !== 0) return;
    this.#exitCode = 1;
    log.error("edge failed", { reason });
    this.#loop?.stop();
  }

  #tick(nowMs: number): void {
    this.lookUpPeers();
    this.#hostWatch?.poll(nowMs);
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

  /** Tells the operator and, if it started us, systemd: sd_notify(3). */
  #notifyReady(): void {
    const path = Deno.env.get("NOTIFY_SOCKET");
    if (path !== undefined) {
      const result = this.#shim.symbols.eg_unix_notify(cString(path), cString("READY=1"));
      if (result < 0) log.warn("can't notify systemd", { cause: this.#shim.errnoName(-result) });
    }
    const { port } = this.#sockets;
    log.info("edge ready", { nodeId: this.#config.nodeId, interface: this.#tap.name, port, pid: Deno.pid });
  }
}

/** Calls back on the signals that a node understands, until it is disposed of. */
function onSignals(handlers: { stop(signal: string): void; status(): void }): Disposable {
  const stopOnInt = () => handlers.stop("SIGINT");
  const stopOnTerm = () => handlers.stop("SIGTERM");
  Deno.addSignalListener("SIGINT", stopOnInt);
  Deno.addSignalListener("SIGTERM", stopOnTerm);
  Deno.addSignalListener("SIGUSR1", handlers.status);
  return {
    [Symbol.dispose]() {
      Deno.removeSignalListener("SIGINT", stopOnInt);
      Deno.removeSignalListener("SIGTERM", stopOnTerm);
      Deno.removeSignalListener("SIGUSR1", handlers.status);
    },
  };
}
