/** `lvscare run` on every node, with its files from a ConfigMap. */

import { UsageError } from "../errors.ts";
import { heading } from "./artifact.ts";
import { type Flags, type GenerateFlag, readImage, readLabel } from "./flags.ts";
import { CONFIG_DIR, type Needs, STATE_DIR } from "./needs.ts";
import { podSpec, statusProbes } from "./pod.ts";
import { noted, printYaml, type YamlMapping } from "./yaml.ts";

export const DAEMONSET_FLAGS = [
  {
    name: "config",
    short: "c",
    kind: "value",
    value: "path",
    help: "the files of the ConfigMap, as lvscare run takes them; keepalived's are converted " +
      "(without it: an example)",
  },
  { name: "name", kind: "value", value: "name", initial: "lvscare", help: "what it is called" },
  {
    name: "namespace",
    kind: "value",
    value: "name",
    initial: "kube-system",
    help: "where it is put",
  },
  {
    name: "image",
    kind: "value",
    value: "image",
    help: "the image (default: lvscare, of this version)",
  },
  {
    name: "privileged",
    kind: "switch",
    help: "the container may do anything; with =false it may not, even where it sets the " +
      "kernel's parameters, and the host does that",
  },
] as const satisfies readonly GenerateFlag[];

/** A file of the configuration. */
export interface ConfigFile {
  /** Below the configuration's directory: "conf.d/web.yaml". */
  readonly name: string;
  readonly text: string;
}

export interface DaemonSet {
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
  readonly privileged: boolean | undefined;
}

/** The API server takes no more in one object. */
const MOST_BYTES = 1024 * 1024 - 4096;

export function readDaemonSet(flags: Flags, image: string): DaemonSet {
  const given = flags.one("image");
  return {
    name: readLabel(flags.value("name")),
    namespace: readLabel(flags.value("namespace")),
    image: given ? readImage(given) : image,
    privileged: flags.switched("privileged"),
  };
}

export function printDaemonSet(
  { name, namespace, image, privileged }: DaemonSet,
  files: readonly ConfigFile[],
  needs: Needs,
): string {
  const keyed = withKeys(files);
  const labels = { "app.kubernetes.io/name": "lvscare", "app.kubernetes.io/instance": name };
  const metadata: YamlMapping = { name, namespace, labels };
  const spec = podSpec({
    ...{ name, image, needs, privileged },
    args: ["run", "-c", CONFIG_DIR, "--watch"],
    stateDir: STATE_DIR,
    setup: SETUP,
    nodeIp: undefined,
    probes: statusProbes([]),
    memory: { request: "128Mi", limit: "512Mi" },
    volumes: [{
      name: "config",
      mountPath: CONFIG_DIR,
      readOnly: true,
      source: {
        configMap: {
          name,
          items: keyed.map(({ key, name: path }) => ({ key, path })),
        },
      },
    }],
    isScheduled: true,
  });
  return [
    heading("daemonset", ...headingLines(name, namespace, needs)),
    printYaml({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: Object.fromEntries(keyed.map(({ key, text }) => [key, text])),
    }),
    "---\n",
    printYaml({
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata,
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: noted("Two on one node would be in each other's way.", {
          type: "RollingUpdate",
          rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
        }),
        template: { metadata: { labels }, spec },
      },
    }),
  ].join("");
}

function headingLines(name: string, namespace: string, { dataplane, files }: Needs): string[] {
  return [
    "kubectl apply --server-side -f FILE",
    "Each node follows a change of the ConfigMap within a minute or two, without a restart.",
    ...dataplane === "embedded" ? [] : [
      "Only one that calls for more parameters of the kernel (the first service of mode link, of UDP,",
      `or with persistence) takes: kubectl -n ${namespace} rollout restart daemonset ${name}`,
    ],
    ...files.length === 0 ? [] : [
      "The configuration names what the image must have, or a volume:",
      ...files.map((file) => `  ${file}`),
    ],
  ];
}

const SETUP = {
  name: "setup",
  args: ["run", "-c", CONFIG_DIR, "--prepare"],
  why: "Makes the kernel ready for what the files call for, and ends.",
};

/** A key of a ConfigMap has no slash. */
function withKeys(files: readonly ConfigFile[]): (ConfigFile & { readonly key: string })[] {
  const bytes = files.reduce((sum, { text }) => sum + new TextEncoder().encode(text).length, 0);
  if (bytes > MOST_BYTES) {
    throw new UsageError(
      `--config: the files have ${bytes} bytes, a ConfigMap must have at most ${MOST_BYTES}`,
    );
  }
  const used = new Set<string>();
  return files.map((file) => {
    const plain = file.name.replaceAll("/", ".").replace(/[^\w.-]/g, "_").slice(0, 240);
    let key = plain;
    for (let number = 2; used.has(key); number++) key = `${plain}.${number}`;
    used.add(key);
    return { ...file, key };
  });
}

/** What a DaemonSet cares for when nobody has said what it shall. */
export const EXAMPLE_FILE: ConfigFile = {
  name: "lvscare.yaml",
  text: `# An example: one service that nobody reaches. See lvscare generate config for all keys.
defaults:
  check: { type: http, path: /healthz, interval: 5s }
services:
  - address: 198.51.100.10
    port: 80
    mode: none
    servers: ["192.0.2.11:8080", "192.0.2.12:8080"]
`,
};
