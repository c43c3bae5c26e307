/** A host with systemd, two real servers, and clients that ask through the virtual server all the time. */

import assert from "node:assert/strict";
import { BUSYBOX, SystemdGuest } from "./systemd_guest.ts";
import { run } from "./process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
export const VIRTUAL = "10.103.97.12";
/** What is installed from; not where it is installed. */
export const ORIGINAL = "/opt/lvscare";
const CLIENTS = ["1", "2"];

/** Namespaces beside this one, each behind its own device: a client and two servers. */
const GROUND = `#!/bin/sh -e
for each in client:10.1.0 one:10.2.1 two:10.2.2; do
  name=\${each%:*} net=\${each#*:}
  ip netns add $name
  ip link add to-$name type veth peer name eth0 netns $name
  ip addr add $net.1/24 dev to-$name
  ip link set to-$name up
  ip -n $name link set lo up
  ip -n $name addr add $net.2/24 dev eth0
  ip -n $name link set eth0 up
  ip -n $name route add default via $net.1
done
/opt/serve one
/opt/serve two
`;

const SERVE = `#!/bin/sh
exec ip netns exec "$1" ${BUSYBOX} httpd -p 80 -h "/srv/$1"
`;

const GROUND_UNIT = `[Unit]
Description=A network to balance in
After=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/opt/ground
[Install]
WantedBy=multi-user.target
`;

/** Says a line a second, as long as it is let. */
const SLOW = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
while [ -e /run/clients/on ]; do
  echo still here
  sleep 1
done
echo done
`;

/** One request after the other; what was not answered is written down. */
const CLIENT = `#!/bin/sh
while [ -e /run/clients/on ]; do
  timeout 60 ${BUSYBOX} wget -q -O - http://${VIRTUAL}/ >>/run/clients/answers.$1 2>/run/clients/error.$1 ||
    echo "$(date +%T) $(cat /run/clients/error.$1)" >>/run/clients/failures
done
`;

/** One connection for all of the time. */
const LONG_CLIENT = `#!/bin/sh
${BUSYBOX} wget -q -O /run/clients/long http://${VIRTUAL}/cgi-bin/slow ||
  echo "the long one" >>/run/clients/failures
`;

const unitOf = (program: string) =>
  `[Service]
ExecStart=/usr/sbin/ip netns exec client ${program}
`;

export class SystemdLab implements AsyncDisposable {
  readonly guest: SystemdGuest;

  private constructor(guest: SystemdGuest) {
    this.guest = guest;
  }

  /** A system that has not been started yet, with the program beside it and not installed. */
  static async open(): Promise<SystemdLab> {
    const guest = await SystemdGuest.open();
    try {
      const lab = new SystemdLab(guest);
      await lab.here("version"); // which builds it
      await Deno.copyFile(`${ROOT}dist/lvscare`, guest.root + ORIGINAL);
      for (const [name, text] of Object.entries({ ground: GROUND, serve: SERVE })) {
        guest.write(`/opt/${name}`, text, 0o755);
      }
      guest.addUnit("ground", GROUND_UNIT);
      for (const name of ["one", "two"]) {
        guest.write(`/srv/${name}/index.html`, `${name}\n`);
        guest.write(`/srv/${name}/cgi-bin/slow`, SLOW, 0o755);
      }
      guest.write("/opt/client", CLIENT, 0o755);
      guest.write("/opt/long-client", LONG_CLIENT, 0o755);
      guest.write("/etc/systemd/system/client@.service", unitOf("/opt/client %i"));
      guest.write("/etc/systemd/system/long-client.service", unitOf("/opt/long-client"));
      guest.write("/etc/sysctl.d/10-router.conf", "net.ipv4.ip_forward = 1\n");
      return lab;
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What the same program prints on this host. */
  async here(...words: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await run([`${ROOT}scripts/lvscare`, ...words], {
      env: Deno.env.toObject(),
    });
    assert.equal(status, 0, stderr);
    return stdout;
  }

  /** Clients that ask one after the other, and one that keeps its connection. */
  async startClients(): Promise<void> {
    const units = [...CLIENTS.map((name) => `client@${name}`), "long-client"];
    await this.guest.must(
      "mkdir -p /run/clients && rm -f /run/clients/* && touch /run/clients/on && " +
        `systemctl start ${units.join(" ")}`,
    );
    await this.moreAnswers();
  }

  /** How many requests were answered by now: all that there were. */
  async answers(): Promise<number> {
    const failures = await this.guest.must("cat /run/clients/failures 2>/dev/null || true");
    assert.equal(failures, "");
    const { stdout } = await this.guest.sh("cat /run/clients/answers.*");
    const lines = stdout.split("\n").filter((line) => line !== "");
    assert.deepEqual(lines.filter((line) => !/^(one|two)$/.test(line)), []);
    return lines.length;
  }

  /** Waits for some more answers: requests that were made after this was called. */
  async moreAnswers(): Promise<number> {
    const before = await this.answers();
    const wanted = before + 3 * CLIENTS.length;
    const count = (file: string) => `$(cat ${file} 2>/dev/null | wc -l)`;
    await this.guest.until(
      `[ ${count("/run/clients/answers.*")} -ge ${wanted} ] || [ -s /run/clients/failures ]`,
      "answers through the virtual server",
    );
    return await this.answers();
  }

  /** Lets them come to their ends; gives how many lines came through the connection that was kept. */
  async stopClients(): Promise<number> {
    const units = [...CLIENTS.map((name) => `client@${name}`), "long-client"].join(" ");
    await this.guest.must("rm /run/clients/on");
    await this.guest.until(`! systemctl -q is-active ${units}`, "the last answers");
    await this.answers();
    const long = (await this.guest.must("cat /run/clients/long")).trim().split("\n");
    assert.equal(long.pop(), "done");
    return long.length;
  }

  /** What the service has said since it was last asked, each line without its time. */
  async log(): Promise<string> {
    return await this.guest.must(
      "journalctl --sync && journalctl -u lvscare -o cat --no-pager --cursor-file=/run/cursor",
    );
  }

  async property(name: string): Promise<string> {
    return (await this.guest.must(`systemctl show lvscare -p ${name} --value`)).trim();
  }

  /** All files of the system, with their modes, sizes and times of change. */
  async files(): Promise<Map<string, string>> {
    const text = await this.guest.must(
      `${BUSYBOX} find /etc /opt /srv /usr '(' -type f -o -type l ')' -exec stat -c '%n|%a %s %Y' {} +`,
    );
    const files = new Map(
      text.trimEnd().split("\n").map((line) => line.split("|", 2) as [string, string]),
    );
    assert.ok(files.size > 500, `found ${files.size} files`);
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.guest[Symbol.asyncDispose]();
  }
}
