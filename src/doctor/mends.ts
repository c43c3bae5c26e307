/** The command lines that mend: the one place for them. Each can be pasted as it stands. */

import { type InterfaceAddress, printInterfaceAddress } from "../model/link.ts";
import type { Finding } from "./finding.ts";

type Mend = Pick<Finding, "mend" | "fix">;

/** Loads modules now. */
export function loadModules(modules: readonly string[]): Mend {
  const mend = modules.length === 1 ? `modprobe ${modules[0]}` : `modprobe -a ${modules.join(" ")}`;
  return { mend, fix: { modules } };
}

/** Has modules loaded with every boot; no program does that but this one. */
export function loadAtBoot(call: string, bootModules: readonly string[]): Mend {
  return { mend: `${call} --fix`, fix: { bootModules } };
}

/** Sets parameters now; --fix also has them set with every boot. */
export function setParameters(parameters: Readonly<Record<string, string>>): Mend {
  return { mend: sysctlLine(parameters), fix: { parameters } };
}

/** The same for what may let somebody in, or cut the host off: a person decides that. */
export function mayBeSet(parameters: Readonly<Record<string, string>>): Mend {
  return { mend: sysctlLine(parameters) };
}

/** "sysctl -w a=1 b=2". */
export function sysctlLine(parameters: Readonly<Record<string, string>>): string {
  const words = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return `sysctl -w ${words.join(" ")}`;
}

/** What real servers of direct routing need, so that only the balancer answers for the address. */
export const QUIET_ARP = {
  "net.ipv4.conf.all.arp_ignore": "1",
  "net.ipv4.conf.all.arp_announce": "2",
} as const;

export function removeAddress(address: InterfaceAddress, device: string): Mend {
  return { mend: `ip addr del ${printInterfaceAddress(address)} dev ${device}` };
}

export function addAddress(address: InterfaceAddress, device: string): Mend {
  return { mend: `ip addr add ${printInterfaceAddress(address)} dev ${device}` };
}

export function bringUp(device: string): Mend {
  return { mend: `ip link set ${device} up` };
}

export function openPorts(ports: readonly string[]): Mend {
  return { mend: ["firewall-cmd", ...ports.map((port) => `--add-port=${port}`)].join(" ") };
}

export const CILIUM_BEHIND: Mend = { mend: "cilium config set prepend-iptables-chains false" };

export function asRoot(call: string): Mend {
  return { mend: `sudo ${call}` };
}
