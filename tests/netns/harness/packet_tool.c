/*
 * Sends and receives what ordinary programs can't: raw Ethernet frames, floods of datagrams, and paced streams of small
 * datagrams that are counted one by one.
 *
 *   packet_tool send-frame INTERFACE HEX [COUNT]            sends a raw frame, octets in hexadecimal
 *   packet_tool receive-frames INTERFACE ETHERTYPE          prints "ready", then each arriving frame as hexadecimal, with
 *                                                           its VLAN tag; ETHERTYPE is the one behind the tag
 *   packet_tool record INTERFACE FILE                       prints "ready", then writes what crosses the interface, in both
 *                                                           directions, as a pcap file; VLAN tags are left out
 *   packet_tool flood ADDRESS PORT KIND LENGTH SECONDS      sends garbage as fast as it can; KIND: random, transport,
 *                                                           initiation
 *   packet_tool send-udp ADDRESS PORT LENGTH RATE SECONDS RUN   sends RATE datagrams per second, evenly
 *   packet_tool receive-udp PORT                            prints "ready"; answers each line "RUN" on standard input
 *                                                           with the number of datagrams that carried this number
 *
 * Results are one JSON object on one line of standard output. Every command ends at SIGTERM or after its SECONDS;
 * receive-udp also at the end of its standard input.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
  BATCH = 64,           /* datagrams per system call */
  MAX_DATAGRAM = 2048,  /* octets; the longest datagram sent or received */
  MAX_FRAME = 65536,    /* octets; the longest frame sent or received */
  RUNS = 65536,         /* run numbers are 16 bits */
  INITIATION_TYPE = 0,  /* first octet of a handshake initiation */
  DATA_TYPE = 4,        /* first octet of a message with a frame */
  TICK_NS = 200 * 1000, /* a paced sender wakes up this often */
  SOCKET_BUFFER = 8 << 20,
  RECORD_BUFFER = 256 << 20,
};

static void fill_garbage(uint8_t *out, int length) {
  for (int i = 0; i < length; i += 8) {
    uint64_t word = next_random();
    memcpy(out + i, &word, length - i < 8 ? (size_t)(length - i) : 8);
  }
}

/* ---- raw frames ---- */

static int send_frame(const char *interface, const char *hex, int count) {
  static uint8_t frame[MAX_FRAME];
  size_t length = strlen(hex) / 2;
  if (length > sizeof frame) return 2;
  for (size_t i = 0; i < length; i++) {
    if (sscanf(hex + 2 * i, "%2hhx", &frame[i]) != 1) return 2;
  }
  int fd = open_packet_socket(interface, 0);
  for (int i = 0; i < count; i++) {
    if (send(fd, frame, length, 0) < 0) die("send frame");
  }
  printf("{\"sent\":%d}\n", count);
  return 0;
}

/* The VLAN tag that the kernel took out of a frame, as tpid << 16 | tci; 0 without one. */
static uint32_t vlan_tag(struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    struct tpacket_auxdata data;
    memcpy(&data, CMSG_DATA(c), sizeof data);
    if (!(data.tp_status & TP_STATUS_VLAN_VALID)) return 0;
    uint32_t tpid = data.tp_status & TP_STATUS_VLAN_TPID_VALID ? data.tp_vlan_tpid : ETH_P_8021Q;
    return tpid << 16 | data.tp_vlan_tci;
  }
  return 0;
}

static _Noreturn void receive_frames(const char *interface, int ethertype) {
  static uint8_t frame[MAX_FRAME];
  /* A socket for this EtherType alone would get the frames when the kernel has already forgotten their tags. */
  int fd = open_packet_socket(interface, ETH_P_ALL), yes = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes) < 0) die("PACKET_AUXDATA");
  puts("ready");
  for (;;) {
    struct sockaddr_ll from;
    union {
      struct cmsghdr aligned;
      char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control;
    struct iovec part = {.iov_base = frame, .iov_len = sizeof frame};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, 0);
    if (length < 0) die("receive frame");
    if (from.sll_pkttype == PACKET_OUTGOING || length < ETH_HLEN) continue;
    if (frame[2 * ETH_ALEN] != ethertype >> 8 || frame[2 * ETH_ALEN + 1] != (ethertype & 0xff)) continue;
    uint32_t tag = vlan_tag(&message);
    for (ssize_t i = 0; i < length; i++) {
      if (i == 2 * ETH_ALEN && tag != 0) printf("%08x", tag);
      printf("%02x", frame[i]);
    }
    putchar('\n');
  }
}

/* Header of a pcap file and of each packet in it: pcap-savefile(5), in the host's byte order. */
struct pcap_file_header {
  uint32_t magic;
  uint16_t major, minor;
  uint32_t zone, accuracy, snap_length, link_type;
};
struct pcap_packet_header {
  uint32_t seconds, microseconds, captured_length, length;
};

static volatile sig_atomic_t stopped;

static void on_stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

static void write_waiting_frames(int fd, FILE *file) {
  static uint8_t frame[MAX_FRAME];
  for (;;) {
    ssize_t length = recv(fd, frame, sizeof frame, MSG_DONTWAIT);
    if (length < 0) return;
    int64_t at = now_ns();
    struct pcap_packet_header packet = {at / 1000000000, at % 1000000000 / 1000, length, length};
    fwrite(&packet, sizeof packet, 1, file);
    fwrite(frame, length, 1, file);
  }
}

/* tcpdump would do this, were it willing to start as the root of a user namespace. */
static int record(const char *interface, const char *path) {
  int fd = open_packet_socket(interface, ETH_P_ALL);
  int size = RECORD_BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  FILE *file = fopen(path, "w");
  if (file == NULL) die(path);
  struct pcap_file_header header = {
      .magic = 0xa1b2c3d4, .major = 2, .minor = 4, .snap_length = MAX_FRAME, .link_type = 1 /* Ethernet */};
  fwrite(&header, sizeof header, 1, file);
  signal(SIGTERM, on_stop);
  puts("ready");
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  while (!stopped) {
    /* A signal between the test above and the wait would be slept over, hence the limit. */
    poll(&wait, 1, 50);
    write_waiting_frames(fd, file);
  }
  if (fclose(file) != 0) die(path);
  return 0;
}

/* ---- datagrams ---- */

static int connect_udp(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *found;
  if (getaddrinfo(host, port, &hints, &found) != 0) die("getaddrinfo");
  int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket(UDP)");
  int size = SOCKET_BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  if (connect(fd, found->ai_addr, found->ai_addrlen) < 0) die("connect(UDP)");
  freeaddrinfo(found);
  return fd;
}

struct batch {
  uint8_t data[BATCH][MAX_DATAGRAM];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
};

static struct batch batch;

static void set_up_batch(int length) {
  for (int i = 0; i < BATCH; i++) {
    batch.parts[i] = (struct iovec){.iov_base = batch.data[i], .iov_len = length};
    batch.messages[i].msg_hdr = (struct msghdr){.msg_iov = &batch.parts[i], .msg_iovlen = 1};
  }
}

/* Sends the first `count` datagrams of the batch; returns how many left. A refusal (ICMP, full queue) skips one. */
static int send_batch(int fd, int count) {
  int done = 0, sent = 0;
  while (done < count) {
    int n = sendmmsg(fd, batch.messages + done, count - done, 0);
    if (n > 0) sent += n;
    done += n > 0 ? n : 1;
  }
  return sent;
}

static int flood(const char *host, const char *port, const char *kind, int length, double seconds) {
  int is_random = strcmp(kind, "random") == 0;
  int type = strcmp(kind, "initiation") == 0 ? INITIATION_TYPE : strcmp(kind, "transport") == 0 ? DATA_TYPE : -1;
  if ((type < 0 && !is_random) || length < 1 || length > MAX_DATAGRAM) return 2;
  int fd = connect_udp(host, port);
  set_up_batch(length);
  int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9), sent = 0;
  while (now_ns() < end) {
    for (int i = 0; i < BATCH; i++) {
      fill_garbage(batch.data[i], length);
      if (is_random) batch.parts[i].iov_len = 1 + next_random() % length;
      else batch.data[i][0] = type;
      /* A small counter, as a live session has it: its upper half lies at octets 10 to 13. */
      if (type == DATA_TYPE && length >= 14) memset(batch.data[i] + 10, 0, 4);
    }
    sent += send_batch(fd, BATCH);
  }
  printf("{\"sent\":%lld,\"seconds\":%.6f}\n", (long long)sent, (now_ns() - begin) / 1e9);
  return 0;
}

static int send_udp(const char *host, const char *port, int length, double rate, double seconds, int run) {
  if (length < 8 || length > MAX_DATAGRAM || run < 0 || run >= RUNS) return 2;
  int fd = connect_udp(host, port);
  prctl(PR_SET_TIMERSLACK, 1);
  set_up_batch(length);
  int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9), tick = begin, sent = 0;
  for (;;) {
    int64_t now = now_ns();
    if (now >= end) break;
    int64_t due = (int64_t)((now - begin) / 1e9 * rate) + 1 - sent;
    while (due > 0) {
      int count = due < BATCH ? (int)due : BATCH;
      for (int i = 0; i < count; i++) {
        uint32_t header[2] = {htonl(run), htonl((uint32_t)(sent + i))};
        memcpy(batch.data[i], header, sizeof header);
      }
      send_batch(fd, count);
      sent += count; /* one that the system refused counts as sent: it is lost all the same */
      due -= count;
      if (now_ns() >= end) break;
    }
    tick += TICK_NS;
    if (tick < now_ns()) tick = now_ns();
    sleep_until_ns(tick);
  }
  printf("{\"sent\":%lld,\"seconds\":%.6f}\n", (long long)sent, (now_ns() - begin) / 1e9);
  return 0;
}

/* Takes what waits in the socket and adds it to the counts of its runs. */
static void count_datagrams(int fd, uint64_t *received) {
  for (;;) {
    int n = recvmmsg(fd, batch.messages, BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0) return;
    for (int i = 0; i < n; i++) {
      uint32_t run;
      if (batch.messages[i].msg_len < 8) continue;
      memcpy(&run, batch.data[i], sizeof run);
      received[ntohl(run) % RUNS]++;
    }
  }
}

static int receive_udp(int port) {
  static uint64_t received[RUNS];
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket(UDP)");
  int size = SOCKET_BUFFER;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) die("bind(UDP)");
  set_up_batch(MAX_DATAGRAM);
  puts("ready");
  struct pollfd waits[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  for (;;) {
    if (poll(waits, 2, -1) < 0 && errno != EINTR) die("poll");
    count_datagrams(fd, received);
    if (waits[1].revents == 0) continue;
    char line[32];
    ssize_t length = read(STDIN_FILENO, line, sizeof line - 1);
    if (length <= 0) return 0;
    line[length] = 0;
    int run = atoi(line);
    printf("{\"run\":%d,\"received\":%llu}\n", run, (unsigned long long)received[(unsigned)run % RUNS]);
  }
}

int main(int argc, char **argv) {
  const char *command = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(command, "send-frame") == 0 && (argc == 4 || argc == 5)) {
    return send_frame(argv[2], argv[3], argc == 5 ? atoi(argv[4]) : 1);
  }
  if (strcmp(command, "receive-frames") == 0 && argc == 4) {
    receive_frames(argv[2], (int)strtol(argv[3], NULL, 16));
  }
  if (strcmp(command, "record") == 0 && argc == 4) return record(argv[2], argv[3]);
  if (strcmp(command, "flood") == 0 && argc == 7) {
    return flood(argv[2], argv[3], argv[4], atoi(argv[5]), atof(argv[6]));
  }
  if (strcmp(command, "send-udp") == 0 && argc == 8) {
    return send_udp(argv[2], argv[3], atoi(argv[4]), atof(argv[5]), atof(argv[6]), atoi(argv[7]));
  }
  if (strcmp(command, "receive-udp") == 0 && argc == 3) return receive_udp(atoi(argv[2]));
  fputs("packet_tool: unknown command; see the comment at the top of packet_tool.c\n", stderr);
  return 2;
}
