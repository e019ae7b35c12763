/* test_proc.c: tests of proc.c, in the namespace of test_shim.c. */
#define _GNU_SOURCE
#include "test_shim.h"

#include "etherguard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FORWARDING "net/ipv4/conf/lo/forwarding"

static void read_reads_to_the_end(void) {
  uint8_t text[64];
  CHECK_EQUAL(eg_proc_read("sys/kernel/ostype", text, sizeof text), 6);
  CHECK_OCTETS(text, "Linux\n", 6);
  CHECK_EQUAL(eg_proc_read("sys/kernel/ostype", text, 3), 3);
}

static void read_names_its_error(void) {
  uint8_t text[8];
  CHECK_EQUAL(eg_proc_read("sys/net/none", text, sizeof text), -ENOENT);
  CHECK_EQUAL(eg_proc_read("sys", text, sizeof text), -EISDIR);
}

static void link_reads_the_namespace(void) {
  uint8_t text[64] = "";
  CHECK(eg_proc_link("self/ns/net", text, sizeof text) > 6);
  CHECK_OCTETS(text, "net:[", 5);
  CHECK_EQUAL(eg_proc_link("self/ns/none", text, sizeof text), -ENOENT);
}

static void write_sets_a_value(void) {
  uint8_t text[8] = "";
  CHECK_EQUAL(eg_sysctl_write(FORWARDING, "1"), 0);
  CHECK_EQUAL(eg_proc_read("sys/" FORWARDING, text, sizeof text), 2);
  CHECK_OCTETS(text, "1\n", 2);
  CHECK_EQUAL(eg_sysctl_write(FORWARDING, "0"), 0);
  CHECK_EQUAL(eg_sysctl_write(FORWARDING, "x"), -EINVAL);
  CHECK_EQUAL(eg_sysctl_write("net/ipv4/conf/none/forwarding", "1"), -ENOENT);
}

static void names_stay_below_the_folder(void) {
  uint8_t text[8];
  char name[300];
  memset(name, 'x', sizeof name);
  name[sizeof name - 1] = 0;
  CHECK_EQUAL(eg_proc_read("/etc/hostname", text, sizeof text), -EINVAL);
  CHECK_EQUAL(eg_proc_read("../etc/hostname", text, sizeof text), -EINVAL);
  CHECK_EQUAL(eg_proc_link("", text, sizeof text), -EINVAL);
  CHECK_EQUAL(eg_sysctl_write("../self/comm", "x"), -EINVAL);
  CHECK_EQUAL(eg_sysctl_write(name, "x"), -ENAMETOOLONG);
}

const struct test proc_tests[] = {
    {"eg_proc_read() reads to the end of the file or of the buffer", read_reads_to_the_end},
    {"eg_proc_read() names its error", read_names_its_error},
    {"eg_proc_link() reads the name of the network namespace", link_reads_the_namespace},
    {"eg_sysctl_write() sets a value, and names its error", write_sets_a_value},
    {"names that lead out of their folder are refused", names_stay_below_the_folder},
    {NULL, NULL},
};
