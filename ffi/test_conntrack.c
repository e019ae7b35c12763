/* test_conntrack.c: tests of conntrack.c, in the namespace of test_shim.c. What it is for is tested with rules that let the
 * kernel track connections, in tests/host. */
#define _GNU_SOURCE
#include "test_shim.h"

#include "etherguard.h"

#include <errno.h>

static const uint8_t v4[4] = {192, 0, 2, 1}, v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};

static void set_liberal_finds_no_unknown_connection(void) {
  CHECK_EQUAL(eg_conntrack_set_liberal(v4, 4001, v4, 443, sizeof v4), -ENOENT);
  CHECK_EQUAL(eg_conntrack_set_liberal(v6, 4001, v6, 443, sizeof v6), -ENOENT);
}

static void set_liberal_refuses_other_lengths(void) {
  CHECK_EQUAL(eg_conntrack_set_liberal(v6, 4001, v6, 443, 0), -EINVAL);
  CHECK_EQUAL(eg_conntrack_set_liberal(v6, 4001, v6, 443, 6), -EINVAL);
}

const struct test conntrack_tests[] = {
    {"eg_conntrack_set_liberal() finds no connection that isn't tracked", set_liberal_finds_no_unknown_connection},
    {"eg_conntrack_set_liberal() refuses addresses of no such length", set_liberal_refuses_other_lengths},
    {NULL, NULL},
};
