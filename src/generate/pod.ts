/** The pod that a static pod is, and that a DaemonSet makes. */

import { capabilitiesOf, LOAD_MODULES, type Needs, PROGRAM } from "./needs.ts";
import { noted, type YamlMapping, type YamlValue } from "./yaml.ts";

/** Of the containers, and where they are unlike one another. */
export interface PodOptions {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly needs: Needs;
  readonly stateDir: string;
  /** True: the container may do anything; false: none may, and the host sets its own parameters. */
  readonly privileged: boolean | undefined;
  /** What a container that ends before the main one starts does, where there is need of one. */
  readonly setup: SetupOptions | undefined;
  /** The node's own address; undefined: Kubernetes knows it. */
  readonly nodeIp: string | undefined;
  readonly probes: YamlMapping;
  readonly memory: { readonly request: string; readonly limit: string };
  /** Beside those that every pod has. */
  readonly volumes: readonly Volume[];
  /** For the node it runs on; undefined: a static pod has none. */
  readonly isScheduled: boolean;
}

export interface SetupOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly why: string;
}

export interface Volume {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
  readonly source: YamlMapping;
}

/** Everything behind "spec:". */
export function podSpec(options: PodOptions): YamlMapping {
  const rights = rightsOf(options);
  const volumes = [...hostVolumes(options), ...options.volumes];
  return {
    hostNetwork: true,
    // Names are not looked up by way of the services that stand on this one.
    dnsPolicy: "Default",
    priorityClassName: "system-node-critical",
    ...(options.isScheduled && { automountServiceAccountToken: false }),
    enableServiceLinks: false,
    tolerations: [{ operator: "Exists" }],
    terminationGracePeriodSeconds: noted(
      "It leaves everything in place when it ends, and traffic goes on.",
      15,
    ),
    // Capabilities are of use to nobody but root, whoever the image is for.
    securityContext: { runAsUser: 0, seccompProfile: { type: "RuntimeDefault" } },
    ...(rights.setup && options.setup && {
      initContainers: [
        noted(rights.setup.why, {
          // No two containers of a pod have one name.
          name: options.setup.name === options.name ? "prepare" : options.setup.name,
          ...container(options, options.setup.args, rights.setup.rights),
          resources: resources(options),
          volumeMounts: mounts(volumes),
        }),
      ],
    }),
    containers: [{
      name: options.name,
      ...container(options, options.args, rights.main),
      resources: noted(
        "No limit of CPU: what is held back checks late, and takes servers out that are well.",
        resources(options),
      ),
      ...options.probes,
      volumeMounts: mounts(volumes),
    }],
    volumes: volumes.map(({ name, source }) => ({ name, ...source })),
  };
}

function container(
  { image, nodeIp }: PodOptions,
  args: readonly string[],
  rights: YamlValue,
): YamlMapping {
  return {
    image,
    imagePullPolicy: "IfNotPresent",
    command: [PROGRAM],
    args,
    env: [{
      name: "LVSCARE_NODE_IP",
      ...(nodeIp === undefined
        ? { valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } }
        : { value: nodeIp }),
    }],
    securityContext: rights,
  };
}

function resources({ memory: { request, limit } }: PodOptions): YamlMapping {
  return { requests: { cpu: "100m", memory: request }, limits: { memory: limit } };
}

interface Rights {
  readonly main: YamlValue;
  readonly setup: { readonly why: readonly string[]; readonly rights: YamlMapping } | undefined;
}

const PRIVILEGED: YamlMapping = { privileged: true };

/** Who may do what. Modules and parameters are the host's, and need more than the work that follows. */
function rightsOf({ needs, privileged, setup }: PodOptions): Rights {
  if (privileged) return { main: PRIVILEGED, setup: undefined };
  const capabilities = capabilitiesOf(needs);
  if (needs.dataplane === "embedded") return { main: confined(capabilities), setup: undefined };
  const sets = needs.parameters.length > 0 && privileged === undefined;
  const parameters = needs.parameters.map((name) => `  ${name}`);
  if (!setup && sets) {
    const why = [
      "It sets parameters of IPVS, for which /proc/sys must be writable; with --privileged=false",
      "it is not, and the host must set them to 1 itself:",
      ...parameters,
    ];
    return { main: noted(why, PRIVILEGED), setup: undefined };
  }
  if (!setup) return { main: confined([...capabilities, LOAD_MODULES]), setup: undefined };
  const main = confined(capabilities);
  if (!sets) {
    const why = [setup.why, "Only this one may load modules."];
    return { main, setup: { why, rights: confined([...capabilities, LOAD_MODULES]) } };
  }
  const why = [setup.why, "Only this one may do anything, for it sets:", ...parameters];
  return { main, setup: { why, rights: PRIVILEGED } };
}

function confined(capabilities: readonly string[]): YamlMapping {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: {
      drop: ["ALL"],
      ...(capabilities.length > 0 && { add: capabilities }),
    },
    seLinuxOptions: noted(
      "Where SELinux is on, other types may not see the host's files.",
      { level: "s0", type: "spc_t" },
    ),
  };
}

function hostVolumes({ needs, stateDir }: PodOptions): Volume[] {
  const state: Volume = {
    name: "state",
    mountPath: stateDir,
    readOnly: false,
    // What is ours in the kernel outlives the pod, and so must the memory of it.
    source: { hostPath: { path: stateDir, type: "DirectoryOrCreate" } },
  };
  if (needs.dataplane === "embedded") return [state];
  return [
    {
      name: "lib-modules",
      mountPath: "/lib/modules",
      readOnly: true,
      source: { hostPath: { path: "/lib/modules", type: "" } },
    },
    state,
    {
      name: "xtables-lock",
      mountPath: "/run/xtables.lock",
      readOnly: false,
      source: { hostPath: { path: "/run/xtables.lock", type: "FileOrCreate" } },
    },
  ];
}

function mounts(volumes: readonly Volume[]): YamlValue {
  return volumes.map(({ name, mountPath, readOnly }) => ({
    name,
    mountPath,
    ...(readOnly && { readOnly }),
  }));
}

/** How the kubelet asks the program how it is, with these words behind "lvscare status". */
export function statusProbes(words: readonly string[]): YamlMapping {
  const live = ["status", ...words, "--live"];
  return {
    startupProbe: execProbe(live, 2, 60),
    livenessProbe: noted(
      "Alive: it answers, and its passes come to their end.",
      execProbe(live, 20, 3),
    ),
    readinessProbe: noted(
      "Ready: all is as it was asked for, whatever becomes of servers.",
      execProbe(["status", ...words], 20, 2),
    ),
  };
}

/** A probe that runs the program, which takes most of its time to start. */
function execProbe(
  words: readonly string[],
  periodSeconds: number,
  failureThreshold: number,
): YamlMapping {
  return {
    exec: { command: [PROGRAM, ...words] },
    periodSeconds,
    timeoutSeconds: 5,
    failureThreshold,
  };
}
