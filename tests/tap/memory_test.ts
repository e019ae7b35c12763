import { strict as assert } from "node:assert";
import { Errno } from "../../src/ffi/errno.ts";
import { MemoryTap } from "../../src/tap/memory.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";
import { testTapContract } from "./tap_contract.ts";

testTapContract("MemoryTap", () => {
  const tap = new MemoryTap();
  return {
    tap,
    send: (frames) =>
      frames.forEach((frame) => tap.put(Uint8Array.of(...new Uint8Array(VIRTIO_NET_HDR_LEN), ...frame))),
    take: (count) => tap.written.splice(0, count).map((written) => written.slice(VIRTIO_NET_HDR_LEN)),
    [Symbol.dispose]() {},
  };
});

Deno.test("MemoryTap.refuse decides about each frame", () => {
  const tap = new MemoryTap();
  tap.refuse = (frame) => frame.length === 30 ? Errno.EIO : 0;
  const results = new Int32Array(2);
  const frames = Uint32Array.of(0, 30, 0, 0, 0, 31, 0, 0);
  assert.equal(tap.writeBurst(new Uint8Array(40), new Uint8Array(0), frames, new Uint32Array(0), 2, results), 1);
  assert.deepEqual([...results], [-Errno.EIO, 31]);
  assert.equal(tap.written.length, 1);
});
