/* netlink.c: see netlink.h. */
#define _GNU_SOURCE
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rtattr *end_of(const struct nlmsghdr *request) {
  return (struct rtattr *)((uint8_t *)request + NLMSG_ALIGN(request->nlmsg_len));
}

void netlink_add(struct nlmsghdr *request, uint16_t type, const void *data, uint32_t length) {
  struct rtattr *attribute = end_of(request);
  attribute->rta_type = type;
  attribute->rta_len = (uint16_t)RTA_LENGTH(length);
  if (length > 0) memcpy(RTA_DATA(attribute), data, length);
  request->nlmsg_len = NLMSG_ALIGN(request->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

struct rtattr *netlink_begin(struct nlmsghdr *request, uint16_t type) {
  struct rtattr *nest = end_of(request);
  netlink_add(request, type | NLA_F_NESTED, NULL, 0);
  return nest;
}

void netlink_end(const struct nlmsghdr *request, struct rtattr *nest) {
  nest->rta_len = (uint16_t)((uint8_t *)end_of(request) - (uint8_t *)nest);
}

int32_t netlink_transact(int fd, const struct nlmsghdr *request) {
  if (send(fd, request, request->nlmsg_len, 0) < 0) return -errno;
  uint8_t answer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
  for (;;) {
    ssize_t length = recv(fd, answer, sizeof answer, 0);
    if (length < 0) return -errno;
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    if (NLMSG_OK(header, (uint32_t)length) && header->nlmsg_type == NLMSG_ERROR)
      return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
  }
}

int32_t netlink_request(int protocol, const struct nlmsghdr *request) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return -errno;
  int32_t result = netlink_transact(fd, request);
  close(fd);
  return result;
}
