/* poll.c: one wait over all descriptors of a lane, the clock, and the wake-up. */
#define _GNU_SOURCE
#include "etherguard.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_POLL 16

uint32_t eg_abi_version(void) { return EG_ABI_VERSION; }

double eg_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int32_t eg_poll(const int32_t *fds, uint32_t *revents, uint32_t count, int32_t timeout_ms, double *now_ms) {
  struct pollfd set[MAX_POLL];
  if (count > MAX_POLL) return -EINVAL;
  for (uint32_t i = 0; i < count; i++) set[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
  int ready = poll(set, count, timeout_ms);
  *now_ms = eg_now_ms();
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  for (uint32_t i = 0; i < count; i++) revents[i] = (uint16_t)set[i].revents;
  return ready;
}

int32_t eg_poll_out(int32_t fd, int32_t timeout_ms) {
  struct pollfd set = {.fd = fd, .events = POLLOUT};
  int ready = poll(&set, 1, timeout_ms);
  return ready < 0 ? -errno : ready;
}

int32_t eg_eventfd_open(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

int32_t eg_eventfd_signal(int32_t fd) {
  uint64_t one = 1;
  /* EAGAIN: the counter is full, so the wake-up is pending anyway. */
  return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? -errno : 0;
}

int32_t eg_eventfd_drain(int32_t fd) {
  uint64_t count;
  return read(fd, &count, sizeof count) < 0 && errno != EAGAIN ? -errno : 0;
}

int32_t eg_socketpair(int32_t *fds) {
  return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0 ? -errno : 0;
}

int32_t eg_close(int32_t fd) { return close(fd) < 0 ? -errno : 0; }

int32_t eg_unix_notify(const char *path, const char *message) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return -EINVAL;
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  int32_t result =
      sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address, address_len) < 0 ? -errno : 0;
  close(fd);
  return result;
}

int32_t eg_errno_name(int32_t number, uint8_t *name) {
  const char *text = strerrorname_np(number);
  if (text == NULL) return -EINVAL;
  strncpy((char *)name, text, 31);
  name[31] = 0;
  return 0;
}
