/**
 * A program for either end of a file transfer; runs inside a namespace.
 *
 *     tcp_peer.ts receive PORT FILE               takes one connection's octets into a file, then closes
 *     tcp_peer.ts send ADDRESS PORT FILE [RATE]   sends a file, RATE octets per second, and waits until the other end
 *                                                 has taken all of it
 *
 * The receiver prints "listening" when it can be reached, and "receiving" when the first octets have come.
 *
 * @module
 */

async function receive(port: number, path: string): Promise<void> {
  using listener = Deno.listen({ hostname: "::", port });
  console.log("listening");
  using connection = await listener.accept();
  using file = await Deno.create(path);
  const buffer = new Uint8Array(1 << 18);
  let isFirst = true;
  for (let length = await connection.read(buffer); length !== null; length = await connection.read(buffer)) {
    if (isFirst) console.log("receiving");
    isFirst = false;
    for (let written = 0; written < length;) written += file.writeSync(buffer.subarray(written, length));
  }
}

async function send(hostname: string, port: number, path: string, rate: number): Promise<void> {
  using connection = await Deno.connect({ hostname, port });
  const file = await Deno.open(path);
  const beginMs = performance.now();
  let sent = 0;
  const pacer = new TransformStream<Uint8Array, Uint8Array>({
    async transform(chunk, controller) {
      const waitMs = beginMs + sent / rate * 1000 - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      sent += chunk.length;
      controller.enqueue(chunk);
    },
  });
  await file.readable.pipeThrough(pacer).pipeTo(connection.writable, { preventClose: true });
  await connection.closeWrite();
  // The receiver closes when it has everything.
  while (await connection.read(new Uint8Array(1)) !== null);
}

const [command, ...args] = Deno.args;
if (command === "receive") await receive(Number(args[0]), args[1]);
else await send(args[0], Number(args[1]), args[2], Number(args[3] ?? Infinity));
