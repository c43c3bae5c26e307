/** What `lvscare generate` writes: whole texts, what Kubernetes and systemd take, and what is refused. */

import assert from "node:assert/strict";
import { load, loadAll } from "js-yaml";
import { complete } from "../../src/cli/completions.ts";
import { type CliHost, createProgram, runCli } from "../../src/cli/program.ts";
import { CHECK_TYPES, meantForOthers } from "../../src/config/files/check_fields.ts";
import { fileSchema } from "../../src/config/files/fields.ts";
import { readFiles } from "../../src/config/files/read.ts";
import { convertKeepalived } from "../../src/config/keepalived/read.ts";
import { LvscareError } from "../../src/errors.ts";
import { isGenerated } from "../../src/generate/artifact.ts";
import { EXAMPLE_FILE } from "../../src/generate/daemonset.ts";
import { splitCommas, splitWords } from "../../src/generate/flags.ts";
import { exclude } from "../../src/generate/kube_proxy.ts";
import { needsOf, PLAIN_NEEDS } from "../../src/generate/needs.ts";
import { setImage } from "../../src/generate/set_image.ts";
import { systemdWord } from "../../src/generate/systemd.ts";
import { noted, printYaml } from "../../src/generate/yaml.ts";
import { withFolder } from "../support/process.ts";
import { NO_SERVICES, NO_TOOLS } from "../support/run_host.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const GOLDEN = `${ROOT}tests/golden/generate`;
const EXAMPLE = `${ROOT}tests/support/example`;

const never = () => Promise.reject(new LvscareError("not here"));

interface World {
  readonly hosts?: string;
  readonly stdin?: string;
}

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: readonly string[], { hosts, stdin = "" }: World = {}): Promise<Outcome> {
  let out = "";
  let err = "";
  const host: CliHost = {
    care: {
      env: () => undefined,
      readHosts: () =>
        hosts === undefined ? Promise.reject(new Deno.errors.NotFound()) : Promise.resolve(hosts),
      runCare: never,
    },
    services: {
      ...NO_SERVICES,
      convert: (path) =>
        convertKeepalived({
          path,
          configId: undefined,
          skipsUnsupported: false,
          env: () => undefined,
        }),
    },
    ...NO_TOOLS,
    runDemo: never,
    openIpvsTable: never,
    readStdin: () => Promise.resolve(stdin),
    readTextFile: never,
  };
  const status = await runCli(["generate", ...args], {
    output: { out: (text) => out += text, err: (text) => err += text },
    host,
    debug: false,
  });
  return { status, out, err };
}

/** What is printed, and nothing is wrong with it. */
async function generate(args: readonly string[], world?: World): Promise<string> {
  const { status, out, err } = await run(args, world);
  assert.deepEqual({ status, err }, { status: 0, err: "" }, args.join(" "));
  return out;
}

// deno-lint-ignore no-explicit-any -- what was parsed; a wrong guess fails the test
type Json = any;

async function generateYaml(args: readonly string[], world?: World): Promise<Json> {
  return load(await generate(args, world)) as Json;
}

const PROXY_CONFIG = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
clientConnection:
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
clusterCIDR: 10.244.0.0/16
ipvs:
  excludeCIDRs: null
  minSyncPeriod: 0s
  scheduler: ""
  strictARP: false
  syncPeriod: 0s
kind: KubeProxyConfiguration
mode: ipvs
`;

const PROXY_MAP = printYaml({
  apiVersion: "v1",
  data: { "config.conf": PROXY_CONFIG, "kubeconfig.conf": "apiVersion: v1\nkind: Config\n" },
  kind: "ConfigMap",
  metadata: { name: "kube-proxy", namespace: "kube-system" },
});

const MASTERS = ["--masters", "192.168.0.2,192.168.0.3:7443", "--print"];
const CARE = "--vs 10.103.97.12:6443 --rs 192.168.0.2:6443,192.168.0.3:6443";

/** Each golden file, and what it was printed by. LVSCARE_UPDATE_GOLDEN=1 writes them anew. */
const GOLDENS: readonly (readonly [file: string, args: readonly string[], world?: World])[] = [
  ["static-pod.yaml", ["static-pod", ...MASTERS]],
  [
    "static-pod-link.yaml",
    [
      ...["static-pod", ...MASTERS, "--vip=10.103.97.12:8443", "--name", "kube-lvscare"],
      ...["--image", "registry.example:5000/team/lvscare:1.2", "--masters", "192.168.0.4"],
      ...["--options", "--mode=link,--interval=2s", "--options", "--persistence=5m"],
      ...["--options", '"--health-req-headers=A=b c,D=e"', "--node-ip", "192.168.0.9"],
    ],
  ],
  ["static-pod-privileged.yaml", ["static-pod", ...MASTERS, "--privileged"], {
    hosts: "127.0.0.1 localhost\n192.168.0.7 node7 lvscare.node.ip\n",
  }],
  [
    "static-pod-unprivileged.yaml",
    ["static-pod", ...MASTERS, "--options", "--mode=link", "--privileged=false"],
  ],
  [
    "static-pod-ipv6.yaml",
    ["static-pod", "--vip", "fd00::1", "--masters", "[fd00::2]:443,fd00::3", "--print=true"],
  ],
  [
    "static-pod-embedded.yaml",
    ["static-pod", ...MASTERS, "--vip", "10.103.97.2:443", "--options", "--dataplane=embedded"],
  ],
  [
    "static-pod-auto.yaml",
    ["static-pod", ...MASTERS, "--options", "--dataplane=auto,--state-dir=/run/other"],
  ],
  ["daemonset.yaml", ["daemonset"]],
  [
    "daemonset-files.yaml",
    [
      ...["daemonset", "-c", EXAMPLE, "--name", "edge", "--namespace", "lb"],
      ...["--image", "lvscare@sha256:" + "0123456789abcdef".repeat(4)],
    ],
  ],
  [
    "daemonset-keepalived.yaml",
    ["daemonset", "--config", `${EXAMPLE}/keepalived.conf`, "--privileged=false"],
  ],
  [
    "kube-proxy.yaml",
    ["kube-proxy", "--vip", "10.103.97.2,fd00::1", "--vip", "10.9.0.0/16", "-c", EXAMPLE],
  ],
  ["kube-proxy-flags", ["kube-proxy", "--vip", "10.103.97.2:6443,fd00::1", "--as=flags"]],
  [
    "kube-proxy-patch.yaml",
    ["kube-proxy", "--vip", "10.103.97.2", "--as", "patch", "--from", "-"],
    { stdin: PROXY_MAP },
  ],
  ["systemd.service", ["systemd"]],
  ["systemd-drop-ins", ["systemd", "--drop-ins", "-c", "/home/op/lb.yaml"]],
  ["systemd-care.service", ["systemd", "--care", `care ${CARE} --mode link`]],
  ["systemd-care-drop-ins", ["systemd", "--drop-ins", "--care", `${CARE} --scheduler wlc`]],
  [
    "systemd-care-once.service",
    ["systemd", "--care", `${CARE} --run-once`, "--program", "/opt/l v$/lvscare"],
  ],
  [
    "systemd-embedded.service",
    [
      "systemd",
      "--care",
      '--vs 127.0.0.1:443 --rs 10.0.0.2:443 --mode "" --dataplane embedded --state-dir /var/lib/a/b ' +
      "--health-req-headers 'X-Key=50% of $HOME'",
    ],
  ],
  ["compose.yaml", ["compose", "-c", "/srv/lb/keepalived.conf"]],
  [
    "compose-care.yaml",
    ["compose", "--care", `${CARE} --health-req-headers X-Key=$a`, "--name", "api"],
  ],
  ["config.yaml", ["config"]],
];

/** Wherever this tree is. */
function withoutRoot(text: string): string {
  return text.replaceAll(ROOT, "");
}

Deno.test("what is generated is what the golden files have", async (t) => {
  const files = GOLDENS.map(([file]) => `${file}.txt`);
  if (Deno.env.get("LVSCARE_UPDATE_GOLDEN") === "1") {
    for (const [file, args, world] of GOLDENS) {
      Deno.writeTextFileSync(`${GOLDEN}/${file}.txt`, withoutRoot(await generate(args, world)));
    }
  }
  assert.deepEqual([...Deno.readDirSync(GOLDEN)].map(({ name }) => name).sort(), files.sort());
  for (const [file, args, world] of GOLDENS) {
    await t.step(file, async () => {
      const text = withoutRoot(await generate(args, world));
      assert.equal(text, Deno.readTextFileSync(`${GOLDEN}/${file}.txt`));
    });
  }
});

// --- Kubernetes ---

/** A part of Kubernetes' API as its reference has it (v1, apps/v1): only what is written here may be used. */
type Shape =
  | "string"
  | "integer"
  | "boolean"
  | "quantity"
  | { readonly oneOf: readonly string[] }
  | { readonly list: Shape; readonly key?: string }
  | { readonly map: Shape }
  | Fields;

interface Fields {
  readonly need: Readonly<Record<string, Shape>>;
  readonly may?: Readonly<Record<string, Shape>>;
}

const METADATA: Fields = {
  need: { name: "string" },
  may: { namespace: "string", labels: { map: "string" } },
};

const PROBE: Fields = {
  need: {},
  may: {
    exec: { need: {}, may: { command: { list: "string" } } },
    tcpSocket: { need: { port: "integer" }, may: { host: "string" } },
    periodSeconds: "integer",
    timeoutSeconds: "integer",
    failureThreshold: "integer",
  },
};

const CONTAINER: Fields = {
  need: { name: "string" },
  may: {
    image: "string",
    imagePullPolicy: { oneOf: ["Always", "Never", "IfNotPresent"] },
    command: { list: "string" },
    args: { list: "string" },
    env: {
      key: "name",
      list: {
        need: { name: "string" },
        may: {
          value: "string",
          valueFrom: { need: {}, may: { fieldRef: { need: { fieldPath: "string" } } } },
        },
      },
    },
    securityContext: {
      need: {},
      may: {
        privileged: "boolean",
        allowPrivilegeEscalation: "boolean",
        readOnlyRootFilesystem: "boolean",
        capabilities: { need: {}, may: { add: { list: "string" }, drop: { list: "string" } } },
        seLinuxOptions: { need: {}, may: { level: "string", type: "string" } },
      },
    },
    resources: {
      need: {},
      may: { requests: { map: "quantity" }, limits: { map: "quantity" } },
    },
    startupProbe: PROBE,
    livenessProbe: PROBE,
    readinessProbe: PROBE,
    volumeMounts: {
      key: "mountPath",
      list: { need: { name: "string", mountPath: "string" }, may: { readOnly: "boolean" } },
    },
  },
};

const POD_SPEC: Fields = {
  need: { containers: { list: CONTAINER, key: "name" } },
  may: {
    initContainers: { list: CONTAINER, key: "name" },
    hostNetwork: "boolean",
    dnsPolicy: { oneOf: ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] },
    priorityClassName: "string",
    automountServiceAccountToken: "boolean",
    enableServiceLinks: "boolean",
    tolerations: {
      list: { need: {}, may: { operator: { oneOf: ["Exists", "Equal"] }, key: "string" } },
    },
    terminationGracePeriodSeconds: "integer",
    securityContext: {
      need: {},
      may: {
        runAsUser: "integer",
        seccompProfile: {
          need: { type: { oneOf: ["RuntimeDefault", "Unconfined", "Localhost"] } },
        },
      },
    },
    volumes: {
      key: "name",
      list: {
        need: { name: "string" },
        may: {
          hostPath: {
            need: { path: "string" },
            may: {
              type: { oneOf: ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File"] },
            },
          },
          configMap: {
            need: {},
            may: {
              name: "string",
              items: { key: "key", list: { need: { key: "string", path: "string" } } },
            },
          },
        },
      },
    },
  },
};

const KINDS: Readonly<Record<string, Fields>> = {
  "v1 Pod": {
    need: { apiVersion: "string", kind: "string", metadata: METADATA, spec: POD_SPEC },
  },
  "v1 ConfigMap": {
    need: { apiVersion: "string", kind: "string", metadata: METADATA },
    may: { data: { map: "string" } },
  },
  "apps/v1 DaemonSet": {
    need: {
      apiVersion: "string",
      kind: "string",
      metadata: METADATA,
      spec: {
        need: {
          selector: { need: {}, may: { matchLabels: { map: "string" } } },
          template: { need: { metadata: { need: {}, may: METADATA.may! }, spec: POD_SPEC } },
        },
        may: {
          updateStrategy: {
            need: {},
            may: {
              type: { oneOf: ["RollingUpdate", "OnDelete"] },
              rollingUpdate: { need: {}, may: { maxUnavailable: "integer", maxSurge: "integer" } },
            },
          },
        },
      },
    },
  },
};

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
  quantity: (value) => typeof value === "string" && /^[1-9]\d*(m|Mi)$/.test(value),
};

function assertShape(value: unknown, shape: Shape, path: string): void {
  if (typeof shape === "string") assert.ok(TYPES[shape]!(value), `${path} is no ${shape}`);
  else if ("oneOf" in shape) assert.ok(shape.oneOf.includes(String(value)), `${path}: ${value}`);
  else if ("list" in shape) {
    assert.ok(Array.isArray(value), `${path} is no list`);
    for (const [i, each] of value.entries()) assertShape(each, shape.list, `${path}[${i}]`);
    const keys = shape.key === undefined ? [] : value.map((each) => each[shape.key!]);
    assert.equal(new Set(keys).size, keys.length, `${path}: ${keys}`);
  } else {
    assert.ok(value !== null && typeof value === "object" && !Array.isArray(value), path);
    if ("map" in shape) {
      for (const [key, each] of Object.entries(value)) {
        assertShape(each, shape.map, `${path}.${key}`);
      }
      return;
    }
    const { need, may = {} } = shape as Fields;
    for (const key of Object.keys(need)) assert.ok(key in value, `${path} has no ${key}`);
    for (const [key, each] of Object.entries(value)) {
      const known = need[key] ?? may[key];
      assert.ok(known, `${path}.${key} is unknown`);
      assertShape(each, known, `${path}.${key}`);
    }
  }
}

/** What a node or the API server would refuse of a pod, beside wrong fields. */
function assertPod({ spec, metadata }: Json): void {
  const volumes = new Set(spec["volumes"].map((volume: Json) => volume["name"]));
  const containers = [...spec["initContainers"] ?? [], ...spec["containers"]] as Json[];
  assert.equal(new Set(containers.map(({ name }) => name)).size, containers.length);
  for (const container of containers) {
    const { name, volumeMounts, securityContext: rights } = container as unknown as {
      name: string;
      volumeMounts: { name: string }[];
      securityContext: Record<string, unknown>;
    };
    assert.match(name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    for (const { name } of volumeMounts) assert.ok(volumes.has(name as never), name);
    // The API server refuses the two together.
    assert.ok(!(rights["privileged"] && rights["allowPrivilegeEscalation"] === false), name);
  }
  for (const [key, value] of Object.entries(metadata?.["labels"] ?? {})) {
    assert.match(key, /^([a-z0-9.]+\/)?[a-z0-9.-]{1,63}$/i);
    assert.match(String(value), /^[a-z0-9.-]{1,63}$/i);
  }
}

Deno.test("manifests have the fields that Kubernetes needs, of their types, and no others", async () => {
  let count = 0;
  for (const [file, args, world] of GOLDENS) {
    if (args[0] !== "static-pod" && args[0] !== "daemonset") continue;
    for (const object of loadAll(await generate(args, world)) as Json[]) {
      const kind = KINDS[`${object["apiVersion"]} ${object["kind"]}`];
      assert.ok(kind, file);
      assertShape(object, kind, file);
      if (object["kind"] !== "ConfigMap") assertPod(object["spec"]["template"] ?? object);
      count++;
    }
  }
  assert.equal(count, 7 + 3 * 2);
  assertPod(await generateYaml(["static-pod", ...MASTERS, "--name", "setup"]));
});

/** The options of sealctl that its pod and ours are compared for. */
const SEALCTL_ARGS = [
  ...["static-pod", "--vip", "10.103.97.2:6443", "--masters", "192.168.0.2:6443,192.168.0.3:6443"],
  ...["--image", "registry.example/lvscare:1.0", "--options", "--logger=DEBUG", "--print"],
  // As sealos calls it now.
  ...["--name", "kube-sealos-lvscare"],
];
const SEALCTL_HOSTS = "127.0.0.1 localhost\n192.168.0.7 node7 lvscare.node.ip # sealos\n";
const WORDS = [
  ...["care", "--vs", "10.103.97.2:6443", "--health-path", "/healthz", "--health-schem", "https"],
  ...["--rs", "192.168.0.2:6443", "--rs", "192.168.0.3:6443", "--logger=DEBUG"],
];

const CONTAINER_PATH = "spec.containers[kube-sealos-lvscare]";
const RIGHTS = `${CONTAINER_PATH}.securityContext`;
const ASKING = ["/usr/bin/lvscare", "status", "--vs", "10.103.97.2:6443"];

/** What `sealctl static-pod lvscare` of sealos has in its manifest, where that says anything, on hosts without the program. */
const SEALCTL: Readonly<Record<string, unknown>> = {
  "apiVersion": "v1",
  "kind": "Pod",
  "metadata.name": "kube-sealos-lvscare",
  "metadata.namespace": "kube-system",
  "spec.hostNetwork": true,
  "spec.priorityClassName": "system-node-critical",
  [`${CONTAINER_PATH}.image`]: "registry.example/lvscare:1.0",
  [`${CONTAINER_PATH}.imagePullPolicy`]: "IfNotPresent",
  [`${CONTAINER_PATH}.command`]: ["/usr/bin/lvscare"],
  [`${CONTAINER_PATH}.args`]: WORDS,
  [`${CONTAINER_PATH}.env[LVSCARE_NODE_IP].value`]: "192.168.0.7",
  [`${RIGHTS}.privileged`]: true,
  [`${CONTAINER_PATH}.volumeMounts[lib-modules].mountPath`]: "/lib/modules",
  [`${CONTAINER_PATH}.volumeMounts[lib-modules].readOnly`]: true,
  "spec.volumes[lib-modules].hostPath.path": "/lib/modules",
  "spec.volumes[lib-modules].hostPath.type": "",
};

/** What ours has beside that, by the words with which README tells of it. */
const BESIDE: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "capabilities in the place of `privileged`": {
    [`${RIGHTS}.allowPrivilegeEscalation`]: false,
    [`${RIGHTS}.capabilities.drop`]: ["ALL"],
    [`${RIGHTS}.capabilities.add`]: ["NET_ADMIN", "NET_RAW"],
    [`${RIGHTS}.seLinuxOptions.level`]: "s0",
    [`${RIGHTS}.seLinuxOptions.type`]: "spc_t",
    "spec.securityContext.runAsUser": 0,
  },
  "a read-only root": { [`${RIGHTS}.readOnlyRootFilesystem`]: true },
  "seccomp": { "spec.securityContext.seccompProfile.type": "RuntimeDefault" },
  "probes": {
    ...probeFields("startupProbe", [...ASKING, "--live"], 2, 60),
    ...probeFields("livenessProbe", [...ASKING, "--live"], 20, 3),
    ...probeFields("readinessProbe", ASKING, 20, 2),
  },
  "resources": {
    [`${CONTAINER_PATH}.resources.requests.cpu`]: "100m",
    [`${CONTAINER_PATH}.resources.requests.memory`]: "64Mi",
    [`${CONTAINER_PATH}.resources.limits.memory`]: "256Mi",
  },
  "`/run/xtables.lock`": {
    [`${CONTAINER_PATH}.volumeMounts[xtables-lock].mountPath`]: "/run/xtables.lock",
    "spec.volumes[xtables-lock].hostPath.path": "/run/xtables.lock",
    "spec.volumes[xtables-lock].hostPath.type": "FileOrCreate",
  },
  "the state directory": {
    [`${CONTAINER_PATH}.volumeMounts[state].mountPath`]: "/run/lvscare",
    "spec.volumes[state].hostPath.path": "/run/lvscare",
    "spec.volumes[state].hostPath.type": "DirectoryOrCreate",
  },
  "labels": {
    "metadata.labels.app.kubernetes.io/name": "lvscare",
    "metadata.labels.app.kubernetes.io/instance": "kube-sealos-lvscare",
  },
  "every taint is tolerated": {
    "spec.tolerations": [{ operator: "Exists" }],
    "spec.terminationGracePeriodSeconds": 15,
    "spec.dnsPolicy": "Default",
    "spec.enableServiceLinks": false,
  },
};

function probeFields(
  kind: string,
  command: readonly string[],
  periodSeconds: number,
  failureThreshold: number,
): Record<string, unknown> {
  return {
    [`${CONTAINER_PATH}.${kind}.exec.command`]: command,
    [`${CONTAINER_PATH}.${kind}.periodSeconds`]: periodSeconds,
    [`${CONTAINER_PATH}.${kind}.timeoutSeconds`]: 5,
    [`${CONTAINER_PATH}.${kind}.failureThreshold`]: failureThreshold,
  };
}

/** Every value by its way inside; what is listed by name has its name in it. */
function fieldsOf(value: Json, path = ""): Record<string, unknown> {
  if (Array.isArray(value) && value.length > 0 && value.every((each) => each?.["name"])) {
    return Object.assign(
      {},
      ...value.map(({ name, ...rest }) => fieldsOf(rest, `${path}[${name}]`)),
    );
  }
  if (Array.isArray(value) || typeof value !== "object" || value === null) return { [path]: value };
  const entries = Object.entries(value);
  if (entries.length === 0) return { [path]: value };
  const below = path === "" ? "" : `${path}.`;
  return Object.assign({}, ...entries.map(([key, each]) => fieldsOf(each, below + key)));
}

Deno.test("a static pod has what sealctl's has, and beside it what its page tells of", async () => {
  const pod = await generateYaml(SEALCTL_ARGS, { hosts: SEALCTL_HOSTS });
  const [setup, ...more] = pod["spec"]["initContainers"];
  assert.deepEqual([setup["args"], more], [[...WORDS, "--run-once"], []]);
  delete pod["spec"]["initContainers"];

  const { [`${RIGHTS}.privileged`]: _, ...kept } = SEALCTL;
  const wanted: Record<string, unknown> = Object.assign({}, kept, ...Object.values(BESIDE));
  const count = Object.values(BESIDE).reduce((sum, each) => sum + Object.keys(each).length, 0);
  assert.equal(Object.keys(wanted).length, Object.keys(kept).length + count, "each once");
  assert.deepEqual(fieldsOf(pod), wanted);

  const page = (await Deno.readTextFile(`${ROOT}docs/lvscare.md`)).replaceAll(/\s+/g, " ");
  const [, section = ""] = /## The static pod (.*?) ##/.exec(page) ?? [];
  for (const words of [...Object.keys(BESIDE), "a container before it"]) {
    assert.ok(section.includes(words), words);
  }
});

Deno.test("with --privileged a static pod has sealctl's rights, and needs nobody before it", async () => {
  const pod = await generateYaml([...SEALCTL_ARGS, "--privileged"], { hosts: SEALCTL_HOSTS });
  const fields = fieldsOf(pod);
  for (const [path, value] of Object.entries(SEALCTL)) assert.deepEqual(fields[path], value, path);
  const rights = Object.keys(fields).filter((path) => path.startsWith(`${RIGHTS}.`));
  assert.deepEqual(rights, [`${RIGHTS}.privileged`]);
  assert.equal(pod["spec"]["initContainers"], undefined);
});

Deno.test("who may load modules and set parameters in a pod", async () => {
  const caps = (container: Json | undefined) => {
    const rights = container?.["securityContext"];
    if (!rights) return undefined;
    return rights["privileged"] ? "any" : (rights["capabilities"]["add"] ?? []).join(" ");
  };
  const cases: [options: string[], setup: string | undefined, main: string][] = [
    [[], "NET_ADMIN NET_RAW SYS_MODULE", "NET_ADMIN NET_RAW"],
    [["--options=--mode=link"], "any", "NET_ADMIN NET_RAW"],
    [["--options=--persistence=1m"], "any", "NET_ADMIN NET_RAW"],
    [
      ["--options=--mode=link", "--privileged=false"],
      "NET_ADMIN NET_RAW SYS_MODULE",
      "NET_ADMIN NET_RAW",
    ],
    [["--options=--mode=link", "--privileged"], undefined, "any"],
    [["--options=--dataplane=auto"], undefined, "NET_ADMIN NET_RAW SYS_MODULE"],
    [["--options=--dataplane=auto,--mode=link"], undefined, "any"],
    [["--options=--dataplane=embedded"], undefined, ""],
    [["--options=--dataplane=embedded,--mode=link"], undefined, "NET_ADMIN"],
    [["--options=--dataplane=embedded", "--vip=10.0.0.1:80"], undefined, "NET_BIND_SERVICE"],
  ];
  for (const [options, setup, main] of cases) {
    const { spec } = await generateYaml(["static-pod", ...MASTERS, ...options]);
    const found = [caps(spec["initContainers"]?.[0]), caps(spec["containers"][0])];
    assert.deepEqual(found, [setup, main], options.join(" "));
  }

  const sets: [file: string, options: string[], setup: string | undefined, main: string][] = [
    ["mode: none", [], "NET_ADMIN NET_RAW SYS_MODULE", "NET_ADMIN NET_RAW"],
    ["mode: link", [], "any", "NET_ADMIN NET_RAW"],
    ["mode: none, protocol: udp, check: none", [], "any", "NET_ADMIN NET_RAW"],
    ["mode: none, persistence: 1m", [], "any", "NET_ADMIN NET_RAW"],
    [
      "mode: link",
      ["--privileged=false"],
      "NET_ADMIN NET_RAW SYS_MODULE",
      "NET_ADMIN NET_RAW",
    ],
    ["mode: link", ["--privileged"], undefined, "any"],
    ["mode: link\nhost: { dataplane: auto }", [], "any", "NET_ADMIN NET_RAW NET_BIND_SERVICE"],
    ["mode: none\nhost: { dataplane: embedded }", [], undefined, "NET_BIND_SERVICE"],
  ];
  await withFolder(async (folder) => {
    for (const [file, options, setup, main] of sets) {
      const [keys, host = ""] = file.split("\n");
      const path = `${folder}/lb.yaml`;
      const service = `{ address: 10.0.0.1, port: 80, servers: [192.168.0.2], ${keys} }`;
      Deno.writeTextFileSync(path, `${host}\nservices: [${service}]\n`);
      const [, set] = loadAll(await generate(["daemonset", "-c", path, ...options])) as Json[];
      const { spec } = set["spec"]["template"];
      const found = [caps(spec["initContainers"]?.[0]), caps(spec["containers"][0])];
      assert.deepEqual(found, [setup, main], file);
    }
  });
});

Deno.test("the kubelet asks the program how it is, and starts it anew only where it does not turn", async () => {
  const probesOf = (spec: Json) => {
    const { startupProbe, livenessProbe, readinessProbe } = spec["containers"][0];
    return [startupProbe, livenessProbe, readinessProbe].map(({ exec: { command } }) => command);
  };
  const cases: [options: string[], words: string[]][] = [
    [[], ["--vs", "10.103.97.2:6443"]],
    [["--vip=fd00::1", "--masters=fd00::2"], ["--vs", "[fd00::1]:6443"]],
    [["--options=--dataplane=embedded"], ["--vs", "10.103.97.2:6443"]],
    [["--options=--dataplane=auto"], ["--vs", "10.103.97.2:6443"]],
    [
      ["--options=--state-dir=/run/other"],
      ["--vs", "10.103.97.2:6443", "--state-dir", "/run/other"],
    ],
  ];
  for (const [options, words] of cases) {
    const masters = options[0]?.startsWith("--vip") ? ["--print"] : MASTERS;
    const { spec } = await generateYaml(["static-pod", ...masters, ...options]);
    const ready = ["/usr/bin/lvscare", "status", ...words];
    const live = [...ready, "--live"];
    assert.deepEqual(probesOf(spec), [live, live, ready]);
    assert.equal(spec["initContainers"]?.[0]["livenessProbe"], undefined);
    // They are words that the program takes, and it would ask in the state directory that is mounted.
    const { args, volumeMounts } = spec["containers"][0];
    const given = args.find((word: string) => word.startsWith("--state-dir="))?.slice(12);
    const folder = given ?? "/run/lvscare";
    assert.ok(volumeMounts.some((mount: Json) => mount["mountPath"] === folder));
  }
  const [, set] = loadAll(await generate(["daemonset"])) as Json[];
  const ready = ["/usr/bin/lvscare", "status"];
  const live = [...ready, "--live"];
  assert.deepEqual(probesOf(set["spec"]["template"]["spec"]), [live, live, ready]);
});

Deno.test("a DaemonSet's needs are those of its files", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/lb.yaml`;
    const specOf = async (text: string) => {
      Deno.writeTextFileSync(path, text);
      const [map, set] = loadAll(await generate(["daemonset", "-c", path])) as Json[];
      assert.deepEqual(map["data"], { "lvscare.yaml": text });
      const { spec } = set["spec"]["template"];
      const [container] = spec["containers"];
      return { setup: spec["initContainers"]?.[0]?.["args"], container: container! };
    };
    const service = (more: string, server = "192.168.0.2") =>
      `services: [{ address: 10.0.0.1, port: 80, mode: none, servers: [${server}], ${more} }]\n`;
    const plain = await specOf(service("check: http"));
    assert.deepEqual(plain.setup, ["run", "-c", "/etc/lvscare", "--prepare"]);
    assert.deepEqual(plain.container["args"], ["run", "-c", "/etc/lvscare", "--watch"]);
    const rights = (spec: { container: Json }) =>
      spec.container["securityContext"]["capabilities"]?.["add"];
    assert.deepEqual(rights(plain), ["NET_ADMIN", "NET_RAW"]);
    const users = await specOf(service("check: { type: exec, command: /bin/true, user: nobody }"));
    assert.deepEqual(rights(users), ["NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "KILL"]);
    const linked = await specOf(service("check: http").replace("mode: none", "mode: link"));
    // The parameters are set before, by a container that ends.
    assert.deepEqual(rights(linked), ["NET_ADMIN", "NET_RAW"]);
    assert.deepEqual(linked.setup, plain.setup);
    // A route's gateway is the node's own address, which is not known yet.
    await specOf(service("check: http").replace("mode: none", "mode: route"));
    const proxy = await specOf(`host: { dataplane: embedded }\n${service("check: icmp")}`);
    assert.deepEqual(rights(proxy), ["NET_RAW", "NET_BIND_SERVICE"]);
    assert.equal(proxy.setup, undefined);
    const text = await generate(["daemonset", "-c", path]);
    assert.doesNotMatch(text, /lib-modules|xtables/);

    Deno.writeTextFileSync(
      path,
      service(
        "notify: /usr/bin/tell",
        "{ address: 192.168.0.2, checks: [{ type: https, ca: /etc/ca.pem }, { type: file, file: /run/w }] }",
      ),
    );
    assert.match(
      await generate(["daemonset", "-c", path]),
      /\n# The configuration names .*\n# {3}\/etc\/ca\.pem\n# {3}\/run\/w\n# {3}\/usr\/bin\/tell\napi/,
    );
  });
});

Deno.test("each file of a directory is a key of the ConfigMap, and stands where it stood", async () => {
  await withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/conf.d`);
    const names = ["a b.yaml", "a_b.yaml", "c.yml"];
    const text = (port: number) =>
      `services: [{ address: 10.0.0.1, port: ${port}, mode: none, servers: [] }]\n`;
    for (const [i, name] of names.entries()) {
      Deno.writeTextFileSync(`${folder}/conf.d/${name}`, text(80 + i));
    }
    Deno.writeTextFileSync(`${folder}/conf.d/left.out`, "");
    const [map, set] = loadAll(await generate(["daemonset", "-c", folder])) as Json[];
    const volume = set["spec"]["template"]["spec"]["volumes"]
      .find((each: Json) => each["name"] === "config");
    assert.deepEqual(volume, {
      name: "config",
      configMap: {
        name: "lvscare",
        items: [
          { key: "conf.d.a_b.yaml", path: "conf.d/a b.yaml" },
          { key: "conf.d.a_b.yaml.2", path: "conf.d/a_b.yaml" },
          { key: "conf.d.c.yml", path: "conf.d/c.yml" },
        ],
      },
    });
    assert.deepEqual(Object.values(map["data"]), [text(80), text(81), text(82)]);
  });
});

Deno.test("the example of a DaemonSet needs what is said of it, and keepalived's files say the same", async () => {
  await withFolder(async (folder) => {
    const read = async (text: string) => {
      Deno.writeTextFileSync(`${folder}/one.yaml`, text);
      return await readFiles({ path: `${folder}/one.yaml`, nodeAddresses: [] });
    };
    const { config, report } = await read(EXAMPLE_FILE.text);
    assert.deepEqual(report.lines, []);
    assert.deepEqual(needsOf(config!, []), PLAIN_NEEDS);
    const [map] = loadAll(
      await generate(["daemonset", "-c", `${EXAMPLE}/keepalived.conf`]),
    ) as Json[];
    const converted = await read(String(map["data"]["lvscare.yaml"]));
    const original = await readFiles({ path: `${EXAMPLE}/keepalived.conf`, nodeAddresses: [] });
    assert.deepEqual(converted.config, original.config);
  });
});

// --- kube-proxy ---

Deno.test("kube-proxy's configuration keeps all that it has", () => {
  const cases: [text: string, wanted: string][] = [
    [
      PROXY_CONFIG,
      PROXY_CONFIG.replace(
        "  excludeCIDRs: null\n",
        '  excludeCIDRs:\n  - 10.0.0.1/32\n  - "fd00::1/128"\n  strictARP: true\n',
      ).replace("  strictARP: false\n", ""),
    ],
    [
      "kind: X\nipvs:\n    strictARP: true\n    excludeCIDRs:\n    - 10.9.0.0/16 # others'\n    syncPeriod: 0s\nmode: ipvs",
      'kind: X\nipvs:\n    excludeCIDRs:\n    - 10.9.0.0/16\n    - 10.0.0.1/32\n    - "fd00::1/128"\n    strictARP: true\n    syncPeriod: 0s\nmode: ipvs',
    ],
    [
      "ipvs:\n  syncPeriod: 0s\n  excludeCIDRs:\n    - 10.0.0.1/32\n    - 10.9.0.0/16",
      'ipvs:\n  excludeCIDRs:\n  - 10.0.0.1/32\n  - 10.9.0.0/16\n  - "fd00::1/128"\n  strictARP: true\n  syncPeriod: 0s\n',
    ],
    [
      "kind: X",
      'kind: X\nipvs:\n  excludeCIDRs:\n  - 10.0.0.1/32\n  - "fd00::1/128"\n  strictARP: true\n',
    ],
    [
      "ipvs: {}\nkind: X\n",
      'kind: X\nipvs:\n  excludeCIDRs:\n  - 10.0.0.1/32\n  - "fd00::1/128"\n  strictARP: true\n',
    ],
    [
      "ipvs:\nkind: X\n",
      'kind: X\nipvs:\n  excludeCIDRs:\n  - 10.0.0.1/32\n  - "fd00::1/128"\n  strictARP: true\n',
    ],
  ];
  for (const [text, wanted] of cases) {
    const edited = exclude(text, ["10.0.0.1/32", "fd00::1/128"]);
    assert.equal(edited, wanted);
    const [before, after] = [load(text), load(edited)] as Json[];
    assert.deepEqual({ ...after, ipvs: 0 }, { ...before, ipvs: 0 });
    const { excludeCIDRs: _, strictARP, ...rest } = after["ipvs"] as Json;
    assert.equal(strictARP, true);
    const { excludeCIDRs: __, strictARP: ___, ...had } = (before["ipvs"] ?? {}) as Json;
    assert.deepEqual(rest, had);
    assert.equal(exclude(edited, ["10.0.0.1/32", "fd00::1/128"]), edited);
  }
});

Deno.test("a patch has all of kube-proxy's configuration, from the ConfigMap or by itself", async () => {
  const args = ["kube-proxy", "--vip", "10.0.0.1", "--as", "patch", "--from", "-"];
  const wanted = exclude(PROXY_CONFIG, ["10.0.0.1/32"]);
  for (const stdin of [PROXY_MAP, PROXY_CONFIG, JSON.stringify(load(PROXY_MAP))]) {
    const { data } = await generateYaml(args, { stdin });
    assert.deepEqual(data, { "config.conf": wanted });
  }
});

// --- systemd ---

/** The settings of a unit, by section; a key may stand several times. */
function parseUnit(text: string): Map<string, Map<string, string[]>> {
  const unit = new Map<string, Map<string, string[]>>();
  let section: Map<string, string[]> | undefined;
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name] = /^\[([A-Z][a-z]+)\]$/.exec(line) ?? [];
    if (name !== undefined) {
      assert.ok(!unit.has(name), line);
      unit.set(name, section = new Map());
      continue;
    }
    const [, key, value] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? [];
    assert.ok(section && key !== undefined, line);
    section.set(key, [...section.get(key) ?? [], value!]);
  }
  return unit;
}

Deno.test("a unit has the settings that the program lives under", async () => {
  const unit = parseUnit(await generate(["systemd"]));
  assert.deepEqual([...unit.keys()], ["Unit", "Service", "Install"]);
  const service = unit.get("Service")!;
  const wanted: Record<string, string> = {
    Type: "notify",
    NotifyAccess: "main",
    WatchdogSec: "30",
    ExecStart: "/usr/bin/lvscare run -c /etc/lvscare",
    ExecReload: "/usr/bin/lvscare reload",
    Restart: "on-failure",
    RuntimeDirectory: "lvscare",
    RuntimeDirectoryPreserve: "yes",
    NoNewPrivileges: "yes",
    ProtectSystem: "strict",
    ProtectHome: "yes",
    PrivateTmp: "yes",
    ProtectKernelLogs: "yes",
    ProtectClock: "yes",
    ProtectHostname: "yes",
    ProtectKernelModules: "no",
    ProtectKernelTunables: "no",
    RestrictAddressFamilies: "AF_NETLINK AF_INET AF_INET6 AF_UNIX",
    RestrictNamespaces: "yes",
    LockPersonality: "yes",
    MemoryDenyWriteExecute: "no",
    SystemCallArchitectures: "native",
    SystemCallErrorNumber: "EPERM",
  };
  for (const [key, value] of Object.entries(wanted)) {
    assert.deepEqual(service.get(key), [value], key);
  }
  assert.match(service.get("CapabilityBoundingSet")![0]!, /CAP_NET_ADMIN CAP_NET_RAW.*SYS_MODULE/);
  assert.match(service.get("SystemCallFilter")![0]!, /^@system-service @pkey @module$/);
  const given = parseUnit(
    await generate(["systemd", "-c", "/home/op/x", "--drop-ins"]).then(
      (text) => text.split("\n\n# /etc/modules-load.d")[0]!,
    ),
  ).get("Service")!;
  for (
    const [key, value] of Object.entries({
      ProtectKernelModules: "yes",
      ProtectKernelTunables: "yes",
      ProtectHome: "read-only",
    })
  ) assert.deepEqual(given.get(key), [value], key);
  assert.doesNotMatch(given.get("CapabilityBoundingSet")![0]!, /SYS_MODULE/);
  assert.doesNotMatch(given.get("SystemCallFilter")!.join(" "), /@module/);
});

Deno.test("systemd-analyze finds nothing wrong with a unit, where it is there", async (t) => {
  const jobs = [
    [],
    ["--drop-ins"],
    ["--care", `${CARE} --mode link`],
    ["--care", `${CARE} --run-once --state-dir /var/lib/lv`],
    ["--care", `${CARE} --health-req-headers 'X=%h $A "b" \\c;'`],
    ["-c", "/etc/l v/50%$.yaml"],
  ];
  for (const job of jobs) {
    await t.step(job.join(" ") || "run", () =>
      withFolder(async (folder) => {
        // systemd looks whether it is there.
        const program = `${folder}/50% $x`;
        Deno.symlinkSync("/bin/true", program);
        const args = ["systemd", ...job, "--program", program, "--output"];
        const output = job[0] === "--drop-ins" ? folder : `${folder}/lvscare.service`;
        assert.match(await generate([...args, output]), /^wrote .*lvscare\.service\n/);
        const path = job[0] === "--drop-ins"
          ? `${folder}/etc/systemd/system/lvscare.service`
          : output;
        parseUnit(Deno.readTextFileSync(path));
        const command = new Deno.Command("systemd-analyze", {
          args: ["verify", "--man=no", path],
          env: { LC_ALL: "C", SYSTEMD_LOG_LEVEL: "warning" },
        });
        const ran = await command.output().catch((error) => {
          assert.ok(error instanceof Deno.errors.NotFound, String(error));
          return undefined;
        });
        if (!ran) return;
        const said = new TextDecoder().decode(ran.stderr).split("\n")
          .filter((line) => line.includes("lvscare.service"));
        assert.deepEqual({ said, status: ran.code }, { said: [], status: 0 });
      }));
  }
});

Deno.test("systemdWord() keeps systemd from reading anything into a word", () => {
  const cases: [string, string][] = [
    ["--vs=10.0.0.1:80", "--vs=10.0.0.1:80"],
    ["[fd00::1]:80", "[fd00::1]:80"],
    ["50%", "50%%"],
    ["$HOME", "$$HOME"],
    ["a b", '"a b"'],
    ["", '""'],
    [";", '";"'],
    ['say "x" \\n', '"say \\"x\\" \\\\n"'],
    ["ü", '"ü"'],
  ];
  for (const [word, wanted] of cases) assert.equal(systemdWord(word), wanted);
});

// --- compose ---

Deno.test("a compose file has a service with what it needs and no more", async () => {
  const { services } = await generateYaml(["compose"]);
  const { lvscare, ...others } = services as Json;
  assert.deepEqual(others, {});
  const { network_mode: network, entrypoint, command, cap_drop: drop, ...rest } = lvscare as Json;
  assert.deepEqual(
    { network, entrypoint, command, drop },
    {
      network: "host",
      entrypoint: ["/usr/bin/lvscare"],
      command: ["run", "-c", "/etc/lvscare", "--watch"],
      drop: ["ALL"],
    },
  );
  assert.equal(rest["privileged"], undefined);
  assert.equal(rest["read_only"], true);
  assert.equal(rest["user"], "0:0");
  assert.deepEqual(rest["healthcheck"]["test"], ["CMD", "/usr/bin/lvscare", "status"]);
  assert.deepEqual(
    rest["volumes"].map((volume: Json) => [volume["source"], volume["read_only"] ?? false]),
    [["/etc/lvscare", true], ["/run/lvscare", false], ["/lib/modules", true]],
  );
  const care = await generateYaml(["compose", "--care", `${CARE} --dataplane embedded`]);
  const proxy = care["services"]["lvscare"] as Json;
  assert.equal(proxy["cap_add"], undefined);
  assert.deepEqual(proxy["healthcheck"]["test"], [
    ...["CMD", "/usr/bin/lvscare", "status", "--vs", "10.103.97.12:6443"],
  ]);
  assert.deepEqual(proxy["security_opt"], ["no-new-privileges:true"]);
});

// --- The configuration ---

const KEY_LINE = /^( *)(#?)(- )?([\w-]+):(?: (.*))?$/;

interface KeyLine {
  readonly at: number;
  readonly indent: number;
  readonly isOut: boolean;
  readonly isItem: boolean;
  readonly path: string;
}

/** The lines with keys, in force or not, and their way inside. */
function keyLines(lines: readonly string[]): KeyLine[] {
  const found: KeyLine[] = [];
  const open: { indent: number; path: string }[] = [];
  for (const [at, line] of lines.entries()) {
    const [whole, spaces = "", out, dash, key] = KEY_LINE.exec(line) ?? [];
    if (whole === undefined) continue;
    const indent = spaces.length + (dash ? 2 : 0);
    while (open.length > 0 && open.at(-1)!.indent >= indent) open.pop();
    const path = [...open.map((each) => each.path).slice(-1), key].join(".");
    open.push({ indent, path });
    found.push({ at, indent, isOut: out === "#", isItem: dash !== undefined, path });
  }
  return found;
}

/** What a key cannot be used without, beside the keys that it is in. */
const COMPANIONS: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
  "host.sync-daemon": { "host.sync-daemon.device": undefined },
  "defaults.scheduler-flags": { "defaults.scheduler": "sh" },
  "defaults.tunnel": { "defaults.forwarding": "tunnel" },
  "defaults.tunnel.port": { "defaults.tunnel.type": "gue" },
  "defaults.tunnel.checksum": { "defaults.tunnel.type": "gre" },
  "defaults.notify": { "defaults.notify.program": undefined },
  "defaults.check.certificate": { "defaults.check.key": undefined },
  "defaults.check.key": { "defaults.check.certificate": undefined },
  "defaults.check.expect.": { "defaults.check.expect.contains": undefined },
  "services.sorry": { "services.sorry.address": undefined },
};

Deno.test("an example configuration has every key, and each can be used", async () => {
  const text = await generate(["config"]);
  const lines = text.split("\n");
  const keys = keyLines(lines);
  const paths = keys.map(({ path }) => path);
  // Every key of the schema is explained somewhere.
  const known = new Set(paths.map((path) => path.split(".").at(-1)));
  const names = new Set<string>();
  const look = (schema: unknown) => {
    const { properties = {}, oneOf = [], items } = schema as Json;
    for (const [key, value] of Object.entries(properties)) {
      names.add(key);
      look(value);
      const help = String((value as Json)["description"]).replaceAll(" ", "");
      assert.ok(text.replaceAll(/\n *# /g, "").replaceAll(" ", "").includes(help), help);
    }
    for (const each of oneOf) look(each);
    if (items) look(items);
  };
  look(fileSchema());
  assert.ok(names.size > 100);
  assert.deepEqual([...names].filter((name) => !known.has(name)), []);
  assert.deepEqual(lines.filter((line) => line.length > 100), []);

  await withFolder(async (folder) => {
    const judge = async (edited: string) => {
      Deno.writeTextFileSync(`${folder}/a.yaml`, edited);
      const { report } = await readFiles({ path: `${folder}/a.yaml`, nodeAddresses: [] });
      return report.lines;
    };
    assert.deepEqual(await judge(text), []);
    for (const { path, isOut, at } of keys) {
      // What is a map by itself is used with what is in it.
      if (!isOut || lines[at]!.endsWith(":")) continue;
      const edited = using(lines, keys, path);
      assert.ok(keyLines(edited.split("\n")).some((key) => !key.isOut && key.path === path), path);
      assert.deepEqual(await judge(edited), [], `${path}\n${edited.replaceAll(/^ *#.*\n/gm, "")}`);
    }
  });
});

/** The text with that key in force, and with what it needs. */
function using(lines: readonly string[], keys: readonly KeyLine[], path: string): string {
  const edited: (string | undefined)[] = [...lines];
  const use = (wanted: string, value?: string) => {
    const index = keys.findLastIndex((key) => key.path === wanted);
    assert.ok(index >= 0, wanted);
    let { indent } = keys[index]!;
    for (let i = index; i >= 0; i--) {
      const key = keys[i]!;
      const isFirst = key.isItem && key.indent === indent && i !== index;
      if (i !== index && key.indent >= indent && !isFirst) continue;
      // What it stands in, or the first key of its list's item.
      edited[key.at] = edited[key.at]!.replace(/^( *)#/, "$1");
      if (key.indent < indent) indent = key.indent;
      if (i === index && value !== undefined) {
        edited[key.at] = edited[key.at]!.replace(/: .*/, `: ${value}`);
      }
    }
  };
  const drop = (wanted: string) => edited[keys.find((key) => key.path === wanted)!.at] = undefined;
  const [, checkKey] = /^defaults\.check\.([\w-]+)/.exec(path) ?? [];
  if (checkKey !== undefined) {
    drop("services.check");
    const type = CHECK_TYPES.find((type) =>
      type !== "none" && meantForOthers(checkKey, type) === undefined
    )!;
    if (path !== "defaults.check.type") use("defaults.check.type", type);
    if (type === "exec") use("defaults.check.command");
    if (type === "file") use("defaults.check.file");
  }
  if (path.startsWith("services.servers.")) drop("services.servers");
  if (path === "services.mark") {
    edited[keys.find((key) => key.path === "services.address")!.at] = "  - name: x";
    drop("services.port");
  }
  use(path);
  for (const [start, companions] of Object.entries(COMPANIONS)) {
    const isOther = path === "defaults.notify.url" && start === "defaults.notify" ||
      /expect\.(pattern|md5|sha256)$/.test(path);
    if (!path.startsWith(start) || isOther) continue;
    for (const [key, value] of Object.entries(companions)) use(key, value);
  }
  return edited.filter((line) => line !== undefined).join("\n");
}

Deno.test("the schema is the one that lvscare check prints", async () => {
  assert.deepEqual(JSON.parse(await generate(["schema"])), fileSchema());
});

// --- Files ---

Deno.test("a file is written whole, left as it is where nothing differs, and others' are not replaced", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/unit`;
    const args = ["systemd", "--output", path];
    assert.equal(await generate(args), `wrote ${path}\n`);
    const text = await generate(["systemd"]);
    assert.equal(Deno.readTextFileSync(path), text);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.equal(await generate(args), `${path} is as it should be\n`);
    Deno.chmodSync(path, 0o644);
    const { ino } = Deno.statSync(path);
    assert.equal(await generate([...args, "-c", "/etc/other"]), `wrote ${path}\n`);
    assert.notEqual(Deno.statSync(path).ino, ino);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o644);

    for (const other of ["[Unit]\n", "", `\n${text}`]) {
      Deno.writeTextFileSync(path, other);
      const { status, err } = await run(args);
      assert.equal(status, 1);
      const problem = "the file there was not generated (--force replaces it)";
      assert.equal(err, `lvscare: write "${path}": ${problem}\n`);
      assert.equal(Deno.readTextFileSync(path), other);
    }
    assert.equal(await generate([...args, "--force"]), `wrote ${path}\n`);
    assert.equal(Deno.readTextFileSync(path), text);

    const schema = ["schema", "-o", `${folder}/schema.json`];
    await generate(schema);
    Deno.writeTextFileSync(`${folder}/schema.json`, `${await generate(["schema"])}\n`);
    assert.equal(await generate(schema), `wrote ${folder}/schema.json\n`);
    const flags = ["kube-proxy", "--vip=10.0.0.1", "--as=flags", "-o", `${folder}/flags`];
    await generate(flags);
    assert.equal((await run([...flags, "--vip=10.0.0.2"])).status, 1);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      ...["flags", "schema.json", "unit"],
    ]);
  });
});

Deno.test("what is in the way of a file is said in one line", async () => {
  await withFolder(async (folder) => {
    Deno.symlinkSync(`${folder}/nowhere`, `${folder}/link`);
    const cases: [string, RegExp][] = [
      [folder, /there is something else, must be a file$/],
      [`${folder}/link`, /there is something else, must be a file$/],
      [`${folder}/not/there`, /write ".*": no such thing \(ENOENT\)$/],
      [`${folder}/link/x`, /\(ENOENT\)$/],
      ["/proc/nothing", /write "\/proc\/nothing": /],
    ];
    for (const [path, wanted] of cases) {
      const { status, out, err } = await run(["config", "--output", path]);
      assert.deepEqual({ status, out }, { status: 1, out: "" }, path);
      assert.match(err, /^lvscare: [^\n]+\n$/);
      assert.match(err.trimEnd(), wanted);
    }
  });
});

Deno.test("a static pod is written to its directory, as sealctl does it", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/manifests/kube-sealyun-lvscare.yaml`;
    const args = ["static-pod", "--masters", "192.168.0.2", "--path", `${folder}/manifests/`];
    assert.equal(await generate(args), `wrote ${path}\n`);
    assert.equal(Deno.readTextFileSync(path), await generate([...args, "--print"]));
    assert.deepEqual([...Deno.readDirSync(`${folder}/manifests`)].length, 1);
    const elsewhere = `${folder}/pod.yaml`;
    assert.equal(await generate([...args, "--output", elsewhere]), `wrote ${elsewhere}\n`);

    // Only the image of what is there, whoever wrote it.
    const image = ["--set-img", "--image", "registry.example/lvscare:2"];
    const set = ["static-pod", "--path", `${folder}/manifests`, ...image];
    const before = Deno.readTextFileSync(path);
    assert.equal(
      await generate([...set, "--print"]),
      before.replaceAll("lvscare:0.0.0", image[2]!),
    );
    assert.equal(Deno.readTextFileSync(path), before);
    assert.equal(await generate(set), `wrote ${path}\n`);
    assert.equal(Deno.readTextFileSync(path), before.replaceAll("lvscare:0.0.0", image[2]!));
    assert.equal(await generate(set), `${path} is as it should be\n`);
    Deno.writeTextFileSync(path, SEALCTL_POD);
    assert.equal(await generate(set), `wrote ${path}\n`);
    assert.equal(
      Deno.readTextFileSync(path),
      SEALCTL_POD.replace("sealos.hub:5000/sealos/lvscare:latest", image[2]!),
    );
    const { status, err } = await run([...set, "--name", "another"]);
    assert.equal(status, 1);
    assert.match(
      err,
      /^lvscare: read ".*\/another\.yaml": no such thing \(ENOENT\)\n$/,
    );
  });
});

/** As sealctl prints it. */
const SEALCTL_POD = `apiVersion: v1
kind: Pod
metadata:
  creationTimestamp: null
  name: kube-sealyun-lvscare
spec:
  containers:
  - args: [care, --vs, 10.103.97.2:6443]
    image: "sealos.hub:5000/sealos/lvscare:latest" # ours
    name: kube-sealyun-lvscare
status: {}
`.replace('"', "").replace('"', "");

Deno.test("setImage() changes the first container's image, and those that are the same before it", () => {
  const pod = (main: string, first: string) =>
    `kind: Pod\nspec:\n  initContainers:\n  - image: ${first}\n  containers:\n  - image: ${main}\n` +
    "  - image: a:1\n";
  const cases: [string, string][] = [
    [pod("a:1", "a:1"), pod("b:2", "b:2")],
    [pod("a:1", "c:1"), pod("b:2", "c:1")],
    [pod('"a:1"', "'a:1' # x"), pod("b:2", "b:2 # x")],
    [
      '{"kind":"Pod","spec":{"containers":[{"image":"a:1"}]}}',
      '{"kind":"Pod","spec":{"containers":[{"image":b:2}]}}',
    ],
  ];
  for (const [text, wanted] of cases) {
    const edited = setImage(text, "x.yaml", "b:2");
    assert.equal(edited, wanted);
    load(edited);
  }
  for (
    const text of [
      "kind: Deployment\nspec: { containers: [{ image: a }] }",
      "kind: Pod\nspec: {}",
      "kind: Pod\nspec: { containers: [] }",
      "kind: Pod\nspec: { containers: [{ name: x }] }",
      "kind: Pod\nspec: { containers: [{ image: [a] }] }",
      'kind: Pod\nspec: { containers: [{ image: "a\\x3a1" }] }',
      "# nothing",
      "kind: [",
    ]
  ) assert.throws(() => setImage(text, "x.yaml", "b:2"), { name: "ConfigError" }, text);
});

Deno.test("isGenerated() knows what was generated", () => {
  assert.ok(isGenerated("# generated by lvscare generate systemd\nx", undefined));
  assert.ok(!isGenerated("x\n# generated by lvscare generate\n", undefined));
  assert.ok(isGenerated('{\n  "x": 1,\n  "y": 2\n}', '"x": 1,'));
  assert.ok(!isGenerated('{\n  "z": 1,\n  "y": 2\n}', '"x": 1,'));
});

// --- Values ---

Deno.test("printYaml() is read back as it was, by readers of YAML 1.1 too", () => {
  const texts = [
    ...["", " ", "a", "a b", "a: b", "a #b", "#", "-", "- a", "--vs", "-c", "yes", "No", "on", "y"],
    ...["null", "~", "true", "1", "1.5", "1e3", "0x1f", "012", "1:20", "2026-01-01", ".5", "+1"],
    ...["10.0.0.1", "10.0.0.1:80", "10.0.0.1/32", "[::1]:80", "fd00::1", "100m", "64Mi", "5s"],
    ...[
      "=",
      "<<",
      "*a",
      "&a",
      "!a",
      "%a",
      "@a",
      "`a",
      '"a"',
      "'a'",
      "a\\nb",
      "ü",
      "\u2028",
      "\x7f",
    ],
    ...[
      "a\nb",
      "a\nb\n",
      "a\n\nb\n\n",
      "\na",
      " a\nb",
      "a\n\tb",
      "a\rb",
      "a:",
      "a:b",
      "a,b",
      "{a}",
    ],
    ...["a\u2028\nb", "#!/bin/sh\necho\n", "/a/b", "\ud83d\ude00", "😀\n", "\ufeff", "nan", ".inf"],
  ];
  for (const text of texts) {
    const value = {
      key: text,
      list: [text, [text], { [text]: text }],
      deep: { deeper: { a: text } },
    };
    assert.deepEqual(load(printYaml(value)), value, JSON.stringify(text));
    const printed = printYaml({ a: text }).trimEnd();
    const isPlain = /^a: [^"|]/.test(printed);
    assert.ok(
      !isPlain || !/^(y|n|yes|no|on|off|[\d.+-]+|.*:\d\d)$/i.test(text) ||
        /^\d+\.\d+\.\d+\.\d+/.test(text),
      printed,
    );
  }
  const value = {
    a: noted("why", 1),
    b: [noted(["one", "two"], { c: noted("first", 1), d: [] }), noted("x", "text")],
    e: {},
    f: noted("z", ["g"]),
    h: undefined,
  };
  assert.equal(
    printYaml(value),
    "# why\na: 1\nb:\n  # one\n  # two\n  -\n    # first\n    c: 1\n    d: []\n  # x\n  - text\n" +
      "e: {}\n# z\nf:\n  - g\n",
  );
});

Deno.test("words and lists are split as shells and pflag do", () => {
  const given = (text: string) => ({ text, name: "--x", origin: "flag" as const });
  const words: [string, string[]][] = [
    ["", []],
    [" a  b\n", ["a", "b"]],
    [`a 'b c' "d e"`, ["a", "b c", "d e"]],
    [`a'b'"c"d`, ["abcd"]],
    [`'' ""`, ["", ""]],
    [String.raw`a\ b "c\"d\e" '\'`, ["a b", String.raw`c"d\e`, "\\"]],
    ["$HOME *", ["$HOME", "*"]],
  ];
  for (const [text, wanted] of words) assert.deepEqual(splitWords(given(text)), wanted, text);
  for (const text of ["'", '"a', "a\\", `"\\"`, "a'b"]) {
    assert.throws(() => splitWords(given(text)), { name: "UsageError" }, text);
  }
  const lists: [string, string[]][] = [
    ["", [""]],
    ["a,b", ["a", "b"]],
    ["a,", ["a", ""]],
    ['"a,b",c', ["a,b", "c"]],
    ['"a""b"', ['a"b']],
  ];
  for (const [text, wanted] of lists) {
    assert.deepEqual(splitCommas(given(text)).map((each) => each.text), wanted, text);
  }
  for (const text of ['"a', 'a"b"', '"a"b', 'a,"']) {
    assert.throws(() => splitCommas(given(text)), { name: "UsageError" }, text);
  }
});

// --- What is refused ---

const VIP = ["kube-proxy", "--vip", "10.0.0.1"];

const WRONG: readonly (readonly [args: readonly string[], said: string | RegExp, world?: World])[] =
  [
    [[], /^what to generate is missing: must be one of static-pod, daemonset, /],
    [["pod"], /^generate "pod": must be one of static-pod, /],
    [["static-pods"], /\(did you mean static-pod\?\)$/],
    [["--force"], /^unknown option '--force' \(see lvscare generate --help\)$/],
    [["config", "more"], /^too many arguments for 'config'/],
    [["config", "--vip", "10.0.0.1"], /^unknown option '--vip'/],
    [["config", "--output"], /^option '-o, --output <file>' argument missing/],
    [["config", "--output="], '--output "": is empty, must be a path'],
    [["config", "-o", "a\nb"], /^--output "a\\nb": has a control character, must have none$/],
    [["config", "--force=maybe"], '--force "maybe": must be true or false'],

    [
      ["static-pod"],
      "--masters is missing: must be at least one address, as 10.0.0.2:6443 " +
      "(only with --set-img none is needed)",
    ],
    [
      ["static-pod", "--masters", ""],
      '--masters "": must be an address, with or without a port, as 10.0.0.2 or 10.0.0.2:6443',
    ],
    [
      ["static-pod", "--masters", "10.0.0.2,"],
      '--masters "": must be an address, with or without a port, as 10.0.0.2 or 10.0.0.2:6443',
    ],
    [["static-pod", "--masters", "master1"], /names are not looked up\)$/],
    [["static-pod", "--masters", "master1:6443"], /^--masters "master1:6443": .*not looked up\)$/],
    [["static-pod", "--masters", "10.0.0.2:0"], /its port must be from 1 to 65535$/],
    [["static-pod", "--masters", "10.0.0.2:70000"], /^--masters "10.0.0.2:70000": must be an addr/],
    [["static-pod", "--masters", "224.0.0.1"], /is a multicast address/],
    [["static-pod", "--masters", '"10.0.0.2'], /has a quote in the wrong place/],
    [
      ["static-pod", "--masters", "fd00::2"],
      '--masters "[fd00::2]:6443": must be IPv4, as the virtual server "10.103.97.2:6443" is ' +
      "(masquerading works within one family only)",
    ],
    [
      ["static-pod", "--masters", "10.103.97.2"],
      '--masters "10.103.97.2:6443": is the virtual server itself, must be a server behind it',
    ],
    [["static-pod", ...MASTERS, "--vip", "api"], /^--vip "api": .* \(names are not looked up\)$/],
    [["static-pod", ...MASTERS, "--vip", "127.0.0.1"], /^--vip "127.0.0.1:6443": is a loopback/],
    [["static-pod", ...MASTERS, "--vip", "0.0.0.0:80"], /is the address of no host/],
    [["static-pod", ...MASTERS, "--name", "Kube"], /^--name "Kube": must be 1 to 63 small letters/],
    [["static-pod", ...MASTERS, "--name", "../x"], /^--name "..\/x": must be 1 to 63/],
    [["static-pod", ...MASTERS, "--name", "a".repeat(64)], /must be 1 to 63/],
    [["static-pod", ...MASTERS, "--image", ""], /^--image "": must be the name of an image, as /],
    [["static-pod", ...MASTERS, "--image", "a b"], /must be the name of an image/],
    [["static-pod", ...MASTERS, "--image", "Repo/Lvscare:1"], /must be the name of an image/],
    [
      ["static-pod", ...MASTERS, "--image", "a:1\nprivileged: true"],
      /must be the name of an image/,
    ],
    [["static-pod", ...MASTERS, "--options", "--mode=lnk"], /^--mode "lnk": .*mean link\?\)$/],
    [
      ["static-pod", ...MASTERS, "--options", "--intervall=1s"],
      '--options has "--intervall": unknown, must be a flag of lvscare care (did you mean interval?)',
    ],
    [
      ["static-pod", ...MASTERS, "--options", "--mode link"],
      '--options has "--mode link": unknown, must be a flag of lvscare care ' +
      "(see lvscare care --help)",
    ],
    [["static-pod", ...MASTERS, "--options", "link"], /^--options has "link": must be a flag of/],
    [["static-pod", ...MASTERS, "--options", "--mode"], /^--options has "--mode": it must have/],
    [["static-pod", ...MASTERS, "--options", "-h"], /^--options has "-h": unknown/],
    [["static-pod", ...MASTERS, "--options", "--run-once"], /^--options has --run-once: a pod is/],
    [["static-pod", ...MASTERS, "--options", "-C"], /^--options has --clean: a pod is started/],
    [["static-pod", ...MASTERS, "--options", "--dry-run"], /^--options has --dry-run: a pod is/],
    [
      ["static-pod", ...MASTERS, "--options", "--vs=10.0.0.9:1"],
      /^--options has --vs: the address/,
    ],
    [["static-pod", ...MASTERS, "--options", ""], /^--options has "": must be a flag/],
    [["static-pod", ...MASTERS, "--options", "--interval=0"], /^--interval "0": must be from/],
    [["static-pod", ...MASTERS, "--options", "--state-dir=run"], /^--state-dir "run": must be an/],
    [["static-pod", ...MASTERS, "--node-ip", "node"], /^--node-ip "node": must be an address of/],
    [["static-pod", ...MASTERS, "--node-ip", "fd00::1"], /^--node-ip "fd00::1": must be IPv4 as/],
    [["static-pod", ...MASTERS, "--node-ip", "255.255.255.255"], /is the broadcast address/],
    [
      ["static-pod", ...MASTERS, "--privileged=often"],
      '--privileged "often": must be true or false',
    ],
    [["static-pod", ...MASTERS, "--path", "here"], /^--path "here": must be an absolute path/],
    [["static-pod", ...MASTERS, "--output", "x"], "--output: means nothing with --print"],
    [
      ["static-pod", ...MASTERS, "--master", "x"],
      /^unknown option '--master' \(did you mean --masters/,
    ],
    [["static-pod", "--set-img", "--image", "a b"], /must be the name of an image/],

    [["daemonset", "--name", "-x"], /^--name "-x": must be 1 to 63/],
    [["daemonset", "--namespace", "a.b"], /^--namespace "a.b": must be 1 to 63/],
    [["daemonset", "--image", "x:"], /^--image "x:": must be the name of an image/],
    [["daemonset", "-c", ""], '--config "": is empty, must be a path'],

    [["kube-proxy"], /^--vip is missing: must be a virtual address, as 10.103.97.2 \(or --config/],
    [["kube-proxy", "--vip", "x"], /^--vip "x": must be an address or a network, as/],
    [
      ["kube-proxy", "--vip", "10.0.0.1/33"],
      '--vip "10.0.0.1/33": its prefix must be from 1 to 32',
    ],
    [["kube-proxy", "--vip", "0.0.0.0/0"], '--vip "0.0.0.0/0": its prefix must be from 1 to 32'],
    [["kube-proxy", "--vip", "fd00::/129"], /its prefix must be from 1 to 128$/],
    [["kube-proxy", "--vip", "10.0.0.1:80/32"], /must be an address or a network/],
    [["kube-proxy", "--vip", "0.0.0.0"], /is the address of no host/],
    [[...VIP, "--as", "yaml"], '--as "yaml": must be config, flags or patch'],
    [[...VIP, "--as", "path"], /\(did you mean patch\?\)$/],
    [[...VIP, "--as", "patch"], /^--from is missing: --as patch must have the ConfigMap to patch/],
    [[...VIP, "--from", "-"], "--from: is for --as patch alone"],
    [[...VIP, "--as=patch", "--from=-"], /^--from: must be a ConfigMap with config.conf/],
    [[...VIP, "--as=patch", "--from=-"], /^--from:1:\d+: /, { stdin: "a: [" }],
    [[...VIP, "--as=patch", "--from=-"], /^--from: must be a ConfigMap/, { stdin: "kind: Pod" }],
    [
      [...VIP, "--as=patch", "--from=-"],
      /^--from: config.conf must be a KubeProxyConfiguration/,
      { stdin: "kind: ConfigMap\ndata: { config.conf: text }" },
    ],
    [
      [...VIP, "--as=patch", "--from=-"],
      "--from: ipvs is written in one line, must have each key on a line of its own",
      { stdin: "kind: KubeProxyConfiguration\nipvs: { strictARP: false }" },
    ],

    [["systemd", "-c", "files"], /^--config "files": must be an absolute path/],
    [["systemd", "--program", "lvscare"], /^--program "lvscare": must be an absolute path/],
    [
      ["systemd", "-c", "/a", "--care", CARE],
      '--config "/a": is for lvscare run, and --care is given',
    ],
    [["systemd", "--care", ""], /^--vs is missing/],
    [["systemd", "--care", "--vs 10.0.0.1:80"], /^--rs is missing/],
    [["systemd", "--care", `${CARE} --mod link`], /^--care has "--mod": unknown.*mean mode\?\)$/],
    [["systemd", "--care", `${CARE} --clean`], "--care has --clean: nothing of that stays"],
    [["systemd", "--care", `${CARE} --dry-run`], "--care has --dry-run: nothing of that stays"],
    [["systemd", "--care", `${CARE} 'x`], /has a quote that does not end, or a backslash/],
    [["systemd", "--care", `${CARE} run-once`], /^--care has "run-once": must be a flag/],
    [
      ["systemd", "--care", `${CARE} --health-req-headers "A=s3 cret" =s3cret`],
      /^--care has "=\.\.\."/,
    ],
    [
      ["systemd", "--care", `${CARE} --state-dir /srv/x`],
      '--care "/srv/x": --state-dir must be below /run or /var/lib',
    ],
    [["systemd", "--care", `${CARE} --state-dir /run/../x`], /must be below \/run or \/var\/lib$/],
    [["systemd", "--drop-ins=x"], '--drop-ins "x": must be true or false'],
    [["compose", "--care", `${CARE} --vs x`], /^--vs "x": must be an address and a port/],
    [["compose", "--name", "A"], /^--name "A": must be 1 to 63/],
    [["compose", "-c", "lb"], /^--config "lb": must be an absolute path/],
  ];

Deno.test("what is wrong in a command line is said in one line, with status 2, and nothing is written", async () => {
  assert.ok(WRONG.length >= 40);
  for (const [args, said, world] of WRONG) {
    const { status, out, err } = await run(args, world);
    const what = JSON.stringify(args);
    assert.match(err, /^lvscare: \P{Cc}+\n$/u, what);
    const line = err.slice("lvscare: ".length, -1);
    if (typeof said === "string") assert.equal(line, said, what);
    else assert.match(line, said, what);
    assert.deepEqual({ status, out }, { status: 2, out: "" }, what);
  }
});

Deno.test("a value that may be a secret is not shown where it is refused", async () => {
  const care = `${CARE} --health-req-header=X=s3cret`;
  for (
    const args of [["systemd", "--care", care], [
      "static-pod",
      ...MASTERS,
      "--options",
      "-H=s3cret",
    ]]
  ) assert.doesNotMatch((await run(args)).err, /s3cret/);
});

Deno.test("every mistake in the files is said, each with its place", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a.yaml`;
    Deno.writeTextFileSync(path, "services:\n  - port: x\n    adress: 10.0.0.1\n");
    for (const args of [["daemonset", "-c", path], ["kube-proxy", "-c", path]]) {
      const { status, out, err } = await run(args);
      assert.deepEqual({ status, out }, { status: 2, out: "" });
      assert.match(err, /a\.yaml:2:\d+: services\[0\]\.port: "x"/);
      assert.match(err, /a\.yaml:3:5: .*adress/);
    }
    Deno.writeTextFileSync(path, "services: [{ mark: 1, mode: none, servers: [10.0.0.2:80] }]\n");
    const { status, err } = await run(["kube-proxy", "-c", path]);
    assert.equal(status, 2);
    assert.equal(err, "lvscare: --config: the files have no virtual address, must have one\n");
    const missing = await run(["daemonset", "-c", `${folder}/none`]);
    assert.equal(missing.status, 2);
    assert.match(missing.err, /none: is not there \(ENOENT\)\n$/);
    Deno.writeTextFileSync(
      path,
      `# ${"x".repeat(1 << 20)}\nservices: [{ mark: 1, mode: none, servers: [] }]\n`,
    );
    assert.match(
      (await run(["daemonset", "-c", path])).err,
      /^lvscare: --config: the files have \d+ bytes, a ConfigMap must have at most 1044480\n$/,
    );
  });
});

// --- The command line ---

Deno.test("help names every command and option, and completions know them", async () => {
  const names = ["static-pod", "daemonset", "kube-proxy", "systemd", "compose", "config", "schema"];
  const { out } = await run(["--help"]);
  for (const name of names) assert.match(out, new RegExp(`^ {2}${name} `, "m"));
  for (const name of names) {
    for (const flag of ["--help", "-h"]) {
      const help = await run([name, flag]);
      assert.deepEqual([help.status, help.err], [0, ""]);
      assert.match(help.out, /^Usage: lvscare generate /);
      assert.match(help.out, /--output <file>/);
      assert.match(help.out, /\nExamples:\n {2}\w/);
      assert.doesNotMatch(help.out, /\[value\]/);
      assert.deepEqual(help.out.split("\n").filter((line) => line.length > 100), []);
    }
  }
  const program = createProgram({
    output: { out: () => {}, err: () => {} },
    debug: false,
    setStatus: () => {},
    host: {
      care: { env: () => undefined, readHosts: never, runCare: never },
      services: NO_SERVICES,
      ...NO_TOOLS,
      runDemo: never,
      openIpvsTable: never,
      readStdin: never,
      readTextFile: never,
    },
  });
  const values = (...words: string[]) => complete(program, words).map(({ value }) => value);
  assert.deepEqual(values("generate", ""), names);
  assert.deepEqual(values("generate", "kube-proxy", "--as", ""), ["config", "flags", "patch"]);
  assert.deepEqual(values("generate", "static-pod", "--m"), ["--masters"]);
});
