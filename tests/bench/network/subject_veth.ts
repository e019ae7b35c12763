/**
 * The bare cable: what the machine could do without any tunnel.
 *
 * @module
 */

import type { Subject } from "./subject.ts";

/** The veth pair itself. */
export const vethSubject: Subject = {
  name: "veth",
  start: (cable) =>
    Promise.resolve({
      name: "veth",
      serverAddress: cable.serverAddress,
      programs: [],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};
