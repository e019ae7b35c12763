/**
 * What a {@linkcode PathSelector} tells its owner, for the log and for counters.
 *
 * @module
 */

/** Why traffic went from one path to another. */
export type SwitchReason =
  /** The peer had no path before. */
  | "first"
  /** Nothing is known of either yet, and this one is preferred. */
  | "preferred"
  /** The old path can't be used any more: its address or connection is gone. */
  | "gone"
  /** The system refused to send on the old path. */
  | "send failed"
  /** Probes on the old path are unanswered; towards a peer that answers none: nothing came back. */
  | "no answer"
  /** The old path loses too much, and this one doesn't. */
  | "loss"
  /** Only small datagrams get through on the old path. */
  | "small only"
  /** This one is better, and has worked for the hold time. */
  | "recovered"
  /** A peer that answers no probes sends from here now. */
  | "followed";

/** Traffic goes another way from now on. Times in ms. */
export interface PathSwitched {
  readonly kind: "switched";
  /** Kind of the old path, −1 for none. */
  readonly from: number;
  /** Kind of the new path, −1 for none. */
  readonly to: number;
  readonly reason: SwitchReason;
  readonly atMs: number;
  /** When the old path came into doubt, and mirroring began; `Infinity` if it didn't. */
  readonly suspectedMs: number;
  /** When the last probe was sent that got through on the old path; −Infinity for never. Until then it worked. */
  readonly lastConfirmedMs: number;
  /** Share of probes lost on the old path, 0 to 1. */
  readonly loss: number;
}

/** Something happened to the peer's paths. */
export type PathEvent =
  | PathSwitched
  /** The current path came into doubt; `lastConfirmedMs` as above. */
  | { readonly kind: "suspected"; readonly path: number; readonly lastConfirmedMs: number }
  /** The current path is in doubt no more. */
  | { readonly kind: "cleared"; readonly path: number; readonly suspectedMs: number }
  /** A path answers that didn't. */
  | { readonly kind: "path up"; readonly path: number }
  /** A path is dead, or can't be used any more. */
  | { readonly kind: "path down"; readonly path: number; readonly why: "no answer" | "send failed" | "gone" }
  /** A path carries datagrams of another greatest length, in octets. */
  | { readonly kind: "limit"; readonly path: number; readonly maxDatagramLen: number };
