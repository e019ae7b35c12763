/* checksum.h: the Internet checksum, for the other files of the shim. */
#ifndef EG_CHECKSUM_H
#define EG_CHECKSUM_H

#include <stdint.h>

/* RFC 1071 sum of `length` octets, folded to 16 bits, as if of big-endian words; an odd last octet counts as high. */
uint32_t sum16(const uint8_t *octets, uint32_t length);

#endif
