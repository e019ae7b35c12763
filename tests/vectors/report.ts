/**
 * A report over HTTP as a reference node sends it: the gzip of the last of `PEER_REPORT_VECTORS` (`gob.ts`), and the token.
 *
 * The key is 00 01 … 1f. Source: `http-api.md` §5.
 *
 * @module
 */

/** The body in base64; also what the node calls the hash of it. */
export const GO_BODY_BASE64 =
  "H4sIAAAAAAAA/0zOT0rDQBTH8fdrtMY/qOgBBA8QkloKurHBLqwoFC2ClBJCMwkDSSadGQWX1vrvCHoaj+VGRyZI8e0+j/eFd2oeHGA3" +
  "HPQjySohdVQxJnmZCpgZwcHyQJSZgnkmuOdiEufXbQXzulCnFtGeeWoA26Nxoe8rpjybXaisDs2caGoeHWBlsZ4Tmli9ZNNbpnS/hyZh" +
  "7UpOolIk7I89pf/RHfKCJTxN4RLWLYYizPkds94Mk4RrLso4PxFKwyWiffOyBOwUcTVSWvIyG6e5iHWnXb+/YW98MwMaDQBfH+923o7x" +
  "/XnWJWArOGx5vtfyAv/owPeDn5suiH4DAAD//7FpxS8vAQAA";

/** The body. */
export const GO_BODY: Uint8Array<ArrayBuffer> = Uint8Array.fromBase64(GO_BODY_BASE64);

/** The token, with `PostCount` 7. */
export const GO_TOKEN = [
  "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
  new TextEncoder().encode(`{"PostCount":7,"BodyHash":"${GO_BODY_BASE64}"}`).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  }),
  "rlcVoCfztgV5eFSaIO7l1EiHLfut6Cxkhbf9eOuJhbk",
].join(".");
