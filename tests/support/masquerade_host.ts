/** The rules and sets that the suite of Masquerade expects, in a network namespace of their own. */

import { IptablesMasquerade } from "../../src/kernel/command/masquerade.ts";
import type { Sets } from "../../src/kernel/sets.ts";
import type { MasqueradeHost } from "../conformance/masquerade.ts";
import { iptablesDamages } from "./masquerade_damages.ts";
import {
  bitsOf,
  type IptablesVariant,
  makeForeign,
  printForeign,
  savedLines,
} from "./masquerade_foreign.ts";
import { countingRunner } from "./masquerade_runners.ts";
import { must, ownNetwork } from "./network.ts";

export async function iptablesHost(
  variant: IptablesVariant,
  writerSets: () => Sets,
  readerSets: () => Sets = writerSets,
): Promise<MasqueradeHost> {
  const network = ownNetwork();
  try {
    await makeForeign(variant);
    const runner = countingRunner();
    const writer = new IptablesMasquerade(runner, writerSets(), { variant });
    const reader = new IptablesMasquerade(runner, readerSets(), { variant });
    return {
      writer,
      reader,
      damages: (options) => iptablesDamages(options, variant),
      foreign: () => printForeign(variant),
      bits: async (family) => bitsOf((await savedLines(family, variant)).ours),
      generation: async () => `${runner.restores} changes of rules\n${await must("ipset", "save")}`,
      [Symbol.asyncDispose]() {
        writer.close();
        reader.close();
        network[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  } catch (error) {
    network[Symbol.dispose]();
    throw error;
  }
}
