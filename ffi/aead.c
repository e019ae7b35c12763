/* aead.c: seals and opens bursts with libcrypto; the keyed hash and the curve of the handshake. */
#include "etherguard.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define TRANSPORT_HEADER_LEN 14u
#define COUNTER_AT 6u
#define EG_HEADER_LEN 4u
#define TAG_LEN 16
#define NONCE_LEN 12
#define KEY_LEN 32u
#define MAC_LEN 16u

/* Keeps libcrypto from reading the machine's openssl.cnf, which may name engines that we don't want in this process. */
static void init_libcrypto(void) { OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL); }

static void nonce_of(const uint8_t *datagram, uint8_t nonce[NONCE_LEN]) {
  memset(nonce, 0, 4);
  memcpy(nonce + 4, datagram + COUNTER_AT, 8);
}

/* RFC 1071 sum of `length` octets, folded to 16 bits, as if of big-endian words; an odd last octet counts as high. */
static uint32_t sum16(const uint8_t *octets, uint32_t length) {
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

int32_t eg_aead_set(uint64_t *contexts, uint32_t row, const uint8_t *keys, uint32_t key_at, uint32_t seal) {
  init_libcrypto();
  eg_aead_clear(contexts, row);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  if (context == NULL) return -ENOMEM;
  if (EVP_CipherInit_ex(context, EVP_chacha20_poly1305(), NULL, keys + key_at, NULL, seal != 0) != 1) {
    EVP_CIPHER_CTX_free(context);
    return -ENOTSUP;
  }
  contexts[row] = (uint64_t)(uintptr_t)context;
  return 0;
}

int32_t eg_aead_clear(uint64_t *contexts, uint32_t row) {
  EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)(uintptr_t)contexts[row]);
  contexts[row] = 0;
  return 0;
}

/* Completes the checksum of the frame as VIRTIO_NET_HDR_F_NEEDS_CSUM asks (virtio 1.x §5.1.6.2). */
static void complete_checksum(uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset) {
  uint16_t sum = (uint16_t)~sum16(frame + start, length - start);
  /* Zero means "no checksum" in UDP; its other form is equal in one's complement arithmetic, and right for TCP too. */
  if (sum == 0 && offset == 6) sum = 0xffff;
  frame[start + offset] = (uint8_t)(sum >> 8);
  frame[start + offset + 1] = (uint8_t)sum;
}

int32_t eg_aead_seal(const uint64_t *contexts, uint8_t *out, const uint8_t *headers, const uint8_t *source,
                     const uint32_t *items, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t *item = items + i * EG_SEAL_WORDS;
    EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *)(uintptr_t)contexts[item[0]];
    uint8_t *datagram = out + item[1];
    uint8_t *content = datagram + TRANSPORT_HEADER_LEN;
    uint32_t content_len = item[2];
    if (content_len > EG_HEADER_LEN) {
      uint8_t *frame = content + EG_HEADER_LEN;
      uint32_t frame_len = item[4] + item[6];
      memcpy(frame, headers + item[3], item[4]);
      memcpy(frame + item[4], source + item[5], item[6]);
      memset(frame + frame_len, 0, content_len - EG_HEADER_LEN - frame_len);
      if (item[7] != 0) complete_checksum(frame, frame_len, item[7], item[8]);
    }
    uint8_t nonce[NONCE_LEN];
    int length;
    nonce_of(datagram, nonce);
    if (context == NULL || EVP_EncryptInit_ex(context, NULL, NULL, NULL, nonce) != 1 ||
        EVP_EncryptUpdate(context, content, &length, content, (int)content_len) != 1 ||
        EVP_EncryptFinal_ex(context, content + length, &length) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, content + content_len) != 1)
      return -EINVAL;
  }
  return (int32_t)count;
}

int32_t eg_aead_open(const uint64_t *contexts, uint8_t *buffer, uint32_t *items, uint32_t count) {
  int32_t opened = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t *item = items + i * EG_OPEN_WORDS;
    EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *)(uintptr_t)contexts[item[0]];
    uint8_t *datagram = buffer + item[1];
    uint8_t *content = datagram + TRANSPORT_HEADER_LEN;
    item[3] = 0;
    if (context == NULL || item[2] < TRANSPORT_HEADER_LEN + TAG_LEN) continue;
    uint32_t content_len = item[2] - TRANSPORT_HEADER_LEN - TAG_LEN;
    uint8_t nonce[NONCE_LEN];
    int length;
    nonce_of(datagram, nonce);
    if (EVP_DecryptInit_ex(context, NULL, NULL, NULL, nonce) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, content + content_len) != 1 ||
        EVP_DecryptUpdate(context, content, &length, content, (int)content_len) != 1 ||
        EVP_DecryptFinal_ex(context, content + length, &length) != 1)
      continue;
    item[3] = 0x10000u;
    if (content_len > EG_HEADER_LEN) item[3] |= sum16(content + EG_HEADER_LEN, content_len - EG_HEADER_LEN);
    opened++;
  }
  return opened;
}

int32_t eg_mac_set(uint64_t *macs, uint32_t row, const uint8_t *key) {
  init_libcrypto();
  eg_mac_clear(macs, row);
  EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
  if (algorithm == NULL) return -ENOTSUP;
  EVP_MAC_CTX *context = EVP_MAC_CTX_new(algorithm);
  EVP_MAC_free(algorithm);
  if (context == NULL) return -ENOMEM;
  size_t mac_len = MAC_LEN;
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &mac_len), OSSL_PARAM_construct_end()};
  if (EVP_MAC_init(context, key, KEY_LEN, parameters) != 1) {
    EVP_MAC_CTX_free(context);
    return -ENOTSUP;
  }
  macs[row] = (uint64_t)(uintptr_t)context;
  return 0;
}

int32_t eg_mac_clear(uint64_t *macs, uint32_t row) {
  EVP_MAC_CTX_free((EVP_MAC_CTX *)(uintptr_t)macs[row]);
  macs[row] = 0;
  return 0;
}

int32_t eg_mac_verify(const uint64_t *macs, uint32_t row, const uint8_t *buffer, uint32_t at, uint32_t length,
                      uint32_t mac_at) {
  EVP_MAC_CTX *context = (EVP_MAC_CTX *)(uintptr_t)macs[row];
  uint8_t mac[MAC_LEN];
  size_t mac_len;
  if (context == NULL || EVP_MAC_init(context, NULL, 0, NULL) != 1 ||
      EVP_MAC_update(context, buffer + at, length) != 1 || EVP_MAC_final(context, mac, &mac_len, sizeof mac) != 1)
    return -EINVAL;
  return CRYPTO_memcmp(mac, buffer + mac_at, MAC_LEN) == 0;
}

int32_t eg_x25519(uint8_t *shared, const uint8_t *private_key, const uint8_t *public_key) {
  init_libcrypto();
  int32_t result = -EINVAL;
  size_t length = KEY_LEN;
  EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, KEY_LEN);
  EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, KEY_LEN);
  EVP_PKEY_CTX *context = own == NULL ? NULL : EVP_PKEY_CTX_new(own, NULL);
  if (context != NULL && other != NULL && EVP_PKEY_derive_init(context) == 1 &&
      EVP_PKEY_derive_set_peer(context, other) == 1 && EVP_PKEY_derive(context, shared, &length) == 1 &&
      length == KEY_LEN)
    result = 0;
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(other);
  EVP_PKEY_free(own);
  return result;
}
