/* conntrack.c: how the kernel's connection tracking treats single connections; linux/netfilter/nfnetlink_conntrack.h. */
#define _GNU_SOURCE
#include "etherguard.h"

#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* A request about one connection, with room for its attributes. */
struct connection_request {
  struct nlmsghdr header;
  struct nfgenmsg message;
  uint8_t attributes[160];
};

static void add_port(struct nlmsghdr *request, uint16_t type, uint32_t port) {
  uint16_t octets = htons((uint16_t)port);
  netlink_add(request, type, &octets, sizeof octets);
}

/* Names the connection by its packets in one direction: the kernel finds it by those of either. */
static void add_tuple(struct nlmsghdr *request, const uint8_t *source, uint32_t source_port, const uint8_t *target,
                      uint32_t target_port, uint32_t length) {
  const uint8_t protocol = IPPROTO_TCP;
  struct rtattr *tuple = netlink_begin(request, CTA_TUPLE_ORIG);
  struct rtattr *addresses = netlink_begin(request, CTA_TUPLE_IP);
  netlink_add(request, length == 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source, length);
  netlink_add(request, length == 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, target, length);
  netlink_end(request, addresses);
  struct rtattr *ports = netlink_begin(request, CTA_TUPLE_PROTO);
  netlink_add(request, CTA_PROTO_NUM, &protocol, sizeof protocol);
  add_port(request, CTA_PROTO_SRC_PORT, source_port);
  add_port(request, CTA_PROTO_DST_PORT, target_port);
  netlink_end(request, ports);
  netlink_end(request, tuple);
}

int32_t eg_conntrack_set_liberal(const uint8_t *source, uint32_t source_port, const uint8_t *target,
                                 uint32_t target_port, uint32_t length) {
  if (length != 4 && length != 16) return -EINVAL;
  struct connection_request request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.message);
  request.header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
  /* Without NLM_F_CREATE it changes what is there, and no more than is named. */
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.message.nfgen_family = length == 4 ? AF_INET : AF_INET6;
  request.message.version = NFNETLINK_V0;
  add_tuple(&request.header, source, source_port, target, target_port, length);
  const struct nf_ct_tcp_flags liberal = {.flags = IP_CT_TCP_FLAG_BE_LIBERAL, .mask = IP_CT_TCP_FLAG_BE_LIBERAL};
  struct rtattr *info = netlink_begin(&request.header, CTA_PROTOINFO);
  struct rtattr *tcp = netlink_begin(&request.header, CTA_PROTOINFO_TCP);
  netlink_add(&request.header, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &liberal, sizeof liberal);
  netlink_add(&request.header, CTA_PROTOINFO_TCP_FLAGS_REPLY, &liberal, sizeof liberal);
  netlink_end(&request.header, tcp);
  netlink_end(&request.header, info);
  return netlink_request(NETLINK_NETFILTER, &request.header);
}
