/**
 * What keeps kube-proxy off our services: with IPVS it takes every virtual server for one of its own that is no
 * longer wanted, except those in the networks that it is told to leave alone.
 */

import { judgeHostAddress } from "../config/care_endpoints.ts";
import { type Given, refuse } from "../config/given.ts";
import { readChoice } from "../config/values.ts";
import { parseYaml, type YamlEntry, type YamlMap, type YamlNode } from "../config/yaml.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { type Address, addressFamily, familyBits, parseAddress } from "../model/address.ts";
import { parseEndpoint } from "../model/endpoint.ts";
import { type Artifact, heading } from "./artifact.ts";
import { type Flags, type GenerateFlag, splitCommas } from "./flags.ts";
import { printText, printYaml } from "./yaml.ts";

const FORMS = ["config", "flags", "patch"] as const;

export const KUBE_PROXY_FLAGS = [
  {
    name: "vip",
    kind: "list",
    value: "address,...",
    help: "virtual addresses, or networks as 10.103.97.0/24; repeat it or put commas between them",
  },
  {
    name: "config",
    short: "c",
    kind: "value",
    value: "path",
    help: "the files of lvscare run whose virtual addresses these are",
  },
  {
    name: "as",
    kind: "value",
    value: "form",
    choices: FORMS,
    initial: "config",
    help: "config: as a KubeProxyConfiguration, which kubeadm init takes; flags: as kube-proxy's " +
      "flags; patch: as a patch of the ConfigMap that --from has",
  },
  {
    name: "from",
    kind: "value",
    value: "file",
    help:
      "of --as patch: the ConfigMap as kubectl -n kube-system get configmap kube-proxy -o yaml " +
      "prints it; - is standard input",
  },
] as const satisfies readonly GenerateFlag[];

export interface KubeProxy {
  readonly as: typeof FORMS[number];
  /** In the order given, each once. */
  readonly networks: readonly string[];
  /** The file to patch. */
  readonly from: string | undefined;
}

/** The addresses are those of the files that --config names. */
export function readKubeProxy(flags: Flags, addresses: readonly Address[]): KubeProxy {
  const vips = flags.all("vip").flatMap(splitCommas).map(readNetwork);
  const networks = [...new Set([...vips, ...addresses.map(networkOf)])];
  if (networks.length === 0) {
    throw new UsageError(
      flags.isGiven("config")
        ? "--config: the files have no virtual address, must have one"
        : "--vip is missing: must be a virtual address, as 10.103.97.2",
      flags.isGiven("config") ? {} : { hint: "or --config with the files of lvscare run" },
    );
  }
  const as = readChoice(flags.value("as"), FORMS);
  const from = flags.one("from")?.text;
  if (as === "patch" && !from) {
    throw new UsageError("--from is missing: --as patch must have the ConfigMap to patch", {
      hint: "kubectl -n kube-system get configmap kube-proxy -o yaml prints it",
    });
  }
  if (as !== "patch" && from !== undefined) {
    throw new UsageError("--from: is for --as patch alone");
  }
  return { as, networks, from };
}

function networkOf(address: Address): string {
  return `${address}/${familyBits(addressFamily(address))}`;
}

/** An address, with or without a port, or a network. */
function readNetwork(given: Given): string {
  const [, text = "", prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(given.text) ?? [];
  const address = parseAddress(text) ??
    (prefix === undefined ? parseEndpoint(text)?.address : undefined) ??
    refuse(given, "must be an address or a network, as 10.103.97.2 or 10.103.97.0/24");
  if (prefix === undefined) {
    const problem = judgeHostAddress(address);
    return problem === undefined ? networkOf(address) : refuse(given, problem);
  }
  const bits = familyBits(addressFamily(address));
  if (Number(prefix) > bits || Number(prefix) === 0) {
    refuse(given, `its prefix must be from 1 to ${bits}`);
  }
  return `${address}/${Number(prefix)}`;
}

export function printKubeProxy({ as, networks }: KubeProxy, from: string | undefined): Artifact {
  switch (as) {
    case "config":
      return { text: printConfiguration(networks) };
    case "flags":
      return { text: flagsOf(networks).map((flag) => `${flag}\n`).join("") };
    case "patch":
      return { text: printPatch(networks, from ?? "") };
  }
}

function flagsOf(networks: readonly string[]): string[] {
  return [`--ipvs-exclude-cidrs=${networks.join(",")}`, "--ipvs-strict-arp=true"];
}

function printConfiguration(networks: readonly string[]): string {
  return heading(
    "kube-proxy",
    "For a new cluster: one more document of the file of kubeadm init --config.",
    "For one that runs: lvscare generate kube-proxy --as patch. It matters where kube-proxy uses IPVS.",
  ) + printYaml({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    ipvs: { excludeCIDRs: networks, strictARP: true },
  });
}

const CONFIG_KEY = "config.conf";

/** All of the ConfigMap's text, for Kubernetes cannot change a part of a text. */
function printPatch(networks: readonly string[], from: string): string {
  const text = exclude(configurationIn(from), networks);
  return heading(
    "kube-proxy",
    "kubectl -n kube-system patch configmap kube-proxy --patch-file FILE",
    "kubectl -n kube-system rollout restart daemonset kube-proxy",
  ) + printYaml({ data: { [CONFIG_KEY]: text } });
}

const FROM = "--from";

/** The text of kube-proxy's configuration, by itself or in its ConfigMap. */
function configurationIn(from: string): string {
  const root = parseYaml(from, FROM);
  const kind = root && entryOf(root, "kind")?.value;
  const name = kind?.kind === "scalar" ? kind.text : "";
  if (name === "KubeProxyConfiguration") return from;
  const data = name === "ConfigMap" ? entryOf(root!, "data")?.value : undefined;
  const text = data && entryOf(data, CONFIG_KEY)?.value;
  if (text?.kind === "scalar") return text.text;
  throw wrong(
    `must be a ConfigMap with ${CONFIG_KEY}, or a KubeProxyConfiguration`,
    "kubectl -n kube-system get configmap kube-proxy -o yaml prints it",
  );
}

/** The same configuration with these networks beside those that it has; all else stays as it is written. */
export function exclude(text: string, networks: readonly string[]): string {
  const name = `${FROM}: ${CONFIG_KEY}`;
  const root = parseYaml(text, name);
  const ipvs = root && entryOf(root, "ipvs");
  if (root?.kind !== "map" || ipvs?.value.kind === "list") {
    throw wrong(`${CONFIG_KEY} must be a KubeProxyConfiguration`);
  }
  const all = [...new Set([...excludedIn(ipvs?.value), ...networks])];
  const edited = ipvs?.value.kind === "map" && ipvs.value.entries.length > 0
    ? withSettings(text, ipvs.value, all)
    : withSection(text, ipvs, all);
  // Texts can be written in more ways than are known here.
  const again = parseYaml(edited, name);
  const now = again && entryOf(again, "ipvs")?.value;
  if (String(excludedIn(now)) !== String(all)) throw wrong("ipvs is written in an unknown way");
  return edited;
}

function excludedIn(ipvs: YamlNode | undefined): string[] {
  const value = ipvs && entryOf(ipvs, "excludeCIDRs")?.value;
  if (value?.kind !== "list") return [];
  return value.items.map((item) => item.kind === "scalar" ? item.text : "")
    .filter((each) => each !== "");
}

function withSection(
  text: string,
  ipvs: YamlEntry | undefined,
  networks: readonly string[],
): string {
  const without = ipvs ? withoutEntry(text, ipvs) : text;
  const start = without === "" || without.endsWith("\n") ? without : `${without}\n`;
  return `${start}ipvs:\n${settings(networks).map((line) => `  ${line}\n`).join("")}`;
}

function withSettings(text: string, { entries }: YamlMap, networks: readonly string[]): string {
  if (entries.some(({ at }) => !beginsLine(text, at))) {
    throw wrong("ipvs is written in one line, must have each key on a line of its own");
  }
  const first = entries[0]!.at;
  const indent = " ".repeat(columnOf(text, first));
  const lines = settings(networks).map((line) => `${indent}${line}\n`).join("");
  // From the end, so that what is before stays where it is.
  const without = entries.filter(({ key }) => key === "excludeCIDRs" || key === "strictARP")
    .toSorted((a, b) => b.at - a.at)
    .reduce(withoutEntry, text);
  const start = lineStart(text, first);
  return without.slice(0, start) + lines + without.slice(start);
}

function settings(networks: readonly string[]): string[] {
  return ["excludeCIDRs:", ...networks.map((each) => `- ${printText(each)}`), "strictARP: true"];
}

/** Without the key and its value: the lines that are deeper, and a list that is as deep as its key. */
function withoutEntry(text: string, { at }: YamlEntry): string {
  const start = lineStart(text, at);
  const indent = columnOf(text, at);
  const [, ...lines] = text.slice(start).split("\n");
  const isPart = (line: string) => {
    const depth = line.search(/\S/);
    return depth > indent || depth === indent && /^\s*-(?:\s|$)/.test(line);
  };
  const end = lines.findIndex((line) => !isPart(line));
  return text.slice(0, start) + (end < 0 ? "" : lines.slice(end).join("\n"));
}

function entryOf(node: YamlNode, key: string): YamlEntry | undefined {
  return node.kind === "map" ? node.entries.find((entry) => entry.key === key) : undefined;
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

function columnOf(text: string, at: number): number {
  return at - lineStart(text, at);
}

function beginsLine(text: string, at: number): boolean {
  return text.slice(lineStart(text, at), at).trim() === "";
}

function wrong(problem: string, hint?: string): ConfigError {
  return new ConfigError(`${FROM}: ${problem}`, {}, hint === undefined ? {} : { hint });
}
