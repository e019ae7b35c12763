/**
 * Certificates for HTTPS servers of a lab.
 *
 * @module
 */

import { run } from "./process.ts";

/** A certificate that is its own authority, and its key, as files in PEM form. */
export interface Certificate {
  certFile: string;
  keyFile: string;
}

/** Options of `openssl req` for a key as most certificates have it. */
const USUAL_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/** Makes a certificate for some addresses. */
export async function makeCertificate(
  folder: string,
  addresses: readonly string[],
  keyOptions: readonly string[] = USUAL_KEY,
): Promise<Certificate> {
  const [certFile, keyFile] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const names = addresses.map((address) => `IP:${address}`).join(",");
  await run([
    ...["openssl", "req", "-x509", "-days", "2", "-nodes", ...keyOptions],
    ...["-subj", "/CN=super", "-addext", `subjectAltName=${names}`, "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-keyout", keyFile, "-out", certFile],
  ]);
  return { certFile, keyFile };
}
