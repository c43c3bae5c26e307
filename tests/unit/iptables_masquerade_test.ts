import assert from "node:assert/strict";
import { CommandError, KernelError, UnsupportedError } from "../../src/errors.ts";
import { ruleKey, shapeKey } from "../../src/kernel/command/iptables_likeness.ts";
import { parseSavedRules, splitWords } from "../../src/kernel/command/iptables_save.ts";
import { IptablesMasquerade } from "../../src/kernel/command/masquerade.ts";
import type { Runner, RunOptions } from "../../src/kernel/command/runner.ts";
import { FakeSets } from "../../src/kernel/fake/sets.ts";

const OPTIONS = { family: "ipv4", markBit: 0 } as const;
const OLD_ACCEPT =
  '-A OUTPUT -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x1 -j ACCEPT';
const BEFORE = `*filter\n:OUTPUT ACCEPT [0:0]\n${OLD_ACCEPT}\nCOMMIT\n`;

const RESTORE = "iptables-restore --noflush -w 5";
/** What is asked for where nothing but LVScare's accepting rule is there. */
const INPUT = `*nat
:VIRTUAL-SERVICES - [0:0]
:VIRTUAL-MARK-MASQ - [0:0]
:VIRTUAL-POSTROUTING - [0:0]
-A VIRTUAL-SERVICES -m comment --comment "virtual service ip + port for masquerade purpose" -m set --match-set VIRTUAL-IP dst,dst -j VIRTUAL-MARK-MASQ
-A VIRTUAL-MARK-MASQ -j MARK --set-xmark 0x1/0x1
-A VIRTUAL-POSTROUTING -m mark ! --mark 0x1/0x1 -j RETURN
-A VIRTUAL-POSTROUTING -m comment --comment "virtual service traffic requiring SNAT" -j MASQUERADE --random-fully
-A PREROUTING -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES
-A OUTPUT -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES
-A POSTROUTING -m comment --comment "virtual service postrouting rules" -j VIRTUAL-POSTROUTING
COMMIT
*filter
${OLD_ACCEPT.replace("-A", "-D")}
-I OUTPUT -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x1/0x1 -j ACCEPT
COMMIT
`;
/** The rules that it makes, as iptables-save prints them. */
const WHOLE = INPUT.replace(/^-D .*\n/m, "").replace("-I OUTPUT", "-A OUTPUT");

interface Answer {
  readonly line: string;
  readonly stdout?: string;
  /** With a failure. */
  readonly stderr?: string;
}

/** Answers each command line in turn; what is not foreseen, and what is not asked for, fails the test. */
function script(...answers: readonly Answer[]): Runner & Disposable & { inputs: unknown[] } {
  const left = [...answers];
  const inputs: unknown[] = [];
  return {
    inputs,
    run(argv, options: RunOptions = {}) {
      const { line, stdout = "", stderr } = left.shift() ?? { line: "nothing more" };
      assert.equal(argv.join(" "), line);
      if (options.stdin !== undefined) inputs.push(options.stdin);
      if (stderr === undefined) return Promise.resolve({ status: 0, stdout, stderr: "" });
      return Promise.reject(new CommandError(`run ${line}: exit status 1`, argv, 1, stderr));
    },
    [Symbol.dispose]: () => assert.deepEqual(left, []),
  };
}

const look = (stdout: string): Answer => ({ line: "iptables-save", stdout });

Deno.test("ensure() is one look and one change of both tables", async () => {
  using runner = script(look(BEFORE), { line: RESTORE });
  const masquerade = new IptablesMasquerade(runner, new FakeSets());
  const made = await masquerade.ensure(OPTIONS);
  assert.equal(made.length, 9);
  assert.equal(made[0], "set VIRTUAL-IP");
  assert.deepEqual(runner.inputs, [INPUT]);
});

Deno.test("ensure() of whole rules is one look", async () => {
  using runner = script(look(WHOLE));
  const sets = new FakeSets();
  await sets.ensureSet("VIRTUAL-IP", "ipv4");
  assert.deepEqual(await new IptablesMasquerade(runner, sets).ensure(OPTIONS), []);
});

Deno.test("ensure() runs the programs of the family and of the kind asked for, as long as asked for", async () => {
  using runner = script(
    { line: "ip6tables-legacy-save" },
    { line: "ip6tables-legacy-restore --noflush -w 60" },
  );
  const options = { variant: "legacy", lockSeconds: 60 } as const;
  const masquerade = new IptablesMasquerade(runner, new FakeSets(), options);
  await masquerade.ensure({ family: "ipv6", markBit: 0 });
  assert.match(`${runner.inputs}`, /--match-set VIRTUAL-IP6 dst,dst/);
});

const GONE = "iptables-restore: line 12 failed\n";

Deno.test("ensure() plans anew where somebody else changed the rules after the look", async () => {
  using runner = script(
    look(BEFORE),
    { line: RESTORE, stderr: GONE },
    look(""),
    { line: RESTORE },
  );
  const masquerade = new IptablesMasquerade(runner, new FakeSets());
  await masquerade.ensure(OPTIONS);
  assert.deepEqual(runner.inputs, [INPUT, INPUT.replace(/^-D .*\n/m, "")]);
});

Deno.test("ensure() does not try again what has failed and is still to be done", async () => {
  using runner = script(look(BEFORE), { line: RESTORE, stderr: GONE }, look(BEFORE));
  await assert.rejects(
    new IptablesMasquerade(runner, new FakeSets()).ensure(OPTIONS),
    (error) => {
      assert.ok(error instanceof CommandError);
      const message = "make rules in iptables: iptables-restore: line 12 failed";
      assert.equal(error.message, message);
      return true;
    },
  );
});

Deno.test("ensure() gives up where the rules change under it again and again", async () => {
  const rules = [1, 2, 3, 4].map((i) => BEFORE.replace("0x1", `0x${i}`));
  using runner = script(
    ...rules.slice(0, 3).flatMap((text) => [look(text), { line: RESTORE, stderr: GONE }]),
    look(rules[3]!),
  );
  await assert.rejects(
    new IptablesMasquerade(runner, new FakeSets()).ensure(OPTIONS),
    CommandError,
  );
});

const UNKNOWN = 'iptables-restore v1.6.0: unknown option "--random-fully"\n';

Deno.test("ensure() leaves random source ports out where they are refused, and then always", async () => {
  const without = INPUT.replace(" --random-fully", "");
  using runner = script(
    look(BEFORE),
    { line: RESTORE, stderr: UNKNOWN },
    look(BEFORE),
    look(BEFORE),
    { line: RESTORE },
    look(BEFORE),
    { line: RESTORE },
  );
  const masquerade = new IptablesMasquerade(runner, new FakeSets());
  await masquerade.ensure(OPTIONS);
  await masquerade.ensure(OPTIONS);
  assert.deepEqual(runner.inputs, [INPUT, without, without]);
});

Deno.test("ensure() asks for random source ports again where leaving them out has not helped", async () => {
  const refused = "iptables-restore v1.8.9 (nf_tables): \n" +
    "line 8: RULE_APPEND failed (Invalid argument): rule in chain VIRTUAL-POSTROUTING\n";
  const once = [look(BEFORE), { line: RESTORE, stderr: refused }, look(BEFORE)];
  using runner = script(...once, ...once, look(BEFORE), { line: RESTORE });
  const masquerade = new IptablesMasquerade(runner, new FakeSets());
  await assert.rejects(
    masquerade.ensure(OPTIONS),
    (error) => error instanceof KernelError && error.is("EINVAL"),
  );
  await masquerade.ensure(OPTIONS);
  assert.equal(runner.inputs.at(-1), INPUT);
});

const REFUSALS: readonly (readonly [stderr: string, errno: string])[] = [
  [
    "iptables-save v1.8.9 (legacy): Cannot initialize: Permission denied (you must be root)\n",
    "EPERM",
  ],
  ["Fatal: can't open lock file /run/xtables.lock: Permission denied\n", "EPERM"],
  [
    "Failed to list table names in /proc/net/ip_tables_names: Permission denied\n",
    "EPERM",
  ],
  [
    "iptables-nft-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n",
    "EPERM",
  ],
  [
    "Can't lock /run/xtables.lock: Resource temporarily unavailable\n" +
    "Another app is currently holding the xtables lock. Stopped waiting after 5s.\n",
    "EAGAIN",
  ],
  [
    "Another app is currently holding the xtables lock; still 1s 0us time ahead to have a chance to grab the lock...\n" +
    "Another app is currently holding the xtables lock. Perhaps you want to use the -w option?\n",
    "EAGAIN",
  ],
  [
    "iptables-restore v1.8.9 (nf_tables): \n" +
    "line 3: CHAIN_DEL failed (Device or resource busy): chain VIRTUAL-MARK-MASQ\n",
    "EBUSY",
  ],
  ["iptables-restore v1.8.9 (legacy): Set VIRTUAL-IP doesn't exist.\n", "ENOENT"],
];

for (const [stderr, errno] of REFUSALS) {
  Deno.test(`missing(): "${stderr.trim().split("\n").at(-1)}" is a KernelError with ${errno}`, async () => {
    using runner = script({ line: "iptables-save", stderr });
    await assert.rejects(
      new IptablesMasquerade(runner, new FakeSets()).missing(OPTIONS),
      (error) => {
        assert.ok(error instanceof KernelError && error.is(errno), String(error));
        assert.equal(error.op, "read rules");
        assert.equal(error.subject, "in iptables");
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
  });
}

const LACKS = [
  "iptables v1.8.9 (legacy): can't initialize iptables table `nat': Table does not exist (do you need to insmod?)\n",
  "iptables-save: Failed to initialize nft: Protocol not supported\n",
  "iptables-nft-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Invalid argument\n",
];

for (const stderr of LACKS) {
  Deno.test(`missing(): "${stderr.trim()}" is an UnsupportedError`, async () => {
    using runner = script({ line: "iptables-save", stderr });
    await assert.rejects(
      new IptablesMasquerade(runner, new FakeSets()).missing(OPTIONS),
      (error) => {
        assert.ok(error instanceof UnsupportedError && error.feature === "iptables");
        assert.match(error.hint!, /^load the modules: /);
        return true;
      },
    );
  });
}

Deno.test("missing() without the program is an UnsupportedError that says what to install", async () => {
  const absent = new UnsupportedError("run iptables-save: there is no such program", "x");
  const runner: Runner = { run: () => Promise.reject(absent) };
  await assert.rejects(
    new IptablesMasquerade(runner, new FakeSets()).missing(OPTIONS),
    (error) => {
      assert.ok(error instanceof UnsupportedError && error.feature === "iptables");
      assert.match(error.hint!, /^install it: apt-get install iptables/);
      return true;
    },
  );
});

const OUTDATED = {
  line: "iptables-save",
  stderr: "iptables-save v1.8.9 (legacy): Set with index 3 in kernel doesn't exist.\n",
};

Deno.test("missing() looks again where a set went while iptables-save was reading", async () => {
  using runner = script(OUTDATED, OUTDATED, look(WHOLE));
  const masquerade = new IptablesMasquerade(runner, new FakeSets());
  assert.deepEqual(await masquerade.missing(OPTIONS), ["set VIRTUAL-IP"]);
});

Deno.test("missing() does not look for ever", async () => {
  using runner = script(...Array(5).fill(OUTDATED));
  await assert.rejects(
    new IptablesMasquerade(runner, new FakeSets()).missing(OPTIONS),
    CommandError,
  );
});

Deno.test("missing() does not take cut rules for few", async () => {
  using runner = script(look(WHOLE.slice(0, WHOLE.lastIndexOf("COMMIT"))));
  await assert.rejects(
    new IptablesMasquerade(runner, new FakeSets()).missing(OPTIONS),
    (error) => error instanceof CommandError && /must end with COMMIT/.test(error.message),
  );
});

Deno.test("remove() asks again for a set that the kernel has not let go of yet", async () => {
  const sets = new FakeSets();
  await sets.ensureSet("VIRTUAL-IP", "ipv4");
  sets.use("VIRTUAL-IP", true);
  let looks = 0;
  const runner: Runner = {
    run() {
      if (++looks === 3) sets.use("VIRTUAL-IP", false);
      return Promise.resolve({ status: 0, stdout: "", stderr: "" });
    },
  };
  assert.equal(await new IptablesMasquerade(runner, sets).remove("ipv4"), true);
  assert.equal(looks, 3);
});

Deno.test("parseSavedRules() reads tables, chains and rules; comments may hold anything", () => {
  const { tables, unreadable } = parseSavedRules(
    "# Table `raw' is incompatible, use 'nft' tool.\n# Generated\n" +
      "*nat\n:OUTPUT ACCEPT [1:60]\n:A-B - [0:0]\n" +
      '-A OUTPUT -m comment --comment "two\n-A \\"lines\\"\nCOMMIT" -j A-B\n-A A-B\nCOMMIT\n',
  );
  const nat = tables.get("nat")!;
  assert.deepEqual([...tables.keys()], ["nat"]);
  assert.deepEqual([...unreadable], ["raw"]);
  assert.deepEqual([...nat.chains], ["OUTPUT", "A-B"]);
  assert.deepEqual(nat.rules.map(({ chain, words }) => [chain, ...words]), [
    ["OUTPUT", "-m", "comment", "--comment", 'two\n-A "lines"\nCOMMIT', "-j", "A-B"],
    ["A-B"],
  ]);
  assert.equal(
    nat.rules[0]!.text,
    '-m comment --comment "two\n-A \\"lines\\"\nCOMMIT" -j A-B',
  );
});

const NOT_SAVED = [
  "*nat\n",
  "*nat\n*filter\nCOMMIT\n",
  "COMMIT\n",
  "-A OUTPUT\n",
  ":OUTPUT\n",
  "*nat\nhello\nCOMMIT\n",
  '*nat\n-A OUTPUT --comment "open\nCOMMIT\n',
];

for (const text of NOT_SAVED) {
  Deno.test(`parseSavedRules() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseSavedRules(text), SyntaxError);
  });
}

Deno.test("splitWords() takes quotes and what they keep as they are", () => {
  const cases: readonly (readonly [text: string, words: readonly string[]])[] = [
    ["", []],
    ["-j  A", ["-j", "A"]],
    ['--comment ""', ["--comment", ""]],
    [String.raw`--comment "a \"b\" \\ it\'s"`, ["--comment", String.raw`a "b" \ it's`]],
    ['"-j A" -j B', ["-j A", "-j", "B"]],
  ];
  for (const [text, words] of cases) assert.deepEqual(splitWords(text), words);
});

Deno.test("ruleKey() is the same for the same rule, and only for that", () => {
  const rule = "-m comment --comment x -m mark --mark 0x1/0x1 -j ACCEPT";
  assert.equal(ruleKey(rule), ruleKey("-m mark --mark 0x1/0x1 -m comment --comment x -j ACCEPT"));
  assert.equal(ruleKey("-m mark --mark 0x1"), ruleKey("-m mark --mark 0x1/0xffffffff"));
  const others = [
    rule.replace("x -m", "y -m"),
    rule.replace("0x1/0x1", "0x1"),
    rule.replace("--mark", "! --mark"),
    rule.replace("ACCEPT", "DROP"),
    `-p tcp ${rule}`,
    `! -p tcp ${rule}`,
    `${rule} -m mark --mark 0x2/0x2`,
    rule.replace("--comment x -m mark", '--comment "x -m mark"'),
    "-m comment -m mark --mark 0x1/0x1 --comment x -j ACCEPT",
  ];
  const keys = new Set([rule, ...others].map((each) => ruleKey(each)));
  assert.equal(keys.size, others.length + 1);
});

Deno.test("shapeKey() leaves out the mark and random source ports, and nothing else", () => {
  const same: readonly (readonly [string, string])[] = [
    ["-m mark --mark 0x1/0x1 -j ACCEPT", "-m mark --mark 0x8000 -j ACCEPT"],
    ["-j MARK --set-xmark 0x1/0x1", "-j MARK --set-xmark 0x4/0xffffffff"],
    ["-j MASQUERADE --random-fully", "-j MASQUERADE"],
  ];
  for (const [a, b] of same) assert.equal(shapeKey(a), shapeKey(b));
  assert.notEqual(shapeKey("-m mark --mark 0x1/0x1"), shapeKey("-m mark ! --mark 0x1/0x1"));
  assert.notEqual(shapeKey("-j MASQUERADE --random"), shapeKey("-j MASQUERADE"));
});
