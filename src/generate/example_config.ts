/** A configuration to begin with: one service, and beside it every other key with its help. */

import { fileSchema } from "../config/files/fields.ts";
import type { JsonSchema } from "../config/files/shape.ts";
import { heading } from "./artifact.ts";

/**
 * What is in force. The rest has a "#" before the key, without a space between; to use a key, take that away
 * from it and from the keys that it is in.
 */
const IN_FORCE: Readonly<Record<string, string>> = {
  services: "",
  "services.address": "10.103.97.12",
  "services.port": "6443",
  "services.servers": "[192.168.0.2, 192.168.0.3, 192.168.0.4]",
  "services.check": "{ type: https, path: /healthz }",
};

/** Values of keys that neither their help nor their schema gives one for. */
const EXAMPLES: Readonly<Record<string, string>> = {
  "host.backend": "netlink",
  "host.timeouts.tcp": "15m",
  "host.timeouts.tcp-fin": "2m",
  "host.timeouts.udp": "5m",
  "host.sync-daemon.device": "eth1",
  "host.sync-daemon.max-length": "1400",
  "host.proxy.protocol": "v2",
  "host.sync-daemon.group": "224.0.0.81",
  "defaults.device": "lvscare",
  "defaults.gateway": "192.168.0.1",
  "defaults.scheduler-flags": "[sh-port]",
  "defaults.persistence.prefix": "24",
  "defaults.persistence.mask": "255.255.255.0",
  "defaults.persistence.engine": "sip",
  "defaults.quorum.start": "up",
  "defaults.maintenance-drain": "10m",
  "defaults.tunnel.port": "6080",
  "defaults.check.address": "192.168.0.2",
  "defaults.check.port": "8080",
  "defaults.check.source.address": "192.168.0.1",
  "defaults.check.source.port": "40000",
  "defaults.check.source.device": "eth0",
  "defaults.check.fast-interval": "1s",
  "defaults.check.down-interval": "5s",
  "defaults.check.spread": "5s",
  "defaults.check.start": "up",
  "defaults.check.failed-weight": "0",
  "defaults.check.method": "GET",
  "defaults.check.path": "/healthz",
  "defaults.check.urls.path": "/ready",
  "defaults.check.urls.host": "www.example",
  "defaults.check.urls.status": "[401]",
  "defaults.check.urls.accept": "200-299",
  "defaults.check.urls.expect": '"all systems go"',
  "defaults.check.body": '"ping"',
  "defaults.check.headers": "{ Host: www.example }",
  "defaults.check.status": "[401, 403]",
  "defaults.check.accept": "[200, 301-302]",
  "defaults.check.expect.contains": '"all systems go"',
  "defaults.check.expect.pattern": "'load: \\d+'",
  "defaults.check.expect.md5": "d41d8cd98f00b204e9800998ecf8427e",
  "defaults.check.expect.sha256":
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "defaults.check.expect.to": "1024",
  "defaults.check.proxy-protocol": "v2",
  "defaults.check.verify": "false",
  "defaults.check.server-name": "www.example",
  "defaults.check.ca": "/etc/lvscare/ca.pem",
  "defaults.check.certificate": "/etc/lvscare/client.pem",
  "defaults.check.key": "/etc/lvscare/client.key",
  "defaults.check.send": '"ping\\r\\n"',
  "defaults.check.send-hex": '"00 ff"',
  "defaults.check.silence": "ok",
  "defaults.check.query.name": "www.example",
  "defaults.check.query.type": "SOA",
  "defaults.check.query.codes": "NOERROR",
  "defaults.check.query.answers": "[10.0.0.1]",
  "defaults.check.helo": "lb.example",
  "defaults.check.grpc-service": "example.Service",
  "defaults.check.command": "[/usr/local/bin/check, argument]",
  "defaults.check.user": "nobody",
  "defaults.check.file": "/run/weight",
  "defaults.check.file-scale": "1",
  "defaults.checks": "[{ path: /ready }, { type: tcp, port: 8443 }]",
  "defaults.notify.on": "[server-down, quorum-down]",
  "defaults.notify.program": "[/usr/local/bin/tell, argument]",
  "defaults.notify.url": "https://chat.example/hook",
  "defaults.notify.user": "nobody",
  "services.name": "api",
  "services.mark": "1",
  "services.servers.address": "192.168.0.5",
  "services.servers.port": "6443",
  "services.sorry.address": "192.168.0.99",
  "services.sorry.port": "6443",
};

const WIDTH = 100;
const STEP = "  ";

export function printExampleConfig(): string {
  const schema = fileSchema() as JsonSchema;
  const printer = new Printer();
  printer.table(fieldsOf(schema), "", "", "");
  return heading(
    "config",
    "The files of lvscare run: this one is /etc/lvscare/lvscare.yaml, or one of /etc/lvscare/conf.d,",
    "which has no host. lvscare check says what is wrong in them.",
    "A # before a key, without a space between, keeps the key out: it is shown with its default or",
    "with an example. To use it take the # away, there and from the keys that it is in.",
  ) + printer.text;
}

interface Field {
  readonly key: string;
  readonly schema: JsonSchema;
}

/** Keys in a key: of one map, or of those in a list. */
interface Inside {
  readonly fields: readonly Field[];
  readonly isList: boolean;
}

class Printer {
  text = "";
  /** What was explained already, in another place. */
  readonly #known = new Set<string>();

  /** A list's first key stands behind its dash. */
  table(fields: readonly Field[], path: string, indent: string, dash: "" | "- "): void {
    const isShown = (field: Field) =>
      !this.#isKnown(field) || isNeeded(field) || inForce(path, field.key) !== undefined;
    const shown = fields.filter(isShown);
    // Where a list begins is in force where anything of it is.
    const first = shown.filter(({ key }) => inForce(path, key) !== undefined);
    const inOrder = dash === ""
      ? shown
      : [...first, ...shown.filter((each) => !first.includes(each))];
    const deeper = dash === "" ? indent : indent + STEP;
    for (const [i, field] of inOrder.entries()) {
      if (path === "") this.text += "\n";
      this.#field(field, path, i === 0 ? indent : deeper, i === 0 ? dash : "");
    }
    const others = fields.filter((field) => !shown.includes(field)).map(({ key }) => key);
    if (others.length > 0) this.#prose(`And as above: ${others.join(", ")}`, deeper);
  }

  #field(field: Field, path: string, indent: string, dash: "" | "- "): void {
    const { key, schema } = field;
    const name = path === "" ? key : `${path}.${key}`;
    this.#prose(helpOf(schema), indent);
    this.#known.add(nameOf(field));
    const inside = insideOf(schema);
    const value = inForce(path, key);
    const example = value ?? EXAMPLES[name];
    const isTable = inside !== undefined && inside.fields.some((each) => !this.#isKnown(each));
    const isShort = !isTable || example !== undefined && example !== "";
    if (isShort) {
      this.#line(
        `${indent}${value === undefined ? "#" : ""}${dash}${key}: ${example ?? valueOf(schema)}`,
      );
    }
    if (!isTable || isShort && value === undefined) return;
    if (isShort) this.#prose("Or with more than that:", indent);
    this.#line(`${indent}${isShort || value === undefined ? "#" : ""}${dash}${key}:`);
    const deeper = `${indent}${dash === "" ? "" : STEP}${STEP}`;
    this.table(inside.fields, name, deeper, inside.isList ? "- " : "");
  }

  #isKnown(field: Field): boolean {
    return this.#known.has(nameOf(field));
  }

  #prose(text: string, indent: string): void {
    const width = WIDTH - indent.length - 2;
    let line = "";
    for (const word of text.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > width) {
        this.#line(`${indent}# ${line}`);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    if (line !== "") this.#line(`${indent}# ${line}`);
  }

  #line(text: string): void {
    this.text += `${text}\n`;
  }
}

function inForce(path: string, key: string): string | undefined {
  const name = path === "" ? key : `${path}.${key}`;
  return Object.hasOwn(IN_FORCE, name) ? IN_FORCE[name] : undefined;
}

/** A key that says the same of itself is the same. */
function nameOf({ key, schema }: Field): string {
  return `${key}: ${helpOf(schema)}`;
}

function isNeeded({ schema }: Field): boolean {
  return helpOf(schema).endsWith("must be given");
}

function helpOf({ description }: JsonSchema): string {
  return typeof description === "string" ? description : "";
}

function fieldsOf({ properties = {} }: JsonSchema): Field[] {
  return Object.entries(properties as Record<string, JsonSchema>)
    .map(([key, schema]) => ({ key, schema }));
}

/** The keys of a map before those of a list, where it can be either. */
function insideOf(schema: JsonSchema): Inside | undefined {
  if (schema["properties"]) return { fields: fieldsOf(schema), isList: false };
  for (const one of alternatives(schema)) {
    const found = insideOf(one);
    if (found && !found.isList) return found;
  }
  const items = schema["items"] as JsonSchema | undefined;
  const found = items && insideOf(items);
  return found && { ...found, isList: true };
}

function alternatives({ oneOf = [] }: JsonSchema): readonly JsonSchema[] {
  return oneOf as readonly JsonSchema[];
}

/** The default where the help tells one that can be written, else anything that is allowed. */
function valueOf(schema: JsonSchema): string {
  const [, said = ""] = /Default: ([^\s;,]+)(?:[;,]|$)/.exec(helpOf(schema)) ?? [];
  return allows(schema, said) ? said : anyOf(schema);
}

function allows(schema: JsonSchema, text: string): boolean {
  if (text === "") return false;
  if (schema["oneOf"]) return alternatives(schema).some((one) => allows(one, text));
  const { enum: choices, pattern } = schema as Scalar;
  if (choices) return choices.includes(text);
  const types = typesOf(schema);
  if (/^\d+$/.test(text)) return types.includes("integer");
  if (/^(?:true|false)$/.test(text)) return types.includes("boolean");
  // A word of the help's sentence is no value.
  return types.includes("string") &&
    (pattern === undefined ? /^\d/.test(text) : new RegExp(pattern).test(text));
}

interface Scalar {
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
}

function typesOf({ type = [] }: JsonSchema): readonly unknown[] {
  return [type].flat();
}

function anyOf(schema: JsonSchema): string {
  const { enum: choices, examples, minimum } = schema as Scalar;
  const [first] = alternatives(schema);
  if (first) return anyOf(first);
  if (choices) return choices[0]!;
  if (examples) return String(examples[0]);
  if (minimum !== undefined) return String(minimum);
  if (typesOf(schema).includes("boolean")) return "true";
  return schema["items"] ? "[]" : "text";
}
