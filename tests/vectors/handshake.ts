/**
 * One complete exchange, byte for byte: handshake, two transport messages, a cookie reply.
 *
 * Recorded from the reference node (revision `93e911a`, program version `v0.3.5-f5`, built with Go 1.24.4): its own
 * functions were called with these private keys, indices and this timestamp in place of random ones, and the results
 * recomputed by an independent implementation. Source: `wire.md`, appendix A.
 *
 * @module
 */

function octets(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex);
}

/** The exchange, in the order in which its values arise. */
export const HANDSHAKE_VECTOR = {
  /** Long-term private key of the initiator, node 1; clamped. */
  initiatorPrivateKey: octets("0002030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f60"),
  initiatorPublicKey: octets("07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"),
  /** Long-term private key of the responder, node 2; clamped. */
  responderPrivateKey: octets("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e5f"),
  responderPublicKey: octets("493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d"),
  presharedKey: octets("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"),
  /** Ephemeral private key of the initiator. */
  initiatorEphemeral: octets("00080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd35a"),
  initiatorIndex: 0xf6efe8e1,
  /** TAI64N. */
  timestamp: octets("400000006b02dfc720000000"),
  /** The initiation with its MAC1; MAC2 is zero. */
  initiation: octets(
    "00e1e8eff6c8feca81be196cdf2cadeabf13c4903d7632dce4955aa68b6e5d9adef54e26166670789e97b9b974504311" +
      "2dc0385de5fa733a2be8ac5e90d64272b267365b6b4af59936c016c02552ee59a39603eb2aa411d3b7cdd46910186df3" +
      "a0126c4492f0304f240542a5757bf469cd861f0149173114478e091f9dcca46a2d000000000000000000000000000000" +
      "00",
  ),
  hashAfterInitiation: octets("d1808eb8ad7edd489fba6693a2a54862086ed65cdb6edc6649b0cebfa1a2a62e"),
  chainingKeyAfterInitiation: octets("c4e83ad9676a20e50f63cc7ae19109f81ac9b8631100c6df04d60c2a2f56e546"),
  /** Ephemeral private key of the responder. */
  responderEphemeral: octets("1820272e353c434a51585f666d747b828990979ea5acb3bac1c8cfd6dde4eb72"),
  responderIndex: 0x120b04fd,
  /** The response with its MAC1; MAC2 is zero. */
  response: octets(
    "01fd040b12e1e8eff697a8a4394e14bc30eefd6629534fe99ab668bf53a74c09838c53dfbd1055f90d3fea69e8003bfb" +
      "797adacef045d3882bf5321bed54446fe7f44e301672e5adb200000000000000000000000000000000",
  ),
  hashAfterResponse: octets("29a4cf8019620f60c937e4c8deb8e90f85946d794a5081a16a69647005b002d7"),
  chainingKeyAfterResponse: octets("167854585794f5412f17bfa02e7155cc84010f07bdfff923893271c65c4eccba"),
  /** Session key from initiator to responder. */
  initiatorToResponder: octets("2530cb3db8688bd32fd4e8df7ef7ab399eb9e8bf1330732cdc540c6ad9c9b6f2"),
  /** Session key from responder to initiator. */
  responderToInitiator: octets("76d90c259d1c8111e173b93cc5cd86a0e40e49ab90be0284decd29803d2a7447"),
  /** Destination 2, source 1, a frame of 19 octets, 9 octets of padding. */
  content: octets("0002000102a0f000000202a0f000000188b568656c6c6f000000000000000000"),
  /** `content` from initiator to responder: usage 4, TTL 200, counter 5. */
  transport: octets(
    "04c8fd040b120500000000000000f33d0293df71c78077a71b21bc3583eba411c1667208d4f108358d7b1a9dad43f753" +
      "ad98e7332f203d033f3e2124aec7",
  ),
  /** From initiator to responder: usage 3, TTL 0, counter 0. */
  keepalive: octets("0300fd040b120000000000000000dc6688ffebb26178ba22020e9766ae69"),
  /** Secret of the responder for cookies. */
  cookieSecret: octets("f900070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2"),
  /** Address and port of the initiator as the responder's socket writes them: 192.0.2.1, 12345 little-endian. */
  cookieSource: octets("c00002013930"),
  /** Answers `initiation`, under `cookieSecret` and `cookieSource`. */
  cookieReply: octets(
    "02e1e8eff6d9e0e7eef5fc030a11181f262d343b424950575e656c737aad40c4862a61a751fb4d519d2b3d8b6b70476d" +
      "e53418069f3d0acd5e1d7e718e",
  ),
  /** The cookie within `cookieReply`. */
  cookie: octets("0c7a10847fc5523ae15183a161fc77e4"),
  /** MAC2 of `initiation` under `cookie`. */
  initiationMac2: octets("723982632ea5239a9d41be3c0b64dd3d"),
};

/** Chaining key and hash before any message (`wire.md` §2). */
export const INITIAL_CHAINING_KEY = octets("60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36");
export const INITIAL_HASH = octets("2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3");
