/** Holds the arrows between the rooms of the house: which folder may import which. */

export interface Rule {
  /** Files that the rule is about: a folder ("src/wire/") or a file. */
  readonly from: string;
  /** Where they may import from, beside their own folder and npm packages. */
  readonly may: readonly string[];
  readonly why: string;
}

export const RULES: readonly Rule[] = [
  { from: "src/errors.ts", may: [], why: "everything stands on it" },
  { from: "src/model/", may: [], why: "values stand on nothing" },
  { from: "src/wire/", may: ["src/model/", "src/errors.ts"], why: "codecs are pure" },
  {
    from: "src/sys/",
    may: ["src/wire/", "src/model/", "src/errors.ts"],
    why: "sockets know bytes, messages and addresses",
  },
  {
    from: "src/health/probes/",
    may: [
      ...["src/health/", "src/model/", "src/errors.ts", "src/config/", "src/clock.ts"],
      "src/wire/proxy_protocol.ts",
      ...[
        "src/sys/sockets.ts",
        "src/sys/epoll.ts",
        "src/sys/errno.ts",
        "src/sys/socket_address.ts",
        "src/sys/inotify.ts",
        "src/sys/file_stamp.ts",
        "src/sys/accounts.ts",
        "src/sys/process.ts",
      ],
    ],
    why: "probes never touch the kernel",
  },
  {
    from: "src/desired/",
    may: ["src/model/", "src/health/", "src/config/", "src/errors.ts"],
    why: "what should be is a pure function",
  },
  {
    from: "src/plan/",
    may: ["src/model/", "src/desired/", "src/health/", "src/config/", "src/errors.ts"],
    why: "the plan is a pure function",
  },
  {
    from: "src/doctor/judge",
    may: [
      ...["src/doctor/facts.ts", "src/doctor/finding.ts", "src/doctor/mends.ts"],
      ...["src/doctor/wanted.ts", "src/model/", "src/config/", "src/errors.ts"],
    ],
    why: "a judgement is a pure function",
  },
  {
    from: "src/install/plan.ts",
    may: ["src/generate/", "src/install/config.ts", "src/install/tree.ts", "src/errors.ts"],
    why: "what an installation takes is a pure function of what is there",
  },
  {
    from: "src/generate/",
    may: ["src/model/", "src/errors.ts", "src/config/"],
    why: "what is generated is a pure function of what is asked for",
  },
  { from: "src/ipvsadm/", may: ["src/model/", "src/errors.ts"], why: "a language is pure" },
];

/** Folders of implementations, which nobody but these may name. */
const IMPLEMENTATIONS = [
  "src/kernel/netlink/",
  "src/kernel/command/",
  "src/kernel/fake/",
  "src/dataplane/embedded/",
];
const MAY_CHOOSE = ["src/kernel/select.ts", "main.ts"];

export interface Violation {
  readonly file: string;
  readonly target: string;
  readonly why: string;
}

/** Judges one import of one of our files by another; both are paths from the root. */
export function judgeImport(file: string, target: string): Violation | undefined {
  for (const { from, may, why } of RULES) {
    const within = file.startsWith(from) &&
      !RULES.some((rule) => rule.from.length > from.length && file.startsWith(rule.from));
    if (within && ![from, ...may].some((prefix) => target.startsWith(prefix))) {
      return { file, target, why };
    }
  }
  const implementation = IMPLEMENTATIONS.find((prefix) => target.startsWith(prefix));
  const free = MAY_CHOOSE.includes(file) || (implementation && file.startsWith(implementation));
  if (implementation && !free && isProgram(file)) {
    return { file, target, why: `only ${MAY_CHOOSE.join(" and ")} name an implementation` };
  }
  if (isProgram(file) && !isProgram(target) && target !== "deno.json") {
    return { file, target, why: "the program imports nothing of its tests and scripts" };
  }
}

function isProgram(path: string): boolean {
  return path === "main.ts" || path.startsWith("src/");
}

/** Every specifier of an import or export in the text, of types too. */
export function importsOf(text: string): string[] {
  const code = text.replace(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, "");
  const pattern = /(?:\bfrom|^\s*import|\bimport\s*\()\s*"([^"]+)"/gm;
  return [...code.matchAll(pattern)].map((match) => match[1]!);
}

function* walk(root: string, folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(root + folder)) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) yield* walk(root, `${path}/`);
    else if (path.endsWith(".ts")) yield path;
  }
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url).pathname;
  const files = ["main.ts", ...walk(root, "src/")];
  const violations = files.flatMap((file) =>
    importsOf(Deno.readTextFileSync(root + file))
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => new URL(specifier, `file:///${file}`).pathname.slice(1))
      .map((target) => judgeImport(file, target))
      .filter((violation) => violation !== undefined)
  );
  for (const { file, target, why } of violations) {
    console.error(`${file}: must not import ${target}: ${why}`);
  }
  console.error(`checked the imports of ${files.length} files`);
  Deno.exit(violations.length === 0 ? 0 : 1);
}
