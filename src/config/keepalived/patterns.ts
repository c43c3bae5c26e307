/** Patterns of file names, as a shell has them: * ? [a-z] [!a-z] and {a,b}. */

const MOST = 1000;

/** What the braces of a pattern stand for, in their order; undefined where that is too much. */
export function expandBraces(pattern: string): readonly string[] | undefined {
  const done: string[] = [];
  const open = [pattern];
  while (open.length > 0) {
    const next = open.pop()!;
    const brace = findGroup(next);
    if (!brace) done.push(next);
    else {
      const { start, end, choices } = brace;
      open.push(...choices.map((each) => next.slice(0, start) + each + next.slice(end)).reverse());
    }
    if (done.length + open.length > MOST) return undefined;
  }
  return done;
}

interface Group {
  readonly start: number;
  readonly end: number;
  readonly choices: readonly string[];
}

/** The first group that is closed. */
function findGroup(pattern: string): Group | undefined {
  for (let start = pattern.indexOf("{"); start >= 0; start = pattern.indexOf("{", start + 1)) {
    if (pattern.startsWith("{}", start)) continue;
    const choices: string[] = [];
    let from = start + 1;
    let depth = 0;
    for (let i = start; i < pattern.length; i++) {
      const char = pattern[i];
      if (char === "{") depth++;
      else if (char === "}") depth--;
      if (depth === 0 || (depth === 1 && char === ",")) {
        choices.push(pattern.slice(from, i));
        from = i + 1;
      }
      if (depth === 0) return { start, end: from, choices };
    }
  }
  return undefined;
}

export function hasWildcard(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

type Matcher = "*" | ((char: string) => boolean);

/** Whether a name, without slashes, is of a pattern. As shells have it, only a dot matches a name's first dot. */
export function matchName(pattern: string, name: string): boolean {
  if (name.startsWith(".") && !pattern.startsWith(".")) return false;
  const matchers = readMatchers(pattern);
  const chars = [...name];
  // Going back to the last star alone is enough, and takes no more steps than both are long, multiplied.
  let star = -1;
  let resume = 0;
  let at = 0;
  let i = 0;
  while (i < chars.length) {
    const matcher = matchers[at];
    if (matcher === "*") {
      star = at++;
      resume = i;
    } else if (matcher?.(chars[i]!)) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++resume;
    } else return false;
  }
  return matchers.slice(at).every((matcher) => matcher === "*");
}

function readMatchers(pattern: string): Matcher[] {
  const parts = pattern.matchAll(/(\*)|(\?)|\[([!^]?)(\]?[^\]]*)\]|\\?([^])/gu);
  return Array.from(parts, ([, star, any, not, set, char]): Matcher => {
    if (star !== undefined) return "*";
    if (any !== undefined) return () => true;
    if (set !== undefined) return (each) => isInSet(each, set) === (not === "");
    return (each) => each === char;
  });
}

function isInSet(char: string, set: string): boolean {
  for (const [each, from, to] of set.matchAll(/([^])-([^])|[^]/gu)) {
    if (from === undefined || to === undefined ? each === char : from <= char && char <= to) {
      return true;
    }
  }
  return false;
}
