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
import { UdpBind } from "../conn/udp_bind.ts";
import { loadShim } from "../ffi/shim.ts";
import { DummyTap } from "../tap/dummy.ts";
import { LinuxTap } from "../tap/linux.ts";
import { attachEventRing } from "./events.ts";
import { Lane } from "./lane.ts";
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
  readonly wakeFd: number;
  readonly l2fibSeed: number;
  readonly l2fibTimeoutSeconds: number;
  readonly mac1Key: Uint8Array<ArrayBuffer>;
  readonly rejectAfterMs: number;
}

/** The worker's side of the channel to the control thread. */
interface WorkerScope {
  onmessage: ((message: MessageEvent<LaneWorkerOptions>) => void) | null;
  postMessage(message: string): void;
  close(): void;
}

const scope = self as unknown as WorkerScope;

scope.onmessage = async (message) => {
  const options = message.data;
  const shim = loadShim();
  await warmUp(shim, systemRandom);
  const lane = new Lane(
    {
      ...options,
      tables: attachTables(options.shape, options.tables),
      events: attachEventRing(options.events),
      tap: options.tapFd < 0 ? new DummyTap() : new LinuxTap(options.tapFd, shim),
      binds: options.sockets.map(({ fd, family }) => new UdpBind(fd, family, shim)),
    },
    shim,
  );
  scope.postMessage("running");
  while (!lane.isStopped) lane.turn();
  lane[Symbol.dispose]();
  scope.postMessage("ended");
  scope.close();
};
