/**
 * What an edge of super mode has besides: the sessions with the super node, HTTP, the offset of its clock, its own addresses.
 *
 * @module
 */

import { getLogger } from "../base/log.ts";
import { SUPER_NODE_ID } from "../base/node_id.ts";
import { pathKindOf, Transport } from "../base/path_kind.ts";
import { systemRandom } from "../base/random.ts";
import { WIRE_VERSION } from "../base/version.ts";
import type { EdgeConfig } from "../config/edge_config.ts";
import type { SuperNodeConfig, SuperSessionConfig } from "../config/super_node_config.ts";
import type { SuperModeOptions } from "../control/edge_control.ts";
import { TOKEN_KEY_LEN } from "../control/messages.ts";
import type { PathControl } from "../control/path_control.ts";
import type { ConfiguredPeer } from "../control/peer_directory.ts";
import { PeerState } from "../dataplane/tables.ts";
import type { Device } from "../device/device.ts";
import type { Shim } from "../ffi/shim.ts";
import { openProcFiles } from "../host/proc.ts";
import type { PeerEndpoints } from "../node/peer_endpoints.ts";
import { LocalAddresses, type LocalEndpoints } from "./local_addresses.ts";
import { ClockOffset } from "./ntp.ts";
import { createNtpQuery } from "./ntp_query.ts";
import { HttpDocumentSource } from "./super_http.ts";

/** What {@linkcode SuperLink} joins. */
export interface SuperLinkOptions {
  readonly config: EdgeConfig;
  readonly superNode: SuperNodeConfig;
  readonly device: Device;
  readonly paths: PathControl;
  readonly endpoints: PeerEndpoints;
  /** Port of the UDP sockets. */
  readonly udpPort: number;
  /** Families of the UDP sockets. */
  readonly families: { readonly ipv4: boolean; readonly ipv6: boolean };
  readonly hasFakeTcp: boolean;
  readonly shim: Shim;
  /** Makes the control loop look up. */
  readonly ring: () => void;
  /** There is something new to report. */
  readonly onReportWanted: () => void;
  /** The super node has ended this node. */
  readonly onStop: (exitCode: number, why: string) => void;
}

/** The edge's side of super mode. Disposing of it ends what is under way. */
export class SuperLink implements Disposable {
  readonly #options: SuperLinkOptions;
  readonly #rows: readonly number[];
  readonly #tokenKey = new Uint8Array(TOKEN_KEY_LEN);
  readonly #aborts = new AbortController();
  readonly #clock: ClockOffset | undefined;
  readonly #localAddresses: LocalAddresses;
  readonly #http: HttpDocumentSource | undefined;

  constructor(options: SuperLinkOptions) {
    const { config, superNode, device, families, udpPort, shim, ring, onReportWanted } = options;
    this.#options = options;
    systemRandom.fill(this.#tokenKey);
    this.#rows = this.#addSessions();
    const log = getLogger("super");
    const { ntp } = config.dynamicRoute;
    this.#clock = ntp && new ClockOffset({
      config: ntp,
      query: createNtpQuery({ random: systemRandom, signal: this.#aborts.signal }),
      logsAnswers: config.log.ntp,
      log: getLogger("ntp"),
    });
    this.#localAddresses = new LocalAddresses({
      udpPort,
      skipsLocalAddresses: superNode.skipsLocalAddresses,
      additional: superNode.additionalLocalEndpoints,
      families: { ...families, preferred: config.addressFamilies.preferred },
      files: openProcFiles(shim),
      interfaces: () => Deno.networkInterfaces(),
      log,
      onChange: onReportWanted,
    });
    this.#http = superNode.apiUrl === "" ? undefined : new HttpDocumentSource({
      apiUrl: superNode.apiUrl,
      selfNodeId: config.nodeId,
      selfPublicKey: device.publicKey,
      tokenKey: this.#tokenKey,
      log,
      nowMs: () => shim.nowMs(),
      onAnswered: ring,
    });
  }

  /**
   * What the control of the edge needs to know.
   *
   * @param peers Those of the file, which the device has already.
   */
  mode(peers: readonly ConfiguredPeer[]): SuperModeOptions {
    const { config, superNode, families, hasFakeTcp, endpoints, onStop } = this.#options;
    const { dynamicRoute, relays, addressFamilies } = config;
    const transports = hasFakeTcp ? [Transport.UDP, Transport.FAKETCP] : [Transport.UDP];
    const kinds = ([4, 6] as const).filter((family) => families[`ipv${family}`]).flatMap((family) => {
      return transports.map((transport) => pathKindOf(transport, family));
    });
    return {
      wireVersion: config.wireVersion ?? WIRE_VERSION,
      superRows: this.#rows,
      peers,
      parameters: dynamicRoute,
      relays,
      kinds,
      timeoutCheckIntervalMs: dynamicRoute.timeoutCheckIntervalMs,
      skipsLocalAddresses: superNode.skipsLocalAddresses,
      preferredFamily: addressFamilies.preferred,
      tokenKey: this.#tokenKey,
      wallClockOffsetMs: () => this.#clock?.offsetMs ?? 0,
      isClockReady: () => this.#clock?.isReady ?? true,
      localAddresses: () => this.#currentAddresses(),
      http: this.#http,
      onPeerRemoved: (peerRow) => endpoints.remove(peerRow),
      onStop,
    };
  }

  /** Does what is due outside of the control loop: time servers, names. Each goes on in the background. */
  poll(nowMs: number): void {
    void this.#clock?.poll(nowMs);
    void this.#localAddresses.poll(nowMs);
  }

  [Symbol.dispose](): void {
    this.#aborts.abort();
    this.#http?.[Symbol.dispose]();
  }

  #currentAddresses(): LocalEndpoints {
    const { device } = this.#options;
    const reached = this.#rows.flatMap((row) =>
      ([4, 6] as const).map((family) => pathKindOf(Transport.UDP, family))
        .map((kind) => ({ kind, endpoint: device.endpointOf(row, kind) }))
        .filter(({ endpoint }) => endpoint[0] !== 0)
    );
    return this.#localAddresses.current(reached);
  }

  /** Adds the super node as a peer, once for each family in which it has an address. */
  #addSessions(): number[] {
    const { ipv4, ipv6 } = this.#options.superNode;
    return [
      ...(ipv4 === undefined ? [] : [this.#addSession(ipv4, 4)]),
      ...(ipv6 === undefined ? [] : [this.#addSession(ipv6, 6)]),
    ];
  }

  #addSession({ endpoint, fakeTcpEndpoint, publicKey }: SuperSessionConfig, lookupFamily: 4 | 6): number {
    const { device, paths, endpoints, superNode: { presharedKey }, shim } = this.#options;
    const nowMs = shim.nowMs();
    const peer = { nodeId: SUPER_NODE_ID, publicKey, presharedKey, role: PeerState.SUPER };
    const row = device.addPeer(peer, nowMs);
    paths.addPeer(row, SUPER_NODE_ID, nowMs);
    endpoints.add(row, {
      nodeId: SUPER_NODE_ID,
      endpoints: [{ ...endpoint, lookupFamily }],
      fakeTcpEndpoints: fakeTcpEndpoint === undefined ? [] : [{ ...fakeTcpEndpoint, lookupFamily }],
      isStatic: true,
    });
    return row;
  }
}
