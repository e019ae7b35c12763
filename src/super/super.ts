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
import { PeerEndpoints } from "../node/peer_endpoints.ts";
import { libcryptoPrimitives } from "../node/primitives.ts";
import { notifySystemd, onSignals, runUserProgram } from "../node/process_life.ts";
import { DropReport, logPaths, logPeers } from "../node/status.ts";
import { readTimers } from "../node/timer_override.ts";
import type { Primitives } from "../noise/primitives.ts";
import { Administration } from "./administration.ts";
import { HttpServer } from "./http/server.ts";
import type { SuperApi } from "./http/super_api.ts";
import { SuperIdentity } from "./identity.ts";
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
 * @returns The exit code: 0 after SIGINT or SIGTERM, 1 after a failure, which has been logged.
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
  for (const { core } of identities) await core.setHostRules(stack);
  const lanes = [];
  for (const { core } of identities) lanes.push(stack.use(await core.startLanes((reason) => node.fail(reason))));
  stack.use(await HttpServer.start(config, node.api, getLogger("http")));
  if (!await runUserProgram(config.postScript, environmentOf(config), config.log.internal, log)) return 1;
  return await node.run(lanes);
}

/** Opens an identity for each family that has a key, both at one port. */
function openIdentities(
  config: SuperConfig,
  { bind }: SuperRunOptions,
  primitives: Primitives,
  shim: Shim,
  stack: AsyncDisposableStack,
): SuperIdentity[] {
  const identities: SuperIdentity[] = [];
  const keys = [[4, config.privateKeyV4], [6, config.privateKeyV6]] as const;
  for (const [family, privateKey] of keys) {
    if (privateKey === undefined) continue;
    const port = identities[0]?.port ?? config.listenPort;
    const packetInfo = bind === "linux";
    const options = { config, family, privateKey, port, packetInfo, primitives, timers: readTimers() };
    identities.push(SuperIdentity.open(options, shim, stack));
  }
  return identities;
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
  #exitCode = 0;
  #isEnding = false;

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
      routeState: () => routes.state(),
    };
  }

  /** Ends with exit code 1. */
  fail(reason: string): void {
    if (this.#isEnding) return;
    this.#exitCode = 1;
    log.error("super failed", { reason });
    this.#end();
  }

  /** Serves until a signal or a failure. Returns the exit code. */
  async run(lanes: readonly Awaited<ReturnType<SuperIdentity["core"]["startLanes"]>>[]): Promise<number> {
    const { config, identities, shim } = this.#parts;
    using _signals = onSignals({
      stop: (signal) => {
        log.info("super stopping", { signal });
        this.#end();
      },
      status: () => this.#logStatus(),
    });
    notifySystemd(shim, log);
    const [{ port }] = identities;
    log.info("super ready", { port, edgeApiPort: config.edgeApi.port, peers: config.peers.length, pid: Deno.pid });
    if (!this.#isEnding) {
      await Promise.all(identities.map((identity, index) =>
        identity.core.run(lanes[index], {
          control: this.#control.controlOf(identity),
          onTick: (nowMs) => this.#tick(nowMs),
          onFailure: (reason) => this.fail(reason),
        })
      ));
    }
    for (const drops of this.#drops) drops.logTotals();
    return this.#exitCode;
  }

  #addPeer(peer: SuperPeerConfig): void {
    const { identities, shim } = this.#parts;
    this.#control.addSessions(peer, shim.nowMs());
    const { endpoint } = peer;
    if (endpoint === undefined) return;
    for (const [index, { device, family }] of identities.entries()) {
      const row = device.peerRows.get(peer.nodeId);
      const endpoints = [{ ...endpoint, lookupFamily: family }];
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
      isStatic: config.graph.isStatic,
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
        ring: () => this.#ring(),
      },
      primitives,
      log,
    });
  }

  #renderEdgeConfig(peer: SuperPeerConfig): string {
    const { edgeTemplate, publicKeyV4, publicKeyV6, fakeTcp, obfuscation } = this.#parts.config;
    return renderEdgeConfig(edgeTemplate, {
      nodeId: peer.nodeId,
      nodeName: peer.name,
      publicKey: peer.publicKey,
      presharedKey: peer.presharedKey,
      additionalCostMs: peer.additionalCostMs,
      skipsLocalAddresses: peer.skipsLocalAddresses,
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
    this.#isEnding = true;
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
    wireVersion: WIRE_VERSION,
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
    const routes = new StaticRoutes(nextHopTable, onNextHops);
    return { routes, setTable: (table) => routes.setTable(table) };
  }
  const engine = new WorkerEngine({ log: getLogger("routes"), onResult });
  return {
    routes: new RouteComputer({ settings: graph, engine, onNextHops, log: getLogger("routes") }),
    setTable: () => {},
  };
}
