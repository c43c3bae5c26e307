/** A host for `lvscare run`: the lab of care, with files, more virtual services, and clients behind a bridge. */

import assert from "node:assert/strict";
import { CareLab, type CareProcess, type LabFamily, PORT, V6 } from "./care_lab.ts";
import { must } from "./network.ts";
import { Namespace } from "./own_namespace.ts";
import type { Ran } from "./process.ts";

/** A virtual service of the lab. */
export interface LabService {
  readonly address: string;
  readonly port: number;
}

export class RunLab implements AsyncDisposable {
  readonly lab: CareLab;
  /** Where the configuration is. */
  readonly folder: string;
  readonly #pod: Namespace;

  private constructor(lab: CareLab, folder: string, pod: Namespace) {
    this.lab = lab;
    this.folder = folder;
    this.#pod = pod;
  }

  static async open(family: LabFamily): Promise<RunLab> {
    const lab = await CareLab.open(family);
    const folder = await Deno.makeTempDir({ prefix: "lvscare-run-" });
    await Deno.mkdir(`${folder}/conf.d`);
    return new RunLab(lab, folder, await addPod(lab));
  }

  /** The n-th virtual service: the first is the lab's own. */
  service(n: number): LabService {
    const { virtual } = this.lab.family;
    return { address: virtual.replace(/12$/, `${11 + n}`), port: PORT + n - 1 };
  }

  at({ address, port }: LabService): string {
    return this.lab.family.at(address, port);
  }

  write(name: string, text: string): void {
    // As automation does it: never half a file.
    Deno.writeTextFileSync(`${this.folder}/.${name.replaceAll("/", "-")}`, text);
    Deno.renameSync(`${this.folder}/.${name.replaceAll("/", "-")}`, `${this.folder}/${name}`);
  }

  remove(name: string): void {
    Deno.removeSync(`${this.folder}/${name}`);
  }

  /** A file with one service and these of the lab's servers. */
  writeService(name: string, service: LabService, servers: readonly number[], more = ""): void {
    const { family } = this.lab;
    const listed = servers.map((n) => `      - "${family.at(family.servers[n]!, PORT)}"\n`).join(
      "",
    );
    this.write(
      `conf.d/${name}.yaml`,
      `services:
  - address: "${service.address}"
    port: ${service.port}
    servers:
${listed}${more}`,
    );
  }

  get #where(): string[] {
    return ["-c", this.folder, "--state-dir", this.lab.stateDir];
  }

  start(...flags: readonly string[]): CareProcess {
    return this.lab.start(["run", ...this.#where, ...flags]);
  }

  /** Runs another command of lvscare on the same files, or on the one that runs. */
  lvscare(
    command: "check" | "plan" | "reload" | "status",
    ...flags: readonly string[]
  ): Promise<Ran> {
    const { stateDir } = this.lab;
    const where = {
      check: ["-c", this.folder],
      plan: this.#where,
      reload: ["--state-dir", stateDir],
      status: ["--state-dir", stateDir],
    }[command];
    return this.lab.lvscare([command, ...where, ...flags]);
  }

  /** From the host itself: who answered. */
  request({ address, port }: LabService, path = "/"): Promise<string> {
    return this.lab.request(path, address, port);
  }

  /** Who answers over some requests from the host itself. */
  async answering(service: LabService, count = 6): Promise<string[]> {
    const seen = new Set<string>();
    for (let i = 0; i < count; i++) seen.add(await this.request(service));
    return [...seen].sort();
  }

  /** The same from behind the bridge. */
  async answeringPod(service: LabService, count = 4): Promise<string[]> {
    const url = `http://${this.at(service)}/`;
    const child = this.#pod.do(() =>
      new Deno.Command("curl", {
        args: ["-sS", "-g", "--max-time", "10", ...Array(count).fill(url)],
        clearEnv: true,
        stdout: "piped",
        stderr: "piped",
      }).spawn()
    );
    const { stdout, stderr, success } = await child.output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return [...new Set(new TextDecoder().decode(stdout).trim().split("\n"))].sort();
  }

  /** The addresses on our dummy device. */
  async addresses(): Promise<string[]> {
    const text = await must("ip", "-o", "addr", "show", "dev", "lvscare");
    const found = text.matchAll(/inet6? (\S+)\/(?:32|128) /g);
    return [...found].map(([, address]) => address!).sort();
  }

  /** What is in our set. */
  async entries(): Promise<string[]> {
    const text = await must("ipset", "save");
    return [...text.matchAll(/^add VIRTUAL-\S+ (\S+)/gm)].map(([, entry]) => entry!).sort();
  }

  /** Connections that the kernel has counted for the service since it was made. */
  async connections(service: LabService): Promise<number> {
    const text = await must("ipvsadm", "-Ln", "--stats", "--exact", "-t", this.at(service));
    return Number(/^TCP\s+\S+\s+(\d+)/m.exec(text)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
    this.#pod.close();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A namespace behind a bridge of the host, which forwards for it. */
async function addPod(lab: CareLab): Promise<Namespace> {
  const six = lab.family === V6;
  const [host, guest, bits] = six
    ? ["fd00:88::1", "fd00:88::2", 64]
    : ["10.88.0.1", "10.88.0.2", 24];
  const nodad = six ? ["nodad"] : [];
  const pod = Namespace.make();
  await must("ip", "link", "add", "bridge0", "type", "bridge");
  await must("ip", "link", "add", "pod0", "type", "veth", "peer", "name", "pod1");
  await must("ip", "link", "set", "pod1", "netns", pod.path);
  await must("ip", "link", "set", "pod0", "master", "bridge0");
  for (const device of ["bridge0", "pod0"]) {
    await must("ip", "link", "set", device, "addrgenmode", "none");
    await must("ip", "link", "set", device, "up");
  }
  await must("ip", "addr", "add", `${host}/${bits}`, "dev", "bridge0", ...nodad);
  await must("sysctl", "-w", six ? "net.ipv6.conf.all.forwarding=1" : "net.ipv4.ip_forward=1");
  pod.enter();
  await must("ip", "link", "set", "lo", "up");
  await must("ip", "addr", "add", `${guest}/${bits}`, "dev", "pod1", ...nodad);
  await must("ip", "link", "set", "pod1", "up");
  await must("ip", "route", "add", "default", "via", host);
  lab.enter();
  return pod;
}
