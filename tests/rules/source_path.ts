/**
 * Where a linted file lies in the tree: all that the rules need to know of a path.
 *
 * @module
 */

/**
 * Returns the path of a file below `src/`, such as `wire/ipv4.ts`, or `""` for a file elsewhere.
 *
 * The last `src` in the path counts, so that a checkout may itself lie below a folder of that name.
 *
 * @param filename Absolute or relative path, as the linter gives it.
 */
export function pathBelowSrc(filename: string): string {
  const parts = filename.split("/");
  const src = parts.lastIndexOf("src");
  return src === -1 ? "" : parts.slice(src + 1).join("/");
}

/** Returns the folder below `src/` that a path begins with; `""` for a file directly in `src/`. */
export function folderOf(path: string): string {
  const slash = path.indexOf("/");
  return slash === -1 ? "" : path.slice(0, slash);
}

/**
 * Resolves a relative specifier against the importing file, both as paths below `src/`.
 *
 * @returns The imported path below `src/`, or `undefined` if it leaves `src/`.
 */
export function resolveBelowSrc(importer: string, specifier: string): string | undefined {
  const parts = importer.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "." || part === "") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}
