/** Random configurations of `lvscare care`, and kernels as it may find them. */

import { httpCheck } from "./http_check.ts";
import fc from "fast-check";
import type { CareConfig, Mode } from "../../src/config/care.ts";
import type { ServerHealth } from "../../src/health/reducer.ts";
import { serviceKey } from "../../src/config/care_services.ts";
import { type Address, parseAddress } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import type { Server } from "../../src/model/ipvs.ts";
import { FakeDataplane } from "./fake_dataplane.ts";

export function address(text: string): Address {
  return parseAddress(text)!;
}

export function endpoint(text: string, port: number): Endpoint {
  return { address: address(text), port };
}

/** A configuration as LVScare's defaults make it, for one that differs in what is given. */
export function careConfig(differences: Partial<CareConfig> = {}): CareConfig {
  return {
    virtualServer: endpoint("10.0.0.1", 6443),
    scheduler: "rr",
    servers: [1, 2, 3].map((n) => endpoint(`192.168.0.${n}`, 6443)),
    mode: { kind: "link", device: "lvscare", markBit: 0 },
    check: httpCheck({ scheme: "https" }),
    persistenceMs: 0,
    serverLimit: 0,
    intervalMs: 5000,
    rise: 1,
    fall: 1,
    keepLast: false,
    drainTimeoutMs: 0,
    stateDir: "/nowhere",
    backend: undefined,
    masquerade: "auto",
    drain: false,
    dataplane: "kernel",
    proxy: { protocol: undefined, connectTimeoutMs: 5000, idleTimeoutMs: 900_000 },
    log: { level: "info", format: "text" },
    runOnce: false,
    clean: false,
    dryRun: false,
    ...differences,
  };
}

const FAMILIES = [
  {
    virtual: ["10.0.0.1", "10.0.0.2"],
    server: (n: number) => `192.168.0.${n}`,
    gateway: "192.168.0.99",
  },
  { virtual: ["fd00::1", "fd00::2"], server: (n: number) => `fd00:1::${n}`, gateway: "fd00:1::99" },
] as const;

/** Few addresses, so that one configuration often meets what another has left. */
export const config: fc.Arbitrary<CareConfig> = fc.constantFrom(...FAMILIES).chain((family) => {
  const mode: fc.Arbitrary<Mode> = fc.oneof(
    fc.record({
      kind: fc.constant("link" as const),
      device: fc.constantFrom("lvscare", "care1"),
      markBit: fc.constantFrom(0, 7, 31),
    }),
    fc.record({
      kind: fc.constant("route" as const),
      gateway: fc.constantFrom(address(family.gateway), address(family.server(1)), undefined),
    }),
    fc.constant<Mode>({ kind: "none" }),
  );
  const server = fc.record({
    address: fc.integer({ min: 1, max: 5 }).map((n) => address(family.server(n))),
    port: fc.constantFrom(80, 6443),
  });
  return fc.record({
    virtualServer: fc.record({
      address: fc.constantFrom(...family.virtual).map(address),
      port: fc.constantFrom(80, 6443),
    }),
    scheduler: fc.constantFrom("rr", "wlc"),
    servers: fc.uniqueArray(server, { minLength: 1, maxLength: 5, selector: printEndpoint }),
    mode,
    keepLast: fc.boolean(),
    drain: fc.boolean(),
    persistenceMs: fc.constantFrom(0, 100, 300_000),
    serverLimit: fc.constantFrom(0, 100),
    drainTimeoutMs: fc.constantFrom(0, 60_000),
    runOnce: fc.boolean(),
  }).map(careConfig);
});

/** Health of some of the servers; the rest have not been probed yet. */
export function healthOf(servers: readonly Endpoint[]): fc.Arbitrary<Map<string, ServerHealth>> {
  const state = fc.constantFrom("up" as const, "draining" as const, "down" as const);
  const one = fc.record({ state, sinceMs: fc.nat(1000) }).map(({ state, sinceMs }) => ({
    state,
    sinceMs,
    failedMs: state === "up" ? undefined : sinceMs,
    recoveredMs: undefined,
    lastReason: state === "up" ? undefined : "connection refused",
    weight: undefined,
  }));
  return fc.array(fc.option(one, { nil: undefined }), {
    minLength: servers.length,
    maxLength: servers.length,
  }).map((states) =>
    new Map(
      servers.flatMap((server, i) => {
        const found = states[i];
        return found ? [[printEndpoint(server), found] as const] : [];
      }),
    )
  );
}

/** A kernel with anything in the places where ours would be, and with what is none of our business. */
export function kernelFor({ virtualServer, servers }: CareConfig): fc.Arbitrary<FakeDataplane> {
  const strangers = servers.map(({ address, port }) => ({ address, port: port + 1 }));
  const entry = fc.record({
    at: fc.constantFrom(...servers, ...strangers),
    weight: fc.constantFrom(0, 1, 5),
    active: fc.constantFrom(0, 0, 3),
    method: fc.constantFrom("masquerade" as const, "direct" as const),
  });
  return fc.record({
    service: fc.option(fc.constantFrom("rr", "sh"), { nil: undefined }),
    entries: fc.uniqueArray(entry, { maxLength: 6, selector: ({ at }) => printEndpoint(at) }),
    device: fc.constantFrom(undefined, "empty", "down", "ours", "others"),
    rules: fc.constantFrom(undefined, "bare", "other bit", "broken"),
    conntrack: fc.constantFrom("0", "1"),
  }).map(({ service, entries, device, rules, conntrack }) => {
    const kernel = new FakeDataplane();
    kernel.parameters.set("net.ipv4.vs.conntrack", conntrack);
    if (service !== undefined) {
      const key = serviceKey(virtualServer);
      const flags = { schedulerFlags: [], onePacket: false };
      kernel.change({ kind: "addService", service: { key, scheduler: service, ...flags } });
      for (const { at, weight, active, method } of entries) {
        const server: Server = {
          ...at,
          weight,
          forwarding: { method },
          upperThreshold: 0,
          lowerThreshold: 0,
        };
        kernel.change({ kind: "addServer", key, server });
        kernel.setConnections(printEndpoint(at), active);
      }
    }
    const prefix = virtualServer.address.includes(":") ? 128 : 32;
    const ours = { address: virtualServer.address, prefix };
    if (device !== undefined) {
      const others = { address: address("172.31.0.1"), prefix: 24 };
      const addresses = device === "ours" ? [ours] : device === "others" ? [others] : [];
      const link = { index: 3, kind: "dummy", up: device !== "down", addresses };
      kernel.devices.set("lvscare", { ...link, name: "lvscare" });
    }
    if (rules !== undefined) {
      const foreign = { address: virtualServer.address, protocol: "udp" as const, port: 53 };
      kernel.rules.set(`iptables ${prefix === 32 ? "ipv4" : "ipv6"}`, {
        markBit: rules === "bare" ? undefined : rules === "other bit" ? 13 : 0,
        missing: rules === "broken" ? ["chain VIRTUAL-SERVICES"] : [],
        entries: rules === "bare" ? undefined : new Map([["theirs", foreign]]),
      });
    }
    return kernel;
  });
}
