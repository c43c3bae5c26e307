import assert from "node:assert/strict";
import { type FlagShape, normalizeFlags, parseBool } from "../../src/config/pflag.ts";

const FLAGS: readonly FlagShape[] = [
  { name: "iface", short: "i", kind: "value" },
  { name: "clean", short: "C", kind: "switch" },
  { name: "dry", short: "d", kind: "switch" },
  { name: "rs", kind: "list" },
];

Deno.test("normalizeFlags() understands every spelling of pflag", () => {
  const cases: [string, string[], string[]][] = [
    ["a value behind =", ["--iface=x"], ["--iface=x"]],
    ["a value in the next word", ["--iface", "x"], ["--iface=x"]],
    ["a value with =", ["--iface=a=b", "-i=a=b"], ["--iface=a=b", "--iface=a=b"]],
    ["an empty value", ["--iface=", "--iface", "", "-i="], ["--iface=", "--iface=", "--iface="]],
    ["a value that looks like a flag", ["--iface", "--clean"], ["--iface=--clean"]],
    ["a value that looks like the end", ["-i", "--", "--rs", "--"], ["--iface=--", "--rs=--"]],
    ["a value over two lines", ["--iface=a\nb", "-ia\nb"], ["--iface=a\nb", "--iface=a\nb"]],
    ["a switch", ["--clean", "x"], ["--clean=true", "x"]],
    ["a switch with a value", ["--clean=FALSE", "-C=f"], ["--clean=FALSE", "--clean=f"]],
    ["a letter and =", ["-i=x"], ["--iface=x"]],
    ["a letter and its value", ["-ix"], ["--iface=x"]],
    ["a letter and the next word", ["-i", "x"], ["--iface=x"]],
    ["letters", ["-Cd"], ["--clean=true", "--dry=true"]],
    ["letters, the last with a value", ["-Ci", "x", "-Cix", "-Ci=x"], [
      ...["--clean=true", "--iface=x", "--clean=true", "--iface=x"],
      ...["--clean=true", "--iface=x"],
    ]],
    ["letters, the last with =", ["-Cd=false"], ["--clean=true", "--dry=false"]],
    ["a letter whose value is letters", ["-iC"], ["--iface=C"]],
    ["all repetitions", ["--rs", "a", "--rs=b"], ["--rs=a", "--rs=b"]],
    ["flags between words", ["x", "-C", "y"], ["x", "--clean=true", "y"]],
    ["the end of flags", ["-C", "--", "-C", "--rs"], ["--clean=true", "--", "-C", "--rs"]],
    ["a dash as a word", ["-"], ["-"]],
    ["a value that is missing", ["--iface"], ["--iface"]],
    ["a letter's value that is missing", ["-Ci"], ["--clean=true", "--iface"]],
    ["an unknown flag without its value", ["--token=s3cret", "x"], ["--token", "x"]],
    ["an unknown letter", ["-x"], ["-x"]],
    ["an unknown letter without its value", ["-x=s3cret"], ["-x"]],
    ["an unknown letter without its value behind it", ["-xs3cret"], ["-x"]],
    ["a long flag with one dash", ["-rs=x"], ["-rs"]],
    ["an unknown letter among known", ["-Cxd"], ["--clean=true", "-x"]],
    ["a letter outside the first plane", ["-C\u{1f600}"], ["--clean=true", "-\u{1f600}"]],
    ["a flag without a name", ["--=x"], ["--=x"]],
    ["three dashes", ["---clean"], ["---clean"]],
    ["nothing", [], []],
  ];
  for (const [name, words, normal] of cases) {
    assert.deepEqual(normalizeFlags(words, FLAGS), normal, name);
  }
});

Deno.test("parseBool() knows Go's words for true and false, and no others", () => {
  const cases: [string[], boolean | undefined][] = [
    [["1", "t", "T", "true", "TRUE", "True"], true],
    [["0", "f", "F", "false", "FALSE", "False"], false],
    [["", "yes", "no", "on", "off", "tRUE", "2", " true", "00"], undefined],
  ];
  for (const [words, value] of cases) {
    for (const word of words) assert.equal(parseBool(word), value, word);
  }
});
