/** The flags of the embedded proxy. */

import { PROXY_PROTOCOLS } from "../wire/proxy_protocol.ts";
import type { CareConfig, ProxyConfig } from "./care.ts";
import type { CareFlagName } from "./care_flags.ts";
import { findOne, findValue, refuse, type Sources } from "./given.ts";
import { readChoice, readDurationMs } from "./values.ts";

const FLAGS: readonly CareFlagName[] = ["proxy-protocol", "connect-timeout", "idle-timeout"];

export function readProxy(sources: Sources, dataplane: CareConfig["dataplane"]): ProxyConfig {
  for (const flag of FLAGS) {
    const given = findOne(sources, flag);
    if (dataplane !== "kernel" || !given || given.origin === "default") continue;
    refuse(given, "IPVS in the kernel has no such thing", "it is for --dataplane embedded");
  }
  const protocol = findOne(sources, "proxy-protocol");
  return {
    protocol: protocol && readChoice(protocol, PROXY_PROTOCOLS),
    connectTimeoutMs: readDurationMs(findValue(sources, "connect-timeout"), {
      min: "100ms",
      max: "1h",
    }),
    idleTimeoutMs: readDurationMs(findValue(sources, "idle-timeout"), { min: "1s", max: "720h" }),
  };
}
