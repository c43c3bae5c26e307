/** A service out of ipvsadm's options. */

import { UsageError } from "../errors.ts";
import { familyBits } from "../model/address.ts";
import {
  keyFamily,
  type Persistence,
  type Protocol,
  type Service,
  type ServiceKey,
} from "../model/ipvs.ts";
import type { Names } from "./names.ts";
import type { Parameters } from "./parameters.ts";
import {
  DEFAULT_PERSISTENCE_S,
  MAX_MARK,
  MAX_TIMEOUT_S,
  parseHostPort,
  parseNumber,
  parsePersistenceMask,
  parseScheduler,
  parseSchedulerFlags,
  refuse,
} from "./values.ts";

const DEFAULT_SCHEDULER = "wlc";

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  "tcp-service": "tcp",
  "udp-service": "udp",
  "sctp-service": "sctp",
};

export function parseKey(parameters: Parameters, names: Names): ServiceKey {
  const option = parameters.service;
  if (option === undefined) {
    throw new UsageError("service missing: must be given by -t, -u, --sctp-service or -f");
  }
  const text = option.value ?? "";
  const protocol = PROTOCOLS[option.name];
  if (protocol === undefined) {
    const mark = parseNumber("firewall mark", text, 1, MAX_MARK);
    return { kind: "mark", mark, family: parameters.has("ipv6") ? "ipv6" : "ipv4" };
  }
  if (parameters.has("ipv6")) {
    throw new UsageError(
      `option "${
        parameters.get("ipv6")!.spelling
      }": must stand beside -f: an address says its family itself`,
    );
  }
  const { address, port } = parseHostPort("virtual service", text, protocol, names);
  return { kind: "address", protocol, address, port: port ?? 0 };
}

export function parseService(parameters: Parameters, names: Names): Service {
  const key = parseKey(parameters, names);
  const scheduler = parseScheduler(parameters.value("scheduler") ?? DEFAULT_SCHEDULER);
  const flags = parameters.value("sched-flags");
  const persistence = parsePersistence(key, parameters);
  const service: Service = {
    key,
    scheduler,
    schedulerFlags: flags === undefined ? [] : parseSchedulerFlags(scheduler, flags),
    onePacket: parameters.has("ops"),
    ...(persistence && { persistence }),
  };
  checkService(service, parameters);
  return service;
}

function parsePersistence(key: ServiceKey, parameters: Parameters): Persistence | undefined {
  if (!parameters.has("persistent")) {
    // ipvsadm takes both and the kernel then uses neither.
    for (const name of ["netmask", "pe"] as const) {
      const option = parameters.get(name);
      if (option === undefined) continue;
      throw refuse(`option "${option.spelling}"`, option.value ?? "", "must stand beside -p");
    }
    return undefined;
  }
  const timeout = parameters.value("persistent");
  const mask = parameters.value("netmask");
  const engine = parameters.value("pe");
  if (engine !== undefined && !/^[A-Za-z0-9_-]{1,15}$/.test(engine)) {
    throw refuse("persistence engine", engine, "must be a name of 1 to 15 letters, as sip");
  }
  const family = keyFamily(key);
  return {
    timeoutS: timeout === undefined
      ? DEFAULT_PERSISTENCE_S
      : parseNumber("persistence timeout", timeout, 1, MAX_TIMEOUT_S),
    ...(mask === undefined ? { prefix: familyBits(family) } : parsePersistenceMask(mask, family)),
    ...(engine !== undefined && { engine }),
  };
}

function checkService({ key, onePacket, persistence }: Service, parameters: Parameters): void {
  if (key.kind === "mark") return;
  const text = parameters.service?.value ?? "";
  if (key.port === 0 && persistence === undefined) {
    throw refuse("virtual service", text, "port 0 is every port, and must stand beside -p");
  }
  if (onePacket && key.protocol !== "udp") {
    throw refuse(
      "virtual service",
      text,
      "-o is one packet a connection, and must stand beside -u or -f",
    );
  }
}
