/* test_tuntap.c: TAP queues in a fresh network namespace: opening, offloads, frames in and out. */
#define _GNU_SOURCE
#include "test_shim.h"

#include "etherguard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAP_FLAGS (EG_TUN_TAP | EG_TUN_MULTI_QUEUE | EG_TUN_VNET_HDR)
#define VNET_HDR_LEN 10u
#define FRAME_ROOM 65600u
#define HEADROOM 22u
/* Local experimental EtherType (IEEE 802): tells our frames from those that the kernel sends by itself. */
#define TEST_ETHERTYPE 0x88b5

static uint8_t buffer[8 * FRAME_ROOM];

/* Opens a queue of `name` that is up. */
static int32_t open_tap(const char *name, uint32_t flags) {
  uint8_t actual[16];
  int32_t fd = eg_tun_open(name, flags, actual);
  CHECK(fd >= 0);
  CHECK_EQUAL(eg_link_set_up(name, 1), 0);
  return fd;
}

/* Opens a packet socket on an interface: what it sends the kernel sends, what it gets the kernel received. */
static int open_packet_socket(const char *name) {
  uint32_t link[3] = {0};
  CHECK_EQUAL(eg_link_get(name, link), 0);
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(TEST_ETHERTYPE));
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(TEST_ETHERTYPE), .sll_ifindex = (int)link[0]};
  CHECK_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static void fill_frame(uint8_t *frame, uint32_t length, uint32_t seed) {
  static const uint8_t header[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb5};
  fill_pattern(frame, length, seed);
  memcpy(frame, header, sizeof header);
}

static int is_ours(const uint8_t *frame) { return frame[12] == 0x88 && frame[13] == 0xb5; }

static void open_names_the_interface(void) {
  uint8_t name[16] = {0}, again[16] = {0};
  int32_t first = eg_tun_open("egtap%d", TAP_FLAGS, name);
  CHECK(first >= 0);
  CHECK(strcmp((char *)name, "egtap0") == 0);
  CHECK(fcntl(first, F_GETFL) & O_NONBLOCK);
  CHECK(fcntl(first, F_GETFD) & FD_CLOEXEC);
  int32_t second = eg_tun_open("egtap0", TAP_FLAGS, again);
  CHECK(second >= 0);
  CHECK(strcmp((char *)again, "egtap0") == 0);
  CHECK_EQUAL(eg_tun_open("egtap0", EG_TUN_TAP | EG_TUN_VNET_HDR, again), -EINVAL);
  eg_close(first);
  eg_close(second);
  uint32_t link[3];
  CHECK_EQUAL(eg_link_get("egtap0", link), -ENODEV);

  int32_t nameless = eg_tun_open("", EG_TUN_VNET_HDR, name);
  CHECK(nameless >= 0);
  CHECK(strncmp((char *)name, "tun", 3) == 0);
  eg_close(nameless);
}

static void open_refuses_what_cannot_be(void) {
  uint8_t name[16];
  int32_t alone = eg_tun_open("egalone", EG_TUN_TAP, name);
  CHECK(alone >= 0);
  CHECK_EQUAL(eg_tun_open("egalone", EG_TUN_TAP, name), -EBUSY);
  eg_close(alone);
  CHECK_EQUAL(eg_tun_open("a234567890123456", TAP_FLAGS, name), -ENAMETOOLONG);
  CHECK_EQUAL(eg_tun_open("lo", TAP_FLAGS, name), -EINVAL);
  int32_t first = eg_tun_open("egfirst", TAP_FLAGS | EG_TUN_EXCLUSIVE, name);
  CHECK(first >= 0);
  CHECK_EQUAL(eg_tun_open("egfirst", TAP_FLAGS | EG_TUN_EXCLUSIVE, name), -EBUSY);
  int32_t second = eg_tun_open("egfirst", TAP_FLAGS, name);
  CHECK(second >= 0);
  eg_close(first);
  eg_close(second);
  int32_t longest = eg_tun_open("a23456789012345", TAP_FLAGS, name);
  CHECK(longest >= 0);
  CHECK(strcmp((char *)name, "a23456789012345") == 0);
  eg_close(longest);
}

static void offload_takes_what_the_kernel_knows(void) {
  int32_t fd = open_tap("egoff", TAP_FLAGS);
  CHECK_EQUAL(eg_tun_offload(fd, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN), 0);
  CHECK_EQUAL(eg_tun_offload(fd, 0), 0);
  CHECK_EQUAL(eg_tun_offload(fd, 0x40000000), -EINVAL);
  eg_close(fd);
  CHECK_EQUAL(eg_tun_offload(fd, 0), -EBADF);
}

/* Sends `count` frames of growing length out of the interface. */
static void send_frames(int packet_socket, uint32_t count) {
  uint8_t frame[1514];
  for (uint32_t i = 0; i < count; i++) {
    fill_frame(frame, 60 + i * 23, i);
    CHECK_EQUAL(send(packet_socket, frame, 60 + i * 23, 0), 60 + i * 23);
  }
}

/* Checks the frames of one read for their places, and ours for what is in them. Returns how many are ours. */
static uint32_t check_burst(const uint32_t *frames, int32_t count, uint32_t capacity, uint32_t next) {
  uint8_t expected[1514];
  uint32_t free_from = 0, ours = 0;
  for (int32_t i = 0; i < count; i++) {
    uint32_t at = frames[i * 2], length = frames[i * 2 + 1];
    CHECK_EQUAL((at - VNET_HDR_LEN - HEADROOM) % 16, 0);
    CHECK(at - VNET_HDR_LEN - HEADROOM >= free_from);
    CHECK(at - VNET_HDR_LEN - HEADROOM < free_from + 16);
    free_from = at + length + 32;
    CHECK(free_from <= capacity);
    if (!is_ours(buffer + at)) continue;
    uint32_t number = next + ours++;
    CHECK_EQUAL(length, 60 + number * 23);
    fill_frame(expected, length, number);
    CHECK_OCTETS(buffer + at, expected, length);
  }
  return ours;
}

/* Reads until `count` frames of ours came, at most `max` a call; returns how many calls found some. */
static uint32_t read_frames(int32_t fd, uint32_t capacity, uint32_t max, uint32_t count) {
  uint32_t calls = 0, got = 0, frames[64 * EG_FRAME_WORDS];
  while (got < count && wait_readable(fd)) {
    memset(buffer, 0xee, sizeof buffer);
    int32_t read = eg_tun_read(fd, buffer, capacity, HEADROOM, max, frames);
    CHECK(read > 0 && read <= (int32_t)max);
    uint32_t ours = check_burst(frames, read, capacity, got);
    got += ours;
    calls += ours > 0;
  }
  CHECK_EQUAL(got, count);
  return calls;
}

static void read_packs_frames_densely(void) {
  int32_t fd = open_tap("egread", EG_TUN_TAP | EG_TUN_VNET_HDR);
  int packet_socket = open_packet_socket("egread");
  send_frames(packet_socket, 40);
  CHECK(read_frames(fd, sizeof buffer, 64, 40) <= 2);
  uint32_t frames[2];
  while (eg_tun_read(fd, buffer, sizeof buffer, HEADROOM, 1, frames) > 0) continue;
  CHECK_EQUAL(eg_tun_read(fd, buffer, sizeof buffer, HEADROOM, 1, frames), -EAGAIN);
  close(packet_socket);
  eg_close(fd);
  CHECK_EQUAL(eg_tun_read(fd, buffer, sizeof buffer, HEADROOM, 1, frames), -EBADF);
}

static void read_stops_at_its_limits(void) {
  int32_t fd = open_tap("egread", EG_TUN_TAP | EG_TUN_VNET_HDR);
  int packet_socket = open_packet_socket("egread");
  uint32_t frames[2];
  send_frames(packet_socket, 12);
  CHECK_EQUAL(eg_tun_read(fd, buffer, HEADROOM + FRAME_ROOM - 1, HEADROOM, 1, frames), 0);
  /* Room for one of 64 KiB: as nobody knows what comes next, one is read at a time. */
  CHECK_EQUAL(read_frames(fd, HEADROOM + FRAME_ROOM, 64, 12), 12);
  send_frames(packet_socket, 12);
  CHECK(read_frames(fd, sizeof buffer, 5, 12) >= 3);
  close(packet_socket);
  eg_close(fd);
}

static void read_spreads_over_queues(void) {
  int32_t fds[2] = {open_tap("egmulti", TAP_FLAGS), open_tap("egmulti", TAP_FLAGS)};
  int packet_socket = open_packet_socket("egmulti");
  send_frames(packet_socket, 30);
  uint32_t got = 0, frames[64 * EG_FRAME_WORDS];
  /* A frame stands in its queue when send has returned. */
  for (int queue = 0; queue < 2; queue++) {
    int32_t count = eg_tun_read(fds[queue], buffer, sizeof buffer, 0, 64, frames);
    for (int32_t i = 0; i < count; i++) got += is_ours(buffer + frames[i * 2]);
  }
  CHECK_EQUAL(got, 30);
  close(packet_socket);
  eg_close(fds[0]);
  eg_close(fds[1]);
}

/* Waits for one frame of ours that the kernel received on the interface; returns its length. */
static ssize_t receive_frame(int packet_socket, uint8_t *frame, size_t room) {
  wait_readable(packet_socket);
  return recv(packet_socket, frame, room, 0);
}

static void write_gathers_heads_and_pieces(void) {
  int32_t fds[2] = {open_tap("egwrite", TAP_FLAGS), open_tap("egwrite", TAP_FLAGS)};
  int packet_socket = open_packet_socket("egwrite");
  uint8_t heads[100] = {0}, body[200], frame[300], expected[300];
  memset(heads + 60, 0, VNET_HDR_LEN);
  fill_frame(heads + 70, 14, 1);
  fill_frame(body + 3, 100, 2);
  /* A whole frame behind a virtio header; one with rewritten headers and two pieces in any order. */
  uint32_t frames[2 * EG_WRITE_FRAME_WORDS] = {0, 10, 2, 1, 60, 24, 0, 2};
  uint32_t pieces[3 * EG_WRITE_PIECE_WORDS] = {60, 50, 20, 30, 3, 100};
  for (int queue = 0; queue < 2; queue++) {
    int32_t results[2] = {-1, -1};
    CHECK_EQUAL(eg_tun_write(fds[queue], heads, body, frames, pieces, 2, results), 2);
    CHECK_EQUAL(results[0], 110);
    CHECK_EQUAL(results[1], 104);
    CHECK_EQUAL(receive_frame(packet_socket, frame, sizeof frame), 100);
    CHECK_OCTETS(frame, body + 3, 100);
    memcpy(expected, heads + 70, 14);
    memcpy(expected + 14, body + 60, 50);
    memcpy(expected + 64, body + 20, 30);
    CHECK_EQUAL(receive_frame(packet_socket, frame, sizeof frame), 94);
    CHECK_OCTETS(frame, expected, 94);
  }
  close(packet_socket);
  eg_close(fds[0]);
  eg_close(fds[1]);
}

static void write_refuses_bad_frames_singly(void) {
  int32_t fd = open_tap("egwrite", EG_TUN_TAP | EG_TUN_VNET_HDR);
  int packet_socket = open_packet_socket("egwrite");
  uint8_t heads[20] = {0}, body[200], frame[300];
  fill_frame(body, 100, 1);
  struct virtio_net_hdr impossible = {.gso_type = 0x77, .gso_size = 1};
  memcpy(heads + 10, &impossible, VNET_HDR_LEN);
  uint32_t frames[5 * EG_WRITE_FRAME_WORDS] = {0, 10, 0, 1, /* whole */ 0, 10, 0, 65, /* too many pieces */
                                               0, 10, 1, 1, /* shorter than an Ethernet header */
                                               10, 10, 0, 1, /* impossible offload */ 0, 10, 0, 1};
  uint32_t pieces[2 * EG_WRITE_PIECE_WORDS] = {0, 100, 0, 13};
  int32_t results[5];
  CHECK_EQUAL(eg_tun_write(fd, heads, body, frames, pieces, 5, results), 2);
  CHECK_EQUAL(results[0], 110);
  CHECK_EQUAL(results[1], -EINVAL);
  CHECK_EQUAL(results[2], -EINVAL);
  CHECK_EQUAL(results[3], -EINVAL);
  CHECK_EQUAL(results[4], 110);
  CHECK_EQUAL(receive_frame(packet_socket, frame, sizeof frame), 100);
  CHECK_EQUAL(receive_frame(packet_socket, frame, sizeof frame), 100);
  CHECK_EQUAL(eg_link_set_up("egwrite", 0), 0);
  CHECK_EQUAL(eg_tun_write(fd, heads, body, frames, pieces, 1, results), 0);
  CHECK_EQUAL(results[0], -EIO);
  close(packet_socket);
  eg_close(fd);
}

static void write_takes_sixty_four_pieces(void) {
  int32_t fd = open_tap("egwrite", EG_TUN_TAP | EG_TUN_VNET_HDR);
  int packet_socket = open_packet_socket("egwrite");
  uint8_t head[24] = {0}, body[64], frame[300];
  fill_frame(head + 10, 14, 1);
  fill_pattern(body, sizeof body, 7);
  uint32_t frames[EG_WRITE_FRAME_WORDS] = {0, 24, 0, 64}, pieces[64 * EG_WRITE_PIECE_WORDS];
  for (uint32_t i = 0; i < 64; i++) memcpy(pieces + i * 2, (uint32_t[]){63 - i, 1}, 8);
  int32_t result;
  CHECK_EQUAL(eg_tun_write(fd, head, body, frames, pieces, 1, &result), 1);
  CHECK_EQUAL(receive_frame(packet_socket, frame, sizeof frame), 78);
  for (uint32_t i = 0; i < 64; i++) CHECK_EQUAL(frame[14 + i], body[63 - i]);
  close(packet_socket);
  eg_close(fd);
}

const struct test tun_tests[] = {
    {"eg_tun_open() names the interface and adds queues to it", open_names_the_interface},
    {"eg_tun_open() refuses a taken, a long and a foreign name", open_refuses_what_cannot_be},
    {"eg_tun_offload() takes what the kernel knows", offload_takes_what_the_kernel_knows},
    {"eg_tun_read() packs frames densely with room around each", read_packs_frames_densely},
    {"eg_tun_read() stops at its count and before the buffer is full", read_stops_at_its_limits},
    {"eg_tun_read() finds all frames on the queues of one interface", read_spreads_over_queues},
    {"eg_tun_write() gathers frames from heads and pieces", write_gathers_heads_and_pieces},
    {"eg_tun_write() refuses bad frames without keeping others back", write_refuses_bad_frames_singly},
    {"eg_tun_write() takes 64 pieces", write_takes_sixty_four_pieces},
    {NULL, NULL},
};
