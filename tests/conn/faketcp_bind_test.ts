import { createPair, deliver } from "../faketcp/connection.ts";
import { testBindContract } from "./bind_contract.ts";

for (const family of [4, 6] as const) {
  testBindContract(`FakeTcpBind over IPv${family}`, () => {
    const [first, second] = createPair(family);
    return {
      sender: first.bind,
      receiver: second.bind,
      carriesEmpty: false,
      senderEndpoint: second.peer,
      receiverEndpoint: first.peer,
      deliver() {
        deliver(first, second);
        deliver(second, first);
      },
      [Symbol.dispose]() {},
    };
  });
}
