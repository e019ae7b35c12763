/**
 * One of the two identities of a super node: its half for IPv4, or for IPv6.
 *
 * A super node has a key pair for each address family, so that it learns each edge's external address in each family by
 * itself. An identity is a whole node with sockets of one family, peers, lanes and FakeTCP of its own; it has no tap, and
 * forwards nothing. Source: `behaviour.md` §3.1.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { SUPER_NODE_ID } from "../base/node_id.ts";
import type { EndpointConfig } from "../config/endpoint_text.ts";
import type { FakeTcpConfig } from "../config/faketcp_config.ts";
import type { PeerEndpoint } from "../config/peer_config.ts";
import { secondTunName, type SuperConfig } from "../config/super_config.ts";
import type { PathControl } from "../control/path_control.ts";
import type { Tables } from "../dataplane/tables.ts";
import type { Device } from "../device/device.ts";
import type { Shim } from "../ffi/shim.ts";
import { NO_TAP, NodeCore } from "../node/node_core.ts";
import { createDevice, createNodeTables, createPathControl, openNodeFakeTcp } from "../node/node_parts.ts";
import { closeNodeSockets, FAMILY_IS_MISSING, type NodeSockets, openNodeSockets } from "../node/sockets.ts";
import type { TimerParams } from "../noise/constants.ts";
import type { Primitives } from "../noise/primitives.ts";
import { PathCapability } from "../wire/path_message.ts";

/**
 * What takes the place of the interface's MTU: with it the longest datagram of a super node, 1,232 octets, passes any path that
 * IPv6 may be sent over.
 */
export const SUPER_MTU = 1184;
/** Rows of peers beside those of the file, for those that are added while the super runs. */
const SPARE_PEERS = 1024;

/** What an identity is opened with. */
export interface IdentityOptions {
  readonly config: SuperConfig;
  readonly family: 4 | 6;
  readonly privateKey: Uint8Array;
  /** UDP port; 0: the system picks one. */
  readonly port: number;
  /** Whether answers leave from the address that was asked. */
  readonly packetInfo: boolean;
  readonly primitives: Primitives;
  readonly timers: TimerParams;
}

/** A running identity. */
export class SuperIdentity {
  readonly family: 4 | 6;
  readonly device: Device;
  readonly paths: PathControl;
  readonly tables: Tables;
  readonly core: NodeCore;
  /** UDP port in use. */
  readonly port: number;

  private constructor(options: IdentityOptions, sockets: NodeSockets, shim: Shim, stack: AsyncDisposableStack) {
    const { config, family, privateKey, primitives, timers } = options;
    const { allowPrivateIp, peerAliveTimeoutMs, pathSelection: selection } = config;
    this.family = family;
    this.port = sockets.port;
    const peerCount = config.peers.length + SPARE_PEERS;
    const fakeTcpConfig = fakeTcpOf(config, family);
    const fakeTcp = openNodeFakeTcp(
      { config: fakeTcpConfig, udpPort: sockets.port, laneCount: 1, peerCount },
      shim,
      stack,
    );
    const shape = { peerCount, sourceCount: 0, laneCount: 1, mtu: SUPER_MTU, defaultTtl: 0, relays: false };
    this.tables = createNodeTables(shape);
    const settings = { privateKey, allowPrivateIp, peerAliveTimeoutMs, learnsPeers: false };
    this.device = createDevice(settings, this.tables, primitives, timers);
    const capabilities = PathCapability.DOCUMENTS;
    this.paths = createPathControl(
      { selfNodeId: SUPER_NODE_ID, selection, mtu: SUPER_MTU, capabilities },
      this.device,
      fakeTcp,
    );
    this.core = new NodeCore({
      selfNodeId: SUPER_NODE_ID,
      tap: NO_TAP,
      sockets,
      fakeTcp,
      fakeTcpConfig,
      tables: this.tables,
      device: this.device,
      paths: this.paths,
      primitives,
      timers,
      l2FibTimeoutMs: 0,
      shim,
    });
  }

  /**
   * Opens sockets and FakeTCP.
   *
   * @param stack Takes the undoing.
   * @throws {SystemError} If a socket can't be opened.
   */
  static open(options: IdentityOptions, shim: Shim, stack: AsyncDisposableStack): SuperIdentity {
    const { config, family, port, packetInfo } = options;
    const families = { ...config.addressFamilies, ipv4: family === 4, ipv6: family === 6 };
    const log = getLogger("super");
    const { fwmark } = config;
    const sockets = openNodeSockets({ families, port, fwmark, packetInfo, laneCount: 1 }, shim, log);
    stack.defer(() => closeNodeSockets(sockets, shim));
    log.info("UDP bind updated", { family, port: sockets.port });
    return new SuperIdentity(options, sockets, shim, stack);
  }

  /** Makes the loop look up. */
  ring(): void {
    this.core.ring();
  }
}

/** A family, what is needed of the configuration for its identity, and where it listens if the user said so. */
export interface FamilyKey {
  readonly family: 4 | 6;
  /** `undefined`: the family gets no identity. */
  readonly privateKey: Uint8Array | undefined;
  readonly listen: Uint8Array | undefined;
}

/**
 * Opens an identity for each family that has a key, all at one port. One whose family the kernel lacks is left out, of which
 * its sockets have warned, as long as another remains.
 *
 * @param port Of the first one; 0 lets the kernel choose.
 * @throws What `open` throws otherwise.
 */
export function openFamilies<Identity extends { readonly port: number }>(
  families: readonly FamilyKey[],
  port: number,
  open: (family: 4 | 6, privateKey: Uint8Array, port: number) => Identity,
): Identity[] {
  const identities: Identity[] = [];
  let refusal: SystemError | undefined;
  for (const { family, privateKey, listen } of families) {
    if (privateKey === undefined) continue;
    try {
      identities.push(open(family, privateKey, identities[0]?.port ?? port));
    } catch (error) {
      const isMissing = error instanceof SystemError && FAMILY_IS_MISSING.includes(error.errno) && listen === undefined;
      if (!isMissing) throw error;
      refusal = error;
    }
  }
  if (identities.length === 0 && refusal !== undefined) throw refusal;
  return identities;
}

/** What an identity looks up of an edge's endpoint: a name in its own family, and of literal addresses those of it alone. */
export function endpointsInFamily(endpoint: EndpointConfig, family: 4 | 6): PeerEndpoint[] {
  return endpoint.family === 0 || endpoint.family === family ? [{ ...endpoint, lookupFamily: family }] : [];
}

/** FakeTCP of one family: two identities can't share one TUN device, since it doesn't tell whose a segment is. */
export function fakeTcpOf({ fakeTcp }: SuperConfig, family: 4 | 6): FakeTcpConfig {
  const { ipv4, ipv6, tunName } = fakeTcp;
  const isEnabled = fakeTcp.isEnabled && (family === 4 ? ipv4 : ipv6) !== undefined;
  return family === 4
    ? { ...fakeTcp, isEnabled, ipv6: undefined }
    : { ...fakeTcp, isEnabled, ipv4: undefined, tunName: secondTunName(tunName) };
}
