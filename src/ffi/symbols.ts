/**
 * The functions of the C shim, each parameter with its C declaration. The contract of each stands in `ffi/etherguard.h`.
 *
 * @module
 */

/** Value of `EG_ABI_VERSION` that these declarations fit. */
export const SHIM_ABI_VERSION = 4;

/** Words of one frame that `eg_tun_read` reports: offset, length. */
export const FRAME_WORDS = 2;
/** Words of one output frame of `eg_tun_write`: head offset, head length, first piece, count of pieces. */
export const WRITE_FRAME_WORDS = 4;
/** Words of one piece of an output frame: offset, length. */
export const WRITE_PIECE_WORDS = 2;
/** Words of one received message: length, datagram length, truncated, offset, 12 words of endpoint. */
export const RECEIVED_WORDS = 16;
/** Word that holds the offset of a received message in its buffer. */
export const RECEIVED_AT = 3;
/** Words of one error that the network reported: errno, origin, type << 8 | code, info, 12 words of endpoint. */
export const ERROR_WORDS = 16;
/** Word at which the endpoint of an error begins. */
export const ERROR_ENDPOINT = 4;
/** Word at which the endpoint of a received message, or of an error, begins. */
export const RECEIVED_ENDPOINT = 4;
/** Words of one run to send: offset, length, datagram length or 0, endpoint index, result. */
export const RUN_WORDS = 5;
/** Words of one datagram to seal. */
export const SEAL_WORDS = 9;
/** Words of one datagram to open. */
export const OPEN_WORDS = 4;
/** Bit that a verified datagram has in its result word. */
export const OPEN_VERIFIED = 0x10000;

/** `EG_TUN_*` flags. */
export const TunFlag = { TAP: 1, MULTI_QUEUE: 2, VNET_HDR: 4, EXCLUSIVE: 8 } as const;
/** `EG_UDP_*` flags. */
export const UdpFlag = { REUSEPORT: 1, GRO: 2, PKTINFO: 4, ERRORS: 8 } as const;
/** Who reported an error: this host's own stack, or a router or host by ICMP; `SO_EE_ORIGIN_*` of <linux/errqueue.h>. */
export const ErrorOrigin = { LOCAL: 1, ICMP: 2, ICMP6: 3 } as const;
/** Events of poll(2). */
export const PollEvent = { IN: 1, ERR: 8, HUP: 16, NVAL: 32 } as const;

/** The table that `Deno.dlopen` takes. */
export const SYMBOLS = {
  eg_abi_version: { parameters: [], result: "u32" },

  eg_now_ms: { parameters: [], result: "f64" },
  eg_poll: {
    parameters: [
      "buffer", // const int32_t *fds
      "buffer", // uint32_t *revents
      "u32", // uint32_t count
      "i32", // int32_t timeout_ms
      "buffer", // double *now_ms
    ],
    result: "i32",
  },
  eg_poll_out: { parameters: ["i32", "i32"], result: "i32" }, // int32_t fd, int32_t timeout_ms
  eg_eventfd_open: { parameters: [], result: "i32" },
  eg_eventfd_signal: { parameters: ["i32"], result: "i32" }, // int32_t fd
  eg_eventfd_drain: { parameters: ["i32"], result: "i32" }, // int32_t fd
  eg_socketpair: { parameters: ["buffer"], result: "i32" }, // int32_t fds[2]
  eg_close: { parameters: ["i32"], result: "i32" }, // int32_t fd
  eg_unix_notify: { parameters: ["buffer", "buffer"], result: "i32" }, // const char *path, const char *message
  eg_errno_name: { parameters: ["i32", "buffer"], result: "i32" }, // int32_t number, uint8_t name[32]

  eg_tun_open: {
    parameters: [
      "buffer", // const char *name
      "u32", // uint32_t flags
      "buffer", // uint8_t actual[16]
    ],
    result: "i32",
  },
  eg_tun_offload: { parameters: ["i32", "u32"], result: "i32" }, // int32_t fd, uint32_t offloads
  eg_tun_read: {
    parameters: [
      "i32", // int32_t fd
      "buffer", // uint8_t *buffer
      "u32", // uint32_t capacity
      "u32", // uint32_t headroom
      "u32", // uint32_t max
      "buffer", // uint32_t *frames
    ],
    result: "i32",
  },
  eg_tun_write: {
    parameters: [
      "i32", // int32_t fd
      "buffer", // const uint8_t *heads
      "buffer", // const uint8_t *body
      "buffer", // const uint32_t *frames
      "buffer", // const uint32_t *pieces
      "u32", // uint32_t count
      "buffer", // int32_t *results
    ],
    result: "i32",
  },
  eg_link_get: { parameters: ["buffer", "buffer"], result: "i32" }, // const char *name, uint32_t link[3]
  eg_link_set_mtu: { parameters: ["buffer", "u32"], result: "i32" }, // const char *name, uint32_t mtu
  eg_link_set_mac: { parameters: ["buffer", "buffer"], result: "i32" }, // const char *name, const uint8_t mac[6]
  eg_link_set_queue_len: { parameters: ["buffer", "u32"], result: "i32" }, // const char *name, uint32_t frames
  eg_link_set_up: { parameters: ["buffer", "u32"], result: "i32" }, // const char *name, uint32_t up
  eg_link_add_address: {
    parameters: [
      "buffer", // const char *name
      "buffer", // const uint8_t *address
      "u32", // uint32_t length
      "u32", // uint32_t prefix_len
      "buffer", // const uint8_t *peer, null for none
    ],
    result: "i32",
  },
  eg_link_flush_addresses: { parameters: ["buffer"], result: "i32" }, // const char *name

  eg_udp_open: {
    parameters: [
      "buffer", // const struct eg_endpoint *local
      "u32", // uint32_t flags
      "u32", // uint32_t mark
      "u32", // uint32_t buffer_len
    ],
    result: "i32",
  },
  eg_udp_port: { parameters: ["i32"], result: "i32" }, // int32_t fd
  eg_udp_set_mark: { parameters: ["i32", "u32"], result: "i32" }, // int32_t fd, uint32_t mark
  eg_udp_receive: {
    parameters: [
      "i32", // int32_t fd
      "buffer", // uint8_t *buffer
      "u32", // uint32_t slot_len
      "u32", // uint32_t max
      "buffer", // uint32_t *received
    ],
    result: "i32",
  },
  eg_udp_send: {
    parameters: [
      "i32", // int32_t fd
      "buffer", // const uint8_t *buffer
      "buffer", // uint32_t *runs
      "u32", // uint32_t count
      "buffer", // const struct eg_endpoint *endpoints
    ],
    result: "i32",
  },
  eg_udp_errors: { parameters: ["i32", "buffer", "u32"], result: "i32" }, // int32_t fd, uint32_t *records, uint32_t max

  eg_proc_read: { parameters: ["buffer", "buffer", "u32"], result: "i32" }, // const char *name, uint8_t *buffer, uint32_t capacity
  eg_proc_link: { parameters: ["buffer", "buffer", "u32"], result: "i32" }, // const char *name, uint8_t *buffer, uint32_t capacity
  eg_sysctl_write: { parameters: ["buffer", "buffer"], result: "i32" }, // const char *name, const char *value

  eg_conntrack_set_liberal: {
    parameters: [
      "buffer", // const uint8_t *source
      "u32", // uint32_t source_port
      "buffer", // const uint8_t *target
      "u32", // uint32_t target_port
      "u32", // uint32_t length
    ],
    result: "i32",
  },

  eg_sum: { parameters: ["buffer", "u32", "u32"], result: "u32" }, // const uint8_t *buffer, uint32_t at, uint32_t length
  eg_aead_seal: {
    parameters: [
      "buffer", // const uint8_t *keys
      "buffer", // uint8_t *out
      "buffer", // const uint8_t *headers
      "buffer", // const uint8_t *source
      "buffer", // const uint32_t *items
      "u32", // uint32_t count
    ],
    result: "i32",
  },
  eg_aead_open: {
    parameters: [
      "buffer", // const uint8_t *keys
      "buffer", // uint8_t *buffer
      "buffer", // uint32_t *items
      "u32", // uint32_t count
    ],
    result: "i32",
  },
  eg_mac_set: { parameters: ["buffer", "u32", "buffer"], result: "i32" }, // uint64_t *macs, uint32_t row, const uint8_t *key
  eg_mac_clear: { parameters: ["buffer", "u32"], result: "i32" }, // uint64_t *macs, uint32_t row
  eg_mac_verify: {
    parameters: [
      "buffer", // const uint64_t *macs
      "u32", // uint32_t row
      "buffer", // const uint8_t *buffer
      "u32", // uint32_t at
      "u32", // uint32_t length
      "u32", // uint32_t mac_at
    ],
    result: "i32",
  },
  eg_x25519: { parameters: ["buffer", "buffer", "buffer"], result: "i32" }, // uint8_t *shared, const uint8_t *private_key, const uint8_t *public_key
} as const satisfies Deno.ForeignLibraryInterface;
