/** The readable commands of `lvscare ipvs`. Each becomes the operation of ipvsadm that does the same. */

import { UsageError } from "../../errors.ts";
import { parseArguments } from "../../ipvsadm/arguments.ts";
import type { Names } from "../../ipvsadm/names.ts";
import { printNetmask } from "../../ipvsadm/netmask.ts";
import type { Operation } from "../../ipvsadm/operation.ts";
import type { CommandName, ParameterName } from "../../ipvsadm/options.ts";
import { suggest } from "../../ipvsadm/suggest.ts";
import type { GivenOption } from "../../ipvsadm/tokens.ts";
import { parseHostPort } from "../../ipvsadm/values.ts";
import {
  type AliasTable,
  CLEAR_ALIASES,
  DAEMON_ALIASES,
  EDIT_SERVICE_ALIASES,
  LIST_ALIASES,
  OUTPUT_ALIASES,
  printGiven,
  readWordOptions,
  SERVER_ALIASES,
  SERVICE_ALIASES,
  type WordOptions,
} from "./aliases.ts";

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "operation"; readonly operation: Operation; readonly json: boolean }
  /** Changes what is given of a service or server and keeps the rest. */
  | { readonly kind: "edit"; readonly edit: Edit }
  | { readonly kind: "save" }
  /** Without a file: from standard input. */
  | { readonly kind: "restore"; readonly file?: string }
  | { readonly kind: "clear"; readonly confirmed: boolean };

export interface Edit {
  readonly subject: "service" | "server";
  /** What names the service, and the server where it is one. */
  readonly target: readonly GivenOption[];
  readonly given: readonly GivenOption[];
  /** What is taken away. */
  readonly without: ReadonlySet<ParameterName>;
}

/** What a readable command takes: its words are used up one after the other. */
class Words {
  readonly title: string;
  readonly read: WordOptions;
  #next = 0;

  constructor(title: string, command: CommandName, aliases: AliasTable, args: readonly string[]) {
    this.title = title;
    this.read = readWordOptions(title, command, aliases, args);
  }

  next(): string | undefined {
    return this.read.words[this.#next++];
  }

  needed(what: string): string {
    const word = this.next();
    if (word === undefined) throw new UsageError(`${this.title}: ${what} must follow`);
    return word;
  }

  /** Nothing may be left. */
  end(): void {
    const word = this.next();
    if (word === undefined) return;
    throw new UsageError(`word "${word}": nothing more is expected by ${this.title}`);
  }

  get json(): boolean {
    const format = this.read.own.get("--output") ?? "text";
    if (format === "json" || format === "text") return format === "json";
    throw new UsageError(`option --output "${format}": must be json or text`);
  }
}

const PARSERS: Readonly<Record<string, (args: readonly string[], names: Names) => Command>> = {
  list: parseList,
  connections: parseConnections,
  add: (args, names) => parseAdd(args, names),
  edit: (args) => parseEdit(args),
  delete: (args, names) => parseDelete(args, names),
  save: (args) => {
    new Words("save", "save", {}, args).end();
    return { kind: "save" };
  },
  restore: (args) => {
    const words = new Words("restore", "restore", {}, args);
    const file = words.next();
    words.end();
    return file === undefined || file === "-" ? { kind: "restore" } : { kind: "restore", file };
  },
  clear: (args) => {
    const words = new Words("clear", "clear", CLEAR_ALIASES, args);
    words.end();
    return { kind: "clear", confirmed: words.read.own.has("--yes") };
  },
  zero: parseZero,
  timeout: parseTimeout,
  daemon: parseDaemon,
  help: () => ({ kind: "help" }),
};

/** Everything that may stand first. */
export const COMMAND_WORDS = Object.keys(PARSERS);

export function parseWords(args: readonly string[], names: Names): Command {
  const [first = "help", ...rest] = args;
  const parser = Object.hasOwn(PARSERS, first) ? PARSERS[first] : undefined;
  if (parser) return parser(rest, names);
  throw unknownWord("command", first, COMMAND_WORDS);
}

function unknownWord(what: string, word: string, known: readonly string[]): UsageError {
  const meant = suggest(word, known);
  const question = meant === undefined ? "" : `; did you mean "${meant}"?`;
  return new UsageError(`${what} "${word}": must be one of ${known.join(", ")}${question}`);
}

function operation(args: readonly string[], names: Names, json = false): Command {
  return { kind: "operation", operation: parseArguments(args, names), json };
}

const SERVICE_WORDS: Readonly<Record<string, string>> = {
  tcp: "tcp-service",
  udp: "udp-service",
  sctp: "sctp-service",
  mark: "fwmark-service",
};

/** "tcp 10.0.0.1:80" or "mark 5" as the option that names the service. */
function takeService(words: Words, first: string): GivenOption {
  const name = Object.hasOwn(SERVICE_WORDS, first) ? SERVICE_WORDS[first] : undefined;
  if (name === undefined) throw unknownWord("service", first, Object.keys(SERVICE_WORDS));
  const value = words.needed(first === "mark" ? "a number" : "an address and a port");
  return { name: name as GivenOption["name"], spelling: first, value };
}

const SERVICE_NEEDED = 'a service, as "tcp 10.0.0.1:80" or "mark 5",';

function takeNeededService(words: Words): GivenOption {
  return takeService(words, words.needed(SERVICE_NEEDED));
}

function parseList(args: readonly string[], names: Names): Command {
  const words = new Words("list", "list", LIST_ALIASES, args);
  const first = words.next();
  const service = first === undefined ? [] : [takeService(words, first)];
  words.end();
  const given = printGiven([...service, ...words.read.options]);
  return operation(["--list", ...given], names, words.json);
}

function parseConnections(args: readonly string[], names: Names): Command {
  const words = new Words("connections", "list", OUTPUT_ALIASES, args);
  words.end();
  const given = printGiven(words.read.options);
  return operation(["--list", "--connection", ...given], names, words.json);
}

function parseZero(args: readonly string[], names: Names): Command {
  const words = new Words("zero", "zero", {}, args);
  const first = words.next();
  const service = first === undefined ? [] : [takeService(words, first)];
  words.end();
  return operation(["--zero", ...printGiven([...service, ...words.read.options])], names);
}

function parseTimeout(args: readonly string[], names: Names): Command {
  const words = new Words("timeout", "set", OUTPUT_ALIASES, args);
  if (words.read.words.length === 0) {
    return operation(["--list", "--timeout"], names, words.json);
  }
  if (words.read.words.length !== 3) {
    const given = words.read.words.join(" ");
    throw new UsageError(
      `timeout "${given}": must be three times in seconds: TCP, TCP after FIN, and UDP (0 keeps one)`,
    );
  }
  return operation(["--set", ...words.read.words], names);
}

function parseDaemon(args: readonly string[], names: Names): Command {
  const [action = "", ...rest] = args;
  switch (action) {
    case "list": {
      const words = new Words("daemon list", "set", OUTPUT_ALIASES, rest);
      words.end();
      return operation(["--list", "--daemon"], names, words.json);
    }
    case "start": {
      const words = new Words("daemon start", "start-daemon", DAEMON_ALIASES, rest);
      const role = words.needed("master or backup");
      words.end();
      const given = printGiven(words.read.options);
      return operation([`--start-daemon=${role}`, ...given], names);
    }
    case "stop": {
      const words = new Words("daemon stop", "stop-daemon", {}, rest);
      const role = words.needed("master or backup");
      words.end();
      return operation([`--stop-daemon=${role}`, ...printGiven(words.read.options)], names);
    }
    default:
      throw unknownWord("daemon", action, ["start", "stop", "list"]);
  }
}

type Subject = "service" | "server";

function takeSubject(verb: string, args: readonly string[]): [Subject, readonly string[]] {
  const [subject = "", ...rest] = args;
  if (subject === "service" || subject === "server") return [subject, rest];
  throw unknownWord(verb, subject, ["service", "server"]);
}

function parseAdd(args: readonly string[], names: Names): Command {
  const [subject, rest] = takeSubject("add", args);
  if (subject === "service") {
    const words = new Words("add service", "add-service", SERVICE_ALIASES, rest);
    const service = takeNeededService(words);
    words.end();
    const options = widenNetmask(service, words.read.options);
    return operation(["--add-service", ...printGiven([service, ...options])], names);
  }
  const words = new Words("add server", "add-server", SERVER_ALIASES, rest);
  const target = takeServer(words);
  words.end();
  const given = printGiven([...target, ...words.read.options]);
  const command = parseArguments(["--add-server", ...given], names);
  checkPort(command, target, names);
  return { kind: "operation", operation: command, json: false };
}

function parseEdit(args: readonly string[]): Command {
  const [subject, rest] = takeSubject("edit", args);
  if (subject === "server") {
    const words = new Words("edit server", "edit-server", SERVER_ALIASES, rest);
    const target = takeServer(words);
    words.end();
    return edit(subject, words, target, words.read.options, new Set());
  }
  const words = new Words("edit service", "edit-service", EDIT_SERVICE_ALIASES, rest);
  const service = takeNeededService(words);
  words.end();
  const { own } = words.read;
  const without = new Set<ParameterName>([
    ...(own.has("--no-persistent") ? ["persistent", "netmask", "pe"] as const : []),
    ...(own.has("--no-one-packet") ? ["ops"] as const : []),
    ...(own.has("--no-flags") ? ["sched-flags"] as const : []),
  ]);
  return edit(subject, words, [service], widenNetmask(service, words.read.options), without);
}

function edit(
  subject: Subject,
  words: Words,
  target: readonly GivenOption[],
  options: readonly GivenOption[],
  without: ReadonlySet<ParameterName>,
): Command {
  const isTarget = ({ name }: GivenOption) => name === "ipv6";
  const given = options.filter((option) => !isTarget(option));
  if (given.length === 0 && without.size === 0) {
    throw new UsageError(`${words.title}: what to change must follow, as an option`);
  }
  const whole = [...target, ...options.filter(isTarget)];
  return { kind: "edit", edit: { subject, target: whole, given, without } };
}

function parseDelete(args: readonly string[], names: Names): Command {
  const [subject, rest] = takeSubject("delete", args);
  const command = subject === "service" ? "delete-service" : "delete-server";
  const words = new Words(`delete ${subject}`, command, {}, rest);
  const target = subject === "service" ? [takeNeededService(words)] : takeServer(words);
  words.end();
  return operation([`--${command}`, ...printGiven([...target, ...words.read.options])], names);
}

function takeServer(words: Words): GivenOption[] {
  const service = takeNeededService(words);
  const value = words.needed("a server's address, with or without a port,");
  return [service, { name: "real-server", spelling: "server", value }];
}

/** A prefix's length is as good as a dotted mask. */
function widenNetmask(
  service: GivenOption,
  options: readonly GivenOption[],
): GivenOption[] {
  const isIpv6 = service.name === "fwmark-service"
    ? options.some(({ name }) => name === "ipv6")
    : (service.value ?? "").split(":").length > 2;
  return options.map((option) => {
    const length = /^\/?(\d{1,3})$/.exec(option.value ?? "")?.[1];
    if (option.name !== "netmask" || length === undefined) return option;
    if (isIpv6) return { ...option, value: length };
    return Number(length) <= 32 ? { ...option, value: printNetmask(Number(length)) } : option;
  });
}

/** ipvsadm overwrites a port that only masquerading could use, and says nothing. Here it is said. */
function checkPort(operation: Operation, target: readonly GivenOption[], names: Names): void {
  if (operation.op !== "change" || operation.change.kind !== "addServer") return;
  const { key, server } = operation.change;
  const protocol = key.kind === "address" ? key.protocol : "tcp";
  const text = target.find(({ name }) => name === "real-server")?.value ?? "";
  const { port } = parseHostPort("real server", text, protocol, names);
  if (port === undefined || port === server.port) return;
  throw new UsageError(
    `real server "${text}": its port must be the service's, which is ${server.port}, or use --forward masquerade`,
  );
}
