/**
 * Which addresses we may learn from what others send.
 *
 * Private addresses are learnt only if the user allows it: otherwise somebody who makes a peer's message reach us from
 * inside our own network could point us at that network's hosts. What the user wrote himself is no such risk: an address
 * that is configured for any peer may be learnt always. Source: `config.md` §5.3.
 *
 * @module
 */

import { endpointAddress, formatIpAddress } from "../base/endpoint.ts";
import { isPrivateAddress } from "../base/private_address.ts";

/** Configured addresses remembered per peer. A name that is resolved again and again brings new ones. */
const CONFIGURED_PER_PEER = 8;

/** Decides which addresses may be learnt. */
export class EndpointPolicy {
  readonly #allowPrivateIp: boolean;
  /** By peer row, in the order in which they were configured. */
  readonly #configured = new Map<number, Set<string>>();

  constructor(allowPrivateIp: boolean) {
    this.#allowPrivateIp = allowPrivateIp;
  }

  /** Remembers an address that the user wrote, or that a name he wrote stands for. */
  configure(peerRow: number, endpoint: Uint32Array): void {
    const addresses = this.#configured.get(peerRow) ?? new Set();
    const address = addressText(endpoint, 0);
    addresses.delete(address);
    addresses.add(address);
    const [oldest] = addresses;
    if (addresses.size > CONFIGURED_PER_PEER) addresses.delete(oldest);
    this.#configured.set(peerRow, addresses);
  }

  /** Forgets the addresses of a peer. */
  forget(peerRow: number): void {
    this.#configured.delete(peerRow);
  }

  /** Tells whether a peer may be sent to at an address that somebody else than the user named. */
  mayLearn(endpoint: Uint32Array): boolean {
    if (this.#allowPrivateIp || !isPrivateAddress(endpointAddress(endpoint, 0))) return true;
    const address = addressText(endpoint, 0);
    return [...this.#configured.values()].some((addresses) => addresses.has(address));
  }
}

/** Returns the remote address of an endpoint record, without its port, as text. */
export function addressText(endpoint: Uint32Array, at: number): string {
  return formatIpAddress(endpointAddress(endpoint, at));
}
