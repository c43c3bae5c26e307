/**
 * The spellings of pflag, the library that reads flags for Go programs: `--flag=value`, `--flag value`,
 * `--switch`, `--switch=false`, and of one letter `-i=x`, `-ix`, `-i x` and several at once, `-Ci x`.
 */

export interface FlagShape {
  readonly name: string;
  readonly short?: string;
  /** A switch takes a word only after "="; a list gathers the values of all its repetitions. */
  readonly kind: "value" | "switch" | "list";
}

/** The next word, which a flag takes as its value. */
type Next = () => string | undefined;

/**
 * The same flags, each as `--name=value`, which every library reads alike. Flags that are not known stay, so
 * that whoever reads on can complain, but without their value: it may be a secret, and complaints are logged.
 */
export function normalizeFlags(words: readonly string[], flags: readonly FlagShape[]): string[] {
  const waiting = words.values();
  const next: Next = () => waiting.next().value;
  const normal: string[] = [];
  for (let word = next(); word !== undefined; word = next()) {
    if (word === "--") return [...normal, word, ...waiting];
    if (word.startsWith("--")) normal.push(normalizeLong(word, flags, next));
    else if (/^-./s.test(word)) normal.push(...normalizeShort(word, flags, next));
    else normal.push(word);
  }
  return normal;
}

function normalizeLong(word: string, flags: readonly FlagShape[], next: Next): string {
  const [, name = "", value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  // Without its value "--=x" would be the "--" that ends all flags.
  if (name === "") return word;
  const flag = flags.find((flag) => flag.name === name);
  return flag ? spell(flag, value ?? (flag.kind === "switch" ? "true" : next())) : `--${name}`;
}

function normalizeShort(word: string, flags: readonly FlagShape[], next: Next): string[] {
  const normal: string[] = [];
  const letters = [...word.slice(1)];
  for (const [at, letter] of letters.entries()) {
    const rest = letters.slice(at + 1).join("");
    const flag = flags.find(({ short }) => short === letter);
    if (!flag) {
      normal.push(isLongWithOneDash(word, flags) ? word.replace(/=.*/s, "") : `-${letter}`);
      break;
    }
    if (flag.kind === "switch" && !rest.startsWith("=")) {
      normal.push(spell(flag, "true"));
      continue;
    }
    normal.push(spell(flag, rest === "" ? next() : rest.replace(/^=/, "")));
    break;
  }
  return normal;
}

/** Of such a slip "-vs" says more than "-v". */
function isLongWithOneDash(word: string, flags: readonly FlagShape[]): boolean {
  return flags.some(({ name }) => word === `-${name}` || word.startsWith(`-${name}=`));
}

function spell({ name }: FlagShape, value: string | undefined): string {
  return value === undefined ? `--${name}` : `--${name}=${value}`;
}

const TRUE = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE = ["0", "f", "F", "false", "FALSE", "False"];

/** As Go's strconv.ParseBool(): these words and no others. */
export function parseBool(text: string): boolean | undefined {
  if (TRUE.includes(text)) return true;
  return FALSE.includes(text) ? false : undefined;
}
