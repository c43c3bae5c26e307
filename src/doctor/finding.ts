/** What is said of a host: one finding each. */

export const LEVELS = ["ok", "warn", "fail"] as const;
export type Level = typeof LEVELS[number];

/** What may be done without asking: it takes nothing away and lets nobody in. */
export interface Fix {
  /** To be loaded now. */
  readonly modules?: readonly string[];
  /** To be loaded with every boot. */
  readonly bootModules?: readonly string[];
  /** To be set now and with every boot. */
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface Finding {
  /** What was looked at: the same word for the same thing, at every level. */
  readonly id: string;
  readonly level: Level;
  /** What is, what that breaks, what to do. */
  readonly text: string;
  /** A command line that mends it. */
  readonly mend?: string;
  /** What --fix does about it. */
  readonly fix?: Fix;
}

/** Something works, but not as it should. */
export const EXIT_WARNED = 3;

/** The exit status that the findings come to. */
export function statusOf(findings: readonly Finding[]): number {
  if (findings.some(({ level }) => level === "fail")) return 1;
  return findings.some(({ level }) => level === "warn") ? EXIT_WARNED : 0;
}

/** All that can be done about them, in one. */
export function joinFixes(findings: readonly Finding[]): Fix {
  const fixes = findings.filter(({ level }) => level !== "ok").map(({ fix }) => fix)
    .filter((fix) => fix !== undefined);
  const unique = (lists: readonly (readonly string[] | undefined)[]) => [
    ...new Set(lists.flatMap((list) => list ?? [])),
  ];
  return {
    modules: unique(fixes.map(({ modules }) => modules)),
    bootModules: unique(fixes.map(({ bootModules }) => bootModules)),
    parameters: Object.assign({}, ...fixes.map(({ parameters }) => parameters)),
  };
}
