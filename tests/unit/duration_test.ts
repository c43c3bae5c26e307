import assert from "node:assert/strict";
import { parseDuration, parseSecondsOrDuration } from "../../src/config/duration.ts";

const S = 1_000_000_000n;

Deno.test("parseDuration() reads durations as Go does", () => {
  const cases: [string, bigint | undefined][] = [
    ["0", 0n],
    ["+0", 0n],
    ["-0", 0n],
    ["5s", 5n * S],
    ["1h2m3.5s", 3723n * S + S / 2n],
    ["500ms", S / 2n],
    ["1.5h", 5400n * S],
    ["7us", 7_000n],
    ["7\u00b5s", 7_000n],
    ["7\u03bcs", 7_000n],
    ["9ns", 9n],
    [".5s", S / 2n],
    ["1.s", S],
    ["-1.5s", -S * 3n / 2n],
    ["+1m", 60n * S],
    ["1s1s", 2n * S],
    ["1ms1h", 3600n * S + 1_000_000n],
    ["0.9999999999s", 999_999_999n],
    ["1.9ns", 1n],
    ["9223372036854775807ns", 2n ** 63n - 1n],
    ["9223372036854775808ns", undefined],
    ["2562048h", undefined],
    ["", undefined],
    ["-", undefined],
    ["5", undefined],
    ["s", undefined],
    [".", undefined],
    [".s", undefined],
    ["1..5s", undefined],
    ["5S", undefined],
    ["5 s", undefined],
    [" 5s", undefined],
    ["5s ", undefined],
    ["5s\n", undefined],
    ["5sec", undefined],
    ["1d", undefined],
    ["--5s", undefined],
    ["1s-1s", undefined],
    ["1e3s", undefined],
    ["0x5s", undefined],
    ["5constructor", undefined],
    [`${"1".repeat(100)}s`, undefined],
  ];
  for (const [text, value] of cases) assert.equal(parseDuration(text), value, text);
});

Deno.test("parseSecondsOrDuration() takes a whole number for seconds", () => {
  const cases: [string, bigint | undefined][] = [
    ["5", 5n * S],
    ["007", 7n * S],
    ["+5", 5n * S],
    ["-5", -5n * S],
    ["5s", 5n * S],
    ["1.5", undefined],
    ["", undefined],
    ["1".repeat(101), undefined],
  ];
  for (const [text, value] of cases) assert.equal(parseSecondsOrDuration(text), value, text);
});
