/*
 * A stream of numbered datagrams, of which every single one is accounted for: when it left, when it arrived, how often.
 *
 *   stream_tool send ADDRESS PORT LENGTH RATE FILE   sends RATE datagrams per second, evenly
 *   stream_tool receive PORT FILE                    prints "ready", then "arrived N" after every tenth datagram
 *
 * Both end at SIGTERM and then write FILE, as float64 in the host's byte order. Sender: of each number, from 0 on, the time
 * at which it was sent. Receiver: of each datagram, in the order of arrival, its number and the time at which the kernel
 * took it in. Times are milliseconds since 1970, so that they can be compared with a log.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
  MAX_DATAGRAM = 9000,     /* octets */
  MAX_RECORDS = 1 << 22,   /* datagrams of one stream, and arrivals with all their duplicates */
  REPORT_EVERY = 10,       /* arrivals between two lines */
  SOCKET_BUFFER = 8 << 20, /* octets */
};

struct arrival {
  double number, at_ms;
};

static volatile sig_atomic_t stopped;

static void on_stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

static double to_ms(struct timespec ts) { return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6; }

static int write_records(const char *path, const void *records, size_t size, size_t count) {
  FILE *file = fopen(path, "w");
  if (file == NULL) die(path);
  fwrite(records, size, count, file);
  if (fclose(file) != 0) die(path);
  return 0;
}

static int connect_udp(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *found;
  if (getaddrinfo(host, port, &hints, &found) != 0) die("getaddrinfo");
  int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket(UDP)");
  if (connect(fd, found->ai_addr, found->ai_addrlen) < 0) die("connect(UDP)");
  freeaddrinfo(found);
  return fd;
}

static int send_stream(const char *host, const char *port, int length, double rate, const char *path) {
  static uint8_t datagram[MAX_DATAGRAM];
  if (length < 4 || length > MAX_DATAGRAM || rate <= 0) return 2;
  double *sent_ms = calloc(MAX_RECORDS, sizeof *sent_ms);
  if (sent_ms == NULL) die("calloc");
  int fd = connect_udp(host, port);
  prctl(PR_SET_TIMERSLACK, 1);
  int64_t begin = now_ns();
  uint32_t number = 0;
  for (; !stopped && number < MAX_RECORDS; number++) {
    sleep_until_ns(begin + (int64_t)(number / rate * 1e9));
    uint32_t written = htonl(number);
    memcpy(datagram, &written, sizeof written);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    sent_ms[number] = to_ms(now);
    /* What the system refuses counts as sent: it is lost all the same. */
    (void)!send(fd, datagram, length, 0);
  }
  return write_records(path, sent_ms, sizeof *sent_ms, number);
}

static int open_receiver(int port) {
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), yes = 1, size = SOCKET_BUFFER;
  if (fd < 0) die("socket(UDP)");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  /* The kernel's time of arrival: what this program waits for the processor is no fault of the network. */
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) < 0) die("SO_TIMESTAMPNS");
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) die("bind(UDP)");
  return fd;
}

/* Receives one datagram, if one waits. Returns 1, or 0 without one. */
static int receive_one(int fd, struct arrival *arrival) {
  static uint8_t datagram[MAX_DATAGRAM];
  union {
    struct cmsghdr aligned;
    char bytes[CMSG_SPACE(sizeof(struct timespec))];
  } control;
  struct iovec part = {.iov_base = datagram, .iov_len = sizeof datagram};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (recvmsg(fd, &message, MSG_DONTWAIT) < 4) return 0;
  uint32_t number;
  memcpy(&number, datagram, sizeof number);
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) memcpy(&at, CMSG_DATA(c), sizeof at);
  }
  *arrival = (struct arrival){.number = ntohl(number), .at_ms = to_ms(at)};
  return 1;
}

static int receive_stream(int port, const char *path) {
  struct arrival *arrivals = calloc(MAX_RECORDS, sizeof *arrivals);
  if (arrivals == NULL) die("calloc");
  int fd = open_receiver(port);
  puts("ready");
  size_t count = 0;
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  while (!stopped) {
    /* A signal between the test above and the wait would be slept over, hence the limit. */
    poll(&wait, 1, 50);
    while (count < MAX_RECORDS && receive_one(fd, &arrivals[count])) {
      if (++count % REPORT_EVERY == 0) printf("arrived %zu\n", count);
    }
  }
  return write_records(path, arrivals, sizeof *arrivals, count);
}

int main(int argc, char **argv) {
  const char *command = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGTERM, on_stop);
  if (strcmp(command, "send") == 0 && argc == 7) {
    return send_stream(argv[2], argv[3], atoi(argv[4]), atof(argv[5]), argv[6]);
  }
  if (strcmp(command, "receive") == 0 && argc == 4) return receive_stream(atoi(argv[2]), argv[3]);
  fputs("stream_tool: unknown command; see the comment at the top of stream_tool.c\n", stderr);
  return 2;
}
