/** A configuration with mistakes, all of which are said. */

import { ConfigError } from "../errors.ts";
import { printProblem, type Problem, type Report } from "../config/files/report.ts";

export class ConfigProblems extends ConfigError {
  readonly problems: readonly Problem[];
  /** One line each. */
  readonly lines: readonly string[];

  constructor(report: Report) {
    const { problems, lines } = report;
    const [first] = problems;
    super(
      first === undefined ? "no configuration" : printProblem(first),
      {},
      lines.length > 1 ? { hint: `and ${lines.length - 1} more mistakes` } : {},
    );
    this.problems = problems;
    this.lines = lines;
  }
}
