/** Every option of ipvsadm 1.31, once: its names, whether it takes a value, and which command allows it. */

export interface OptionSpec {
  readonly short?: string;
  readonly value?: "needed" | "optional";
}

export const COMMAND_OPTIONS = {
  "add-service": { short: "A" },
  "edit-service": { short: "E" },
  "delete-service": { short: "D" },
  "clear": { short: "C" },
  "list": { short: "L" },
  "zero": { short: "Z" },
  "add-server": { short: "a" },
  "edit-server": { short: "e" },
  "delete-server": { short: "d" },
  "set": {},
  "restore": { short: "R" },
  "save": { short: "S" },
  "start-daemon": { value: "needed" },
  "stop-daemon": { value: "needed" },
  "help": { short: "h" },
  "version": { short: "v" },
} as const satisfies Record<string, OptionSpec>;

export const PARAMETER_OPTIONS = {
  "tcp-service": { short: "t", value: "needed" },
  "udp-service": { short: "u", value: "needed" },
  "sctp-service": { value: "needed" },
  "fwmark-service": { short: "f", value: "needed" },
  "ipv6": { short: "6" },
  "scheduler": { short: "s", value: "needed" },
  "sched-flags": { short: "b", value: "needed" },
  "persistent": { short: "p", value: "optional" },
  "netmask": { short: "M", value: "needed" },
  "pe": { value: "needed" },
  "ops": { short: "o" },
  "real-server": { short: "r", value: "needed" },
  "gatewaying": { short: "g" },
  "ipip": { short: "i" },
  "masquerading": { short: "m" },
  "tun-type": { value: "needed" },
  "tun-port": { value: "needed" },
  "tun-nocsum": {},
  "tun-csum": {},
  "tun-remcsum": {},
  "weight": { short: "w", value: "needed" },
  "u-threshold": { short: "x", value: "needed" },
  "l-threshold": { short: "y", value: "needed" },
  "numeric": { short: "n" },
  "connection": { short: "c" },
  "timeout": {},
  "daemon": {},
  "stats": {},
  "rate": {},
  "exact": { short: "X" },
  "thresholds": {},
  "persistent-conn": {},
  "tun-info": {},
  "nosort": {},
  "sort": {},
  "syncid": { value: "needed" },
  "sync-maxlen": { value: "needed" },
  "mcast-interface": { value: "needed" },
  "mcast-group": { value: "needed" },
  "mcast-port": { value: "needed" },
  "mcast-ttl": { value: "needed" },
} as const satisfies Record<string, OptionSpec>;

export type CommandName = keyof typeof COMMAND_OPTIONS;
export type ParameterName = keyof typeof PARAMETER_OPTIONS;
export type OptionName = CommandName | ParameterName;

const SPECS: Readonly<Record<OptionName, OptionSpec>> = {
  ...COMMAND_OPTIONS,
  ...PARAMETER_OPTIONS,
};

export const OPTION_NAMES = Object.keys(SPECS) as readonly OptionName[];

const BY_SHORT: ReadonlyMap<string, OptionName> = new Map([
  // The one option with two letters.
  ["l", "list"],
  ...OPTION_NAMES.flatMap((name): [string, OptionName][] => {
    const short = SPECS[name].short;
    return short === undefined ? [] : [[short, name]];
  }),
]);

export function optionSpec(name: OptionName): OptionSpec {
  return SPECS[name];
}

export function optionByLetter(letter: string): OptionName | undefined {
  return BY_SHORT.get(letter);
}

export function optionByName(name: string): OptionName | undefined {
  return Object.hasOwn(SPECS, name) ? name as OptionName : undefined;
}

export function isCommand(name: OptionName): name is CommandName {
  return Object.hasOwn(COMMAND_OPTIONS, name);
}

/** "-w", or "--pe" for what has no letter: as messages name an option. */
export function printOption(name: OptionName): string {
  const short = SPECS[name].short;
  return short === undefined ? `--${name}` : `-${short}`;
}

/** Only one of these may be given: together they are one parameter. */
export const SERVICE_OPTIONS = [
  "tcp-service",
  "udp-service",
  "sctp-service",
  "fwmark-service",
] as const;
export const FORWARDING_OPTIONS = ["gatewaying", "ipip", "masquerading"] as const;
export const CHECKSUM_OPTIONS = ["tun-nocsum", "tun-csum", "tun-remcsum"] as const;

const SERVICE: readonly ParameterName[] = [...SERVICE_OPTIONS, "ipv6"];
const SERVICE_SPEC: readonly ParameterName[] = [
  ...SERVICE,
  "scheduler",
  "sched-flags",
  "persistent",
  "netmask",
  "pe",
  "ops",
];
const SERVER_SPEC: readonly ParameterName[] = [
  ...SERVICE,
  "real-server",
  ...FORWARDING_OPTIONS,
  "tun-type",
  "tun-port",
  ...CHECKSUM_OPTIONS,
  "weight",
  "u-threshold",
  "l-threshold",
];

/** The parameters that each command understands. */
export const ALLOWED: Readonly<Record<CommandName, readonly ParameterName[]>> = {
  "add-service": SERVICE_SPEC,
  "edit-service": SERVICE_SPEC,
  "delete-service": SERVICE,
  "clear": [],
  "list": [
    ...SERVICE,
    "numeric",
    "connection",
    "timeout",
    "daemon",
    "stats",
    "rate",
    "exact",
    "thresholds",
    "persistent-conn",
    "tun-info",
    "nosort",
    "sort",
  ],
  "zero": SERVICE,
  "add-server": SERVER_SPEC,
  "edit-server": SERVER_SPEC,
  "delete-server": [...SERVICE, "real-server"],
  "set": [],
  "restore": [],
  "save": ["numeric"],
  "start-daemon": [
    "syncid",
    "sync-maxlen",
    "mcast-interface",
    "mcast-group",
    "mcast-port",
    "mcast-ttl",
  ],
  "stop-daemon": ["syncid"],
  "help": [],
  "version": [],
};
