/* tuntap.c: TUN and TAP devices: open, queues, offloads, frames, and the attributes of their interfaces. */
#define _GNU_SOURCE
#include "etherguard.h"

#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define VIRTIO_NET_HDR_LEN 10u
#define FRAME_ALIGN 16u
/* A super-frame of 65,535 octets, its virtio header, and the room that eg_tun_read promises behind it. */
#define FRAME_ROOM 65600u
#define FRAME_TAILROOM 32u
#define MAX_PIECES 64u

int32_t eg_tun_open(const char *name, uint32_t flags, uint8_t *actual) {
  if (strlen(name) >= IFNAMSIZ) return -ENAMETOOLONG;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -errno;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name, strlen(name));
  request.ifr_flags = (short)((flags & EG_TUN_TAP ? IFF_TAP : IFF_TUN) | IFF_NO_PI |
                              (flags & EG_TUN_MULTI_QUEUE ? IFF_MULTI_QUEUE : 0) |
                              (flags & EG_TUN_VNET_HDR ? IFF_VNET_HDR : 0) |
                              (flags & EG_TUN_EXCLUSIVE ? IFF_TUN_EXCL : 0));
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  memcpy(actual, request.ifr_name, IFNAMSIZ);
  return fd;
}

int32_t eg_tun_offload(int32_t fd, uint32_t offloads) {
  return ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0 ? -errno : 0;
}

int32_t eg_tun_read(int32_t fd, uint8_t *buffer, uint32_t capacity, uint32_t headroom, uint32_t max,
                    uint32_t *frames) {
  uint32_t at = 0, count = 0;
  while (count < max && at + headroom + FRAME_ROOM <= capacity) {
    ssize_t length = read(fd, buffer + at + headroom, FRAME_ROOM - FRAME_TAILROOM);
    if (length < 0) {
      if (errno == EINTR) continue;
      return count > 0 ? (int32_t)count : -errno;
    }
    if (length < (ssize_t)VIRTIO_NET_HDR_LEN) continue;
    frames[count * EG_FRAME_WORDS] = at + headroom + VIRTIO_NET_HDR_LEN;
    frames[count * EG_FRAME_WORDS + 1] = (uint32_t)length - VIRTIO_NET_HDR_LEN;
    count++;
    at = (at + headroom + (uint32_t)length + FRAME_TAILROOM + FRAME_ALIGN - 1) & ~(FRAME_ALIGN - 1);
  }
  return (int32_t)count;
}

int32_t eg_tun_write(int32_t fd, const uint8_t *heads, const uint8_t *body, const uint32_t *frames,
                     const uint32_t *pieces, uint32_t count, int32_t *results) {
  int32_t written = 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t *frame = frames + i * EG_WRITE_FRAME_WORDS;
    struct iovec parts[MAX_PIECES + 1];
    if (frame[3] > MAX_PIECES) {
      results[i] = -EINVAL;
      continue;
    }
    parts[0] = (struct iovec){(void *)(heads + frame[0]), frame[1]};
    for (uint32_t k = 0; k < frame[3]; k++) {
      const uint32_t *piece = pieces + (frame[2] + k) * EG_WRITE_PIECE_WORDS;
      parts[k + 1] = (struct iovec){(void *)(body + piece[0]), piece[1]};
    }
    ssize_t length;
    do length = writev(fd, parts, (int)frame[3] + 1);
    while (length < 0 && errno == EINTR);
    results[i] = length < 0 ? -errno : (int32_t)length;
    written += length >= 0;
  }
  return written;
}

/* Issues one interface ioctl for `name`; `request` is filled but for the name. */
static int32_t link_ioctl(const char *name, unsigned long operation, struct ifreq *request) {
  if (strlen(name) >= IFNAMSIZ) return -ENAMETOOLONG;
  memset(request->ifr_name, 0, IFNAMSIZ);
  memcpy(request->ifr_name, name, strlen(name));
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int32_t result = ioctl(fd, operation, request) < 0 ? -errno : 0;
  close(fd);
  return result;
}

int32_t eg_link_get(const char *name, uint32_t *link) {
  struct ifreq request;
  int32_t result = link_ioctl(name, SIOCGIFINDEX, &request);
  if (result < 0) return result;
  link[0] = (uint32_t)request.ifr_ifindex;
  result = link_ioctl(name, SIOCGIFFLAGS, &request);
  if (result < 0) return result;
  link[1] = (uint16_t)request.ifr_flags;
  result = link_ioctl(name, SIOCGIFMTU, &request);
  if (result < 0) return result;
  link[2] = (uint32_t)request.ifr_mtu;
  return 0;
}

int32_t eg_link_set_mtu(const char *name, uint32_t mtu) {
  struct ifreq request = {.ifr_mtu = (int)mtu};
  return link_ioctl(name, SIOCSIFMTU, &request);
}

int32_t eg_link_set_mac(const char *name, const uint8_t *mac) {
  struct ifreq request = {.ifr_hwaddr = {.sa_family = 1 /* ARPHRD_ETHER */}};
  memcpy(request.ifr_hwaddr.sa_data, mac, 6);
  return link_ioctl(name, SIOCSIFHWADDR, &request);
}

int32_t eg_link_set_up(const char *name, uint32_t up) {
  struct ifreq request;
  int32_t result = link_ioctl(name, SIOCGIFFLAGS, &request);
  if (result < 0) return result;
  request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  return link_ioctl(name, SIOCSIFFLAGS, &request);
}

/* A netlink request about one address, with room for its attributes. */
struct address_request {
  struct nlmsghdr header;
  struct ifaddrmsg message;
  uint8_t attributes[96];
};

/* A netlink request about one interface, with room for its attributes. */
struct link_request {
  struct nlmsghdr header;
  struct ifinfomsg message;
  uint8_t attributes[32];
};

/* By netlink and not SIOCSIFTXQLEN, which the root of a user namespace may not use (dev_ioctl in net/core/dev_ioctl.c). */
int32_t eg_link_set_queue_len(const char *name, uint32_t frames) {
  uint32_t link[3];
  int32_t result = eg_link_get(name, link);
  if (result < 0) return result;
  struct link_request request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.message);
  request.header.nlmsg_type = RTM_SETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.message.ifi_index = (int)link[0];
  netlink_add(&request.header, IFLA_TXQLEN, &frames, sizeof frames);
  return netlink_request(NETLINK_ROUTE, &request.header);
}

int32_t eg_link_add_address(const char *name, const uint8_t *address, uint32_t length, uint32_t prefix_len,
                            const uint8_t *peer) {
  if (length != 4 && length != 16) return -EINVAL;
  uint32_t link[3];
  int32_t result = eg_link_get(name, link);
  if (result < 0) return result;
  struct address_request request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.message);
  request.header.nlmsg_type = RTM_NEWADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  request.message.ifa_family = length == 4 ? AF_INET : AF_INET6;
  request.message.ifa_prefixlen = (uint8_t)prefix_len;
  request.message.ifa_flags = length == 16 ? IFA_F_NODAD : 0;
  request.message.ifa_index = link[0];
  netlink_add(&request.header, IFA_LOCAL, address, length);
  netlink_add(&request.header, IFA_ADDRESS, peer != NULL ? peer : address, length);
  if (length == 4 && peer == NULL && prefix_len < 31) {
    uint32_t host_mask = 0xffffffffu >> prefix_len;
    uint8_t broadcast[4];
    for (int i = 0; i < 4; i++) broadcast[i] = (uint8_t)(address[i] | host_mask >> (24 - 8 * i));
    netlink_add(&request.header, IFA_BROADCAST, broadcast, 4);
  }
  return netlink_request(NETLINK_ROUTE, &request.header);
}

/* Collects up to `max` addresses of interface `index` as ready-made requests to delete them. */
static int32_t list_addresses(int fd, uint32_t index, struct address_request *found, uint32_t max) {
  struct address_request dump;
  memset(&dump, 0, sizeof dump);
  dump.header.nlmsg_len = NLMSG_LENGTH(sizeof dump.message);
  dump.header.nlmsg_type = RTM_GETADDR;
  dump.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (send(fd, &dump, dump.header.nlmsg_len, 0) < 0) return -errno;
  uint8_t answer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
  uint32_t count = 0;
  for (;;) {
    ssize_t received = recv(fd, answer, sizeof answer, 0);
    if (received < 0) return -errno;
    uint32_t left = (uint32_t)received;
    for (const struct nlmsghdr *header = (const struct nlmsghdr *)answer; NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return (int32_t)count;
      if (header->nlmsg_type == NLMSG_ERROR) return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
      if (header->nlmsg_len > sizeof(struct address_request)) continue;
      const struct ifaddrmsg *message = NLMSG_DATA(header);
      if (message->ifa_index != index || count == max) continue;
      memcpy(&found[count], header, header->nlmsg_len);
      found[count].header.nlmsg_type = RTM_DELADDR;
      found[count].header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
      count++;
    }
  }
}

int32_t eg_link_flush_addresses(const char *name) {
  uint32_t link[3];
  int32_t result = eg_link_get(name, link);
  if (result < 0) return result;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -errno;
  struct address_request found[64];
  result = list_addresses(fd, link[0], found, 64);
  for (int32_t i = 0, count = result; i < count; i++) {
    result = netlink_transact(fd, &found[i].header);
    /* An IPv4 secondary address goes with its primary one. */
    if (result == -EADDRNOTAVAIL) result = 0;
    if (result < 0) break;
  }
  close(fd);
  return result < 0 ? result : 0;
}
