/** The contract for hearing that somebody else has changed what is ours. */

import type { Scope } from "../plan/observed.ts";

export interface Watch {
  /**
   * Whether something of the scope may have been changed since the last call; rather once too often than
   * once too seldom. Never waits.
   */
  disturbed(scope: Scope): boolean;
  close(): void;
}
