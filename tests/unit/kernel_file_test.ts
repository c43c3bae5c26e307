import assert from "node:assert/strict";
import { SyscallError } from "../../src/errors.ts";
import { kernelFileExists, readKernelFile, writeKernelFile } from "../../src/sys/kernel_file.ts";
import { withFolder } from "../support/process.ts";

Deno.test("readKernelFile() reads files that have no size, whole", () => {
  assert.equal(readKernelFile("/proc/sys/kernel/ostype"), "Linux\n");
  const maps = readKernelFile("/proc/self/maps");
  assert.match(maps, /libc\.so/);
  assert.ok(maps.endsWith("\n"));
});

Deno.test("readKernelFile() reads what is longer than one chunk, and whole characters", () =>
  withFolder(async (folder) => {
    const text = "\u00e9".repeat(100_001);
    await Deno.writeTextFile(`${folder}/long`, text);
    assert.equal(readKernelFile(`${folder}/long`), text);
  }));

Deno.test("writeKernelFile() writes what is read back", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/value`, "");
    writeKernelFile(`${folder}/value`, "1");
    assert.equal(readKernelFile(`${folder}/value`), "1");
  }));

Deno.test("kernel files that cannot be used say why", () => {
  const is = (errno: string) => (err: unknown) => err instanceof SyscallError && err.is(errno);
  assert.throws(() => readKernelFile("/proc/no/such"), is("ENOENT"));
  assert.throws(() => readKernelFile("/proc"), is("EISDIR"));
  assert.throws(() => writeKernelFile("/proc/no/such", "1"), is("ENOENT"));
  assert.throws(() => writeKernelFile("/proc/sys/kernel/ostype", "x"), SyscallError);
  assert.throws(() => readKernelFile("/proc/\0"), TypeError);
});

Deno.test("kernelFileExists() tells what is there from what is not", () => {
  assert.ok(kernelFileExists("/proc/sys/kernel/ostype"));
  assert.ok(kernelFileExists("/sys/module"));
  assert.ok(!kernelFileExists("/sys/module/no_such_module"));
  assert.ok(!kernelFileExists("/proc/sys/kernel/ostype/below"));
});
