/* netlink.h: requests to the kernel by netlink(7), for the parts of the shim that need them; no caller sees it. */
#ifndef NETLINK_H
#define NETLINK_H

#include <linux/rtnetlink.h>
#include <stdint.h>

/* Appends an attribute to a request that has room for it behind its header. */
void netlink_add(struct nlmsghdr *request, uint16_t type, const void *data, uint32_t length);

/* Appends an attribute that consists of those that are appended until netlink_end. */
struct rtattr *netlink_begin(struct nlmsghdr *request, uint16_t type);
void netlink_end(const struct nlmsghdr *request, struct rtattr *nest);

/* Sends a request that asks for an acknowledgement. Returns the kernel's verdict, 0 or -errno. */
int32_t netlink_transact(int fd, const struct nlmsghdr *request);

/* The same on a socket of its own, of a protocol such as NETLINK_ROUTE. */
int32_t netlink_request(int protocol, const struct nlmsghdr *request);

#endif
