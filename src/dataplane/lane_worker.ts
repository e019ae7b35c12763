// No allocation per packet in this file.
/**
 * Entry point of a lane's worker.
 *
 * The control thread sends one {@linkcode LaneWorkerOptions}; the worker then runs its lane until the tables tell it to stop,
 * and closes. It says `"running"` and, when it has let go of its descriptors, `"ended"`. While it runs it hears nothing but the tables and its wake-up descriptor.
 *
 * @module
 */

import { type NodeId } from "../base/node_id.ts";
import { systemRandom } from "../base/random.ts";
import type { Bind } from "../conn/bind.ts";
import { FakeTcpBind } from "../conn/faketcp_bind.ts";
import { UdpBind } from "../conn/udp_bind.ts";
import { attachConnectionTable } from "../faketcp/connection_table.ts";
import { createLocalHost } from "../faketcp/packet.ts";
import type { CookieOptions } from "../faketcp/segment_gate.ts";
import { TunQueue } from "../faketcp/tun.ts";
import { loadShim, type Shim } from "../ffi/shim.ts";
import { DummyTap } from "../tap/dummy.ts";
import { LinuxTap } from "../tap/linux.ts";
import { attachEventRing } from "./events.ts";
import { Lane } from "./lane.ts";
import { SegmentReport } from "./segment_report.ts";
import { attachTables, type TableShape } from "./tables.ts";
import { warmUp } from "./warm_up.ts";

/** What a lane's worker is told. Descriptors belong to the control thread, which closes them after the worker has ended. */
export interface LaneWorkerOptions {
  readonly shape: TableShape;
  readonly tables: SharedArrayBuffer;
  readonly events: SharedArrayBuffer;
  readonly lane: number;
  readonly selfNodeId: NodeId;
  /** Descriptor of the tap queue, −1 for a node without a tap. */
  readonly tapFd: number;
  readonly mergeUdp: boolean;
  readonly sockets: readonly { readonly fd: number; readonly family: number }[];
  /** `undefined` without FakeTCP. */
  readonly fakeTcp: LaneFakeTcp | undefined;
  readonly wakeFd: number;
  readonly l2fibSeed: number;
  readonly l2fibTimeoutSeconds: number;
  readonly mac1Key: Uint8Array<ArrayBuffer>;
  readonly rejectAfterMs: number;
}

/** A lane's part in FakeTCP. */
export interface LaneFakeTcp {
  readonly connections: SharedArrayBuffer;
  /** Descriptor of the lane's queue of the TUN device. */
  readonly queueFd: number;
  readonly offload: boolean;
  readonly addressV4: Uint8Array | undefined;
  readonly addressV6: Uint8Array | undefined;
  readonly ttl: number;
  readonly cookies: CookieOptions;
  readonly verifiesChecksums: boolean;
}

/** The worker's side of the channel to the control thread. */
interface WorkerScope {
  onmessage: ((message: MessageEvent<LaneWorkerOptions>) => void) | null;
  postMessage(message: string): void;
  close(): void;
}

const scope = self as unknown as WorkerScope;

/** Makes the lane. The table of connections has as many rows for every lane. */
function createLane(options: LaneWorkerOptions, shim: Shim): Lane {
  const tables = attachTables(options.shape, options.tables);
  const events = attachEventRing(options.events);
  const binds: Bind[] = options.sockets.map(({ fd, family }) => new UdpBind(fd, family, shim));
  let connections = 0;
  if (options.fakeTcp !== undefined) {
    const { addressV4, addressV6, ttl, queueFd, offload, cookies, verifiesChecksums } = options.fakeTcp;
    const table = attachConnectionTable(options.fakeTcp.connections);
    connections = table.capacity;
    binds.push(
      new FakeTcpBind({
        table,
        local: createLocalHost(addressV4, addressV6, ttl),
        queue: new TunQueue(queueFd, offload, shim),
        sink: new SegmentReport(tables, options.lane, events),
        cookies,
        verifiesChecksums,
      }),
    );
  }
  const tap = options.tapFd < 0 ? new DummyTap() : new LinuxTap(options.tapFd, shim);
  return new Lane({ ...options, tables, events, tap, binds, connections }, shim);
}

scope.onmessage = async (message) => {
  const options = message.data;
  const shim = loadShim();
  await warmUp(shim, systemRandom);
  const lane = createLane(options, shim);
  scope.postMessage("running");
  while (!lane.isStopped) lane.turn();
  lane[Symbol.dispose]();
  scope.postMessage("ended");
  scope.close();
};
