import { strict as assert } from "node:assert";
import { SystemError } from "../../src/base/errors.ts";
import { Errno, remedyFor, systemError } from "../../src/ffi/errno.ts";
import { loadShim } from "../../src/ffi/shim.ts";

const shim = loadShim();

Deno.test("Errno has the numbers that this system gives these names", () => {
  for (const [name, number] of Object.entries(Errno)) assert.equal(shim.errnoName(number), name);
});

Deno.test("remedyFor() knows what to do about the errors that users meet", () => {
  const cases: [operation: string, errno: number, remedy: RegExp][] = [
    ["TUNSETIFF", Errno.EPERM, /CAP_NET_ADMIN/],
    ["TUNSETIFF", Errno.EBUSY, /Interface\.Name/],
    ["TUNSETIFF", Errno.EINVAL, /another kind/],
    ["TUNSETIFF", Errno.ENOENT, /\/dev\/net\/tun is missing/],
    ["TUNSETIFF", Errno.ENAMETOOLONG, /15 octets/],
    ["open TUN device", Errno.EPERM, /CAP_NET_ADMIN/],
    ["open TUN device", Errno.ENOENT, /\/dev\/net\/tun is missing/],
    ["open TUN device", Errno.EBUSY, /FakeTCP\.TunName/],
    ["set up TUN device", Errno.EADDRINUSE, /FakeTCP addresses/],
    ["set up TUN device", Errno.EACCES, /disable_ipv6/],
    ["bind", Errno.EADDRINUSE, /ListenPort/],
    ["bind", Errno.EADDRNOTAVAIL, /ListenIPv4 or ListenIPv6/],
    ["bind", Errno.EACCES, /CAP_NET_BIND_SERVICE/],
    ["bind", Errno.EPERM, /FwMark/],
    ["bind", Errno.EAFNOSUPPORT, /DisabledAf/],
    ["set up interface", Errno.EPERM, /CAP_NET_ADMIN/],
    ["set up interface", Errno.EINVAL, /Interface\.MTU/],
    ["set up interface", Errno.EACCES, /disable_ipv6/],
  ];
  for (const [operation, errno, remedy] of cases) assert.match(remedyFor(operation, errno), remedy);
});

Deno.test("remedyFor() says nothing about what it doesn't know", () => {
  assert.equal(remedyFor("TUNSETIFF", Errno.EIO), "");
  assert.equal(remedyFor("listen", Errno.EPERM), "");
});

Deno.test("systemError() names operation, object, error and remedy", () => {
  const error = systemError("TUNSETIFF", "eg0", -Errno.EBUSY, shim.errnoName);
  assert.ok(error instanceof SystemError);
  assert.equal(error.errno, Errno.EBUSY);
  assert.equal(error.code, "EBUSY");
  assert.equal(
    error.message,
    "TUNSETIFF eg0: EBUSY: an interface of this name exists: stop the program that uses it, or change Interface.Name",
  );
  assert.equal(systemError("seal", "burst", -Errno.EIO, shim.errnoName).message, "seal burst: EIO");
});
