import assert from "node:assert/strict";
import { encodeJob, type Job, parseJobEnd } from "../../scripts/vm/job.ts";

const JOB: Job = {
  argv: ["true"],
  env: {},
  directory: "/",
  release: "6.1",
  modules: "/modules",
  out: false,
};

/** Runs a script as the guest's init does, and gives what it prints. */
function runScript(script: string): string {
  const { stdout } = new Deno.Command("sh", { args: ["-euc", script], clearEnv: true })
    .outputSync();
  return new TextDecoder().decode(stdout);
}

Deno.test("encodeJob() carries any argument and variable through the shell", () => {
  const words = ["", "a b", "it's", "'; exit 3; '", "$HOME `id` \\", "two\nlines", '"', "*", "é"];
  const env = { A: "it's\n$A", B: "" };
  const script = encodeJob({ ...JOB, argv: ["printf", "<%s>", ...words], env });
  assert.equal(runScript(`${script}\nrun_job`), words.map((word) => `<${word}>`).join(""));
  const printed = runScript(`${encodeJob({ ...JOB, argv: ["/usr/bin/env"], env })}\nrun_job`);
  assert.equal(printed, "A=it's\n$A\nB=\n");
});

Deno.test("encodeJob() sets init's variables", () => {
  const script = encodeJob({
    ...JOB,
    directory: "/a 'b'",
    out: true,
    terminal: { rows: 24, columns: 80 },
  });
  assert.equal(
    runScript(`${script}\necho "$directory|$release|$modules|$out|$terminal"`),
    "/a 'b'|6.1|/modules|yes|rows 24 cols 80\n",
  );
  assert.equal(runScript(`${encodeJob(JOB)}\necho "$out|$terminal"`), "|\n");
});

Deno.test("parseJobEnd() waits for the whole line", () => {
  assert.equal(parseJobEnd("ready\nexit 143 12 345"), undefined);
  assert.deepEqual(parseJobEnd("ready\nexit 143 12 345\n"), {
    status: 143,
    stdoutBytes: 12,
    stderrBytes: 345,
  });
});
