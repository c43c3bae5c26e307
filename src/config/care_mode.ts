/** --mode and the flags that belong to one: how packets for the virtual address get to IPVS. */

import { isDeviceName } from "../model/link.ts";
import { type Address, addressFamily, parseAddress } from "../model/address.ts";
import type { Mode } from "./care.ts";
import { MODES } from "./care_flags.ts";
import { FAMILY_WORDS, judgeHostAddress } from "./care_endpoints.ts";
import { findOne, findValue, type Given, quote, refuse, type Sources } from "./given.ts";
import { findHostAddresses } from "./hosts_file.ts";
import { readChoice, readInteger } from "./values.ts";

/** Where a node's own address is looked for when no flag names it. */
export const NODE_VARIABLE = "LVSCARE_NODE_IP";
export const NODE_NAME = "lvscare.node.ip";

/** LVScare's own words, which people search their logs for. */
export const NO_GATEWAY = "running routeMode and Target IP is not valid IP, skipping";

export interface ModeSurroundings {
  readonly sources: Sources;
  /** The virtual server's address. */
  readonly virtual: Address;
  /** The text of the hosts file. */
  readonly hosts: string;
}

export interface ModeReading {
  readonly mode: Mode;
  readonly notes: readonly string[];
}

export function readMode(surroundings: ModeSurroundings): ModeReading {
  const { sources } = surroundings;
  // Wrong ones are refused in every mode, or they would wait for the day that the mode is changed.
  const device = readDevice(findValue(sources, "iface"));
  const markBit = readInteger(findValue(sources, "masqueradebit"), 0, 31);
  const choice = findValue(sources, "mode");
  switch (readChoice(choice, MODES)) {
    case "link":
      return { mode: { kind: "link", device, markBit }, notes: [] };
    case "route":
      return readRoute(surroundings);
    case "":
      return { mode: { kind: "none" }, notes: [] };
  }
}

export function readDevice(given: Given): string {
  // The kernel replaces "%d" by a number, and the device would never be found by the name asked for.
  if (isDeviceName(given.text) && !given.text.includes("%")) return given.text;
  return refuse(
    given,
    'must be a device\'s name: 1 to 15 bytes, not "." or "..", without "/", ":", "%" and white space',
  );
}

function readRoute(surroundings: ModeSurroundings): ModeReading {
  const { gateway, note } = readGateway(surroundings);
  return { mode: { kind: "route", gateway }, notes: note === undefined ? [] : [note] };
}

interface Gateway {
  readonly gateway: Address | undefined;
  /** Why there is none. */
  readonly note?: string;
}

/** The first source that says anything decides, as in LVScare, even if it says nonsense. */
function readGateway({ sources, virtual, hosts }: ModeSurroundings): Gateway {
  const given = findGiven(sources);
  if (!given) {
    const gateway = findHostAddresses(hosts, NODE_NAME)
      .find((address) => judgeGateway(address, virtual) === undefined);
    return gateway === undefined ? { gateway, note: NO_GATEWAY } : { gateway };
  }
  const address = parseAddress(given.text);
  if (address === undefined) return { gateway: undefined, note: NO_GATEWAY };
  const problem = judgeGateway(address, virtual);
  if (problem === undefined) return { gateway: address };
  const note = `${NO_GATEWAY}: ${given.name} ${quote(given.text)} ${problem}`;
  return { gateway: undefined, note };
}

function findGiven(sources: Sources): Pick<Given, "name" | "text"> | undefined {
  const given = findOne(sources, "ip");
  if (given && given.text !== "") return given;
  const text = sources.env(NODE_VARIABLE) ?? "";
  return text === "" ? undefined : { name: NODE_VARIABLE, text };
}

function judgeGateway(address: Address, virtual: Address): string | undefined {
  const [family, wanted] = [addressFamily(address), addressFamily(virtual)];
  if (family !== wanted) {
    return `is ${FAMILY_WORDS[family]}, must be ${FAMILY_WORDS[wanted]} as the virtual server is`;
  }
  if (address === virtual) return "is the virtual server's own address, must be one of this host";
  return judgeHostAddress(address);
}
