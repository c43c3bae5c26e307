/** What has flowed, and how fast, by the kernel's rules. */

import type { Counters, Stats } from "../../model/ipvs.ts";

/** Between two estimates of the kernel. */
export const ESTIMATE_S = 2;

interface Flow {
  connections: number;
  inPackets: number;
  outPackets: number;
  inBytes: number;
  outBytes: number;
}

const NONE: Readonly<Flow> = {
  connections: 0,
  inPackets: 0,
  outPackets: 0,
  inBytes: 0,
  outBytes: 0,
};
const NAMES = Object.keys(NONE) as (keyof Flow)[];

/** Numbers are exact up to 9 petabytes, and ten times as fast as what the contract has. */
export class Meter implements Flow {
  connections = 0;
  inPackets = 0;
  outPackets = 0;
  inBytes = 0;
  outBytes = 0;
  #last: Flow = { ...NONE };
  readonly #rates: Flow = { ...NONE };

  /** To be called every two seconds: each estimate moves a quarter of the way to what was seen. */
  estimate(): void {
    for (const name of NAMES) {
      const rate = (this[name] - this.#last[name]) / ESTIMATE_S;
      this.#rates[name] += (rate - this.#rates[name]) / 4;
      this.#last[name] = this[name];
    }
  }

  zero(): void {
    Object.assign(this, NONE);
    this.#last = { ...NONE };
  }

  read(): Stats {
    return { counters: toCounters(this), rates: toCounters(this.#rates) };
  }
}

function toCounters(flow: Readonly<Flow>): Counters {
  const whole = (name: keyof Flow) => BigInt(Math.round(flow[name]));
  return {
    connections: whole("connections"),
    inPackets: whole("inPackets"),
    outPackets: whole("outPackets"),
    inBytes: whole("inBytes"),
    outBytes: whole("outBytes"),
  };
}
