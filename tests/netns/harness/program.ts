/**
 * Which etherguard is tried: the compiled program or the one of the checkout.
 *
 * @module
 */

const CHECKOUT = new URL("../../../", import.meta.url).pathname;

/**
 * Path of the compiled program: `ETHERGUARD_BIN`, or `dist/etherguard`.
 *
 * @throws {Error} When there is none; says how to make it.
 */
export function compiledProgram(): string {
  const path = Deno.env.get("ETHERGUARD_BIN") ?? `${CHECKOUT}dist/etherguard`;
  return requireFile(path, "make it with `deno task compile`, or name one in ETHERGUARD_BIN");
}

/**
 * Path of the program as the checkout starts it: `ETHERGUARD_BIN`, or `./etherguard`.
 *
 * @throws {Error} When there is none.
 */
export function checkoutProgram(): string {
  const path = Deno.env.get("ETHERGUARD_BIN") ?? `${CHECKOUT}etherguard`;
  return requireFile(path, "the checkout is incomplete, or ETHERGUARD_BIN names a wrong file");
}

/** Variables for our program: from a checkout it finds this very Deno, wherever that lies, and its text has no colours. */
export function programEnvironment(): Record<string, string> {
  const folder = Deno.execPath().replace(/\/[^/]*$/, "");
  return { NO_COLOR: "1", PATH: `${folder}:${Deno.env.get("PATH") ?? ""}` };
}

function requireFile(path: string, remedy: string): string {
  try {
    if (Deno.statSync(path).isFile) return path;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new Error(`${path} is no program: ${remedy}`);
}
