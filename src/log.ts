/**
 * Logs: LVScare's text lines or JSON lines, on standard output. Records go through logtape, so a message
 * below the level costs one comparison: nothing of it is formatted, and a function as its properties is not
 * called.
 */

import { configureSync, type LogLevel, type LogRecord, resetSync } from "@logtape/logtape";

export type LogFormat = "text" | "json";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one line with its newline. */
  readonly write: (line: string) => void;
  /** Colour text lines as LVScare does. Default: false. */
  readonly colors?: boolean;
}

/** The words that lines have for levels. */
const WORDS: Readonly<Record<LogLevel, string>> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warning: "warn",
  error: "error",
  fatal: "fatal",
};

/** What --logger understands: the usual words, and the four letters that LVScare's users know. */
const LEVELS: Readonly<Record<string, LogLevel>> = {
  TRACE: "trace",
  TRAC: "trace",
  DEBUG: "debug",
  DEBG: "debug",
  INFO: "info",
  WARNING: "warning",
  WARN: "warning",
  ERROR: "error",
  EROR: "error",
  FATAL: "fatal",
  CRIT: "fatal",
  ALRT: "fatal",
  EMER: "fatal",
};

const COLORS: Readonly<Record<LogLevel, number>> = {
  trace: 35,
  debug: 35,
  info: 34,
  warning: 33,
  error: 31,
  fatal: 31,
};

/** The level that a word means, in any case; undefined where it means none. */
export function parseLogLevel(word: string): LogLevel | undefined {
  return LEVELS[word.toUpperCase()];
}

/** Sends all logs of this program to `write` from now on. */
export function configureLogs({ level, format, write, colors = false }: LogOptions): void {
  const print = format === "json" ? printJson : colors ? printColored : printText;
  configureSync({
    reset: true,
    sinks: { lines: (record) => write(print(record)) },
    loggers: [
      { category: ["lvscare"], sinks: ["lines"], lowestLevel: level },
      // logtape's own chatter; its errors still matter.
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "error" },
    ],
  });
}

export function resetLogs(): void {
  resetSync();
}

/** "2022-07-30T18:55:34 info Message": local time, and one line whatever the message holds. */
function printText(record: LogRecord): string {
  return `${localTime(record.timestamp)} ${WORDS[record.level]} ${messageOf(record)}\n`;
}

function printColored(record: LogRecord): string {
  const paint = (text: string) => `\x1b[${COLORS[record.level]}m${text}\x1b[0m`;
  const word = paint(WORDS[record.level]);
  return `${localTime(record.timestamp)} ${word} ${paint(messageOf(record))}\n`;
}

function printJson(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  const line = {
    ...record.properties,
    time,
    level: WORDS[record.level],
    logger: record.category.slice(1).join("."),
    message: messageOf(record),
  };
  return `${JSON.stringify(line, jsonValue)}\n`;
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? value.message : value;
}

function messageOf(record: LogRecord): string {
  let text = "";
  // Literal text and values take turns.
  for (const [i, part] of record.message.entries()) text += i % 2 === 0 ? part : valueText(part);
  return text.replace(
    CONTROL,
    (char) => char === "\n" ? "\\n" : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

// A name from outside must not forge a line or drive a terminal.
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/g;

function valueText(value: unknown): string {
  if (value instanceof Error) return value.message;
  return typeof value === "object" && value !== null
    ? JSON.stringify(value, jsonValue)
    : String(value);
}

function localTime(timestamp: number): string {
  const at = new Date(timestamp);
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
