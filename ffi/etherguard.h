/*
 * etherguard.h: the C side of etherguard. System calls, ioctls, batches and calls into libcrypto; it decides nothing.
 *
 * Rules for every function here:
 * - buffers belong to the caller, and no pointer is kept after return (but for the contexts that aead.c makes);
 * - lengths and offsets are 32-bit octet counts unless the comment says words;
 * - a negative result is -errno; nothing is thrown, printed or retried but EINTR;
 * - descriptors are close-on-exec and non-blocking;
 * - there is no global state.
 */
#ifndef ETHERGUARD_H
#define ETHERGUARD_H

#include <stdint.h>

/* Grows with each change of a signature or layout in this file; the caller refuses any other value. */
#define EG_ABI_VERSION 4

#define EG_EXPORT __attribute__((visibility("default")))

EG_EXPORT uint32_t eg_abi_version(void);

/* ---- poll.c ---------------------------------------------------------------------------------------------------- */

/* Milliseconds of CLOCK_BOOTTIME: never steps back, and goes on while the machine is suspended. */
EG_EXPORT double eg_now_ms(void);

/* Waits until one of `count` (at most 16) descriptors is readable or broken, or `timeout_ms` has passed (-1: no limit).
 * `revents[i]` receives the poll(2) events of `fds[i]`; a negative descriptor is skipped. `now_ms` receives the time at
 * which the wait ended, as eg_now_ms tells it. Returns how many are ready. */
EG_EXPORT int32_t eg_poll(const int32_t *fds, uint32_t *revents, uint32_t count, int32_t timeout_ms, double *now_ms);

/* Waits until `fd` takes output again, `timeout_ms` at most. Returns 1, or 0 on time-out. */
EG_EXPORT int32_t eg_poll_out(int32_t fd, int32_t timeout_ms);

EG_EXPORT int32_t eg_eventfd_open(void);
EG_EXPORT int32_t eg_eventfd_signal(int32_t fd);
EG_EXPORT int32_t eg_eventfd_drain(int32_t fd);
/* Makes two joined sockets that keep the bounds of what is written: fds[0] and fds[1]. */
EG_EXPORT int32_t eg_socketpair(int32_t *fds);
EG_EXPORT int32_t eg_close(int32_t fd);

/* Sends one datagram to a Unix socket; a name that begins with '@' is abstract (sd_notify(3)). */
EG_EXPORT int32_t eg_unix_notify(const char *path, const char *message);

/* Writes the name ("EPERM") of a positive error number, NUL-terminated, into 32 octets at `name`. */
EG_EXPORT int32_t eg_errno_name(int32_t number, uint8_t *name);

/* ---- tuntap.c -------------------------------------------------------------------------------------------------- */

#define EG_TUN_TAP 1u         /* Ethernet frames; without it IP packets */
#define EG_TUN_MULTI_QUEUE 2u /* every further open of the same name adds a queue */
#define EG_TUN_VNET_HDR 4u    /* a 10-octet virtio_net_hdr stands before each frame */
#define EG_TUN_EXCLUSIVE 8u   /* -EBUSY if an interface of this name exists */

/* Opens one queue. `name`: NUL-terminated; empty or a pattern ("tap%d") lets the kernel choose. `actual` receives the
 * name in use, 16 octets. Returns the descriptor. */
EG_EXPORT int32_t eg_tun_open(const char *name, uint32_t flags, uint8_t *actual);

/* TUNSETOFFLOAD with the TUN_F_* bits of <linux/if_tun.h>: what the kernel may hand to us unfinished. */
EG_EXPORT int32_t eg_tun_offload(int32_t fd, uint32_t offloads);

/* Words of one frame that eg_tun_read reports. */
#define EG_FRAME_WORDS 2u /* 0: offset of the frame, behind its virtio header; 1: length of the frame */

/* Reads up to `max` frames, densely: each begins at a multiple of 16 octets with `headroom` octets free in front of its
 * virtio header and 32 free behind the frame. Stops when less than 65,600 octets are left, or nothing is to be read.
 * Returns the number of frames; -errno only if none was read (-EAGAIN: nothing there). */
EG_EXPORT int32_t eg_tun_read(int32_t fd, uint8_t *buffer, uint32_t capacity, uint32_t headroom, uint32_t max,
                              uint32_t *frames);

/* Words of one output frame. */
#define EG_WRITE_FRAME_WORDS 4u
/* 0: offset in `heads` of virtio header and headers; 1: their length; 2: first piece; 3: count of pieces (max 64) */
#define EG_WRITE_PIECE_WORDS 2u /* 0: offset in `body`; 1: length */

/* Writes `count` frames, each gathered from its head and its pieces. `results[i]`: octets written or -errno.
 * Returns how many were written. */
EG_EXPORT int32_t eg_tun_write(int32_t fd, const uint8_t *heads, const uint8_t *body, const uint32_t *frames,
                               const uint32_t *pieces, uint32_t count, int32_t *results);

/* Interface attributes by name. `link[0..2]`: index, flags (IFF_*), MTU. */
EG_EXPORT int32_t eg_link_get(const char *name, uint32_t *link);
EG_EXPORT int32_t eg_link_set_mtu(const char *name, uint32_t mtu);
EG_EXPORT int32_t eg_link_set_mac(const char *name, const uint8_t *mac);
EG_EXPORT int32_t eg_link_set_queue_len(const char *name, uint32_t frames);
/* Adds IFF_UP to the flags, or takes it away; the others stay. */
EG_EXPORT int32_t eg_link_set_up(const char *name, uint32_t up);
/* Adds an address of `length` (4 or 16) octets; `peer` of the same length makes it point-to-point, else null. IPv6
 * addresses are usable at once (no duplicate address detection). */
EG_EXPORT int32_t eg_link_add_address(const char *name, const uint8_t *address, uint32_t length, uint32_t prefix_len,
                                      const uint8_t *peer);
/* Removes all addresses of both families. */
EG_EXPORT int32_t eg_link_flush_addresses(const char *name);

/* ---- udp.c ----------------------------------------------------------------------------------------------------- */

/* A transport address: 12 words, see src/base/endpoint.ts. */
struct eg_endpoint {
  uint32_t family; /* 0 none, 4, 6 */
  uint32_t port;   /* host byte order */
  uint32_t address[4];
  uint32_t scope;
  uint32_t local[4];
  uint32_t interface;
};

#define EG_UDP_REUSEPORT 1u
#define EG_UDP_GRO 2u     /* deliver runs of equal datagrams as one; -ENOPROTOOPT if the kernel can't */
#define EG_UDP_PKTINFO 4u /* report, and use, local addresses */
#define EG_UDP_ERRORS 8u  /* keep ICMP errors for eg_udp_errors; until they are read poll(2) reports POLLERR */

/* Opens a socket bound to `local` (family 4 or 6; IPv6 sockets are IPv6 only). `mark`: SO_MARK, 0 for none.
 * `buffer_len`: wish for both socket buffers. Returns the descriptor. */
EG_EXPORT int32_t eg_udp_open(const struct eg_endpoint *local, uint32_t flags, uint32_t mark, uint32_t buffer_len);
/* Port that the socket is bound to. */
EG_EXPORT int32_t eg_udp_port(int32_t fd);
EG_EXPORT int32_t eg_udp_set_mark(int32_t fd, uint32_t mark);

/* Words of one received message: 0 length; 1 length of each datagram in it (the last may be shorter); 2 not 0: was cut
 * off; 3 its offset in the buffer, i * slot_len for message i; 4-15 source endpoint, local part as received on. */
#define EG_RECEIVED_WORDS 16u
/* Receives up to `max` (at most 64) messages. Returns the count; -EAGAIN if there is none. An ICMP error that waits is
 * cleared and hides no message. */
EG_EXPORT int32_t eg_udp_receive(int32_t fd, uint8_t *buffer, uint32_t slot_len, uint32_t max, uint32_t *received);

/* Words of one run to send: 0 offset; 1 length; 2 length of each datagram in it, 0 for a single one; 3 index of the
 * endpoint record; 4 result: 0 or errno. */
#define EG_RUN_WORDS 5u
/* Sends `count` runs in order. One that fails has its result set and doesn't keep the others back; after EAGAIN the
 * rest is left with result EAGAIN. An ICMP error that waits, whose datagram may have gone to anybody, is cleared and the
 * run tried again: no run bears the error of another. Returns how many were sent. */
EG_EXPORT int32_t eg_udp_send(int32_t fd, const uint8_t *buffer, uint32_t *runs, uint32_t count,
                              const struct eg_endpoint *endpoints);

/* Words of one error that the network reported: 0 errno; 1 origin (SO_EE_ORIGIN_*); 2 ICMP type << 8 | code; 3 what the
 * message tells, the MTU for EMSGSIZE; 4-15 the endpoint that the datagram was sent to, local part zero. */
#define EG_ERROR_WORDS 16u
/* Takes up to `max` (at most 64) errors from the queue of a socket that was opened with EG_UDP_ERRORS. Returns the
 * count, 0 if there is none. */
EG_EXPORT int32_t eg_udp_errors(int32_t fd, uint32_t *records, uint32_t max);

/* ---- proc.c ---------------------------------------------------------------------------------------------------- */

/* Reads the file `name` below /proc, such as "net/route". Returns the length; `capacity`: there may be more. */
EG_EXPORT int32_t eg_proc_read(const char *name, uint8_t *buffer, uint32_t capacity);
/* Reads where the symbolic link `name` below /proc points to, such as "self/ns/net". Returns the length. */
EG_EXPORT int32_t eg_proc_link(const char *name, uint8_t *buffer, uint32_t capacity);
/* Writes `value` into the file `name` below /proc/sys, such as "net/ipv4/ip_forward". */
EG_EXPORT int32_t eg_sysctl_write(const char *name, const char *value);

/* ---- conntrack.c ----------------------------------------------------------------------------------------------- */

/* Lets the segments of one tracked TCP connection pass whatever their sequence numbers, from now on; it is named by the
 * ends of its packets in either direction, addresses of `length` (4 or 16) octets, ports in host byte order. -ENOENT if
 * no such connection is tracked. */
EG_EXPORT int32_t eg_conntrack_set_liberal(const uint8_t *source, uint32_t source_port, const uint8_t *target,
                                           uint32_t target_port, uint32_t length);

/* ---- checksum.c ------------------------------------------------------------------------------------------------ */

/* RFC 1071 sum, 0 to 0xffff, not complemented, of `length` octets at `at` as big-endian words; an odd last octet counts
 * as high. */
EG_EXPORT uint32_t eg_sum(const uint8_t *buffer, uint32_t at, uint32_t length);

/* ---- aead.c ---------------------------------------------------------------------------------------------------- */

/* ChaCha20-Poly1305, RFC 8439. `keys` is the caller's table, 32 octets a row. */

/* Words of one datagram to seal: 0 key row; 1 offset of the datagram in `out`; 2 length of the content, padding and
 * inner header included; 3, 4 offset in `headers` and length of a rewritten frame header; 5, 6 offset in `source` and
 * length of the rest of the frame; 7 where the checksum's coverage begins in the frame, 0 for none to complete;
 * 8 where the checksum stands, relative to that. */
#define EG_SEAL_WORDS 9u
/* For each: gathers the frame behind the 14 + 4 octets of headers that the caller has written, zeroes the padding,
 * completes the checksum as a network card would, and seals with the counter in octets 6-13 as nonce; the tag goes behind the content. */
EG_EXPORT int32_t eg_aead_seal(const uint8_t *keys, uint8_t *out, const uint8_t *headers, const uint8_t *source,
                               const uint32_t *items, uint32_t count);

/* Words of one datagram to open in place: 0 key row; 1 offset; 2 length; 3 result: 0 if the tag doesn't verify, else
 * 0x10000 | the RFC 1071 sum, not complemented, of the content behind its 4-octet inner header. */
#define EG_OPEN_WORDS 4u
EG_EXPORT int32_t eg_aead_open(const uint8_t *keys, uint8_t *buffer, uint32_t *items, uint32_t count);

/* Keyed BLAKE2s with 16 octets of output, RFC 7693: `macs[row]` becomes a context for the 32-octet key. */
EG_EXPORT int32_t eg_mac_set(uint64_t *macs, uint32_t row, const uint8_t *key);
EG_EXPORT int32_t eg_mac_clear(uint64_t *macs, uint32_t row);
/* Returns 1 if the 16 octets at mac_at authenticate the `length` octets at `at`, compared in constant time, else 0. */
EG_EXPORT int32_t eg_mac_verify(const uint64_t *macs, uint32_t row, const uint8_t *buffer, uint32_t at, uint32_t length,
                                uint32_t mac_at);

/* X25519, RFC 7748 §5. -EINVAL if the result is all zero. */
EG_EXPORT int32_t eg_x25519(uint8_t *shared, const uint8_t *private_key, const uint8_t *public_key);

#endif
