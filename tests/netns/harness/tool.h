/*
 * What the C programs of this folder share: the end after a refused system call, the clocks, cheap random numbers, and
 * packet sockets.
 */
#ifndef TOOL_H
#define TOOL_H

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <time.h>

__attribute__((noreturn, unused)) static void die(const char *operation) {
  fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, operation, strerror(errno));
  exit(1);
}

__attribute__((unused)) static int64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

__attribute__((unused)) static void sleep_until_ns(int64_t at) {
  struct timespec ts = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Marsaglia's xorshift: it need not be good, it must be cheap, so that a flood is dense. */
__attribute__((unused)) static uint64_t next_random(void) {
  static uint64_t state = 0x9e3779b97f4a7c15;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

/* A socket for the whole frames of one EtherType, or of none, on one interface. */
__attribute__((unused)) static int open_packet_socket(const char *interface, int ethertype) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ethertype));
  if (fd < 0) die("socket(AF_PACKET)");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ethertype)};
  address.sll_ifindex = if_nametoindex(interface);
  if (address.sll_ifindex == 0) die(interface);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind(AF_PACKET)");
  return fd;
}

#endif
