/**
 * The local interface of a node.
 *
 * @module
 */

import type { InterfaceConfig } from "../config/interface_config.ts";
import { cString, type Shim } from "../ffi/shim.ts";
import { NO_TAP, type NodeTap } from "../node/node_core.ts";
import { openTapQueues, setUpTapLink } from "../tap/linux.ts";

/** What became of an interface. */
export interface LinkState {
  readonly exists: boolean;
  readonly mtu: number;
}

/**
 * Makes the interface with a queue for each lane, gives it its addresses, and sets it up.
 *
 * @throws {SystemError} If the kernel refuses; nothing stays.
 */
export function openNodeTap(config: InterfaceConfig, laneCount: number, shim: Shim): NodeTap {
  if (config.kind === "dummy") return NO_TAP;
  const { fds, name, udpOffload } = openTapQueues(config.name, laneCount, shim);
  const tap = { name, fds, mergeUdp: udpOffload };
  try {
    setUpTapLink(tap.name, {
      mtu: config.mtu,
      macAddress: config.macAddress,
      addresses: [config.ipv6LinkLocal, config.ipv6, config.ipv4].flatMap((written) =>
        written === undefined ? [] : [{ octets: written.address, prefixLen: written.prefixLength }]
      ),
      flushAddresses: config.ipv6LinkLocal !== undefined,
    }, shim);
    return tap;
  } catch (error) {
    closeNodeTap(tap, shim);
    throw error;
  }
}

/** Closes the queues; with the last the interface goes. */
export function closeNodeTap(tap: NodeTap, shim: Shim): void {
  for (const fd of tap.fds) shim.symbols.eg_close(fd);
}

/** Looks at the interface. */
export function readLinkState(name: string, shim: Shim): LinkState {
  const link = new Uint32Array(3);
  return shim.symbols.eg_link_get(cString(name), link) < 0 ? { exists: false, mtu: 0 } : { exists: true, mtu: link[2] };
}
