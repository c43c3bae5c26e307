/** A guest whose system is systemd's: it is told what to do through a port, and can be started again. */

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Duplex, Readable } from "node:stream";
import { findKernel, type Kernel } from "../../scripts/vm/kernel.ts";
import {
  FIRST_SOCKET,
  machineArguments,
  portArguments,
  shareArguments,
  startQemu,
} from "../../scripts/vm/machine.ts";
import { findSystemdRoot, ROOT_BUSYBOX } from "../../scripts/vm/systemd_root.ts";
import { run } from "./process.ts";

const CACHE = new URL("../../.cache/guest", import.meta.url).pathname;
const BOOT_LIMIT_MS = 300_000;
const COMMAND_LIMIT_MS = 300_000;
const WAIT_LIMIT_MS = 180_000;

/** What came of a command. */
export interface Told {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const AGENT = `#!/bin/sh
# Does what comes through the port: a line with a script's length, and the script.
for port in /sys/class/virtio-ports/*; do
  read -r name <"$port/name" && [ "$name" = agent ] && exec 3<>"/dev/\${port##*/}"
done
mkdir -p /run/agent
cd /run/agent
echo ready >&3
while :; do
  # Until the kernel knows that the host's end is open, a read is an end of file.
  until read -r size <&3; do sleep 0.1; done
  head -c "$size" <&3 >script
  sh script </dev/null >stdout 2>stderr 3>&-
  echo "$? $(stat -c %s stdout) $(stat -c %s stderr)" >&3
  cat stdout stderr >&3
done
`;

const AGENT_UNIT = `[Unit]
Description=The test's hand in this system
[Service]
ExecStart=/opt/agent
[Install]
WantedBy=multi-user.target
`;

export class SystemdGuest implements AsyncDisposable {
  /** Its root, which this host and the guest write to. */
  readonly root: string;
  readonly #kernel: Kernel;
  #machine: Machine | undefined;

  private constructor(root: string, kernel: Kernel) {
    this.root = root;
    this.#kernel = kernel;
  }

  /** A system of its own, which has not been started yet. */
  static async open(): Promise<SystemdGuest> {
    const kernel = await findKernel(CACHE, "default", [], "systemd_init.sh");
    const made = await findSystemdRoot(CACHE);
    const folder = await Deno.makeTempDir({ prefix: "lvscare-systemd-" });
    const root = `${folder}/root`;
    const { status, stderr } = await run(["/bin/cp", "-a", "--reflink=auto", made, root]);
    assert.equal(status, 0, stderr);
    const guest = new SystemdGuest(root, kernel);
    guest.write("/opt/agent", AGENT, 0o755);
    guest.addUnit("agent", AGENT_UNIT);
    return guest;
  }

  /** Writes a file of it, before it is started. */
  write(path: string, text: string, mode = 0o644): void {
    const folder = path.slice(0, path.lastIndexOf("/"));
    Deno.mkdirSync(this.root + folder, { recursive: true });
    Deno.writeTextFileSync(this.root + path, text);
    Deno.chmodSync(this.root + path, mode);
  }

  /** A service of the system that is started with it. */
  addUnit(name: string, text: string): void {
    const wants = "/etc/systemd/system/multi-user.target.wants";
    this.write(`/etc/systemd/system/${name}.service`, text);
    Deno.mkdirSync(this.root + wants, { recursive: true });
    Deno.symlinkSync(`../${name}.service`, `${this.root}${wants}/${name}.service`);
  }

  /** Starts it, and waits until all that belongs to a start is done. */
  async boot(): Promise<void> {
    this.#machine = await Machine.start(this.root, this.#kernel);
    await this.must("systemctl is-system-running --wait || true");
  }

  /** Lets it end in order, and starts it again. */
  async reboot(): Promise<void> {
    const machine = this.#machine;
    assert.ok(machine);
    // When the answer is out.
    await this.must("sync; (sleep 1; systemctl --no-block reboot) >/dev/null 2>&1 &");
    await machine.ended();
    await this.boot();
  }

  /** Runs a script of sh as root. */
  async sh(script: string): Promise<Told> {
    assert.ok(this.#machine, "it has not been started");
    return await this.#machine.tell(script);
  }

  /** What a script that must succeed has printed. */
  async must(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.sh(script);
    assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Waits for a script to succeed. */
  async until(script: string, what: string): Promise<void> {
    await this.eventually(async () => (await this.sh(script)).status === 0, what);
  }

  /** Waits for something to be so. */
  async eventually(isSo: () => Promise<boolean>, what: string): Promise<void> {
    const end = performance.now() + WAIT_LIMIT_MS;
    while (!await isSo()) {
      assert.ok(performance.now() < end, `waited too long for ${what}`);
      await new Promise((wake) => setTimeout(wake, 300));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machine?.kill();
    await Deno.remove(this.root.slice(0, this.root.lastIndexOf("/")), { recursive: true });
  }
}

export { ROOT_BUSYBOX as BUSYBOX };

class Machine {
  readonly #qemu: ChildProcess;
  readonly #port: Duplex;
  readonly #closed: Promise<unknown>;
  readonly #console: string[] = [];
  #received: Uint8Array<ArrayBuffer> = new Uint8Array();
  #wake = () => {};
  #isOver = false;

  private constructor(qemu: ChildProcess) {
    this.#qemu = qemu;
    this.#port = qemu.stdio[FIRST_SOCKET] as Duplex;
    this.#port.on("error", () => {});
    this.#port.on("data", (chunk: Uint8Array) => {
      const all = new Uint8Array(this.#received.length + chunk.length);
      all.set(this.#received);
      all.set(chunk, this.#received.length);
      this.#received = all;
      this.#wake();
    });
    for (const stream of [qemu.stdout, qemu.stderr]) this.#listen(stream!);
    this.#closed = once(qemu, "close").then(() => {
      this.#isOver = true;
      this.#wake();
    });
  }

  static async start(root: string, kernel: Kernel): Promise<Machine> {
    const size = { accel: "tcg,thread=multi", memoryMib: 2048, cpus: 2 };
    const qemu = startQemu([
      ...machineArguments(size, kernel, ["systemd.show_status=0"]),
      ...portArguments(["agent"]),
      ...shareArguments(root, "root"),
      ...shareArguments(kernel.modules, "modules", ",readonly=on"),
    ], 1);
    const machine = new Machine(qemu);
    try {
      await machine.#line("the system's start", BOOT_LIMIT_MS);
      return machine;
    } catch (error) {
      await machine.kill();
      throw error;
    }
  }

  async tell(script: string): Promise<Told> {
    const bytes = new TextEncoder().encode(script);
    this.#port.write(`${bytes.length}\n`);
    this.#port.write(bytes);
    const line = await this.#line(script, COMMAND_LIMIT_MS);
    const [status = NaN, out = NaN, err = NaN] = line.split(" ").map(Number);
    const text = async (size: number) =>
      new TextDecoder().decode(await this.#take(() => size, script, COMMAND_LIMIT_MS));
    return { status, stdout: await text(out), stderr: await text(err) };
  }

  /** Waits for its end of its own accord. */
  async ended(): Promise<void> {
    const limit = setTimeout(() => this.#qemu.kill("SIGKILL"), BOOT_LIMIT_MS);
    await this.#closed;
    clearTimeout(limit);
    assert.equal(this.#qemu.exitCode, 0, `its end is not of its own accord:\n${this.#said()}`);
  }

  async kill(): Promise<void> {
    this.#qemu.kill("SIGKILL");
    await this.#closed;
  }

  async #line(what: string, limitMs: number): Promise<string> {
    const bytes = await this.#take((all) => all.indexOf(10) + 1 || undefined, what, limitMs);
    return new TextDecoder().decode(bytes).trim();
  }

  /** Takes as much of what has come as `size` finds, and waits until it is there. */
  async #take(
    size: (all: Uint8Array) => number | undefined,
    what: string,
    limitMs: number,
  ): Promise<Uint8Array> {
    let isLate = false;
    const limit = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, limitMs);
    try {
      for (;;) {
        const wanted = size(this.#received);
        if (wanted !== undefined && wanted <= this.#received.length) {
          const taken = this.#received.slice(0, wanted);
          this.#received = this.#received.slice(wanted);
          return taken;
        }
        assert.ok(!this.#isOver, `the guest ended before ${what}:\n${this.#said()}`);
        assert.ok(!isLate, `waited too long for ${what}:\n${this.#said()}`);
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      clearTimeout(limit);
    }
  }

  async #listen(stream: Readable): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      this.#console.push(text);
    }
  }

  #said(): string {
    return this.#console.join("").split("\n").slice(-30).join("\n");
  }
}
