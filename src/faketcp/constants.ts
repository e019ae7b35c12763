/**
 * Limits and times of the FakeTCP stack.
 *
 * @module
 */

/** Ports that connections are dialled from: outside of the usual range of ephemeral ports (`ip(7)`, ip_local_port_range). */
export const DIAL_PORTS: readonly [number, number] = [61000, 65535];

/** Half-open connections that are remembered; beyond this number SYNs are answered with cookies. */
export const HALF_OPEN_MAX = 256;

/** Of the rows, how many quarters connections may take that others opened: some are left for our own. */
export const ACCEPTED_QUARTERS = 3;

/** Resets to unknown connections, per second. Linux limits them as well (`net.ipv4.icmp_ratelimit` is its kin). */
export const RESETS_PER_SECOND = 100;

/** How long a closed connection still answers: twice the segment lifetime, as Linux (`TCP_TIMEWAIT_LEN`). */
export const TIME_WAIT_MS = 60_000;

/** How long the peer may take for its FIN once it acknowledged ours; as Linux (`net.ipv4.tcp_fin_timeout`). */
export const FIN_WAIT_2_MS = 60_000;

/** Least time between two challenge ACKs of one connection; as Linux (`net.ipv4.tcp_invalid_ratelimit`). */
export const CHALLENGE_INTERVAL_MS = 500;

/** Least time between two reports that a connection is doubted for the same cause. */
export const DOUBT_INTERVAL_MS = 1000;

/** How often open connections are looked at. */
export const LOOK_INTERVAL_MS = 250;

/** Nothing acknowledged for so long, with much outstanding, means that segments were lost. */
export const STALL_MS = 1000;

/** Least MSS: what every host must be able to receive over IPv4 (RFC 9293 §3.7.1). Smaller ones are not believed. */
export const MSS_MIN = 536;

/** Least MTU of a link that carries IPv6 (RFC 8200 §5). */
export const IPV6_MTU_MIN = 1280;

/** How far below `sndUna` the sequence number of a segment quoted by an ICMP error may lie: one super-segment. */
export const ICMP_SLACK = 0xffff;

/** A window without scaling, octets. */
export const WINDOW_UNSCALED_MAX = 0xffff;

/** Hops between the stack and the network: the host itself, which forwards. */
export const HOST_HOPS = 1;
