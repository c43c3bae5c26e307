/** The syntax of keepalived's configuration language: what is read, what is said of what cannot be, and where. */

import assert from "node:assert/strict";
import { printOrigin, Report } from "../../src/config/files/report.ts";
import { escapedWords, splitEscaped } from "../../src/config/keepalived/escaped.ts";
import { globFiles, readKeepalivedFile } from "../../src/config/keepalived/include_files.ts";
import { UnfitFileError } from "../../src/config/keepalived/includes.ts";
import { expandBraces, hasWildcard, matchName } from "../../src/config/keepalived/patterns.ts";
import { readStatements, type Statement } from "../../src/config/keepalived/tree.ts";
import { withFolder } from "../support/process.ts";

type Files = Readonly<Record<string, string>>;

const ENVIRONMENT: Files = { HOME: "/root", EMPTY: "", ODD: "a $A #b" };

interface Answer {
  readonly statements: readonly Statement[];
  readonly said: readonly string[];
}

/** Reads "k.conf" of these files. */
function read(files: Files, configId: string | undefined = "main"): Answer {
  const report = new Report();
  const statements = readStatements({
    ...{ path: "k.conf", configId, report, env: (name) => ENVIRONMENT[name] },
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw new UnfitFileError("is not there", { file: path });
      return text;
    },
    glob(pattern) {
      if (!hasWildcard(pattern)) return pattern in files ? [pattern] : [];
      return Object.keys(files).filter((path) => matchesPath(pattern, path)).sort();
    },
  });
  return { statements, said: report.lines };
}

function matchesPath(pattern: string, path: string): boolean {
  const parts = pattern.split("/");
  const names = path.split("/");
  return parts.length === names.length && parts.every((part, i) => matchName(part, names[i]!));
}

/** On one line: "a b { c; d "e f" }". */
function print(statements: readonly Statement[]): string {
  return statements.map(({ words, block }) => {
    const texts = words.map(({ text, quoted }) => quoted ? JSON.stringify(text) : text).join(" ");
    if (!block) return texts;
    return block.length === 0 ? `${texts} {}` : `${texts} { ${print(block)} }`;
  }).join("; ");
}

const lines = (...each: readonly string[]) => each.join("\n");

/** A text whose backslashes are its own. */
const raw = String.raw;

type Good = readonly [name: string, text: string, printed: string];

const GOOD: readonly Good[] = [
  ["nothing", "", ""],
  ["white space and comments alone", " \n\t\n# a\n! b\n", ""],
  ["words between all kinds of white space", " a\tb \v c\fd\t\n", "a b c d"],
  ["lines that end as Windows ends them", "a {\r\n b c\r\n}\r\n", "a { b c }"],
  ["a last line without an end", "a\nb", "a; b"],
  ["a no-break space as part of a word", "a\u00a0b", "a\u00a0b"],

  ["quotes, which are no part of their word", 'a "b c"', 'a "b c"'],
  ["quotes around nothing", 'a "" b', 'a "" b'],
  ["quotes that end the word before and begin another", 'a"b c"d', 'a "b c" d'],
  ["backslashes as they are, in quotes and out", raw`a\tb "c\n" \ d`, raw`a\tb "c\\n" \ d`],
  ["single quotes as part of a word", "'a b'", "'a b'"],
  ["braces in quotes as words", 'a "{" "b}"', 'a "{" "b}"'],

  ["a comment where a word begins", "a # b\nc !d", "a; c"],
  ["a comment inside a word", "a#b c\nd!e", "a; d"],
  ["no comment inside quotes", 'a "b#c !d" e # f', 'a "b#c !d" e'],
  [
    "no comment behind an escaped quote inside quotes",
    raw`a "b\"#c\" d" #e`,
    raw`a "b\\" #c\ " d"`,
  ],
  ["a comment sign that a backslash makes a character", raw`a\#b \!c#d`, "a#b !c"],
  ["a comment behind two backslashes", raw`a\\#b`, raw`a\\`],
  ["a quote inside a comment", 'a # "b', "a"],
  ["a comment that ends with a backslash", "# a \\\nb # c \\\nd", "b; d"],

  ["a block", "a b {\n c\n d e\n}\nf", "a b { c; d e }; f"],
  ["an empty block", "a {\n}\nb {}", "a {}; b {}"],
  ["a block on one line", "a { b c }", "a { b c }"],
  ["braces that are glued to words", "a{b{c}d}e", "a { b { c }; d }; e"],
  ["a brace behind a backslash", raw`a \{ b }`, raw`a \ { b }`],
  ["a brace lines later", "a b\n\n# c\n{\n d\n}", "a b { d }"],
  ["several ends on one line", "a { b {\n c } } d", "a { b { c } }; d"],
  [
    "fifty blocks inside each other",
    "a{".repeat(50) + "}".repeat(50),
    `${"a { ".repeat(49)}a {}${" }".repeat(49)}`,
  ],

  ["a definition", "$A=1\nx $A ${A} y${A}z", "x 1 1 y1z"],
  ["a definition of nothing", "$A=\nx $A y${A}z\n$A", "x yz"],
  ["a definition of several words", "$A= b  c \nx $A", "x b c"],
  ["a definition of quotes", '$A="b c" d\nx $A', 'x "b c" d'],
  ["a definition inside quotes", '$A=1\nx "${A} $A y${A}"', 'x "1 1 y1"'],
  ["a definition with a comment", "$A=1 # b\nx ${A}", "x 1"],
  ["a definition with a comment sign", raw`$A=b\#c` + "\nx ${A}", "x b#c"],
  ["a definition at the end of a word", "$A=1\nx y$A", "x y1"],
  ["a definition behind a backslash", "$A=1\nx \\$A", raw`x \1`],
  ["a definition made anew", "$A=1\nx $A\n$A=2\nx $A", "x 1; x 2"],
  ["a definition of what is defined later", "$A=${B}c\n$B=1\nx $A\n$B=2\nx $A", "x 1c; x 2c"],
  ["a definition that is used before the white space of another", "$A=$B\n$B=1\nx $A y", "x 1 y"],
  ["a definition in a block, which stays", "a { $A=1\n}\nx $A", "a {}; x 1"],
  ["a definition that is a line of words", "$A=x y\n$A z", "x y z"],
  ["a definition that is a block", "$A=x { y }\n$A\n$A", "x { y }; x { y }"],
  ["a definition that opens a block", "$A=x {\n$A y\n}", "x { y }"],
  ["a definition that defines", "$A=$B=1\n$A\nx $B", "x 1"],
  ["a definition that begins with what is defined", "$A=$B c\n$B=b\n$A d", "b c d"],
  ["a sign in a line that defines nothing", "x a$ $ $1 b$2c", "x a$ $ $1 b$2c"],
  ["an equal sign behind the first word", "$A=1\nx B=2", "x B=2"],
  [
    "what is not defined in quotes, as a script's own",
    'x "$B ${B} ${C:-d} $(e)"',
    'x "$B ${B} ${C:-d} $(e)"',
  ],

  ["a definition of lines", "$A= \\\n x { \\\n  y \\\n }\nz\n$A", "z; x { y }"],
  ["a definition of lines that begins at once", "$A=x\\\ny\n$A", "x; y"],
  ["lines with white space behind their backslash", "$A= \\ \t\n x \\ \n y\n$A", "x; y"],
  ["lines with comments", "$A= \\\n x # b \\\n # c \\\n y # d\n$A", "x; y"],
  ["lines that an empty one ends", "$A= \\\n x \\\n\ny\n$A", "y; x"],
  ["lines at the end of a file", "$A= \\\n x \\", ""],
  ["lines that define", "$N=1\n$A= \\\n $N=2 \\\n x $N \\\n $N=3\n$A\ny $N", "x 2; y 3"],
  ["lines inside of lines", "$A= \\\n x { \\\n $B \\\n }\n$B= \\\n y \\\n z\n$A", "x { y; z }"],
  ["lines by another name", "$A= \\\n x \\\n y\n$B=$A\n$B\n${A}", "x; y; x; y"],
  ["lines under a condition", "$A= \\\n x \\\n y\n@main $A\n@other $A", "x; y"],
  ["lines that are defined under a condition", "@main $A= \\\n x \\\n y\n$A", "x; y"],

  ["conditions that hold", "@main x\n@^other y\n @main\tz", "x; y; z"],
  ["conditions that do not hold", "@other x\n@^main y\n@mai z\n@mainly w\n@ v", ""],
  ["a negation of nothing", "@^ x", "x"],
  ["a condition alone", "@main\n@other", ""],
  ["a condition that is not in front", "x @other", "x @other"],
  ["a condition in quotes", '"@other" x', '"@other" x'],
  ["a condition behind a brace", "a { @other x }\n@main y\n} @other z", "a { y }"],
  ["a condition on all of its line", "@other x { y }\nz", "z"],
  ["a condition on each line of a block", "@other x {\n@other y\n@other }\nz", "z"],
  ["conditions on two beginnings of a block", "@main x {\n@other y {\n z\n}", "x { z }"],
  ["a condition on a definition", "@main $A=1\n@other $A=2\nx $A", "x 1"],
  ["a condition that is a definition", "$A=@main\n$B=@other\n$A x\n$B y\n${A} z", "x; z"],

  ["a sequence", "~SEQ(A, 1, 3) x${A}", "x1; x2; x3"],
  ["a sequence with steps", "~SEQ(A,1,2,6) x$A y", "x1 y; x3 y; x5 y"],
  ["a sequence without a start", "~SEQ(A,2) x$A\n~SEQ(B,-2) y$B", "x1; x2; y-1; y-2"],
  ["a sequence downwards", "~SEQ(A,3,1) x$A\n~SEQ(B,6,-2,1) y$B", "x3; x2; x1; y6; y4; y2"],
  ["a sequence of one", "~SEQ(A,3,3) x$A", "x3"],
  ["a sequence of C's numbers", "~SEQ(A,0x0f,020) x$A\n~SEQ(B,+1,0) y$B", "x15; x16; y1; y0"],
  ["a sequence in hexadecimal", "~SEQx(A,8,4,0x10) x$A", "x8; xc; x10"],
  ["a sequence glued to its line", "~SEQ(A,1,2)x$A", "x1; x2"],
  ["a sequence of blocks", "~SEQ(A,1,2) x$A { y${A} }", "x1 { y1 }; x2 { y2 }"],
  ["a sequence of lines", "$L= \\\n x${A} \\\n y\n~SEQ(A,1,2) $L", "x1; y; x2; y"],
  ["a sequence of nothing", "~SEQ(A,1,2)\nx $A", "x 2"],
  ["a sequence with definitions for its numbers", "$N=2\n~SEQ(A,$N,${N}) x$A", "x2"],
  ["a sequence of definitions", "~SEQ(A,1,2) $B=${A}\nx $B", "x 2"],
  ["sequences in a sequence", "~SEQ(A,1,2) ~SEQ(B,8,9) x${A}.${B}", "x1.8; x1.9; x2.8; x2.9"],
  [
    "sequences and conditions",
    "@main ~SEQ(A,1,2) x$A\n@other ~SEQ(A,1,2) y\n~SEQ(A,1,2) @other z",
    "x1; x2",
  ],
  ["a sequence that is a definition", "$S=~SEQ(A,1,2) x${A}\n$S", "x1; x2"],
  ["a sequence that is not in front", "x ~SEQ(A,1,2)", "x ~SEQ(A,1,2)"],
  ["a list", "~LST(A, b,c , d) x$A", "xb; xc; xd"],
  ["a list of empty values", "~LST(A,,b) x$A y", "x y; xb y"],
  ["a list for several names", "~LST({A, B}, {1,2},{3, 4}) x${A}.${B}", "x1.2; x3.4"],
  ["a list that leaves out values", "~LST({A,B},{1},2,{,3}) x${A}-${B}", "x1-; x2-; x-3"],
  [
    "a list in a list in a sequence",
    "~LST(A,1,2) ~LST(B,3) ~SEQ(C,4,5) x$A $B $C",
    "x1 3 4; x1 3 5; x2 3 4; x2 3 5",
  ],
  ["a list of definitions", "$A=b c\n~LST(B,$A,d) x $B", "x b c; x d"],
  ["another word with a tilde", "~seq(A,1,2) ~ ~FOO(A)", "~seq(A,1,2) ~ ~FOO(A)"],

  ["its own definitions", 'x ${_INSTANCE} $_INSTANCE "a${_HASH}b${_BANG}"', 'x main main "a#b!"'],
  ["its own comment signs outside of quotes", "x a${_HASH}b ${_BANG} c", "x a#b ! c"],
  ["the environment", "x ${_ENV HOME}y ${_ENV EMPTY} z", "x /rooty z"],
  ["the environment's signs, which stand for themselves", "$A=1\nx ${_ENV ODD}", "x a $A #b"],
  ["another definition that begins with _", "$_A=1\nx ${_A}", "x 1"],
];

for (const [name, text, printed] of GOOD) {
  Deno.test(`keepalived's syntax has ${name}`, () => {
    const { statements, said } = read({ "k.conf": text });
    assert.deepEqual(said, []);
    assert.equal(print(statements), printed);
  });
}

/** A text, and what is said of it behind the file's name. */
type Bad = readonly [text: string, ...said: readonly string[]];

const MANY = "~SEQ(A,1,1000)";

const BAD: readonly Bad[] = [
  ['a "b c', '1:3: has no closing "'],
  ['a "b" "c # d\ne "', '1:7: has no closing "', '2:3: has no closing "'],
  [raw`a "b\" c" d`, '1:9: has no closing "'],
  ["a {\n b {\n }", '1:3: has no } for the { of "a"'],
  ["a {\n b {", '1:3: has no } for the { of "a"', '2:4: has no } for the { of "b"'],
  ["a { } }\nb\n }", "1:7: } closes no block", "3:2: } closes no block"],
  ["{\na\n}", "1:1: { stands behind no word, must open somebody's block"],
  ["a { } {\n}", "1:7: { stands behind no word, must open somebody's block"],
  ["a {{\n}}", "1:4: { stands behind no word, must open somebody's block"],
  [
    "a {\n} {",
    "2:3: { stands behind no word, must open somebody's block",
    "2:3: has no } for the {",
  ],
  ["a{".repeat(60) + "}".repeat(60), "1:102: nests more than 50 deep"],
  ["a{".repeat(60) + "}".repeat(61), "1:102: nests more than 50 deep", "1:181: } closes no block"],
  ["a b \\\nc", raw`1:5: ends with \: only a definition goes on in the next line`],
  [
    "@other a {\n b\n}",
    "3:1: } closes no block (the condition of k.conf:1:10 leaves out that line with its brace, but no others)",
  ],
  [
    "@other $A= \\\n x \\\n y\n@main b",
    "1:1: goes on in the next line, which its condition does not leave out: must be one line",
  ],
  ["@main @other a", '1:7: "@other" is a second condition, a line can have only one'],

  ["a $B", "1:3: $B is not defined"],
  ["a b${B}c $B", "1:4: $B is not defined", "1:10: $B is not defined"],
  [
    "$A=1\na $A/24 b$A.c",
    "2:3: must be ${A}: no white space stands behind it",
    "2:10: must be ${A}: no white space stands behind it",
  ],
  ['$A=1\na "$A"', "2:4: must be ${A}: no white space stands behind it"],
  ["$A", "1:1: $A is not defined"],
  ["$A = 1\nb", "1:1: $A has white space before its =, must have none"],
  [
    "a ${ B} ${1} ${}",
    "1:3: ${ B} is no name, must be ${NAME}",
    "1:9: ${1} is no name, must be ${NAME}",
    "1:14: ${} is no name, must be ${NAME}",
  ],
  ["a ${B", "1:3: ${ is no name, must be ${NAME}"],
  ["$A=${B}\n$B=x ${A}\nc ${A}", "3:3: $A stands for itself"],
  ["$A=$A b\n$A", "2:1: begins with what stands for itself"],
  ["$A= \\\n x \\\n $A\n$A", "4:1: begins with what stands for itself"],
  [
    "$A= \\\n x \\\n y\nb $A ${A}",
    "4:3: $A has several lines, must stand on a line of its own",
    "4:6: $A has several lines, must stand on a line of its own",
  ],
  ["$A=${B}\nc\nd ${A}", "3:3: $B is not defined"],
  [
    "a ${_EVAL 1+1}",
    "1:3: ${_EVAL 1+1} is unknown, must be ${_PWD}, ${_INSTANCE}, ${_ENV NAME}, ${_HASH} or ${_BANG}",
  ],
  [
    'a "${_FOO} b"',
    "1:4: ${_FOO} is unknown, must be ${_PWD}, ${_INSTANCE}, ${_ENV NAME}, ${_HASH} or ${_BANG}",
  ],
  [
    "a ${_RANDOM} ${_RANDOM 1 5}",
    "1:3: ${_RANDOM} is never the same twice, must be a fixed number",
    "1:14: ${_RANDOM 1 5} is never the same twice, must be a fixed number",
  ],
  [
    "a ${_ENV NONE} ${_ENV}",
    "1:3: ${_ENV NONE}: the environment has no NONE",
    "1:16: ${_ENV} names no variable",
  ],
  ["$_PWD=/\na", "1:1: $_PWD is keepalived's own, must have another name"],

  ["~SEQ(A)", '1:1: "~SEQ" has nothing behind its name, must have one to three numbers'],
  ["~SEQ(A,b,2) c", '1:1: "~SEQ" has b, 2 behind its name, must have one to three numbers'],
  ["~SEQ(A,1,1,2,3)", '1:1: "~SEQ" has 1, 1, 2, 3 behind its name, must have one to three numbers'],
  ["~SEQ(A,08)", '1:1: "~SEQ" has 08 behind its name, must have one to three numbers'],
  ["~SEQ(A,1.5)", '1:1: "~SEQ" has 1.5 behind its name, must have one to three numbers'],
  [
    "~SEQ(A,99999999999999999999)",
    '1:1: "~SEQ" has 99999999999999999999 behind its name, must have one to three numbers',
  ],
  ["~SEQ(1A,1,2)", '1:1: "~SEQ" has no name in front, must be ~SEQ(NAME, START, STEP, END)'],
  ["~SEQ(A,1,-1,2)", '1:1: "~SEQ" goes from 1 to 2 in steps of -1, must get there'],
  ["~SEQ(A,1,0,2)", '1:1: "~SEQ" goes from 1 to 2 in steps of 0, must get there'],
  ["~SEQ(A,0)", '1:1: "~SEQ" ends with 0, must then have a start'],
  ["~SEQx(A,-2,2)", '1:1: "~SEQ" has negative numbers, must have none: it is ~SEQx'],
  ["~SEQ(A,1,2", '1:1: "~SEQ" must be ~LST(NAME, VALUE, ...) or ~SEQ(NAME, START, STEP, END)'],
  ["~SEQX(A,1,2)", '1:1: "~SEQ" must be ~LST(NAME, VALUE, ...) or ~SEQ(NAME, START, STEP, END)'],
  ["~LST(A)", '1:1: "~LST" has no values, must have some'],
  [
    "~LST(A,b c)",
    '1:1: "~LST" has more than words and groups of words, must be ~LST(NAME, VALUE, ...)',
  ],
  ["~LST({A,B},{1,2,3})", '1:1: "~LST" has 3 values at once, must have at most 2'],
  [
    "~LST({A B},1)",
    '1:1: "~LST" has more than words and groups of words, must be ~LST(NAME, VALUE, ...)',
  ],
  ["a {\n ~SEQ(A,1,200000) b\n}", "2:2: makes 200000 lines, must make at most 100000"],
  [
    `a\n${MANY} ${MANY.replace("A", "B")} b`,
    "2:30: with it more than 100000 lines come of sequences and definitions",
  ],
  ["~SEQ(A,1,1)".repeat(101) + " a", "1:1101: nests more than 100 deep"],

  ["a\n include", "2:9: names no file, must name one"],
  ['include "a.conf"', "1:9: must name its file without quotes"],
  ["$A=b\ninclude ${A}.conf", "2:9: must name its file without definitions"],
  [
    "include k.conf\n@main include k.conf",
    '1:9: "k.conf" is being read already: it would include itself',
    '2:15: "k.conf" is being read already: it would include itself',
  ],
  ["includer none.conf\nincludem none.conf", '2:10: "none.conf" is not there'],
  [`include ${"{a,b}".repeat(11)}`, "1:9: its braces stand for too many files"],
  [`include ${"a".repeat(5000)}`, "1:9: names a file of more than 4096 characters"],
  [
    "global_defs {\n include_check foo -match\n}",
    '2:16: "foo" is unknown, must be one of readable, match, wildcard_match, brace_match',
  ],
  ["x".repeat(2 ** 20 + 1) + "\na", "1:1: has more than 1048576 characters in a line"],
];

for (const [text, ...said] of BAD) {
  Deno.test(`keepalived's syntax refuses ${text.slice(0, 60)}`, () => {
    const answer = read({ "k.conf": text });
    assert.deepEqual(answer.said, said.map((each) => `k.conf:${each}`));
  });
}

Deno.test("what stands behind a mistake is read", () => {
  const { statements, said } = read({
    "k.conf": '} a ${B} {\n b "c\n} d $E\n~SEQ(F) g\nincludea h\n{ i }\nj { k',
  });
  assert.equal(said.length, 7);
  assert.equal(print(statements), 'a $B { b "c" }; d $E { i }; j { k }');
});

Deno.test("each word has the place where it was written, or where it was used", () => {
  const text = lines(
    ...['$A=x "y z"', "$L= \\", " p q { \\", " r \\", " }", '  a "b c"d { e # f'],
    ...[raw`g\#h i`, "} j $A k${A}l m", "$L", "@main $A n", "~SEQ(S,1,2) s${S} t"],
  );
  const { statements, said } = read({ "k.conf": text });
  assert.deepEqual(said, []);
  const flat = (list: readonly Statement[]): readonly string[] =>
    list.flatMap(({ words, block = [] }) => [
      ...words.map(({ text, file, at }) =>
        `${text} ${printOrigin({ file, offset: at, path: "" }).slice("k.conf:".length)}`
      ),
      ...flat(block),
    ]);
  assert.deepEqual(flat(statements), [
    ...["a 6:3", "b c 6:5", "d 6:10", "e 6:14", "g#h 7:1", "i 7:6"],
    ...["j 8:3", "x 8:5", "y z 8:5", "kx 8:8", "y z 8:9", "l 8:13", "m 8:15"],
    ...["p 9:1", "q 9:1", "r 9:1", "x 10:7", "y z 10:7", "n 10:10"],
    ...["s1 11:13", "t 11:19", "s2 11:13", "t 11:19"],
  ]);
});

Deno.test("without a configuration id only negated conditions hold", () => {
  const report = new Report();
  const statements = readStatements({
    ...{ path: "k.conf", configId: undefined, report, env: () => undefined, glob: () => [] },
    readFile: () => "@main a\n@^main b\nc ${_INSTANCE}",
  });
  assert.equal(print(statements), "b; c $_INSTANCE");
  assert.deepEqual(report.lines, [
    "k.conf:3:3: ${_INSTANCE} is not known: no configuration id is set",
  ]);
});

/** Files beside that which is read, its text, what is read, and what is said. */
type Included = readonly [
  name: string,
  files: Files,
  text: string,
  printed: string,
  ...said: readonly string[],
];

const INCLUDED: readonly Included[] = [
  ["by its name", { "a.conf": "a" }, "include a.conf # b\nc", "a; c"],
  [
    "below its directory",
    { "d/a.conf": "a\ninclude b.conf", "d/b.conf": "b" },
    "include d/a.conf",
    "a; b",
  ],
  [
    "above its directory",
    { "d/a.conf": "include ../b.conf", "d/../b.conf": "b" },
    "include d/a.conf",
    "b",
  ],
  ["by its whole path", { "/e/a.conf": "a ${_PWD}" }, "include /e/a.conf", "a /e"],
  [
    "by a pattern, in the order of names",
    { "d/b.conf": "b", "d/a.conf": "a", "d/.c.conf": "c", "d/c.txt": "d" },
    "include d/*.conf",
    "a; b",
  ],
  ["by braces, in their order", { "a1": "a1", "a2": "a2", b: "b" }, "include {b,a?}", "b; a1; a2"],
  ["inside of a block", { "a.conf": "a {" }, "x {\ninclude a.conf\nb } c }", "x { a { b }; c }"],
  ["behind a brace", { "a.conf": "a" }, "x { include a.conf\n} include a.conf", "x { a }; a"],
  [
    "with definitions, which stay",
    { "a.conf": "$A=2\nb ${_PWD}" },
    "$A=1\ninclude a.conf\nc $A",
    "b .; c 2",
  ],
  ["under conditions", { "a.conf": "a" }, "@main include a.conf\n@other include a.conf", "a"],
  ["by a definition", { "a.conf": "a" }, "$A=include a.conf\n$A", "a"],
  ["again and again", { "a.conf": "a ${S}" }, "~SEQ(S,1,2) include a.conf", "a 1; a 2"],
  [
    "no more where the keyword is another or quoted",
    {},
    'includec a\nincludes a\n"include" a',
    'includec a; includes a; "include" a',
  ],
  ["not at all, which is no mistake", {}, "include a\ninclude b*\ninclude {c,d}\nx", "x"],
  [
    "not at all, which is one for includem",
    {},
    "includem a\nincludem b*\nincludem {c,d}",
    "",
    '1:10: "a" is not there',
  ],
  [
    "not at all, which is one for includew",
    {},
    "includew a\nincludew b*\nincludew {c,d}",
    "",
    '1:10: "a" is not there',
    "2:10: matches no file, must match one",
  ],
  [
    "in part, which is no mistake for includew",
    { a: "a" },
    "includew {a,b}\nincludew {a,b*}",
    "a; a",
  ],
  [
    "in part, which is one for includeb",
    { a: "a" },
    "includeb {a,b}\nincludeb {a,b*}\nincludeb b",
    "a; a",
    '1:10: "b" is not there',
  ],
  [
    "not at all, which is one for includea",
    {},
    "includea a\nincludea b*\nincludea {c,d}",
    "",
    '1:10: "a" is not there',
    "2:10: matches no file, must match one",
    '3:10: "c" is not there',
  ],
  [
    "not at all, where that is checked",
    {},
    "include a\nglobal_defs {\ninclude_check match\n}\ninclude a\ninclude b*",
    "global_defs { include_check match }",
    '5:9: "a" is not there',
  ],
  [
    "not at all, where all is checked",
    {},
    "global_defs {\ninclude_check\ninclude a*\n}",
    "global_defs { include_check }",
    "3:9: matches no file, must match one",
  ],
  [
    "not at all, where checks change",
    {},
    "global_defs {\ninclude_check\ninclude_check -match wildcard_match\ninclude a\ninclude_check + match\n}",
    "global_defs { include_check; include_check -match wildcard_match; include_check + match }",
    '5:15: "+" is unknown, must be one of readable, match, wildcard_match, brace_match',
  ],
  [
    "with checks that end with it",
    { a: "global_defs {\ninclude_check\n}\ninclude b*" },
    "include a\ninclude b*",
    "global_defs { include_check }",
    "a:4:9: matches no file, must match one",
  ],
  [
    "with its own mistakes",
    { a: "a ${B" },
    "include a\n}",
    "a $B",
    "2:1: } closes no block",
    "a:1:3: ${ is no name, must be ${NAME}",
  ],
];

for (const [name, files, text, printed, ...said] of INCLUDED) {
  Deno.test(`keepalived's syntax has a file that is included ${name}`, () => {
    const answer = read({ ...files, "k.conf": text });
    const named = said.map((each) => /^\d/.test(each) ? `k.conf:${each}` : each);
    assert.deepEqual(answer.said.toSorted(), named.toSorted());
    assert.equal(print(answer.statements), printed);
  });
}

Deno.test("scripts are read with both kinds of quotes and with escapes", () => {
  const cases: readonly (readonly [text: string, ...parts: readonly string[]])[] = [
    ["", ...[]],
    [" a\tb ", "a", "b"],
    [raw`a" b"'c "d'e f`, `a bc "de`, "f"],
    [raw`"it's" '"'`, "it's", '"'],
    [raw`"a\"b" c\ d \'`, 'a"b', "c d", "'"],
    [raw`"" ''`, "", ""],
    [raw`\a\b\E\f\n\r\t\v`, "\x07\b\x1b\f\n\r\t\v"],
    [raw`\101\7z\0 \x41g\x4`, "A\x07z\0", "Ag\x04"],
    [raw`\cA \q \\ '\x41'`, "\x01", "q", "\\", "A"],
    ["a\\", "a\\"],
  ];
  for (const [text, ...parts] of cases) {
    const split = splitEscaped(text);
    assert.equal(split.wrong, undefined, text);
    assert.deepEqual(split.parts.map((part) => part.text), parts, text);
  }
  assert.deepEqual(splitEscaped(raw`a "b\"`).wrong, { start: 2, text: 'has no closing "' });
  assert.deepEqual(splitEscaped(raw`a 'b"`).wrong, { start: 2, text: "has no closing '" });
  assert.deepEqual(splitEscaped(raw`a \x41b`).wrong, {
    start: 2,
    text: raw`\x41b must have two digits`,
  });
});

Deno.test("escapedWords() reads a statement once more, with the places of its words", () => {
  const { statements, said } = read({
    "k.conf": lines(
      "$P=/bin",
      "a {",
      raw` misc_path "${"${P}"}/x 'b \"c\"'" d\ e # f`,
      " g 'h",
      "}",
    ),
  });
  assert.deepEqual(said, []);
  const [script, unclosed] = statements[0]!.block!;
  const report = new Report();
  const words = escapedWords(script!, report);
  assert.deepEqual(words.map(({ text, at }) => [text, at - script!.words[0].at]), [
    ...[["misc_path", 0], [`/bin/x 'b "c"'`, 10], ["d e", 29]],
  ]);
  assert.deepEqual(splitEscaped(words[1]!.text).parts.map(({ text }) => text), [
    ...["/bin/x", 'b "c"'],
  ]);
  escapedWords(unclosed!, report);
  assert.deepEqual(report.lines, ["k.conf:4:4: has no closing '"]);
});

Deno.test("names match patterns, and braces stand for several", () => {
  const matching: readonly (readonly [pattern: string, yes: string, no: string])[] = [
    ...[["a", "a", "b"], ["*", "abc", ".abc"], [".*", ".a", "a"], ["a*c", "abbc", "abcd"]] as const,
    ...[["*.conf", "a.conf", "a.conf.bak"], ["a?c", "aöc", "ac"], ["[a-c]", "b", "d"]] as const,
    ...[["[!a-c]", "d", "a"], ["[^a]", "b", "a"], ["[]]", "]", "a"], ["[a-]", "-", "b"]] as const,
    ...[[raw`\*`, "*", "a"], ["[a", "[a", "a"], ["*a*b*", "xaxbx", "xbxax"]] as const,
  ];
  for (const [pattern, yes, no] of matching) {
    assert.ok(matchName(pattern, yes), `${pattern} ${yes}`);
    assert.ok(!matchName(pattern, no), `${pattern} ${no}`);
  }
  assert.deepEqual(expandBraces("a{b,{c,d},}e"), ["abe", "ace", "ade", "ae"]);
  assert.deepEqual(expandBraces("{a,b}{c,d}"), ["ac", "ad", "bc", "bd"]);
  assert.deepEqual(expandBraces("{}a{b{c}"), ["{}a{bc"]);
  assert.equal(expandBraces("{a,b}".repeat(10)), undefined);
});

function readHere(path: string): Answer {
  const report = new Report();
  const statements = readStatements({
    ...{ path, configId: "main", env: () => undefined, report },
    ...{ readFile: readKeepalivedFile, glob: globFiles },
  });
  return { statements, said: report.lines };
}

Deno.test("files are read from the host, and what is none is passed over where nothing checks", async () => {
  await withFolder((folder) => {
    const path = `${folder}/k.conf`;
    Deno.mkdirSync(`${folder}/d/e.conf`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/d/a.conf`, "a ${_PWD}");
    Deno.writeTextFileSync(`${folder}/d/b.conf`, "b", { mode: 0o755 });
    Deno.writeTextFileSync(`${folder}/d/.c.conf`, "c");
    Deno.symlinkSync("nowhere", `${folder}/d/d.conf`);
    Deno.symlinkSync("a.conf", `${folder}/d/f.conf`);
    assert.ok(new Deno.Command("mkfifo", { args: [`${folder}/d/g.conf`] }).outputSync().success);
    Deno.writeTextFileSync(path, "include d/*.conf\ninclude {d,none}/f*\n");
    const answer = readHere(path);
    assert.deepEqual(answer.said, []);
    assert.equal(print(answer.statements), Array(3).fill(`a ${folder}/d`).join("; "));
    Deno.writeTextFileSync(path, "includer */?.conf");
    assert.deepEqual(readHere(path).said, [
      `${path}:1:10: "${folder}/d/b.conf" is executable, must not be`,
      `${path}:1:10: "${folder}/d/d.conf" is not there (ENOENT)`,
      `${path}:1:10: "${folder}/d/e.conf" is a directory, must be a file`,
      `${path}:1:10: "${folder}/d/g.conf" is no file, must be one`,
    ]);
    return Promise.resolve();
  });
});

Deno.test("a file that cannot be read gets its error, also where nothing checks", async () => {
  await withFolder((folder) => {
    const path = `${folder}/k.conf`;
    const bad = `${folder}/bad.conf`;
    const cases: readonly (readonly [make: () => void, said: string])[] = [
      [() => Deno.truncateSync(bad, 50_000_000), "has 50000000 bytes, must have at most 16777216"],
      [() => Deno.writeFileSync(bad, Uint8Array.of(0xff)), "is not UTF-8, must be text"],
      [() => Deno.writeTextFileSync(bad, "a\0"), "has a byte of zero, must be text"],
      [
        () => {
          Deno.removeSync(bad);
          Deno.symlinkSync("bad.conf", bad);
        },
        "cannot be read: too many links to follow (ELOOP)",
      ],
    ];
    Deno.writeTextFileSync(path, "include bad.conf");
    Deno.writeTextFileSync(bad, "");
    for (const [make, said] of cases) {
      make();
      assert.deepEqual(readHere(path).said, [`${path}:1:9: "${bad}" ${said}`]);
      assert.deepEqual(readHere(bad).said, [`${bad}: ${said}`]);
    }
    assert.deepEqual(readHere(`${folder}/none`).said, [`${folder}/none: is not there (ENOENT)`]);
    assert.deepEqual(readHere(folder).said, [`${folder}: is a directory, must be a file`]);
    return Promise.resolve();
  });
});

/** Texts that would take forever, or all memory, or the stack. */
const ENDLESS: readonly (readonly [name: string, files: Files, said: RegExp])[] = [
  [
    "definitions that double",
    { "k.conf": lines(...doubling("$", "=", ""), "x ${A40}") },
    /^k\.conf:42:3: with it definitions stand for more than 33554432 characters$/,
  ],
  [
    "definitions that double to a long line",
    { "k.conf": lines(...doubling("$", "=", "x".repeat(1000)), "x ${A15}") },
    /^k\.conf:42:3: makes a line of more than 1048576 characters$/,
  ],
  [
    "lines that double",
    { "k.conf": lines(...doubling("$", "= \\\n", "x \\\n y", "\\\n"), "$A40") },
    /^k\.conf:124:1: with it more than 100000 lines come of sequences and definitions$/,
  ],
  [
    "long definitions in many lines",
    { "k.conf": `$A=${"x".repeat(100_000)}\n${"y ${A}\n".repeat(1000)}` },
    /^k\.conf:337:3: with it definitions stand for more than 33554432 characters$/,
  ],
  [
    "a long line that is repeated",
    { "k.conf": `~SEQ(A,1,90000) ${"x ".repeat(5000)}` },
    /^k\.conf:1:16: with it definitions stand for more than 33554432 characters$/,
  ],
  [
    "files that include each other",
    { "k.conf": "include b\ninclude b", b: "include c\ninclude c", c: "include b\ninclude k.conf" },
    /^k\.conf:1:9: |^c:1:9: "b" is being read already/,
  ],
  [
    "a file that includes itself by ever longer names",
    { "k.conf": "include d/../k.conf\ninclude d/../k.conf", ...selves() },
    /more than 10000 files or 67108864 characters are included|nests more than 100 deep/,
  ],
  ["a chain of definitions", { "k.conf": `${chain()}\nx \${A0}` }, /^k.*nests more than 100 deep$/],
  [
    "a chain of beginnings",
    { "k.conf": `${chain()}\n\${A0} x` },
    /^k.*:1: begins with what stands for itself$/,
  ],
  ["a million braces", { "k.conf": "{".repeat(1_000_000) }, /^k\.conf:1:1: \{ stands behind no/],
  ["a million beginnings", { "k.conf": `$A=a\n${"$A {".repeat(250_000)}` }, /with it definitions/],
  ["a million quotes", { "k.conf": '"'.repeat(999_999) }, /^k\.conf:1:999999: has no closing "$/],
  ["a million stray ends", { "k.conf": "}\n".repeat(1_000_000) }, /^k\.conf:1:1: \} closes no/],
  ["a million conditions", { "k.conf": "@main ".repeat(170_000) }, /"@main" is a second condition/],
  ["a million dollars", { "k.conf": `x ${"${".repeat(500_000)}` }, /\$\{ is no name/],
  ["a million comment signs", { "k.conf": raw`\#`.repeat(500_000) + '"' }, /has no closing "/],
];

/** Definitions A40 to A0, of which each has the next two times. */
function doubling(dollar: string, equals: string, last: string, between = ""): readonly string[] {
  return Array.from({ length: 41 }, (_, i) => {
    const next = between === "" ? `\${A${i - 1}}` : `$A${i - 1} `;
    return `${dollar}A${i}${equals}${i === 0 ? last : `${next}${between}${next}`}`;
  });
}

function chain(): string {
  return Array.from({ length: 5000 }, (_, i) => `$A${i}=\${A${i + 1}} y`).join("\n");
}

function selves(): Files {
  const text = "include d/../k.conf\ninclude d/../k.conf";
  const deep = Array.from({ length: 200 }, (_, i) => [`${"d/../".repeat(i + 1)}k.conf`, text]);
  return Object.fromEntries(deep);
}

for (const [name, files, said] of ENDLESS) {
  Deno.test(`reading ends, and soon: ${name}`, () => {
    const start = performance.now();
    const answer = read(files);
    assert.ok(answer.said.some((each) => said.test(each)), answer.said[0]);
    assert.ok(performance.now() - start < 20_000);
  });
}

Deno.test("patterns of a thousand stars and braces are matched soon", () => {
  assert.ok(!matchName("*a".repeat(1000), "a".repeat(255) + "b"));
  assert.equal(expandBraces("{".repeat(4000))?.length, 1);
  assert.equal(expandBraces("{a,".repeat(1000) + "}".repeat(1000)), undefined);
});

/** Mulberry32: small, fast and the same for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** What means something, or nearly does. */
const PIECES = [
  ...[
    "{",
    "}",
    '"',
    "'",
    "\\",
    "\\\n",
    "\n",
    "#",
    "!",
    "@",
    "@main ",
    "@^main ",
    "$",
    "${",
    "$A",
    "${A}",
    "$A=",
  ],
  ...[
    "$L= \\\n",
    "~SEQ(A,1,3)",
    "~LST(A,1",
    "~SEQx(",
    ")",
    ",",
    "\ninclude ",
    "includea *",
    "${_ENV ",
    "\r",
  ],
  ...[
    "\t",
    "\u00e9",
    "\u{1f600}",
    "\0",
    "x".repeat(100),
    "${_PWD}",
    "\\x41",
    "\\#",
    "-1",
    "0x",
    "\ud800",
  ],
];

function mutate(text: string, below: (limit: number) => number): string {
  let mutated = text;
  for (let times = 1 + below(6); times > 0; times--) {
    const at = below(mutated.length + 1);
    const end = Math.min(mutated.length, at + (below(3) === 0 ? below(30) : 0));
    const put = below(4) === 0 ? text.slice(at, at + below(60)) : PIECES[below(PIECES.length)]!;
    mutated = mutated.slice(0, at) + put + mutated.slice(end);
  }
  return mutated;
}

Deno.test("mutated texts end in statements or in problems with places, and both do occur", () => {
  const seed = Number(Deno.env.get("KEEPALIVED_SEED") ?? Date.now() % 2 ** 31);
  console.log(`KEEPALIVED_SEED=${seed}`);
  const below = random(seed);
  const texts = [...GOOD.map(([, text]) => text), ...INCLUDED.map(([, , text]) => text)];
  const whole = texts.filter((text) => text.length < 500);
  const others = { a: "a {\n$B=1\n", "b.conf": "@main }\ninclude a" };
  let good = 0;
  for (let i = 0; i < 1000; i++) {
    const start = below(whole.length);
    const text = mutate(whole.slice(start, start + 1 + below(8)).join("\n"), below);
    try {
      const { statements, said } = read({ ...others, "k.conf": text });
      if (said.length === 0) good++;
      for (const each of said) assert.match(each, /^(?:k\.conf|a|b\.conf):\d+:\d+: ./s);
      for (const statement of statements) escapedWords(statement, new Report());
      checkPlaces(statements);
    } catch (error) {
      throw new Error(`of ${JSON.stringify(text)}`, { cause: error });
    }
  }
  assert.ok(good > 20 && good < 980, `${good} good ones`);
});

function checkPlaces(statements: readonly Statement[]): void {
  for (const { words, block = [] } of statements) {
    for (const { at, file } of words) assert.ok(at >= 0 && at <= file.text.length, `${at}`);
    checkPlaces(block);
  }
}
