/**
 * An edge's registration: whether it is accepted, and what it says.
 *
 * Source: `behaviour.md` §3.3; `wire.md` §4.5.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { DocumentKind } from "../control/documents.ts";
import { type Register, ServerAction, type ServerUpdate } from "../control/messages.ts";
import { equalOctets } from "../noise/primitives.ts";
import type { NodeRecord } from "./registered_node.ts";
import { NO_STATE } from "./state_token.ts";

/** Errno of Linux for a NodeId that isn't that of the key: EPERM. */
const WRONG_NODE_ID = 1;
/** Errno of Linux for another version: ENOSYS. It counts more, since it may be why the rest makes no sense. */
const WRONG_VERSION = 38;
/** No token is longer, ours or others', and no more is repeated of a version. */
const TEXT_LEN_MAX = 64;

/**
 * Tells whether a registration is to be refused, and with what answer. A reference edge ends its program then.
 *
 * @param nodeId Whose session it came through.
 * @param wireVersion Version of which the part before the first `-` has to be the edge's as well.
 * @returns `undefined` if it is accepted.
 */
export function refusalOf(nodeId: NodeId, register: Register, wireVersion: string): ServerUpdate | undefined {
  if (releaseOf(register.version) !== releaseOf(wireVersion)) {
    const found = register.version.slice(0, TEXT_LEN_MAX);
    const params = `Cannot register node ${nodeId}: its version is "${found}", the super node's is "${wireVersion}": ` +
      'they have to agree up to the first "-"';
    return { nodeId, action: ServerAction.ERROR, code: WRONG_VERSION, params };
  }
  if (register.nodeId !== nodeId) {
    const params =
      `Cannot register node ${register.nodeId}: the super node knows its public key as that of node ${nodeId}`;
    return { nodeId, action: ServerAction.ERROR, code: WRONG_NODE_ID, params };
  }
  return undefined;
}

/** Puts what an accepted registration says on record. */
export function takeRegistration(node: NodeRecord, register: Register): void {
  const { tokenKey, reportCount } = register;
  // It may overtake a report that was sent before it, and that has to get in: with the same key none is given up.
  const isSameLife = node.tokenKey !== undefined && equalOctets(node.tokenKey, tokenKey);
  node.expectedCount = isSameLife ? Math.min(node.expectedCount, reportCount) : reportCount;
  node.tokenKey = tokenKey.slice();
  node.states.hold(DocumentKind.PARAMETERS, boundedToken(register.parametersHash));
  node.states.hold(DocumentKind.PEERS, boundedToken(register.peersHash));
  node.states.hold(DocumentKind.NEXT_HOPS, boundedToken(register.nextHopHash));
}

function releaseOf(version: string): string {
  return version.split("-", 1)[0];
}

/** Anything longer was never a token of ours. */
function boundedToken(text: string): string {
  return text.length <= TEXT_LEN_MAX ? text : NO_STATE;
}
