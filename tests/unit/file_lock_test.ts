import assert from "node:assert/strict";
import { SyscallError } from "../../src/errors.ts";
import { type FileLock, isFileLocked, tryLockFile } from "../../src/sys/file_lock.ts";
import { libc } from "../../src/sys/libc.ts";
import { withFolder } from "../support/process.ts";

const SOURCE = new URL("../../src/sys/file_lock.ts", import.meta.url).href;

function take(path: string, note = "me"): FileLock {
  const result = tryLockFile(path, note);
  assert.ok(!("note" in result), `held by ${JSON.stringify(result)}`);
  return result;
}

function holderOf(path: string): string | undefined {
  const result = tryLockFile(path, "somebody who only tries");
  assert.ok("note" in result, "the lock was free");
  return result.note;
}

/** A program with the lock module, that runs until it is killed, once it has printed a line. */
async function startChild(code: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", `import { isFileLocked, tryLockFile } from ${JSON.stringify(SOURCE)};${code}`],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const line = new TextDecoder().decode((await reader.read()).value).trim();
  const kill = async () => {
    child.kill("SIGKILL");
    const { signal } = await child.status;
    await reader.cancel();
    assert.equal(signal, "SIGKILL");
  };
  return { line, kill };
}

const holding = (path: string, rest = "") =>
  `tryLockFile(${JSON.stringify(path)}, "child " + Deno.pid); ${rest}
   console.log(Deno.pid); setInterval(() => {}, 1000);`;

Deno.test("a lock is held by one, who is named to the others, and free once released", () =>
  withFolder((folder) => {
    const path = `${folder}/lock`;
    const lock = take(path, "the first");
    assert.ok(isFileLocked(path));
    assert.equal(holderOf(path), "the first");
    assert.equal(holderOf(path), "the first", "whoever only tried left something");
    lock.release();
    assert.ok(!isFileLocked(path));
    using _ = take(path, "2");
    assert.equal(holderOf(path), "2", "the shorter note replaces the longer one");
    return Promise.resolve();
  }));

Deno.test("a lock that is released twice does not release what has come in its place", () =>
  withFolder((folder) => {
    const path = `${folder}/lock`;
    const old = take(path);
    old.release();
    const other = take(path);
    old.release();
    assert.ok(isFileLocked(path));
    other.release();
    return Promise.resolve();
  }));

Deno.test("a lock of another process is held until the process is killed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/lock`;
    const child = await startChild(holding(path));
    assert.equal(holderOf(path), `child ${child.line}`);
    assert.ok(isFileLocked(path));
    await child.kill();
    assert.ok(!isFileLocked(path));
    take(path).release();
  }));

Deno.test("a lock is not inherited by the programs that its holder starts", () =>
  withFolder(async (folder) => {
    const path = `${folder}/lock`;
    const child = await startChild(`
      tryLockFile(${JSON.stringify(path)}, "");
      const options = { args: ["600"], stdin: "null", stdout: "null", stderr: "null" };
      console.log(new Deno.Command("sleep", options).spawn().pid);
      setInterval(() => {}, 1000);`);
    const grandchild = Number(child.line);
    await child.kill();
    try {
      Deno.kill(grandchild, "SIGCONT"); // it throws unless the grandchild lives
      take(path).release();
    } finally {
      Deno.kill(grandchild, "SIGKILL");
    }
  }));

Deno.test("the note of a dead holder is not taken for that of who is just taking the lock", () =>
  withFolder(async (folder) => {
    const path = `${folder}/lock`;
    const child = await startChild(holding(path));
    await child.kill();
    assert.match(await Deno.readTextFile(path), /^child \d+\n$/, "the note is still there");

    const descriptor = lockWithoutNote(path);
    assert.equal(holderOf(path), undefined);
    libc().close(descriptor);
    take(path).release();
  }));

/** Stands where tryLockFile() does between the lock and the note. */
function lockWithoutNote(path: string): number {
  const descriptor = libc().open(new TextEncoder().encode(`${path}\0`), 2);
  const request = new BigInt64Array([1n, 0n, 1n, 0n]); // write lock, from 0, one byte
  assert.equal(libc().fcntl(descriptor, 37, new Uint8Array(request.buffer)), 0);
  return descriptor;
}

Deno.test("isFileLocked() never stands in the way of who locks", () =>
  withFolder(async (folder) => {
    const path = `${folder}/lock`;
    take(path).release();
    const child = await startChild(`
      console.log("asking");
      for (;;) isFileLocked(${JSON.stringify(path)});`);
    for (let i = 0; i < 5000; i++) take(path).release();
    await child.kill();
  }));

Deno.test("isFileLocked() makes no file", () =>
  withFolder((folder) => {
    assert.ok(!isFileLocked(`${folder}/lock`));
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    return Promise.resolve();
  }));

const NOTES: readonly { name: string; note: string; is: string }[] = [
  { name: "of several lines", note: "a\nb\r\n\tc\u2028d", is: "a b c d" },
  { name: "with an escape sequence", note: "\u001b[31mred", is: "[31mred" },
  { name: "that is empty", note: "", is: "" },
  { name: "that is too long", note: "x".repeat(9000), is: "x".repeat(4095) },
  {
    name: "that is cut inside a character",
    note: "\u20ac".repeat(3000),
    is: "\u20ac".repeat(1365),
  },
];

for (const { name, note, is } of NOTES) {
  Deno.test(`a note ${name} is one line to others`, () =>
    withFolder((folder) => {
      using _ = take(`${folder}/lock`, note);
      assert.equal(holderOf(`${folder}/lock`), is);
      return Promise.resolve();
    }));
}

Deno.test("lock files that cannot be used say why", () =>
  withFolder((folder) => {
    Deno.symlinkSync("elsewhere", `${folder}/link`);
    const cases = [["link", "ELOOP"], ["none/lock", "ENOENT"], [".", "EISDIR"]] as const;
    for (const [file, errno] of cases) {
      assert.throws(
        () => tryLockFile(`${folder}/${file}`, ""),
        (err) => err instanceof SyscallError && err.is(errno),
        file,
      );
    }
    assert.throws(() => isFileLocked(`${folder}/link`), SyscallError);
    assert.throws(() => tryLockFile("a\0b", ""), TypeError);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["link"]);
    return Promise.resolve();
  }));
