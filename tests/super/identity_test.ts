import { strict as assert } from "node:assert";
import { SystemError } from "../../src/base/errors.ts";
import { parseEndpointText } from "../../src/config/endpoint_text.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { endpointsInFamily, type FamilyKey, openFamilies } from "../../src/super/identity.ts";

const KEY_V4 = new Uint8Array(32).fill(4);
const KEY_V6 = new Uint8Array(32).fill(6);
const CHOSEN_PORT = 40_000;

function familiesOf(listenIpv6?: Uint8Array): FamilyKey[] {
  return [
    { family: 4, privateKey: KEY_V4, listen: undefined },
    { family: 6, privateKey: KEY_V6, listen: listenIpv6 },
  ];
}

/** A kernel that refuses some families, and chooses a port if it is left to it. */
function openerRefusing(errno: number, ...refused: number[]) {
  return (family: 4 | 6, privateKey: Uint8Array, port: number) => {
    if (refused.includes(family)) throw new SystemError("bind", `UDP IPv${family}`, errno, `errno ${errno}`, "");
    return { family, privateKey, port: port === 0 ? CHOSEN_PORT : port };
  };
}

Deno.test("openFamilies() opens an identity for each family that has a key, all at one port", () => {
  const open = openerRefusing(0);
  for (const [port, expected] of [[3000, 3000], [0, CHOSEN_PORT]]) {
    assert.deepEqual(openFamilies(familiesOf(), port, open), [
      { family: 4, privateKey: KEY_V4, port: expected },
      { family: 6, privateKey: KEY_V6, port: expected },
    ]);
  }
  const withoutV4 = familiesOf().map((each) => each.family === 4 ? { ...each, privateKey: undefined } : each);
  assert.deepEqual(openFamilies(withoutV4, 3000, open), [{ family: 6, privateKey: KEY_V6, port: 3000 }]);
});

Deno.test("openFamilies() goes on without a family that the kernel lacks, as long as one remains", () => {
  for (const errno of [Errno.EAFNOSUPPORT, Errno.EADDRNOTAVAIL]) {
    for (const [missing, remaining] of [[4, 6], [6, 4]]) {
      const opened = openFamilies(familiesOf(), 3000, openerRefusing(errno, missing));
      assert.deepEqual(opened.map(({ family }) => family), [remaining]);
    }
    assert.throws(() => openFamilies(familiesOf(), 3000, openerRefusing(errno, 4, 6)), SystemError);
  }
});

Deno.test("openFamilies() fails if a port is taken, or if the address that the user wrote isn't there", () => {
  assert.throws(() => openFamilies(familiesOf(), 3000, openerRefusing(Errno.EADDRINUSE, 6)), SystemError);
  const listen = new Uint8Array(16).fill(0x20);
  assert.throws(() => openFamilies(familiesOf(listen), 3000, openerRefusing(Errno.EADDRNOTAVAIL, 6)), SystemError);
});

Deno.test("endpointsInFamily() leaves out literal addresses of the other family", () => {
  const cases: [string, number, number][] = [["192.0.2.1:3001", 1, 0], ["[2001:db8::1]:3001", 0, 1], [
    "a.test:3001",
    1,
    1,
  ]];
  for (const [text, countV4, countV6] of cases) {
    const endpoint = parseEndpointText(text)!;
    const found = [endpointsInFamily(endpoint, 4), endpointsInFamily(endpoint, 6)];
    assert.deepEqual(found.map(({ length }) => length), [countV4, countV6], text);
    assert.deepEqual(found.flat().map(({ lookupFamily }) => lookupFamily), [4, 6].slice(1 - countV4, 1 + countV6));
  }
});
