/** Wrong command lines and environments, by the program itself in front of a real kernel. */

import assert from "node:assert/strict";
import { CareLab, V4 } from "../support/care_lab.ts";

const GOOD = ["--vs", "10.103.97.12:6443", "--rs", "192.168.77.2:6443", "--mode", "link"];

interface Wrong {
  readonly words: readonly string[];
  readonly env?: Record<string, string>;
}

const wrong = (...words: string[]): Wrong => ({ words });
const with_ = (...words: string[]): Wrong => ({ words: [...GOOD, ...words] });
const env = (name: string, value: string): Wrong => ({ words: GOOD, env: { [name]: value } });

const CASES: readonly Wrong[] = [
  wrong(),
  wrong("--vs", "10.103.97.12:6443"),
  wrong("--rs", "192.168.77.2:6443"),
  wrong("--vs", "nowhere", "--rs", "192.168.77.2:6443"),
  wrong("--vs", "10.103.97.12", "--rs", "192.168.77.2:6443"),
  wrong("--vs", "10.103.97.12:0", "--rs", "192.168.77.2:6443"),
  wrong("--vs", "10.103.97.12:65536", "--rs", "192.168.77.2:6443"),
  wrong("--vs", "lb.example:6443", "--rs", "192.168.77.2:6443"),
  wrong("--vs", "fd00::1:6443", "--rs", "192.168.77.2:6443"),
  wrong("--vs", "0.0.0.0:6443", "--rs", "192.168.77.2:6443"),
  wrong("--vs", "224.0.0.1:6443", "--rs", "192.168.77.2:6443"),
  wrong("--vs", "10.103.97.12:6443", "--rs", "[fd00::2]:6443"),
  wrong("--vs", "10.103.97.12:6443", "--rs", "10.103.97.12:6443"),
  with_("--rs", "192.168.77.2"),
  with_("--rs", ""),
  with_("--rs", "192.168.77.2:6443,,"),
  with_("192.168.77.3:6443"),
  with_("--scheduler", "round robin"),
  with_("--scheduler", ""),
  with_("--iface", "a-name-of-16-byte"),
  with_("--iface", "a/b"),
  with_("-i", ""),
  with_("--mode", "bridge"),
  with_("--masqueradebit", "32"),
  with_("--masqueradebit=-1"),
  with_("--masqueradebit", "0x1"),
  with_("--interval", "0"),
  with_("--interval=-5s"),
  with_("--interval", "5 seconds"),
  with_("--interval", "25h"),
  with_("--health-timeout", "0"),
  with_("--health-path", "/a b"),
  with_("--health-path", "/a#b"),
  with_("--health-schem", "ftp"),
  with_("--health-req-method", "GET /"),
  with_("--health-req-headers", "no-value"),
  with_("--health-req-headers", "Content-Length=3"),
  with_("--health-status", "600"),
  with_("--health-status", "ok"),
  with_("--run-once=maybe"),
  with_("--rise", "0"),
  with_("--fall", "1.5"),
  with_("--drain-timeout=-1s"),
  with_("--backend", "ioctl"),
  with_("--masquerade", "ipfw"),
  with_("--logger", "LOUD"),
  with_("--log-format", "xml"),
  with_("--state-dir", "run/lvscare"),
  with_("--health-pathh", "/healthz"),
  with_("--vs"),
  env("CARE_INTERVAL", "soon"),
  env("CARE_MASQUERADEBIT", "99"),
  env("CARE_RUN_ONCE", "perhaps"),
  env("CARE_HEALTH_SCHEM", "gopher"),
  env("CARE_SCHEDULER", "RR"),
  env("CARE_STATE_DIR", "here"),
  env("LVSCARE_NETLINK", "ioctl"),
];

/** So many start at a time. */
const BATCH = 4;

Deno.test(`${CASES.length} wrong command lines and environments are one line each, status 2, and the kernel is as it was`, async () => {
  assert.ok(CASES.length >= 40);
  await using lab = await CareLab.open(V4);
  await lab.addForeign();
  const before = await lab.snapshot();
  for (let at = 0; at < CASES.length; at += BATCH) {
    const batch = CASES.slice(at, at + BATCH);
    const ran = await Promise.all(
      batch.map(({ words, env }) => lab.lvscare(["care", ...words], env)),
    );
    for (const [i, { status, stdout, stderr }] of ran.entries()) {
      const what = JSON.stringify(batch[i]);
      assert.equal(status, 2, `${what}: ${stdout}${stderr}`);
      assert.equal(stdout, "", what);
      assert.match(stderr, /^lvscare: [^\n]+\n$/, what);
    }
  }
  assert.equal(await lab.snapshot(), before);
  assert.deepEqual([...Deno.readDirSync(lab.stateDir)], []);
});
