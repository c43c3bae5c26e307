/**
 * What `ipset list -output xml` prints: one element a line, names and values as they are, without XML's
 * escapes. Of its formats it is the one in which a name can be told from what stands around it.
 */

import { type Family, parseAddress } from "../../model/address.ts";
import type { Protocol } from "../../model/ipvs.ts";
import type { IpSet, SetEntry } from "../sets.ts";

const PROTOCOLS: readonly Protocol[] = ["tcp", "udp", "sctp"];
const SET = /^<ipset name="([^\n]*)">\n(.*?)^<\/ipset>$/gms;
const FAMILIES: Readonly<Record<string, Family>> = { inet: "ipv4", inet6: "ipv6" };

/** Reads all sets. Members are read only of those of type hash:ip,port. */
export function parseSets(xml: string): IpSet[] {
  if (!/<\/ipsets>\s*$/.test(xml)) {
    throw new SyntaxError("read what ipset printed: it is cut short");
  }
  return [...xml.matchAll(SET)].map(([, name = "", body = ""]) => {
    const type = element(body, "type");
    if (type === undefined) {
      throw new SyntaxError(`read what ipset printed: set ${name} has no type`);
    }
    return {
      name,
      type,
      family: FAMILIES[element(body, "family") ?? ""],
      entries: type === "hash:ip,port" ? members(body) : [],
    };
  });
}

function members(body: string): SetEntry[] {
  return [...body.matchAll(/<elem>(.*?)<\/elem>/g)]
    .map(([, text = ""]) => parseMember(text))
    .filter((entry) => entry !== undefined);
}

/** "10.0.0.1,tcp:80"; undefined for protocols that have no services: "10.0.0.1,icmp:echo-request". */
function parseMember(text: string): SetEntry | undefined {
  const [, host = "", name, port = ""] = /^([^,]*),([^:]*):(.*)$/.exec(text) ?? [];
  const address = parseAddress(host);
  if (address === undefined || name === undefined) {
    throw new SyntaxError(`read what ipset printed: "${text}" is no address, protocol and port`);
  }
  const protocol = PROTOCOLS.find((each) => each === name);
  return protocol && { address, protocol, port: Number(port) };
}

function element(body: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1];
}
