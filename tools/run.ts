/**
 * Runs other programs on behalf of a task, in the root of the repository, with their output shown.
 *
 * @module
 */

/** Root of the repository, without a slash at the end. */
export const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** Runs a program and returns its exit code, 128 + n for signal n as a shell does. */
export async function run(
  program: string,
  programArguments: string[],
  env: Record<string, string> = {},
): Promise<number> {
  const { code } = await new Deno.Command(program, {
    args: programArguments,
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return code;
}

/**
 * Runs a program that has to succeed.
 *
 * @throws {Error} If its exit code isn't 0.
 */
export async function runOrThrow(
  program: string,
  programArguments: string[],
  env: Record<string, string> = {},
): Promise<void> {
  const code = await run(program, programArguments, env);
  if (code !== 0) throw new Error(`${program} ${programArguments.join(" ")} failed with exit code ${code}`);
}

/** Returns whether something exists at a path. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    // What we may not look at is not there for us: PATH often names folders of another user.
    const { NotADirectory, NotFound, PermissionDenied } = Deno.errors;
    if ([NotADirectory, NotFound, PermissionDenied].some((kind) => error instanceof kind)) return false;
    throw error;
  }
}
