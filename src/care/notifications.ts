/** Tells programs and URLs what becomes of services and servers, and waits for none of them. */

import type { Clock } from "../clock.ts";
import type { Config, NotifyConfig, NotifyEvent } from "../config/config.ts";
import { type HealthStates, isHealthy } from "../desired/quorum.ts";
import { LvscareError } from "../errors.ts";
import type { QuorumTurn } from "./carer.ts";
import type { ServerTurn } from "./checks.ts";
import type { Journal } from "./journal.ts";

/** What is told, as JSON. */
export interface Message {
  readonly event: NotifyEvent;
  readonly service: string;
  readonly server?: string;
  readonly reason?: string;
  /** In UTC, as ISO 8601 has it. */
  readonly time: string;
}

/** Tells one message to one who wants to know; throws what went wrong, in words. Ends when the signal is aborted. */
export type Tell = (to: NotifyConfig, message: Message, signal: AbortSignal) => Promise<void>;

/** So many are told at once, and so many wait for their turn; of more, the newest fall out. */
const AT_ONCE = 8;
const MOST_WAITING = 1000;

interface Errand {
  readonly to: NotifyConfig;
  readonly message: Message;
}

export interface NotificationsOptions {
  readonly tell: Tell;
  readonly clock: Clock;
  readonly journal: Pick<Journal, "warn">;
}

export class Notifications {
  readonly #options: NotificationsOptions;
  readonly #waiting: Errand[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #ends = new AbortController();
  #isFull = false;

  constructor(options: NotificationsOptions) {
    this.#options = options;
  }

  server({ service, server, isUp, reason }: ServerTurn): void {
    this.#tellAll(server.notify, {
      event: isUp ? "server-up" : "server-down",
      service,
      server: server.name,
      ...(reason !== undefined && { reason }),
    });
  }

  quorum({ config: { name, notify }, hasQuorum }: QuorumTurn): void {
    this.#tellAll(notify, { event: hasQuorum ? "quorum-up" : "quorum-down", service: name });
  }

  /** Where it is wanted, tells that all is down because the program ends; resolves when all have been told. */
  async end({ services }: Config, health: ReadonlyMap<string, HealthStates>): Promise<void> {
    const reason = "the program ends";
    for (const { name, notifiesEnd, notify, servers } of services) {
      if (!notifiesEnd) continue;
      for (const server of servers.values()) {
        if (!isHealthy(health.get(name)?.get(server.name))) continue;
        this.server({ service: name, server, isUp: false, reason });
      }
      this.#tellAll(notify, { event: "quorum-down", service: name, reason });
    }
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  /** Ends what is still under way: nobody would, once this program is over. */
  close(): void {
    this.#waiting.length = 0;
    this.#ends.abort();
  }

  #tellAll(notify: readonly NotifyConfig[], message: Omit<Message, "time">): void {
    // The table's change waits for this.
    if (notify.length === 0) return;
    const time = new Date(this.#options.clock.wallMs()).toISOString();
    for (const to of notify) {
      if (to.on.length === 0 || to.on.includes(message.event)) {
        this.#add({ to, message: { ...message, time } });
      }
    }
  }

  #add(errand: Errand): void {
    if (this.#running.size < AT_ONCE) this.#run(errand);
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(errand);
    else if (!this.#isFull) {
      this.#isFull = true;
      this.#options.journal.warn(`more than ${MOST_WAITING} notifications wait: some are left out`);
    }
  }

  #run(errand: Errand): void {
    const told = this.#tell(errand).finally(() => {
      this.#running.delete(told);
      const next = this.#waiting.shift();
      if (next) this.#run(next);
      else this.#isFull = false;
    });
    this.#running.add(told);
  }

  async #tell({ to, message }: Errand): Promise<void> {
    const { tell, clock, journal } = this.#options;
    const controller = new AbortController();
    const timer = clock.after(to.timeoutMs, () => controller.abort());
    const signal = AbortSignal.any([controller.signal, this.#ends.signal]);
    try {
      await tell(to, message, signal);
    } catch (error) {
      const what = to.to.kind === "program" ? to.to.command[0] : withoutSecrets(to.to.url);
      const late = signal.aborted ? new LvscareError("it took too long") : error;
      journal.warn(`${what} was not told of ${message.event} of ${message.service}`, late);
    } finally {
      timer.cancel();
    }
  }
}

/** A URL may have a password or a token. */
function withoutSecrets(url: string): string {
  return URL.parse(url)?.origin ?? "a URL";
}
