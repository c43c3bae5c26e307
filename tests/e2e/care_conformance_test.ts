/** The suite of every dataplane over IPVS in the kernel, and over the proxy on a device of its own. */

import { openGround } from "../../src/care/ground.ts";
import type { CareConfig } from "../../src/config/care.ts";
import { parseAddress } from "../../src/model/address.ts";
import { testCare } from "../conformance/care.ts";
import { HOST } from "../support/care_inside.ts";
import { CareLab, V4 } from "../support/care_lab.ts";
import type { Place } from "../support/care_stage.ts";

const PORT = 7443;
const LINK = { kind: "link", device: "lvscare", markBit: 0 } as const;

async function openPlace(config: Partial<CareConfig>, forgetsAtOnce: boolean): Promise<Place> {
  const lab = await CareLab.open(V4);
  return {
    virtual: { address: parseAddress(V4.virtual)!, port: PORT },
    servers: V4.servers.map((address) => ({ address: parseAddress(address)!, port: PORT })),
    config: { ...config, mode: LINK },
    openGround: (config, warn) => openGround(config, HOST, warn),
    serve: (body) => lab.doBehind(body),
    forgetsAtOnce,
    async addForeign() {
      await lab.addForeign();
      const before = await lab.foreign();
      return async () => await lab.foreign() === before;
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  };
}

testCare("IPVS in the kernel", () => openPlace({ dataplane: "kernel" }, false));
testCare("the embedded proxy on a dummy device", () => openPlace({ dataplane: "embedded" }, true));
