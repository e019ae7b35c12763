/*
 * A transparent TCP proxy, as some firewalls have one: it ends each connection that is redirected to it, makes another to
 * where the client wanted to go, and copies the octets between the two, with other borders.
 *
 *   resegment_tool PORT    listens on PORT and prints "ready", then "connection" for each one and "closed" at its end
 *
 * Connections come to it by an nftables rule that redirects; where they were bound for it asks the kernel
 * (SO_ORIGINAL_DST; linux/netfilter_ipv4.h).
 */
#define _GNU_SOURCE
#include "tool.h"

#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

enum {
  MAX_CONNECTIONS = 64,
  CHUNK = 65536,    /* octets read at once */
  MAX_PIECE = 3000, /* octets written at once; no multiple of anything that a sender may have chosen */
};

struct connection {
  int client, server;
};

/* Sets what both halves of a connection have: pieces leave at once, and who takes nothing for a second is given up. */
static void set_options(int fd) {
  int yes = 1;
  struct timeval patience = {.tv_sec = 1};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

/* Connects to where a client wanted to go; returns the socket, or -1. */
static int connect_onwards(int client) {
  struct sockaddr_in target;
  socklen_t length = sizeof target;
  if (getsockopt(client, SOL_IP, SO_ORIGINAL_DST, &target, &length) < 0) return -1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket(TCP)");
  /* An unreachable server isn't to be waited for long; linux/tcp.h. */
  int tries = 2;
  setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof tries);
  set_options(fd);
  if (connect(fd, (struct sockaddr *)&target, sizeof target) == 0) return fd;
  close(fd);
  return -1;
}

/* Copies what waits in one socket to the other, in pieces of random length. Returns whether the connection goes on. */
static int copy(int from, int to) {
  static uint8_t chunk[CHUNK];
  ssize_t length = recv(from, chunk, sizeof chunk, MSG_DONTWAIT);
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  if (length == 0) return 0;
  for (ssize_t at = 0; at < length;) {
    ssize_t piece = 1 + (ssize_t)(next_random() % MAX_PIECE);
    if (piece > length - at) piece = length - at;
    ssize_t n = send(to, chunk + at, piece, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) return 0;
    if (n > 0) at += n;
  }
  return 1;
}

static int open_listener(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  if (fd < 0) die("socket(TCP)");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) die("bind(TCP)");
  if (listen(fd, MAX_CONNECTIONS) < 0) die("listen");
  return fd;
}

/* Takes a new connection into the table, if there is room and its server answers. */
static void accept_one(int listener, struct connection *connections, int *count) {
  int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (client < 0) return;
  int server = *count < MAX_CONNECTIONS ? connect_onwards(client) : -1;
  if (server < 0) {
    close(client);
    return;
  }
  set_options(client);
  connections[(*count)++] = (struct connection){.client = client, .server = server};
  puts("connection");
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("resegment_tool: unknown command; see the comment at the top of resegment_tool.c\n", stderr);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  int listener = open_listener(atoi(argv[1])), count = 0;
  static struct connection connections[MAX_CONNECTIONS];
  puts("ready");
  for (;;) {
    struct pollfd waits[1 + 2 * MAX_CONNECTIONS] = {{.fd = listener, .events = POLLIN}};
    for (int i = 0; i < count; i++) {
      waits[1 + 2 * i] = (struct pollfd){.fd = connections[i].client, .events = POLLIN};
      waits[2 + 2 * i] = (struct pollfd){.fd = connections[i].server, .events = POLLIN};
    }
    if (poll(waits, 1 + 2 * count, -1) < 0 && errno != EINTR) die("poll");
    /* From the last to the first: one that ends is replaced by the last, which has had its turn. */
    for (int i = count - 1; i >= 0; i--) {
      struct connection *c = &connections[i];
      int goes_on = (waits[1 + 2 * i].revents == 0 || copy(c->client, c->server)) &&
                    (waits[2 + 2 * i].revents == 0 || copy(c->server, c->client));
      if (goes_on) continue;
      close(c->client);
      close(c->server);
      *c = connections[--count];
      puts("closed");
    }
    if (waits[0].revents != 0) accept_one(listener, connections, &count);
  }
}
