import assert from "node:assert/strict";
import { CommanderError } from "@commander-js/extra-typings";
import fc from "fast-check";
import { CARE_FLAGS, careVariable } from "../../src/config/care_flags.ts";
import type { CareFlag } from "../../src/config/check_flags.ts";
import { parseDuration, parseSecondsOrDuration } from "../../src/config/duration.ts";
import { findHostAddresses } from "../../src/config/hosts_file.ts";
import { normalizeFlags } from "../../src/config/pflag.ts";
import { ConfigError, UsageError } from "../../src/errors.ts";
import { runCare } from "../support/care_command.ts";

const RUNS = { numRuns: 2_000 };
/** Fewer, for each is a whole command line. */
const COMMANDS = { numRuns: 500 };

const MAX_NS = 2n ** 63n - 1n;
const nanoseconds = fc.bigInt({ min: -MAX_NS, max: MAX_NS });

/** As Go's Duration.String() prints one of at least a second: "1h2m3.5s". */
function printLikeGo(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const [hours, minutes] = [size / 3_600_000_000_000n, size / 60_000_000_000n % 60n];
  const [seconds, rest] = [size / 1_000_000_000n % 60n, size % 1_000_000_000n];
  const fraction = rest === 0n ? "" : `.${String(rest).padStart(9, "0").replace(/0+$/, "")}`;
  return `${ns < 0n ? "-" : ""}${hours}h${minutes}m${seconds}${fraction}s`;
}

Deno.test("parseDuration() reads back every duration that Go prints", () => {
  fc.assert(
    fc.property(nanoseconds, (ns) => {
      assert.equal(parseDuration(printLikeGo(ns)), ns);
      assert.equal(parseSecondsOrDuration(printLikeGo(ns)), ns);
    }),
    RUNS,
  );
});

Deno.test("parseDuration() reads back every duration in every unit, in any order of parts", () => {
  const parts = fc.array(
    fc.tuple(fc.nat(9_999), fc.constantFrom("ns", "us", "µs", "μs", "ms", "s", "m", "h")),
    { minLength: 1, maxLength: 6 },
  );
  const print = (list: [number, string][]) => list.map((part) => part.join("")).join("");
  fc.assert(
    fc.property(parts, (list) => {
      const sum = list.reduce((sum, part) => sum + parseDuration(print([part]))!, 0n);
      assert.equal(parseDuration(print(list)), sum);
      assert.equal(parseDuration(print(list.toReversed())), sum);
    }),
    RUNS,
  );
});

interface Spelling {
  readonly plain: string[];
  readonly spelt: string[];
}

const spelling: fc.Arbitrary<Spelling> = fc
  .tuple(fc.constantFrom<CareFlag>(...CARE_FLAGS), fc.string(), fc.nat(5))
  .map(([{ name, short, kind }, value, which]): Spelling => {
    const plain = [`--${name}=${kind === "switch" && which < 2 ? "true" : value}`];
    if (kind === "switch" && which < 2) {
      return { plain, spelt: [short && which === 0 ? `-${short}` : `--${name}`] };
    }
    const forms = [[`--${name}=${value}`]];
    if (kind !== "switch") forms.push([`--${name}`, value]);
    if (short) forms.push([`-${short}=${value}`]);
    if (short && kind !== "switch") forms.push([`-${short}`, value]);
    // Behind the letter itself a value may not begin with "=", nor be empty.
    if (short && kind !== "switch" && /^[^=]/.test(value)) forms.push([`-${short}${value}`]);
    return { plain, spelt: forms[which % forms.length]! };
  });

Deno.test("normalizeFlags() makes every spelling the plain one, and leaves that as it is", () => {
  fc.assert(
    fc.property(fc.array(spelling), (list) => {
      const plain = list.flatMap((one) => one.plain);
      assert.deepEqual(normalizeFlags(list.flatMap((one) => one.spelt), CARE_FLAGS), plain);
      assert.deepEqual(normalizeFlags(plain, CARE_FLAGS), plain);
    }),
    RUNS,
  );
});

const flagName = fc.constantFrom(...CARE_FLAGS.map(({ name }) => name));
const likely = fc.constantFrom(
  ...["10.0.0.1:80", "[fd00::1]:80", "10.0.0.2", "true", "0", "5s", "-1", "", "link", "a=b,c=d"],
  ...["/", "GET", "401", "json", "netlink", "/run", "=", ",", "[", "%", '"', "\n", "x".repeat(300)],
);
const value = fc.oneof(likely, fc.string({ unit: "binary" }));
const word = fc.oneof(
  value,
  flagName.map((name) => `--${name}`),
  fc.tuple(flagName, value).map(([name, value]) => `--${name}=${value}`),
  value.map((value) => `-${value}`),
);
const variables = fc.dictionary(
  fc.oneof(flagName.map(careVariable), fc.constant("LVSCARE_NODE_IP")),
  value,
  { maxKeys: 5 },
);

Deno.test("whatever is given is run or refused in one line, never a defect", async () => {
  const enough = ["--vs=10.0.0.1:80", "--rs=10.0.0.2:80"];
  let ran = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { maxLength: 6 }),
      variables,
      fc.boolean(),
      fc.string({ unit: "binary" }),
      async (words, env, isEnough, hosts) => {
        const all = isEnough ? [...enough, ...words] : words;
        const { error, said, status, config, help } = await runCare(all, { env, hosts });
        if (config) ran++;
        if (error === undefined || help !== "") return;
        refused++;
        assert.equal(status, 2);
        // What commander says holds the flag as it was written; the rest is ours.
        if (error instanceof CommanderError) return;
        assert.ok(error instanceof UsageError || error instanceof ConfigError, said);
        assert.match(said, /^\P{Cc}+$/u);
      },
    ),
    COMMANDS,
  );
  assert.ok(ran > 0, "some are right");
  assert.ok(refused > 0, "some are wrong");
});

Deno.test("no error shows the value of a header", async () => {
  // With a letter that no header name has: of a name alone nobody can tell that it is none.
  const secret = "s3/cret";
  const piece = fc.oneof(
    fc.constantFrom("Authorization=", "X-Key=", "=", ",", '"', " ", "\n", ":", "Connection="),
    fc.constant(secret),
    // Behind dashes it would be a flag, which errors do name.
    fc.string().map((text) => text.replaceAll("-", "")),
  );
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), fc.boolean(), async (pieces, inEnv) => {
      const text = `Authorization=${secret} ${pieces.join("")}`;
      const words = ["--vs=10.0.0.1:80", "--rs=10.0.0.2:80"];
      const { said } = await (inEnv
        ? runCare(words, { env: { CARE_HEALTH_REQ_HEADERS: text } })
        : runCare([...words, "--health-req-headers", ...text.split(" ")]));
      if (said !== "") {
        refused++;
      }
      assert.ok(!said.includes(secret), said);
    }),
    COMMANDS,
  );
  assert.ok(refused > 0, "some are wrong");
});

Deno.test("findHostAddresses() finds what was written between lines of anything", () => {
  const noise = fc.string({ unit: "binary" }).map((text) => text.replaceAll("lvscare", ""));
  const blank = fc.constantFrom(" ", "\t", " \t ");
  fc.assert(
    fc.property(fc.array(noise), fc.ipV4(), blank, blank, (lines, address, before, between) => {
      const line = `${before}${address}${between}other${between}lvscare.node.ip${before}#x`;
      const file = [...lines, line, ...lines].join("\n");
      assert.deepEqual(findHostAddresses(file, "lvscare.node.ip"), [address]);
    }),
    RUNS,
  );
});
