/* test_shim.h: what the shim's tests share: a way to say what must hold, and a list of named tests for each part. */
#ifndef TEST_SHIM_H
#define TEST_SHIM_H

#include <stddef.h>
#include <stdint.h>

/* One test; its name reads like a sentence. A list of tests ends with one that has no name. */
struct test {
  const char *name;
  void (*run)(void);
};

extern const struct test checksum_tests[];
extern const struct test aead_tests[];
extern const struct test poll_tests[];
extern const struct test udp_tests[];
extern const struct test tun_tests[];
extern const struct test link_tests[];
extern const struct test proc_tests[];
extern const struct test conntrack_tests[];

/* Goes on after a failure: what else is wrong is worth knowing, and each test closes what it opened. */
#define CHECK(condition) check_true(__FILE__, __LINE__, #condition, (condition))
#define CHECK_EQUAL(actual, expected) check_equal(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(expected))
#define CHECK_OCTETS(actual, expected, length) check_octets(__FILE__, __LINE__, #actual, actual, expected, length)

void check_true(const char *file, int line, const char *text, int condition);
void check_equal(const char *file, int line, const char *text, int64_t actual, int64_t expected);
void check_octets(const char *file, int line, const char *text, const void *actual, const void *expected,
                  size_t length);

/* Reads `length` octets written as hexadecimal digits. */
void from_hex(uint8_t *octets, const char *digits, size_t length);

/* Fills a buffer with octets that differ from place to place and from seed to seed. */
void fill_pattern(uint8_t *octets, size_t length, uint32_t seed);

/* Milliseconds within which the kernel has surely delivered what was sent on this machine. */
#define DELIVERY_MS 2000

/* Waits until `fd` is readable, DELIVERY_MS at most. Returns whether it is. */
int wait_readable(int fd);

/* Waits until the kernel sends to `target` from `source`, DELIVERY_MS at most; returns whether it does. Both have 4 or 16
 * octets. The kernel enters routes of a new IPv6 address a moment after it has acknowledged the address. */
int wait_for_source(const void *source, const void *target, size_t length);

#endif
