/* test_link.c: attributes and addresses of an interface in a fresh network namespace. */
#define _GNU_SOURCE
#include "test_shim.h"

#include "etherguard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME "eglink"
#define TOO_LONG "a234567890123456"

static int32_t open_link(void) {
  uint8_t actual[16];
  int32_t fd = eg_tun_open(NAME, EG_TUN_TAP | EG_TUN_VNET_HDR, actual);
  CHECK(fd >= 0);
  return fd;
}

/* Asks the kernel for an attribute of the interface. */
static struct ifreq ask(unsigned long operation) {
  struct ifreq request = {0};
  memcpy(request.ifr_name, NAME, sizeof NAME);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  CHECK_EQUAL(ioctl(fd, operation, &request), 0);
  close(fd);
  return request;
}

static void set_changes_attributes(void) {
  int32_t fd = open_link();
  uint32_t link[3];
  CHECK_EQUAL(eg_link_get(NAME, link), 0);
  CHECK_EQUAL(link[0], if_nametoindex(NAME));
  CHECK_EQUAL(link[1] & IFF_UP, 0);
  CHECK_EQUAL(link[2], 1500);

  CHECK_EQUAL(eg_link_set_mtu(NAME, 9000), 0);
  CHECK_EQUAL(eg_link_set_up(NAME, 1), 0);
  CHECK_EQUAL(eg_link_get(NAME, link), 0);
  CHECK(link[1] & IFF_UP);
  CHECK(link[1] & IFF_BROADCAST);
  CHECK_EQUAL(link[2], 9000);
  CHECK_EQUAL(eg_link_set_up(NAME, 1), 0);
  CHECK_EQUAL(eg_link_set_up(NAME, 0), 0);
  CHECK_EQUAL(eg_link_get(NAME, link), 0);
  CHECK_EQUAL(link[1] & IFF_UP, 0);
  CHECK(link[1] & IFF_BROADCAST);

  uint8_t mac[6] = {2, 0x11, 0x22, 0x33, 0x44, 0x55};
  CHECK_EQUAL(eg_link_set_mac(NAME, mac), 0);
  CHECK_OCTETS(ask(SIOCGIFHWADDR).ifr_hwaddr.sa_data, mac, sizeof mac);
  CHECK_EQUAL(eg_link_set_queue_len(NAME, 2000), 0);
  CHECK_EQUAL(ask(SIOCGIFTXQLEN).ifr_qlen, 2000);
  eg_close(fd);
}

static void set_refuses_what_the_kernel_refuses(void) {
  int32_t fd = open_link();
  uint8_t group[6] = {1, 0, 0, 0, 0, 1};
  CHECK_EQUAL(eg_link_set_mtu(NAME, 10), -EINVAL);
  CHECK_EQUAL(eg_link_set_mac(NAME, group), -EADDRNOTAVAIL);
  eg_close(fd);
}

/* Calls every function by name with one name. */
static void check_all(const char *name, int32_t expected) {
  uint32_t link[3];
  uint8_t octets[16] = {10};
  CHECK_EQUAL(eg_link_get(name, link), expected);
  CHECK_EQUAL(eg_link_set_mtu(name, 1400), expected);
  CHECK_EQUAL(eg_link_set_mac(name, octets), expected);
  CHECK_EQUAL(eg_link_set_queue_len(name, 100), expected);
  CHECK_EQUAL(eg_link_set_up(name, 1), expected);
  CHECK_EQUAL(eg_link_add_address(name, octets, 4, 24, NULL), expected);
  CHECK_EQUAL(eg_link_flush_addresses(name), expected);
}

static void names_that_are_none_are_refused(void) {
  check_all("egnone", -ENODEV);
  check_all(TOO_LONG, -ENAMETOOLONG);
}

/* What getifaddrs(3) says of one address of the interface; lengths of 0 where it has none. */
struct assigned {
  int prefix_len;
  uint8_t other[16]; /* broadcast address, or the other end of a point-to-point link */
  int found;
};

static const void *octets_of(const struct sockaddr *address) {
  if (address == NULL) return NULL;
  if (address->sa_family == AF_INET) return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
  return &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
}

static int count_bits(const uint8_t *octets, size_t length) {
  int bits = 0;
  for (size_t i = 0; i < length; i++) bits += __builtin_popcount(octets[i]);
  return bits;
}

/* Looks an address of 4 or 16 octets up; with `octets` null, any address of the interface. */
static struct assigned look_up(const uint8_t *octets, size_t length) {
  struct assigned result = {0};
  struct ifaddrs *all;
  CHECK_EQUAL(getifaddrs(&all), 0);
  for (const struct ifaddrs *item = all; item != NULL; item = item->ifa_next) {
    if (strcmp(item->ifa_name, NAME) != 0 || item->ifa_addr == NULL) continue;
    int family = item->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    if (octets != NULL && (family != (length == 4 ? AF_INET : AF_INET6) ||
                           memcmp(octets_of(item->ifa_addr), octets, length) != 0))
      continue;
    result.found++;
    if (octets == NULL) continue;
    result.prefix_len = count_bits(octets_of(item->ifa_netmask), length);
    const void *other = octets_of(item->ifa_dstaddr);
    if (other != NULL) memcpy(result.other, other, length);
  }
  freeifaddrs(all);
  return result;
}

static void addresses_have_prefix_and_broadcast(void) {
  int32_t fd = open_link();
  CHECK_EQUAL(eg_link_set_up(NAME, 1), 0);
  static const struct {
    uint8_t address[4];
    uint32_t prefix_len;
    uint8_t broadcast[4];
  } rows[] = {
      {{10, 1, 2, 3}, 24, {10, 1, 2, 255}},    {{10, 2, 2, 3}, 9, {10, 127, 255, 255}},
      {{10, 3, 2, 129}, 25, {10, 3, 2, 255}},  {{10, 4, 2, 1}, 30, {10, 4, 2, 3}},
      {{10, 5, 2, 1}, 31, {0, 0, 0, 0}},       {{10, 6, 2, 1}, 32, {0, 0, 0, 0}},
      {{11, 7, 2, 1}, 0, {255, 255, 255, 255}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    CHECK_EQUAL(eg_link_add_address(NAME, rows[i].address, 4, rows[i].prefix_len, NULL), 0);
    struct assigned found = look_up(rows[i].address, 4);
    CHECK_EQUAL(found.found, 1);
    CHECK_EQUAL(found.prefix_len, rows[i].prefix_len);
    /* Without a broadcast address getifaddrs(3) reports nothing, or the address itself. */
    if (rows[i].broadcast[0] != 0) CHECK_OCTETS(found.other, rows[i].broadcast, 4);
  }
  /* The same once more is no error: a restart finds what the last run left. */
  CHECK_EQUAL(eg_link_add_address(NAME, rows[0].address, 4, 24, NULL), 0);
  CHECK_EQUAL(look_up(rows[0].address, 4).found, 1);
  eg_close(fd);
}

static void ipv6_addresses_are_usable_at_once(void) {
  int32_t fd = open_link();
  CHECK_EQUAL(eg_link_set_up(NAME, 1), 0);
  uint8_t address[16] = {0xfd, 0x11, [15] = 7};
  CHECK_EQUAL(eg_link_add_address(NAME, address, 16, 64, NULL), 0);
  CHECK_EQUAL(look_up(address, 16).prefix_len, 64);
  struct eg_endpoint local = {.family = 6};
  memcpy(local.address, address, 16);
  int32_t bound = eg_udp_open(&local, 0, 0, 4096);
  CHECK(bound >= 0);
  eg_close(bound);
  eg_close(fd);
}

static void a_peer_makes_an_address_point_to_point(void) {
  int32_t fd = open_link();
  CHECK_EQUAL(eg_link_set_up(NAME, 1), 0);
  uint8_t address[4] = {10, 9, 0, 1}, peer[4] = {10, 9, 0, 2};
  uint8_t address6[16] = {0xfd, 0x12, [15] = 1}, peer6[16] = {0xfd, 0x12, [15] = 2};
  CHECK_EQUAL(eg_link_add_address(NAME, address, 4, 32, peer), 0);
  CHECK_EQUAL(eg_link_add_address(NAME, address6, 16, 128, peer6), 0);
  /* The route to the peer tells it: our end is the source. */
  CHECK(wait_for_source(address, peer, 4));
  CHECK(wait_for_source(address6, peer6, 16));
  eg_close(fd);
}

static void flush_removes_all_addresses_of_this_interface(void) {
  int32_t fd = open_link();
  CHECK_EQUAL(eg_link_set_up(NAME, 1), 0);
  for (uint8_t i = 1; i <= 20; i++) {
    /* Secondary addresses of one network among them. */
    uint8_t address[4] = {10, 20, (uint8_t)(i / 5), i}, address6[16] = {0xfd, 0x20, [14] = i, [15] = 1};
    CHECK_EQUAL(eg_link_add_address(NAME, address, 4, 24, NULL), 0);
    CHECK_EQUAL(eg_link_add_address(NAME, address6, 16, 64, NULL), 0);
  }
  CHECK(look_up(NULL, 0).found >= 40);
  CHECK_EQUAL(eg_link_flush_addresses(NAME), 0);
  CHECK_EQUAL(look_up(NULL, 0).found, 0);
  CHECK_EQUAL(eg_link_flush_addresses(NAME), 0);
  struct eg_endpoint loopback = {.family = 4, .address = {htonl(INADDR_LOOPBACK)}};
  int32_t bound = eg_udp_open(&loopback, 0, 0, 4096);
  CHECK(bound >= 0);
  eg_close(bound);
  eg_close(fd);
}

static void addresses_of_no_length_are_refused(void) {
  int32_t fd = open_link();
  uint8_t address[16] = {10};
  CHECK_EQUAL(eg_link_add_address(NAME, address, 0, 0, NULL), -EINVAL);
  CHECK_EQUAL(eg_link_add_address(NAME, address, 6, 24, NULL), -EINVAL);
  CHECK_EQUAL(eg_link_add_address(NAME, address, 4, 33, NULL), -EINVAL);
  CHECK_EQUAL(eg_link_add_address(NAME, address, 16, 129, NULL), -EINVAL);
  eg_close(fd);
}

const struct test link_tests[] = {
    {"eg_link_set_…() change MTU, MAC address, queue length and state", set_changes_attributes},
    {"eg_link_set_…() report what the kernel refuses", set_refuses_what_the_kernel_refuses},
    {"eg_link_…() refuse names of no interface and names that are too long", names_that_are_none_are_refused},
    {"eg_link_add_address() sets prefix and broadcast address", addresses_have_prefix_and_broadcast},
    {"eg_link_add_address() makes IPv6 addresses usable at once", ipv6_addresses_are_usable_at_once},
    {"eg_link_add_address() makes an address with a peer point-to-point", a_peer_makes_an_address_point_to_point},
    {"eg_link_add_address() refuses addresses of no such length", addresses_of_no_length_are_refused},
    {"eg_link_flush_addresses() removes all addresses of this interface", flush_removes_all_addresses_of_this_interface},
    {NULL, NULL},
};
