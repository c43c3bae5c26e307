/** The static pod that runs `lvscare care` on a node: sealctl's manifest, with fewer rights and more limits. */

import type { CareConfig } from "../config/care.ts";
import { FAMILY_WORDS, judgeHostAddress, readEndpoint } from "../config/care_endpoints.ts";
import { NODE_NAME } from "../config/care_mode.ts";
import { findHostAddresses } from "../config/hosts_file.ts";
import { type Given, refuse } from "../config/given.ts";
import { UsageError } from "../errors.ts";
import { addressFamily, parseAddress } from "../model/address.ts";
import { type Endpoint, parseEndpoint, printEndpoint } from "../model/endpoint.ts";
import { type Artifact, heading } from "./artifact.ts";
import { readCareLine, renaming, statusWords } from "./care_line.ts";
import {
  type Flags,
  type GenerateFlag,
  readAbsolutePath,
  readImage,
  readLabel,
  splitCommas,
} from "./flags.ts";
import type { Needs } from "./needs.ts";
import { podSpec, type SetupOptions, statusProbes } from "./pod.ts";
import { printYaml } from "./yaml.ts";

export const STATIC_POD_FLAGS = [
  {
    name: "vip",
    kind: "value",
    value: "address",
    initial: "10.103.97.2",
    help: "the virtual address, or with a port other than 6443: 10.103.97.2:443",
  },
  {
    name: "masters",
    kind: "list",
    value: "address,...",
    help: "the masters, with or without a port (6443); repeat it or put commas between them",
  },
  {
    name: "name",
    kind: "value",
    value: "name",
    initial: "kube-sealyun-lvscare",
    help: "the pod's name, and its file's",
  },
  {
    name: "image",
    kind: "value",
    value: "image",
    help: "the image (default: lvscare, of this version)",
  },
  {
    name: "options",
    kind: "list",
    value: "flag,...",
    help: "more flags of lvscare care: --options --mode=link,--interval=2s",
  },
  {
    name: "path",
    kind: "value",
    value: "directory",
    initial: "/etc/kubernetes/manifests",
    help: "where NAME.yaml is written to",
  },
  { name: "print", kind: "switch", help: "print it instead" },
  { name: "set-img", kind: "switch", help: "only replace the image in the file that is there" },
  {
    name: "node-ip",
    kind: "value",
    value: "address",
    help: "the node's own address for its route (default: lvscare.node.ip of /etc/hosts here, " +
      "else what Kubernetes knows the node by)",
  },
  {
    name: "privileged",
    kind: "switch",
    help: "the container may do anything, as sealctl's; with =false none may, and the host sets " +
      "the kernel's parameters",
  },
] as const satisfies readonly GenerateFlag[];

const DEFAULT_PORT = 6443;

export interface StaticPod {
  readonly name: string;
  readonly image: string;
  /** What `lvscare care` is to do, and the words for it. */
  readonly care: CareConfig;
  readonly args: readonly string[];
  readonly nodeIp: string | undefined;
  readonly privileged: boolean | undefined;
}

/** Where it is generated. */
export interface StaticPodWorld {
  readonly image: string;
  /** The text of the hosts file. */
  readonly hosts: string;
}

export function readStaticPod(flags: Flags, { image, hosts }: StaticPodWorld): StaticPod {
  const vip = printEndpoint(readWithPort(flags.value("vip")));
  const masters = flags.all("masters").flatMap(splitCommas);
  if (masters.length === 0) {
    throw new UsageError("--masters is missing: must be at least one address, as 10.0.0.2:6443", {
      hint: "only with --set-img none is needed",
    });
  }
  const servers = masters.map((each) => printEndpoint(readWithPort(each)));
  const options = flags.all("options").flatMap(splitCommas);
  const args = [
    ...["care", "--vs", vip, "--health-path", "/healthz", "--health-schem", "https"],
    ...servers.flatMap((server) => ["--rs", server]),
    ...options.map(({ text }) => text),
  ];
  const origin = options[0] ?? { text: "", name: "--options", origin: "flag" };
  const care = renaming(
    { "--vs": "--vip", "--rs": "--masters" },
    () => readCareLine(args.slice(1), origin),
  );
  refuseOther(options, care, vip);
  return {
    name: readLabel(flags.value("name")),
    image: readGivenImage(flags) ?? image,
    care,
    args,
    nodeIp: readNodeIp(flags.one("node-ip"), care.virtualServer, hosts),
    privileged: flags.switched("privileged"),
  };
}

function readGivenImage(flags: Flags): string | undefined {
  const given = flags.one("image");
  return given && readImage(given);
}

/** What would be another program than one that stays and cares for the address. */
function refuseOther(options: readonly Given[], care: CareConfig, vip: string): void {
  const wrong = care.clean ? "clean" : care.runOnce ? "run-once" : care.dryRun ? "dry-run" : "";
  const refused = (flag: string, why: string) => {
    throw new UsageError(`--options has --${flag}: ${why}`);
  };
  if (wrong !== "") refused(wrong, "a pod is started again whenever it has ended");
  if (printEndpoint(care.virtualServer) !== vip) refused("vs", "the address is given by --vip");
  if (options.some(({ text }) => text === "")) {
    throw new UsageError("--options has an empty value: must be flags of lvscare care");
  }
}

function readWithPort(given: Given): Endpoint {
  const address = parseAddress(given.text);
  if (address !== undefined) {
    return readEndpoint({ ...given, text: printEndpoint({ address, port: DEFAULT_PORT }) });
  }
  if (parseEndpoint(given.text)) return readEndpoint(given);
  const isName = /^[\w.-]*[a-z][\w.-]*(?::\d+)?$/i.test(given.text);
  return refuse(
    given,
    "must be an address, with or without a port, as 10.0.0.2 or 10.0.0.2:6443",
    isName ? "names are not looked up" : undefined,
  );
}

/** What is said, else what the hosts file says: of the family of the virtual address. */
function readNodeIp(given: Given | undefined, vip: Endpoint, hosts: string): string | undefined {
  const family = addressFamily(vip.address);
  if (!given) {
    return findHostAddresses(hosts, NODE_NAME).find((each) => addressFamily(each) === family);
  }
  const address = parseAddress(given.text) ??
    refuse(given, "must be an address of the node, as 10.0.0.2");
  const problem = judgeHostAddress(address);
  if (problem !== undefined) refuse(given, problem);
  if (addressFamily(address) !== family) {
    refuse(given, `must be ${FAMILY_WORDS[family]} as the virtual address is`);
  }
  return address;
}

export function printStaticPod(pod: StaticPod, needs: Needs): string {
  const { name, image, args, care, nodeIp, privileged } = pod;
  const spec = podSpec({
    ...{ name, image, args, needs, privileged, nodeIp },
    stateDir: care.stateDir,
    setup: needs.dataplane === "kernel" ? setupOf(args) : undefined,
    probes: statusProbes(statusWords(care)),
    memory: { request: "64Mi", limit: "256Mi" },
    volumes: [],
    isScheduled: false,
  });
  return heading("static-pod", "The kubelet of a node runs it from /etc/kubernetes/manifests.") +
    printYaml({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        namespace: "kube-system",
        labels: { "app.kubernetes.io/name": "lvscare", "app.kubernetes.io/instance": name },
      },
      spec,
    });
}

function setupOf(args: readonly string[]): SetupOptions {
  return {
    name: "setup",
    args: [...args, "--run-once"],
    why: "Sets everything up once, and ends.",
  };
}

/** Where the file of that name belongs. */
export function staticPodPath(flags: Flags): string {
  const directory = readAbsolutePath(flags.value("path"));
  return `${directory === "/" ? "" : directory}/${readLabel(flags.value("name"))}.yaml`;
}

export function staticPod(flags: Flags, pod: StaticPod, needs: Needs): Artifact {
  return { path: staticPodPath(flags), text: printStaticPod(pod, needs) };
}

/** The image that takes the place of the one that is there. */
export function newImage(flags: Flags, { image }: Pick<StaticPodWorld, "image">): string {
  return readGivenImage(flags) ?? image;
}
