/**
 * Programs that a test starts: to their end ({@linkcode run}), or in the background ({@linkcode RunningProcess}) with
 * their output read line by line, so that a test waits for a line and not for a time.
 *
 * @module
 */

/** What a program that has ended left behind. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Settings of a program that both ways of starting it share. */
export interface CommandOptions {
  /** Variables added to those of this process. */
  env?: Record<string, string>;
}

/** How {@linkcode run} is to run a program. */
export interface RunOptions extends CommandOptions {
  /** Return a failed program's result instead of throwing. */
  allowFailure?: boolean;
  /** Time after which the program is ended; half a minute if absent. */
  timeoutMs?: number;
}

/** Nothing that a test waits for takes as long. */
const RUN_TIMEOUT_MS = 30_000;

/**
 * Runs a program to its end.
 *
 * @throws {Error} When it can't be started, or ends with a code other than 0 and `allowFailure` isn't set; the message
 * shows the command and what it said.
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const [program, ...args] = command;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), options.timeoutMs ?? RUN_TIMEOUT_MS);
  const output = await new Deno.Command(program, { args, env: options.env, stdin: "null", signal: timeout.signal })
    .output().finally(() => clearTimeout(timer));
  const decoder = new TextDecoder();
  const result = { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
  if (result.code !== 0 && options.allowFailure !== true) {
    const reason = timeout.signal.aborted ? "ended for taking too long" : `exit code ${result.code}`;
    throw new Error(`${command.join(" ")}: ${reason}\n${result.stdout}${result.stderr}`);
  }
  return result;
}

/** One line that a program wrote. */
export interface OutputLine {
  stream: "stdout" | "stderr";
  text: string;
}

/** How {@linkcode RunningProcess} is to start a program. */
export interface SpawnOptions extends CommandOptions {
  /** Name for messages; the program's own if absent. */
  label?: string;
  /** Connect its standard input, for {@linkcode RunningProcess.writeLine}. */
  stdin?: boolean;
}

/** How long a stopped program may take to end before it is killed, in milliseconds. */
const STOP_TIMEOUT_MS = 5_000;
/** Lines of output that an error message shows. */
const TAIL_LINES = 25;

/** A program in the background. Disposal kills it, and returns when it is gone. */
export class RunningProcess implements AsyncDisposable {
  /** Name for messages. */
  readonly label: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: OutputLine[] = [];
  readonly #wakeUps = new Set<() => void>();
  readonly #readers: ReadableStreamDefaultReader<string>[] = [];
  readonly #reading: Promise<unknown>;
  readonly #status: Promise<Deno.CommandStatus>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #ended: Deno.CommandStatus | undefined;

  /** Starts the program at once. Its first argument is the program itself. */
  constructor(command: readonly string[], options: SpawnOptions = {}) {
    const [program, ...args] = command;
    this.label = options.label ?? program;
    this.#child = new Deno.Command(program, {
      args,
      env: options.env,
      stdin: options.stdin ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = options.stdin ? this.#child.stdin.getWriter() : undefined;
    this.#reading = Promise.all([
      this.#readLines("stdout", this.#child.stdout),
      this.#readLines("stderr", this.#child.stderr),
    ]);
    this.#status = this.#child.status.then((status) => {
      this.#ended = status;
      this.#wake();
      return status;
    });
  }

  /** Number of the process in the system. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether the program has ended. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** How the program ended; pending while it runs. All its output has been read by then. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#status.then(async (status) => {
      await this.#reading;
      return status;
    });
  }

  /** All lines so far, in the order of arrival. */
  get lines(): readonly OutputLine[] {
    return this.#lines;
  }

  /** All text of one stream so far. */
  text(stream: OutputLine["stream"]): string {
    return this.#lines.filter((line) => line.stream === stream).map((line) => line.text + "\n").join("");
  }

  /** The last lines of output, for an error message. */
  tail(): string {
    return this.#lines.slice(-TAIL_LINES).map((line) => `  | ${line.text}`).join("\n");
  }

  /**
   * Waits for a line that matches, whether it has been written already or not.
   *
   * @param pattern What the line must match, or a function that judges it.
   * @param timeoutMs Time after which the wait fails.
   * @param from Index into {@linkcode lines} of the first line that counts.
   * @throws {Error} When the deadline passes or the program ends first; the message shows its last lines.
   */
  async waitForLine(pattern: RegExp | ((text: string) => boolean), timeoutMs: number, from = 0): Promise<string> {
    const matches = typeof pattern === "function" ? pattern : (text: string) => pattern.test(text);
    const awaited = typeof pattern === "function" ? "the awaited line" : `a line like ${pattern}`;
    let next = from;
    const deadline = Promise.withResolvers<void>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      deadline.resolve();
    }, timeoutMs);
    try {
      for (;;) {
        for (; next < this.#lines.length; next++) {
          if (matches(this.#lines[next].text)) return this.#lines[next].text;
        }
        if (this.#ended !== undefined) {
          const count = this.#lines.length;
          await this.#reading;
          if (count < this.#lines.length) continue;
          throw new Error(`${this.label} ended with code ${this.#ended.code} before ${awaited}\n${this.tail()}`);
        }
        if (isLate) throw new Error(`${this.label}: ${awaited} didn't come in ${timeoutMs} ms\n${this.tail()}`);
        const woken = Promise.withResolvers<void>();
        this.#wakeUps.add(woken.resolve);
        await Promise.race([woken.promise, deadline.promise]);
        this.#wakeUps.delete(woken.resolve);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Writes one line to the program's standard input. */
  async writeLine(text: string): Promise<void> {
    if (this.#input === undefined) throw new TypeError(`${this.label} was started without standard input`);
    await this.#input.write(new TextEncoder().encode(text + "\n"));
  }

  /** Sends a signal; nothing happens if the program has ended. */
  signal(name: Deno.Signal): void {
    if (this.#ended === undefined) this.#child.kill(name);
  }

  /** Sends a signal and waits for the end; a program that doesn't end within five seconds is killed. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    this.signal(signal);
    const timer = setTimeout(() => this.signal("SIGKILL"), STOP_TIMEOUT_MS);
    const status = await this.#status;
    clearTimeout(timer);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.#status;
    // A child of its own may still hold the pipes, so reading might never end by itself.
    await Promise.all(this.#readers.map((reader) => reader.cancel()));
    await this.#reading;
    await this.#input?.close().catch(() => {});
  }

  async #readLines(stream: OutputLine["stream"], source: ReadableStream<Uint8Array>): Promise<void> {
    const reader = source.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
    this.#readers.push(reader);
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      const parts = (rest + (value ?? "")).split("\n");
      rest = done ? "" : parts.pop() ?? "";
      const complete = parts.filter((text, index) => !done || index < parts.length - 1 || text !== "");
      this.#lines.push(...complete.map((text) => ({ stream, text })));
      this.#wake();
      if (done) return;
    }
  }

  #wake(): void {
    for (const wakeUp of this.#wakeUps) wakeUp();
  }
}
