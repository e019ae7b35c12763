/* proc.c: the kernel's files below /proc, for which Deno has no permission short of all. */
#define _GNU_SOURCE
#include "etherguard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_PATH 256

/* Puts `folder` in front of `name`; refuses what would lead out of it. Returns 0 or -errno. */
static int below(char path[MAX_PATH], const char *folder, const char *name) {
  if (name[0] == 0 || name[0] == '/' || strstr(name, "..") != NULL) return -EINVAL;
  return snprintf(path, MAX_PATH, "%s/%s", folder, name) >= MAX_PATH ? -ENAMETOOLONG : 0;
}

int32_t eg_proc_read(const char *name, uint8_t *buffer, uint32_t capacity) {
  char path[MAX_PATH];
  int result = below(path, "/proc", name);
  if (result < 0) return result;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  uint32_t length = 0;
  /* A table comes in pieces of a page. */
  while (length < capacity) {
    ssize_t count = read(fd, buffer + length, capacity - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) result = -errno;
    if (count <= 0) break;
    length += (uint32_t)count;
  }
  close(fd);
  return result < 0 ? result : (int32_t)length;
}

int32_t eg_proc_link(const char *name, uint8_t *buffer, uint32_t capacity) {
  char path[MAX_PATH];
  int result = below(path, "/proc", name);
  if (result < 0) return result;
  ssize_t length = readlink(path, (char *)buffer, capacity);
  return length < 0 ? -errno : (int32_t)length;
}

int32_t eg_sysctl_write(const char *name, const char *value) {
  char path[MAX_PATH];
  int result = below(path, "/proc/sys", name);
  if (result < 0) return result;
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  if (write(fd, value, strlen(value)) < 0) result = -errno;
  close(fd);
  return result;
}
