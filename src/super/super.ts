/**
 * The super node: wiring and life.
 *
 * As with the edge, a start goes through what can fail before it changes anything for others, and each step that made something
 * puts its undoing on a stack. Source: `behaviour.md` §3.1.
 *
 * @module
 */

import { wallClockMs } from "../base/clock.ts";
import { SystemError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { PROGRAM_VERSION, WIRE_VERSION } from "../base/version.ts";
import { renderEdgeConfig } from "../config/edge_template.ts";
import type { SuperConfig, SuperPeerConfig } from "../config/super_config.ts";
import { SuperFile } from "../config/super_file.ts";
import type { Document } from "../control/documents.ts";
import { loadShim, type Shim } from "../ffi/shim.ts";
import { openProcFiles } from "../host/proc.ts";
import { PeerEndpoints } from "../node/peer_endpoints.ts";
import { libcryptoPrimitives } from "../node/primitives.ts";
import { notifySystemd, onSignals, runUserProgram } from "../node/process_life.ts";
import { DropReport, logPaths, logPeers } from "../node/status.ts";
import { readTimers } from "../node/timer_override.ts";
import type { Primitives } from "../noise/primitives.ts";
import { Administration } from "./administration.ts";
import { HttpServer } from "./http/server.ts";
import type { SuperApi } from "./http/super_api.ts";
import { endpointsInFamily, openFamilies, SuperIdentity } from "./identity.ts";
import { derivePairSecret } from "./pair_keys.ts";
import { Registry } from "./registry.ts";
import { RouteComputer, type RouteSource } from "./route_computer.ts";
import { StaticRoutes } from "./route_static.ts";
import { SuperControl } from "./super_control.ts";
import { WorkerEngine } from "./worker_engine.ts";

/** What the command line says beside the configuration. */
export interface SuperRunOptions {
  /** Path of the configuration file as the user wrote it. */
  readonly configPath: string;
  /** Whether answers leave from the address that was asked (`linux`) or as the system chooses (`std`). */
  readonly bind: "linux" | "std";
  /** Whether to open no control socket. */
  readonly noUapi: boolean;
}

/** Time between two reports of what was dropped. */
const DROP_REPORT_INTERVAL_MS = 60_000;

const log = getLogger("super");

/**
 * Runs a super node until it is stopped.
 *
 * @returns The exit code: 0 after SIGINT, SIGTERM or SIGHUP, 1 after a failure, which has been logged.
 */
export async function runSuper(config: SuperConfig, options: SuperRunOptions): Promise<number> {
  log.info("super starting", { version: PROGRAM_VERSION, config: options.configPath });
  try {
    await using stack = new AsyncDisposableStack();
    return await startAndRun(config, options, stack);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    log.error("super can't run", { cause: error.message });
    return 1;
  } finally {
    log.info("super stopped");
  }
}

async function startAndRun(
  config: SuperConfig,
  options: SuperRunOptions,
  stack: AsyncDisposableStack,
): Promise<number> {
  const shim = loadShim();
  const primitives = libcryptoPrimitives(shim);
  const identities = openIdentities(config, options, primitives, shim, stack);
  const node = new SuperNode({ config, options, identities, primitives, shim, stack });
  // Before the machine is changed, and until it is changed back.
  stack.use(node.obeySignals());
  for (const { core } of identities) await core.setHostRules(stack);
  const lanes = [];
  for (const { core } of identities) lanes.push(stack.use(await core.startLanes((reason) => node.fail(reason))));
  stack.use(await HttpServer.start(config, node.api, getLogger("http")));
  return await node.run(lanes);
}

function openIdentities(
  config: SuperConfig,
  { bind }: SuperRunOptions,
  primitives: Primitives,
  shim: Shim,
  stack: AsyncDisposableStack,
): SuperIdentity[] {
  const { privateKeyV4, privateKeyV6, addressFamilies: { listenIpv4, listenIpv6 } } = config;
  const families = [
    { family: 4, privateKey: privateKeyV4, listen: listenIpv4 },
    { family: 6, privateKey: privateKeyV6, listen: listenIpv6 },
  ] as const;
  const packetInfo = bind === "linux";
  return openFamilies(families, config.listenPort, (family, privateKey, port) => {
    const options = { config, family, privateKey, port, packetInfo, primitives, timers: readTimers() };
    return SuperIdentity.open(options, shim, stack);
  });
}

function environmentOf({ nodeName }: SuperConfig): Record<string, string> {
  return { EG_MODE: "super", EG_NODE_NAME: nodeName };
}

/** What a super node is made of: all descriptors are open. */
interface SuperParts {
  readonly config: SuperConfig;
  readonly options: SuperRunOptions;
  readonly identities: readonly SuperIdentity[];
  readonly primitives: Primitives;
  readonly shim: Shim;
  /** Takes the undoing of what is started. */
  readonly stack: AsyncDisposableStack;
}

/** A running super node. */
class SuperNode {
  /** What HTTP may ask and do. */
  readonly api: SuperApi;
  readonly #parts: SuperParts;
  readonly #registry: Registry;
  readonly #control: SuperControl;
  readonly #endpoints: readonly PeerEndpoints[];
  readonly #drops: readonly DropReport[];
  #nextDropReportMs: number;
  readonly #ending = new AbortController();
  #exitCode = 0;

  constructor(parts: SuperParts) {
    const { config, identities, shim, stack } = parts;
    this.#parts = parts;
    this.#nextDropReportMs = shim.nowMs() + DROP_REPORT_INTERVAL_MS;
    this.#registry = createRegistry(config, shim.nowMs());
    const { routes, setTable } = createRoutes(
      config,
      (document) => this.#registry.setNextHops(document),
      () => this.#ring(),
    );
    stack.use(routes);
    this.#control = new SuperControl({ identities, registry: this.#registry, routes, random: systemRandom, log });
    this.#drops = identities.map(({ tables, family }) => new DropReport(tables, getLogger(`drops.ipv${family}`)));
    this.#endpoints = identities.map((identity) => this.#createEndpoints(identity));
    for (const peer of config.peers) this.#addPeer(peer);
    this.api = {
      registry: this.#registry,
      administration: this.#createAdministration(setTable),
      passwords: config.passwords,
      nowMs: () => shim.nowMs(),
      wallMs: wallClockMs,
      takeReport: (nodeId, report) => this.#control.takeReport(nodeId, report, shim.nowMs(), wallClockMs()),
      routeState: () => routes.state(shim.nowMs()),
    };
  }

  /** Ends with exit code 1. */
  fail(reason: string): void {
    if (this.#isEnding) return;
    this.#exitCode = 1;
    log.error("super failed", { reason });
    this.#end();
  }

  /** Stops on signals, also in the middle of the start, until the result is disposed of. */
  obeySignals(): Disposable {
    return onSignals({
      stop: (signal) => {
        log.info("super stopping", { signal });
        this.#end();
      },
      status: () => this.#logStatus(),
    }, openProcFiles(this.#parts.shim));
  }

  /** Serves until a signal or a failure, with the user's program as it begins. Returns the exit code. */
  async run(lanes: readonly Awaited<ReturnType<SuperIdentity["core"]["startLanes"]>>[]): Promise<number> {
    const serving = this.#parts.identities.map((identity, index) =>
      identity.core.run(lanes[index], {
        control: this.#control.controlOf(identity),
        onTick: (nowMs) => this.#tick(nowMs),
        onFailure: (reason) => this.fail(reason),
      })
    );
    await Promise.all([...serving, this.#getReady()]);
    for (const drops of this.#drops) drops.logTotals();
    return this.#exitCode;
  }

  /** Runs the user's program, if there is one, and then tells the operator and systemd. */
  async #getReady(): Promise<void> {
    const { config, identities: [{ port }], shim } = this.#parts;
    const environment = environmentOf(config);
    const { signal } = this.#ending;
    if (!await runUserProgram(config.postScript, environment, config.log.internal, log, signal)) {
      this.#exitCode = 1;
      return this.#end();
    }
    if (this.#isEnding) return;
    notifySystemd(shim, log);
    log.info("super ready", { port, edgeApiPort: config.edgeApi.port, peers: config.peers.length, pid: Deno.pid });
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  #addPeer(peer: SuperPeerConfig): void {
    const { identities, shim } = this.#parts;
    this.#control.addSessions(peer, shim.nowMs());
    const { endpoint } = peer;
    if (endpoint === undefined) return;
    for (const [index, { device, family }] of identities.entries()) {
      const row = device.peerRows.get(peer.nodeId);
      const endpoints = endpointsInFamily(endpoint, family);
      const written = { nodeId: peer.nodeId, endpoints, fakeTcpEndpoints: [], isStatic: true };
      if (row !== undefined) this.#endpoints[index].add(row, written);
    }
  }

  #createEndpoints({ device, paths, family, core }: SuperIdentity): PeerEndpoints {
    const { config, shim } = this.#parts;
    const families = { ipv4: family === 4, ipv6: family === 6, preferred: family };
    return new PeerEndpoints(config.resetEndpointIntervalMs, families, getLogger("endpoint"), (row, kind, endpoint) => {
      const nowMs = shim.nowMs();
      paths.setEndpoint(row, kind, endpoint, nowMs);
      device.beginHandshake(row, nowMs);
      core.ring();
    });
  }

  #createAdministration(setTable: (table: SuperConfig["nextHopTable"]) => void): Administration {
    const { config, options, primitives, shim } = this.#parts;
    return new Administration({
      registry: this.#registry,
      openFile: () => SuperFile.open(options.configPath),
      nextHopTable: config.graph.isStatic ? config.nextHopTable : undefined,
      renderEdgeConfig: (peer) => this.#renderEdgeConfig(peer),
      hooks: {
        refusalOf: (peer) => this.#control.refusalOf(peer, shim.nowMs()),
        addSessions: (peer) => this.#control.addSessions(peer, shim.nowMs()),
        dismiss: (nodeId) => {
          for (const [index, { device }] of this.#parts.identities.entries()) {
            const row = device.peerRows.get(nodeId);
            if (row !== undefined) this.#endpoints[index].remove(row);
          }
          this.#control.dismiss(nodeId, shim.nowMs());
        },
        setNextHopTable: setTable,
        setPeerAliveTimeout: (timeoutMs) => {
          for (const { device } of this.#parts.identities) device.setPeerAliveTimeout(timeoutMs);
        },
        ring: () => this.#ring(),
      },
      primitives,
      log,
    });
  }

  #renderEdgeConfig(peer: SuperPeerConfig): string {
    const { edgeTemplate, publicKeyV4, publicKeyV6, wireVersion, fakeTcp, obfuscation } = this.#parts.config;
    return renderEdgeConfig(edgeTemplate, {
      nodeId: peer.nodeId,
      nodeName: peer.name,
      publicKey: peer.publicKey,
      presharedKey: peer.presharedKey,
      additionalCostMs: peer.additionalCostMs,
      skipsLocalAddresses: peer.skipsLocalAddresses,
      wireVersion,
      superPublicKeyV4: publicKeyV4,
      superPublicKeyV6: publicKeyV6,
      fakeTcp,
      obfuscation,
    });
  }

  #tick(nowMs: number): void {
    for (const [index, { device }] of this.#parts.identities.entries()) {
      void this.#endpoints[index].poll(nowMs, (row) => !device.isAlive(row, nowMs));
    }
    if (nowMs < this.#nextDropReportMs) return;
    this.#nextDropReportMs = nowMs + DROP_REPORT_INTERVAL_MS;
    for (const drops of this.#drops) drops.logNew();
  }

  #logStatus(): void {
    const log = getLogger("status");
    for (const { device, paths } of this.#parts.identities) {
      const peers = device.snapshot(this.#parts.shim.nowMs());
      logPeers(log, peers);
      for (const { row } of peers) logPaths(log, paths.pathsOf(row));
    }
    for (const drops of this.#drops) drops.logTotals();
  }

  #ring(): void {
    for (const identity of this.#parts.identities) identity.ring();
  }

  #end(): void {
    this.#ending.abort();
    for (const { core } of this.#parts.identities) core.stop();
  }
}

function createRegistry(config: SuperConfig, startedMs: number): Registry {
  const privateKeys = [config.privateKeyV4, config.privateKeyV6].filter((key) => key !== undefined);
  return new Registry({
    parameters: config,
    nodes: config.peers,
    usesPairKeys: config.usesPairKeys,
    pairSecret: derivePairSecret(privateKeys),
    wireVersion: config.wireVersion ?? WIRE_VERSION,
    startedMs,
    random: systemRandom,
    log,
  });
}

/** Makes what finds routes: computed, or as configured. `setTable` replaces the configured ones. */
function createRoutes(
  { graph, nextHopTable }: SuperConfig,
  onNextHops: (document: Document | undefined) => void,
  onResult: () => void,
): { routes: RouteSource; setTable: (table: SuperConfig["nextHopTable"]) => void } {
  if (graph.isStatic) {
    const routes = new StaticRoutes({ settings: graph, table: nextHopTable, onNextHops });
    return { routes, setTable: (table) => routes.setTable(table) };
  }
  const engine = new WorkerEngine({ log: getLogger("routes"), onResult });
  return {
    routes: new RouteComputer({ settings: graph, engine, onNextHops, log: getLogger("routes") }),
    setTable: () => {},
  };
}
