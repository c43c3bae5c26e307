/** What the program needs of a host for what it is to care for, and what it is allowed for that. */

import type { DataplaneChoice } from "../config/care.ts";
import type { CheckRequest } from "../config/check.ts";
import type { Config } from "../config/config.ts";

/** Where an image has the program, and an installation puts it. */
export const PROGRAM = "/usr/bin/lvscare";
export const STATE_DIR = "/run/lvscare";
export const CONFIG_DIR = "/etc/lvscare";

export interface Needs {
  readonly dataplane: DataplaneChoice;
  /** The kernel's parameters that it sets, as "net.ipv4.vs.conntrack". */
  readonly parameters: readonly string[];
  readonly schedulers: readonly string[];
  /** Addresses are put on a dummy device. */
  readonly hasDevices: boolean;
  /** Packets get a mark, or leave by a certain device. */
  readonly hasSources: boolean;
  /** Sockets below TCP and UDP. */
  readonly hasIcmp: boolean;
  /** Ports below 1024 are listened on, or asked from. */
  readonly hasLowPorts: boolean;
  /** Programs are run as other users. */
  readonly hasUsers: boolean;
  /** Programs and files of the host that it is told of. */
  readonly files: readonly string[];
}

/** The parameters are what is set for it, which only the one who sets them knows. */
export function needsOf(config: Config, parameters: readonly string[]): Needs {
  const { services, host: { dataplane } } = config;
  const servers = services.flatMap((service) => [
    ...service.servers.values(),
    ...(service.sorry ? [service.sorry.server] : []),
  ]);
  const requests = servers.flatMap(({ checks }) => checks).map(({ request }) => request);
  const notes = [...services, ...servers].flatMap(({ notify }) => notify);
  const listens = dataplane !== "kernel" &&
    services.some(({ service: { key } }) =>
      key.kind === "address" && key.port > 0 && key.port < 1024
    );
  return {
    dataplane,
    parameters,
    schedulers: [...new Set(services.map(({ service }) => service.scheduler))],
    hasDevices: services.some(({ mode }) => mode.kind === "link"),
    hasSources: requests.some(({ source }) =>
      source?.mark !== undefined || source?.device !== undefined
    ),
    hasIcmp: requests.some(({ kind }) => kind === "icmp"),
    hasLowPorts: listens || requests.some(({ source }) => (source?.port ?? 1024) < 1024),
    hasUsers: requests.some((request) => request.kind === "exec" && request.user !== undefined) ||
      notes.some(({ user }) => user !== undefined),
    files: [
      ...new Set([
        ...requests.flatMap(filesOf),
        ...notes.flatMap(({ to }) => to.kind === "program" ? [to.command[0]] : []),
      ]),
    ],
  };
}

function filesOf(request: CheckRequest): string[] {
  if (request.kind === "exec") return [request.command[0]];
  if (request.kind === "file") return [request.path];
  const tls = "tls" in request ? request.tls : undefined;
  return [tls?.caFile, tls?.certificateFile, tls?.keyFile].filter((file) => file !== undefined);
}

/** Of IPVS, and nothing around it. */
export const PLAIN_NEEDS: Needs = {
  dataplane: "kernel",
  parameters: [],
  schedulers: ["wrr"],
  hasDevices: false,
  hasSources: false,
  hasIcmp: false,
  hasLowPorts: false,
  hasUsers: false,
  files: [],
};

/** Of all that may be in files that nobody has read: whatever `lvscare run` can be told to do. */
export const ANY_NEEDS: Needs = {
  dataplane: "kernel",
  parameters: [
    "net.ipv4.vs.conntrack",
    "net.ipv4.vs.expire_nodest_conn",
    "net.ipv4.vs.expire_quiescent_template",
  ],
  schedulers: ["rr", "wrr", "lc", "wlc", "sh"],
  hasDevices: true,
  hasSources: true,
  hasIcmp: true,
  hasLowPorts: true,
  hasUsers: true,
  files: [],
};

/** Without the right to load modules, which is the right to do anything. */
export function capabilitiesOf(needs: Needs): string[] {
  const { dataplane, hasDevices, hasSources, hasIcmp, hasLowPorts, hasUsers } = needs;
  const isKernel = dataplane !== "embedded";
  return [
    isKernel || hasDevices || hasSources ? ["NET_ADMIN"] : [],
    isKernel || hasIcmp || hasSources ? ["NET_RAW"] : [],
    hasLowPorts ? ["NET_BIND_SERVICE"] : [],
    hasUsers ? ["SETUID", "SETGID", "KILL"] : [],
  ].flat();
}

export const LOAD_MODULES = "SYS_MODULE";
