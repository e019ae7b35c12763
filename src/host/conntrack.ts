/**
 * Keeps the kernel's connection tracking, which translates the addresses of FakeTCP connections, from being deceived.
 *
 * A tracked connection has windows of sequence numbers, and what falls outside is "invalid": not translated, so it never
 * reaches the stack. Forged segments move them. `tcp_in_window` (net/netfilter/nf_conntrack_proto_tcp.c) takes one that
 * lies up to a window beyond the receiver's for an overrun and believes its number, whatever its flags. The receiver's own
 * segments, which acknowledge less, are then too old to be taken notice of, and the answers to them acknowledge what was
 * never seen: invalid. Measured on Linux 6.18: a single segment 15 MB ahead, or some thousand with random numbers, and the
 * connection is dead.
 *
 * The stack and the messages inside protect themselves, so tracking need not: it is told to be liberal with our
 * connections. Then 100,000 forged segments a second do no harm. A FIN or RST still makes it take the connection for
 * closed, but that costs no packet, only the entry when nothing passes for 10 s, and the next packet makes a new one.
 * With connections that it picks up in the middle it is liberal by itself.
 *
 * The kernel parameter `nf_conntrack_tcp_be_liberal` would do the same for everybody's connections on this machine.
 *
 * @module
 */

import type { Shim } from "../ffi/shim.ts";

/** One end of a connection. */
export interface ConnectionEnd {
  /** 4 or 16 octets. */
  readonly address: Uint8Array;
  readonly port: number;
}

/**
 * Makes connection tracking liberal with an established connection of the stack. To be called once, when it opens.
 *
 * @param stack The stack's end, with its own address.
 * @returns 0, or the errno with which the kernel refused: ENOENT if it doesn't track the connection, EINVAL or EOPNOTSUPP
 * if it can't be asked. The connection works all the same, only less protected.
 */
export function trackLiberally(stack: ConnectionEnd, remote: ConnectionEnd, shim: Shim): number {
  const [source, target] = [Uint8Array.from(stack.address), Uint8Array.from(remote.address)];
  const result = shim.symbols.eg_conntrack_set_liberal(source, stack.port, target, remote.port, source.length);
  return Math.abs(result);
}
