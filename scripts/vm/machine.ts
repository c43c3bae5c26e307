import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex, Readable } from "node:stream";
import { LvscareError } from "../../src/errors.ts";
import type { GuestOptions } from "./arguments.ts";
import { encodeJob, type Job, type JobEnd, parseJobEnd, terminalSize } from "./job.ts";
import type { Kernel } from "./kernel.ts";

export const EXIT_TIMEOUT = 124;
export const EXIT_GUEST_FAILED = 125;
const EXIT_SIGPIPE = 128 + 13;

/** How long the guest may take until it asks for the job; several guests on a busy host take long. */
const BOOT_LIMIT_MS = 180_000;
const CONSOLE_LINES = 15;

/** The kernel's parameters beside those that say where things are. */
const KERNEL_PARAMETERS = [
  ...["console=ttyS0", "quiet", "panic=-1", "oops=panic"], // with -no-reboot a panic ends the machine
  ...["mitigations=off", "nowatchdog", "rcupdate.rcu_cpu_stall_suppress=1"], // emulation is slow
  "random.trust_cpu=on", // nothing waits for entropy
  "dummy.numdummies=0", // no dummy0, as where systemd's modprobe.d is
];

/** What every guest is, whatever it boots: its console is the standard output of QEMU. */
export function machineArguments(
  { accel, memoryMib, cpus }: Pick<GuestOptions, "accel" | "memoryMib" | "cpus">,
  { image, initramfs }: Pick<Kernel, "image" | "initramfs">,
  parameters: readonly string[] = [],
): string[] {
  return [
    ...["-accel", accel, "-cpu", "max", "-m", `${memoryMib}`],
    ...["-smp", `${cpus}`, "-display", "none", "-no-reboot", "-nodefaults"],
    ...["-kernel", image, "-initrd", initramfs],
    ...["-append", [...KERNEL_PARAMETERS, ...parameters].join(" "), "-serial", "stdio"],
  ];
}

/** A folder of the host that the guest can mount by its tag. */
export function shareArguments(path: string, tag: string, more = ""): string[] {
  const quoted = path.replaceAll(",", ",,");
  const share = `local,path=${quoted},mount_tag=${tag},security_model=none,multidevs=remap`;
  return ["-virtfs", `${share}${more}`];
}

/**
 * The ports that the guest knows by these names are virtio-serial ports, each over a socket that QEMU is started
 * with: nothing of a run lies in the file system, so nothing can be left there.
 */
export function portArguments(ports: readonly string[]): string[] {
  return [
    ...["-device", `virtio-serial-pci,max_ports=${ports.length + 1}`],
    ...ports.flatMap((name, index) => [
      ...["-chardev", `socket,id=${name},fd=${FIRST_SOCKET + index}`],
      "-device",
      `${name === "terminal" ? "virtconsole" : "virtserialport"},chardev=${name},name=${name}`,
    ]),
  ];
}

function qemuArguments(
  options: GuestOptions,
  kernel: Kernel,
  ports: readonly string[],
): string[] {
  return [
    ...machineArguments(options, kernel),
    ...portArguments(ports),
    ...shareArguments("/", "host", ",readonly=on"),
    ...(options.out === undefined ? [] : shareArguments(options.out, "out")),
  ];
}

/** Where the sockets of the ports are among QEMU's descriptors. */
export const FIRST_SOCKET = 3;

/**
 * The kernel kills QEMU when this process ends in whatever way. Its own process group keeps a
 * terminal's Ctrl-C from it: that is for us to answer.
 */
export function startQemu(args: readonly string[], ports: number): ChildProcess {
  return spawn("setpriv", ["--pdeathsig", "KILL", "--", "qemu-system-x86_64", ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", ...Array<"pipe">(ports).fill("pipe")],
  });
}

/** Keeps the last lines of what the kernel's console and QEMU say; a panic is the last of all. */
async function watchConsole(stream: Readable, show: boolean, lines: string[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    if (show) await writeAll(Deno.stderr, chunk);
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/[\r\n]+/);
    rest = parts.pop() ?? "";
    for (const line of parts.filter((each) => each.trim() !== "")) {
      if (!lines.at(-1)?.includes("Kernel panic")) lines.push(line);
    }
    lines.splice(0, lines.length - CONSOLE_LINES);
  }
}

async function writeAll(to: typeof Deno.stdout, data: Uint8Array): Promise<void> {
  for (let rest = data; rest.length > 0;) rest = rest.subarray(await to.write(rest));
}

/** Passes a stream of the job on as it comes; `onBytes` hears how many bytes were written by now. */
async function relayOutput(
  from: Duplex,
  to: typeof Deno.stdout,
  onBytes: (count: number) => void,
): Promise<void> {
  let count = 0;
  for await (const chunk of from) {
    await writeAll(to, chunk);
    count += chunk.length;
    onBytes(count);
  }
}

async function relayInput(to: Duplex): Promise<void> {
  for await (const chunk of Deno.stdin.readable) {
    if (!to.write(chunk)) await once(to, "drain");
  }
  to.end(); // half-closed: what QEMU has yet to read still arrives, and the end of file after it
}

/** Runs a job in a new guest and gives its exit status, or that of `interrupted` if this is first. */
export async function runMachine(
  options: GuestOptions,
  kernel: Kernel,
  job: Job,
  interrupted: Promise<number>,
): Promise<number> {
  // Control comes last: when it is open in the guest, so are the others.
  const ports = [...job.terminal ? ["terminal"] : ["stdin", "stdout", "stderr"], "control"];
  const qemu = startQemu(qemuArguments(options, kernel, ports), ports.length);
  const socket = (name: string) => qemu.stdio[FIRST_SOCKET + ports.indexOf(name)] as Duplex;
  for (const port of ports) socket(port).on("error", () => {}); // QEMU's end tells of its own
  const closed = once(qemu, "close");
  const lines: string[] = [];
  const { promise: finished, resolve, reject } = Promise.withResolvers<number>();
  const fail = (what: string) => {
    const said = lines.map((line) => `\n  ${line}`).join("");
    reject(new LvscareError(`${what}${said && `; its console ended with:${said}`}`));
  };
  void interrupted.then(resolve);
  const bootLimit = setTimeout(
    () => fail(`the guest did not start within ${BOOT_LIMIT_MS / 1000} s`),
    BOOT_LIMIT_MS,
  );
  const timeLimit = options.timeoutSeconds && setTimeout(() => {
    console.error(`scripts/guest: stopped after ${options.timeoutSeconds} s (--timeout)`);
    resolve(EXIT_TIMEOUT);
  }, options.timeoutSeconds * 1000);

  const written = { stdout: 0, stderr: 0 };
  let end: JobEnd | undefined;
  const check = () => {
    if (end && written.stdout >= end.stdoutBytes && written.stderr >= end.stderrBytes) {
      resolve(end.status);
    }
  };
  const output = async (name: string, stream: "stdout" | "stderr") => {
    try {
      await relayOutput(socket(name), Deno[stream], (count) => {
        written[stream] = count;
        check();
      });
    } catch {
      resolve(EXIT_SIGPIPE); // nobody reads any more: what a program would die of here
    }
  };
  const control = async () => {
    const script = new TextEncoder().encode(encodeJob(job));
    socket("control").write(`${script.length}\n`);
    socket("control").write(script);
    let text = "";
    for await (const chunk of socket("control")) {
      text += chunk;
      if (text.includes("ready\n")) clearTimeout(bootLimit);
      end = parseJobEnd(text);
      check();
    }
  };

  try {
    control().catch(() => {});
    if (job.terminal) {
      Deno.stdin.setRaw(true);
      Deno.addSignalListener("SIGWINCH", () => {
        socket("control").write(`${terminalSize(Deno.consoleSize())}\n`);
      });
      void output("terminal", "stdout");
      relayInput(socket("terminal")).catch(() => {});
    } else {
      void output("stdout", "stdout");
      void output("stderr", "stderr");
      if (Deno.stdin.isTerminal()) socket("stdin").end();
      else relayInput(socket("stdin")).catch(() => socket("stdin").end());
    }
    const consoles = [qemu.stdout, qemu.stderr].map((stream) =>
      stream && watchConsole(stream, options.console, lines)
    );
    void closed.then(() => Promise.all(consoles)).then(() =>
      fail("the guest ended before its job")
    );
    return await finished;
  } finally {
    clearTimeout(bootLimit);
    clearTimeout(timeLimit);
    if (job.terminal) Deno.stdin.setRaw(false);
    qemu.kill("SIGKILL");
    await closed;
  }
}
