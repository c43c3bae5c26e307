import assert from "node:assert/strict";
import { SyscallError } from "../../src/errors.ts";
import { type Lock, StateDirectory } from "../../src/state/directory.ts";
import { CorruptStateError } from "../../src/state/failure.ts";
import { withFolder } from "../support/process.ts";

const NAME = "10.0.0.1:6443";
const FILE = "10.0.0.1%3A6443.json";
/** What a value may have, in bytes. */
const LIMIT = 32 * 1024 * 1024;
const NOBODY = 65534;

/** One test in a folder of its own, which need not be async. */
function inFolder(use: (folder: string) => void): Promise<void> {
  return withFolder((folder) => Promise.resolve(use(folder)));
}

function filesOf(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o7777;
}

/** What the body is refused with. */
function refusalOf(body: () => unknown): SyscallError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof SyscallError, String(error));
    assert.ok(!error.message.includes("\n"));
    return error;
  }
  assert.fail("nothing was refused");
}

function faultOf(state: StateDirectory, name = NAME): string {
  try {
    state.read(name);
  } catch (error) {
    assert.ok(error instanceof CorruptStateError, String(error));
    assert.ok(error.message.includes(JSON.stringify(error.file)));
    return error.reason;
  }
  assert.fail("the value could be read");
}

function take(state: StateDirectory, name: string): Lock {
  const result = state.tryLock(name, { pid: 1234, text: "lvscare care --vs x" });
  assert.ok(!("heldBy" in result));
  return result;
}

Deno.test("StateDirectory.open() makes the directory and its parents for nobody else", () =>
  inFolder((folder) => {
    StateDirectory.open(`${folder}/run/lvscare`);
    assert.equal(modeOf(`${folder}/run`), 0o700);
    assert.equal(modeOf(`${folder}/run/lvscare`), 0o700);
    assert.deepEqual(filesOf(`${folder}/run/lvscare`), []);
    StateDirectory.open(`${folder}/run/lvscare`);
  }));

Deno.test("values are kept by name, through another start, in files that only we can read", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(folder);
    const values = new Map<string, unknown>([
      [NAME, { servers: ["10.0.0.2:6443"], at: 1 }],
      ["[fd00::1]:443", []],
      ["..", null],
      ["a/b", "\u20ac\u2028"],
      ["a%2Fb", 0],
    ]);
    for (const [name, value] of values) assert.ok(state.write(name, value));
    const again = StateDirectory.open(folder);
    assert.deepEqual(again.names(), [...values.keys()].sort());
    for (const [name, value] of values) assert.deepEqual(again.read(name)?.value, value);
    assert.equal(filesOf(folder).length, values.size);
    assert.equal(modeOf(`${folder}/${FILE}`), 0o600);
  }));

Deno.test("a name without a value has none, and removing it is nothing", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(folder);
    assert.equal(state.read(NAME), undefined);
    state.remove(NAME);
    assert.equal(state.discard(NAME), undefined);
    state.write(NAME, 1);
    state.remove(NAME);
    assert.deepEqual([state.read(NAME), state.names()], [undefined, []]);
  }));

Deno.test("write() does not write what the file has already, and replaces all else", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(folder);
    const inode = () => Deno.statSync(`${folder}/${FILE}`).ino;
    assert.ok(state.write(NAME, { a: 1 }));
    const first = inode();
    assert.ok(!state.write(NAME, { a: 1 }));
    assert.ok(!StateDirectory.open(folder).write(NAME, { a: 1 }));
    assert.equal(inode(), first);
    assert.ok(state.write(NAME, { a: 2 }));
    Deno.removeSync(`${folder}/${FILE}`);
    assert.ok(state.write(NAME, { a: 2 }), "removed behind our back");
    Deno.writeTextFileSync(`${folder}/${FILE}`, "x");
    assert.ok(state.write(NAME, { a: 2 }), "changed behind our back");
    assert.deepEqual(state.read(NAME)?.value, { a: 2 });
  }));

Deno.test("write() makes a directory again that was removed, and names() finds none in it", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(`${folder}/state`);
    Deno.removeSync(`${folder}/state`);
    assert.deepEqual(state.names(), []);
    assert.ok(state.write(NAME, 1));
    assert.equal(modeOf(`${folder}/state`), 0o700);
  }));

Deno.test("write() replaces a symbolic link, not what it leads to", () =>
  inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/target`, "1\n");
    const state = StateDirectory.open(`${folder}/state`);
    Deno.symlinkSync("../target", `${folder}/state/${FILE}`);
    assert.ok(state.write(NAME, 2));
    assert.equal(Deno.readTextFileSync(`${folder}/target`), "1\n");
    assert.equal(state.read(NAME)?.value, 2);
  }));

Deno.test("names() ignores files that keep no value", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(folder);
    state.write(NAME, 1);
    const others = [
      ...["notes.txt", ".json", ".hidden.json", "a b.json", "a%2Eb.json", "%ff.json", "%.json"],
      ...["a%3a1.json", `${FILE}.corrupt`, "10.0.0.1%3A6443.lock"],
    ];
    for (const file of others) Deno.writeTextFileSync(`${folder}/${file}`, "1");
    assert.deepEqual(state.names(), [NAME]);
  }));

interface Fault {
  readonly name: string;
  readonly make: (path: string) => void;
  readonly reason: RegExp;
}

const text = (content: string) => (path: string) => Deno.writeTextFileSync(path, content);

const FAULTS: readonly Fault[] = [
  { name: "empty", make: text(""), reason: /^is empty, must be JSON$/ },
  { name: "truncated", make: text('{"a":[1,2'), reason: /^is damaged, must be JSON$/ },
  { name: "two values in a line", make: text("1 2\n"), reason: /^is damaged, must be JSON$/ },
  {
    name: "amended by nonsense",
    make: text("1\n2\n3 4\n5\n"),
    reason: /^is damaged, must be JSON$/,
  },
  { name: "zeros", make: text("\0\0\0\0"), reason: /^is damaged, must be JSON$/ },
  {
    name: "not UTF-8",
    make: (path) => Deno.writeFileSync(path, new Uint8Array([0x22, 0xff, 0x22])),
    reason: /^is damaged, must be JSON$/,
  },
  {
    name: "larger than 32 megabytes",
    make: text(`"${"x".repeat(LIMIT)}"`),
    reason: /^has 33554434 bytes, must have at most 33554432$/,
  },
  {
    name: "of another user",
    make: (path) => {
      Deno.writeTextFileSync(path, "1");
      Deno.chownSync(path, NOBODY, null);
    },
    reason: /^belongs to user 65534, must belong to user \d+$/,
  },
  {
    name: "a symbolic link",
    make: (path) => {
      Deno.writeTextFileSync(`${path}.target`, "1");
      Deno.symlinkSync(`${path}.target`, path);
    },
    reason: /^is a symbolic link, must be a file$/,
  },
  {
    name: "a directory",
    make: (path) => Deno.mkdirSync(path),
    reason: /^is no file, must be one$/,
  },
  {
    name: "a pipe that nobody writes to",
    make: (path) => assert.ok(new Deno.Command("mkfifo", { args: [path] }).outputSync().success),
    reason: /^is no file, must be one$/,
  },
];

for (const { name, make, reason } of FAULTS) {
  Deno.test(`a stored value that is ${name} is reported until it is discarded`, () =>
    inFolder((folder) => {
      const state = StateDirectory.open(folder);
      make(`${folder}/${FILE}`);
      assert.match(faultOf(state), reason);
      assert.match(faultOf(state), reason);
      assert.deepEqual(state.names(), [NAME]);

      assert.equal(state.discard(NAME), `${folder}/${FILE}.corrupt`);
      assert.ok(Deno.lstatSync(`${folder}/${FILE}.corrupt`));
      assert.deepEqual([state.read(NAME), state.names()], [undefined, []]);
    }));
}

Deno.test("amendments are read in their order, and one that was cut short was never made", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(folder);
    state.write(NAME, { a: 1 });
    const before = state.stamp(NAME);
    state.amend(NAME, { b: 2 });
    state.amend(NAME, { c: "3\n" });
    assert.notEqual(state.stamp(NAME), before);
    const whole = { value: { a: 1 }, amendments: [{ b: 2 }, { c: "3\n" }] };
    const read = () => {
      const { value, amendments } = state.read(NAME)!;
      return { value, amendments };
    };
    assert.deepEqual(read(), whole);
    Deno.writeTextFileSync(`${folder}/${FILE}`, '{"d":', { append: true });
    assert.deepEqual(read(), whole);
    state.write(NAME, 1);
    assert.deepEqual(read(), { value: 1, amendments: [] });
    state.remove(NAME);
    assert.equal(state.stamp(NAME), undefined);
    assert.ok(refusalOf(() => state.amend(NAME, 1)).is("ENOENT"));
  }));

Deno.test("what cannot be stored is refused before anything is touched", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(folder);
    assert.throws(() => state.write(NAME, undefined), TypeError);
    assert.throws(() => state.write("", 1), TypeError);
    assert.throws(() => state.write("\ud800", 1), TypeError);
    const large = refusalOf(() => state.write(NAME, "x".repeat(LIMIT)));
    assert.ok(large.is("EFBIG"));
    assert.ok(refusalOf(() => state.write("n".repeat(300), 1)).is("ENAMETOOLONG"));
    assert.deepEqual(filesOf(folder), []);
  }));

Deno.test("StateDirectory.open() sweeps the temporary files of the dead, and nothing else", () =>
  inFolder((folder) => {
    const abandoned = [".tmp-1-00ff", `.tmp-${Deno.pid}-abcdef0123456789`];
    const others = [".tmp-1-00fg", ".tmp", "tmp-1-00ff", FILE, `${FILE}.corrupt`];
    for (const file of [...abandoned, ...others]) Deno.writeTextFileSync(`${folder}/${file}`, "1");
    Deno.symlinkSync(FILE, `${folder}/.tmp-2-00`);
    using writing = Deno.openSync(`${folder}/.tmp-99999999-01`, { create: true, write: true });
    assert.ok(writing.tryLockSync(true));

    StateDirectory.open(folder);
    const left = [...others, ".tmp-2-00", ".tmp-99999999-01"].sort();
    assert.deepEqual(filesOf(folder), left);
    writing.unlockSync();
    StateDirectory.open(folder);
    assert.deepEqual(filesOf(folder), left.filter((file) => file !== ".tmp-99999999-01"));
  }));

Deno.test("tryLock() says who holds a name, and other names stay free", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(folder);
    const other = StateDirectory.open(folder);
    assert.ok(!state.isHeld(NAME));
    const lock = take(state, NAME);
    assert.deepEqual(other.tryLock(NAME, { pid: 1, text: "?" }), {
      heldBy: "process 1234 (lvscare care --vs x)",
    });
    assert.deepEqual([state.isHeld(NAME), other.isHeld(NAME), other.isHeld("b")], [
      ...[true, true, false],
    ]);
    take(other, "b")[Symbol.dispose]();
    lock.release();
    assert.ok(!other.isHeld(NAME));
    take(other, NAME).release();
    assert.deepEqual(state.names(), []);
  }));

const mount = (...args: string[]) => {
  const { success, stderr } = new Deno.Command("mount", { args }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
};

/** A file system of 64 KiB, which can be filled and made read-only. */
function onSmallFileSystem(use: (folder: string) => void): Promise<void> {
  return inFolder((folder) => {
    mount("-t", "tmpfs", "-o", "size=64k", "lvscare-test", folder);
    try {
      use(folder);
    } finally {
      new Deno.Command("umount", { args: [folder] }).outputSync();
    }
  });
}

Deno.test("a write that finds the file system full keeps the old value and leaves nothing", () =>
  onSmallFileSystem((folder) => {
    const state = StateDirectory.open(folder);
    state.write(NAME, "old");
    const error = refusalOf(() => state.write(NAME, "x".repeat(100_000)));
    assert.ok(error.is("ENOSPC"));
    assert.equal(
      error.message,
      `write state "${folder}/${FILE}": no space left (ENOSPC), must be stored to survive a restart`,
    );
    assert.match(error.hint!, /^free space there, .*--state-dir$/);
    assert.equal(state.read(NAME)?.value, "old");
    assert.deepEqual(filesOf(folder), [FILE]);
    assert.ok(state.write(NAME, "new"), "what fits is stored still");
  }));

Deno.test("a full or read-only file system cannot be opened as state directory", () =>
  onSmallFileSystem((folder) => {
    const fill = refusalOf(() => StateDirectory.open(fillUp(folder)));
    assert.ok(fill.is("ENOSPC"), fill.message);
    assert.deepEqual(filesOf(folder), ["fill"]);

    mount("-o", "remount,ro", folder);
    const error = refusalOf(() => StateDirectory.open(folder));
    assert.ok(error.is("EROFS"));
    assert.equal(
      error.message,
      `open state directory "${folder}": read-only (EROFS), must be a directory that this process can write to`,
    );
    assert.equal(error.hint, "give another directory with --state-dir");
    assert.ok(refusalOf(() => StateDirectory.open(`${folder}/new`)).is("EROFS"));
  }));

Deno.test("a lock on a full file system is held, though without a name", () =>
  onSmallFileSystem((folder) => {
    const state = StateDirectory.open(folder);
    fillUp(folder);
    using _ = take(state, NAME);
    assert.deepEqual(state.tryLock(NAME, { pid: 2, text: "" }), { heldBy: "another process" });
  }));

Deno.test("what becomes read-only later is refused, and can be read still", () =>
  onSmallFileSystem((folder) => {
    const state = StateDirectory.open(folder);
    state.write(NAME, 1);
    mount("-o", "remount,ro", folder);
    assert.ok(!state.write(NAME, 1), "there is nothing to write");
    const refused = [
      () => state.write(NAME, 2),
      () => state.remove(NAME),
      () => state.discard(NAME),
      () => state.tryLock(NAME, { pid: 1, text: "" }),
    ];
    for (const body of refused) assert.ok(refusalOf(body).is("EROFS"));
    assert.equal(state.read(NAME)?.value, 1);
    assert.ok(!state.isHeld(NAME));
  }));

function fillUp(folder: string): string {
  assert.throws(() => Deno.writeFileSync(`${folder}/fill`, new Uint8Array(1 << 20)));
  return folder;
}

Deno.test("a path that is no directory is refused", () =>
  inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    Deno.symlinkSync("nowhere", `${folder}/dangling`);
    for (const path of ["file", "file/below", "dangling"]) {
      const error = refusalOf(() => StateDirectory.open(`${folder}/${path}`));
      assert.ok(error.is("ENOTDIR"), error.message);
    }
    assert.deepEqual(filesOf(folder), ["dangling", "file"]);
  }));

/** Runs the body as another user, as far as files are concerned. Only this thread's rights change. */
function asNobody<T>(body: () => T): T {
  const library = Deno.dlopen("libc.so.6", { setfsuid: { parameters: ["u32"], result: "i32" } });
  library.symbols.setfsuid(NOBODY);
  try {
    return body();
  } finally {
    library.symbols.setfsuid(0);
    library.close();
  }
}

Deno.test("a directory of another user is refused to who may not write there", () =>
  inFolder((folder) => {
    const state = StateDirectory.open(`${folder}/state`);
    state.write(NAME, 1);
    Deno.chmodSync(folder, 0o755);
    const refused = [
      () => StateDirectory.open(`${folder}/state`),
      () => StateDirectory.open(`${folder}/new`),
      () => state.read(NAME),
      () => state.isHeld(NAME),
      () => state.names(),
    ];
    for (const body of refused) {
      const error = asNobody(() => refusalOf(body));
      assert.ok(error.is("EACCES"), error.message);
    }
    assert.deepEqual(filesOf(folder), ["state"]);
  }));
