/** What ipvsadm sends is what we send, and what the kernel answers it is what we understand. */

import assert from "node:assert/strict";
import type { Fixture, FixtureFile } from "../../scripts/golden/datagrams.ts";
import { WireError } from "../../src/errors.ts";
import { parseArguments } from "../../src/ipvsadm/arguments.ts";
import { NO_NAMES } from "../../src/ipvsadm/names.ts";
import type { Operation } from "../../src/ipvsadm/operation.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import { keyFamily, printServiceKey, type ServiceEntry } from "../../src/model/ipvs.ts";
import { Writer } from "../../src/wire/buffer.ts";
import { GENL_BODY, genlCommand, type GenlFamily } from "../../src/wire/genl.ts";
import {
  changeRequest,
  decodeListedServer,
  decodeListedService,
  flushRequest,
  setTimeoutsRequest,
  startDaemonRequest,
  stopDaemonRequest,
  zeroRequest,
} from "../../src/wire/ipvs.ts";
import { attributes } from "../../src/wire/attribute.ts";
import { decodeServiceKey } from "../../src/wire/ipvs_service.ts";
import { COMMANDS, inService, IPVS_GENL_NAME, SERVICE_KEY } from "../../src/wire/ipvs_tables.ts";
import {
  type Message,
  NLM_F_MULTI,
  NLMSG_DONE,
  type Request,
  splitMessages,
  writeMessage,
} from "../../src/wire/message.ts";
import { hex, toHex } from "../support/bytes.ts";

const FILE: FixtureFile = JSON.parse(
  await Deno.readTextFile(new URL("netlink/ipvsadm.json", import.meta.url)),
);

/** Messages of the family, which is not among the numbers that netlink itself has. */
function ipvsMessages(datagrams: readonly string[]): Message[] {
  return datagrams.flatMap((digits) => splitMessages(hex(digits))).filter(({ type }) => type > 16);
}

function requestOf(operation: Operation, family: GenlFamily): Request | undefined {
  switch (operation.op) {
    case "change":
      return changeRequest(family, operation.change);
    case "zero":
      return zeroRequest(family, operation.key);
    case "clear":
      return flushRequest(family);
    case "setTimeouts":
      return setTimeoutsRequest(family, operation.timeouts);
    case "startDaemon":
      return startDaemonRequest(family, operation.daemon);
    case "stopDaemon":
      return stopDaemonRequest(family, operation.role);
    default:
      return undefined;
  }
}

/** Attributes by their way ("1.6"), down into those that hold attributes. */
function attributesOf(bytes: Uint8Array, way = ""): Map<string, string> {
  const found = new Map<string, string>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true);
    const type = view.getUint16(at + 2, true) & 0x3fff;
    const content = bytes.subarray(at + 4, at + length);
    // Service, server and daemon are nests.
    if (way === "" && type <= 3) {
      for (const [path, value] of attributesOf(content, `${type}.`)) found.set(path, value);
    } else found.set(`${way}${type}`, toHex(content));
    at += (length + 3) & ~3;
  }
  return found;
}

/**
 * What ipvsadm sends although the kernel does not need it: the whole of a service where its key is enough, the
 * whole of a server or daemon that is to be removed, tunnel options that say "none", timeouts that stay.
 */
const NEEDLESS = /^(1\.[6-9]|1\.11|2\.(3|4|5|6|13|14|15)|3\.[2-8]|[456])$/;

/** What counts of an attribute's bytes. */
function meaning(way: string, value: string | undefined, family: string | undefined): string {
  const words = (value ?? "absent").split(" ");
  // Of the flags of a service: not the mask, in which ipvsadm sets also the bits that nobody may set.
  if (way === "1.7") return words[0]!;
  // Of the address of an IPv4 server: not what is left behind it of an IPv6 one.
  return way === "2.1" && family?.startsWith("0200") ? words[0]! : words.join(" ");
}

Deno.test("ipvsadm's fixtures are all there", () => {
  assert.ok(FILE.fixtures.length >= 85, `${FILE.fixtures.length} fixtures`);
  assert.match(FILE.tool, /^ipvsadm /);
  assert.match(FILE.kernel, /^\d+\.\d+/);
  for (const { command, sent, received } of FILE.fixtures) {
    assert.ok(sent.length > 0 && received.length > 0, command.join(" "));
  }
});

for (const { command, sent } of FILE.fixtures) {
  const line = command.join(" ");
  const operation = parseArguments(command.slice(1), NO_NAMES);
  const theirs = ipvsMessages(sent).at(-1);
  const family: GenlFamily = {
    id: theirs?.type ?? 0,
    name: IPVS_GENL_NAME,
    version: 1,
    groups: new Map(),
  };
  const request = requestOf(operation, family);
  if (!request) continue;
  Deno.test(`we send what ipvsadm sends for: ${line}`, () => {
    assert.ok(theirs);
    const writer = new Writer();
    writeMessage(writer, request, { flags: 0, sequence: 1, port: 0 });
    const [ours] = splitMessages(new Uint8Array(writer.view.buffer.slice(0, writer.length)));
    assert.ok(ours);
    assert.equal(genlCommand(ours), genlCommand(theirs));
    const mine = attributesOf(ours.input.bytes.subarray(GENL_BODY));
    const wanted = attributesOf(theirs.input.bytes.subarray(GENL_BODY));
    const family = mine.get("2.11");
    for (const [way, value] of mine) {
      const theirValue = meaning(way, wanted.get(way), family);
      assert.equal(meaning(way, value, family), theirValue, `attribute ${way}`);
    }
    const left = [...wanted.keys()].filter((way) => !mine.has(way));
    assert.deepEqual(left.filter((way) => !NEEDLESS.test(way)), []);
  });
}

const ASKED = attributes({ service: inService(SERVICE_KEY) });

/**
 * The table that a listing's answers describe: the services, then the servers of each as it was asked for. Each
 * answer ends with NLMSG_DONE; sequence numbers do not tell them apart, as ipvsadm has a socket for each.
 */
function decodeTable({ sent, received }: Fixture): ServiceEntry[] {
  const asked = ipvsMessages(sent)
    .filter((message) => genlCommand(message) === COMMANDS.getDest.cmd)
    .map((message) => decodeServiceKey(ASKED.read(message.input, GENL_BODY).service))
    .map(printServiceKey);
  const answers: Message[][] = [[]];
  for (const message of received.flatMap((digits) => splitMessages(hex(digits)))) {
    if (message.type === NLMSG_DONE) answers.push([]);
    else if (message.flags & NLM_F_MULTI) answers.at(-1)!.push(message);
  }
  const [services = [], ...servers] = answers;
  return services.map((message) => {
    const { service } = decodeListedService(message, true);
    const answer = servers[asked.indexOf(printServiceKey(service.key))];
    assert.ok(answer, printServiceKey(service.key));
    const decode = (entry: Message) => decodeListedServer(entry, keyFamily(service.key), false);
    return { service, servers: answer.map(decode) };
  });
}

/** Without an order: the kernel's is that of its hash table. */
function sorted(entries: readonly ServiceEntry[]): ServiceEntry[] {
  return entries
    .map(({ service, servers }) => ({
      service,
      servers: servers.toSorted((a, b) => order(printEndpoint(a.server), printEndpoint(b.server))),
    }))
    .toSorted((a, b) => order(printServiceKey(a.service.key), printServiceKey(b.service.key)));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

Deno.test("what the kernel answers to a listing is the table that ipvsadm made", async () => {
  const table = new MemoryIpvsTable();
  let compared = 0;
  for (const fixture of FILE.fixtures) {
    const operation = parseArguments(fixture.command.slice(1), NO_NAMES);
    if (operation.op === "change") {
      assert.deepEqual(
        await table.apply([operation.change]),
        [undefined],
        fixture.command.join(" "),
      );
    } else if (operation.op === "list" && operation.key === undefined) {
      const found = decodeTable(fixture);
      assert.ok(found.length >= 30);
      assert.deepEqual(sorted(found), sorted(await table.list()), fixture.command.join(" "));
      compared++;
    }
  }
  assert.equal(compared, 2);
});

Deno.test("every answer of the kernel cut short is a WireError, wherever it is cut", () => {
  const answers = FILE.fixtures
    .filter(({ command }) => command.includes("-L"))
    .flatMap(({ received }) => received);
  let cut = 0;
  for (const digits of new Set(answers)) {
    const datagram = hex(digits);
    const [message] = splitMessages(datagram);
    if (!message || message.type <= 16 || genlCommand(message) !== COMMANDS.newService.cmd) {
      continue;
    }
    const whole = datagram.subarray(0, new DataView(datagram.buffer).getUint32(0, true));
    for (let length = 0; length < whole.length; length += 4) {
      const part = whole.slice(0, length);
      assert.throws(() => {
        const [first] = splitMessages(part);
        if (!first) throw new WireError("nothing");
        decodeListedService(first, true);
      }, WireError);
      // The length says so too: the cut is inside an attribute, or one is missing.
      if (length < GENL_BODY) continue;
      new DataView(part.buffer).setUint32(0, length, true);
      const [first] = splitMessages(part);
      assert.ok(first);
      try {
        decodeListedService(first, true);
        assert.fail(`cut at ${length}`);
      } catch (err) {
        if (!(err instanceof WireError)) throw err;
        cut++;
      }
    }
  }
  assert.ok(cut > 100, `${cut} cuts`);
});
