/** `lvscare ipvs`: the kernel's table, in ipvsadm's language or in words. */

import { EXIT_FAILURE, EXIT_OK, UsageError } from "../../errors.ts";
import { parseArguments } from "../../ipvsadm/arguments.ts";
import { type Names, parseNames } from "../../ipvsadm/names.ts";
import { parseRules } from "../../ipvsadm/save.ts";
import type { IpvsTable } from "../../kernel/ipvs_table.ts";
import { describeError, reportError } from "../report.ts";
import type { IpvsContext } from "./context.ts";
import { planEdit } from "./edit.ts";
import { IPVS_HELP } from "./help.ts";
import { runOperation, type Surroundings } from "./operations.ts";
import { type Command, parseWords } from "./words.ts";

/** Runs one command line and gives its exit status. Never throws. */
export async function runIpvs(args: readonly string[], context: IpvsContext): Promise<number> {
  try {
    const names = await readNames(context);
    return await runCommand(parseCommand(args, names), names, context);
  } catch (error) {
    return reportError(error, context.output, context.debug);
  }
}

function parseCommand(args: readonly string[], names: Names): Command {
  const asksForHelp = args.some((arg) => arg === "--help" || arg === "-h");
  if (args.length === 0 || asksForHelp) return { kind: "help" };
  if (!args[0]!.startsWith("-")) return parseWords(args, names);
  const operation = parseArguments(args, names);
  switch (operation.op) {
    case "help":
      return { kind: "help" };
    case "restore":
      return { kind: "restore" };
    // Who knows ipvsadm knows that -C does not ask.
    case "clear":
      return { kind: "clear", confirmed: true };
    default:
      return { kind: "operation", operation, json: false };
  }
}

async function runCommand(
  command: Command,
  names: Names,
  context: IpvsContext,
): Promise<number> {
  switch (command.kind) {
    case "help":
      context.output.out(IPVS_HELP);
      return EXIT_OK;
    case "restore":
      return await restore(command.file, names, context);
    case "clear":
      return await clear(command.confirmed, context);
    case "save":
      return await withTable(
        context,
        names,
        (surroundings) =>
          runOperation({ op: "save", numeric: true }, { ...surroundings, complete: true }),
      );
    case "operation":
      return await withTable(
        context,
        names,
        (surroundings) => runOperation(command.operation, { ...surroundings, json: command.json }),
      );
    case "edit":
      return await withTable(context, names, async ({ table }) => {
        const change = planEdit(command.edit, await table().then((each) => each.list()), names);
        const [error] = await (await table()).apply([change]);
        if (error) throw error;
        return EXIT_OK;
      });
  }
}

/** Gives the table to who asks for it, opened once, and closes it. */
async function withTable(
  context: IpvsContext,
  names: Names,
  use: (surroundings: Surroundings) => Promise<number>,
): Promise<number> {
  let opened: Promise<IpvsTable> | undefined;
  try {
    return await use({
      table: () => opened ??= context.table(),
      names,
      context,
      json: false,
      complete: false,
    });
  } finally {
    const table = await opened?.catch(() => undefined);
    table?.close();
  }
}

/** All lines are understood before the first is done; then they are done as one batch. */
async function restore(
  file: string | undefined,
  names: Names,
  context: IpvsContext,
): Promise<number> {
  const name = file ?? "standard input";
  const text = file === undefined ? await context.readStdin() : await readRules(file, context);
  const rules = parseRules(text, name, names);
  return await withTable(context, names, async ({ table }) => {
    const answers = await (await table()).apply(rules.map(({ change }) => change));
    const failures = answers.flatMap((error, index) =>
      error ? [{ line: rules[index]!.line, error }] : []
    );
    for (const { line, error } of failures) {
      context.output.err(`lvscare: ${name}:${line}: ${describeError(error)}\n`);
    }
    return failures.length === 0 ? EXIT_OK : EXIT_FAILURE;
  });
}

async function readRules(file: string, context: IpvsContext): Promise<string> {
  try {
    return await context.readTextFile(file);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : (cause as Error).message;
    throw new UsageError(`read rules from "${file}": ${why}`, { cause });
  }
}

async function clear(confirmed: boolean, context: IpvsContext): Promise<number> {
  if (!confirmed) {
    if (!context.confirm) {
      throw new UsageError("clear: must be confirmed by --yes where nobody can be asked");
    }
    if (!await context.confirm("Remove all virtual services, those of others too?")) {
      context.output.err("lvscare: nothing was removed\n");
      return EXIT_FAILURE;
    }
  }
  const table = await context.table();
  try {
    await table.clear();
  } finally {
    table.close();
  }
  return EXIT_OK;
}

/** A host without these files has no names, and needs none. */
async function readNames(context: IpvsContext): Promise<Names> {
  const read = (path: string) => context.readTextFile(path).catch(() => "");
  const [services, hosts] = await Promise.all([read("/etc/services"), read("/etc/hosts")]);
  return parseNames(services, hosts);
}
