/**
 * An etherguard super node that runs on a host of a lab.
 *
 * @module
 */

import { type LogEvent, waitForEvent } from "./edge.ts";
import type { Host } from "./host.ts";
import { type HttpAnswer, HttpClient } from "./http_client.ts";
import type { RunningProcess } from "./process.ts";
import { compiledProgram, programEnvironment } from "./program.ts";
import {
  API_PREFIX,
  EDGE_API_PORT,
  MANAGE_API_PORT,
  PASSWORDS,
  renderSuperConfig,
  type SuperSettings,
} from "./super_config.ts";

/** How long a start may take, in milliseconds; a loaded machine of two cores included. */
const READY_TIMEOUT_MS = 15_000;

/** A super node that has been started; kept by its host, which kills it with the lab. */
export interface RunningSuper {
  readonly host: Host;
  readonly process: RunningProcess;
  /** Path of its configuration, which the manage interface rewrites. */
  readonly file: string;
}

/** What the manage interface says of the network; times in seconds. Source: `http-api.md` §7.1. */
export interface SuperState {
  PeerInfo: Record<string, { Name: string; LastSeen: string }>;
  Infinity: number;
  Edges: LatencyMap;
  Edges_Nh: LatencyMap;
  NhTable: Record<string, Record<string, number>>;
  Dist: LatencyMap | null;
  Dist_noAC: LatencyMap | null;
}

type LatencyMap = Record<string, Record<string, number>>;

/** How to start a super node. */
export interface SuperOptions {
  /** Words that start the program; the compiled one if absent. */
  command?: readonly string[];
}

/** Writes a super node's file, starts it and waits until it serves. @throws {Error} When it isn't ready in time. */
export async function startSuper(
  host: Host,
  settings: SuperSettings,
  options: SuperOptions = {},
): Promise<RunningSuper> {
  const file = `${host.folder}/${host.label}.yaml`;
  await Deno.writeTextFile(file, renderSuperConfig(settings));
  return await startSuperAgain(host, file, options);
}

/** Starts a super node with the file that there is. @throws {Error} When it isn't ready in time. */
export async function startSuperAgain(host: Host, file: string, options: SuperOptions = {}): Promise<RunningSuper> {
  const node = launchSuper(host, file, options);
  await waitForEvent(node, isReady, READY_TIMEOUT_MS);
  return node;
}

/** Starts a super node and doesn't wait for anything: for those that are to fail. */
export function launchSuper(
  host: Host,
  file: string,
  { command = [compiledProgram()] }: SuperOptions = {},
): RunningSuper {
  const words = [...command, "super", "--config", file, "--log-format", "json", "--no-uapi"];
  const process = host.spawn(words, { label: "etherguard super", env: programEnvironment() });
  return { host, process, file };
}

function isReady({ event }: LogEvent): boolean {
  return event === "super ready";
}

/** The HTTP interfaces of a super node, asked from a host. */
export class SuperApi {
  readonly client: HttpClient;
  readonly #origin: string;

  private constructor(client: HttpClient, origin: string) {
    this.client = client;
    this.#origin = origin;
  }

  /** @param address Of the super node, as seen by the host; without a port. */
  static async connect(from: Host, address = "127.0.0.1"): Promise<SuperApi> {
    return new SuperApi(await HttpClient.start(from), `http://${address}`);
  }

  /** Address of a call of edges, with a query. */
  edgeUrl(path: string, query: Record<string, string> = {}): string {
    return `${this.#origin}:${EDGE_API_PORT}${API_PREFIX}/edge/${path}?${new URLSearchParams(query)}`;
  }

  /** Address of a call of administrators, with a query. */
  manageUrl(path: string, query: Record<string, string> = {}): string {
    return `${this.#origin}:${MANAGE_API_PORT}${API_PREFIX}/manage/${path}?${new URLSearchParams(query)}`;
  }

  /** Asks for the state of the network, which the super node collects every five seconds at most. */
  async state(): Promise<SuperState> {
    const answer = await this.client.send({ url: this.manageUrl("super/state", { Password: PASSWORDS.ShowState }) });
    if (answer.status !== 200) throw new Error(`super/state: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body) as SuperState;
  }

  /** Adds an edge; the answer has its file. */
  addPeer(form: Record<string, string>): Promise<HttpAnswer> {
    return this.client.post(this.manageUrl("peer/add", { Password: PASSWORDS.AddPeer }), form);
  }

  /** Removes an edge. */
  removePeer(nodeId: number): Promise<HttpAnswer> {
    const query = { Password: PASSWORDS.DelPeer, NodeID: String(nodeId) };
    return this.client.send({ url: this.manageUrl("peer/del", query) });
  }
}
