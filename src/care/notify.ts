/** Tells systemd how the program is doing, by the protocol of sd_notify(3). */

import { LONGEST_MS } from "../clock.ts";
import { LvscareError } from "../errors.ts";
import { kernelMonotonicUs, type NotifySocket, openNotifySocket } from "../sys/notify_socket.ts";

/** Every word to systemd says whether it could be sent; none of them throws. */
export interface Notifier extends Disposable {
  ready(): boolean;
  /** One line for people, which `systemctl status` shows. */
  status(text: string): boolean;
  watchdog(): boolean;
  /** A reload begins; `ready()` says that it is over. */
  reloading(): boolean;
  stopping(): boolean;
  /** How often `watchdog()` is to be called, or undefined where nobody waits for it. */
  readonly watchdogIntervalMs: number | undefined;
}

/** Nobody listens. */
export const SILENT_NOTIFIER: Notifier = {
  ready: () => true,
  status: () => true,
  watchdog: () => true,
  reloading: () => true,
  stopping: () => true,
  watchdogIntervalMs: undefined,
  [Symbol.dispose]: () => {},
};

/** What systemd puts into the environment of a service. */
export type NotifyEnvironment = Readonly<
  Partial<Record<"NOTIFY_SOCKET" | "WATCHDOG_USEC" | "WATCHDOG_PID", string>>
>;

export interface NotifierOptions {
  /** Where to say what is wrong with the environment, and, once, that systemd cannot be reached. */
  readonly warn?: (text: string) => void;
  readonly pid?: number;
  /** The kernel's monotonic clock, by which systemd tells one reload from the next. */
  readonly monotonicUs?: () => bigint;
}

/** systemd ignores a datagram that is longer. */
const DATAGRAM_LIMIT = 4096;

/** The way to systemd, or undefined where the program is not its service or cannot speak to it. */
export function openNotifier(
  env: NotifyEnvironment,
  { warn = () => {}, pid = Deno.pid, monotonicUs = kernelMonotonicUs }: NotifierOptions = {},
): Notifier | undefined {
  if (!env.NOTIFY_SOCKET) return undefined;
  let socket: NotifySocket;
  try {
    socket = openNotifySocket(env.NOTIFY_SOCKET);
  } catch (error) {
    warn(`not telling systemd anything: ${reason(error)}`);
    return undefined;
  }
  const send = quietSender(socket, warn);
  return {
    ready: () => send("READY=1"),
    status: (text) => send(`STATUS=${oneLine(text)}`),
    watchdog: () => send("WATCHDOG=1"),
    reloading: () => send(`RELOADING=1\nMONOTONIC_USEC=${monotonicUs()}`),
    stopping: () => send("STOPPING=1"),
    watchdogIntervalMs: watchdogInterval(env, pid, warn),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

/** A dead systemd must not stop the care for servers, nor fill the log. */
function quietSender(
  socket: NotifySocket,
  warn: (text: string) => void,
): (message: string) => boolean {
  let warned = false;
  return (message) => {
    try {
      socket.send(encodeMessage(message));
      return true;
    } catch (error) {
      if (!warned) warn(`cannot tell systemd ${message.split("\n")[0]}: ${reason(error)}`);
      warned = true;
      return false;
    }
  };
}

/** As much of it as systemd takes; encodeInto() never cuts a character. */
function encodeMessage(message: string): Uint8Array<ArrayBuffer> {
  const buffer = new Uint8Array(DATAGRAM_LIMIT);
  return buffer.slice(0, new TextEncoder().encodeInto(message, buffer).written);
}

/** A newline would begin the next word to systemd. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
}

/** Half of what systemd waits, as sd_watchdog_enabled(3) advises. */
function watchdogInterval(
  { WATCHDOG_USEC: usec, WATCHDOG_PID: watched }: NotifyEnvironment,
  pid: number,
  warn: (text: string) => void,
): number | undefined {
  if (!usec || (watched && watched !== String(pid))) return undefined;
  if (!/^[1-9]\d{0,19}$/.test(usec)) {
    warn(
      `WATCHDOG_USEC ${JSON.stringify(usec)}: is no number, must be microseconds from 1 on`,
    );
    return undefined;
  }
  return Math.min(Math.max(Math.floor(Number(usec) / 2000), 1), LONGEST_MS);
}

function reason(error: unknown): string {
  if (error instanceof LvscareError) return error.message;
  throw error;
}
