/** Names instead of numbers: what /etc/services knows. Host names are never looked up. */

import type { Protocol } from "../model/ipvs.ts";

export interface Names {
  /** The port of a service by its name or one of its aliases. */
  servicePort(name: string, protocol: Protocol): number | undefined;
  serviceName(port: number, protocol: Protocol): string | undefined;
}

/** For where everything is a number. */
export const NO_NAMES: Names = {
  servicePort: () => undefined,
  serviceName: () => undefined,
};

/** The names that the text of an /etc/services file gives; lines that are none are passed over. */
export function parseServicesFile(text: string): Names {
  const ports = new Map<string, number>();
  const names = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [name, target, ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    const match = /^(\d{1,5})\/(tcp|udp|sctp)$/.exec(target ?? "");
    if (!name || !match || Number(match[1]) > 65535) continue;
    const [, port, protocol] = match;
    // As in the C library, the first line that fits wins.
    const byPort = `${port}/${protocol}`;
    if (!names.has(byPort)) names.set(byPort, name);
    for (const each of [name, ...aliases]) {
      const byName = `${each}/${protocol}`;
      if (!ports.has(byName)) ports.set(byName, Number(port));
    }
  }
  return {
    servicePort: (name, protocol) => ports.get(`${name}/${protocol}`),
    serviceName: (port, protocol) => names.get(`${port}/${protocol}`),
  };
}
