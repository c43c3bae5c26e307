/**
 * A host as what the care loop drives: an IPVS table, the kernel's or this program's own, with devices, rules,
 * parameters and routes around it.
 */

import { UnsupportedError } from "../errors.ts";
import type { Family } from "../model/address.ts";
import type { ServiceEntry, ServiceKey } from "../model/ipvs.ts";
import type { MasqueradeKind } from "../model/masquerade.ts";
import type { Sysctl } from "../kernel/host.ts";
import type { IpvsTable } from "../kernel/ipvs_table.ts";
import type { Links } from "../kernel/links.ts";
import type { Kernel } from "../kernel/select.ts";
import type { Observed, ObservedMasquerade, Scope } from "../plan/observed.ts";
import type { Step } from "../plan/step.ts";
import type { Blindness, Dataplane, Look } from "./dataplane.ts";

/** The contracts that it is made of. */
export type HostParts = Pick<
  Kernel,
  "choice" | "table" | "links" | "masquerade" | "watch" | "close"
>;

export class HostDataplane implements Dataplane {
  readonly name: string;
  readonly #parts: HostParts;
  readonly #sysctl: Sysctl;

  /** Takes over the parts. */
  constructor(parts: HostParts, sysctl: Sysctl) {
    this.#parts = parts;
    this.#sysctl = sysctl;
    this.name = parts.choice;
  }

  async observe(scope: Scope): Promise<Look> {
    const { table, links } = this.#parts;
    const blind: Blindness[] = [];
    const look = async <T>(part: string, read: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await read();
      } catch (error) {
        blind.push({ part, error });
        return undefined;
      }
    };
    const parameters = new Map<string, string | undefined>();
    for (const name of scope.parameters) {
      await look(name, async () => parameters.set(name, await this.#sysctl.read(name)));
    }
    const devices: Map<string, Awaited<ReturnType<Links["find"]>>> = new Map();
    for (const name of scope.devices) {
      await look(`device ${name}`, async () => devices.set(name, await links.find(name)));
    }
    const masquerades: ObservedMasquerade[] = [];
    for (const each of scope.masquerades) {
      await look(`rules of ${each.kind}`, async () => {
        masquerades.push(await this.#observeRules(each));
      });
    }
    const services = await look("services", async () => {
      const found = await Promise.all(scope.services.map((key) => findService(table, key)));
      return found.filter((entry) => entry !== undefined);
    });
    const routes = scope.routes ? await look("routes", () => links.routes()) : undefined;
    const observed: Observed = { parameters, devices, masquerades, services, routes };
    return { observed, blind };
  }

  async apply(step: Step): Promise<void> {
    const { table, links } = this.#parts;
    switch (step.kind) {
      case "setParameter":
        await this.#sysctl.ensure(step.name, step.value);
        return;
      case "makeDevice":
        await links.ensureDummy(step.name);
        return;
      case "addAddress":
        await links.ensureAddress(step.device, step.address);
        return;
      case "makeRules":
        await this.#parts.masquerade(step.by).ensure(step);
        return;
      case "addEntries":
        await this.#parts.masquerade(step.by).changeEntries(step.family, { add: step.entries });
        return;
      case "change": {
        const [refused] = await table.apply([step.change]);
        if (refused) throw refused;
        return;
      }
      case "putRoute":
        await links.ensureRoute(step.route);
        return;
      case "removeRoute":
        await links.removeRoute(step.route);
        return;
      case "removeEntries":
        await this.#parts.masquerade(step.by).changeEntries(step.family, { remove: step.entries });
        return;
      case "removeRules":
        await this.#parts.masquerade(step.by).remove(step.family);
        return;
      case "removeAddress":
        await links.removeAddress(step.device, step.address);
        return;
      case "removeDevice":
        await links.removeDummy(step.name);
        return;
    }
  }

  disturbed(scope: Scope): boolean {
    return this.#parts.watch?.disturbed(scope) ?? false;
  }

  close(): void {
    this.#parts.close();
  }

  async #observeRules(
    { kind, family, markBit }: {
      readonly kind: MasqueradeKind;
      readonly family: Family;
      readonly markBit: number | undefined;
    },
  ): Promise<ObservedMasquerade> {
    try {
      const rules = this.#parts.masquerade(kind);
      const missing = markBit === undefined ? [] : await rules.missing({ family, markBit });
      const exists = await rules.exists(family);
      return { kind, family, exists, missing, entries: await rules.entries(family) };
    } catch (error) {
      // Of what the host cannot have nothing is left over; what is wanted is another matter.
      if (markBit !== undefined || !(error instanceof UnsupportedError)) throw error;
      return { kind, family, exists: false, missing: [], entries: [] };
    }
  }
}

/** Where there is no IPVS, there is no service; adding one says what is missing. */
async function findService(table: IpvsTable, key: ServiceKey): Promise<ServiceEntry | undefined> {
  try {
    return await table.find(key);
  } catch (error) {
    if (error instanceof UnsupportedError && error.feature === "ip_vs") return undefined;
    throw error;
  }
}
