import fc from "fast-check";
import assert from "node:assert/strict";
import { StateDirectory } from "../../src/state/directory.ts";
import { withFolder } from "../support/process.ts";

Deno.test("every name and JSON value is stored and found again, whatever it is", () =>
  withFolder((folder) => {
    let run = 0;
    const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 });
    const property = fc.property(
      fc.dictionary(name, fc.jsonValue(), { noNullPrototype: true }),
      (values) => {
        const path = `${folder}/${run++}`;
        const state = StateDirectory.open(path);
        for (const [name, value] of Object.entries(values)) state.write(name, value);

        const again = StateDirectory.open(path);
        assert.deepEqual(again.names(), Object.keys(values).sort());
        for (const [name, value] of Object.entries(values)) {
          assert.deepEqual(again.read(name)?.value, JSON.parse(JSON.stringify(value)));
        }
        for (const { name } of Deno.readDirSync(path)) {
          assert.match(name, /^[A-Za-z0-9%-][\w.%-]*$/);
        }
      },
    );
    fc.assert(property);
    return Promise.resolve();
  }));

const SOURCE = new URL("../../src/state/directory.ts", import.meta.url).href;
const KILLS = 60;
/** Large enough for a kill to come while one is written. */
const VALUES = ["a", "b"].map((letter) => letter.repeat(500_000));

/** Stores the two values in turn for ever, and prints a dot before each. */
const writer = (folder: string) => `
  import { StateDirectory } from ${JSON.stringify(SOURCE)};
  const state = StateDirectory.open(${JSON.stringify(folder)});
  const dot = new TextEncoder().encode(".");
  for (let i = 0;; i++) {
    Deno.stdout.writeSync(dot);
    state.write("value", (i % 2 ? "a" : "b").repeat(500_000));
  }`;

/** Starts a writer and kills it after so many writes, when the next has begun for some turns of an idle loop. */
async function killWriter(folder: string, writes: number, turns: number): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", writer(folder)],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  for (let dots = 0; dots < writes;) {
    const { value, done } = await reader.read();
    assert.ok(!done, "the writer ended by itself");
    dots += value.length;
  }
  let looks = 1_000_000;
  while (leftovers(folder).length === 0) assert.ok(looks-- > 0, "the writer writes no more");
  let idle = turns;
  while (idle > 0) idle--;
  child.kill("SIGKILL");
  const { signal } = await child.status;
  await reader.cancel();
  assert.equal(signal, "SIGKILL");
}

const leftovers = (folder: string) =>
  [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.startsWith(".tmp-"));

Deno.test("whenever its writer is killed, a value is whole, and what the writer left is swept", () =>
  withFolder(async (folder) => {
    const moments = fc.tuple(
      fc.integer({ min: 2, max: 12 }),
      fc.integer({ min: 0, max: 1_000_000 }),
    );
    const seen = new Set<unknown>();
    let interrupted = 0;
    const property = fc.asyncProperty(moments, async ([writes, turns]) => {
      await killWriter(folder, writes, turns);
      interrupted += leftovers(folder).length;
      const state = StateDirectory.open(folder);
      const value = state.read("value")?.value;
      assert.ok(VALUES.includes(value as string), "the value is neither of the two");
      assert.deepEqual([state.names(), leftovers(folder)], [["value"], []]);
      seen.add(value);
    });
    await fc.assert(property, { numRuns: KILLS, endOnFailure: true });
    assert.equal(seen.size, 2, "one of the values was never seen");
    assert.ok(interrupted > 0, "no kill came while a value was written");
  }));
