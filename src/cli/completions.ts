/**
 * Shell completions. The scripts ask the program itself for candidates, through a hidden command, so that
 * they know every command and option of the program that is really installed.
 */

import { Argument, type Command } from "@commander-js/extra-typings";
import type { CliContext } from "./program.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
const ASK = "__complete";

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export function addCompletions(program: Command, { output }: CliContext): void {
  program.command("completions")
    .description("print a script that completes command lines in your shell")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      `
Examples:
  source <(lvscare completions bash)
  lvscare completions zsh > "\${fpath[1]}/_lvscare"
  lvscare completions fish > ~/.config/fish/completions/lvscare.fish
`,
    )
    .action((shell) => output.out(SCRIPTS[shell]));

  program.command(ASK, { hidden: true })
    .argument("[words...]")
    .helpOption(false)
    .allowUnknownOption()
    .action((words) => {
      for (const { value, description } of complete(program, words)) {
        output.out(`${value}\t${description}\n`);
      }
    });
}

/** What may stand in place of the last word. */
export function complete(program: Command, words: readonly string[]): Candidate[] {
  const current = words.at(-1) ?? "";
  let command: Command = program;
  let valueOf: Command["options"][number] | undefined;
  let argument = 0;
  for (const word of words.slice(0, -1)) {
    if (valueOf) {
      valueOf = undefined;
    } else if (word.startsWith("-")) {
      const option = findOption(command, word);
      if (option?.required && !word.includes("=")) valueOf = option;
    } else {
      const next = visibleCommands(command).find((child) => child.name() === word);
      if (next) command = next;
      else argument++;
    }
  }
  return candidates(command, current, valueOf, argument)
    .filter(({ value }) => value.startsWith(current));
}

function candidates(
  command: Command,
  current: string,
  valueOf: Command["options"][number] | undefined,
  argument: number,
): Candidate[] {
  if (valueOf) return choices(valueOf.argChoices);
  const assigned = /^(--[^=]+=)/.exec(current)?.[1];
  if (assigned !== undefined) {
    const option = findOption(command, assigned);
    return choices(option?.argChoices).map((choice) => ({
      ...choice,
      value: assigned + choice.value,
    }));
  }
  if (current.startsWith("-")) {
    const options = command.createHelp().visibleOptions(command);
    return options.flatMap(({ long, short, description }) =>
      [long, short].filter((flag) => flag !== undefined).map((value) => ({ value, description }))
    );
  }
  const commands = visibleCommands(command)
    .map((child) => ({ value: child.name(), description: child.description() }));
  return [...commands, ...choices(command.registeredArguments[argument]?.argChoices)];
}

function visibleCommands(command: Command): Command[] {
  return command.createHelp().visibleCommands(command) as Command[];
}

function findOption(command: Command, word: string): Command["options"][number] | undefined {
  const flag = word.replace(/=.*/, "");
  return command.options.find(({ long, short }) => long === flag || short === flag);
}

function choices(values: readonly string[] | undefined): Candidate[] {
  return (values ?? []).map((value) => ({ value, description: "" }));
}

const SCRIPTS: Readonly<Record<typeof SHELLS[number], string>> = {
  bash: `# Completion of lvscare command lines for bash.
_lvscare() {
  local IFS=$'\\n' line
  COMPREPLY=()
  # bash splits at = and :, which belong to our words.
  local words=() i
  local before="\${COMP_LINE:0:COMP_POINT}"
  IFS=$' \\t' read -ra words <<< "$before"
  [[ $before == *[[:space:]] ]] && words+=("")
  local current="\${words[\${#words[@]}-1]}" cut=""
  [[ $current == *[=:]* ]] && cut="\${current%"\${current##*[=:]}"}"
  while IFS=$'\\t' read -r line _; do
    COMPREPLY+=("\${line#"$cut"}")
  done < <("\${words[0]}" ${ASK} -- "\${words[@]:1}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _lvscare lvscare
`,
  zsh: `#compdef lvscare
# Completion of lvscare command lines for zsh.
_lvscare() {
  local -a lines described
  local line
  lines=("\${(@f)$("\${words[1]}" ${ASK} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    [[ -n $line ]] || continue
    local value="\${\${line%%$'\\t'*}//:/\\\\:}" description="\${line#*$'\\t'}"
    described+=("$value\${description:+:$description}")
  done
  if (( $#described )); then _describe lvscare described; else _files; fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _lvscare "$@"; else compdef _lvscare lvscare; fi
`,
  fish: `# Completion of lvscare command lines for fish.
function __lvscare_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] ${ASK} -- $words[2..-1] 2>/dev/null
end
complete -c lvscare -f -a '(__lvscare_complete)'
`,
};
