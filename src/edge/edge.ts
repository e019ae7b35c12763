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
import { SpreadRelay } from "../control/spread.ts";
import { createTables, Setting, type Tables } from "../dataplane/tables.ts";
import { Device, type DeviceEvent } from "../device/device.ts";
import { cString, loadShim, type Shim } from "../ffi/shim.ts";
import type { TimerParams } from "../noise/constants.ts";
import { deriveMac1Key } from "../noise/cookie.ts";
import type { Primitives } from "../noise/primitives.ts";
import { publishNextHops } from "../route/next_hop.ts";
import { ControlLoop } from "./control_loop.ts";
import { LanePool } from "./lane_pool.ts";
import { closeNodeTap, type NodeTap, openNodeTap, readLinkState } from "./node_tap.ts";
import { PeerEndpoints } from "./peer_endpoints.ts";
import { postScriptEnvironment, runPostScript } from "./post_script.ts";
import { libcryptoPrimitives } from "./primitives.ts";
import { closeNodeSockets, type NodeSockets, openNodeSockets } from "./sockets.ts";
import { DropReport, logPeers } from "./status.ts";
import { readTimers } from "./timer_override.ts";

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
/** Least rows of the tables of peers, and of sources whose broadcasts are passed on. */
const MIN_ROWS = 32;

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
  const edge = new Edge(config, tap, sockets, lanes, shim);
  // In the background: a name server that doesn't answer must not keep the node from starting.
  edge.lookUpPeers();
  const running = stack.use(await edge.startLanes());
  if (!await edge.runPostScript()) return 1;
  return await edge.run(running);
}

/** A node whose descriptors are open. */
class Edge {
  readonly #config: EdgeConfig;
  readonly #tap: NodeTap;
  readonly #sockets: NodeSockets;
  readonly #shim: Shim;
  readonly #primitives: Primitives;
  readonly #timers: TimerParams;
  readonly #tables: Tables;
  readonly #device: Device;
  readonly #endpoints: PeerEndpoints;
  readonly #drops: DropReport;
  #loop: ControlLoop | undefined;
  #nextDropReportMs: number;
  #exitCode = 0;
  #mtu: number;

  constructor(config: EdgeConfig, tap: NodeTap, sockets: NodeSockets, lanes: number, shim: Shim) {
    this.#config = config;
    this.#tap = tap;
    this.#sockets = sockets;
    this.#shim = shim;
    this.#mtu = config.interface.mtu;
    this.#primitives = libcryptoPrimitives(shim);
    this.#timers = readTimers();
    this.#tables = createNodeTables(config, lanes);
    this.#device = createDevice(config, this.#tables, this.#primitives, this.#timers);
    this.#drops = new DropReport(this.#tables, getLogger("drops"));
    this.#nextDropReportMs = shim.nowMs() + DROP_REPORT_INTERVAL_MS;
    const { preferred } = config.addressFamilies;
    const has = (family: number) => sockets.families.some((sockets) => sockets.family === family);
    this.#endpoints = new PeerEndpoints(
      config,
      { ipv4: has(4), ipv6: has(6), preferred },
      getLogger("endpoint"),
      (peerRow, endpoint) => {
        this.#device.setEndpoint(peerRow, endpoint, true);
        this.#loop?.ring();
      },
    );
    this.#addPeers();
  }

  /** Starts the lookups that are due; literal addresses are known before a lane runs. */
  lookUpPeers(): void {
    const nowMs = this.#shim.nowMs();
    void this.#endpoints.poll(nowMs, (peerRow) => !this.#device.isAlive(peerRow, nowMs));
  }

  /** Starts the workers; they forward as soon as there are sessions. */
  async startLanes(): Promise<LanePool> {
    const { interface: { mtu }, l2FibTimeoutMs, nodeId } = this.#config;
    const lanes = await LanePool.start(
      {
        tables: this.#tables,
        selfNodeId: nodeId,
        tapFds: this.#tap.fds,
        mergeUdp: this.#tap.mergeUdp,
        sockets: this.#sockets.families,
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
      spread: new SpreadRelay(this.#device, {
        duplicateTimeoutMs: this.#config.dynamicRoute.duplicateCheckTimeoutMs,
        relays: this.#config.relays,
      }),
      lanes,
      binds: this.#sockets.families.map(({ family, fds }) => new UdpBind(fds[0], family, this.#shim)),
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
    this.#drops.logTotals();
    return this.#exitCode;
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
    const what = which === 0 ? `tap ${this.#tap.name}` : `UDP socket ${which}`;
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
    logPeers(getLogger("status"), this.#device.snapshot(this.#shim.nowMs()));
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

function createNodeTables(config: EdgeConfig, lanes: number): Tables {
  const rows = Math.max(MIN_ROWS, 2 ** Math.ceil(Math.log2(config.peers.length + 1)));
  const sources = Math.max(MIN_ROWS, Object.keys(config.nextHopTable).length);
  const tables = createTables({ peerCapacity: rows, sourceCapacity: sources, laneCount: lanes });
  tables.settings[Setting.MTU] = config.interface.mtu;
  tables.settings[Setting.DEFAULT_TTL] = config.defaultTtl;
  tables.settings[Setting.DISABLE_RELAY] = config.relays ? 0 : 1;
  return tables;
}

function createDevice(config: EdgeConfig, tables: Tables, primitives: Primitives, timers: TimerParams): Device {
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
