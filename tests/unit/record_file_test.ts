/** A record in its file: amended, written whole now and then, and there again when somebody took it away. */

import assert from "node:assert/strict";
import { StateDirectory } from "../../src/state/directory.ts";
import {
  amendRecord,
  type CareRecord,
  decodeRecord,
  EMPTY_MEMORY,
  EMPTY_RECORD,
  encodeRecord,
  type ServiceMemory,
} from "../../src/state/record.ts";
import { readRecord, RecordFile } from "../../src/state/record_file.ts";
import { withFolder } from "../support/process.ts";

function memory(weight: number): ServiceMemory {
  const weights = new Map([["10.0.0.2:80", { ours: [weight], operator: undefined }]]);
  return { ...EMPTY_MEMORY, weights };
}

function withService(record: CareRecord, name: string, weight: number): CareRecord {
  return { ...record, services: new Map(record.services).set(name, memory(weight)) };
}

function test(
  name: string,
  body: (file: RecordFile, directory: StateDirectory, path: string) => void,
) {
  Deno.test(name, () =>
    withFolder((folder) => {
      const directory = StateDirectory.open(folder);
      body(new RecordFile(directory, "run"), directory, `${folder}/run.json`);
      return Promise.resolve();
    }));
}

test("what does not change is not written, and what does is added", (file, directory, path) => {
  let record = EMPTY_RECORD;
  for (let i = 0; i < 1000; i++) record = withService(record, `TCP 10.0.0.1:${i}`, 1);
  file.save(record);
  const size = Deno.statSync(path).size;
  const stamp = directory.stamp("run");
  file.save({ ...record });
  assert.equal(directory.stamp("run"), stamp);
  record = withService(record, "TCP 10.0.0.1:5", 3);
  file.save(record);
  assert.ok(Deno.statSync(path).size - size < 100);
  const { "TCP 10.0.0.1:7": _, ...kept } = Object.fromEntries(record.services);
  record = { ...record, phase: "stopped", services: new Map(Object.entries(kept)) };
  file.save(record);
  assert.deepEqual(readRecord(directory, "run"), record);
});

test("the file never has much more than a whole record", (file, directory, path) => {
  let record = EMPTY_RECORD;
  for (let i = 0; i < 20_000; i++) {
    record = withService(record, `TCP 10.0.0.1:${i % 10}`, i);
    file.save(record);
  }
  assert.ok(Deno.statSync(path).size < 600_000);
  assert.deepEqual(readRecord(directory, "run"), record);
});

test("a file that was removed, replaced or cut is written whole again", (file, directory, path) => {
  const record = withService(EMPTY_RECORD, "TCP 10.0.0.1:80", 1);
  const damages = [
    () => Deno.removeSync(path),
    () => Deno.writeTextFileSync(path, "{}\n"),
    () => Deno.truncateSync(path, 5),
  ];
  for (const damage of damages) {
    file.save(record);
    damage();
    file.save(record);
    assert.deepEqual(readRecord(directory, "run"), record);
  }
});

Deno.test("an amendment makes the one record into the other", () => {
  const before = withService(withService(EMPTY_RECORD, "a", 1), "b", 2);
  const after: CareRecord = {
    ...withService(EMPTY_RECORD, "b", 3),
    phase: "once",
    unit: "lvscare.service",
    owned: {
      ...EMPTY_RECORD.owned,
      services: [{ kind: "mark", mark: 5, family: "ipv6" }],
    },
    leaving: new Map([
      ["FWM 5 IPv6", { key: { kind: "mark", mark: 5, family: "ipv6" }, untilMs: 12 }],
    ]),
  };
  const json = (value: unknown) => JSON.parse(JSON.stringify(value));
  const amended = decodeRecord(json(encodeRecord(before)), [json(amendRecord(before, after))]);
  assert.deepEqual(amended, after);
  assert.equal(amendRecord(after, { ...after }), undefined);
  const back = decodeRecord(json(encodeRecord(after)), [json(amendRecord(after, before))]);
  assert.deepEqual(back, before);
  for (const wrong of [[], [1], { phase: "x" }, { services: { a: 1 } }, { leaving: [{}] }]) {
    assert.equal(
      decodeRecord(json(encodeRecord(before)), [wrong]),
      undefined,
      JSON.stringify(wrong),
    );
  }
});
