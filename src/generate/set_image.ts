/** Another image in a pod's manifest, of which nothing else is changed: not its comments, not its order. */

import { parseYaml, type YamlMap, type YamlNode, type YamlScalar } from "../config/yaml.ts";
import { ConfigError } from "../errors.ts";
import { printText } from "./yaml.ts";

/** In the first container, and in those that are started before it from the same image. */
export function setImage(text: string, file: string, image: string): string {
  const root = parseYaml(text, file);
  if (!root || textAt(root, "kind") !== "Pod") throw wrong(file, 'is no manifest of kind "Pod"');
  const spec = valueAt(root, "spec");
  const [main] = containers(spec, "containers");
  if (!main) throw wrong(file, "has no spec.containers[0].image");
  const also = containers(spec, "initContainers").filter((each) => each.text === main.text);
  return [main, ...also].toSorted((a, b) => b.at - a.at)
    .reduce((edited, node) => replaced(edited, node, image, file), text);
}

function containers(spec: YamlNode | undefined, key: string): YamlScalar[] {
  const list = spec && valueAt(spec, key);
  if (list?.kind !== "list") return [];
  return list.items.map((item) => valueAt(item, "image"))
    .filter((node): node is YamlScalar => node?.kind === "scalar" && node.text !== "");
}

function replaced(text: string, node: YamlScalar, image: string, file: string): string {
  const end = endOf(text, node);
  if (end === undefined) throw wrong(file, "has an image that is not written in one line");
  return text.slice(0, node.at) + printText(image) + text.slice(end);
}

/** Behind the value with its quotes. Names of images have nothing that would have to be escaped in them. */
function endOf(text: string, { at, text: value }: YamlScalar): number | undefined {
  const quote = /["']/.exec(text[at]!)?.[0] ?? "";
  const written = quote + value + quote;
  return text.startsWith(written, at) ? at + written.length : undefined;
}

function valueAt(node: YamlNode, key: string): YamlNode | undefined {
  const { entries = [] }: Partial<Pick<YamlMap, "entries">> = node.kind === "map" ? node : {};
  return entries.find((entry) => entry.key === key)?.value;
}

function textAt(node: YamlNode, key: string): string | undefined {
  const value = valueAt(node, key);
  return value?.kind === "scalar" ? value.text : undefined;
}

function wrong(file: string, problem: string): ConfigError {
  return new ConfigError(problem, { file });
}
