/** Runners that stand between an implementation and the programs that it runs. */

import { CommandError } from "../../src/errors.ts";
import { ProcessRunner, type Runner } from "../../src/kernel/command/runner.ts";

export type Argv = Parameters<Runner["run"]>[0];

export interface CountingRunner extends Runner {
  /** How many changes of rules have been tried. */
  readonly restores: number;
}

export function countingRunner(runner: Runner = new ProcessRunner()): CountingRunner {
  let restores = 0;
  return {
    run(argv, options) {
      if (argv[0].endsWith("-restore")) restores++;
      return runner.run(argv, options);
    },
    get restores() {
      return restores;
    },
  };
}

/** Runs every program by another one: "setpriv …". */
export function prefixRunner(...prefix: Argv): Runner {
  const runner = new ProcessRunner();
  return {
    run: ([program, ...args], options) => {
      return runner.run([...prefix, `/usr/sbin/${program}`, ...args] as Argv, options);
    },
  };
}

/** The programs as they were before they knew of random source ports. */
export function oldRunner(): Runner {
  const runner = new ProcessRunner();
  return {
    run(argv, options) {
      const input = `${options?.stdin ?? ""}`;
      if (!input.includes("--random-fully")) return runner.run(argv, options);
      const stderr = 'iptables-restore v1.6.0: unknown option "--random-fully"\n' +
        "Error occurred at line: 9\n";
      return Promise.reject(new CommandError(`run ${argv[0]}: ${stderr}`, argv, 2, stderr));
    },
  };
}
