/** Reads what iptables-save prints. */

export interface SavedRule {
  readonly chain: string;
  /** Its words, without quotes. */
  readonly words: readonly string[];
  /** As it was printed, behind the chain: iptables-restore takes it back. */
  readonly text: string;
}

export interface SavedTable {
  readonly chains: ReadonlySet<string>;
  readonly rules: readonly SavedRule[];
}

export interface SavedRules {
  readonly tables: ReadonlyMap<string, SavedTable>;
  /** Tables in which nft made rules that iptables has no words for: nothing of them is printed. */
  readonly unreadable: ReadonlySet<string>;
}

const EMPTY: SavedTable = { chains: new Set(), rules: [] };

/** A table that nobody has used yet is not printed, and is empty. */
export function savedTable({ tables }: SavedRules, name: string): SavedTable {
  return tables.get(name) ?? EMPTY;
}

/** Throws SyntaxError where the text is not iptables-save's, or not all of it. */
export function parseSavedRules(text: string): SavedRules {
  const tables = new Map<string, SavedTable>();
  const unreadable = new Set<string>();
  let open: { readonly chains: Set<string>; readonly rules: SavedRule[] } | undefined;
  for (const line of logicalLines(text)) {
    const incompatible = /^# Table `(.*)' is incompatible/.exec(line)?.[1];
    if (incompatible !== undefined) unreadable.add(incompatible);
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("*") && !open) {
      open = { chains: new Set(), rules: [] };
      tables.set(line.slice(1), open);
    } else if (line === "COMMIT" && open) {
      open = undefined;
    } else if (line.startsWith(":") && open) {
      open.chains.add(line.slice(1).split(" ", 1)[0]!);
    } else if (line.startsWith("-A ") && open) {
      open.rules.push(parseRule(line));
    } else {
      throw new SyntaxError(`line "${line}": must be of iptables-save's language`);
    }
  }
  if (open) throw new SyntaxError(`${tables.size} tables: the last must end with COMMIT`);
  return { tables, unreadable };
}

/** The words of a rule, as a shell would see them. */
export function splitWords(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/gs)]
    .map(([bare, quoted]) => quoted === undefined ? bare : quoted.replace(/\\(.)/gs, "$1"));
}

function parseRule(line: string): SavedRule {
  const [, chain, text] = /^-A (\S+) ?(.*)$/s.exec(line)!;
  return { chain: chain!, words: splitWords(text!), text: text! };
}

/** A comment may hold the end of a line, which is printed as it is. */
function* logicalLines(text: string): Generator<string> {
  let begun: string | undefined;
  for (const line of text.split("\n")) {
    const whole = begun === undefined ? line : `${begun}\n${line}`;
    begun = whole.startsWith("-A ") && hasOpenQuote(whole) ? whole : undefined;
    if (begun === undefined) yield whole;
  }
  if (begun !== undefined) yield begun;
}

function hasOpenQuote(line: string): boolean {
  return line.replace(/\\./gs, "").split('"').length % 2 === 0;
}
