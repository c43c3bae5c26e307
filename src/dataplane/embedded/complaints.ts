/** Turns what may go wrong a thousand times a second into a line of the log now and then. */

import type { Clock } from "../../clock.ts";
import { errnoMeaning } from "../../sys/errno.ts";
import type { Complaint } from "./frontend.ts";

/** Between two lines about the same thing. */
const QUIET_MS = 10_000;
/** Things at once; servers come from the configuration, so there are not many. */
const SUBJECTS_LIMIT = 10_000;

interface Count {
  readonly complaint: Complaint;
  since: number;
}

export class Complaints {
  readonly #clock: Clock;
  readonly #warn: (text: string) => void;
  readonly #quiet = new Map<string, Count>();
  readonly #timers = new Set<{ cancel(): void }>();

  constructor(clock: Clock, warn: (text: string) => void) {
    this.#clock = clock;
    this.#warn = warn;
  }

  /** The first is said at once, what follows is counted and said together. */
  take(complaint: Complaint): void {
    const { kind, subject, service } = complaint;
    const name = `${kind} ${service} ${subject}`;
    const known = this.#quiet.get(name);
    if (known) {
      known.since++;
      return;
    }
    if (this.#quiet.size >= SUBJECTS_LIMIT) return;
    this.#warn(sentence(complaint));
    this.#listen(name, { complaint, since: 0 });
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  #listen(name: string, count: Count): void {
    this.#quiet.set(name, count);
    const timer = this.#clock.after(QUIET_MS, () => {
      this.#timers.delete(timer);
      this.#quiet.delete(name);
      if (count.since === 0) return;
      this.#warn(`${sentence(count.complaint)}, and ${count.since} times more since`);
      this.#listen(name, { ...count, since: 0 });
    });
    this.#timers.add(timer);
  }
}

function sentence({ kind, subject, service, why }: Complaint): string {
  const reason = why === 0 ? "no server takes any" : errnoMeaning(-why);
  switch (kind) {
    case "server":
      return `${subject} took no connection for ${service}: ${reason}`;
    case "service":
      return `a client of ${subject} was turned away: ${reason}`;
    case "accept":
      return `clients of ${subject} are waiting: ${reason}`;
  }
}
