/**
 * What it means that the super node ends this program, for whoever has to bring the node back.
 *
 * Source: `behaviour.md` §2.6, §3.8.
 *
 * @module
 */

import { formatNodeId, type NodeId } from "../base/node_id.ts";
import { quoteForeignText } from "./foreign_text.ts";
import { ServerAction, type ServerUpdate } from "./messages.ts";

/** How the program is to end. */
export interface StopOrder {
  /** 0 to 255. */
  readonly exitCode: number;
  /** What happened, and what to do about it. */
  readonly reason: string;
}

/** Who we are, for the texts. */
export interface RefusedNode {
  readonly nodeId: NodeId;
  readonly wireVersion: string;
}

/** Errno of Linux by which a super refuses a NodeId (EPERM), and one by which it refuses a version (ENOSYS). */
const NODE_ID_REFUSED = 1;
const VERSION_REFUSED = 38;
/** For errors whose number is no exit code that says "failed". */
const FAILED_EXIT_CODE = 1;

/** Returns how an update ends the program; `undefined` for one that doesn't. */
export function stopOrderOf(update: ServerUpdate, node: RefusedNode): StopOrder | undefined {
  const said = quoteForeignText(update.params);
  switch (update.action) {
    case ServerAction.SHUTDOWN:
      return {
        exitCode: 0,
        reason: `super node removed NodeID ${formatNodeId(node.nodeId)} from the network: ${said}; ` +
          "to bring it back, add it at the super again (manage/peer/add), then start this program",
      };
    case ServerAction.ERROR:
      return { exitCode: exitCodeOf(update.code), reason: refusalOf(update.code, said, node) };
    case ServerAction.PANIC:
      return { exitCode: FAILED_EXIT_CODE, reason: `super node wants this program to crash: ${said}; it ends instead` };
    default:
      return undefined;
  }
}

function exitCodeOf(code: number): number {
  return code > 0 && code <= 255 ? code : FAILED_EXIT_CODE;
}

function refusalOf(code: number, said: string, { nodeId, wireVersion }: RefusedNode): string {
  switch (code) {
    case NODE_ID_REFUSED:
      return `super node refuses NodeID ${formatNodeId(nodeId)}: it has this node's public key under another NodeID: ` +
        `${said}; write the same NodeID for this key in this node's file and at the super (Peers[].NodeID there)`;
    case VERSION_REFUSED:
      return `super node refuses version "${wireVersion}": the part before the first "-" differs from its own: ` +
        `${said}; write the super's version into this node's file as WireVersion, or run a release here that has it`;
    default:
      return `super node refuses this node with error ${code}: ${said}; see the log of the super`;
  }
}
