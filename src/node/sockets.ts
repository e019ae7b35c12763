/**
 * The UDP sockets of a node: both address families on one port, a socket for each lane.
 *
 * @module
 */

import { ENDPOINT_WORDS, writeEndpoint } from "../base/endpoint.ts";
import { SystemError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { AddressFamilyConfig } from "../config/node_config.ts";
import { openUdpSockets } from "../conn/udp_bind.ts";
import { Errno } from "../ffi/errno.ts";
import type { Shim } from "../ffi/shim.ts";

/** What is asked of the sockets. */
export interface NodeSocketOptions {
  readonly families: AddressFamilyConfig;
  /** 0 lets the kernel choose. */
  readonly port: number;
  readonly fwmark: number;
  /** Whether answers leave from the address that was asked. */
  readonly packetInfo: boolean;
  readonly laneCount: number;
}

/** The sockets of one family. */
export interface FamilySockets {
  readonly family: 4 | 6;
  readonly fds: readonly number[];
}

/** The sockets of a node. */
export interface NodeSockets {
  readonly port: number;
  readonly families: readonly FamilySockets[];
}

/** How often a port that the kernel chose for one family is given up because the other family has it in use. */
const PORT_TRIES = 8;
/** What a kernel without a family, or with the family switched off, answers. */
export const FAMILY_IS_MISSING: readonly number[] = [Errno.EAFNOSUPPORT, Errno.EADDRNOTAVAIL];

/**
 * Opens the sockets. A family that the kernel lacks is left out, with a warning, as long as one remains.
 *
 * @throws {SystemError} If a socket can't be opened; nothing stays open.
 */
export function openNodeSockets(options: NodeSocketOptions, shim: Shim, log: Logger): NodeSockets {
  for (let tries = 1;; tries++) {
    try {
      return openOnce(options, shim, log);
    } catch (error) {
      const retry = options.port === 0 && error instanceof SystemError && error.errno === Errno.EADDRINUSE;
      if (!retry || tries === PORT_TRIES) throw error;
    }
  }
}

/** Closes all sockets. */
export function closeNodeSockets(sockets: NodeSockets, shim: Shim): void {
  for (const { fds } of sockets.families) for (const fd of fds) shim.symbols.eg_close(fd);
}

function openOnce(options: NodeSocketOptions, shim: Shim, log: Logger): NodeSockets {
  const { families } = options;
  const wanted = [
    { family: 4 as const, isOn: families.ipv4, listen: families.listenIpv4, length: 4 },
    { family: 6 as const, isOn: families.ipv6, listen: families.listenIpv6, length: 16 },
  ].filter(({ isOn }) => isOn);
  const opened: FamilySockets[] = [];
  let port = options.port;
  let refusal: SystemError | undefined;
  for (const { family, listen, length } of wanted) {
    const local = new Uint32Array(ENDPOINT_WORDS);
    writeEndpoint(local, 0, listen ?? new Uint8Array(length), port);
    try {
      const { packetInfo, fwmark: fwMark, laneCount: count } = options;
      const sockets = openUdpSockets({ local, count, fwMark, packetInfo, reportErrors: true }, shim);
      opened.push({ family, fds: sockets.fds });
      port = sockets.port;
      if (!sockets.receiveOffload) {
        log.warn("kernel can't merge received datagrams; throughput will be lower", { family });
      }
    } catch (error) {
      const isMissing = error instanceof SystemError && FAMILY_IS_MISSING.includes(error.errno) && listen === undefined;
      if (!isMissing) {
        closeNodeSockets({ port, families: opened }, shim);
        throw error;
      }
      refusal = error;
      log.warn(`IPv${family} is not available; going on without it`, { cause: error.code });
    }
  }
  if (opened.length === 0 && refusal !== undefined) throw refusal;
  return { port, families: opened };
}
