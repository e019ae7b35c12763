/*
 * test_shim.c: runs the tests of the shim, in a network namespace of its own so that nothing of the host is touched.
 *
 * Prints what failed, and as its last line `shim: N passed, M failed`. The tests of sockets and interfaces need a
 * namespace: made by root, or by anybody in a user namespace. Where the kernel refuses both they are left out, which
 * counts as a failure in CI (the variable CI is set).
 */
#define _GNU_SOURCE
#include "test_shim.h"

#include "etherguard.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int passed, failed, failures_of_test;

static void fail_at(const char *file, int line) {
  failures_of_test++;
  printf("  %s:%d: ", file, line);
}

void check_true(const char *file, int line, const char *text, int condition) {
  if (condition) return;
  fail_at(file, line);
  printf("not true: %s\n", text);
}

void check_equal(const char *file, int line, const char *text, int64_t actual, int64_t expected) {
  if (actual == expected) return;
  fail_at(file, line);
  printf("%s is %lld, expected %lld\n", text, (long long)actual, (long long)expected);
}

void check_octets(const char *file, int line, const char *text, const void *actual, const void *expected,
                  size_t length) {
  const uint8_t *a = actual, *b = expected;
  for (size_t i = 0; i < length; i++) {
    if (a[i] == b[i]) continue;
    fail_at(file, line);
    printf("%s: octet %zu of %zu is 0x%02x, expected 0x%02x\n", text, i, length, a[i], b[i]);
    return;
  }
}

void from_hex(uint8_t *octets, const char *digits, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned octet = 0;
    if (sscanf(digits + 2 * i, "%2x", &octet) != 1) abort();
    octets[i] = (uint8_t)octet;
  }
}

void fill_pattern(uint8_t *octets, size_t length, uint32_t seed) {
  uint32_t state = seed * 2654435761u + 1;
  for (size_t i = 0; i < length; i++) {
    state = state * 1664525u + 1013904223u;
    octets[i] = (uint8_t)(state >> 24);
  }
}

int wait_readable(int fd) {
  struct pollfd set = {.fd = fd, .events = POLLIN};
  return poll(&set, 1, DELIVERY_MS) == 1;
}

/* Tells whether the kernel chooses `source` for what goes to `target`. */
static int is_source(const void *source, const void *target, size_t length) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = 9};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = 9};
  memcpy(length == 4 ? (void *)&v4.sin_addr : &v6.sin6_addr, target, length);
  struct sockaddr *address = length == 4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
  socklen_t address_len = length == 4 ? sizeof v4 : sizeof v6;
  int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int found = connect(fd, address, address_len) == 0 && getsockname(fd, address, &address_len) == 0 &&
              memcmp(length == 4 ? (void *)&v4.sin_addr : &v6.sin6_addr, source, length) == 0;
  close(fd);
  return found;
}

int wait_for_source(const void *source, const void *target, size_t length) {
  for (int waited = 0; waited < DELIVERY_MS; waited++) {
    if (is_source(source, target, length)) return 1;
    poll(NULL, 0, 1);
  }
  return 0;
}

static int count_tests(const struct test *tests) {
  int count = 0;
  while (tests[count].name != NULL) count++;
  return count;
}

static void run_tests(const struct test *tests) {
  for (; tests->name != NULL; tests++) {
    failures_of_test = 0;
    tests->run();
    if (failures_of_test > 0) printf("failed: %s\n", tests->name);
    if (failures_of_test > 0) failed++;
    else passed++;
  }
}

static int write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int result = write(fd, text, strlen(text)) < 0 ? -errno : 0;
  close(fd);
  return result;
}

/* Makes this process root of a user namespace, with a network namespace in it. */
static int enter_user_namespace(void) {
  char users[64], groups[64];
  snprintf(users, sizeof users, "0 %d 1", (int)getuid());
  snprintf(groups, sizeof groups, "0 %d 1", (int)getgid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) return -errno;
  int result = write_file("/proc/self/setgroups", "deny");
  if (result == 0) result = write_file("/proc/self/uid_map", users);
  if (result == 0) result = write_file("/proc/self/gid_map", groups);
  return result;
}

/* Returns 0 once this process has a network namespace of its own, its loopback interface up. */
static int enter_namespace(void) {
  int result = unshare(CLONE_NEWNET) < 0 ? enter_user_namespace() : 0;
  return result < 0 ? result : eg_link_set_up("lo", 1);
}

/* Accounts for tests that can't run here. */
static void leave_out(const char *what, int error, const struct test *tests) {
  int count = count_tests(tests);
  int is_ci = getenv("CI") != NULL;
  printf("%s: %s: %d tests left out%s\n", what, strerror(-error), count, is_ci ? ", which counts as failed in CI" : "");
  if (is_ci) failed += count;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  run_tests(checksum_tests);
  run_tests(aead_tests);
  run_tests(poll_tests);
  int namespace = enter_namespace();
  if (namespace == 0) run_tests(proc_tests);
  else leave_out("no network namespace for sysctls", namespace, proc_tests);
  if (namespace == 0) run_tests(conntrack_tests);
  else leave_out("no network namespace for connection tracking", namespace, conntrack_tests);
  int tun = namespace < 0 ? namespace : open("/dev/net/tun", O_RDWR | O_CLOEXEC) < 0 ? -errno : 0;
  if (namespace == 0) run_tests(udp_tests);
  else leave_out("no network namespace for sockets", namespace, udp_tests);
  if (tun == 0) run_tests(tun_tests);
  else leave_out("no TAP device", tun, tun_tests);
  if (tun == 0) run_tests(link_tests);
  else leave_out("no TAP device", tun, link_tests);
  printf("shim: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
