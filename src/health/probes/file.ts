/** A file in which somebody else says how a server is: a weight, "up" or "down". */

import type { FileCheck } from "../../config/check.ts";
import { watchDirectory } from "../../sys/inotify.ts";
import { ProbeFailure, UnableError } from "./failure.ts";
import { quote } from "./http_message.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import { sharedPoll } from "./socket_poll.ts";
import { GOOD, type ProbeTools, timedProbe } from "./timed.ts";

const SIZE_LIMIT = 4096;
const MOST_WEIGHT = 65_535;

export function fileProbe(check: FileCheck, tools: ProbeTools): Probe {
  const { path } = check;
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  return {
    ...timedProbe(check, tools, {
      describe: () => `file ${path}`,
      ask: ({ trace }) => {
        const text = read(path);
        trace?.(quote(text));
        return Promise.resolve(
          check.scale === undefined ? judge(text) : weigh(text, check.scale, check.base),
        );
      },
    }),
    watch: (onNews) =>
      watchDirectory(path.slice(0, slash) || "/", sharedPoll(), (changed) => {
        // Kubernetes puts all of a volume's files in place by one link. Without a name: what was told was too
        // much for the kernel to keep, or the folder is gone.
        if (changed === name || changed === "" || changed.startsWith("..")) onNews();
      }),
  };
}

function judge(text: string): ProbeResult {
  if (text === "up") return GOOD;
  if (text === "down") return { ok: false, reason: "the file says down" };
  if (/^\d{1,5}$/.test(text) && Number(text) <= MOST_WEIGHT) {
    return { ok: true, weight: Number(text) };
  }
  throw new ProbeFailure(
    `the file says ${quote(text)}, must say up, down or a weight up to ${MOST_WEIGHT}`,
  );
}

function weigh(text: string, scale: number, base: number): ProbeResult {
  if (!/^[+-]?\d{1,10}$/.test(text)) {
    throw new ProbeFailure(`the file says ${quote(text)}, must say a number`);
  }
  const value = Number(text);
  if (scale === 0) return value === 0 ? GOOD : { ok: false, reason: `the file says ${value}` };
  return { ok: true, weight: Math.min(MOST_WEIGHT, Math.max(0, base + scale * value)) };
}

function read(path: string): string {
  try {
    // A pipe would wait for a writer.
    const { isFile, size } = Deno.statSync(path);
    if (!isFile) throw new UnableError(`${path} is no file`);
    if (size > SIZE_LIMIT) throw new ProbeFailure(`the file has more than ${SIZE_LIMIT} bytes`);
    return Deno.readTextFileSync(path).trim();
  } catch (error) {
    if (error instanceof ProbeFailure) throw error;
    if (error instanceof Deno.errors.NotFound) throw new UnableError(`${path} is not there`);
    throw new UnableError(`${path} cannot be read`);
  }
}
