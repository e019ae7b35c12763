/* test_udp.c: sockets on the loopback interface of a fresh network namespace. */
#define _GNU_SOURCE
#include "test_shim.h"

#include "etherguard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define SLOT_LEN 65536u
#define BATCH 64u
#define BUFFER_LEN (4u << 20)

/* What the last receive_some got. */
static uint8_t slots[BATCH * SLOT_LEN];
static uint32_t received[BATCH * EG_RECEIVED_WORDS];

static struct eg_endpoint endpoint_of(const char *address, uint32_t port) {
  struct eg_endpoint endpoint = {.family = strchr(address, ':') ? 6 : 4, .port = port};
  CHECK_EQUAL(inet_pton(endpoint.family == 6 ? AF_INET6 : AF_INET, address, endpoint.address), 1);
  return endpoint;
}

static int32_t open_socket(const char *address, uint32_t port, uint32_t flags) {
  struct eg_endpoint local = endpoint_of(address, port);
  return eg_udp_open(&local, flags, 0, BUFFER_LEN);
}

/* Opens a socket on any port and tells in `endpoint` where it is reached. */
static int32_t open_at(const char *address, uint32_t flags, struct eg_endpoint *endpoint) {
  int32_t fd = open_socket(address, 0, flags);
  CHECK(fd >= 0);
  *endpoint = endpoint_of(address, (uint32_t)eg_udp_port(fd));
  return fd;
}

static const struct eg_endpoint *source_of(uint32_t message) {
  return (const struct eg_endpoint *)(received + message * EG_RECEIVED_WORDS + 4);
}

static int32_t receive_some(int32_t fd) {
  wait_readable(fd);
  return eg_udp_receive(fd, slots, SLOT_LEN, BATCH, received);
}

/* Sends `length` octets as one run; returns its result. */
static uint32_t send_run(int32_t fd, const uint8_t *octets, uint32_t length, uint32_t segment,
                         const struct eg_endpoint *to) {
  uint32_t run[EG_RUN_WORDS] = {0, length, segment, 0, 99};
  int32_t sent = eg_udp_send(fd, octets, run, 1, to);
  CHECK_EQUAL(sent, run[4] == 0);
  return run[4];
}

static void open_binds_and_reports_the_port(void) {
  for (int v6 = 0; v6 < 2; v6++) {
    const char *address = v6 ? "::1" : "127.0.0.1";
    int32_t fd = open_socket(address, 0, 0);
    int32_t port = eg_udp_port(fd);
    CHECK(port > 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQUAL(eg_udp_receive(fd, slots, SLOT_LEN, BATCH, received), -EAGAIN);
    CHECK_EQUAL(open_socket(address, (uint32_t)port, 0), -EADDRINUSE);
    CHECK_EQUAL(open_socket(address, (uint32_t)port, EG_UDP_REUSEPORT), -EADDRINUSE);
    eg_close(fd);
  }
  CHECK_EQUAL(open_socket("192.0.2.1", 0, 0), -EADDRNOTAVAIL);
  CHECK_EQUAL(open_socket("2001:db8::1", 0, 0), -EADDRNOTAVAIL);
  CHECK_EQUAL(eg_udp_port(-1), -EBADF);
}

static void open_shares_a_port(void) {
  int32_t first = open_socket("0.0.0.0", 0, EG_UDP_REUSEPORT);
  uint32_t port = (uint32_t)eg_udp_port(first);
  int32_t second = open_socket("0.0.0.0", port, EG_UDP_REUSEPORT);
  int32_t other_family = open_socket("::", port, 0);
  CHECK(second >= 0);
  CHECK(other_family >= 0);
  eg_close(first);
  eg_close(second);
  eg_close(other_family);
}

static uint32_t mark_of(int32_t fd) {
  uint32_t mark = 0;
  socklen_t length = sizeof mark;
  CHECK_EQUAL(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &length), 0);
  return mark;
}

static void open_and_set_mark_mark(void) {
  struct eg_endpoint local = endpoint_of("127.0.0.1", 0);
  int32_t fd = eg_udp_open(&local, 0, 0xca6c, BUFFER_LEN);
  CHECK_EQUAL(mark_of(fd), 0xca6c);
  CHECK_EQUAL(eg_udp_set_mark(fd, 7), 0);
  CHECK_EQUAL(mark_of(fd), 7);
  eg_close(fd);
  CHECK_EQUAL(eg_udp_set_mark(fd, 7), -EBADF);
}

static void a_datagram_arrives_with_its_source(void) {
  uint8_t octets[1400];
  fill_pattern(octets, sizeof octets, 1);
  for (int v6 = 0; v6 < 2; v6++) {
    struct eg_endpoint from, to;
    int32_t sender = open_at(v6 ? "::1" : "127.0.0.1", 0, &from);
    int32_t receiver = open_at(v6 ? "::1" : "127.0.0.1", 0, &to);
    for (uint32_t length = 0; length <= sizeof octets; length += 700) {
      CHECK_EQUAL(send_run(sender, octets, length, 0, &to), 0);
      CHECK_EQUAL(receive_some(receiver), 1);
      CHECK_EQUAL(received[0], length);
      CHECK_EQUAL(received[1], length);
      CHECK_EQUAL(received[2], 0);
      CHECK_EQUAL(received[3], 0);
      CHECK_OCTETS(slots, octets, length);
      CHECK_OCTETS(source_of(0), &from, sizeof from);
    }
    eg_close(sender);
    eg_close(receiver);
  }
}

/* Sends datagrams of 1000 octets and a last one of 300 as one run. */
static void check_run(const char *address, uint32_t flags) {
  static uint8_t octets[4300];
  fill_pattern(octets, sizeof octets, 2);
  struct eg_endpoint from, to;
  int32_t sender = open_at(address, 0, &from), receiver = open_at(address, flags, &to);
  CHECK_EQUAL(send_run(sender, octets, sizeof octets, 1000, &to), 0);
  int32_t messages = receive_some(receiver);
  CHECK_EQUAL(messages, flags & EG_UDP_GRO ? 1 : 5);
  uint32_t at = 0;
  for (int32_t i = 0; i < messages; i++) {
    const uint32_t *words = received + (uint32_t)i * EG_RECEIVED_WORDS;
    CHECK_EQUAL(words[1], i == 4 ? 300 : 1000);
    CHECK_OCTETS(slots + (uint32_t)i * SLOT_LEN, octets + at, words[0]);
    at += words[0];
  }
  CHECK_EQUAL(at, sizeof octets);
  eg_close(sender);
  eg_close(receiver);
}

static void a_run_arrives_as_datagrams(void) {
  check_run("127.0.0.1", 0);
  check_run("::1", 0);
}

static void a_run_arrives_merged_where_asked_for(void) {
  check_run("127.0.0.1", EG_UDP_GRO);
  check_run("::1", EG_UDP_GRO);
}

/* Three addresses of one socket: an answer must leave from the one that was asked. */
static void check_packet_info(const char *any, const char *asked, const char *client) {
  struct eg_endpoint from, to;
  int32_t receiver = open_at(any, EG_UDP_PKTINFO, &to), sender = open_at(client, EG_UDP_PKTINFO, &from);
  struct eg_endpoint target = endpoint_of(asked, to.port);
  CHECK_EQUAL(send_run(sender, (const uint8_t *)"ask", 3, 0, &target), 0);
  CHECK_EQUAL(receive_some(receiver), 1);
  struct eg_endpoint answer_to = *source_of(0);
  CHECK_OCTETS(answer_to.address, from.address, sizeof from.address);
  CHECK_OCTETS(answer_to.local, target.address, sizeof target.address);
  CHECK(answer_to.interface != 0);
  CHECK_EQUAL(send_run(receiver, (const uint8_t *)"answer", 6, 0, &answer_to), 0);
  CHECK_EQUAL(receive_some(sender), 1);
  CHECK_OCTETS(source_of(0)->address, target.address, sizeof target.address);
  /* A run carries both control messages: local address and length of the datagrams. */
  CHECK_EQUAL(send_run(receiver, (const uint8_t *)"answer", 6, 3, &answer_to), 0);
  uint32_t octets = 0;
  while (octets < 6) {
    int32_t messages = receive_some(sender);
    CHECK(messages > 0);
    if (messages <= 0) break;
    for (uint32_t i = 0; i < (uint32_t)messages; i++) {
      CHECK_OCTETS(source_of(i)->address, target.address, sizeof target.address);
      octets += received[i * EG_RECEIVED_WORDS];
    }
  }
  eg_close(sender);
  eg_close(receiver);
}

/* The kernel enters the route of a new IPv6 address a moment after it has acknowledged the address. */
static int wait_for_loopback(const char *address) {
  struct eg_endpoint self;
  int32_t fd = open_at(address, 0, &self);
  int32_t received_messages = -EAGAIN;
  for (double end = eg_now_ms() + DELIVERY_MS; received_messages < 0 && eg_now_ms() < end;) {
    send_run(fd, (const uint8_t *)"?", 1, 0, &self);
    received_messages = eg_udp_receive(fd, slots, SLOT_LEN, BATCH, received);
  }
  eg_close(fd);
  return received_messages > 0;
}

static void answers_leave_from_the_address_asked(void) {
  uint8_t second[16] = {0xfd, [15] = 2}, third[16] = {0xfd, [15] = 3};
  CHECK_EQUAL(eg_link_add_address("lo", second, 16, 128, NULL), 0);
  CHECK_EQUAL(eg_link_add_address("lo", third, 16, 128, NULL), 0);
  CHECK(wait_for_loopback("fd00::2") && wait_for_loopback("fd00::3"));
  check_packet_info("0.0.0.0", "127.0.0.2", "127.0.0.3");
  check_packet_info("::", "fd00::2", "fd00::3");
}

/* Kernels differ in the error; these are the ones that seal.ts answers by letting the system choose an address. */
static int names_a_lost_address(uint32_t error) {
  return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH;
}

static void check_lost_address(const char *any, const char *loopback, const char *lost) {
  struct eg_endpoint from, to;
  int32_t sender = open_at(any, EG_UDP_PKTINFO, &from), receiver = open_at(loopback, 0, &to);
  memcpy(to.local, endpoint_of(lost, 0).address, sizeof to.local);
  to.interface = 1;
  CHECK(names_a_lost_address(send_run(sender, (const uint8_t *)"ask", 3, 0, &to)));
  /* Without an interface the local address doesn't count. */
  to.interface = 0;
  CHECK_EQUAL(send_run(sender, (const uint8_t *)"ask", 3, 0, &to), 0);
  eg_close(sender);
  eg_close(receiver);
}

static void a_local_address_that_is_gone_is_an_error(void) {
  check_lost_address("0.0.0.0", "127.0.0.1", "192.0.2.1");
  check_lost_address("::", "::1", "2001:db8::1");
}

static void a_message_longer_than_its_slot_is_flagged(void) {
  uint8_t octets[1000];
  fill_pattern(octets, sizeof octets, 3);
  struct eg_endpoint from, to;
  int32_t sender = open_at("127.0.0.1", 0, &from), receiver = open_at("127.0.0.1", 0, &to);
  CHECK_EQUAL(send_run(sender, octets, 1000, 0, &to), 0);
  CHECK_EQUAL(send_run(sender, octets, 100, 0, &to), 0);
  uint8_t small[2 * 256];
  wait_readable(receiver);
  CHECK_EQUAL(eg_udp_receive(receiver, small, 256, 2, received), 2);
  CHECK_EQUAL(received[0], 256);
  CHECK(received[2] != 0);
  CHECK_OCTETS(small, octets, 256);
  CHECK_EQUAL(received[EG_RECEIVED_WORDS], 100);
  CHECK_EQUAL(received[EG_RECEIVED_WORDS + 2], 0);
  CHECK_OCTETS(small + 256, octets, 100);
  eg_close(sender);
  eg_close(receiver);
}

static void receive_takes_no_more_than_asked(void) {
  struct eg_endpoint from, to;
  int32_t sender = open_at("127.0.0.1", 0, &from), receiver = open_at("127.0.0.1", 0, &to);
  static uint32_t runs[130 * EG_RUN_WORDS];
  uint8_t octets[130];
  fill_pattern(octets, sizeof octets, 4);
  for (uint32_t i = 0; i < 130; i++) memcpy(runs + i * EG_RUN_WORDS, (uint32_t[]){i, 1, 0, 0, 99}, EG_RUN_WORDS * 4);
  CHECK_EQUAL(eg_udp_send(sender, octets, runs, 130, &to), 130);
  for (uint32_t i = 0; i < 130; i++) CHECK_EQUAL(runs[i * EG_RUN_WORDS + 4], 0);
  CHECK_EQUAL(eg_udp_receive(receiver, slots, SLOT_LEN, 3, received), 3);
  CHECK_EQUAL(slots[2 * SLOT_LEN], octets[2]);
  for (uint32_t i = 0; i < 3; i++) CHECK_EQUAL(received[i * EG_RECEIVED_WORDS + 3], i * SLOT_LEN);
  /* More than the greatest batch is cut to it. */
  CHECK_EQUAL(eg_udp_receive(receiver, slots, SLOT_LEN, 1000, received), BATCH);
  for (uint32_t i = 0; i < BATCH; i++) CHECK_EQUAL(received[i * EG_RECEIVED_WORDS + 3], i * SLOT_LEN);
  CHECK_EQUAL(receive_some(receiver), 63);
  CHECK_EQUAL(slots[62 * SLOT_LEN], octets[129]);
  CHECK_EQUAL(eg_udp_receive(receiver, slots, SLOT_LEN, BATCH, received), -EAGAIN);
  eg_close(sender);
  eg_close(receiver);
}

static void a_bad_run_keeps_no_other_back(void) {
  struct eg_endpoint from, targets[3];
  int32_t sender = open_at("127.0.0.1", 0, &from), receiver = open_at("127.0.0.1", 0, &targets[0]);
  targets[1] = endpoint_of("::1", 9);
  targets[2] = (struct eg_endpoint){0};
  static uint8_t octets[70000];
  uint32_t runs[7 * EG_RUN_WORDS] = {
      0, 9, 0, 1, 99, /* another family */
      0, 1, 0, 0, 99, 0, 2, 0, 0, 99, 0, 9, 0, 1, 99,
      0, 70000, 0, 0, 99, /* too long for any datagram */
      0, 3, 0, 0, 99, 0, 9, 0, 2, 99, /* no endpoint */
  };
  CHECK_EQUAL(eg_udp_send(sender, octets, runs, 7, targets), 3);
  static const int is_sent[7] = {0, 1, 1, 0, 0, 1, 0};
  for (uint32_t i = 0; i < 7; i++) CHECK_EQUAL(runs[i * EG_RUN_WORDS + 4] == 0, is_sent[i]);
  CHECK_EQUAL(runs[4 * EG_RUN_WORDS + 4], EMSGSIZE);
  CHECK_EQUAL(receive_some(receiver), 3);
  for (uint32_t i = 0; i < 3; i++) CHECK_EQUAL(received[i * EG_RECEIVED_WORDS], i + 1);
  eg_close(sender);
  CHECK_EQUAL(send_run(sender, octets, 1, 0, targets), EBADF);
  CHECK_EQUAL(eg_udp_receive(sender, slots, SLOT_LEN, BATCH, received), -EBADF);
  eg_close(receiver);
}

/* A neighbour that never answers holds datagrams back, and with them the room of the socket's buffer. */
static void a_full_buffer_ends_a_batch_with_eagain(void) {
  uint8_t name[16], address[4] = {10, 99, 0, 1};
  int32_t tap = eg_tun_open("egfull", EG_TUN_TAP | EG_TUN_VNET_HDR, name);
  if (tap < 0) return CHECK_EQUAL(tap, 0);
  CHECK_EQUAL(eg_link_set_up("egfull", 1), 0);
  CHECK_EQUAL(eg_link_add_address("egfull", address, 4, 24, NULL), 0);

  struct eg_endpoint local = endpoint_of("10.99.0.1", 0), silent = endpoint_of("10.99.0.2", 9);
  int32_t fd = eg_udp_open(&local, 0, 0, 8192);
  static uint8_t octets[1400];
  uint32_t runs[100 * EG_RUN_WORDS];
  for (uint32_t i = 0; i < 100; i++) memcpy(runs + i * EG_RUN_WORDS, (uint32_t[]){0, 1400, 0, 0, 99}, EG_RUN_WORDS * 4);
  CHECK_EQUAL(eg_poll_out(fd, 0), 1);
  int32_t sent = eg_udp_send(fd, octets, runs, 100, &silent);
  CHECK(sent > 0 && sent < 100);
  for (int32_t i = 0; i < 100; i++) CHECK_EQUAL(runs[(uint32_t)i * EG_RUN_WORDS + 4], i < sent ? 0 : EAGAIN);
  CHECK_EQUAL(eg_poll_out(fd, 1), 0);
  eg_close(fd);
  eg_close(tap);
}

/* What the last eg_udp_errors reported. */
static uint32_t errors[BATCH * EG_ERROR_WORDS];

/* Waits until the socket reports an error, and takes what it reports. */
static int32_t read_errors(int32_t fd, uint32_t max) {
  for (double end = eg_now_ms() + DELIVERY_MS; eg_now_ms() < end;) {
    int32_t count = eg_udp_errors(fd, errors, max);
    if (count != 0) return count;
  }
  return 0;
}

/* Returns where nobody listens: the port of a socket that was closed. */
static struct eg_endpoint closed_endpoint(const char *address) {
  struct eg_endpoint endpoint;
  eg_close(open_at(address, 0, &endpoint));
  return endpoint;
}

static void a_refused_datagram_is_reported(void) {
  for (int v6 = 0; v6 < 2; v6++) {
    const char *address = v6 ? "::1" : "127.0.0.1";
    struct eg_endpoint from, closed = closed_endpoint(address);
    int32_t fd = open_at(address, EG_UDP_ERRORS | EG_UDP_PKTINFO, &from);
    CHECK_EQUAL(eg_udp_errors(fd, errors, BATCH), 0);
    CHECK_EQUAL(send_run(fd, (const uint8_t *)"ask", 3, 0, &closed), 0);
    wait_readable(fd);
    CHECK_EQUAL(read_errors(fd, BATCH), 1);
    CHECK_EQUAL(errors[0], ECONNREFUSED);
    CHECK_EQUAL(errors[1], v6 ? 3 : 2);
    CHECK_EQUAL(errors[2], v6 ? 1 << 8 | 4 : 3 << 8 | 3);
    CHECK_EQUAL(errors[3], 0);
    CHECK_OCTETS(errors + 4, &closed, sizeof closed);
    CHECK_EQUAL(eg_udp_errors(fd, errors, BATCH), 0);
    eg_close(fd);
  }
  CHECK_EQUAL(eg_udp_errors(-1, errors, BATCH), -EBADF);
}

static void errors_are_reported_as_many_as_fit(void) {
  struct eg_endpoint from, closed = closed_endpoint("127.0.0.1");
  int32_t fd = open_at("127.0.0.1", EG_UDP_ERRORS, &from);
  for (int i = 0; i < 5; i++) CHECK_EQUAL(send_run(fd, (const uint8_t *)"ask", 3, 0, &closed), 0);
  CHECK_EQUAL(read_errors(fd, 2), 2);
  CHECK_EQUAL(read_errors(fd, 2), 2);
  CHECK_EQUAL(read_errors(fd, 2), 1);
  CHECK_EQUAL(eg_udp_errors(fd, errors, 2), 0);
  eg_close(fd);
}

static void an_error_that_waits_spoils_no_other_run(void) {
  for (int v6 = 0; v6 < 2; v6++) {
    const char *address = v6 ? "::1" : "127.0.0.1";
    struct eg_endpoint from, targets[2];
    targets[1] = closed_endpoint(address);
    int32_t fd = open_at(address, EG_UDP_ERRORS, &from), receiver = open_at(address, 0, &targets[0]);
    uint8_t octets[9] = "datagrams";
    /* Each datagram to the closed port leaves an error behind before the next is sent. */
    uint32_t runs[6 * EG_RUN_WORDS];
    for (uint32_t i = 0; i < 6; i++)
      memcpy(runs + i * EG_RUN_WORDS, (uint32_t[]){0, i + 1, 0, i & 1, 99}, EG_RUN_WORDS * 4);
    CHECK_EQUAL(eg_udp_send(fd, octets, runs, 6, targets), 6);
    for (uint32_t i = 0; i < 6; i++) CHECK_EQUAL(runs[i * EG_RUN_WORDS + 4], 0);
    CHECK_EQUAL(receive_some(receiver), 3);
    /* Nor does it hide a message that waits. */
    CHECK_EQUAL(send_run(receiver, octets, 4, 0, &from), 0);
    CHECK_EQUAL(receive_some(fd), 1);
    CHECK_EQUAL(received[0], 4);
    CHECK_EQUAL(eg_udp_receive(fd, slots, SLOT_LEN, BATCH, received), -EAGAIN);
    CHECK_EQUAL(read_errors(fd, BATCH), 3);
    for (uint32_t i = 0; i < 3; i++) CHECK_OCTETS(errors + i * EG_ERROR_WORDS + 4, &targets[1], sizeof targets[1]);
    eg_close(fd);
    eg_close(receiver);
  }
}

static void errors_are_kept_only_where_asked_for(void) {
  struct eg_endpoint from, closed = closed_endpoint("127.0.0.1");
  int32_t fd = open_at("127.0.0.1", 0, &from);
  CHECK_EQUAL(send_run(fd, (const uint8_t *)"ask", 3, 0, &closed), 0);
  CHECK_EQUAL(send_run(fd, (const uint8_t *)"ask", 3, 0, &closed), 0);
  CHECK_EQUAL(eg_udp_errors(fd, errors, BATCH), 0);
  CHECK_EQUAL(eg_udp_receive(fd, slots, SLOT_LEN, BATCH, received), -EAGAIN);
  eg_close(fd);
}

const struct test udp_tests[] = {
    {"eg_udp_open() binds, and refuses a port that is taken and an address that isn't ours",
     open_binds_and_reports_the_port},
    {"eg_udp_open() shares a port where all agree, and leaves the other family alone", open_shares_a_port},
    {"eg_udp_open() and eg_udp_set_mark() mark a socket", open_and_set_mark_mark},
    {"eg_udp_receive() gets a datagram with its source", a_datagram_arrives_with_its_source},
    {"eg_udp_send() sends a run that arrives as datagrams", a_run_arrives_as_datagrams},
    {"eg_udp_receive() gets a run merged where asked for", a_run_arrives_merged_where_asked_for},
    {"eg_udp_send() answers from the address that was asked", answers_leave_from_the_address_asked},
    {"eg_udp_send() reports a local address that is gone", a_local_address_that_is_gone_is_an_error},
    {"eg_udp_receive() flags a message that is longer than its slot", a_message_longer_than_its_slot_is_flagged},
    {"eg_udp_receive() takes no more messages than asked, and 64 at most", receive_takes_no_more_than_asked},
    {"eg_udp_send() lets no bad run keep others back", a_bad_run_keeps_no_other_back},
    {"eg_udp_errors() reports a refused datagram with the endpoint it was sent to", a_refused_datagram_is_reported},
    {"eg_udp_errors() reports as many as fit", errors_are_reported_as_many_as_fit},
    {"eg_udp_errors() has nothing where nobody asked for errors", errors_are_kept_only_where_asked_for},
    {"eg_udp_send() and eg_udp_receive() aren't disturbed by an error that waits",
     an_error_that_waits_spoils_no_other_run},
    {"eg_udp_send() leaves the rest with EAGAIN when the buffer is full", a_full_buffer_ends_a_batch_with_eagain},
    {NULL, NULL},
};
