/**
 * Brings what the other tasks need and this machine lacks, and builds the C shim.
 *
 * Every task calls it, so it does nothing but look while nothing is missing.
 *
 * @module
 */

import { exists, ROOT, run, runOrThrow } from "./run.ts";

/** Something to be there, and the Debian package that brings it. */
interface Need {
  package: string;
  /** What it is needed for. */
  purpose: string;
  isThere(): boolean;
}

const PROGRAM_DIRECTORIES = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];

const NEEDS: Need[] = [
  needProgram("gcc", "gcc", "building the shim"),
  needProgram("make", "make", "building the shim"),
  { package: "libc6-dev", purpose: "building the shim", isThere: () => exists("/usr/include/stdio.h") },
  { package: "libssl-dev", purpose: "building the shim", isThere: hasStaticLibcrypto },
  needProgram("iproute2", "ip", "the namespaces of the tests, the demo and the benchmark"),
  needProgram("nftables", "nft", "the firewalls of the tests"),
  needProgram("iptables", "iptables", "the firewalls of the tests"),
  needProgram("ethtool", "ethtool", "the offloads of the tests and the benchmark"),
  needProgram("iperf3", "iperf3", "throughput in the tests, the demo and the benchmark"),
  needProgram("iputils-ping", "ping", "latency in the tests, the demo and the benchmark"),
  needProgram("openssl", "openssl", "the certificates of the tests"),
  needProgram("tcpdump", "tcpdump", "the captures of the tests"),
  needProgram("util-linux", "nsenter", "the namespaces of tests without root"),
  needProgram("procps", "ps", "the processes of the tests"),
  needProgram("wireguard-go", "wireguard-go", "the benchmark, which compares with it"),
  needProgram("wireguard-tools", "wg", "the benchmark, which compares with it"),
];

function needProgram(packageName: string, program: string, purpose: string): Need {
  return {
    package: packageName,
    purpose,
    isThere: () => PROGRAM_DIRECTORIES.some((directory) => exists(`${directory}/${program}`)),
  };
}

function hasStaticLibcrypto(): boolean {
  if (!exists("/usr/include/openssl/evp.h")) return false;
  const libraryDirectories = ["/usr/lib", "/usr/lib64", `/usr/lib/${Deno.build.arch}-linux-gnu`];
  return libraryDirectories.some((directory) => exists(`${directory}/libcrypto.a`));
}

/** Installs packages; brings the package lists up to date first where there are none, or where the first try fails. */
async function install(packages: string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const wait = ["-o", "DPkg::Lock::Timeout=300"];
  const installArguments = ["install", "--yes", "--no-install-recommends", ...wait, ...packages];
  if (hasPackageLists() && await run("apt-get", installArguments, env) === 0) return;
  await runOrThrow("apt-get", ["update", ...wait], env);
  await runOrThrow("apt-get", installArguments, env);
}

function hasPackageLists(): boolean {
  const lists = "/var/lib/apt/lists";
  return exists(lists) && [...Deno.readDirSync(lists)].some(({ name }) => name.includes("_Packages"));
}

/**
 * Keeps the path of this Deno for `./etherguard`, which then needs neither npm nor a search at each start.
 */
function recordDeno(): void {
  const file = `${ROOT}/build/deno-path`;
  Deno.mkdirSync(`${ROOT}/build`, { recursive: true });
  const path = Deno.execPath() + "\n";
  if (!exists(file) || Deno.readTextFileSync(file) !== path) Deno.writeTextFileSync(file, path);
}

async function main(): Promise<number> {
  const missing = NEEDS.filter((need) => !need.isThere());
  if (missing.length > 0) {
    const packages = missing.map((need) => need.package);
    const list = missing.map((need) => `  ${need.package}, for ${need.purpose}`).join("\n");
    console.log(`Missing on this machine:\n${list}`);
    if (Deno.uid() !== 0 || !PROGRAM_DIRECTORIES.some((directory) => exists(`${directory}/apt-get`))) {
      console.error(
        `Run this, then try again:\n  sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}`,
      );
      return 1;
    }
    await install(packages);
    const still = missing.filter((need) => !need.isThere()).map((need) => need.package);
    if (still.length > 0) {
      console.error(`Installed, and still not found: ${still.join(", ")}`);
      return 1;
    }
  }
  recordDeno();
  return await run("make", ["--silent", "--no-print-directory", "-C", "ffi", "all"]);
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(`setup: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
