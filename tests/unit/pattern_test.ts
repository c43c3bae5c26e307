import assert from "node:assert/strict";
import fc from "fast-check";
import {
  compilePattern,
  type Pattern,
  PatternError,
  type PatternOptions,
} from "../../src/health/probes/pattern.ts";

/** Characters up to U+00FF as the bytes of their numbers. */
function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What it matches, in the first place. */
function found(pattern: Pattern, bytes: Uint8Array): string | undefined {
  const match = pattern.search(bytes);
  assert.equal(pattern.test(bytes), match !== undefined);
  return match && String.fromCharCode(...bytes.subarray(match.start, match.end));
}

function failure(source: string, options?: PatternOptions): PatternError {
  try {
    compilePattern(source, options);
  } catch (error) {
    assert.ok(error instanceof PatternError, String(error));
    assert.equal(error.name, "PatternError");
    return error;
  }
  assert.fail(`${source} must be refused`);
}

type Case = [source: string, text: string, match: string | undefined];

function check(cases: readonly Case[], options?: PatternOptions): void {
  for (const [source, text, match] of cases) {
    const pattern = compilePattern(source, options);
    assert.equal(found(pattern, latin1(text)), match, `${source} in ${JSON.stringify(text)}`);
  }
}

Deno.test("a pattern finds literals, alternatives and what repeats", () => {
  check([
    ["", "", ""],
    ["", "abc", ""],
    ["b", "abc", "b"],
    ["d", "abc", undefined],
    ["abc", "ababc", "abc"],
    ["abcd", "abc", undefined],
    ['"status"\\s*:\\s*"ok"', '{"status" :\t"ok"}', '"status" :\t"ok"'],
    ['"status"\\s*:\\s*"ok"', '{"status":"bad"}', undefined],
    ["cat|dog", "hotdog", "dog"],
    ["a|ab", "ab", "a"],
    ["ab|a", "ab", "ab"],
    ["|a", "a", ""],
    ["a||b", "b", ""],
    ["(a|b)c", "bc", "bc"],
    ["a*", "baa", ""],
    ["a+", "baa", "aa"],
    ["a+?", "baa", "a"],
    ["a*?b", "aab", "aab"],
    ["colou?r", "color", "color"],
    ["ab??", "ab", "a"],
    ["a{2}", "aaa", "aa"],
    ["a{2}", "a", undefined],
    ["a{2,}", "aaaa", "aaaa"],
    ["a{2,}?", "aaaa", "aa"],
    ["a{1,2}", "aaa", "aa"],
    ["a{1,2}?", "aaa", "a"],
    ["a{0}b", "ab", "b"],
    ["a{02}", "aa", "aa"],
    ["^(?:ab){2,3}$", "abab", "abab"],
    ["^(?:ab){2,3}$", "abababab", undefined],
    ["(|a)*", "aa", ""],
    ["(|a)+b", "aab", "aab"],
    ["(a*)*", "aa", "aa"],
    ["(a*)+b", "aab", "aab"],
    ["(?:a?)*?b", "aab", "aab"],
    ["(?:){1000}a", "a", "a"],
    ["()*x", "x", "x"],
    ["x(a|)(b|){2}", "xabb", "xabb"],
    ["<.+>", "<a><b>", "<a><b>"],
    ["<.+?>", "<a><b>", "<a>"],
  ]);
});

Deno.test("a brace that begins no quantifier is a literal", () => {
  check([
    ["a{", "a{", "a{"],
    ["a{}", "a{}", "a{}"],
    ["a{,2}", "a{,2}", "a{,2}"],
    ["a{1 }", "a{1 }", "a{1 }"],
    ["a{1,2", "a{1,2", "a{1,2"],
    ["{a}", "{a}", "{a}"],
    ["]}", "]}", "]}"],
    ['{"a":1}', '{"a":1}', '{"a":1}'],
  ]);
});

Deno.test("a pattern knows PCRE's escapes", () => {
  check([
    ["\\d+", "ab12", "12"],
    ["\\D+", "12ab", "ab"],
    ["\\w+", "-a_1-", "a_1"],
    ["\\W", "a\x80", "\x80"],
    ["\\s+", "a \t\n\v\f\rb", " \t\n\v\f\r"],
    ["\\s", "\xa0", undefined],
    ["\\S+", " ab ", "ab"],
    ["\\h+", "\n\t \xa0\n", "\t \xa0"],
    ["\\H+", " ab ", "ab"],
    ["\\v+", " \n\v\f\r\x85 ", "\n\v\f\r\x85"],
    ["\\V+", "\nab\n", "ab"],
    ["\\t\\n\\r\\f\\e\\a\\0", "\t\n\r\f\x1b\x07\0", "\t\n\r\f\x1b\x07\0"],
    ["\\x41\\x{42}\\x9", "AB\t", "AB\t"],
    ["\\x{0041}", "A", "A"],
    ["\\xff", "\xff", "\xff"],
    ["\\101\\12\\060", "A\n0", "A\n0"],
    ["\\0123", "\n3", "\n3"],
    ["\\377", "\xff", "\xff"],
    ["\\.\\*\\\\\\/\\-\\ \\]", ".*\\/- ]", ".*\\/- ]"],
    ["\\Qa.b*\\E+", "a.b**", "a.b**"],
    ["\\Qa.b", "a.b", "a.b"],
    ["\\Q(|)[\\E$", "(|)[", "(|)["],
    ["a\\Q\\E*b", "aab", "aab"],
    ["a\\E*b", "aab", "aab"],
    ["a\\Qb\\", "ab\\", "ab\\"],
    [".", "\n", undefined],
    [".", "\r", "\r"],
    [".", "\xff", "\xff"],
  ]);
});

Deno.test("a pattern knows classes", () => {
  check([
    ["[abc]+", "xcabx", "cab"],
    ["[a-c]+", "xabcdx", "abc"],
    ["[^a-c]+", "abxyc", "xy"],
    ["[^a]", "\n", "\n"],
    ["[]a]+", "a]", "a]"],
    ["[^]a]+", "a]b", "b"],
    ["[]-a]+", "]^a", "]^a"],
    ["[a-]+", "-a", "-a"],
    ["[-a]+", "-a", "-a"],
    ["[--/]+", "-./", "-./"],
    ["[a-c-e]+", "b-ed", "b-e"],
    ["[\\w-]+", "a-1.", "a-1"],
    ["[\\d\\s]+", "a1 2b", "1 2"],
    ["[^\\d\\s]+", "1 ab 2", "ab"],
    ["[\\D]+", "1ab", "ab"],
    ["[\\]\\\\]+", "a]\\", "]\\"],
    ["[\\b]", "\b", "\b"],
    ["[\\x41-\\x43]+", "ABCD", "ABC"],
    ["[\\101\\60]+", "A0", "A0"],
    ["[\\x80-\\xff]+", "a\x80\xff", "\x80\xff"],
    ["[.*+?(){}|^$]+", "a.*+?(){}|^$", ".*+?(){}|^$"],
    ["[\\Qa]^\\E-]+", "-a]^", "-a]^"],
    ["[a-\\Qc\\E]+", "abc", "abc"],
    ["[[:digit:]]+", "a12", "12"],
    ["[[:^digit:]]+", "12a:", "a:"],
    ["[^[:space:][:punct:]]+", " .ab! ", "ab"],
    ["[[:alpha:]_]+", "1a_B1", "a_B"],
    ["[[:alnum:]]+", "-a1-", "a1"],
    ["[[:xdigit:]]+", "xfF09g", "fF09"],
    ["[[:upper:]][[:lower:]]", "aBc", "Bc"],
    ["[[:blank:]]+", "\n \t\n", " \t"],
    ["[[:cntrl:]]+", "a\0\x1f\x7f ", "\0\x1f\x7f"],
    ["[[:graph:]]+", " !~ ", "!~"],
    ["[[:print:]]+", "\n !~\n", " !~"],
    ["[[:ascii:]]+", "\x80\0\x7f\x80", "\0\x7f"],
    ["[[:word:]]+", "-a_1-", "a_1"],
    ["[[:foo]+", ":of[", ":of["],
    ["[:[:digit:]]+", "a1:2", "1:2"],
  ]);
});

Deno.test("assertions hold where PCRE's do", () => {
  check([
    ["^a", "a", "a"],
    ["^a", "ba", undefined],
    ["^a", "\na", undefined],
    ["x^a", "xa", undefined],
    ["a|^b", "cba", "a"],
    ["a$", "ba", "a"],
    ["a$", "a\n", "a"],
    ["a$", "a\n\n", undefined],
    ["a$", "a\nb", undefined],
    ["a\\n$", "a\n", "a\n"],
    ["$", "a", ""],
    ["^$", "", ""],
    ["^$", "\n", ""],
    ["\\n^", "\n", undefined],
    ["a\\Z", "a\n", "a"],
    ["a\\z", "a\n", undefined],
    ["a\\z", "a", "a"],
    ["\\Aa", "ba", undefined],
    ["\\bok\\b", "it is ok!", "ok"],
    ["\\bok\\b", "okay", undefined],
    ["\\bok\\b", "book", undefined],
    ["\\bok\\b", "\xe9ok", "ok"],
    ["\\Bk", "ok", "k"],
    ["\\Bk", " k", undefined],
    ["\\b", "", undefined],
    ["\\B", "", ""],
    ["a\\b\\n", "a\n", "a\n"],
    ["\\b$", "a\n", ""],
    ["(?:^|,)b(?:,|$)", "a,b", ",b"],
    ["(?:\\b|x)*y", "xxy", "xxy"],
    ["(^)*a", "ba", "a"],
    ["(?:a|\\b)+c", "aac", "aac"],
    ["$.", "\n", undefined],
    ["a$\\n", "a\n", "a\n"],
    ["a\\b\\Bb", "ab", undefined],
  ]);
});

Deno.test("options mean what PCRE2's of their names mean", () => {
  const all: [PatternOptions, Case[]][] = [
    [{ ignoreCase: true }, [
      ["abc", "xABc", "ABc"],
      ["[a-c]+", "ABC", "ABC"],
      ["[^a]", "A", undefined],
      ["[[:upper:]]", "a", "a"],
      ["\\x41", "a", "a"],
      ["[Z-a]", "z", "z"],
      ["[@-`]+", "@a`", "@a`"],
      ["\xe9", "\xc3\x89", undefined],
      ["(?-i)a", "A", undefined],
    ]],
    [{ multiline: true }, [
      ["^b$", "a\nb\nc", "b"],
      ["^b", "ab", undefined],
      ["a$", "a\nb", "a"],
      ["\\n^", "\n", undefined],
      ["\\n^b", "\nb", "\nb"],
      ["^\\n$", "\n\n", "\n"],
      ["\\Ab", "a\nb", undefined],
      ["a\\z", "a\nb", undefined],
      ["(?-m)^b", "a\nb", undefined],
    ]],
    [{ dotAll: true }, [["a.b", "a\nb", "a\nb"], ["(?-s)a.b", "a\nb", undefined]]],
    [{ anchored: true }, [
      ["b", "ab", undefined],
      ["a", "ab", "a"],
      ["b|a", "ab", "a"],
      ["a*b", "aab", "aab"],
      ["\\n^", "\n", undefined],
    ]],
    [{ dollarEndOnly: true }, [
      ["a$", "a\n", undefined],
      ["a$", "a", "a"],
      ["a\\Z", "a\n", "a"],
      ["(?m)a$", "a\n", "a"],
    ]],
    [{ extended: true }, [
      ["a b\n\tc", "abc", "abc"],
      ["a # comment ) [\n b", "ab", "ab"],
      ["a # comment", "a", "a"],
      ["a +", "aa", "aa"],
      ["a + ?", "aa", "a"],
      ["a\\ b\\#", "a b#", "a b#"],
      ["[ #]+", " #", " #"],
      ["\\Qa b\\E", "a b", "a b"],
      ["(?-x)a b", "a b", "a b"],
    ]],
    [{ multiline: true, dollarEndOnly: true }, [["a$", "a\nb", "a"]]],
  ];
  for (const [options, cases] of all) check(cases, options);
});

Deno.test("groups are plain, and flags hold in their group", () => {
  check([
    ["(?:a|b)c", "bc", "bc"],
    ["(?<name>a)b", "ab", "ab"],
    ["(?P<name>a)b", "ab", "ab"],
    ["(?'name'a)b", "ab", "ab"],
    ["(?#comment)a(?#b)*", "aa", "aa"],
    ["(?i)ab", "AB", "AB"],
    ["a(?i)b", "aB", "aB"],
    ["a(?i)b", "AB", undefined],
    ["(?i:a)b", "Ab", "Ab"],
    ["(?i:a)b", "AB", undefined],
    ["((?i)a)b", "AB", undefined],
    ["(a(?i)b|c)", "C", "C"],
    ["(?s).", "\n", "\n"],
    ["(?s:.)(?:.)", "\n\n", undefined],
    ["(?m)^b", "a\nb", "b"],
    ["(?x) a b # c", "ab", "ab"],
    ["(?x: a ) b", "a b", "a b"],
    ["(?i-s:A.)", "a\n", undefined],
    ["(?im)^B", "a\nb", "b"],
    ["(?)a", "a", "a"],
    ["(?-i:a)", "a", "a"],
    ["(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\\12", "abcdefghij\n", "abcdefghij\n"],
  ]);
});

Deno.test("what is not ASCII is UTF-8, and repeats whole", () => {
  const cases: [string, string, boolean][] = [
    ["caf\u00e9", "un caf\u00e9", true],
    ["caf\u00e9", "cafe", false],
    ["^\u2713+$", "\u2713\u2713", true],
    ["^\\\u2713$", "\u2713", true],
    ["^(?:\u00e9|[a-z])+$", "\u00e9t\u00e9", true],
    ["^\\Q\ud83d\ude00\\E{2}$", "\ud83d\ude00\ud83d\ude00", true],
    ["^.$", "\u00e9", false],
    ["^..$", "\u00e9", true],
    ["\\xc3\\xa9", "\u00e9", true],
  ];
  for (const [source, text, matches] of cases) {
    assert.equal(compilePattern(source).test(utf8(text)), matches, source);
  }
});

Deno.test("search() begins where it is told, and sees what stands before", () => {
  const cases: [string, string, number, [number, number] | undefined, PatternOptions?][] = [
    ["a", "abca", 0, [0, 1]],
    ["a", "abca", 1, [3, 4]],
    ["a", "abca", 4, undefined],
    ["a", "abca", 9, undefined],
    ["", "ab", 2, [2, 2]],
    ["", "ab", 3, undefined],
    ["^b", "ab", 1, undefined],
    ["\\bb", "ab", 1, undefined],
    ["\\bb", " b", 1, [1, 2]],
    ["^b", "\nb", 1, [1, 2], { multiline: true }],
    ["b", "abb", 1, [1, 2], { anchored: true }],
    ["b", "aab", 1, undefined, { anchored: true }],
    ["$", "a\n", 2, [2, 2]],
    ["b+|abbb", "abbbb", 0, [0, 4]],
    ["b+|abbb", "abbbb", 1, [1, 5]],
  ];
  for (const [source, text, from, match, options] of cases) {
    const found = compilePattern(source, options).search(latin1(text), from);
    assert.deepEqual(found && [found.start, found.end], match, `${source} from ${from}`);
  }
});

Deno.test("a pattern that cannot be matched is refused with words and a place", () => {
  const linear = "cannot be matched in linear time";
  const names = "alnum, alpha, ascii, blank, cntrl, digit, graph, lower, print, punct, space, " +
    "upper, word, xdigit";
  const cases: [string, string, number][] = [
    ["abc(de", 'has no ")" for the "(" at 3', 3],
    ["(a)(b", 'has no ")" for the "(" at 3', 3],
    ["(\\Qa)", 'has no ")" for the "(" at 0', 0],
    ["ab)", 'has no "(" for the ")" at 2', 2],
    ["a[bc", 'has no "]" for the "[" at 1', 1],
    ["[]", 'has no "]" for the "[" at 0', 0],
    ["[^]", 'has no "]" for the "[" at 0', 0],
    ["[a-", 'has no "]" for the "[" at 0', 0],
    ["[\\Qa]", 'has no "]" for the "[" at 0', 0],
    ["a(?#b", 'has no ")" for the "(?#" at 1', 1],
    ["*a", 'has nothing to repeat for "*" at 0', 0],
    ["a|+", 'has nothing to repeat for "+" at 2', 2],
    ["(??)", 'has "(??" at 0: must be a kind of group that is known', 0],
    ["({2})", 'has nothing to repeat for "{2}" at 1', 1],
    ["a**", 'has nothing to repeat for "*" at 2', 2],
    ["a{2}{3}", 'has nothing to repeat for "{3}" at 4', 4],
    ["^*", 'has nothing to repeat for "*" at 1', 1],
    ["\\b+", 'has nothing to repeat for "+" at 2', 2],
    ["(?i)*", 'has nothing to repeat for "*" at 4', 4],
    ["a{3,2}", 'has "{3,2}" at 1: must begin with the smaller number', 1],
    ["a{65536}", 'has "{65536}" at 1: must repeat at most 65535 times', 1],
    ["a{0,65536}", 'has "{0,65536}" at 1: must repeat at most 65535 times', 1],
    ["a\\", "ends in a backslash at 1", 1],
    ["a\\y", 'has "\\y" at 1: must be an escape that is known', 1],
    ["\\R", 'has "\\R" at 0: must be an escape that is known', 0],
    ["\\p{L}", 'has "\\p" at 0: must be an escape that is known', 0],
    ["\\xg", 'has "\\x" at 0: must be an escape that is known', 0],
    ["\\x{}", 'has "\\x" at 0: must be an escape that is known', 0],
    ["[\\B]", 'has "\\B" at 1: must be an escape that is known', 1],
    ["\\x{100}", 'has "\\x{100}" at 0: must be one byte', 0],
    ["\\400", 'has "\\400" at 0: must be one byte', 0],
    ["[z-a]", 'has "z-a" at 1: must go from one byte to a later one', 1],
    ["[a-\\d]", 'has "a-\\d" at 1: must go from one byte to a later one', 1],
    ["[\\w-.]", 'has "\\w-." at 1: must go from one byte to a later one', 1],
    ["[[:digit:]-a]", 'has "[:digit:]-a" at 1: must go from one byte to a later one', 1],
    ["[[:foo:]]", `has the class "[:foo:]" at 1: must be one of ${names}`, 1],
    ["[[.a.]]", `has the class "[.a.]" at 1: must be one of ${names}`, 1],
    ["[:alpha:]", 'has "[:alpha:]" at 0: must stand in brackets of its own', 0],
    [
      "[a\u00e9]",
      "has a character of several bytes in brackets at 2: " +
      "must stand outside of the brackets, as in (?:\u00e9|[a-z])",
      2,
    ],
    ["a\ud800", "has half of a surrogate pair at 1", 1],
    ["(?z)", 'has the flags "z" at 0: must be of i, m, s and x', 0],
    ["(?U)", 'has the flags "U" at 0: must be of i, m, s and x', 0],
    ["(?xx)", 'has the flags "xx" at 0: must be of i, m, s and x', 0],
    ["(?<1a>b)", 'has "(?<" at 0: must be a kind of group that is known', 0],
    ["(?", 'has "(?" at 0: must be a kind of group that is known', 0],
    ["(?i", 'has "(?i" at 0: must be a kind of group that is known', 0],
    ["(?=a)", `a look-ahead ${linear}: "(?=" at 0`, 0],
    ["a(?!b)", `a look-ahead ${linear}: "(?!" at 1`, 1],
    ["(?<=a)b", `a look-behind ${linear}: "(?<=" at 0`, 0],
    ["(?<!a)b", `a look-behind ${linear}: "(?<!" at 0`, 0],
    ["(?>a)", `an atomic group ${linear}: "(?>" at 0`, 0],
    ["a++", `a possessive quantifier ${linear}: "++" at 1`, 1],
    ["a{2}+", `a possessive quantifier ${linear}: "{2}+" at 1`, 1],
    ["(a)\\1", `a back reference ${linear}: "\\1" at 3`, 3],
    ["\\9", `a back reference ${linear}: "\\9" at 0`, 0],
    ["\\81", `a back reference ${linear}: "\\81" at 0`, 0],
    [`${"(a)".repeat(12)}\\12`, `a back reference ${linear}: "\\12" at 36`, 36],
    ["(a)\\g{1}", `a back reference ${linear}: "\\g{" at 3`, 3],
    ["(a)\\g-1", `a back reference ${linear}: "\\g-1" at 3`, 3],
    ["(?<n>a)\\k<n>", `a back reference ${linear}: "\\k" at 7`, 7],
    ["(?P<n>a)(?P=n)", `a back reference ${linear}: "(?P=" at 8`, 8],
    ["a(?R)", `a recursion ${linear}: "(?R" at 1`, 1],
    ["(a(?1))", `a recursion ${linear}: "(?1" at 2`, 2],
    ["(?<n>a(?&n))", `a recursion ${linear}: "(?&" at 6`, 6],
    ["(a)\\g<1>", `a recursion ${linear}: "\\g<" at 3`, 3],
    ["(a)(?(1)b|c)", `a condition ${linear}: "(?(" at 3`, 3],
    ["(*UTF)a", `a verb ${linear}: "(*UTF" at 0`, 0],
  ];
  for (const [source, message, offset] of cases) {
    const { message: said, offset: at } = failure(source);
    assert.deepEqual({ said, at }, { said: message, at: offset }, source);
  }
  assert.equal(failure("a + +", { extended: true }).offset, 2);
});

Deno.test("a pattern is limited in length, depth and size", () => {
  const longest = `^${"a".repeat(9_999)}`;
  assert.ok(compilePattern(longest).test(utf8("a".repeat(9_999))));
  assert.equal(failure(`${longest}a`).message, "has 10001 characters, must have at most 10000");

  const nest = (depth: number) => `${"(".repeat(depth)}a${")".repeat(depth)}`;
  assert.ok(compilePattern(nest(250)).test(utf8("a")));
  assert.equal(failure(nest(251)).message, "has a group at 250: must be at most 250 groups deep");
  assert.equal(failure("(".repeat(9_999)).offset, 250);
  // Beside each other is not within each other.
  assert.ok(compilePattern("(a|b)".repeat(1_000)).test(utf8("ab".repeat(500))));

  assert.ok(compilePattern("^a{19998}").test(utf8("a".repeat(19_998))));
  assert.ok(compilePattern("|".repeat(9_999)).test(utf8("")));
  const large = [
    ...["^a{19999}", "(?:a{200}){200}", "(a{0,1000}){0,1000}", "((a*){100}){300}"],
    ...["(|){65535}", "\u2713".repeat(7_000)],
  ];
  for (const source of large) {
    assert.match(failure(source).message, /^compiles to more than 20000 instructions: must be/);
  }
  const empty = "(?:){65535}";
  const many = `${"(".repeat(200)}${"){65535}".repeat(200)}${empty.repeat(500)}a{0}`;
  assert.ok(compilePattern(many).test(utf8("")));
});

Deno.test("patterns that make others backtrack for ever come to an end", () => {
  const cases: [string, string, boolean][] = [
    ["(a+)+$", `${"a".repeat(50_000)}b`, false],
    ["^(a+)+$", "a".repeat(50_000), true],
    ["(a|a)*b", "a".repeat(50_000), false],
    ["(a|aa)+$", `${"a".repeat(50_000)}b`, false],
    ["(a?){50}a{50}", "a".repeat(50), true],
    ["(a?){50}a{50}b", "a".repeat(5_000), false],
    [".*.*.*=.*", "x".repeat(50_000), false],
    ["(?s).*.*.*=.*", `${"x\n".repeat(25_000)}=`, true],
    ["(.*a){20}b", "a".repeat(5_000), false],
    ["((a*)*)*b", "a".repeat(50_000), false],
    [`(?:${"a*".repeat(1_000)})*b`, "a".repeat(500), false],
    ["\\b(\\w+\\s?)*!", "word ".repeat(10_000), false],
  ];
  for (const [source, text, matches] of cases) {
    const pattern = compilePattern(source);
    assert.equal(pattern.test(utf8(text)), matches, source);
    // From behind the start it has no answer of test() to go by.
    if (!matches) assert.equal(pattern.search(utf8(text), 1), undefined, source);
    else assert.ok(pattern.search(utf8(text)), source);
  }
});

Deno.test("texts that need more states than are kept are told right, again and again", () => {
  let state = 1;
  const letters = Array.from({ length: 4_000 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state > 2 ** 30 ? "a" : "b";
  });
  const text = letters.join("");
  // Each of its states says for the last 30 letters which were an "a".
  const pattern = compilePattern("a[ab]{30}\\b-");
  const a = `a${"b".repeat(30)}-`;
  const b = `b${"b".repeat(30)}-`;
  for (let i = 0; i < 3; i++) {
    assert.equal(pattern.test(utf8(text)), false);
    assert.equal(pattern.test(utf8(text + a)), true);
    assert.equal(pattern.test(utf8(text + b)), false);
    assert.equal(pattern.test(utf8(a)), true);
    const start = text.length;
    assert.deepEqual(pattern.search(utf8(text + a)), { start, end: start + a.length });
  }
});

/** The same in our spelling and in JavaScript's. */
interface Spelled {
  readonly ours: string;
  readonly script: string;
  readonly canBeEmpty: boolean;
  /** No loop goes around what can be empty: there the two end in different places. */
  readonly isExact: boolean;
}

const START = "(?<![^])";
const END = "(?![^])";
const LAST_LINE = `(?=\\n?${END})`;

/** Where the two differ, JavaScript's is spelled out. */
function leaves({ multiline, dotAll }: PatternOptions): fc.Arbitrary<Spelled> {
  const bytes: [string, string][] = [
    ...["a", "b", "B", "1", "_", "-", "\\n", "\\x80", "\\d", "\\D", "\\w", "\\W"],
    ...["[ab]", "[^a]", "[^\\nb]", "[a-b1]", "[\\w-]", "[\\d\\x80]", "[^\\W_]"],
  ].map((same) => [same, same]);
  bytes.push(
    [".", dotAll ? "[^]" : "[^\\n]"],
    ["\\s", "[\\t-\\r ]"],
    ["\\H", "[^\\t \\xa0]"],
    ["[[:upper:]]", "[A-Z]"],
    ["[^[:^alpha:]]", "[A-Za-z]"],
    ["\\Q.\\E", "\\."],
  );
  const assertions: [string, string][] = [
    ["^", multiline ? `(?:${START}|(?<=\\n)(?=[^]))` : START],
    ["$", multiline ? `(?=\\n|${END})` : LAST_LINE],
    ["\\A", START],
    ["\\z", END],
    ["\\Z", LAST_LINE],
    ["\\b", "\\b"],
    ["\\B", "\\B"],
    ["", ""],
  ];
  const spelled = (canBeEmpty: boolean) => ([ours, script]: [string, string]): Spelled => {
    return { ours, script, canBeEmpty, isExact: true };
  };
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...bytes.map(spelled(false))) },
    { weight: 1, arbitrary: fc.constantFrom(...assertions.map(spelled(true))) },
  );
}

const quantifier = fc.constantFrom(
  ...["*", "+", "?", "{2}", "{1,2}", "{2,}", "{0,3}"].flatMap((greedy) => [greedy, `${greedy}?`]),
);

function join(parts: readonly Spelled[], between: string): Spelled {
  const canBeEmpty = ({ canBeEmpty }: Spelled) => canBeEmpty;
  return {
    ours: parts.map(({ ours }) => ours).join(between),
    script: parts.map(({ script }) => script).join(between),
    canBeEmpty: between === "" ? parts.every(canBeEmpty) : parts.some(canBeEmpty),
    isExact: parts.every(({ isExact }) => isExact),
  };
}

function spellings(options: PatternOptions): fc.Arbitrary<Spelled> {
  const { pattern } = fc.letrec<{ pattern: Spelled }>((tie) => {
    const parts = fc.array(tie("pattern"), { minLength: 2, maxLength: 3 });
    const repeated = fc.tuple(tie("pattern"), quantifier).map(([item, quantifier]): Spelled => ({
      ours: `(${item.ours})${quantifier}`,
      script: `(?:${item.script})${quantifier}`,
      canBeEmpty: item.canBeEmpty || /^(?:[*?]|\{0)/.test(quantifier),
      isExact: item.isExact && !item.canBeEmpty,
    }));
    const choice = parts.map((parts) => join(parts, "|")).map((choice): Spelled => ({
      ...choice,
      ours: `(?:${choice.ours})`,
      script: `(?:${choice.script})`,
    }));
    const sequence = parts.map((parts) => join(parts, ""));
    return {
      pattern: fc.oneof({ maxDepth: 3 }, leaves(options), sequence, choice, repeated),
    };
  });
  return pattern;
}

const optionsAndPattern = fc.record({
  ignoreCase: fc.boolean(),
  multiline: fc.boolean(),
  dotAll: fc.boolean(),
}).chain((options) => fc.tuple(fc.constant(options), spellings(options)));
const texts = fc.array(fc.constantFrom(..."aabbAB1_- \n\n\x80"), { maxLength: 10 })
  .map((chars) => chars.join(""));

Deno.test("a pattern matches what JavaScript's of the same meaning matches", () => {
  let matches = 0;
  let exact = 0;
  const numRuns = 5_000;
  fc.assert(
    fc.property(optionsAndPattern, texts, ([options, { ours, script, isExact }], text) => {
      const pattern = compilePattern(ours, options);
      const expected = new RegExp(script, options.ignoreCase ? "i" : "").exec(text);
      assert.equal(pattern.test(latin1(text)), expected !== null);
      const match = pattern.search(latin1(text));
      assert.equal(match?.start, expected?.index);
      if (expected === null) return;
      matches++;
      if (!isExact) return;
      exact++;
      assert.equal(match?.end, expected.index + expected[0].length);
    }),
    { numRuns },
  );
  assert.ok(matches > numRuns / 10 && matches < numRuns * 0.95, `${matches} matches`);
  assert.ok(exact > numRuns / 10, `${exact} exact`);
});

Deno.test("one pattern tells many texts as well as one", () => {
  fc.assert(
    fc.property(
      optionsAndPattern,
      fc.array(texts, { maxLength: 5 }),
      ([options, { ours }], all) => {
        const pattern = compilePattern(ours, options);
        for (const text of all) {
          const fresh = compilePattern(ours, options);
          assert.deepEqual(pattern.search(latin1(text)), fresh.search(latin1(text)));
        }
      },
    ),
    { numRuns: 300 },
  );
});

const junk = fc.array(
  fc.oneof(
    fc.constantFrom(..."()[]{}*+?|\\^$.-:<>=!#'&,iPQEnxabk019 \n"),
    fc.constantFrom("(?", "(?:", "[[:", ":]", "{1,", "\\Q", "\\E", "(?i", "[^", "\\x{", "(?#"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  ),
  { maxLength: 14 },
).map((parts) => parts.join(""));

Deno.test("whatever stands in a pattern, it is one or is refused in words", () => {
  const seen = { patterns: 0, errors: 0 };
  fc.assert(
    fc.property(junk, fc.boolean(), fc.uint8Array({ maxLength: 20 }), (source, extended, bytes) => {
      try {
        const pattern = compilePattern(source, { extended });
        assert.equal(pattern.test(bytes), pattern.search(bytes) !== undefined);
        seen.patterns++;
      } catch (error) {
        assert.ok(error instanceof PatternError, String(error));
        assert.match(error.message, /^[\x20-\x7e\u00e9]+$/);
        assert.ok(error.offset >= 0 && error.offset <= source.length);
        seen.errors++;
      }
    }),
    { numRuns: 4_000 },
  );
  assert.ok(seen.patterns > 200 && seen.errors > 200, JSON.stringify(seen));
});
