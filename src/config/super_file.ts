/**
 * Changes to the file of a running super, so that what administrators do outlives it.
 *
 * Only what changes is written anew: comments, order and anchors stay (`yaml_editor.ts`). A {@linkcode SuperFile} is one
 * transaction: opened, changed, saved or dropped. The next change opens the file again and so finds what people have
 * written into it meanwhile. Source: `config.md` §9.2.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import type { NodeId } from "../base/node_id.ts";
import { replaceFile } from "./atomic_write.ts";
import { formatEndpointText } from "./endpoint_text.ts";
import { formatIpAddress } from "../base/endpoint.ts";
import type { NextHopTableConfig } from "./graph_config.ts";
import { formatKey, parseKey } from "./key_text.ts";
import { loadYaml } from "./load.ts";
import type { SuperConfig } from "./super_config.ts";
import type { SuperPeerConfig } from "./super_peer_config.ts";
import { SUPER_SCHEMA } from "./super_schema.ts";
import { type EditableMap, plainScalar, quotedScalar, scalarMap, SharedNodeError, YamlEditor } from "./yaml_editor.ts";
import { parseYamlNumber } from "./yaml_scalar.ts";

/** What administrators may change of an edge; absent: stays. */
export type SuperPeerChange = Partial<Pick<SuperPeerConfig, "additionalCostMs" | "skipsLocalAddresses">>;

/** What administrators may change of the parameters that edges are told; absent: stays. */
export type SuperParameterChange = Partial<
  Pick<SuperConfig, "pingIntervalMs" | "reportIntervalMs" | "peerAliveTimeoutMs" | "dampingFilterRadius">
>;

const CHECK_REMEDY = "etherguard super --check --config FILE tells what is wrong with it";

/** The file of a super, opened for one change. Until {@linkcode save} nothing is written. */
export class SuperFile {
  readonly #path: string;
  readonly #editor: YamlEditor;

  private constructor(path: string, editor: YamlEditor) {
    this.#path = path;
    this.#editor = editor;
  }

  /**
   * Reads the file.
   *
   * @throws {SystemError} If it can't be read, or is no YAML any more.
   */
  static open(path: string): SuperFile {
    let text: string;
    try {
      text = Deno.readTextFileSync(path);
    } catch (error) {
      const code = (error as { code?: string }).code ?? (error as Error).name;
      throw new SystemError("read", path, 0, code, "check the path and the permissions", error);
    }
    const editor = YamlEditor.parse(text);
    if (editor === undefined) throw new SystemError("read", path, 0, "no YAML", CHECK_REMEDY);
    return new SuperFile(path, editor);
  }

  /**
   * Adds an edge to the end of `Peers`.
   *
   * @param nextHopTable In static mode the whole new table; what isn't in it is removed from the file.
   * @throws {SystemError} If the file has this NodeID, key or name already, or can't be edited.
   */
  addPeer(peer: SuperPeerConfig, nextHopTable?: NextHopTableConfig): void {
    this.#edit(`add node ${peer.nodeId} to`, () => {
      const taken = this.#takenKey(peer);
      if (taken !== undefined) {
        const remedy = `its ${taken} was written there by hand: restart the super to have it read, or remove it`;
        throw new SystemError(`add node ${peer.nodeId} to`, this.#path, 0, "EEXIST", remedy);
      }
      this.#editor.append(this.#peers(), peerMap(peer));
      if (nextHopTable !== undefined) this.#setNextHopTable(nextHopTable);
    });
  }

  /**
   * Removes an edge from `Peers`. A next-hop table stays as it is. A node that isn't there is no error.
   *
   * @throws {SystemError} If the file can't be edited.
   */
  removePeer(nodeId: NodeId): void {
    this.#edit(`remove node ${nodeId} from`, () => {
      const found = this.#findPeer(nodeId);
      if (found !== undefined) this.#editor.remove(this.#peers(), found.index);
    });
  }

  /**
   * Changes an edge.
   *
   * @throws {SystemError} If the file doesn't have this NodeID, or can't be edited.
   */
  updatePeer(nodeId: NodeId, change: SuperPeerChange): void {
    this.#edit(`change node ${nodeId} in`, () => {
      const map = this.#findPeer(nodeId)?.map;
      if (map === undefined) {
        const remedy = "it was removed by hand: restart the super, or write it there again";
        throw new SystemError(`change node ${nodeId} in`, this.#path, 0, "ENOENT", remedy);
      }
      const { additionalCostMs: cost, skipsLocalAddresses: skips } = change;
      if (cost !== undefined) this.#editor.set(map, "AdditionalCost", plainScalar(String(cost)));
      if (skips !== undefined) this.#editor.set(map, "SkipLocalIP", plainScalar(String(skips)));
    });
  }

  /**
   * Changes what edges are told.
   *
   * @throws {SystemError} If the file can't be edited.
   */
  updateParameters(change: SuperParameterChange): void {
    const seconds = (ms: number | undefined) => ms === undefined ? undefined : ms / 1000;
    const values = {
      SendPingInterval: seconds(change.pingIntervalMs),
      HttpPostInterval: seconds(change.reportIntervalMs),
      PeerAliveTimeout: seconds(change.peerAliveTimeoutMs),
      DampingFilterRadius: change.dampingFilterRadius,
    };
    this.#edit("change parameters in", () => {
      for (const [name, value] of Object.entries(values)) {
        if (value !== undefined) this.#editor.set(this.#editor.root, name, plainScalar(String(value)));
      }
    });
  }

  /**
   * Writes the file as {@linkcode replaceFile} does: all of it or nothing.
   *
   * @throws {SystemError} If it can't be written, or has errors of its own, so that the next start would fail.
   */
  save(): void {
    const text = this.#editor.toString();
    if (loadYaml(text, this.#path, SUPER_SCHEMA).findings.hasErrors()) {
      throw new SystemError("write", this.#path, 0, "configuration errors", `it was edited: ${CHECK_REMEDY}`);
    }
    replaceFile(this.#path, text);
  }

  #peers() {
    return this.#editor.listAt(this.#editor.root, "Peers");
  }

  /** Says what an edge of the file has in common with a new one, so that no start would accept both. */
  #takenKey({ nodeId, publicKey, name }: SuperPeerConfig): "NodeID" | "PubKey" | "Name" | undefined {
    if (this.#findPeer(nodeId) !== undefined) return "NodeID";
    const keyText = formatKey(publicKey);
    for (const [, map] of this.#editor.mapsIn(this.#peers())) {
      const written = parseKey(this.#editor.textAt(map, "PubKey") ?? "");
      if (written !== undefined && formatKey(written) === keyText) return "PubKey";
      if (name !== "" && this.#editor.textAt(map, "Name") === name) return "Name";
    }
    return undefined;
  }

  #findPeer(nodeId: NodeId): { index: number; map: EditableMap } | undefined {
    for (const [index, map] of this.#editor.mapsIn(this.#peers())) {
      // An entry without the key has the id 0, as for whoever reads the file.
      const text = this.#editor.textAt(map, "NodeID") ?? "";
      if ((text === "" ? 0 : parseYamlNumber(text)) === nodeId) return { index, map };
    }
    return undefined;
  }

  /** Changes single entries where the old table has them, so that comments within it stay. */
  #setNextHopTable(table: NextHopTableConfig): void {
    const rows = this.#editor.mapAt(this.#editor.root, "NextHopTable");
    // "{}" says nothing about the style of what comes.
    if (rows.items.length === 0) rows.flow = false;
    for (const source of keysOf(rows)) if (!Object.hasOwn(table, source)) this.#editor.delete(rows, source);
    for (const [source, row] of Object.entries(table)) {
      const entries = Object.entries(row).map(([id, next]) => [id, plainScalar(String(next))] as const);
      if (!keysOf(rows).includes(source)) {
        this.#editor.replace(rows, source, scalarMap(entries, true));
        continue;
      }
      const old = this.#editor.mapAt(rows, source);
      for (const id of keysOf(old)) if (!Object.hasOwn(row, id)) this.#editor.delete(old, id);
      for (const [id, next] of entries) {
        if (this.#editor.textAt(old, id) !== next.value) this.#editor.set(old, id, next);
      }
    }
  }

  /** Turns what the editor refuses into words for the administrator. */
  #edit(operation: string, change: () => void): void {
    try {
      change();
    } catch (error) {
      if (!(error instanceof SharedNodeError)) throw error;
      const remedy = `other places of the file refer to its anchor "${error.anchor}": write the values out there`;
      throw new SystemError(operation, this.#path, 0, "shared values", remedy, error);
    }
  }
}

/** The keys of a map as they are written. */
function keysOf(map: EditableMap): string[] {
  return map.items.map(({ key }) => String((key as { value?: unknown } | null)?.value ?? ""));
}

/** An entry of `Peers` with all keys, in the order of the reference page. */
function peerMap(peer: SuperPeerConfig): EditableMap {
  const { publicKey, presharedKey, endpoint, externalIp } = peer;
  return scalarMap([
    ["NodeID", plainScalar(String(peer.nodeId))],
    ["Name", quotedScalar(peer.name)],
    ["PubKey", plainScalar(formatKey(publicKey))],
    ["PSKey", presharedKey === undefined ? quotedScalar("") : plainScalar(formatKey(presharedKey))],
    ["AdditionalCost", plainScalar(String(peer.additionalCostMs))],
    ["SkipLocalIP", plainScalar(String(peer.skipsLocalAddresses))],
    ["EndPoint", quotedScalar(endpoint === undefined ? "" : formatEndpointText(endpoint))],
    ["ExternalIP", quotedScalar(externalIp === undefined ? "" : formatIpAddress(externalIp))],
  ]);
}
