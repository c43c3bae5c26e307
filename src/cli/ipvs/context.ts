/** What the commands of `lvscare ipvs` see of the world outside. */

import type { IpvsTable } from "../../kernel/ipvs_table.ts";
import type { Output } from "../output.ts";

export interface IpvsContext {
  readonly output: Output;
  /** Show the traces of errors. */
  readonly debug: boolean;
  /** Opens the kernel's table; asked only by what needs it, and closed when the command ends. */
  readonly table: () => Promise<IpvsTable>;
  /** All of standard input. */
  readonly readStdin: () => Promise<string>;
  /** Throws Deno.errors.NotFound for what is not there. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** Asks the person at the terminal; absent where there is none. */
  readonly confirm?: (question: string) => Promise<boolean>;
}
