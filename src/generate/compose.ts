// deno-lint-ignore-file camelcase -- keys are those of compose
/** A file of docker compose. */

import { heading } from "./artifact.ts";
import { statusWords } from "./care_line.ts";
import { type Flags, type GenerateFlag, readImage, readLabel } from "./flags.ts";
import { capabilitiesOf, LOAD_MODULES, type Needs, PROGRAM, STATE_DIR } from "./needs.ts";
import { type Job, JOB_FLAGS, readJob } from "./systemd.ts";
import { noted, printYaml, type YamlMapping, type YamlValue } from "./yaml.ts";

export const COMPOSE_FLAGS = [
  ...JOB_FLAGS,
  { name: "name", kind: "value", value: "name", initial: "lvscare", help: "what it is called" },
  {
    name: "image",
    kind: "value",
    value: "image",
    help: "the image (default: lvscare, of this version)",
  },
] as const satisfies readonly GenerateFlag[];

export interface Compose {
  readonly job: Job;
  readonly name: string;
  readonly image: string;
}

export function readCompose(flags: Flags, image: string): Compose {
  const given = flags.one("image");
  return {
    job: readJob(flags),
    name: readLabel(flags.value("name")),
    image: given ? readImage(given) : image,
  };
}

export function printCompose({ job, name, image }: Compose, needs: Needs): string {
  const isOnce = job.kind === "care" && job.config.runOnce;
  const service: YamlMapping = {
    image,
    container_name: name,
    network_mode: "host",
    restart: isOnce ? "on-failure" : "unless-stopped",
    entrypoint: [PROGRAM],
    command: commandOf(job).map(literal),
    environment: noted("The host's own address for routes, where no flag or file says one.", {
      LVSCARE_NODE_IP: "${LVSCARE_NODE_IP:-}",
    }),
    // Capabilities are of use to nobody but root, whoever the image is for.
    user: "0:0",
    read_only: true,
    cap_drop: ["ALL"],
    ...capabilityLines(needs),
    security_opt: securityOf(needs),
    tmpfs: noted("iptables-legacy takes a lock there.", ["/run"]),
    volumes: volumesOf(job, needs),
    mem_limit: job.kind === "run" ? "512m" : "256m",
    oom_score_adj: -900,
    stop_grace_period: "15s",
    ...isOnce ? {} : healthOf(job),
  };
  return heading("compose", "docker compose -f FILE up -d") +
    printYaml({ name, services: { lvscare: service } });
}

function commandOf(job: Job): readonly string[] {
  return job.kind === "run" ? ["run", "-c", job.path, "--watch"] : ["care", ...job.words];
}

/** Compose puts variables in place of what a dollar begins. */
function literal(word: string): string {
  return word.replaceAll("$", "$$$$");
}

function capabilityLines(needs: Needs): YamlMapping {
  const loads = needs.dataplane === "embedded" ? [] : [LOAD_MODULES];
  const capabilities = [...capabilitiesOf(needs), ...loads];
  if (capabilities.length === 0) return {};
  return {
    cap_add: loads.length === 0 ? capabilities : noted(
      `${LOAD_MODULES} for ip_vs and its schedulers: not needed where the host loads them.`,
      capabilities,
    ),
  };
}

function securityOf({ dataplane, parameters }: Needs): YamlValue {
  const plain = ["no-new-privileges:true"];
  if (dataplane === "embedded" || parameters.length === 0) return plain;
  return noted(
    ["It sets parameters of IPVS, for which /proc/sys must be writable:", parameters.join(", ")],
    [...plain, "systempaths=unconfined", "apparmor=unconfined"],
  );
}

function volumesOf(job: Job, { dataplane }: Needs): YamlValue {
  const state = job.kind === "run" ? STATE_DIR : job.config.stateDir;
  return [
    ...job.kind === "run" ? [bind(job.path, job.path, true)] : [],
    noted(
      "What is ours in the kernel outlives the container, and so must the memory of it.",
      bind(state, state, false),
    ),
    ...dataplane === "embedded" ? [] : [bind("/lib/modules", "/lib/modules", true)],
  ];
}

/** A configuration that is not there is a mistake; the rest can be made. */
function bind(source: string, target: string, isReadOnly: boolean): YamlMapping {
  return {
    type: "bind",
    source: literal(source),
    target: literal(target),
    ...isReadOnly ? { read_only: true } : { bind: { create_host_path: true } },
  };
}

function healthOf(job: Job): YamlMapping {
  const words = job.kind === "run" ? [] : statusWords(job.config);
  return {
    healthcheck: noted(
      "Healthy: all is as it was asked for, whatever becomes of servers.",
      {
        test: ["CMD", PROGRAM, "status", ...words].map(literal),
        interval: "30s",
        timeout: "5s",
        retries: 3,
        start_period: "30s",
      },
    ),
  };
}
