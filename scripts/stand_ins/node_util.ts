/** The text without what drives a terminal. */
export function stripVTControlCharacters(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[\d;]*[A-Za-z]/g, "");
}

/** Nothing of what logtape would inspect values with: it takes Deno's own where it is there. */
export default {};
