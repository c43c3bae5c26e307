/** What the kernel's refusals mean for IPVS, and what to do about them: the one table. */

export interface Explanation {
  readonly why?: string;
  readonly hint?: string;
}

interface Line extends Explanation {
  readonly errno: string;
  /** The commands that it is said of, without IPVS_CMD_; all where there are none. */
  readonly commands?: readonly string[];
}

const SERVICE = ["NEW_SERVICE", "SET_SERVICE"];
const DEST = ["NEW_DEST", "SET_DEST"];

/** The first line that fits counts. */
const LINES: readonly Line[] = [
  {
    errno: "EEXIST",
    commands: ["NEW_SERVICE"],
    why: "the service exists already",
    hint: "edit it instead",
  },
  {
    errno: "EEXIST",
    commands: ["NEW_DEST"],
    why: "the service has this server already",
    hint: "edit it instead",
  },
  {
    errno: "EEXIST",
    commands: ["NEW_DAEMON"],
    why: "a daemon of this role runs already",
    hint: "stop it first",
  },
  { errno: "ESRCH", commands: ["DEL_DAEMON"], why: "no daemon of this role runs" },
  { errno: "ESRCH", why: "no such service", hint: "add the service first" },
  {
    // The kernel has already tried to load the module itself.
    errno: "ENOENT",
    commands: SERVICE,
    why: "no such scheduler or persistence engine",
    hint: "load its module: modprobe ip_vs_{scheduler}, or ip_vs_pe_ and the engine's name",
  },
  { errno: "ENOENT", commands: ["SET_DEST", "DEL_DEST"], why: "the service has no such server" },
  {
    errno: "EINVAL",
    commands: SERVICE,
    why: "not a service that this kernel takes",
    hint: "an IPv6 service needs a persistence prefix from 1 to 128, a persistent one a timeout",
  },
  {
    errno: "EINVAL",
    commands: DEST,
    why: "not a server that this kernel takes",
    hint: "its address must be unicast; one of the other family needs a tunnel and no sync daemon",
  },
  {
    errno: "EINVAL",
    commands: ["NEW_DAEMON"],
    why: "not a daemon that this kernel takes",
    hint: "its id is 0 to 255, and no server may be of another family than its service",
  },
  { errno: "EINVAL", commands: ["SET_CONFIG"], why: "a timeout is out of range" },
  {
    errno: "ERANGE",
    commands: DEST,
    why: "a number is out of range",
    hint: "the weight must not be negative, nor the lower threshold above the upper one",
  },
  { errno: "ENODEV", commands: ["NEW_DAEMON"], why: "no such interface" },
  {
    errno: "EAFNOSUPPORT",
    why: "address family not supported",
    hint: "this kernel's ip_vs is built without IPv6",
  },
  {
    errno: "ENOPROTOOPT",
    why: "IPVS is not there",
    hint: "load the module: modprobe ip_vs",
  },
  {
    errno: "EOPNOTSUPP",
    why: "command not known",
    hint: "this kernel's ip_vs is too old for it",
  },
  { errno: "EPERM", why: "not permitted", hint: "it needs CAP_NET_ADMIN: run it as root" },
  {
    // Ours, not the kernel's: see NetlinkSocket.batch().
    errno: "ENOBUFS",
    why: "the answer was lost, so it may be done or not",
    hint: "read the table again",
  },
  {
    errno: "EINTR",
    why: "the kernel was interrupted, so it may be done or not",
    hint: "read the table again",
  },
  { errno: "ENOMEM", why: "the kernel is out of memory" },
];

/** What to do where the kernel has no family "IPVS". */
export const NO_IPVS_HINT = "load the module: modprobe ip_vs";

/** Why an IPVS command was refused, as far as its errno tells. */
export function explainIpvs(
  command: string,
  errno: string,
  names: { readonly scheduler?: string } = {},
): Explanation {
  const short = command.replace(/^IPVS_CMD_/, "");
  const line = LINES.find((line) =>
    line.errno === errno && (line.commands?.includes(short) ?? true)
  );
  if (!line) return {};
  const { why, hint } = line;
  return {
    ...(why !== undefined && { why }),
    ...(hint !== undefined && { hint: hint.replace("{scheduler}", names.scheduler ?? "") }),
  };
}
