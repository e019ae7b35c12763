/* test_aead.c: sealing and opening bursts, the keyed hash, the curve; against published and recorded values. */
#include "test_shim.h"

#include "etherguard.h"

#include <errno.h>
#include <string.h>

#define KEY_LEN 32u
#define HEADER_LEN 14u
#define EG_HEADER_LEN 4u
#define OVERHEAD_LEN (HEADER_LEN + 16u)
#define FRAME_MAX 1500u
#define DATAGRAM_ROOM 2048u

/* A table of keys, of which row 1 is in use, and the buffer of one datagram. */
struct bench {
  uint8_t keys[2 * KEY_LEN];
  uint8_t datagram[DATAGRAM_ROOM];
};

static struct bench bench_with(const uint8_t *key) {
  struct bench bench = {{0}, {0}};
  memcpy(bench.keys + KEY_LEN, key, KEY_LEN);
  return bench;
}

static void write_header(uint8_t *datagram, uint8_t type, uint8_t ttl, uint32_t index, uint64_t counter) {
  datagram[0] = type;
  datagram[1] = ttl;
  for (int i = 0; i < 4; i++) datagram[2 + i] = (uint8_t)(index >> 8 * i);
  for (int i = 0; i < 8; i++) datagram[6 + i] = (uint8_t)(counter >> 8 * i);
}

/* Seals content that lies at `content`, its 4 octets of inner header first; what stands behind them is the frame. */
static int32_t seal(struct bench *bench, uint64_t counter, const uint8_t *content, uint32_t length) {
  write_header(bench->datagram, 4, 200, 1, counter);
  if (length >= EG_HEADER_LEN) memcpy(bench->datagram + HEADER_LEN, content, EG_HEADER_LEN);
  uint32_t frame_len = length < EG_HEADER_LEN ? 0 : length - EG_HEADER_LEN;
  uint32_t item[EG_SEAL_WORDS] = {1, 0, length, 0, 0, EG_HEADER_LEN, frame_len, 0, 0};
  return eg_aead_seal(bench->keys, bench->datagram, content, content, item, 1);
}

/* Opens the datagram in place; returns its result word. */
static uint32_t open_datagram(struct bench *bench, uint32_t length) {
  uint32_t item[EG_OPEN_WORDS] = {1, 0, length, 0xdead};
  int32_t opened = eg_aead_open(bench->keys, bench->datagram, item, 1);
  CHECK_EQUAL(opened, item[3] != 0);
  return item[3];
}

/* RFC 1071, word by word. */
static uint32_t slow_sum(const uint8_t *octets, uint32_t length) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < length; i += 2) {
    sum += (uint32_t)octets[i] << 8 | (i + 1 < length ? octets[i + 1] : 0u);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

/* RFC 8439 appendix A.2, vector 2, first block: without additional data the AEAD enciphers as the bare cipher from
 * block 1 on. Its nonce, 11 zero octets and a 2, is what stands in octets 6-13, behind four zero octets. */
static void seal_gives_rfc_8439_ciphertext(void) {
  static const char plaintext[] = "Any submission to the IETF intended by the Contributor for publi";
  uint8_t key[32] = {[31] = 1}, expected[64];
  from_hex(expected,
           "a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec"
           "2a97948bd3722915c8f3d337f7d370050e9e96d647b7c39f56e031ca5eb6250d",
           sizeof expected);
  struct bench bench = bench_with(key);
  CHECK_EQUAL(seal(&bench, (uint64_t)2 << 56, (const uint8_t *)plaintext, 64), 1);
  CHECK_OCTETS(bench.datagram + HEADER_LEN, expected, 64);
}

/* A transport message and a keepalive, as a reference node sealed them (tests/vectors/handshake.ts). */
static void seal_gives_recorded_datagrams(void) {
  uint8_t key[32], content[32], expected[62], keepalive[30];
  from_hex(key, "2530cb3db8688bd32fd4e8df7ef7ab399eb9e8bf1330732cdc540c6ad9c9b6f2", sizeof key);
  from_hex(content, "0002000102a0f000000202a0f000000188b568656c6c6f000000000000000000", sizeof content);
  from_hex(expected,
           "04c8fd040b120500000000000000f33d0293df71c78077a71b21bc3583eba411"
           "c1667208d4f108358d7b1a9dad43f753ad98e7332f203d033f3e2124aec7",
           sizeof expected);
  from_hex(keepalive, "0300fd040b120000000000000000dc6688ffebb26178ba22020e9766ae69", sizeof keepalive);
  struct bench bench = bench_with(key);

  uint8_t out[128] = {0};
  memset(out + HEADER_LEN, 0xff, sizeof out - HEADER_LEN);
  write_header(out, 4, 200, 0x120b04fd, 5);
  memcpy(out + HEADER_LEN, content, EG_HEADER_LEN);
  write_header(out + 64, 3, 0, 0x120b04fd, 0);
  /* 14 octets of header, 5 of payload: 9 octets of padding remain. */
  uint32_t items[2 * EG_SEAL_WORDS] = {1, 0, 32, EG_HEADER_LEN, 14, EG_HEADER_LEN + 14, 5, 0, 0, 1, 64};
  CHECK_EQUAL(eg_aead_seal(bench.keys, out, content, content, items, 2), 2);
  CHECK_OCTETS(out, expected, sizeof expected);
  CHECK_OCTETS(out + 64, keepalive, sizeof keepalive);

  memcpy(bench.datagram, expected, sizeof expected);
  CHECK_EQUAL(open_datagram(&bench, sizeof expected), 0x10000 | slow_sum(content + EG_HEADER_LEN, 28));
  CHECK_OCTETS(bench.datagram + HEADER_LEN, content, sizeof content);
  memcpy(bench.datagram, keepalive, sizeof keepalive);
  CHECK_EQUAL(open_datagram(&bench, sizeof keepalive), 0x10000);
}

static void every_length_survives_with_its_sum(void) {
  uint8_t key[32], content[EG_HEADER_LEN + FRAME_MAX];
  fill_pattern(key, sizeof key, 1);
  struct bench bench = bench_with(key);
  for (uint32_t frame_len = 0; frame_len <= FRAME_MAX; frame_len++) {
    fill_pattern(content, sizeof content, frame_len);
    uint32_t length = EG_HEADER_LEN + frame_len;
    CHECK_EQUAL(seal(&bench, frame_len, content, length), 1);
    CHECK(memcmp(bench.datagram + HEADER_LEN, content, length) != 0);
    CHECK_EQUAL(open_datagram(&bench, length + OVERHEAD_LEN), 0x10000 | slow_sum(content + EG_HEADER_LEN, frame_len));
    CHECK_OCTETS(bench.datagram + HEADER_LEN, content, length);
  }
}

static void sums_of_all_ones_don_t_overflow(void) {
  uint8_t key[32] = {0}, content[EG_HEADER_LEN + FRAME_MAX];
  memset(content, 0xff, sizeof content);
  struct bench bench = bench_with(key);
  CHECK_EQUAL(seal(&bench, 0, content, sizeof content), 1);
  CHECK_EQUAL(open_datagram(&bench, sizeof content + OVERHEAD_LEN), 0x1ffff);
}

/* Writes a frame as a head and a rest, in two buffers, and checks what comes out of the other side. */
static void seal_gathers_headers_and_payload(void) {
  uint8_t key[32] = {7}, headers[300], source[300];
  fill_pattern(headers, sizeof headers, 1);
  fill_pattern(source, sizeof source, 2);
  struct bench bench = bench_with(key);
  for (uint32_t padding = 0; padding < 16; padding++) {
    uint32_t content_len = EG_HEADER_LEN + 54 + 101 + padding;
    memset(bench.datagram, 0xee, sizeof bench.datagram);
    write_header(bench.datagram, 4, 1, 2, padding);
    memcpy(bench.datagram + HEADER_LEN, "\x00\x02\x00\x01", EG_HEADER_LEN);
    uint32_t item[EG_SEAL_WORDS] = {1, 0, content_len, 20, 54, 33, 101, 0, 0};
    CHECK_EQUAL(eg_aead_seal(bench.keys, bench.datagram, headers, source, item, 1), 1);
    CHECK_EQUAL(bench.datagram[content_len + OVERHEAD_LEN], 0xee);
    CHECK(open_datagram(&bench, content_len + OVERHEAD_LEN) != 0);
    const uint8_t *frame = bench.datagram + HEADER_LEN + EG_HEADER_LEN;
    static const uint8_t zeros[16];
    CHECK_OCTETS(frame - EG_HEADER_LEN, "\x00\x02\x00\x01", EG_HEADER_LEN);
    CHECK_OCTETS(frame, headers + 20, 54);
    CHECK_OCTETS(frame + 54, source + 33, 101);
    CHECK_OCTETS(frame + 155, zeros, padding);
  }
}

/* Seals a frame whose checksum is open, as the host would leave it to a network card, and returns the completed one. */
static uint32_t complete(struct bench *bench, const uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset) {
  memset(bench->datagram, 0, sizeof bench->datagram);
  uint32_t content_len = EG_HEADER_LEN + length + 3;
  uint32_t item[EG_SEAL_WORDS] = {1, 0, content_len, 0, 0, 0, length, start, offset};
  CHECK_EQUAL(eg_aead_seal(bench->keys, bench->datagram, frame, frame, item, 1), 1);
  CHECK(open_datagram(bench, content_len + OVERHEAD_LEN) != 0);
  const uint8_t *completed = bench->datagram + HEADER_LEN + EG_HEADER_LEN;
  for (uint32_t i = 0; i < length; i++)
    if (i < start + offset || i >= start + offset + 2) CHECK_EQUAL(completed[i], frame[i]);
  return (uint32_t)completed[start + offset] << 8 | completed[start + offset + 1];
}

static void seal_completes_checksums(void) {
  uint8_t key[32] = {9}, frame[400];
  struct bench bench = bench_with(key);
  for (uint32_t offset = 6; offset <= 16; offset += 10) {
    for (uint32_t length = 60; length < sizeof frame; length++) {
      /* An odd start happens behind IP headers of no length in use, but costs nothing. */
      uint32_t start = 34 + (length & 1);
      fill_pattern(frame, length, length);
      uint32_t expected = ~slow_sum(frame + start, length - start) & 0xffff;
      if (expected == 0 && offset == 6) expected = 0xffff;
      CHECK_EQUAL(complete(&bench, frame, length, start, offset), expected);
    }
  }
}

static void a_udp_checksum_of_zero_is_written_as_ones(void) {
  uint8_t key[32] = {9}, frame[77] = {0};
  frame[34] = frame[35] = 0xff;
  struct bench bench = bench_with(key);
  CHECK_EQUAL(complete(&bench, frame, sizeof frame, 34, 6), 0xffff);
  CHECK_EQUAL(complete(&bench, frame, sizeof frame, 34, 16), 0);
}

static void open_refuses_every_flipped_octet(void) {
  uint8_t key[32] = {3}, content[48], sealed[48 + OVERHEAD_LEN];
  fill_pattern(content, sizeof content, 3);
  struct bench bench = bench_with(key);
  CHECK_EQUAL(seal(&bench, 77, content, sizeof content), 1);
  memcpy(sealed, bench.datagram, sizeof sealed);
  for (uint32_t i = 6; i < sizeof sealed; i++) {
    memcpy(bench.datagram, sealed, sizeof sealed);
    bench.datagram[i] ^= (uint8_t)(1u << (i & 7));
    CHECK_EQUAL(open_datagram(&bench, sizeof sealed), 0);
  }
  for (uint32_t length = 0; length < sizeof sealed; length++) {
    memcpy(bench.datagram, sealed, sizeof sealed);
    CHECK_EQUAL(open_datagram(&bench, length), 0);
  }
  memcpy(bench.datagram, sealed, sizeof sealed);
  CHECK(open_datagram(&bench, sizeof sealed) != 0);
  CHECK_OCTETS(bench.datagram + HEADER_LEN, content, sizeof content);
}

static void open_goes_on_behind_a_forgery(void) {
  uint8_t key[KEY_LEN] = {3}, content[64], burst[3 * 128];
  fill_pattern(content, sizeof content, 4);
  struct bench bench = bench_with(key);
  for (uint32_t i = 0; i < 3; i++) {
    CHECK_EQUAL(seal(&bench, i, content, sizeof content), 1);
    memcpy(burst + i * 128, bench.datagram, 128);
  }
  burst[128 + 20] ^= 1;
  uint32_t items[3 * EG_OPEN_WORDS] = {1, 0, 94, 0, 1, 128, 94, 0, 1, 256, 94, 0};
  CHECK_EQUAL(eg_aead_open(bench.keys, burst, items, 3), 2);
  CHECK(items[3] != 0);
  CHECK_EQUAL(items[7], 0);
  CHECK(items[11] != 0);
  CHECK_OCTETS(burst + 256 + HEADER_LEN, content, sizeof content);
}

static void rows_have_keys_of_their_own(void) {
  uint8_t keys[3 * KEY_LEN], content[20] = {1, 2, 3}, burst[3 * 64] = {0};
  fill_pattern(keys, sizeof keys, 5);
  uint32_t seal_items[3 * EG_SEAL_WORDS] = {0}, open_items[3 * EG_OPEN_WORDS];
  for (uint32_t row = 0; row < 3; row++) {
    memcpy(seal_items + row * EG_SEAL_WORDS, (uint32_t[]){row, row * 64, 20, 0, 0, 0, 16, 0, 0}, EG_SEAL_WORDS * 4);
    memcpy(open_items + row * EG_OPEN_WORDS, (uint32_t[]){row, row * 64, 50, 0}, EG_OPEN_WORDS * 4);
  }
  CHECK_EQUAL(eg_aead_seal(keys, burst, content, content, seal_items, 3), 3);
  CHECK(memcmp(burst + HEADER_LEN, burst + 64 + HEADER_LEN, 20) != 0);
  /* Two rows have changed places. */
  open_items[0] = 1;
  open_items[EG_OPEN_WORDS] = 0;
  CHECK_EQUAL(eg_aead_open(keys, burst, open_items, 3), 1);
  CHECK_EQUAL(open_items[3], 0);
  CHECK_EQUAL(open_items[7], 0);
  CHECK(open_items[11] != 0);
  CHECK_OCTETS(burst + 128 + HEADER_LEN + EG_HEADER_LEN, content, 16);
}

static void what_does_not_verify_stays_as_it_was(void) {
  uint8_t key[KEY_LEN] = {3}, content[64], forged[64 + OVERHEAD_LEN];
  fill_pattern(content, sizeof content, 4);
  struct bench bench = bench_with(key);
  CHECK_EQUAL(seal(&bench, 1, content, sizeof content), 1);
  bench.datagram[30] ^= 1;
  memcpy(forged, bench.datagram, sizeof forged);
  CHECK_EQUAL(open_datagram(&bench, sizeof forged), 0);
  CHECK_OCTETS(bench.datagram, forged, sizeof forged);
}

/* The greatest UDP payload, and what is too long to be one. */
static void the_longest_content_survives(void) {
  static uint8_t source[65536], out[HEADER_LEN + 65537 + 16];
  uint8_t keys[KEY_LEN] = {8};
  uint32_t length = 65507 - OVERHEAD_LEN;
  fill_pattern(source, sizeof source, 9);
  uint32_t item[EG_SEAL_WORDS] = {0, 0, length, 0, 0, 0, length - EG_HEADER_LEN, 0, 0};
  CHECK_EQUAL(eg_aead_seal(keys, out, source, source, item, 1), 1);
  uint32_t open_item[EG_OPEN_WORDS] = {0, 0, length + OVERHEAD_LEN, 0};
  CHECK_EQUAL(eg_aead_open(keys, out, open_item, 1), 1);
  CHECK_EQUAL(open_item[3], 0x10000 | slow_sum(source, length - EG_HEADER_LEN));
  CHECK_OCTETS(out + HEADER_LEN + EG_HEADER_LEN, source, length - EG_HEADER_LEN);
  item[2] = 65537;
  CHECK_EQUAL(eg_aead_seal(keys, out, source, source, item, 1), -EMSGSIZE);
  open_item[2] = 65537;
  CHECK_EQUAL(eg_aead_open(keys, out, open_item, 1), 0);
  CHECK_EQUAL(open_item[3], 0);
}

static void no_items_are_no_work(void) {
  uint8_t octets[1] = {0};
  uint32_t items[1] = {0};
  CHECK_EQUAL(eg_aead_seal(octets, octets, octets, octets, items, 0), 0);
  CHECK_EQUAL(eg_aead_open(octets, octets, items, 0), 0);
}

/* MAC1 of the recorded initiation; the key is BLAKE2s("mac1----" | responder's public key). */
static void mac_verifies_recorded_mac1(void) {
  uint8_t key[32], message[150] = {0};
  from_hex(key, "be0e10ee2e101a7eacf75ca638df06fd462cee02004350449d9aef05b44f888d", sizeof key);
  from_hex(message + 5,
           "00e1e8eff6c8feca81be196cdf2cadeabf13c4903d7632dce4955aa68b6e5d9adef54e26166670789e97b9b974504311"
           "2dc0385de5fa733a2be8ac5e90d64272b267365b6b4af59936c016c02552ee59a39603eb2aa411d3b7cdd46910186df3"
           "a0126c4492f0304f240542a5757bf469cd861f0149173114478e091f9dcca46a2d",
           129);
  uint64_t macs[2] = {0};
  CHECK_EQUAL(eg_mac_verify(macs, 1, message, 5, 113, 118), -EINVAL);
  CHECK_EQUAL(eg_mac_set(macs, 1, key), 0);
  CHECK_EQUAL(eg_mac_verify(macs, 1, message, 5, 113, 118), 1);
  for (uint32_t i = 5; i < 134; i++) {
    message[i] ^= 0x10;
    CHECK_EQUAL(eg_mac_verify(macs, 1, message, 5, 113, 118), 0);
    message[i] ^= 0x10;
  }
  CHECK_EQUAL(eg_mac_verify(macs, 1, message, 5, 113, 118), 1);
  key[0] ^= 1;
  CHECK_EQUAL(eg_mac_set(macs, 1, key), 0);
  CHECK_EQUAL(eg_mac_verify(macs, 1, message, 5, 113, 118), 0);
  CHECK_EQUAL(eg_mac_clear(macs, 1), 0);
  CHECK_EQUAL(macs[1], 0);
}

static void check_curve(const char *scalar, const char *point, const char *result) {
  uint8_t private_key[32], public_key[32], expected[32], shared[32];
  from_hex(private_key, scalar, 32);
  from_hex(public_key, point, 32);
  from_hex(expected, result, 32);
  CHECK_EQUAL(eg_x25519(shared, private_key, public_key), 0);
  CHECK_OCTETS(shared, expected, 32);
}

/* §5.2 */
static void x25519_gives_rfc_7748_values(void) {
  check_curve("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
              "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
              "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  check_curve("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
              "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
              "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

/* §5.2: the result becomes the scalar, and the scalar before it the point. */
static void x25519_gives_rfc_7748_values_iterated(void) {
  uint8_t scalar[32] = {9}, point[32] = {9}, result[32], expected[32];
  for (int i = 1; i <= 1000; i++) {
    CHECK_EQUAL(eg_x25519(result, scalar, point), 0);
    memcpy(point, scalar, 32);
    memcpy(scalar, result, 32);
    if (i == 1) from_hex(expected, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", 32);
    if (i == 1) CHECK_OCTETS(result, expected, 32);
  }
  from_hex(expected, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", 32);
  CHECK_OCTETS(result, expected, 32);
}

static void x25519_refuses_points_of_small_order(void) {
  /* The points of order 1, 2, 4 and 8 on curve and twist, canonical forms first; WireGuard refuses what they yield. */
  static const char *const points[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  uint8_t private_key[32], public_key[32], shared[32];
  fill_pattern(private_key, sizeof private_key, 6);
  for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
    from_hex(public_key, points[i], 32);
    CHECK_EQUAL(eg_x25519(shared, private_key, public_key), -EINVAL);
  }
}

const struct test aead_tests[] = {
    {"eg_aead_seal() gives the ciphertext of RFC 8439 A.2", seal_gives_rfc_8439_ciphertext},
    {"eg_aead_seal() gives the datagrams of a reference node, which eg_aead_open() opens", seal_gives_recorded_datagrams},
    {"eg_aead_open() gives back every length, with its sum", every_length_survives_with_its_sum},
    {"eg_aead_open() folds the sum of a frame of ones", sums_of_all_ones_don_t_overflow},
    {"eg_aead_seal() gathers headers and payload and pads with zeros", seal_gathers_headers_and_payload},
    {"eg_aead_seal() completes checksums of TCP and UDP at every length", seal_completes_checksums},
    {"eg_aead_seal() writes a UDP checksum of zero as ones", a_udp_checksum_of_zero_is_written_as_ones},
    {"eg_aead_open() refuses every flipped octet and every truncation", open_refuses_every_flipped_octet},
    {"eg_aead_open() goes on behind a forgery", open_goes_on_behind_a_forgery},
    {"eg_aead_seal() and eg_aead_open() use the key of each datagram's row", rows_have_keys_of_their_own},
    {"eg_aead_open() leaves what doesn't verify as it was", what_does_not_verify_stays_as_it_was},
    {"eg_aead_seal() and eg_aead_open() take the longest datagram and refuse longer ones", the_longest_content_survives},
    {"eg_aead_seal() and eg_aead_open() take no items for no work", no_items_are_no_work},
    {"eg_mac_verify() agrees with a recorded MAC1 and refuses every flipped octet", mac_verifies_recorded_mac1},
    {"eg_x25519() gives the values of RFC 7748", x25519_gives_rfc_7748_values},
    {"eg_x25519() gives the value of RFC 7748 after a thousand rounds", x25519_gives_rfc_7748_values_iterated},
    {"eg_x25519() refuses points of small order", x25519_refuses_points_of_small_order},
    {NULL, NULL},
};
