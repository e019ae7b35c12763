import { strict as assert } from "node:assert";
import { parseEndpoint } from "../../src/base/endpoint.ts";
import { createDatagramBurst, DATAGRAM_SLOT_LEN } from "../../src/conn/bind.ts";
import { MemoryBind } from "../../src/conn/memory_bind.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { testBindContract } from "./bind_contract.ts";

const ENDPOINTS = [parseEndpoint("192.0.2.1:1000")!, parseEndpoint("192.0.2.2:2000")!];

testBindContract("MemoryBind", () => {
  const binds = [new MemoryBind(), new MemoryBind()];
  return {
    sender: binds[0],
    receiver: binds[1],
    carriesEmpty: true,
    senderEndpoint: ENDPOINTS[0],
    receiverEndpoint: ENDPOINTS[1],
    deliver() {
      for (const [index, bind] of binds.entries()) {
        for (const { octets } of bind.sent.splice(0)) binds[1 - index].put({ octets, endpoint: ENDPOINTS[index] });
      }
    },
    [Symbol.dispose]() {},
  };
});

Deno.test("MemoryBind.refuse decides about each run, and after -EAGAIN the rest fails alike", () => {
  const bind = new MemoryBind();
  bind.refuse = ({ datagrams, datagramLen }) => datagrams === 3 ? Errno.EINVAL : datagramLen === 40 ? Errno.EAGAIN : 0;
  const runs = Uint32Array.of(0, 20, 0, 0, 9, 0, 90, 30, 0, 9, 0, 10, 0, 0, 9, 0, 40, 0, 0, 9, 0, 10, 0, 0, 9);
  assert.equal(bind.sendRuns(new Uint8Array(100), runs, 5, ENDPOINTS[0]), 2);
  assert.deepEqual([4, 9, 14, 19, 24].map((at) => runs[at]), [0, Errno.EINVAL, 0, Errno.EAGAIN, Errno.EAGAIN]);
});

Deno.test("MemoryBind.receiveBurst() flags what is longer than a slot", () => {
  const bind = new MemoryBind();
  const burst = createDatagramBurst();
  bind.put({ octets: new Uint8Array(DATAGRAM_SLOT_LEN + 1), endpoint: ENDPOINTS[0] });
  assert.equal(bind.receiveBurst(burst), 1);
  assert.deepEqual([...burst.received.subarray(0, 3)], [DATAGRAM_SLOT_LEN, DATAGRAM_SLOT_LEN, 1]);
});
