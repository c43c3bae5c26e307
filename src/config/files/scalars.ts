/** Single values that stand in many places of a file. */

import { type Address, parseAddress } from "../../model/address.ts";
import { parseEndpoint } from "../../model/endpoint.ts";
import { judgeHostAddress } from "../care_endpoints.ts";
import { type Given, refuse } from "../given.ts";
import {
  type DurationRange,
  readChoice,
  readDurationMs,
  readInteger,
  readSwitch,
} from "../values.ts";
import { listOf, scalar, type Shape } from "./shape.ts";

export function choice<const T extends string>(choices: readonly T[]): Shape<T> {
  return scalar({ enum: choices }, (given) => readChoice(given, choices));
}

export function whole(minimum: number, maximum: number): Shape<number> {
  return scalar(
    { type: "integer", minimum, maximum },
    (given) => readInteger(given, minimum, maximum),
  );
}

export function duration(range: DurationRange): Shape<number> {
  return scalar(
    { type: ["string", "integer"], examples: ["500ms", "5s", "1m30s", 5] },
    (given) => readDurationMs(given, range),
  );
}

export const flag: Shape<boolean> = scalar({ type: "boolean" }, readSwitch);
export const text: Shape<string> = scalar({ type: "string" }, ({ text }) => text);

/** From 0 to 1. */
export const percent: Shape<number> = scalar(
  { type: ["string", "integer"], pattern: "^\\d{1,3}%?$", examples: ["10%", 10] },
  (given) => {
    const value = /^\d{1,3}%?$/.test(given.text) ? parseInt(given.text) : 101;
    return value <= 100 ? value / 100 : refuse(given, "must be from 0% to 100%");
  },
);

export const absolutePath: Shape<string> = scalar(
  { type: "string", pattern: "^/" },
  (given) =>
    /^\/[^\p{Cc}]*$/u.test(given.text)
      ? given.text
      : refuse(given, 'must be an absolute path, beginning with "/"'),
);

/** A program by its path, and its arguments. */
export const command: Shape<readonly [string, ...string[]]> = {
  schema: { oneOf: [absolutePath.schema, { type: "array", items: text.schema, minItems: 1 }] },
  read(node, place) {
    if (node.kind === "scalar") {
      const program = absolutePath.read(node, place);
      return program === undefined ? undefined : [program];
    }
    const words = listOf(text).read(node, place);
    if (!words || node.kind !== "list") return undefined;
    const [first] = node.items;
    if (!first) return place.complain(node, "is empty, must have a program");
    const program = absolutePath.read(first, place.inside(0));
    if (program === undefined || words.length < node.items.length) return undefined;
    return [program, ...words.slice(1)];
  },
};

/** An address of one host. */
export const hostAddress: Shape<Address> = scalar({ type: "string" }, readHostAddress);

export function readHostAddress(given: Given): Address {
  const address = parseAddress(given.text) ??
    refuse(given, "must be an address, as 10.0.0.1 or fd00::1", adviseOnAddress(given.text));
  const problem = judgeHostAddress(address);
  return problem === undefined ? address : refuse(given, problem);
}

function adviseOnAddress(text: string): string | undefined {
  if (parseEndpoint(text)) return "the port stands beside it, as port";
  return /^[\w.-]*[a-z][\w.-]*$/i.test(text) ? "names are not looked up" : undefined;
}
