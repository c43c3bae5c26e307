/** What only a host can say of a configuration: what of ours is somebody else's there. */

import type { Link } from "../../model/link.ts";
import type { FilesReading } from "./read.ts";

/** Reports every address for a dummy device of ours that is on another device of the host already. */
export function judgeDevices(
  { config, origins, report }: FilesReading,
  links: readonly Link[],
): void {
  const wanted = new Map<string, { readonly device: string; readonly service: string }>();
  for (const { name, mode, service: { key } } of config?.services ?? []) {
    if (mode.kind !== "link" || key.kind !== "address" || wanted.has(key.address)) continue;
    wanted.set(key.address, { device: mode.device, service: name });
  }
  for (const { name, addresses } of links) {
    for (const { address, prefix } of addresses) {
      const found = wanted.get(address);
      const origin = found && origins.get(found.service);
      if (!found || !origin || found.device === name) continue;
      const text = `${address} is on device ${name} as ${address}/${prefix}, must be on ` +
        `${found.device} alone (where it shall stay there, mode must be none)`;
      report.add(origin, text);
    }
  }
}

/** Reports every service that another instance cares for; of each, what that is called. */
export function judgeRivals(
  { config, origins, report }: FilesReading,
  rivals: ReadonlyMap<string, string>,
): void {
  for (const { name } of config?.services ?? []) {
    const rival = rivals.get(name);
    const origin = origins.get(name);
    if (rival === undefined || !origin) continue;
    report.add(origin, `${name} is cared for by lvscare care --vs ${rival}, must be by one alone`);
  }
}
