/**
 * What README.md and docs tell operators to do on a host, done there: with the addresses that they name, real servers
 * behind them, and stand-ins for systemctl, for the kubelet and for the copy from another host.
 */

import assert from "node:assert/strict";
import { load } from "js-yaml";
import { MODULES_FILE, PARAMETERS_FILE } from "../../src/doctor/fix.ts";
import { readKernelFile } from "../../src/sys/kernel_file.ts";
import { CareLab, CareProcess, type LabFamily, until, V4 } from "../support/care_lab.ts";
import { makeLvscareRules } from "../support/masquerade_lvscare.ts";
import { commandsIn, storiesAt } from "../support/page_commands.ts";
import { runCommand, SCP, type ShellOptions, writeStandIns } from "../support/page_stories.ts";
import { must } from "../support/network.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const CERTIFICATES = `${ROOT}tests/support/certificates`;
const FAMILY: LabFamily = {
  ...V4,
  host: "192.168.0.1",
  servers: ["192.168.0.2", "192.168.0.3", "192.168.0.4"],
};
const PORT = 6443;
const STATE = "/run/lvscare";
const UNIT = "/etc/systemd/system/lvscare.service";
const PID = "/run/systemctl.pid";
const LOG = "/run/systemctl.log";

/** As much of systemd as there is of one unit: it is started, told and stopped as the unit says. */
const SYSTEMCTL = `value() { sed -n "s/^$1=//p" ${UNIT}; }
alive() {
  test -s ${PID} && case $(sed 's/.*) //' "/proc/$(cat ${PID})/stat" 2>/dev/null) in
    "" | Z*) false ;;
  esac
}
start() {
  if alive; then return; fi
  eval "set -- $(value ExecStart)"
  "$@" >${LOG} 2>&1 </dev/null &
  echo $! >${PID}
  until grep -qE 'info (ready|add server|Add new)' ${LOG}; do
    alive
    sleep 0.1
  done
}
stop() {
  if ! alive; then return; fi
  kill "$(cat ${PID})"
  while alive; do sleep 0.1; done
}
word=$1
shift
case $word in
show)
  if alive; then active=active; else active=inactive; fi
  printf 'UnitFileState=\\nActiveState=%s\\nNeedDaemonReload=no\\n' "$active"
  echo ActiveEnterTimestampMonotonic=0
  ;;
daemon-reload) test -e ${UNIT} || test -z "$*" ;;
enable) case " $* " in *" --now "*) start ;; esac ;;
disable) case " $* " in *" --now "*) stop ;; esac ;;
start) start ;;
restart) stop; start ;;
stop) stop ;;
reload) alive; eval "exec $(value ExecReload)" ;;
*) echo "systemctl: $word is not known to this stand-in" >&2; exit 1 ;;
esac
`;

/** A host as the pages have it. */
class PageHost implements AsyncDisposable {
  readonly lab: CareLab;
  /** Of root on that host. */
  readonly home: string;
  readonly #servers: readonly Deno.HttpServer[];
  #staying: CareProcess | undefined;

  private constructor(lab: CareLab, home: string, servers: readonly Deno.HttpServer[]) {
    this.lab = lab;
    this.home = home;
    this.#servers = servers;
  }

  static async open(): Promise<PageHost> {
    // What is installed here, and removed, must be on a host that is thrown away.
    assert.match(readKernelFile("/proc/mounts"), /^root \/ overlay .*lowerdir=\/host,/m);
    const lab = await CareLab.open(FAMILY);
    const home = await Deno.makeTempDir({ prefix: "lvscare-page-" });
    await writeStandIns(`${home}/bin`, { scp: SCP });
    // The program looks for it where programs are, whatever PATH says: here first.
    await writeStandIns("/usr/sbin", { systemctl: SYSTEMCTL });
    // What says that systemd has started this host.
    await Deno.mkdir("/run/systemd/system", { recursive: true });
    const cert = await Deno.readTextFile(`${CERTIFICATES}/trusted.pem`);
    const key = await Deno.readTextFile(`${CERTIFICATES}/server.key`);
    // As API servers they speak HTTPS alone.
    for (const server of lab.servers) await server.stop();
    const servers = FAMILY.servers.map((hostname) =>
      lab.doBehind(() =>
        Deno.serve(
          { hostname, port: PORT, cert, key, onListen: () => {} },
          () => new Response(`${hostname}\n`, { headers: { connection: "close" } }),
        )
      )
    );
    return new PageHost(lab, home, servers);
  }

  shell(cwd: string = this.home): ShellOptions {
    const path = `${this.home}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
    return { cwd, env: { PATH: path, HOME: this.home, NODE: this.home, LC_ALL: "C" } };
  }

  /** Has the file where the pages say that it is by then. */
  async putProgram(path = `${this.home}/lvscare`): Promise<void> {
    await Deno.copyFile(`${ROOT}dist/lvscare`, path);
  }

  /** Runs a story's commands; what stays is stopped when the others are over. */
  async tell(t: Deno.TestContext, name: string, page = "README.md"): Promise<void> {
    const story = storiesAt("guest").find((each) => each.name === name && each.page === page);
    assert.ok(story, name);
    told.add(story);
    for (const command of commandsIn(story)) {
      const isDone = await t.step(command.run, async () => {
        if (command.stays) {
          const { env } = this.shell();
          this.#staying = new CareProcess(["sh", "-c", `exec ${command.run}`], env);
          await this.#staying.said(command.says!);
          return;
        }
        // As the page says, it is stopped before what it made is taken away.
        if (command.run.endsWith("--clean")) {
          assert.equal((await this.#staying?.stop())?.code, 0);
        }
        // Copying is done from the repository.
        await runCommand(command, this.shell(/^scp /.test(command.run) ? ROOT : this.home));
      });
      assert.ok(isDone, "what follows needs it");
    }
  }

  /** A request to the virtual address, from the host itself. */
  async request(): Promise<string> {
    const url = `https://${FAMILY.virtual}:${PORT}/`;
    return (await must("curl", "-ks", "--max-time", "20", url)).trim();
  }

  async isServing(): Promise<void> {
    await until(async () => (await this.lab.weights()) !== undefined, "the service is there");
    assert.ok(FAMILY.servers.includes(await this.request()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const paths = [
      ...[STATE, PID, LOG, "/run/systemd", "/etc/lvscare", UNIT, MODULES_FILE, PARAMETERS_FILE],
      ...["/usr/local/bin/lvscare", "/usr/bin/lvscare", "/usr/sbin/systemctl"],
    ];
    await this.#staying?.kill();
    if (await Deno.stat(PID).then(() => true, () => false)) {
      await runCommand({ run: "systemctl stop lvscare" }, this.shell());
    }
    for (const server of this.#servers) await server.shutdown();
    await this.lab[Symbol.asyncDispose]();
    for (const path of [...paths, this.home]) {
      await Deno.remove(path, { recursive: true }).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  }
}

const told = new Set<unknown>();

Deno.test("a host: the file is copied there, looks, stays, is asked, and leaves nothing", async (t) => {
  await using host = await PageHost.open();
  await host.tell(t, "a host");
  assert.equal(await host.lab.weights(), undefined);
});

Deno.test("a single run sets everything up before a host joins", async (t) => {
  await using host = await PageHost.open();
  await host.putProgram("/usr/local/bin/lvscare");
  await host.tell(t, "a single run");
  await host.isServing();
});

Deno.test("a service of systemd is installed, gets a file, and serves it; what troubleshooting says works there", async (t) => {
  await using host = await PageHost.open();
  await host.putProgram();
  await host.tell(t, "a service of systemd");
  await host.isServing();
  await host.tell(t, "what stands in the way", "docs/troubleshooting.md");
  const { stdout } = await runCommand({ run: "lvscare uninstall --purge" }, host.shell());
  assert.match(stdout, /remove \/usr\/bin\/lvscare/);
  // Traffic goes on.
  await host.isServing();
});

Deno.test("a unit of its own has LVScare's flags, and serves", async (t) => {
  await using host = await PageHost.open();
  await host.putProgram();
  await host.tell(t, "a unit of its own");
  await host.isServing();
  const pid = (await Deno.readTextFile(PID)).trim();
  assert.match(readKernelFile(`/proc/${pid}/cmdline`), /^\/usr\/bin\/lvscare\0care\0--vs\0/);
  await runCommand({ run: "systemctl stop lvscare" }, host.shell());
  await host.isServing();
});

interface Container {
  readonly command: readonly string[];
  readonly args: readonly string[];
}

Deno.test("a static pod does what the kubelet runs of it", async (t) => {
  await using host = await PageHost.open();
  const { lab } = host;
  await host.putProgram();
  await host.tell(t, "a static pod");
  const path = "/etc/kubernetes/manifests/kube-sealyun-lvscare.yaml";
  const pod = load(await Deno.readTextFile(path)) as {
    readonly spec: {
      readonly initContainers: readonly Container[];
      readonly containers: readonly Container[];
    };
  };
  await Deno.remove(path);
  const [setup] = pod.spec.initContainers;
  const [care] = pod.spec.containers;
  assert.deepEqual([setup!.command, care!.command], [["/usr/bin/lvscare"], ["/usr/bin/lvscare"]]);
  const env = { LVSCARE_NODE_IP: FAMILY.host };
  const first = await lab.lvscare(setup!.args, env);
  assert.equal(first.status, 0, first.stdout + first.stderr);
  await host.isServing();
  const running = lab.start(care!.args, env);
  await running.said(/care for 10\.103\.97\.12:6443/);
  await host.isServing();
  assert.equal((await running.stop()).code, 0);
});

Deno.test("a host that ran LVScare: what would be changed is said, and then it is taken over", async (t) => {
  await using host = await PageHost.open();
  const { lab } = host;
  await host.putProgram("/usr/local/bin/lvscare");
  await makeLvscareRules("nft");
  await host.tell(t, "a host that ran LVScare", "docs/lvscare.md");
  assert.equal(await lab.weights(), undefined);
  const [command] = commandsIn(storiesAt("guest").find(({ page }) => page === "docs/lvscare.md")!);
  const words = command!.run.replace("lvscare ", "").replace("--dry-run", "--run-once").split(" ");
  const ran = await lab.lvscare(words);
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  await host.isServing();
  assert.doesNotMatch(await must("iptables", "-t", "nat", "-S"), /--or-mark|--mark 0x1 /);
});

Deno.test("every story of a page that is for the guest was told", () => {
  assert.deepEqual(storiesAt("guest").filter((story) => !told.has(story)), []);
});
