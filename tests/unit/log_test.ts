import assert from "node:assert/strict";
import { getLogger } from "@logtape/logtape";
import { configureLogs, type LogFormat, parseLogLevel, resetLogs } from "../../src/log.ts";

/** The lines that come of the logging that `act` does. */
function linesOf(
  options: { level: string; format?: LogFormat; colors?: boolean },
  act: (log: ReturnType<typeof getLogger>) => void,
): string[] {
  const lines: string[] = [];
  const level = parseLogLevel(options.level);
  assert.ok(level, options.level);
  configureLogs({
    level,
    format: options.format ?? "text",
    colors: options.colors ?? false,
    write: (line) => lines.push(line),
  });
  try {
    act(getLogger(["lvscare", "care"]));
  } finally {
    resetLogs();
  }
  return lines;
}

Deno.test("text lines have LVScare's time, level word and message", () => {
  const lines = linesOf({ level: "DEBG" }, (log) => {
    log.debug("Trying to update wight to 0 for graceful termination");
    log.warn("no {thing}", { thing: "route" });
  });
  assert.equal(lines.length, 2);
  assert.match(
    lines[0]!,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d debug Trying to update wight to 0 for graceful termination\n$/,
  );
  assert.match(lines[1]!, /^\S{19} warn no route\n$/);
});

Deno.test("a line is in local time", () => {
  const before = new Date();
  const [line = ""] = linesOf({ level: "info" }, (log) => log.info("x"));
  const written = new Date(line.slice(0, 19)).getTime();
  assert.ok(Math.abs(written - before.getTime()) < 2000, line);
});

Deno.test("a message below the level is dropped, and nothing of it is made", () => {
  let made = 0;
  const lines = linesOf({ level: "INFO" }, (log) => {
    log.debug("never {value}", () => ({ value: ++made }));
    log.info("once {value}", () => ({ value: ++made }));
  });
  assert.equal(made, 1);
  assert.equal(lines.length, 1);
});

Deno.test("JSON lines keep properties, message and level", () => {
  const [line = ""] = linesOf({ level: "info", format: "json" }, (log) => {
    log.error("weight of {server}", { server: "10.0.0.1:80", bytes: 1n, cause: new Error("why") });
  });
  const { time, ...rest } = JSON.parse(line);
  assert.match(time, /^\d{4}-.*Z$/);
  assert.deepEqual(rest, {
    level: "error",
    logger: "care",
    message: "weight of 10.0.0.1:80",
    server: "10.0.0.1:80",
    bytes: "1",
    cause: "why",
  });
});

Deno.test("a value from outside can neither start a line nor drive a terminal", () => {
  const [line = ""] = linesOf({ level: "info" }, (log) => {
    log.info("got {body}", { body: "a\n2022-01-01T00:00:00 fatal b\x1b[2J" });
  });
  assert.equal(line.indexOf("\n"), line.length - 1);
  assert.ok(line.includes("a\\n2022-01-01T00:00:00 fatal b\\x1b[2J"), line);
});

Deno.test("parseLogLevel() knows the usual words and LVScare's, in any case, and no others", () => {
  const known = { DEBG: "debug", debug: "debug", EROR: "error", Warn: "warning", trac: "trace" };
  for (const [word, level] of Object.entries(known)) assert.equal(parseLogLevel(word), level, word);
  for (const word of ["", "loud", "toString"]) assert.equal(parseLogLevel(word), undefined, word);
});
