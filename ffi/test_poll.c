/* test_poll.c: the clock, the wait, the wake-up, and the notification of the service manager. */
#define _GNU_SOURCE
#include "test_shim.h"

#include "etherguard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Where eg_poll puts the time. */
static double now_ms;

static void version_is_the_headers(void) { CHECK_EQUAL(eg_abi_version(), EG_ABI_VERSION); }

static void clock_is_boottime(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  double before = (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
  double previous = eg_now_ms();
  CHECK(previous >= before && previous < before + 60e3);
  for (int i = 0; i < 1000; i++) {
    double next = eg_now_ms();
    CHECK(next >= previous);
    previous = next;
  }
}

static void poll_reports_what_is_readable(void) {
  int32_t quiet = eg_eventfd_open(), loud = eg_eventfd_open();
  int32_t fds[3] = {quiet, -1, loud};
  uint32_t revents[3] = {9, 9, 9};
  CHECK_EQUAL(eg_poll(fds, revents, 3, 0, &now_ms), 0);
  CHECK_EQUAL(eg_eventfd_signal(loud), 0);
  CHECK_EQUAL(eg_poll(fds, revents, 3, -1, &now_ms), 1);
  CHECK_EQUAL(revents[0], 0);
  CHECK_EQUAL(revents[1], 0);
  CHECK_EQUAL(revents[2], POLLIN);
  CHECK_EQUAL(eg_eventfd_drain(loud), 0);
  CHECK_EQUAL(eg_poll(fds, revents, 3, 0, &now_ms), 0);
  CHECK_EQUAL(revents[2], 0);
  eg_close(quiet);
  eg_close(loud);
}

static void poll_reports_a_closed_descriptor(void) {
  int32_t fd = eg_eventfd_open();
  uint32_t revents = 0;
  CHECK_EQUAL(eg_close(fd), 0);
  CHECK_EQUAL(eg_poll(&fd, &revents, 1, -1, &now_ms), 1);
  CHECK_EQUAL(revents, POLLNVAL);
  CHECK_EQUAL(eg_close(fd), -EBADF);
}

static void poll_takes_sixteen_descriptors(void) {
  int32_t fds[17];
  uint32_t revents[17];
  for (int i = 0; i < 17; i++) fds[i] = -1;
  CHECK_EQUAL(eg_poll(fds, revents, 16, 0, &now_ms), 0);
  CHECK_EQUAL(eg_poll(fds, revents, 17, 0, &now_ms), -EINVAL);
  CHECK_EQUAL(eg_poll(fds, revents, 0, 0, &now_ms), 0);
}

static void poll_ends_after_its_time(void) {
  int32_t fd = -1;
  uint32_t revents;
  double start = eg_now_ms();
  CHECK_EQUAL(eg_poll(&fd, &revents, 1, 20, &now_ms), 0);
  double taken = eg_now_ms() - start;
  CHECK(taken >= 19 && taken < DELIVERY_MS);
  CHECK(now_ms >= start + 19 && now_ms <= start + taken);
}

static void poll_out_waits_for_room(void) {
  int32_t fd = eg_eventfd_open();
  CHECK_EQUAL(eg_poll_out(fd, 0), 1);
  /* The greatest value an eventfd holds: nothing can be added. */
  uint64_t full = UINT64_MAX - 1;
  CHECK_EQUAL(write(fd, &full, sizeof full), sizeof full);
  CHECK_EQUAL(eg_poll_out(fd, 1), 0);
  eg_close(fd);
}

static void eventfd_signal_and_drain_never_block(void) {
  int32_t fd = eg_eventfd_open();
  CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
  CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  uint64_t full = UINT64_MAX - 1;
  CHECK_EQUAL(write(fd, &full, sizeof full), sizeof full);
  CHECK_EQUAL(eg_eventfd_signal(fd), 0);
  CHECK_EQUAL(eg_eventfd_drain(fd), 0);
  CHECK_EQUAL(eg_eventfd_drain(fd), 0);
  eg_close(fd);
  CHECK_EQUAL(eg_eventfd_signal(fd), -EBADF);
  CHECK_EQUAL(eg_eventfd_drain(fd), -EBADF);
}

static void socketpair_keeps_bounds(void) {
  int32_t fds[2] = {-1, -1};
  char received[16];
  CHECK_EQUAL(eg_socketpair(fds), 0);
  for (int i = 0; i < 2; i++) {
    CHECK(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
    CHECK_EQUAL(write(fds[i], "one", 3), 3);
    CHECK_EQUAL(write(fds[i], "three", 5), 5);
    CHECK_EQUAL(read(fds[1 - i], received, sizeof received), 3);
    CHECK_EQUAL(read(fds[1 - i], received, sizeof received), 5);
    CHECK_OCTETS(received, "three", 5);
    CHECK_EQUAL(read(fds[1 - i], received, sizeof received), -1);
    CHECK_EQUAL(errno, EAGAIN);
  }
  eg_close(fds[0]);
  eg_close(fds[1]);
}

static void errno_name_is_symbolic(void) {
  uint8_t name[32];
  CHECK_EQUAL(eg_errno_name(EPERM, name), 0);
  CHECK(strcmp((char *)name, "EPERM") == 0);
  CHECK_EQUAL(eg_errno_name(EAFNOSUPPORT, name), 0);
  CHECK(strcmp((char *)name, "EAFNOSUPPORT") == 0);
  CHECK_EQUAL(eg_errno_name(99999, name), -EINVAL);
  CHECK_EQUAL(eg_errno_name(-1, name), -EINVAL);
}

/* Opens a Unix socket that receives datagrams; a name that begins with '@' is abstract. */
static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, strlen(path));
  if (path[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CHECK_EQUAL(
      bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))), 0);
  return fd;
}

static void check_notification(const char *path) {
  int fd = listen_at(path);
  char received[32] = "";
  CHECK_EQUAL(eg_unix_notify(path, "READY=1"), 0);
  CHECK_EQUAL(recv(fd, received, sizeof received, 0), 7);
  CHECK_OCTETS(received, "READY=1", 7);
  close(fd);
}

static void notify_reaches_path_and_abstract_name(void) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/etherguard-test-%d", (int)getpid());
  check_notification(path);
  CHECK_EQUAL(eg_unix_notify(path, "READY=1"), -ECONNREFUSED);
  unlink(path);
  CHECK_EQUAL(eg_unix_notify(path, "READY=1"), -ENOENT);
  snprintf(path, sizeof path, "@etherguard-test-%d", (int)getpid());
  check_notification(path);
  CHECK_EQUAL(eg_unix_notify(path, "READY=1"), -ECONNREFUSED);
}

static void notify_refuses_impossible_names(void) {
  char path[200];
  memset(path, 'x', sizeof path);
  path[sizeof path - 1] = 0;
  CHECK_EQUAL(eg_unix_notify("", "READY=1"), -EINVAL);
  CHECK_EQUAL(eg_unix_notify(path, "READY=1"), -EINVAL);
}

const struct test poll_tests[] = {
    {"eg_abi_version() is the header's", version_is_the_headers},
    {"eg_now_ms() reads CLOCK_BOOTTIME and never steps back", clock_is_boottime},
    {"eg_poll() reports what is readable and skips negative descriptors", poll_reports_what_is_readable},
    {"eg_poll() reports a closed descriptor", poll_reports_a_closed_descriptor},
    {"eg_poll() takes sixteen descriptors and refuses more", poll_takes_sixteen_descriptors},
    {"eg_poll() ends after its time", poll_ends_after_its_time},
    {"eg_poll_out() tells whether there is room", poll_out_waits_for_room},
    {"eg_eventfd_signal() and eg_eventfd_drain() never block", eventfd_signal_and_drain_never_block},
    {"eg_socketpair() joins two sockets that keep the bounds of what is written", socketpair_keeps_bounds},
    {"eg_errno_name() gives the symbolic name, and refuses what is no error number", errno_name_is_symbolic},
    {"eg_unix_notify() reaches a path and an abstract name", notify_reaches_path_and_abstract_name},
    {"eg_unix_notify() refuses an empty name and one that is too long", notify_refuses_impossible_names},
    {NULL, NULL},
};
