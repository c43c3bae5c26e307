/**
 * Many changes by one ipvsadm -R, each answer brought home to its change.
 *
 * ipvsadm -R goes on after a change that the kernel refuses: it writes what was wrong to its standard error
 * and does not say about which line. So a marker follows every change: a list command with an option that
 * does not exist. For that ipvsadm names the option on standard error, asks nothing of the kernel and goes
 * on with the next line. A line that it cannot read ends it at once: then the changes after that one have
 * not been tried, and are given to the next process.
 */

/** What became of one change: what was said about it, "" where it was made. */
export interface BatchAnswer {
  readonly said: string;
}

export interface BatchReading {
  /** The answers to the first changes: all of them, or up to the one at which the program ended. */
  readonly answers: readonly BatchAnswer[];
}

const MARKER = "--change-";

/** The input of ipvsadm -R. */
export function batchInput(lines: readonly (readonly string[])[]): string {
  return lines.map((words, index) => `${words.join(" ")}\n-L ${MARKER}${index}\n`).join("");
}

/** What a batch of `count` changes came to. At least one answer is there wherever count is not 0. */
export function readBatch(stderr: string, count: number): BatchReading {
  const answers: BatchAnswer[] = [];
  let said: string[] = [];
  for (const line of stderr.split("\n")) {
    if (line === "") continue;
    if (line.startsWith(`${MARKER}${answers.length}: `)) {
      answers.push({ said: said.join("\n") });
      said = [];
    } else {
      said.push(line);
    }
  }
  if (answers.length < count) {
    answers.push({ said: said.join("\n") || "it ended before this change was made" });
  }
  return { answers };
}
