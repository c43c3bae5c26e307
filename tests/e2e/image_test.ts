/**
 * The image that scripts/image makes, run as the manifests of `lvscare generate static-pod` say: nothing of the host
 * but what they mount, no rights but those that they ask for.
 */

import assert from "node:assert/strict";
import { load, loadAll } from "js-yaml";
import { readKernelFile } from "../../src/sys/kernel_file.ts";
import { BINARY, CareLab, type CareProcess, PORT, until, V4 } from "../support/care_lab.ts";
import { must } from "../support/network.ts";
import {
  capabilityMask,
  type ConfigMap,
  Pod,
  type PodManifest,
  programOf,
  UnpackedImage,
} from "../support/pod.ts";
import { run } from "../support/process.ts";

const LAYOUT = new URL("../../dist/image/oci", import.meta.url).pathname;
const STATE_DIR = "/run/lvscare";

/** Unpacked once for all: that takes longer than all else. */
let unpacking: Promise<UnpackedImage> | undefined;

function openImage(): Promise<UnpackedImage> {
  return unpacking ??= (async () => {
    const image = await UnpackedImage.open(
      LAYOUT,
      await Deno.makeTempDir({ prefix: "lvscare-image-" }),
    );
    // That of this tree, and none that was left from before.
    await must("cmp", BINARY, `${image.root}/usr/bin/lvscare`);
    return image;
  })();
}

/** What is run. */
interface Order {
  readonly manifest: PodManifest;
  readonly configMap?: ConfigMap;
}

/** The static pod for the lab's servers, which speak HTTP. */
async function staticPod(lab: CareLab, ...options: string[]): Promise<Order> {
  const { family: { servers } } = lab;
  const flags = ["--health-schem=http", "--interval=1s", "--health-timeout=2s", ...options];
  const { status, stdout, stderr } = await lab.lvscare([
    ...["generate", "static-pod", "--vip", lab.virtual, "--masters", servers.join(",")],
    ...["--options", flags.join(","), "--print"],
  ]);
  assert.equal(status, 0, stderr);
  return { manifest: load(stdout) as PodManifest };
}

/** Of `lvscare run`, in mode link; one of its files is in conf.d. */
const MAIN = `defaults:
  mode: link
  check: { type: http, path: /healthz, interval: 1s, timeout: 2s }
`;

function serviceFile(lab: CareLab, ports: string): string {
  const servers = lab.family.servers.map((address) => `"${lab.family.at(address, PORT)}"`);
  return `services: [{ address: ${lab.family.virtual}, port: ${ports}, servers: [${servers}] }]\n`;
}

async function daemonSet(lab: CareLab): Promise<Order> {
  const folder = await Deno.makeTempDir({ prefix: "lvscare-files-" });
  await Deno.mkdir(`${folder}/conf.d`);
  await Deno.writeTextFile(`${folder}/lvscare.yaml`, MAIN);
  await Deno.writeTextFile(`${folder}/conf.d/one.yaml`, serviceFile(lab, `${PORT}`));
  const { status, stdout, stderr } = await lab.lvscare(["generate", "daemonset", "-c", folder]);
  await Deno.remove(folder, { recursive: true });
  assert.equal(status, 0, stderr);
  const [map, set] = loadAll(stdout) as [
    { readonly data: ConfigMap },
    { readonly spec: { readonly template: PodManifest } },
  ];
  return { manifest: set.spec.template, configMap: map.data };
}

interface Running {
  readonly lab: CareLab;
  readonly image: UnpackedImage;
  readonly pod: Pod;
  readonly care: CareProcess;
}

/** Runs the pod from its beginning to its end, and what a test does while it runs. */
async function withPod(
  order: (lab: CareLab) => Promise<Order>,
  { asks, says }: {
    /** The rights of the container that ends before. */
    readonly asks: "any rights" | readonly string[];
    /** What it does. */
    readonly says: RegExp;
  },
  body: (running: Running) => Promise<void>,
): Promise<void> {
  const image = await openImage();
  await using lab = await CareLab.open(V4);
  const { manifest, ...rest } = await order(lab);
  const pod = new Pod({ image, manifest, hostIp: V4.host, ...rest });
  try {
    const [setup] = manifest.spec.initContainers!;
    const { privileged, capabilities } = setup!.securityContext;
    assert.deepEqual(privileged ? "any rights" : capabilities?.add, asks);
    assert.equal((await pod.probe("livenessProbe")).status, 1, "nobody runs yet");
    const [ran] = await pod.setUp();
    assert.deepEqual([ran!.status, ran!.stderr], [0, ""], ran!.stdout);
    assert.match(ran!.stdout, says);

    const care = pod.start();
    try {
      await until(
        async () => (await pod.probe("livenessProbe")).status === 0,
        "it is alive",
        () => {
          return care.output + care.errors;
        },
      );
      await body({ lab, image, pod, care });
      // It is the first process of its namespace, as in every container, and ends when it is asked to.
      Deno.kill(programOf(care), "SIGTERM");
      assert.equal((await care.end()).code, 0, care.output + care.errors);
      assert.equal(care.errors, "");
      assert.equal((await pod.probe("livenessProbe")).status, 1, "it has ended");
      // What it made stays.
      assert.deepEqual(await lab.answering(), [...V4.servers].sort());
    } finally {
      await care.kill();
    }
  } finally {
    await Deno.remove(STATE_DIR, { recursive: true });
  }
}

/** A server stops and comes back: who asks the virtual address is answered by those that are there. */
async function assertFailover({ lab, pod, care }: Running): Promise<void> {
  const [first, second, third] = V4.servers as [string, string, string];
  const said = () => care.output + care.errors;
  await until(async () => (await pod.probe("readinessProbe")).status === 0, "it is ready", said);
  assert.deepEqual(await lab.answering(), [...V4.servers].sort());
  await lab.servers[1]!.stop();
  await care.said(/Trying to update wight to 0 for graceful termination/);
  await care.said(/Trying to delete real server/);
  assert.deepEqual(await lab.weights(), { [first]: 1, [third]: 1 });
  assert.deepEqual(await lab.answering(), [first, third].sort());
  const probed = await pod.probe("readinessProbe");
  assert.equal(probed.status, 0, "servers that are down are no reason not to be ready");
  assert.match(probed.stdout, /\nTCP 10\.103\.97\.12:6443 rr +2 of 3 up/);
  lab.servers[1]!.start();
  await care.said(/Trying to add real server back/);
  assert.deepEqual(await lab.weights(), { [first]: 1, [second]: 1, [third]: 1 });
  assert.deepEqual(await lab.answering(), [...V4.servers].sort());
}

function statusOf(pid: number): Record<string, string> {
  const lines = readKernelFile(`/proc/${pid}/status`).trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)));
}

/** It has the rights of its manifest, and no others. */
function assertRights({ pod, care }: Running): void {
  const { CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs, Uid } = statusOf(programOf(care));
  const asked = capabilityMask(pod.main.securityContext.capabilities!.add!);
  assert.equal(asked, capabilityMask(["NET_ADMIN", "NET_RAW"]));
  const none = capabilityMask([]);
  assert.deepEqual({ CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs }, {
    ...{ CapInh: none, CapPrm: asked, CapEff: asked, CapBnd: asked, CapAmb: none },
    NoNewPrivs: "1",
  });
  assert.equal(Uid?.split("\t")[0], "0");
}

/** Its root lists the image's files and nothing else, and what is mounted below it is what the manifest says. */
async function assertRoot({ image, pod, care }: Running): Promise<void> {
  const pid = programOf(care);
  const listed = await must(
    "find",
    `/proc/${pid}/root/`,
    "-xdev",
    "-mindepth",
    "1",
    "-printf",
    "%P\\n",
  );
  const there = listed.trim().split("\n").sort();
  assert.ok(image.names.length > 30, `${image.names.length} names`);
  // What stands on nothing of the image got something to stand on.
  assert.deepEqual(there, [...image.names, "run/xtables.lock"].sort());

  const mounts = readKernelFile(`/proc/${pid}/mountinfo`).trim().split("\n")
    .map((line) => line.split(" ")).map(([, , , , place, options]) => ({
      place: place!,
      isReadOnly: options!.split(",").includes("ro"),
    }));
  const found = Object.fromEntries(mounts.map(({ place, isReadOnly }) => [place, isReadOnly]));
  assert.equal(mounts.length, Object.keys(found).length);
  const asked = ["/lib/modules", STATE_DIR, "/run/xtables.lock"];
  assert.deepEqual(pod.mounts, asked);
  assert.deepEqual(found, {
    ...{ "/": true, "/lib/modules": true, [STATE_DIR]: false, "/run/xtables.lock": false },
    ...{ "/proc": false, "/proc/sys": true, "/sys": true, "/dev": false },
  });

  // All that it runs is the image's, too.
  const mapped = [...readKernelFile(`/proc/${pid}/maps`).matchAll(/ (\/.*)$/gm)]
    .map(([, path]) => path!).filter((path) => !/^\/(?:memfd:|dev\/zero)/.test(path));
  const files = new Set(mapped);
  assert.ok(files.has(`${image.root}/usr/bin/lvscare`), [...files].join(" "));
  for (const file of files) {
    const [, name = ""] = file.split(`${image.root}/`);
    assert.ok(image.names.includes(name), file);
  }
}

Deno.test("route mode: the image alone keeps a virtual server, with the rights of its manifest", () =>
  withPod((lab) => staticPod(lab), {
    asks: ["NET_ADMIN", "NET_RAW", "SYS_MODULE"],
    says: /add service TCP 10\.103\.97\.12:6443 rr/,
  }, async (running) => {
    assert.match(
      await must("ip", "route", "show", `${V4.virtual}/32`),
      new RegExp(`^${V4.virtual} via ${V4.host} dev cable0 metric 50`),
    );
    await assertFailover(running);
    assertRights(running);
    await assertRoot(running);
  }));

Deno.test("link mode: what only a privileged container may set is set before, and all else is kept without", () =>
  withPod(
    (lab) => staticPod(lab, "--mode=link"),
    { asks: "any rights", says: /set net\.ipv4\.vs\.conntrack: 0 -> 1/ },
    async (running) => {
      const { lab, pod, care } = running;
      assert.match(
        await must("ip", "-o", "addr", "show", "dev", "lvscare"),
        / 10\.103\.97\.12\/32 /,
      );
      // There is no iptables in the image.
      assert.match(await must("nft", "list", "table", "ip", "lvscare"), /10\.103\.97\.12/);
      assert.equal((await must("sysctl", "-n", "net.ipv4.vs.conntrack")).trim(), "1");
      await assertFailover(running);
      assertRights(running);
      await assertRoot(running);

      // What is taken away is back at once; what only the first container may set is not, and is said.
      await must("ip", "link", "del", "lvscare");
      await must("nft", "delete", "table", "ip", "lvscare");
      await until(
        async () => (await run(["/usr/sbin/nft", "list", "table", "ip", "lvscare"])).status === 0,
        "the rules are back",
        () => care.output,
      );
      assert.deepEqual(await lab.answering(), [...V4.servers].sort());
      await must("sysctl", "-qw", "net.ipv4.vs.conntrack=0");
      await care.said(/set net\.ipv4\.vs\.conntrack to "1": \/proc\/sys is read-only here/);
      const unready = await pod.probe("readinessProbe");
      assert.equal(unready.status, 3, unready.stdout + unready.stderr);
      assert.match(unready.stdout, /some changes were refused/);
      assert.equal((await pod.probe("livenessProbe")).status, 0);
      await must("sysctl", "-qw", "net.ipv4.vs.conntrack=1");
      await until(
        async () => (await pod.probe("readinessProbe")).status === 0,
        "it is ready again",
      );
    },
  ));

Deno.test("a DaemonSet in mode link needs no rights but those for the net, and follows its ConfigMap", () =>
  withPod(
    daemonSet,
    { asks: "any rights", says: /set net\.ipv4\.vs\.conntrack: 0 -> 1\n$/ },
    async (running) => {
      const { lab, pod, care } = running;
      await until(async () => (await pod.probe("readinessProbe")).status === 0, "it is ready");
      assertRights(running);
      const answering = async (port: number) => {
        const seen = new Set<string>();
        for (let i = 0; i < 6; i++) seen.add(await lab.request("/", V4.virtual, port));
        return [...seen].sort();
      };
      assert.deepEqual(await answering(PORT), [...V4.servers].sort());
      pod.update({
        "lvscare.yaml": MAIN,
        "conf.d.one.yaml": serviceFile(lab, `[${PORT}, ${PORT + 1}]`),
      });
      await care.said(/add service TCP 10\.103\.97\.12:6444/);
      await lab.servers[1]!.stop();
      await care.said(/Trying to delete real server/);
      await until(async () => {
        const weights = [await lab.weights(), await lab.weights(`${V4.virtual}:${PORT + 1}`)];
        return weights.every((each) => each && Object.keys(each).length === 2);
      }, "it is out of both services");
      const [first, , third] = V4.servers;
      for (const port of [PORT, PORT + 1]) assert.deepEqual(await answering(port), [first, third]);
      lab.servers[1]!.start();
      await care.said(/Trying to add real server back/);
    },
  ));
