/** Runs the commands of pages, as a shell runs them that they are pasted into. */

import assert from "node:assert/strict";
import type { PageCommand } from "./page_commands.ts";
import { type Ran, run } from "./process.ts";

export interface ShellOptions {
  readonly cwd: string;
  readonly env: Record<string, string>;
}

/** Runs one to its end, which must be as the page says. */
export async function runCommand(command: PageCommand, options: ShellOptions): Promise<Ran> {
  assert.ok(!command.stays, `${command.run} stays`);
  const ran = await run(["sh", "-c", command.run], options);
  const { statuses = [0], says = /(?:)/ } = command;
  const shown = `${command.run}: status ${ran.status}\n${ran.stdout}${ran.stderr}`;
  assert.ok(statuses.includes(ran.status), shown);
  assert.match(ran.stdout, says, shown);
  return ran;
}

/** Makes a folder of programs that stand for those that are not here; each is a text for sh. */
export async function writeStandIns(
  folder: string,
  programs: Readonly<Record<string, string>>,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(programs)) {
    await Deno.writeTextFile(`${folder}/${name}`, `#!/bin/sh\nset -eu\n${text}`, { mode: 0o755 });
  }
}

/** Copies to $NODE, where the other host's home is; an absolute path there is one here. */
export const SCP = `for last; do :; done
to=\${last#root@192.168.0.1:}
test "$to" != "$last"
case $to in /*) ;; *) to=$NODE/$to ;; esac
while [ $# -gt 1 ]; do
  cp "$1" "$to"
  shift
done
`;

/** Looks at an archive as containerd does, and says the image's name. */
export const CTR = `test "$1 $2 $3 $4" = "-n k8s.io images import"
archive=$NODE/$5
manifest=$(tar -xOf "$archive" manifest.json)
for blob in $(echo "$manifest" | grep -o 'blobs/sha256/[0-9a-f]*'); do
  test "$(tar -xOf "$archive" "$blob" | sha256sum | cut -d' ' -f1)" = "\${blob##*/}"
done
echo "$manifest" | sed 's/.*"RepoTags":\\["\\([^"]*\\)".*/\\1/'
`;
