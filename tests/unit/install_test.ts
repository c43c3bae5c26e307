/** `lvscare install` and `uninstall`, on folders that stand for hosts and a systemd that only listens. */

import assert from "node:assert/strict";
import { type CliHost, runCli } from "../../src/cli/program.ts";
import { readFiles } from "../../src/config/files/read.ts";
import { CommandError, LvscareError } from "../../src/errors.ts";
import { MARKER } from "../../src/generate/artifact.ts";
import { startConfig } from "../../src/install/config.ts";
import { type Manager, readUnit, UNIT, WANTED } from "../../src/install/plan.ts";
import { hostSystemctl } from "../../src/install/systemctl.ts";
import { openTree } from "../../src/install/tree.ts";
import { withFolder } from "../support/process.ts";
import { NO_SERVICES, NO_TOOLS } from "../support/run_host.ts";

const never = () => Promise.reject(new LvscareError("not here"));
const PROGRAM = "/usr/bin/lvscare";
const CONFIG = "/etc/lvscare/lvscare.yaml";
const MODULES = "/etc/modules-load.d/lvscare.conf";
const SYSCTLS = "/etc/sysctl.d/90-lvscare.conf";
const BASH = "/usr/share/bash-completion/completions/lvscare";
const ZSH = "/usr/share/zsh/site-functions/_lvscare";
/** As every build has it in it. */
const BUILD = "\x7fELF globalThis.lvscareBuild={}";

/** Knows one unit, and remembers what it was told. */
class FakeSystemd {
  readonly ran: string[] = [];
  manager: Manager = {
    ...{ kind: "present", isEnabled: false, isActive: false, isOutdated: false },
    startedMs: undefined,
  };
  /** What a command fails with, by its words behind systemctl. */
  readonly failures = new Map<string, string>();

  look(): Promise<Manager> {
    return Promise.resolve(this.manager);
  }

  run(argv: readonly [string, ...string[]]): Promise<void> {
    const [, ...words] = argv;
    const line = words.join(" ");
    this.ran.push(line);
    const stderr = this.failures.get(line);
    if (stderr !== undefined) {
      return Promise.reject(new CommandError(`run ${argv.join(" ")}`, argv, 1, stderr));
    }
    if (this.manager.kind !== "present") throw new Error("there is no systemd");
    const [verb] = words;
    const isUnit = words.at(-1) === "lvscare";
    this.manager = {
      ...this.manager,
      ...(verb === "daemon-reload" && { isOutdated: false }),
      ...(verb === "enable" && { isEnabled: true }),
      ...(verb === "disable" && { isEnabled: false, isActive: false }),
      ...(isUnit && (verb === "start" || verb === "restart" || words[1] === "--now") &&
        verb !== "disable" && { isActive: true, startedMs: Date.now() + 1 }),
    };
    return Promise.resolve();
  }
}

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** A folder that stands for the host. */
class Host {
  readonly systemd = new FakeSystemd();
  isRoot = true;
  isPacked = true;

  constructor(readonly folder: string) {
    Deno.mkdirSync(`${folder}/host`);
    Deno.writeTextFileSync(`${folder}/own`, BUILD);
    for (const name of ["usr/share/bash-completion/completions", "usr/share/zsh/site-functions"]) {
      Deno.mkdirSync(`${folder}/host/${name}`, { recursive: true });
    }
  }

  get #cli(): CliHost {
    return {
      care: { env: () => undefined, readHosts: never, runCare: never },
      services: NO_SERVICES,
      ...NO_TOOLS,
      installer: {
        program: this.isPacked ? `${this.folder}/own` : undefined,
        isRoot: this.isRoot,
        folder: this.folder,
        openTree: (root) => openTree(root === "" ? `${this.folder}/host` : root),
        systemctl: this.systemd,
      },
      runDemo: never,
      openIpvsTable: never,
      readStdin: never,
      readTextFile: never,
    };
  }

  async run(...args: readonly string[]): Promise<Outcome> {
    let out = "";
    let err = "";
    const status = await runCli(args, {
      output: { out: (text) => out += text, err: (text) => err += text },
      host: this.#cli,
      debug: false,
    });
    return { status, out, err };
  }

  /** What is said where nothing fails. */
  async did(...args: readonly string[]): Promise<string[]> {
    const { status, out, err } = await this.run(...args);
    assert.deepEqual({ status, err }, { status: 0, err: "" }, args.join(" "));
    return out.trimEnd().split("\n");
  }

  at(path: string): string {
    return `${this.folder}/host${path}`;
  }

  read(path: string): string {
    return Deno.readTextFileSync(this.at(path));
  }

  write(path: string, text: string): void {
    const at = this.at(path);
    Deno.mkdirSync(at.slice(0, at.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(at, text);
  }

  /** All below the host, folders with a slash. */
  list(): string[] {
    return listed(`${this.folder}/host`);
  }
}

function listed(root: string, under = ""): string[] {
  return [...Deno.readDirSync(root + under)].flatMap(({ name, isDirectory }) => {
    const path = `${under}/${name}`;
    return isDirectory ? [`${path}/`, ...listed(root, path)] : [path];
  }).sort();
}

function withHost(use: (host: Host) => Promise<void>): Promise<void> {
  return withFolder((folder) => use(new Host(folder)));
}

const FRESH = [
  `put ${PROGRAM} (${BUILD.length} bytes)`,
  `write ${UNIT}`,
  `write ${BASH}`,
  `write ${ZSH}`,
  `write ${CONFIG}`,
  "run systemctl daemon-reload",
  "run systemctl enable --now lvscare",
];

Deno.test("install puts everything there, starts it, and says at its second run that all is so", () =>
  withHost(async (host) => {
    const dry = await host.run("install", "--dry-run");
    assert.equal(dry.status, 3);
    assert.deepEqual(dry.out.trimEnd().split("\n"), FRESH);
    assert.ok(!host.list().includes(PROGRAM));
    assert.deepEqual(host.systemd.ran, []);

    assert.deepEqual(await host.did("install"), FRESH);
    assert.deepEqual(host.systemd.ran, ["daemon-reload", "enable --now lvscare"]);
    assert.equal(host.read(PROGRAM), BUILD);
    const mode = (path: string) => Deno.statSync(host.at(path)).mode! & 0o777;
    assert.deepEqual([PROGRAM, UNIT, CONFIG, "/etc/lvscare"].map(mode), [
      ...[0o755, 0o644, 0o644, 0o755],
    ]);
    assert.match(host.read(UNIT), /^ExecStart=\/usr\/bin\/lvscare run -c \/etc\/lvscare$/m);
    assert.match(host.read(BASH), /complete -o default -F _lvscare lvscare/);
    assert.match(host.read(ZSH), /^#compdef lvscare/);

    const before = host.list();
    for (const args of [["install"], ["install", "--dry-run"]]) {
      assert.deepEqual(await host.did(...args), [
        `keep ${CONFIG} (yours)`,
        "nothing to do: all is as it must be",
      ]);
    }
    assert.deepEqual(host.list(), before);
    assert.equal(host.systemd.ran.length, 2);
  }));

Deno.test("the first configuration has no service in force, and all keys of the example", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/lvscare.yaml`, startConfig());
    const { config, report } = await readFiles({ path: folder, nodeAddresses: [] });
    assert.deepEqual(report.lines, []);
    assert.deepEqual(config!.services, []);
  });
  assert.deepEqual(startConfig().match(/^ *[^ #\n].*$/gm), ["services: []"]);
  assert.ok(!startConfig().startsWith(MARKER), "lvscare generate config would replace it");
  // Taking the marks away as the text says gives services again.
  const used = startConfig().replace(/^services: \[\]\n/m, "").replace("#services:", "services:")
    .replace("  #- address: 10", "  - address: 10").replace("    #port: 6443", "    port: 6443")
    .replace("    #servers: [192", "    servers: [192");
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/lvscare.yaml`, used);
    const { config, report } = await readFiles({ path: folder, nodeAddresses: [] });
    assert.deepEqual(report.lines, []);
    assert.equal(config!.services.length, 1);
  });
});

Deno.test("what changed is written and started again, and nothing else is touched", () =>
  withHost(async (host) => {
    await host.did("install");
    const again = async (...args: string[]) => {
      host.systemd.ran.length = 0;
      return (await host.did("install", ...args)).filter((line) => !line.startsWith("keep"));
    };

    Deno.writeTextFileSync(`${host.folder}/own`, `${BUILD} newer`);
    assert.deepEqual(await again(), [
      `put ${PROGRAM} (${BUILD.length + 6} bytes)`,
      "run systemctl restart lvscare",
    ]);
    assert.equal(host.read(PROGRAM), `${BUILD} newer`);

    Deno.chmodSync(host.at(PROGRAM), 0o700);
    assert.deepEqual(await again(), [`set the mode of ${PROGRAM} to 0755`]);
    assert.equal(Deno.statSync(host.at(PROGRAM)).mode! & 0o777, 0o755);

    host.write(UNIT, host.read(UNIT).replace("WatchdogSec=30", "WatchdogSec=3"));
    assert.deepEqual(await again(), [
      `write ${UNIT}`,
      "run systemctl daemon-reload",
      "run systemctl restart lvscare",
    ]);

    host.write(BASH, host.read(BASH).replace("nospace", "space"));
    assert.deepEqual(await again(), [`write ${BASH}`]);

    host.systemd.manager = { ...present(host), isActive: false };
    assert.deepEqual(await again(), ["run systemctl start lvscare"]);
    host.systemd.manager = { ...present(host), isEnabled: false };
    assert.deepEqual(await again(), ["run systemctl enable lvscare"]);
    host.systemd.manager = { ...present(host), isOutdated: true };
    assert.deepEqual(await again(), ["run systemctl daemon-reload"]);

    // With --no-start the file is newer than what runs, which the next run sees.
    host.systemd.manager = { ...present(host), startedMs: Date.now() - 60_000 };
    assert.deepEqual(await again("--no-start"), [
      "nothing to do: all is as it must be",
      "nothing was started; that is done by: " +
      "systemctl daemon-reload && systemctl enable --now lvscare",
    ]);
    assert.deepEqual(await again(), ["run systemctl restart lvscare"]);
  }));

function present({ systemd: { manager } }: Host): Manager & { kind: "present" } {
  assert.equal(manager.kind, "present");
  return manager as Manager & { kind: "present" };
}

Deno.test("drop-ins are put there, loaded, kept by later installations, and keep what others added", () =>
  withHost(async (host) => {
    host.systemd.failures.set("restart systemd-modules-load", "Failed to find module 'other'\n");
    const { status, out, err } = await host.run("install", "--drop-ins");
    assert.equal(status, 0, "another's module is missing, and the service has started");
    assert.match(err, /^lvscare: run systemctl restart systemd-modules-load\n$/);
    assert.match(out, /write \S+modules-load\.d\/lvscare\.conf\nwrite \S+90-lvscare\.conf\n/);
    assert.deepEqual(host.systemd.ran, [
      "daemon-reload",
      "restart systemd-modules-load",
      "restart systemd-sysctl",
      "enable --now lvscare",
    ]);
    assert.match(host.read(UNIT), /^ProtectKernelModules=yes$/m);
    host.systemd.failures.clear();

    host.write(SYSCTLS, `${host.read(SYSCTLS)}net.ipv4.ip_forward = 1\n`);
    assert.deepEqual((await host.did("install")).at(-1), "nothing to do: all is as it must be");
    host.write(MODULES, host.read(MODULES).replace("ip_vs_rr\n", "") + "mine\n");
    const lines = await host.did("install");
    assert.ok(lines.includes(`write ${MODULES}`));
    assert.match(host.read(MODULES), /\nip_vs_rr\n(.|\n)*\nmine\n$/);
    assert.match(host.read(SYSCTLS), /\nnet\.ipv4\.ip_forward = 1\n$/);
  }));

Deno.test("what an earlier installation cares for stays, where another is not asked for", () =>
  withHost(async (host) => {
    const path = "/srv/a %b$.d/lvs";
    await host.did("install", "--config", path);
    assert.deepEqual(readUnit(openTree(host.at("")).look(UNIT)), { kind: "run", config: path });
    assert.ok(host.list().includes(`${path}/lvscare.yaml`));
    assert.deepEqual(await host.did("install"), [
      `keep ${path}/lvscare.yaml (yours)`,
      "nothing to do: all is as it must be",
    ]);
    assert.ok(!host.list().includes(CONFIG));

    const care = `${MARKER} systemd\n[Service]\nExecStart=/usr/bin/lvscare care --vs 10.0.0.1:80\n`;
    host.write(UNIT, care);
    const { status, out, err } = await host.run("install");
    assert.deepEqual({ status, out }, { status: 1, out: "" });
    assert.match(err, /^lvscare: install \S+: it runs ".*care --vs 10.0.0.1:80", and .*--config/);
    assert.equal(host.read(UNIT), care);
    await host.did("install", "--config", "/etc/lvscare");
    assert.match(host.read(UNIT), /run -c \/etc\/lvscare$/m);
  }));

Deno.test("a configuration that is there is kept, whatever it is", async () => {
  const cases: [string, (host: Host) => void, string, string[]][] = [
    ["the file", (host) => host.write(CONFIG, "x"), CONFIG, []],
    [
      "parts alone",
      (host) => host.write("/etc/lvscare/conf.d/a.yaml", "x"),
      "/etc/lvscare/conf.d",
      [],
    ],
    [
      "a link",
      (host) => {
        host.write("/etc/lvscare/other", "x");
        Deno.symlinkSync("/nowhere", host.at(CONFIG));
      },
      CONFIG,
      [],
    ],
    [
      "keepalived's",
      (host) => host.write("/etc/keepalived/keepalived.conf", "x"),
      "/etc/keepalived/keepalived.conf",
      ["--config", "/etc/keepalived/keepalived.conf"],
    ],
  ];
  for (const [name, prepare, kept, args] of cases) {
    await withHost(async (host) => {
      prepare(host);
      const lines = await host.did("install", ...args);
      assert.ok(lines.includes(`keep ${kept} (yours)`), name);
      assert.ok(!lines.some((line) => /^write \/etc\/(lvscare|keepalived)/.test(line)), name);
    });
  }
  await withHost(async (host) => {
    const { status, err } = await host.run("install", "--config", "/etc/keepalived/k.conf");
    assert.equal(status, 1);
    assert.match(err, /^lvscare: install \/etc\/keepalived\/k\.conf: there is no such file.*\n$/);
  });
});

Deno.test("what is somebody else's ends it in one line each, before anything is written", async () => {
  const folder = (path: string) => (host: Host) =>
    Deno.mkdirSync(host.at(path), { recursive: true });
  const link = (path: string, to: string) => (host: Host) => {
    folder(path.slice(0, path.lastIndexOf("/")))(host);
    Deno.symlinkSync(to, host.at(path));
  };
  const cases: [string, (host: Host) => void, RegExp][] = [
    ["a unit", (host) => host.write(UNIT, "[Unit]\n"), /lvscare\.service: the file there is yours/],
    ["a drop-in", (host) => host.write(SYSCTLS, "# mine\n"), /90-lvscare\.conf: .* is yours/],
    ["a program", (host) => host.write(PROGRAM, "#!/bin/sh\n"), /another program \(move it away\)/],
    ["a directory for the program", folder(PROGRAM), /bin\/lvscare: there is a directory/],
    ["a directory for the unit", folder(UNIT), /service: there is a directory, must be a file/],
    ["a masked unit", link(UNIT, "/dev/null"), /symbolic link, must be a file .*unmask lvscare/],
    ["a link for the program", link(PROGRAM, "/tmp/lvscare"), /symbolic link, must be a file/],
    ["a file for a folder", (host) => host.write("/etc/systemd", ""), /is a file, must be a direc/],
    ["a folder that leads out", link("/etc/systemd/system", "/tmp"), /to \/tmp, must not lead out/],
    ["a folder that leads nowhere", link("/etc", "/none"), /symbolic link that leads nowhere/],
  ];
  for (const [name, prepare, wanted] of cases) {
    await withHost(async (host) => {
      prepare(host);
      const before = host.list();
      const { status, out, err } = await host.run("install", "--drop-ins");
      assert.deepEqual({ status, out }, { status: 1, out: "" }, name);
      assert.match(err, /^(lvscare: install [^\n]+\n)+$/, name);
      assert.match(err, wanted, name);
      assert.deepEqual(host.list(), before, name);
      assert.deepEqual(host.systemd.ran, [], name);
    });
  }
});

Deno.test("a folder that is a link within the same tree is followed, and others' completions stay", () =>
  withHost(async (host) => {
    Deno.mkdirSync(host.at("/real"));
    Deno.symlinkSync("../real", host.at("/usr/bin"));
    host.write(BASH, "# mine\n");
    const lines = await host.did("install");
    assert.ok(lines.includes(`keep ${BASH} (yours)`));
    assert.equal(host.read("/real/lvscare"), BUILD);
    assert.equal(host.read(BASH), "# mine\n");
  }));

Deno.test("where one file cannot be written, none is there and no folder was made", () =>
  withFolder(async (folder) => {
    const tree = openTree(folder);
    const text = { text: "x" };
    const files = [
      { path: "/a/b/one", mode: 0o644, content: text },
      { path: "/two", mode: 0o755, content: { copyOf: `${folder}/missing` } },
    ];
    assert.throws(
      () => tree.stage(files),
      (error) => error instanceof LvscareError && error.is("ENOENT"),
    );
    assert.deepEqual(listed(folder), []);

    // A place that was taken meanwhile: what is still waiting goes away.
    const staged = tree.stage(files.slice(0, 1));
    await Deno.mkdir(`${folder}/a/b/one/in`, { recursive: true });
    assert.throws(() => staged.commit(), /write .*one: .*directory/);
    assert.deepEqual(listed(folder), ["/a/", "/a/b/", "/a/b/one/", "/a/b/one/in/"]);
  }));

Deno.test("with --root all is staged below the folder, by any user, and nothing is started", () =>
  withHost(async (host) => {
    host.isRoot = false;
    const root = `${host.folder}/stage`;
    const lines = await host.did("install", "--root", "stage/", "--drop-ins");
    assert.deepEqual(lines, [
      `put ${root}${PROGRAM} (${BUILD.length} bytes)`,
      ...[UNIT, MODULES, SYSCTLS, CONFIG].map((path) => `write ${root}${path}`),
      `nothing was started; it is enabled there by: systemctl --root ${root} enable lvscare`,
    ]);
    assert.deepEqual(host.systemd.ran, []);
    assert.deepEqual(listed(root).filter((path) => !path.endsWith("/")), [
      ...[CONFIG, MODULES, SYSCTLS, UNIT, PROGRAM],
    ]);
    await Deno.mkdir(`${root}${WANTED.slice(0, WANTED.lastIndexOf("/"))}`, { recursive: true });
    await Deno.symlink(UNIT, `${root}${WANTED}`);
    assert.deepEqual(await host.did("uninstall", "--root", root, "--purge"), [
      ...[UNIT, WANTED, MODULES, SYSCTLS, PROGRAM, "/etc/lvscare"]
        .map((path) => `remove ${root}${path}`),
    ]);
    assert.deepEqual(listed(root).filter((path) => !path.endsWith("/")), []);
  }));

Deno.test("without systemd, without root and from source it says what to do", () =>
  withHost(async (host) => {
    host.systemd.manager = { kind: "absent" };
    const lines = await host.did("install");
    assert.match(
      lines.at(-1)!,
      /^no systemd runs here.*without: \S+lvscare run -c \/etc\/lvscare$/,
    );
    assert.deepEqual(host.systemd.ran, []);

    host.isRoot = false;
    for (const command of ["install", "uninstall"]) {
      const { status, err } = await host.run(command);
      assert.equal(status, 1);
      assert.match(err, /^lvscare: the host's files are root's, .*\(run it with sudo.*\)\n$/);
      assert.equal((await host.run(command, "--dry-run")).err, "");
    }
    host.isRoot = true;
    host.isPacked = false;
    const { status, out, err } = await host.run("install", "--dry-run");
    assert.deepEqual({ status, out }, { status: 1, out: "" });
    assert.match(
      err,
      /^lvscare: this runs from source.*\(scripts\/build makes one: dist\/lvscare\)\n$/,
    );
    for (const args of [["--config", "etc"], ["--root", ""], ["--config", ""]]) {
      assert.equal((await host.run("install", ...args)).status, 2, args.join(" "));
    }
  }));

Deno.test("where it does not start, that is one line, and the next run tries again", () =>
  withHost(async (host) => {
    const start = "enable --now lvscare";
    // As systemd 252 says it.
    const link = "Created symlink /etc/systemd/system/multi-user.target.wants/lvscare.service → " +
      "/etc/systemd/system/lvscare.service.\n";
    const failed = "Job for lvscare.service failed.\nSee journalctl.\n";
    host.systemd.failures.set(start, link + failed);
    const { status, err } = await host.run("install");
    assert.equal(status, 1);
    assert.equal(
      err,
      `lvscare: run systemctl ${start}: Job for lvscare.service failed. ` +
        "(journalctl -u lvscare -n 20 says why, and this command can be repeated)\n",
    );
    host.systemd.failures.clear();
    assert.deepEqual((await host.did("install")).slice(1), [`run systemctl ${start}`]);
  }));

Deno.test("uninstall takes away what is ours, keeps what is not, and may be repeated", () =>
  withHost(async (host) => {
    const before = host.list();
    await host.did("install", "--drop-ins");
    host.write("/run/lvscare/run.json", "{}");
    host.write(BASH, "# mine\n");
    host.systemd.ran.length = 0;
    const wanted = [
      "run systemctl disable --now lvscare",
      ...[UNIT, MODULES, SYSCTLS].map((path) => `remove ${path}`),
      `keep ${BASH} (yours)`,
      `remove ${ZSH}`,
      `remove ${PROGRAM}`,
      "run systemctl daemon-reload",
      "keep /etc/lvscare (yours)",
      "keep /run/lvscare (what it has made in the kernel)",
    ];
    const dry = await host.run("uninstall", "--dry-run");
    assert.equal(dry.status, 3);
    assert.deepEqual(dry.out.trimEnd().split("\n").slice(0, -1), wanted);
    assert.deepEqual(host.systemd.ran, []);
    const lines = await host.did("uninstall");
    assert.deepEqual(lines.slice(0, -1), wanted);
    assert.match(lines.at(-1)!, /^services stay in the kernel.*lvscare run -c \/tmp\/none\.yaml/);
    assert.deepEqual(host.systemd.ran, ["disable --now lvscare", "daemon-reload"]);
    const files = (list: string[]) => list.filter((path) => !path.endsWith("/"));
    assert.deepEqual(files(host.list()), [
      ...[CONFIG, "/run/lvscare/run.json", BASH, ...files(before)],
    ]);

    const second = await host.did("uninstall");
    assert.equal(second.at(-2), "nothing to do: all is as it must be");
    // Another instance's state is not this one's to forget.
    host.write("/run/lvscare/10.0.0.1%3A80.json", "{}");
    assert.deepEqual((await host.did("uninstall", "--purge")).slice(1, -1), [
      "remove /etc/lvscare",
      "remove /run/lvscare/run.json",
      "keep /run/lvscare (others than lvscare run use it)",
    ]);
    assert.deepEqual(files(host.list()), ["/run/lvscare/10.0.0.1%3A80.json", BASH]);
  }));

Deno.test("uninstall leaves a unit and a program that are somebody else's", () =>
  withHost(async (host) => {
    host.write(UNIT, "[Unit]\n");
    host.write(PROGRAM, BUILD);
    host.systemd.manager = { ...present(host), isActive: true, isEnabled: true };
    assert.deepEqual((await host.did("uninstall")).slice(0, -1), [
      `keep ${UNIT} (yours)`,
      `keep ${PROGRAM} (your unit runs it)`,
      "nothing to do: all is as it must be",
    ]);
    await Deno.remove(host.at(UNIT));
    host.write(PROGRAM, "#!/bin/sh\n");
    assert.deepEqual((await host.did("uninstall")).slice(0, 1), [
      `keep ${PROGRAM} (not this program)`,
    ]);
    assert.deepEqual(host.systemd.ran, []);
  }));

Deno.test("a program is told by all its bytes, and a build by its mark across chunks", () =>
  withFolder(async (folder) => {
    const tree = openTree(folder);
    const chunk = 1 << 20;
    const filled = (text: string, at: number) => {
      const bytes = new Uint8Array(chunk + 100);
      bytes.set(new TextEncoder().encode(text), at);
      return bytes;
    };
    await Deno.writeFile(`${folder}/own`, filled(BUILD, 0));
    const cases: [string, Uint8Array, string][] = [
      ["same", filled(BUILD, 0), "same"],
      ["last byte", filled(BUILD, 0).fill(1, chunk + 99), "older"],
      ["across", filled(BUILD, chunk - 12), "older"],
      ["none", filled("globalThis", chunk - 12), "other"],
      ["shorter", new TextEncoder().encode(BUILD), "older"],
      ["empty", new Uint8Array(), "other"],
    ];
    for (const [name, bytes, kind] of cases) {
      await Deno.writeFile(`${folder}/it`, bytes);
      assert.equal(tree.compare("/it", `${folder}/own`).kind, kind, name);
    }
    assert.equal(tree.compare("/own", `${folder}/own`).kind, "same");
    assert.equal(tree.compare("/none", `${folder}/own`).kind, "none");
  }));

Deno.test("systemctl is asked once, and what it says is read", async () => {
  const cases: [string, Partial<Manager & { kind: "present" }>][] = [
    [
      "UnitFileState=enabled\nActiveState=active\nNeedDaemonReload=no\n" +
      "ActiveEnterTimestampMonotonic=4000000\n",
      { isEnabled: true, isActive: true, isOutdated: false, startedMs: 1_000_000 - 6000 },
    ],
    [
      "UnitFileState=\nActiveState=inactive\nNeedDaemonReload=no\nActiveEnterTimestampMonotonic=0\n",
      { isEnabled: false, isActive: false, isOutdated: false, startedMs: undefined },
    ],
    [
      "UnitFileState=disabled\nActiveState=activating\nNeedDaemonReload=yes\n",
      { isEnabled: false, isActive: false, isOutdated: true, startedMs: undefined },
    ],
  ];
  for (const [text, wanted] of cases) {
    const asked: string[] = [];
    const systemctl = hostSystemctl({
      isBooted: () => true,
      run: (argv) => {
        asked.push(argv.slice(0, 3).join(" "));
        return Promise.resolve(text);
      },
      wallMs: () => 1_000_000,
      monotonicMs: () => 10_000,
    });
    assert.deepEqual(await systemctl.look(), { kind: "present", ...wanted });
    assert.deepEqual(asked, ["systemctl show lvscare.service"]);
  }
  const absent = hostSystemctl({
    ...{ isBooted: () => false, run: never, wallMs: () => 0, monotonicMs: () => 0 },
  });
  assert.deepEqual(await absent.look(), { kind: "absent" });
});

Deno.test("where nothing can be installed, that is said", async () => {
  let err = "";
  const status = await runCli(["uninstall"], {
    output: { out: () => {}, err: (text) => err += text },
    host: {
      care: { env: () => undefined, readHosts: never, runCare: never },
      ...{ services: NO_SERVICES, ...NO_TOOLS, runDemo: never },
      ...{ openIpvsTable: never, readStdin: never, readTextFile: never },
    },
    debug: false,
  });
  assert.equal(status, 1);
  assert.match(err, /^lvscare: this runs from source/);
});
