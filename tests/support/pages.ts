/** What people read: README.md and docs/*.md, and the commands that stand in them. */

const ROOT = new URL("../..", import.meta.url).pathname;

export interface Page {
  /** From the root: "docs/run.md". */
  readonly name: string;
  readonly text: string;
}

export function readPages(): Page[] {
  const docs = [...Deno.readDirSync(`${ROOT}docs`)].map(({ name }) => `docs/${name}`).sort();
  return ["README.md", ...docs].filter((name) => name.endsWith(".md"))
    .map((name) => ({ name, text: Deno.readTextFileSync(ROOT + name) }));
}

export function readPage(name: string): string {
  return Deno.readTextFileSync(ROOT + name);
}

/** The texts of blocks in that language. */
export function blocksOf(markdown: string, language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return [...markdown.matchAll(pattern)].map(([, text]) => text!);
}

/** The commands of blocks marked `sh`: a line each, or as many as a here-document has. */
export function commandsOf(markdown: string): string[] {
  return blocksOf(markdown, "sh").flatMap((block) => {
    const lines = block.trimEnd().split("\n");
    const commands: string[] = [];
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
      const [, end] = /<<'(\w+)'/.exec(line) ?? [];
      const more = end === undefined ? [] : lines.splice(0, lines.indexOf(end) + 1);
      commands.push([line, ...more].join("\n"));
    }
    return commands;
  });
}

/** The cells of the table that has this head, without the backquotes. */
export function tableOf(markdown: string, ...head: readonly string[]): string[][] {
  const rows = markdown.split("\n").map((line) =>
    line.startsWith("|") ? line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim()) : []
  );
  const at = rows.findIndex((row) => row.join("|") === head.join("|"));
  if (at < 0) return [];
  const end = rows.findIndex((row, i) => i > at && row.length === 0);
  return rows.slice(at + 2, end);
}
