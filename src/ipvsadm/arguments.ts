/**
 * ipvsadm's command line as an operation, with ipvsadm's defaults and its rules about what goes together.
 * More is accepted than ipvsadm accepts only in one respect: the order of options does not matter, so -6
 * may come before -f, -M before -t, and the command after its parameters.
 */

import { UsageError } from "../errors.ts";
import type { DaemonRole, Timeouts } from "../model/ipvs.ts";
import { parseListing } from "./list_arguments.ts";
import type { Names } from "./names.ts";
import type { Operation } from "./operation.ts";
import {
  ALLOWED,
  type CommandName,
  isCommand,
  type ParameterName,
  printOption,
} from "./options.ts";
import { Parameters } from "./parameters.ts";
import { parseServer, parseServerEndpoint } from "./server_arguments.ts";
import { parseKey, parseService } from "./service_arguments.ts";
import { type GivenOption, tokenize, type Tokens } from "./tokens.ts";
import {
  MAX_SYNC_LENGTH,
  MAX_TIMEOUT_S,
  parseGroup,
  parseInterface,
  parseNumber,
  refuse,
} from "./values.ts";

/** ipvsadm's default: the kernel itself has none. */
const DEFAULT_INTERFACE = "eth0";

export function parseArguments(args: readonly string[], names: Names): Operation {
  // As ipvsadm does when it is called with nothing.
  if (args.length === 0) return parseListing(new Parameters([]), names);
  const tokens = tokenize(args);
  const command = findCommand(tokens);
  const parameters = checkedParameters(command, tokens);
  if (command.name === "set") {
    return { op: "setTimeouts", timeouts: parseTimeouts(tokens.rest) };
  }
  if (tokens.rest.length > 0) {
    const first = tokens.rest[0]!;
    throw refuse("argument", first, `nothing more is expected by ${command.spelling}`);
  }
  return parseCommand(command, parameters, names);
}

function parseCommand(
  command: GivenOption & { readonly name: CommandName },
  parameters: Parameters,
  names: Names,
): Operation {
  const key = () => parseKey(parameters, names);
  switch (command.name) {
    case "add-service":
    case "edit-service": {
      const kind = command.name === "add-service" ? "addService" : "editService";
      return { op: "change", change: { kind, service: parseService(parameters, names) } };
    }
    case "delete-service":
      return { op: "change", change: { kind: "deleteService", key: key() } };
    case "add-server":
    case "edit-server": {
      const kind = command.name === "add-server" ? "addServer" : "editServer";
      const server = parseServer(key(), parameters, names);
      return { op: "change", change: { kind, key: key(), server } };
    }
    case "delete-server": {
      const server = parseServerEndpoint(key(), parameters, names);
      return { op: "change", change: { kind: "deleteServer", key: key(), server } };
    }
    case "list":
      return parseListing(parameters, names);
    case "zero":
      return parameters.service === undefined ? { op: "zero" } : { op: "zero", key: key() };
    case "start-daemon":
      return parseStartDaemon(command, parameters);
    case "stop-daemon":
      return { op: "stopDaemon", role: parseRole(command) };
    case "save":
      return { op: "save", numeric: parameters.has("numeric") };
    case "set":
      throw new TypeError("--set has been dealt with");
    case "clear":
    case "restore":
    case "help":
    case "version":
      return { op: command.name };
  }
}

function findCommand(
  { options, rest }: Tokens,
): GivenOption & { readonly name: CommandName } {
  const commands = options.flatMap((each) =>
    isCommand(each.name) ? [{ ...each, name: each.name }] : []
  );
  const [first, second] = commands;
  if (first === undefined) {
    const instead = options[0]?.spelling ?? rest[0] ?? "";
    throw new UsageError(
      `command missing: must be one of -A -E -D -C -R -S -a -e -d -L -Z, not "${instead}"`,
    );
  }
  if (second !== undefined) {
    throw new UsageError(
      `option "${second.spelling}": must not stand beside "${first.spelling}": one command at a time`,
    );
  }
  return first;
}

function checkedParameters(
  command: GivenOption & { readonly name: CommandName },
  tokens: Tokens,
): Parameters {
  const allowed: readonly ParameterName[] = ALLOWED[command.name];
  const given = tokens.options.filter((each) => each !== command && !isCommand(each.name));
  for (const option of given) {
    if (!allowed.some((name) => name === option.name)) {
      const rule = allowed.length === 0
        ? "no option goes with it"
        : `must be of ${printAll(allowed)}`;
      throw new UsageError(`option "${option.spelling}": not with ${command.spelling}: ${rule}`);
    }
  }
  return new Parameters(given);
}

function printAll(names: readonly ParameterName[]): string {
  return names.map(printOption).join(" ");
}

const TIMEOUTS = ["tcpS", "tcpFinS", "udpS"] as const;

/** 0 keeps a timeout as it is: in the operation it is not there. */
function parseTimeouts(values: readonly string[]): Partial<Timeouts> {
  if (values.length !== TIMEOUTS.length) {
    throw refuse(
      "--set",
      values.join(" "),
      `must have three timeouts: tcp, tcpfin and udp, not ${values.length}`,
    );
  }
  const timeouts: { -readonly [K in keyof Timeouts]?: Timeouts[K] } = {};
  for (const [i, name] of TIMEOUTS.entries()) {
    const seconds = parseNumber("timeout", values[i]!, 0, MAX_TIMEOUT_S);
    if (seconds > 0) timeouts[name] = seconds;
  }
  return timeouts;
}

function parseRole(command: GivenOption): DaemonRole {
  const role = command.value;
  if (role === "master" || role === "backup") return role;
  throw refuse(command.spelling, role ?? "", "must be master or backup");
}

function parseStartDaemon(command: GivenOption, parameters: Parameters): Operation {
  const role = parseRole(command);
  const number = (name: ParameterName, what: string, least: number, most: number) => {
    const text = parameters.value(name);
    return text === undefined ? undefined : parseNumber(what, text, least, most);
  };
  const group = parameters.value("mcast-group");
  const maxLength = number("sync-maxlen", "length of sync messages", 1, MAX_SYNC_LENGTH);
  const port = number("mcast-port", "multicast port", 1, 65_535);
  const ttl = number("mcast-ttl", "multicast TTL", 1, 255);
  return {
    op: "startDaemon",
    daemon: {
      role,
      syncId: number("syncid", "syncid", 0, 255) ?? 0,
      interface: parseInterface(parameters.value("mcast-interface") ?? DEFAULT_INTERFACE),
      ...(maxLength !== undefined && { maxLength }),
      ...(group !== undefined && { group: parseGroup(group) }),
      ...(port !== undefined && { port }),
      ...(ttl !== undefined && { ttl }),
    },
  };
}
