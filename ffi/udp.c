/* udp.c: UDP sockets with marks, packet info, segmentation offload, and batches. */
#define _GNU_SOURCE
#include "etherguard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define MAX_BATCH 64u
#define FIRST_BATCH 2u
/* How often a call is tried again because it failed with an error that waited. One try clears one error; more come at most
 * as fast as the network answers. */
#define CLEAR_TRIES 8
/* Room for packet info of either family and one segment size. */
#define CONTROL_LEN (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))

union address {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

union control {
  struct cmsghdr aligned;
  uint8_t octets[CONTROL_LEN];
};

static socklen_t to_address(const struct eg_endpoint *endpoint, const uint32_t *address, union address *out) {
  memset(out, 0, sizeof *out);
  if (endpoint->family == 4) {
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)endpoint->port);
    out->v4.sin_addr.s_addr = address[0];
    return sizeof out->v4;
  }
  out->v6.sin6_family = AF_INET6;
  out->v6.sin6_port = htons((uint16_t)endpoint->port);
  out->v6.sin6_scope_id = endpoint->scope;
  memcpy(&out->v6.sin6_addr, address, 16);
  return sizeof out->v6;
}

static int set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

/* Root may exceed the system's limit for socket buffers; others get as much as it allows. */
static void set_buffers(int fd, uint32_t length) {
  if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)length) < 0) set_option(fd, SOL_SOCKET, SO_RCVBUF, (int)length);
  if (set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)length) < 0) set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)length);
}

static int configure(int fd, const struct eg_endpoint *local, uint32_t flags, uint32_t mark) {
  int v6 = local->family == 6;
  if (v6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) return -errno;
  if (flags & EG_UDP_REUSEPORT && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) return -errno;
  if (mark != 0 && set_option(fd, SOL_SOCKET, SO_MARK, (int)mark) < 0) return -errno;
  if (flags & EG_UDP_GRO && set_option(fd, SOL_UDP, UDP_GRO, 1) < 0) return -errno;
  if (flags & EG_UDP_PKTINFO &&
      (v6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set_option(fd, IPPROTO_IP, IP_PKTINFO, 1)) < 0)
    return -errno;
  if (flags & EG_UDP_ERRORS &&
      (v6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) : set_option(fd, IPPROTO_IP, IP_RECVERR, 1)) < 0)
    return -errno;
  union address address;
  socklen_t length = to_address(local, local->address, &address);
  return bind(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
}

int32_t eg_udp_open(const struct eg_endpoint *local, uint32_t flags, uint32_t mark, uint32_t buffer_len) {
  int fd = socket(local->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int result = configure(fd, local, flags, mark);
  if (result < 0) {
    close(fd);
    return result;
  }
  set_buffers(fd, buffer_len);
  return fd;
}

int32_t eg_udp_port(int32_t fd) {
  union address address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) return -errno;
  return ntohs(address.v4.sin_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

int32_t eg_udp_set_mark(int32_t fd, uint32_t mark) {
  return set_option(fd, SOL_SOCKET, SO_MARK, (int)mark) < 0 ? -errno : 0;
}

/* Writes an address into an endpoint record; its local part becomes zero. */
static void from_address(const union address *address, struct eg_endpoint *out) {
  memset(out, 0, sizeof *out);
  if (address->v4.sin_family == AF_INET) {
    out->family = 4;
    out->port = ntohs(address->v4.sin_port);
    out->address[0] = address->v4.sin_addr.s_addr;
  } else {
    out->family = 6;
    out->port = ntohs(address->v6.sin6_port);
    out->scope = address->v6.sin6_scope_id;
    memcpy(out->address, &address->v6.sin6_addr, 16);
  }
}

/* Writes the source of a received message, and where it was received, into an endpoint record. */
static void from_message(struct msghdr *message, struct eg_endpoint *out, uint32_t *segment) {
  from_address(message->msg_name, out);
  for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL; item = CMSG_NXTHDR(message, item)) {
    if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO) {
      int size;
      memcpy(&size, CMSG_DATA(item), sizeof size);
      *segment = (uint32_t)size;
    } else if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(item), sizeof info);
      out->local[0] = info.ipi_spec_dst.s_addr;
      out->interface = (uint32_t)info.ipi_ifindex;
    } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(item), sizeof info);
      memcpy(out->local, &info.ipi6_addr, 16);
      out->interface = (uint32_t)info.ipi6_ifindex;
    }
  }
}

/* Tells whether an error may be one that the network reported for an earlier datagram: the socket keeps it, and gives it to
 * whoever calls next (icmp_err_convert in net/ipv4/icmp.c, icmpv6_err_convert in net/ipv6/icmp.c). */
static int may_have_waited(int error) {
  switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EMSGSIZE:
    case EPROTO:
    case EACCES:
      return 1;
    default:
      return 0;
  }
}

/* Receives up to `max` (at most MAX_BATCH) messages with one call. */
static int32_t receive_batch(int fd, uint8_t *buffer, uint32_t slot_len, uint32_t max, uint32_t *received) {
  struct mmsghdr messages[MAX_BATCH];
  struct iovec slots[MAX_BATCH];
  union address sources[MAX_BATCH];
  union control controls[MAX_BATCH];
  for (uint32_t i = 0; i < max; i++) {
    slots[i] = (struct iovec){buffer + i * slot_len, slot_len};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &sources[i],
                                          .msg_namelen = sizeof sources[i],
                                          .msg_iov = &slots[i],
                                          .msg_iovlen = 1,
                                          .msg_control = controls[i].octets,
                                          .msg_controllen = CONTROL_LEN};
  }
  int count, tries = 0;
  do count = recvmmsg(fd, messages, max, MSG_DONTWAIT, NULL);
  while (count < 0 && (errno == EINTR || (may_have_waited(errno) && tries++ < CLEAR_TRIES)));
  if (count < 0) return -errno;
  for (int i = 0; i < count; i++) {
    uint32_t *words = received + (uint32_t)i * EG_RECEIVED_WORDS;
    words[0] = words[1] = messages[i].msg_len;
    words[2] = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    words[3] = (uint32_t)i * slot_len;
    from_message(&messages[i].msg_hdr, (struct eg_endpoint *)(words + 4), &words[1]);
  }
  return count;
}

int32_t eg_udp_receive(int32_t fd, uint8_t *buffer, uint32_t slot_len, uint32_t max, uint32_t *received) {
  if (max > MAX_BATCH) max = MAX_BATCH;
  /* On a quiet line one message waits. To prepare for as many as fit would cost it more than a second call costs a busy
   * line. */
  int32_t first = receive_batch(fd, buffer, slot_len, max < FIRST_BATCH ? max : FIRST_BATCH, received);
  if (first < (int32_t)FIRST_BATCH || max <= FIRST_BATCH) return first;
  int32_t rest = receive_batch(fd, buffer + FIRST_BATCH * slot_len, slot_len, max - FIRST_BATCH,
                               received + FIRST_BATCH * EG_RECEIVED_WORDS);
  if (rest < 0) return first;
  for (int32_t i = first; i < first + rest; i++) received[(uint32_t)i * EG_RECEIVED_WORDS + 3] += FIRST_BATCH * slot_len;
  return first + rest;
}

/* Takes one error from the queue. Returns 1, or 0 if there is none, or -errno. */
static int32_t read_error(int fd, uint32_t *words) {
  union address target;
  /* Room for the error and the address of who reported it, and for packet info. */
  union {
    struct cmsghdr aligned;
    uint8_t octets[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6)) + CONTROL_LEN];
  } control;
  /* The datagram itself, as far as the router returned it, isn't asked for. */
  struct msghdr message = {.msg_name = &target,
                           .msg_namelen = sizeof target,
                           .msg_control = control.octets,
                           .msg_controllen = sizeof control.octets};
  ssize_t length;
  do length = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  while (length < 0 && errno == EINTR);
  if (length < 0) return errno == EAGAIN ? 0 : -errno;
  memset(words, 0, EG_ERROR_WORDS * sizeof *words);
  for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item != NULL; item = CMSG_NXTHDR(&message, item)) {
    if (!(item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR) &&
        !(item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR))
      continue;
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(item), sizeof error);
    words[0] = error.ee_errno;
    words[1] = error.ee_origin;
    words[2] = (uint32_t)error.ee_type << 8 | error.ee_code;
    words[3] = error.ee_info;
  }
  if (message.msg_namelen > 0) from_address(&target, (struct eg_endpoint *)(words + 4));
  return 1;
}

int32_t eg_udp_errors(int32_t fd, uint32_t *records, uint32_t max) {
  if (max > MAX_BATCH) max = MAX_BATCH;
  for (uint32_t count = 0; count < max; count++) {
    int32_t result = read_error(fd, records + count * EG_ERROR_WORDS);
    if (result <= 0) return count > 0 ? (int32_t)count : result;
  }
  return (int32_t)max;
}

/* Adds the control messages of a run: the local address to send from, and the length of its datagrams. */
static size_t fill_control(struct msghdr *message, const struct eg_endpoint *endpoint, uint32_t segment) {
  size_t used = 0;
  struct cmsghdr *item = CMSG_FIRSTHDR(message);
  if (endpoint->interface != 0) {
    if (endpoint->family == 4) {
      /* The interface is left open: the route decides, as when the address alone is bound. */
      struct in_pktinfo info = {.ipi_spec_dst.s_addr = endpoint->local[0]};
      item->cmsg_level = IPPROTO_IP;
      item->cmsg_type = IP_PKTINFO;
      item->cmsg_len = CMSG_LEN(sizeof info);
      memcpy(CMSG_DATA(item), &info, sizeof info);
      used += CMSG_SPACE(sizeof info);
    } else {
      struct in6_pktinfo info = {.ipi6_ifindex = 0};
      memcpy(&info.ipi6_addr, endpoint->local, 16);
      item->cmsg_level = IPPROTO_IPV6;
      item->cmsg_type = IPV6_PKTINFO;
      item->cmsg_len = CMSG_LEN(sizeof info);
      memcpy(CMSG_DATA(item), &info, sizeof info);
      used += CMSG_SPACE(sizeof info);
    }
    item = (struct cmsghdr *)((uint8_t *)message->msg_control + used);
  }
  if (segment != 0) {
    uint16_t size = (uint16_t)segment;
    item->cmsg_level = SOL_UDP;
    item->cmsg_type = UDP_SEGMENT;
    item->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(item), &size, sizeof size);
    used += CMSG_SPACE(sizeof size);
  }
  return used;
}

/* Sends up to MAX_BATCH runs; returns how many left, or -errno of the first. */
static int send_batch(int fd, const uint8_t *buffer, const uint32_t *runs, uint32_t count,
                      const struct eg_endpoint *endpoints) {
  struct mmsghdr messages[MAX_BATCH];
  struct iovec slots[MAX_BATCH];
  union address targets[MAX_BATCH];
  union control controls[MAX_BATCH];
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t *run = runs + i * EG_RUN_WORDS;
    const struct eg_endpoint *endpoint = &endpoints[run[3]];
    slots[i] = (struct iovec){(void *)(buffer + run[0]), run[1]};
    memset(&controls[i], 0, sizeof controls[i]);
    struct msghdr *message = &messages[i].msg_hdr;
    *message = (struct msghdr){.msg_name = &targets[i],
                               .msg_namelen = to_address(endpoint, endpoint->address, &targets[i]),
                               .msg_iov = &slots[i],
                               .msg_iovlen = 1,
                               .msg_control = controls[i].octets,
                               .msg_controllen = CONTROL_LEN};
    message->msg_controllen = fill_control(message, endpoint, run[2]);
    if (message->msg_controllen == 0) message->msg_control = NULL;
  }
  int sent, tries = 0;
  do sent = sendmmsg(fd, messages, count, MSG_DONTWAIT);
  while (sent < 0 && (errno == EINTR || (may_have_waited(errno) && tries++ < CLEAR_TRIES)));
  return sent < 0 ? -errno : sent;
}

int32_t eg_udp_send(int32_t fd, const uint8_t *buffer, uint32_t *runs, uint32_t count,
                    const struct eg_endpoint *endpoints) {
  uint32_t at = 0;
  int32_t total = 0;
  while (at < count) {
    uint32_t batch = count - at < MAX_BATCH ? count - at : MAX_BATCH;
    int sent = send_batch(fd, buffer, runs + at * EG_RUN_WORDS, batch, endpoints);
    if (sent == -EAGAIN || sent == -EWOULDBLOCK) {
      for (; at < count; at++) runs[at * EG_RUN_WORDS + 4] = EAGAIN;
      break;
    }
    if (sent < 0) {
      runs[at++ * EG_RUN_WORDS + 4] = (uint32_t)-sent;
      continue;
    }
    for (int i = 0; i < sent; i++) runs[at++ * EG_RUN_WORDS + 4] = 0;
    total += sent;
  }
  return total;
}
