/**
 * The highest rate at which a way between two hosts loses less than one datagram in a hundred.
 *
 * @module
 */

import type { Host } from "../../netns/harness/host.ts";
import { sendUdp, UdpCounter } from "../../netns/harness/packet_tool.ts";

const PORT = 7100;
/** Share of the datagrams that may be lost. */
const ACCEPTED_LOSS = 0.01;
/** Rate of the first trial, in datagrams per second: low enough for every subject. */
const FIRST_RATE = 10_000;
/** How long one trial sends. */
const TRIAL_SECONDS = 1;
/** The search ends when the bounds are this close: the higher divided by the lower. */
const PRECISION = 1.05;
/** A sender that reaches less than this share of the rate asked of it is itself the limit: faster is not to be had. */
const SENDER_LIMIT = 0.95;
/** A chance hiccup of the machine must not end the search, so a failed trial has one more try. */
const TRIES = 2;

/** Result of sending at one rate for a while. */
export interface Trial {
  /** Datagrams sent per second; less than asked for if the sender can't do it. */
  sentRate: number;
  /** Datagrams received per second of sending. */
  receivedRate: number;
}

/** Sends at a rate and counts. */
export type RunTrial = (rate: number) => Promise<Trial>;

/**
 * Searches the highest rate with less than one per cent loss: doubling, then bisection.
 *
 * @returns The datagrams received per second at that rate; 0 if even the first rate loses more.
 */
export async function searchHighestRate(runTrial: RunTrial): Promise<number> {
  let best = 0;
  let accepted = 0;
  let refused = Infinity;
  for (let rate = FIRST_RATE; refused / accepted > PRECISION || accepted === 0;) {
    const trial = await tryRate(runTrial, rate);
    if (isAccepted(trial)) {
      best = Math.max(best, trial.receivedRate);
      accepted = rate;
      if (trial.sentRate < rate * SENDER_LIMIT) break;
    } else {
      refused = rate;
      if (accepted === 0 && rate < FIRST_RATE / 8) break;
    }
    rate = refused === Infinity ? rate * 2 : accepted === 0 ? rate / 2 : Math.sqrt(accepted * refused);
  }
  return best;
}

/** Searches the highest rate from `client` to `server`, in datagrams received per second. */
export async function highestUdpRate(
  client: Host,
  server: Host,
  address: string,
  datagramLen: number,
): Promise<number> {
  await using counter = await UdpCounter.start(server, PORT);
  let runNumber = 0;
  return await searchHighestRate(async (rate) => {
    runNumber++;
    const { sent, seconds } = await sendUdp(client, address, PORT, datagramLen, rate, TRIAL_SECONDS, runNumber);
    const received = await counter.settledCount(runNumber);
    return { sentRate: sent / seconds, receivedRate: received / seconds };
  });
}

async function tryRate(runTrial: RunTrial, rate: number): Promise<Trial> {
  let trial = await runTrial(rate);
  for (let tries = 1; tries < TRIES && !isAccepted(trial); tries++) trial = await runTrial(rate);
  return trial;
}

function isAccepted(trial: Trial): boolean {
  return trial.receivedRate >= trial.sentRate * (1 - ACCEPTED_LOSS);
}
