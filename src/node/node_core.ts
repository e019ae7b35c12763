/**
 * What every running node has, joined: sockets, FakeTCP, device, paths, lanes, the machine's rules.
 *
 * An edge is one of these with a tap; a super node is two without.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { NodeId } from "../base/node_id.ts";
import { systemRandom } from "../base/random.ts";
import type { FakeTcpConfig } from "../config/faketcp_config.ts";
import { UdpBind } from "../conn/udp_bind.ts";
import type { PathControl } from "../control/path_control.ts";
import type { Tables } from "../dataplane/tables.ts";
import type { Device } from "../device/device.ts";
import type { Shim } from "../ffi/shim.ts";
import type { TimerParams } from "../noise/constants.ts";
import { deriveMac1Key } from "../noise/cookie.ts";
import type { Primitives } from "../noise/primitives.ts";
import { ControlLoop, type NodeControl } from "./control_loop.ts";
import type { FakeTcpNode } from "./fake_tcp.ts";
import { HostWatch, interfacesToPeers, otherInterfaces } from "./host_watch.ts";
import { LanePool } from "./lane_pool.ts";
import { hostSpecOf } from "./print_rules.ts";
import type { NodeSockets } from "./sockets.ts";

/** The tap of a node, or what stands for it. */
export interface NodeTap {
  /** Name of the interface; empty for a node without one. */
  readonly name: string;
  /** A descriptor for each lane; empty without a tap. */
  readonly fds: readonly number[];
  /** Whether UDP may be handed over merged. */
  readonly mergeUdp: boolean;
}

/** What stands for the tap of a node without one. */
export const NO_TAP: NodeTap = { name: "", fds: [], mergeUdp: false };

/** The parts of a node: all descriptors are open. */
export interface NodeCoreParts {
  readonly selfNodeId: NodeId;
  readonly tap: NodeTap;
  readonly sockets: NodeSockets;
  readonly fakeTcp: FakeTcpNode | undefined;
  readonly fakeTcpConfig: FakeTcpConfig;
  readonly tables: Tables;
  readonly device: Device;
  readonly paths: PathControl;
  readonly primitives: Primitives;
  readonly timers: TimerParams;
  /** Age at which lanes forget a MAC address; 0: never. */
  readonly l2FibTimeoutMs: number;
  readonly shim: Shim;
}

/** What the loop of a node calls. */
export interface NodeCoreRun {
  readonly control: NodeControl;
  /** Called about every second. */
  readonly onTick: (nowMs: number) => void;
  /** The node can't go on. */
  readonly onFailure: (reason: string) => void;
}

/** The parts that every running node has. */
export class NodeCore {
  readonly #parts: NodeCoreParts;
  #hostWatch: HostWatch | undefined;
  #loop: ControlLoop | undefined;
  #isStopped = false;

  constructor(parts: NodeCoreParts) {
    this.#parts = parts;
  }

  /** Makes the loop look up. */
  ring(): void {
    this.#loop?.ring();
  }

  /** Ends {@linkcode NodeCore.run}, even if that hasn't begun. */
  stop(): void {
    this.#isStopped = true;
    this.#loop?.stop();
  }

  /**
   * Changes the machine so that FakeTCP reaches the world and is reached, unless the user does that himself. Where it can't be
   * done, UDP alone goes on.
   *
   * @param stack Takes the undoing.
   */
  async setHostRules(stack: AsyncDisposableStack): Promise<void> {
    const { fakeTcp, fakeTcpConfig, sockets } = this.#parts;
    if (fakeTcp === undefined || !fakeTcpConfig.managesRules) return;
    const log = getLogger("host");
    const { usedInterfaces: _, ...spec } = hostSpecOf(fakeTcpConfig, sockets.port, []);
    try {
      this.#hostWatch = stack.use(await HostWatch.start(spec, () => this.#usedInterfaces(), log));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.error("host rules can't be set; FakeTCP is of no use without them", { cause: error.message });
    }
  }

  /** Starts the workers; they forward as soon as there are sessions. */
  async startLanes(onFailure: (reason: string) => void): Promise<LanePool> {
    const { selfNodeId, tap, sockets, fakeTcp, tables, device, primitives, timers, l2FibTimeoutMs, shim } = this.#parts;
    const verifiesChecksums = this.#hostWatch?.verifiesChecksums(shim) !== true;
    return await LanePool.start(
      {
        tables,
        selfNodeId,
        tapFds: tap.fds,
        mergeUdp: tap.mergeUdp,
        sockets: sockets.families,
        fakeTcpOf: (lane) => fakeTcp?.laneOptions(lane, verifiesChecksums),
        l2fibSeed: systemRandom.uint32(),
        l2fibTimeoutSeconds: Math.ceil(l2FibTimeoutMs / 1000),
        mac1Key: deriveMac1Key(primitives, device.publicKey),
        rejectAfterMs: timers.rejectAfterTimeMs,
      },
      shim,
      onFailure,
    );
  }

  /** Serves until {@linkcode NodeCore.stop}, then ends the FakeTCP connections in an orderly way. */
  async run(lanes: LanePool, { control, onTick, onFailure }: NodeCoreRun): Promise<void> {
    const { tables, device, paths, fakeTcp, sockets, shim } = this.#parts;
    this.#loop = new ControlLoop({
      tables,
      device,
      paths,
      fakeTcp,
      control,
      lanes,
      binds: [
        ...sockets.families.map(({ family, fds }) => new UdpBind(fds[0], family, shim)),
        ...(fakeTcp === undefined ? [] : [fakeTcp.bind]),
      ],
      shim,
      onLaneFailed: (which, errno) => onFailure(this.#describeFailure(which, errno)),
      onTick: (nowMs) => {
        this.#hostWatch?.poll(nowMs);
        onTick(nowMs);
      },
    });
    if (this.#isStopped) this.#loop.stop();
    await this.#loop.run();
    fakeTcp?.closeAll(shim.nowMs());
  }

  /** @param which Position of the descriptor: 0 the tap, then the binds. */
  #describeFailure(which: number, errno: number): string {
    const { tap, sockets, fakeTcp, shim } = this.#parts;
    const isTun = fakeTcp !== undefined && which > sockets.families.length;
    const name = shim.errnoName(errno);
    if (which > 0 && !isTun) {
      return `UDP socket for IPv${sockets.families[which - 1].family} broke: ${name}; start again`;
    }
    const what = which === 0 ? `tap ${tap.name}` : `TUN device ${fakeTcp!.tun.name}`;
    return `${what} broke: ${name}: somebody removed it; start again to make it anew`;
  }

  /**
   * Through which interfaces FakeTCP is to reach the world: the default routes, and the routes to peers. A peer of which no
   * address is known may come by any.
   */
  #usedInterfaces(): string[] {
    const { tap, fakeTcp, device, paths, shim } = this.#parts;
    const { names, isComplete } = interfacesToPeers(device, paths, shim);
    if (isComplete) return names;
    const ours = ["lo", tap.name, fakeTcp?.tun.name ?? ""];
    return [...new Set([...names, ...otherInterfaces(ours)])].sort();
  }
}
