/**
 * What a terminal showed, as text that keeps every byte: "$ " before a command, "| " before each line of its
 * output, "! " before each line of its standard error, "= " before an exit status that is not 0, and "# "
 * before remarks. A backslash at the end of an output line says that the line did not end.
 */

export interface Step {
  readonly argv: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

export interface Transcript {
  readonly remarks: readonly string[];
  readonly steps: readonly Step[];
}

export function printTranscript({ remarks, steps }: Transcript): string {
  const lines = remarks.map((remark) => `# ${remark}`);
  for (const { argv, stdout, stderr, status } of steps) {
    lines.push(`$ ${argv.join(" ")}`, ...mark("| ", stdout), ...mark("! ", stderr));
    if (status !== 0) lines.push(`= ${status}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

function mark(prefix: string, text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  const last = lines.pop()!;
  return [...lines.map((line) => prefix + line), ...(last === "" ? [] : [`${prefix}${last}\\`])];
}

export function parseTranscript(text: string): Transcript {
  const remarks: string[] = [];
  const steps: { argv: string[]; stdout: string; stderr: string; status: number }[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const rest = line.slice(2);
    const content = rest.endsWith("\\") ? rest.slice(0, -1) : `${rest}\n`;
    const step = steps.at(-1);
    if (line.startsWith("# ")) remarks.push(rest);
    else if (line.startsWith("$ ")) {
      steps.push({ argv: rest.split(" "), stdout: "", stderr: "", status: 0 });
    } else if (step && line.startsWith("| ")) step.stdout += content;
    else if (step && line.startsWith("! ")) step.stderr += content;
    else if (step && line.startsWith("= ")) step.status = Number(rest);
    else throw new TypeError(`no line of a transcript: ${JSON.stringify(line)}`);
  }
  return { remarks, steps };
}
