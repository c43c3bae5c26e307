/** Edits that keep what they do not name: what stands in the table, with the given options in its place. */

import { KernelError, UsageError } from "../../errors.ts";
import { parseArguments } from "../../ipvsadm/arguments.ts";
import type { Names } from "../../ipvsadm/names.ts";
import { CHECKSUM_OPTIONS, FORWARDING_OPTIONS, type OptionName } from "../../ipvsadm/options.ts";
import { serverArguments, serviceArguments, thresholdArguments } from "../../ipvsadm/spell.ts";
import { type GivenOption, tokenize } from "../../ipvsadm/tokens.ts";
import { explainIpvs } from "../../kernel/hints.ts";
import { describeChange } from "../../kernel/ipvs_request.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import {
  type IpvsChange,
  printServiceKey,
  type Server,
  type Service,
  type ServiceEntry,
} from "../../model/ipvs.ts";
import { printGiven } from "./aliases.ts";
import type { Edit } from "./words.ts";

/** The change that the edit means for the table as it is. */
export function planEdit(
  edit: Edit,
  entries: readonly ServiceEntry[],
  names: Names,
): IpvsChange {
  const key = parseTarget(edit, names);
  const entry = entries.find(({ service }) => printServiceKey(service.key) === key.service);
  if (edit.subject === "service") {
    if (!entry) throw missing(edit, names, "ESRCH");
    return editService(edit, entry.service, names);
  }
  const server = entry?.servers.find(({ server }) => printEndpoint(server) === key.server)?.server;
  if (!entry || !server) throw missing(edit, names, entry ? "ENOENT" : "ESRCH");
  return editServer(edit, entry.service, server, names);
}

function parseTarget(edit: Edit, names: Names): { service: string; server?: string } {
  const command = edit.subject === "service" ? "--delete-service" : "--delete-server";
  const operation = parseArguments([command, ...printGiven(edit.target)], names);
  if (operation.op !== "change") throw new TypeError("a target is part of a change");
  const { change } = operation;
  if (change.kind === "deleteService") return { service: printServiceKey(change.key) };
  if (change.kind !== "deleteServer") throw new TypeError("a target is a service or a server");
  return { service: printServiceKey(change.key), server: printEndpoint(change.server) };
}

/** The error that the kernel would give, had it been asked to edit what is not there. */
function missing(edit: Edit, names: Names, errno: string): KernelError {
  const command = edit.subject === "service" ? "--delete-service" : "--delete-server";
  const operation = parseArguments([command, ...printGiven(edit.target)], names);
  if (operation.op !== "change") throw new TypeError("a target is part of a change");
  const { subject } = describeChange(operation.change);
  const kernelCommand = edit.subject === "service" ? "IPVS_CMD_SET_SERVICE" : "IPVS_CMD_SET_DEST";
  const op = `edit ${edit.subject}`;
  const { why = "it is not there", hint } = explainIpvs(kernelCommand, errno);
  return new KernelError(`${op} ${subject}: ${why} (${errno})`, kernelCommand, errno, {}, {
    op,
    subject,
    ...(hint !== undefined && { hint }),
  });
}

function editService(edit: Edit, current: Service, names: Names): IpvsChange {
  const given = new Set<OptionName>(edit.given.map(({ name }) => name));
  const dropped = new Set<OptionName>(edit.without);
  for (const name of edit.without) {
    if (given.has(name)) {
      throw new UsageError(`option "--${name}": must not be given and taken away`);
    }
  }
  // Another scheduler gives another meaning to the same flags.
  const scheduler = edit.given.find(({ name }) => name === "scheduler")?.value;
  if (scheduler !== undefined && scheduler !== current.scheduler) dropped.add("sched-flags");
  const options = merge(serviceArguments(current), edit.given, dropped);
  const operation = parseArguments(["--edit-service", ...printGiven(options)], names);
  if (operation.op !== "change") throw new TypeError("an edit is a change");
  return operation.change;
}

function editServer(edit: Edit, service: Service, current: Server, names: Names): IpvsChange {
  const given = new Set<OptionName>(edit.given.map(({ name }) => name));
  const changesMethod = FORWARDING_OPTIONS.some((name) => given.has(name)) || given.has("tun-type");
  const changesTunnel = changesMethod ||
    given.has("tun-port") || CHECKSUM_OPTIONS.some((name) => given.has(name));
  const dropped = new Set<OptionName>();
  if (changesMethod) {
    for (const name of [...FORWARDING_OPTIONS, ...CHECKSUM_OPTIONS]) dropped.add(name);
    dropped.add("tun-type").add("tun-port");
  }
  if (CHECKSUM_OPTIONS.some((name) => given.has(name))) {
    for (const name of CHECKSUM_OPTIONS) dropped.add(name);
  }
  // A type of tunnel is a tunnel.
  const implied: GivenOption[] = given.has("tun-type") && !given.has("ipip")
    ? [{ name: "ipip", spelling: "--ipip" }]
    : [];
  const words = [...serverArguments(service.key, current), ...thresholdArguments(current)];
  const options = merge(words, [...implied, ...edit.given], dropped);
  const operation = parseArguments(["--edit-server", ...printGiven(options)], names);
  if (operation.op !== "change" || operation.change.kind !== "editServer") {
    throw new TypeError("an edit is a change");
  }
  const { server } = operation.change;
  // The port is part of what names the server; ipvsadm's language has no word for some ways of forwarding.
  const kept = changesTunnel ? server.forwarding : current.forwarding;
  if (changesMethod && kept.method !== "masquerade" && server.port !== current.port) {
    throw new UsageError(
      `real server "${
        printEndpoint(current)
      }": only masquerading leads to port ${current.port}: delete it, and add it with port ${server.port}`,
    );
  }
  return { ...operation.change, server: { ...server, port: current.port, forwarding: kept } };
}

/** The current options without those that are given or dropped, and the given ones. */
function merge(
  current: readonly string[],
  given: readonly GivenOption[],
  dropped: ReadonlySet<OptionName>,
): GivenOption[] {
  const replaced = new Set([...given.map(({ name }) => name), ...dropped]);
  const kept = tokenize(current).options.filter(({ name }) => !replaced.has(name));
  return [...kept, ...given];
}
