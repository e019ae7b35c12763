/**
 * What an error number of the system means for the user.
 *
 * One place decides the remedy that a message names; callers decide whether they go on.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";

/** Linux error numbers that the program tells apart; `errno-base.h` and `errno.h`. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  ENAMETOOLONG: 36,
  EBADFD: 77,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
} as const;

const NEEDS_ADMIN = "needs CAP_NET_ADMIN: run as root, or in systemd set AmbientCapabilities=CAP_NET_ADMIN";
const TUN_IS_MISSING =
  "/dev/net/tun is missing: load the tun module (modprobe tun), or pass the device into the container";
const IPV6_IS_OFF =
  "IPv6 is off in the kernel: set sysctl net.ipv6.conf.all.disable_ipv6=0, or remove TunIPv6 and TunPeerIPv6";

const REMEDIES: Record<string, Record<number, string>> = {
  TUNSETIFF: {
    [Errno.EPERM]: NEEDS_ADMIN,
    [Errno.EACCES]: NEEDS_ADMIN,
    [Errno.EBUSY]: "an interface of this name exists: stop the program that uses it, or change Interface.Name",
    [Errno.EINVAL]: "the kernel refuses the name, or an interface of another kind has it: change Interface.Name",
    [Errno.ENOENT]: TUN_IS_MISSING,
    [Errno.ENODEV]: "/dev/net/tun has no driver: load the tun module (modprobe tun)",
    [Errno.ENAMETOOLONG]: "an interface name has at most 15 octets",
  },
  "open TUN device": {
    [Errno.EPERM]: NEEDS_ADMIN,
    [Errno.EACCES]: NEEDS_ADMIN,
    [Errno.EBUSY]: "an interface of this name exists: stop the program that uses it, or change FakeTCP.TunName",
    [Errno.EINVAL]: "the kernel refuses the name, or an interface of another kind has it: change FakeTCP.TunName",
    [Errno.ENOENT]: TUN_IS_MISSING,
    [Errno.ENODEV]: "/dev/net/tun has no driver: load the tun module (modprobe tun)",
    [Errno.ENAMETOOLONG]: "an interface name has at most 15 octets: shorten FakeTCP.TunName",
  },
  "set up TUN device": {
    [Errno.EPERM]: NEEDS_ADMIN,
    [Errno.EINVAL]: "the kernel refuses this value: check FakeTCP.TunMTU and the addresses of the FakeTCP block",
    [Errno.EADDRINUSE]: "change the FakeTCP addresses of that family to a range that nothing else uses",
    [Errno.EADDRNOTAVAIL]: IPV6_IS_OFF,
    [Errno.EACCES]: IPV6_IS_OFF,
    [Errno.EOPNOTSUPP]: IPV6_IS_OFF,
  },
  bind: {
    [Errno.EADDRINUSE]: "another program listens on this port: stop it, or change ListenPort",
    [Errno.EADDRNOTAVAIL]: "no interface has this address: correct DisabledAf.ListenIPv4 or ListenIPv6",
    [Errno.EACCES]: "ports below 1024 need CAP_NET_BIND_SERVICE",
    [Errno.EPERM]: "FwMark needs CAP_NET_ADMIN: run as root, or set FwMark to 0",
    [Errno.EAFNOSUPPORT]: "the kernel lacks this address family: switch it off in DisabledAf",
  },
  "set up interface": {
    [Errno.EPERM]: NEEDS_ADMIN,
    [Errno.EINVAL]: "the kernel refuses this value: check Interface.MTU, MacAddrPrefix and the addresses",
    [Errno.EADDRNOTAVAIL]:
      "the kernel refuses this address; for IPv6 check that it isn't disabled (net.ipv6.conf.*.disable_ipv6)",
    [Errno.EACCES]:
      "IPv6 is disabled on this interface: set sysctl net.ipv6.conf.all.disable_ipv6=0, or remove the IPv6 keys",
  },
};

/** Remedy for an error number of an operation; empty if there is nothing better than the name. */
export function remedyFor(operation: string, errno: number): string {
  return REMEDIES[operation]?.[errno] ?? "";
}

/**
 * Makes the error for a negative result of the shim.
 *
 * @param operation System call or request, the key of the remedies above.
 * @param object What it was applied to.
 * @param result Negative error number.
 * @param errnoName Finds the symbolic name, see `Shim.errnoName`.
 */
export function systemError(
  operation: string,
  object: string,
  result: number,
  errnoName: (errno: number) => string,
): SystemError {
  const errno = -result;
  return new SystemError(operation, object, errno, errnoName(errno), remedyFor(operation, errno));
}
