/*
 * Sends TCP segments that pretend to come from somebody else: RATE per second, or with 0 as fast as it can.
 *
 *   forge_tool close INTERFACE PORT COUNT RATE      waits for a segment with data that leaves INTERFACE from or to PORT (0: any), then
 *                                                   sends COUNT segments without data in its sender's name: RST and FIN in
 *                                                   turn, with sequence numbers that are random, within the window, or
 *                                                   exactly the one expected next, in turn
 *   forge_tool syn INTERFACE MAC ADDRESS PORT COUNT RATE
 *                                                   sends COUNT SYNs from random addresses of 198.18.0.0/15 (RFC 2544)
 *
 * Frames go out of the interface as they are, past the firewall of this namespace. The result is one JSON object.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
  BATCH = 64,          /* frames per system call */
  MAX_HEADERS = 128,   /* octets of a forged frame at most */
  MAX_FRAME = 65536,   /* octets of a frame that is listened to */
  WINDOW = 65536,      /* octets behind the expected number that count as within the window */
  WAIT_MS = 10 * 1000, /* for the first segment with data */
};

/* A frame of Ethernet, IP and TCP headers, and where the last two begin. */
struct forgery {
  uint8_t octets[MAX_HEADERS];
  size_t ip_at, tcp_at, length;
};

static struct forgery forged[BATCH];
static struct iovec parts[BATCH];
static struct mmsghdr messages[BATCH];

static uint32_t sum16(const uint8_t *octets, size_t length, uint32_t sum) {
  for (size_t i = 0; i + 1 < length; i += 2) sum += octets[i] << 8 | octets[i + 1];
  return length % 2 == 1 ? sum + (octets[length - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons((uint16_t)~sum);
}

/* Sets both checksums of a frame without data; RFC 1071, pseudo-header of RFC 9293 §3.1. */
static void set_checksums(struct forgery *f) {
  uint8_t *ip = f->octets + f->ip_at;
  struct tcphdr *tcp = (struct tcphdr *)(f->octets + f->tcp_at);
  size_t tcp_length = f->length - f->tcp_at;
  uint32_t addresses;
  if (ip[0] >> 4 == 4) {
    struct iphdr *header = (struct iphdr *)ip;
    header->check = 0;
    header->check = fold(sum16(ip, f->tcp_at - f->ip_at, 0));
    addresses = sum16(ip + 12, 8, 0);
  } else {
    addresses = sum16(ip + 8, 32, 0);
  }
  tcp->check = 0;
  tcp->check = fold(sum16((uint8_t *)tcp, tcp_length, addresses + IPPROTO_TCP + tcp_length));
}

/* Waits until `sent` frames are due, of those that began to be sent at a time. */
static void keep_pace(int64_t begin, int64_t sent, double rate) {
  if (rate > 0) sleep_until_ns(begin + (int64_t)(sent / rate * 1e9));
}

/* Sends the first `count` frames of the batch, and insists. */
static void send_batch(int fd, int count) {
  for (int i = 0; i < count; i++) {
    set_checksums(&forged[i]);
    parts[i] = (struct iovec){.iov_base = forged[i].octets, .iov_len = forged[i].length};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  for (int done = 0; done < count;) {
    int n = sendmmsg(fd, messages + done, count - done, 0);
    if (n > 0) done += n;
    else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) die("sendmmsg");
  }
}

/* What is known of the sender in whose name we write. */
struct victim {
  struct forgery headers; /* of its latest segment with data, without options */
  uint32_t seq, next_seq; /* of that segment, and behind it */
};

/* Takes the headers of a frame if it is a segment with data from or to a port, or any if it is 0. Returns whether it is. */
static int learn(struct victim *victim, const uint8_t *frame, size_t length, int port) {
  size_t tcp_at, end;
  if (length < ETH_HLEN + sizeof(struct ip6_hdr) + sizeof(struct tcphdr)) return 0;
  const uint8_t *ip = frame + ETH_HLEN;
  uint16_t type = frame[12] << 8 | frame[13];
  if (type == ETHERTYPE_IP && ip[9] == IPPROTO_TCP) {
    tcp_at = ETH_HLEN + (ip[0] & 15) * 4;
    end = ETH_HLEN + (ip[2] << 8 | ip[3]);
  } else if (type == ETHERTYPE_IPV6 && ip[6] == IPPROTO_TCP) {
    tcp_at = ETH_HLEN + sizeof(struct ip6_hdr);
    end = tcp_at + (ip[4] << 8 | ip[5]);
  } else {
    return 0;
  }
  if (tcp_at + sizeof(struct tcphdr) > length || tcp_at + sizeof(struct tcphdr) > MAX_HEADERS) return 0;
  const struct tcphdr *tcp = (const struct tcphdr *)(frame + tcp_at);
  size_t data_at = tcp_at + tcp->doff * 4;
  int is_port = port == 0 || ntohs(tcp->source) == port || ntohs(tcp->dest) == port;
  if (!is_port || end <= data_at) return 0;
  struct forgery *headers = &victim->headers;
  headers->ip_at = ETH_HLEN;
  headers->tcp_at = tcp_at;
  headers->length = tcp_at + sizeof(struct tcphdr);
  memcpy(headers->octets, frame, headers->length);
  victim->seq = ntohl(tcp->seq);
  victim->next_seq = victim->seq + (uint32_t)(end - data_at);
  uint8_t *ip_copy = headers->octets + headers->ip_at;
  uint16_t ip_payload = htons(type == ETHERTYPE_IP ? headers->length - ETH_HLEN : sizeof(struct tcphdr));
  memcpy(ip_copy + (type == ETHERTYPE_IP ? 2 : 4), &ip_payload, sizeof ip_payload);
  return 1;
}

/* Keeps up with the sender: learns from all that has left the interface since. */
static int learn_waiting(struct victim *victim, int fd, int port) {
  static uint8_t frame[MAX_FRAME];
  int learnt = 0;
  for (;;) {
    struct sockaddr_ll from;
    socklen_t from_length = sizeof from;
    ssize_t length = recvfrom(fd, frame, sizeof frame, MSG_DONTWAIT, (struct sockaddr *)&from, &from_length);
    if (length < 0) return learnt;
    if (from.sll_pkttype == PACKET_OUTGOING) learnt |= learn(victim, frame, length, port);
  }
}

static void write_closing_segment(struct forgery *f, const struct victim *victim, int64_t number) {
  *f = victim->headers;
  struct tcphdr *tcp = (struct tcphdr *)(f->octets + f->tcp_at);
  uint32_t seq[] = {next_random(), victim->next_seq + next_random() % WINDOW, victim->next_seq};
  tcp->seq = htonl(seq[number / 2 % 3]);
  tcp->doff = sizeof *tcp / 4;
  tcp->psh = tcp->urg = tcp->syn = 0;
  tcp->rst = number % 2 == 0;
  tcp->fin = number % 2 == 1;
  tcp->ack = 1;
}

static int forge_close(const char *interface, int port, int64_t count, double rate) {
  /* Forged frames aren't to be learnt from, so a socket of its own, which hears nothing, sends them. */
  int ear = open_packet_socket(interface, ETH_P_ALL), mouth = open_packet_socket(interface, 0), yes = 1;
  setsockopt(mouth, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
  struct victim victim = {0};
  struct pollfd wait = {.fd = ear, .events = POLLIN};
  for (int64_t end = now_ns() + WAIT_MS * 1000000LL; !learn_waiting(&victim, ear, port);) {
    errno = ETIMEDOUT;
    if (now_ns() > end) die("wait for a segment with data");
    poll(&wait, 1, 100);
  }
  int64_t begin = now_ns();
  for (int64_t sent = 0; sent < count;) {
    int n = count - sent < BATCH ? (int)(count - sent) : BATCH;
    keep_pace(begin, sent, rate);
    for (int i = 0; i < n; i++) write_closing_segment(&forged[i], &victim, sent + i);
    send_batch(mouth, n);
    sent += n;
    learn_waiting(&victim, ear, port);
  }
  printf("{\"sent\":%lld,\"seconds\":%.6f}\n", (long long)count, (now_ns() - begin) / 1e9);
  return 0;
}

static void read_own_mac(int fd, const char *interface, uint8_t *mac) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) die("SIOCGIFHWADDR");
  memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
}

static int forge_syn(const char *interface, const char *mac, const char *address, int port, int64_t count, double rate) {
  int fd = open_packet_socket(interface, 0), yes = 1;
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
  struct forgery syn = {.ip_at = ETH_HLEN, .tcp_at = ETH_HLEN + sizeof(struct iphdr)};
  syn.length = syn.tcp_at + sizeof(struct tcphdr) + 4;
  struct ethhdr *ethernet = (struct ethhdr *)syn.octets;
  struct ether_addr *target = (struct ether_addr *)ethernet->h_dest;
  uint8_t *m = target->ether_addr_octet;
  if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6) return 2;
  read_own_mac(fd, interface, ethernet->h_source);
  ethernet->h_proto = htons(ETHERTYPE_IP);
  struct iphdr *ip = (struct iphdr *)(syn.octets + syn.ip_at);
  *ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .frag_off = htons(IP_DF)};
  ip->tot_len = htons(syn.length - syn.ip_at);
  if (inet_pton(AF_INET, address, &ip->daddr) != 1) return 2;
  struct tcphdr *tcp = (struct tcphdr *)(syn.octets + syn.tcp_at);
  *tcp = (struct tcphdr){.dest = htons(port), .doff = 6, .syn = 1, .window = htons(64240)};
  memcpy(tcp + 1, (uint8_t[]){2, 4, 1460 >> 8, 1460 & 255}, 4); /* MSS; RFC 9293 §3.7.1 */
  int64_t begin = now_ns();
  for (int64_t sent = 0; sent < count;) {
    int n = count - sent < BATCH ? (int)(count - sent) : BATCH;
    keep_pace(begin, sent, rate);
    for (int i = 0; i < n; i++) {
      forged[i] = syn;
      uint64_t random = next_random();
      ((struct iphdr *)(forged[i].octets + syn.ip_at))->saddr = htonl(0xc6120000 | (random & 0x1ffff));
      struct tcphdr *segment = (struct tcphdr *)(forged[i].octets + syn.tcp_at);
      segment->source = htons(1024 + (random >> 17) % 60000);
      segment->seq = (uint32_t)(random >> 32);
    }
    send_batch(fd, n);
    sent += n;
  }
  printf("{\"sent\":%lld,\"seconds\":%.6f}\n", (long long)count, (now_ns() - begin) / 1e9);
  return 0;
}

int main(int argc, char **argv) {
  const char *command = argc > 1 ? argv[1] : "";
  if (strcmp(command, "close") == 0 && argc == 6) {
    return forge_close(argv[2], atoi(argv[3]), atoll(argv[4]), atof(argv[5]));
  }
  if (strcmp(command, "syn") == 0 && argc == 8) {
    return forge_syn(argv[2], argv[3], argv[4], atoi(argv[5]), atoll(argv[6]), atof(argv[7]));
  }
  fputs("forge_tool: unknown command; see the comment at the top of forge_tool.c\n", stderr);
  return 2;
}
