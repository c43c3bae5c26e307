/** How long the codecs take, without a kernel: an IPVS table of 500 services of 10 servers each. */

import type { Address } from "../../src/model/address.ts";
import type { IpvsChange, Server, Service } from "../../src/model/ipvs.ts";
import { Writer } from "../../src/wire/buffer.ts";
import { changeRequest, decodeListedServer, decodeListedService } from "../../src/wire/ipvs.ts";
import { NLM_F_REQUEST, splitMessages, writeMessage } from "../../src/wire/message.ts";
import { datagramsOf, SERVER_MESSAGE, SERVICE_MESSAGE } from "../support/ipvs_dumps.ts";
import { median, printTable } from "./report.ts";

const ROUNDS = Number(Deno.args[0] ?? 101);
const SERVICES = 500;
const SERVERS = 10;
const FAMILY = { id: 32, name: "IPVS", version: 1, groups: new Map<string, number>() };

const changes = Array.from({ length: SERVICES }, (_, i) => addService(i)).flat();
const services = datagramsOf(SERVICE_MESSAGE, SERVICES);
const servers = datagramsOf(SERVER_MESSAGE, SERVICES * SERVERS);

function addService(number: number): IpvsChange[] {
  const address = (last: number) => `10.${number >> 8}.${number & 255}.${last}` as Address;
  const service: Service = {
    key: { kind: "address", protocol: "tcp", address: address(1), port: 80 },
    scheduler: "wrr",
    schedulerFlags: [],
    onePacket: false,
  };
  const servers = Array.from({ length: SERVERS }, (_, i): Server => ({
    address: address(i + 2),
    port: 8080,
    weight: 1,
    forwarding: { method: "masquerade" },
    upperThreshold: 0,
    lowerThreshold: 0,
  }));
  return [
    { kind: "addService", service },
    ...servers.map((server): IpvsChange => ({ kind: "addServer", key: service.key, server })),
  ];
}

const writer = new Writer();

/** In sends of 64 KiB, as the socket makes them. */
function write(): number {
  let bytes = 0;
  writer.reset();
  for (const [sequence, change] of changes.entries()) {
    const header = { flags: NLM_F_REQUEST, sequence, port: 0 };
    writeMessage(writer, changeRequest(FAMILY, change), header);
    if (writer.length < 64 << 10) continue;
    bytes += writer.length;
    writer.reset();
  }
  return bytes + writer.length;
}

function read(stats: boolean): number {
  let entries = 0;
  for (const datagram of services) {
    entries += splitMessages(datagram).map((each) => decodeListedService(each, stats)).length;
  }
  for (const datagram of servers) {
    entries += splitMessages(datagram).map((each) =>
      decodeListedServer(each, "ipv4", stats)
    ).length;
  }
  return entries;
}

const WORK: Readonly<Record<string, () => number>> = {
  "write the changes that make it": write,
  "read a dump of it": () => read(false),
  "both": () => write() + read(false),
  "read a dump of it, with statistics": () => read(true),
};

const rows = Object.entries(WORK).map(([name, work]) => {
  const times = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    if (work() === 0) throw new Error(`${name}: nothing was done`);
    return performance.now() - started;
  });
  return [name, times[0]!.toFixed(1), median(times).toFixed(1), Math.min(...times).toFixed(1)];
});
printTable(["500 services of 10 servers", "first ms", "median ms", "least ms"], rows);
