/* checksum.c: the Internet checksum. */
#include "checksum.h"
#include "etherguard.h"

#include <string.h>

uint32_t sum16(const uint8_t *octets, uint32_t length) {
  uint64_t sum = 0;
  uint32_t i = 0;
  for (; i + 4 <= length; i += 4) {
    uint32_t word;
    memcpy(&word, octets + i, 4);
    sum += word;
  }
  if (length - i >= 2) {
    uint16_t word;
    memcpy(&word, octets + i, 2);
    sum += word;
    i += 2;
  }
  if (i < length) {
    uint16_t word = 0;
    memcpy(&word, octets + i, 1);
    sum += word;
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  /* The one's complement sum of swapped words is the swapped sum (RFC 1071 §2B). */
  return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16((uint16_t)sum) : (uint32_t)sum;
}

uint32_t eg_sum(const uint8_t *buffer, uint32_t at, uint32_t length) { return sum16(buffer + at, length); }
