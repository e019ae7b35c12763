/* test_checksum.c: tests of checksum.c. */
#include "test_shim.h"

#include "etherguard.h"

/* The example of RFC 1071 §3. */
static void sum_of_the_example(void) {
  const uint8_t octets[] = {0xff, 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  CHECK_EQUAL(eg_sum(octets, 1, 8), 0xddf2);
}

static void sum_takes_an_odd_octet_as_high(void) {
  const uint8_t octets[] = {0x12, 0x34, 0x56};
  CHECK_EQUAL(eg_sum(octets, 0, 3), 0x1234 + 0x5600);
  CHECK_EQUAL(eg_sum(octets, 0, 1), 0x1200);
  CHECK_EQUAL(eg_sum(octets, 0, 0), 0);
}

static void sum_adds_carries_back(void) {
  const uint8_t octets[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x01};
  CHECK_EQUAL(eg_sum(octets, 0, 6), 1);
}

const struct test checksum_tests[] = {
    {"eg_sum() sums the example of RFC 1071", sum_of_the_example},
    {"eg_sum() takes an odd octet as high", sum_takes_an_odd_octet_as_high},
    {"eg_sum() adds carries back", sum_adds_carries_back},
    {NULL, NULL},
};
