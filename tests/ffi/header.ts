/**
 * Reads `ffi/etherguard.h`, so that tests can hold the bindings against it.
 *
 * @module
 */

/** A function that the shim exports. */
export interface HeaderFunction {
  readonly name: string;
  /** Types as `Deno.dlopen` writes them. */
  readonly parameters: readonly string[];
  readonly result: string;
}

/** What the header declares. */
export interface Header {
  readonly functions: readonly HeaderFunction[];
  /** Macros with a number for a value. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Fields of `struct eg_endpoint` in order, by name, with their length in words. */
  readonly endpointFields: readonly (readonly [name: string, words: number])[];
}

const FFI_TYPES: Record<string, string> = { "uint32_t": "u32", "int32_t": "i32", "double": "f64", "void": "void" };

/** Reads the header of this checkout. */
export function readHeader(): Header {
  const text = Deno.readTextFileSync(new URL("../../ffi/etherguard.h", import.meta.url)).replace(/\/\*.*?\*\//gs, "");
  const functions = text.matchAll(/EG_EXPORT\s+(\w+)\s+(eg_\w+)\(([^)]*)\);/g);
  const numbers = text.matchAll(/^#define\s+(EG_\w+)\s+(\d+)u?\s*$/gm);
  const fields = /struct eg_endpoint \{([^}]*)\}/.exec(text)?.[1].matchAll(/uint32_t (\w+)(?:\[(\d+)\])?;/g) ?? [];
  return {
    functions: Array.from(functions, ([, result, name, list]) => ({
      name,
      parameters: list.trim() === "void" ? [] : list.split(",").map(typeOfParameter),
      result: FFI_TYPES[result],
    })),
    numbers: new Map(Array.from(numbers, ([, name, value]) => [name, Number(value)])),
    endpointFields: Array.from(fields, ([, name, length]) => [name, Number(length ?? 1)]),
  };
}

/** A pointer is a buffer; a number says its width. */
function typeOfParameter(declaration: string): string {
  if (declaration.includes("*")) return "buffer";
  return FFI_TYPES[declaration.trim().split(/\s+/)[0]];
}
