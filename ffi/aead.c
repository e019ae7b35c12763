/* aead.c: seals and opens bursts with libcrypto; the keyed hash and the curve of the handshake. */
#include "checksum.h"
#include "etherguard.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stddef.h>
#include <string.h>

#define TRANSPORT_HEADER_LEN 14u
#define COUNTER_AT 6u
#define EG_HEADER_LEN 4u
#define TAG_LEN 16
#define KEY_LEN 32u
#define MAC_LEN 16u
#define CHACHA_BLOCK_LEN 64u
/* Longest content: that of the longest datagram. */
#define CONTENT_MAX 65536u
/* Room for libcrypto's Poly1305 state, whose size it tells only at run time. */
#define POLY1305_STATE_WORDS 64u

/*
 * What libcrypto makes its own ChaCha20-Poly1305 of. The static library exports these functions, though no public header
 * declares them; their interface has been the same since OpenSSL 1.1.0. Through EVP, each datagram costs a look-up of
 * parameters by name and a call of the cipher for the one block that yields the MAC's key: together a sixth of the time.
 */
void ChaCha20_ctr32(uint8_t *out, const uint8_t *in, size_t length, const uint32_t key[8], const uint32_t counter[4]);
typedef struct poly1305_context POLY1305;
size_t Poly1305_ctx_size(void);
void Poly1305_Init(POLY1305 *context, const uint8_t key[32]);
void Poly1305_Update(POLY1305 *context, const uint8_t *in, size_t length);
void Poly1305_Final(POLY1305 *context, uint8_t mac[TAG_LEN]);

/* The words of key, nonce and length are little-endian, as RFC 8439 wants them, only where the host is. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian host needs conversions here");

/* The content of one datagram behind the keystream block that its MAC's key is taken from; and what it was made with. */
struct work {
  uint32_t key[KEY_LEN / 4];
  uint8_t block[CHACHA_BLOCK_LEN];
  uint8_t content[CONTENT_MAX];
};

/* Keeps libcrypto from reading the machine's openssl.cnf, which may name engines that we don't want in this process. */
static void init_libcrypto(void) { OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL); }

/* Applies the keystream from block 0 on: `block` becomes the MAC's key, `content` is enciphered or deciphered. One call
 * for both lets the widest code of the cipher do all of it. RFC 8439 §2.6 and §2.8. */
static void apply_keystream(struct work *work, uint32_t length, const uint8_t *key, const uint8_t *datagram) {
  uint32_t counter[4] = {0};
  memcpy(work->key, key, sizeof work->key);
  memcpy(&counter[2], datagram + COUNTER_AT, 8);
  memset(work->block, 0, sizeof work->block);
  ChaCha20_ctr32(work->block, work->block, CHACHA_BLOCK_LEN + length, work->key, counter);
}

/* Poly1305 over the ciphertext, its padding, and the lengths of no associated data and of the ciphertext: §2.8. */
static void authenticate(const uint8_t *mac_key, const uint8_t *ciphertext, uint32_t length, uint8_t tag[TAG_LEN]) {
  uint64_t state[POLY1305_STATE_WORDS];
  POLY1305 *context = (POLY1305 *)state;
  static const uint8_t zeros[16];
  uint64_t lengths[2] = {0, length};
  Poly1305_Init(context, mac_key);
  Poly1305_Update(context, ciphertext, length);
  if (length % 16 != 0) Poly1305_Update(context, zeros, 16 - length % 16);
  Poly1305_Update(context, (const uint8_t *)lengths, sizeof lengths);
  Poly1305_Final(context, tag);
}

/* Completes the checksum of the frame as VIRTIO_NET_HDR_F_NEEDS_CSUM asks (virtio 1.x §5.1.6.2). */
static void complete_checksum(uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset) {
  uint16_t sum = (uint16_t)~sum16(frame + start, length - start);
  /* Zero means "no checksum" in UDP; its other form is equal in one's complement arithmetic, and right for TCP too. */
  if (sum == 0 && offset == 6) sum = 0xffff;
  frame[start + offset] = (uint8_t)(sum >> 8);
  frame[start + offset + 1] = (uint8_t)sum;
}

int32_t eg_aead_seal(const uint8_t *keys, uint8_t *out, const uint8_t *headers, const uint8_t *source,
                     const uint32_t *items, uint32_t count) {
  struct work work;
  if (Poly1305_ctx_size() > POLY1305_STATE_WORDS * sizeof(uint64_t)) return -ENOTSUP;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t *item = items + i * EG_SEAL_WORDS;
    uint8_t *datagram = out + item[1];
    uint32_t length = item[2];
    if (length > CONTENT_MAX) return -EMSGSIZE;
    if (length >= EG_HEADER_LEN) {
      uint8_t *frame = work.content + EG_HEADER_LEN;
      uint32_t frame_len = item[4] + item[6];
      memcpy(work.content, datagram + TRANSPORT_HEADER_LEN, EG_HEADER_LEN);
      memcpy(frame, headers + item[3], item[4]);
      memcpy(frame + item[4], source + item[5], item[6]);
      memset(frame + frame_len, 0, length - EG_HEADER_LEN - frame_len);
      if (item[7] != 0) complete_checksum(frame, frame_len, item[7], item[8]);
    }
    apply_keystream(&work, length, keys + item[0] * KEY_LEN, datagram);
    memcpy(datagram + TRANSPORT_HEADER_LEN, work.content, length);
    authenticate(work.block, work.content, length, datagram + TRANSPORT_HEADER_LEN + length);
  }
  OPENSSL_cleanse(&work, offsetof(struct work, content));
  return (int32_t)count;
}

int32_t eg_aead_open(const uint8_t *keys, uint8_t *buffer, uint32_t *items, uint32_t count) {
  struct work work;
  int32_t opened = 0;
  if (Poly1305_ctx_size() > POLY1305_STATE_WORDS * sizeof(uint64_t)) return -ENOTSUP;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t *item = items + i * EG_OPEN_WORDS;
    uint8_t *content = buffer + item[1] + TRANSPORT_HEADER_LEN;
    uint8_t tag[TAG_LEN];
    item[3] = 0;
    if (item[2] < TRANSPORT_HEADER_LEN + TAG_LEN || item[2] > CONTENT_MAX) continue;
    uint32_t length = item[2] - TRANSPORT_HEADER_LEN - TAG_LEN;
    memcpy(work.content, content, length);
    apply_keystream(&work, length, keys + item[0] * KEY_LEN, buffer + item[1]);
    authenticate(work.block, content, length, tag);
    if (CRYPTO_memcmp(tag, content + length, TAG_LEN) != 0) continue;
    memcpy(content, work.content, length);
    item[3] = 0x10000u;
    if (length > EG_HEADER_LEN) item[3] |= sum16(content + EG_HEADER_LEN, length - EG_HEADER_LEN);
    opened++;
  }
  OPENSSL_cleanse(&work, offsetof(struct work, content));
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
