/**
 * Tests on a lab: one topology, built once, and steps that try it.
 *
 * @module
 */

import { Lab } from "./lab.ts";

/** What a test on a lab is handed. */
export interface LabTest {
  readonly lab: Lab;
  /** Runs one step. It fails the test, shows the logs of all programs, and lets later steps run. */
  step(name: string, body: () => void | Promise<void>): Promise<void>;
}

/**
 * Declares a test that has a lab to itself; the lab is removed at its end, whatever happens.
 *
 * The whole test must close what it opens. A step need not: programs in the background outlive it, and their output is
 * being read all the time.
 */
export function labTest(name: string, body: (test: LabTest) => Promise<void>): void {
  Deno.test(name, async (context) => {
    await using lab = await Lab.create();
    await showingLogs(lab, () =>
      body({
        lab,
        async step(stepName, stepBody) {
          await context.step({
            name: stepName,
            fn: () => showingLogs(lab, stepBody),
            sanitizeOps: false,
            sanitizeResources: false,
          });
        },
      }));
  });
}

async function showingLogs(lab: Lab, body: () => void | Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    console.error(lab.logTails());
    throw error;
  }
}
