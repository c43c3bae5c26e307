/** What -L lists, out of ipvsadm's options. */

import { UsageError } from "../errors.ts";
import type { Names } from "./names.ts";
import type { ListFormat, ListView, Operation } from "./operation.ts";
import type { ParameterName } from "./options.ts";
import type { Parameters } from "./parameters.ts";
import { parseKey } from "./service_arguments.ts";

/** What of several wins in ipvsadm, first to last. */
const VIEWS = [
  "stats",
  "rate",
  "thresholds",
  "persistent-conn",
  "tun-info",
] as const satisfies readonly (ListView & ParameterName)[];

/** What is listed instead of services. */
const OTHERS = ["connection", "timeout", "daemon"] as const;

export function parseListing(parameters: Parameters, names: Names): Operation {
  const instead = OTHERS.filter((name) => parameters.has(name));
  const subjects = [...instead.map((name) => parameters.get(name)!), parameters.service]
    .filter((each) => each !== undefined);
  if (subjects.length > 1) {
    throw new UsageError(
      `option "${subjects[1]!.spelling}": must not stand beside "${
        subjects[0]!.spelling
      }": one list at a time`,
    );
  }
  const subject: (typeof OTHERS)[number] | undefined = instead[0];
  switch (subject) {
    case "connection":
      refuseViews(parameters, "connection", ["persistent-conn"]);
      return {
        op: "connections",
        format: {
          numeric: parameters.has("numeric"),
          engineData: parameters.has("persistent-conn"),
        },
      };
    case "timeout":
      refuseViews(parameters, "timeout", []);
      return { op: "timeouts" };
    case "daemon":
      refuseViews(parameters, "daemon", []);
      return { op: "daemons" };
    case undefined: {
      const format = parseFormat(parameters);
      if (parameters.service === undefined && !parameters.has("ipv6")) {
        return { op: "list", format };
      }
      return { op: "list", key: parseKey(parameters, names), format };
    }
  }
}

function parseFormat(parameters: Parameters): ListFormat {
  return {
    view: VIEWS.find((view) => parameters.has(view)) ?? "servers",
    numeric: parameters.has("numeric"),
    exact: parameters.has("exact"),
    sorted: !parameters.has("nosort"),
  };
}

function refuseViews(
  parameters: Parameters,
  subject: ParameterName,
  allowed: readonly ListView[],
): void {
  const view = VIEWS.find((each) => parameters.has(each) && !allowed.includes(each));
  if (view === undefined) return;
  throw new UsageError(
    `option "--${view}": must not stand beside "${parameters.get(subject)!.spelling}"`,
  );
}
