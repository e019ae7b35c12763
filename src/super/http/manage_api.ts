/**
 * What administrators ask for: the state of the network, and to change it.
 *
 * Each call has a password of its own. It stands in the query, as in the reference node, where proxies and histories keep it;
 * so it may also stand in the header `Authorization: Bearer …`. Neither is ever logged. Source: `http-api.md` §7.
 *
 * @module
 */

import type { NodeId } from "../../base/node_id.ts";
import { durationMs } from "../../config/duration.ts";
import type { PasswordsConfig } from "../../config/super_config.ts";
import type { NewPeer } from "../administration.ts";
import { jsonAnswer, textAnswer } from "./answer.ts";
import { ApiError } from "./api_error.ts";
import { GuessLimit, isPassword, shownPassword } from "./auth.ts";
import type { BodyReader } from "./body.ts";
import { type Parameters, parseFloat64, parseNodeId, parseSwitch, parseWholeNumber, required } from "./parameters.ts";
import type { Call, Route } from "./router.ts";
import type { SuperApi } from "./super_api.ts";
import { StateCache, writeSuperState } from "./super_state.ts";

/** Returns the calls of administrators. */
export function manageRoutes(api: SuperApi, bodies: BodyReader): Route[] {
  const { administration } = api;
  const guesses = new GuessLimit();
  const state = new StateCache(async () => {
    const routes = await api.routeState();
    return writeSuperState(api.registry.nodes(), routes);
  });

  function refuseGuessers(remoteAddress: string): void {
    if (guesses.isSpent(remoteAddress, api.nowMs())) throw new ApiError(429, "Too many wrong passwords: wait a minute");
  }

  function requirePassword({ query, request, remoteAddress }: Call, name: keyof PasswordsConfig): void {
    refuseGuessers(remoteAddress);
    const shown = shownPassword(query, request.headers);
    if (shown === undefined) throw new ApiError(400, "Password is missing");
    if (isPassword(shown, api.passwords[name])) return;
    guesses.noteWrong(remoteAddress, api.nowMs());
    throw new ApiError(401, "Password is wrong");
  }

  async function showState(call: Call): Promise<Response> {
    requirePassword(call, "showState");
    return jsonAnswer(call.request, await state.get(api.nowMs()));
  }

  async function addPeer(call: Call): Promise<Response> {
    requirePassword(call, "addPeer");
    const peer = readNewPeer(await bodies.readForm(call.request, call.query));
    const edgeConfig = administration.addPeer(peer);
    state.drop();
    return textAnswer(200, edgeConfig);
  }

  async function removePeer(call: Call): Promise<Response> {
    const isAdministrator = shownPassword(call.query, call.request.headers) !== undefined;
    const nodeId = isAdministrator ? readRemoved(call) : await findByPrivateKey(call);
    administration.removePeer(nodeId);
    state.drop();
    return textAnswer(200, `Node ${nodeId} is removed`);
  }

  function readRemoved(call: Call): NodeId {
    requirePassword(call, "delPeer");
    return readNodeId(call.query);
  }

  /** A node may remove itself: it proves who it is by its private key. A wrong one counts as a wrong password. */
  async function findByPrivateKey({ request, query, remoteAddress }: Call): Promise<NodeId> {
    refuseGuessers(remoteAddress);
    const form = request.method === "POST" ? await bodies.readForm(request, query) : query;
    const privateKey = form.get("PrivKey");
    if (privateKey === undefined) throw new ApiError(400, "Password or PrivKey is missing");
    try {
      return administration.nodeOfPrivateKey(privateKey);
    } catch (error) {
      guesses.noteWrong(remoteAddress, api.nowMs());
      throw error;
    }
  }

  async function updatePeer(call: Call): Promise<Response> {
    requirePassword(call, "updatePeer");
    const nodeId = readNodeId(call.query);
    const form = await bodies.readForm(call.request, call.query);
    const cost = optional(form, "AdditionalCost", parseFloat64);
    const skips = optional(form, "SkipLocalIP", parseSwitch);
    administration.updatePeer(nodeId, { additionalCostMs: cost, skipsLocalAddresses: skips });
    state.drop();
    const lines = describe({ AdditionalCost: cost, SkipLocalIP: skips });
    if (lines.length === 0) return textAnswer(200, `Nothing changed for node ${nodeId}`);
    return textAnswer(200, [`Node ${nodeId} is updated`, ...lines].join("\n"));
  }

  async function updateSuper(call: Call): Promise<Response> {
    requirePassword(call, "updateSuper");
    const form = await bodies.readForm(call.request, call.query);
    const written = {
      SendPingInterval: optional(form, "SendPingInterval", parseFloat64),
      HttpPostInterval: optional(form, "HttpPostInterval", parseFloat64),
      PeerAliveTimeout: optional(form, "PeerAliveTimeout", parseFloat64),
      DampingFilterRadius: optional(form, "DampingFilterRadius", (text) => parseWholeNumber(text, Infinity)),
    };
    administration.updateParameters({
      pingIntervalMs: milliseconds(written.SendPingInterval),
      reportIntervalMs: milliseconds(written.HttpPostInterval),
      peerAliveTimeoutMs: milliseconds(written.PeerAliveTimeout),
      dampingFilterRadius: written.DampingFilterRadius,
    });
    const lines = describe(written);
    return textAnswer(200, lines.length === 0 ? "Nothing changed" : lines.join("\n"));
  }

  return [
    { path: "/manage/super/state", methods: ["GET"], answer: showState },
    { path: "/manage/peer/add", methods: ["POST"], answer: addPeer },
    { path: "/manage/peer/del", methods: ["GET", "POST"], answer: removePeer },
    { path: "/manage/peer/update", methods: ["POST"], answer: updatePeer },
    { path: "/manage/super/update", methods: ["POST"], answer: updateSuper },
  ];
}

function readNewPeer(form: Parameters): NewPeer {
  for (const name of ["NodeID", "Name", "AdditionalCost", "PubKey", "SkipLocalIP"]) required(form, name);
  const additionalCostMs = parseFloat64(required(form, "AdditionalCost"));
  if (additionalCostMs === undefined) throw new ApiError(400, "AdditionalCost should be a number");
  return {
    nodeId: readNodeId(form),
    name: required(form, "Name"),
    additionalCostMs,
    publicKey: required(form, "PubKey"),
    presharedKey: form.get("PSKey") ?? "",
    skipsLocalAddresses: parseSwitch(required(form, "SkipLocalIP")),
    nextHopTable: form.get("NextHopTable"),
  };
}

function readNodeId(form: Parameters): NodeId {
  const nodeId = parseNodeId(required(form, "NodeID"));
  if (nodeId === undefined) throw new ApiError(400, "NodeID should be a whole number, 0 to 65535");
  return nodeId;
}

/** A value that doesn't convert is as if it weren't there: scripts for the reference node rely on it. */
function optional<T>(form: Parameters, name: string, parse: (text: string) => T | undefined): T | undefined {
  const text = form.get(name);
  return text === undefined ? undefined : parse(text);
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : durationMs(seconds);
}

/** Writes a line for each value that there is. */
function describe(values: Record<string, number | boolean | undefined>): string[] {
  return Object.entries(values).filter(([, value]) => value !== undefined).map(([name, value]) => `${name} = ${value}`);
}
