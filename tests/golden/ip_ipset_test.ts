/** What ip and ipset sent to a kernel, and what it answered, against what we send and understand. */

import assert from "node:assert/strict";
import { type Address, parseAddress } from "../../src/model/address.ts";
import { type InterfaceAddress, printInterfaceAddress, printRoute } from "../../src/model/link.ts";
import { Input, Writer } from "../../src/wire/buffer.ts";
import {
  addElementRequest,
  createRequest,
  decodeElement,
  decodeHeader,
  decodeListing,
  decodeProtocols,
  decodeRevisions,
  deleteElementRequest,
  destroyRequest,
  headerRequest,
  listRequest,
  protocolRequest,
  typeRequest,
} from "../../src/wire/ipset.ts";
import {
  CHANGE,
  CREATE,
  IPSET_CMD_ADD,
  IPSET_CMD_CREATE,
  IPSET_CMD_DEL,
  IPSET_ERRORS,
  QUESTION,
} from "../../src/wire/ipset_tables.ts";
import type { FixedKind } from "../../src/wire/kind.ts";
import { NFGENMSG } from "../../src/wire/nfnetlink.ts";
import {
  decodeError,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  type Request,
} from "../../src/wire/message.ts";
import {
  addAddressRequest,
  createLinkRequest,
  decodeAddress,
  decodeLink,
  decodeRoute,
  deleteAddressRequest,
  deleteLinkRequest,
  deleteRouteRequest,
  type NumberedRoute,
  replaceRouteRequest,
  setLinkUpRequest,
} from "../../src/wire/rtnl.ts";
import {
  ADDRESS,
  IFADDRMSG,
  IFINFOMSG,
  LINK,
  ROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  RTMSG,
} from "../../src/wire/rtnl_tables.ts";
import { attributeTree, encoded, type Leaf, messageOf } from "../support/attribute_tree.ts";
import { hex } from "../support/bytes.ts";
import { NetlinkFixtures } from "../support/netlink_fixtures.ts";

const FIXTURES = NetlinkFixtures.of(["ip", "ipset"], 86);

/** A message's header and attributes, by its type: how we would read and write it. */
interface Codec {
  readonly header: FixedKind<object>;
  readonly table: {
    read(from: Input, start: number): object;
    write(to: Writer, value: never): void;
  };
  /** Types of attributes that hold attributes and do not say so. */
  readonly nests?: readonly number[];
}

const IFLA_LINKINFO = 18;

function codecOf(type: number): Codec {
  if (type < 20) return { header: IFINFOMSG, table: LINK, nests: [IFLA_LINKINFO] };
  if (type < 24) return { header: IFADDRMSG, table: ADDRESS };
  if (type < 28) return { header: RTMSG, table: ROUTE };
  const command = type & 0xff;
  const table = command === IPSET_CMD_CREATE.number
    ? CREATE
    : command === IPSET_CMD_ADD.number || command === IPSET_CMD_DEL.number
    ? CHANGE
    : QUESTION;
  return { header: NFGENMSG, table };
}

/** What these say of their sets' types is not ours to understand. */
const OTHER_TYPES = ["ipset_create_other_type", "ipset_create_list", "ipset_add_set"];

Deno.test("every message that was sent is decoded by our tables, and says the same encoded again", () => {
  let count = 0;
  for (const [name, { sent }] of FIXTURES) {
    for (const [i, text] of sent.entries()) {
      const { input, type } = messageOf(hex(text));
      const { header, table, nests } = codecOf(type);
      const start = NLMSG_HDRLEN + header.size;
      const head = header.read(input, NLMSG_HDRLEN, start, "header");
      const values = table.read(input, start);
      const writer = new Writer();
      writer.append(input.bytes.subarray(0, NLMSG_HDRLEN));
      header.write(writer, head, "header");
      table.write(writer, values as never);
      const again = writer.take();
      assert.deepEqual(again.slice(0, start), input.bytes.slice(0, start), name);
      const isOther = OTHER_TYPES.includes(name) && i === sent.length - 1;
      const expected = attributeTree(input.bytes, start, nests);
      const actual = attributeTree(again, start, nests);
      if (!isOther) assert.deepEqual(actual, expected, name);
      else assert.deepEqual(actual.map(([of]) => of), expected.map(([of]) => of), name);
      count++;
    }
  }
  assert.ok(count >= 180, `${count} messages`);
});

const PORT = 3;
const V4: NumberedRoute = {
  destination: network("10.0.0.1/32"),
  gateway: ip("192.168.77.2"),
  metric: 50,
};
const V6: NumberedRoute = {
  destination: network("2001:db8::1/128"),
  gateway: ip("2001:db8:77::2"),
  metric: 50,
};
const element = (host: string, protocol: "tcp" | "udp" | "sctp", port: number) => ({
  address: ip(host),
  protocol,
  port,
});
const onPort = (text: string) => ({ device: PORT, address: network(text) });
const number = (name: string) => FIXTURES.sent(name).input.view.getInt32(20, true);

/**
 * What we send in the place of the tool's last message: the same bytes but for flags of the nlmsghdr or, where
 * a difference is given, for that.
 */
const OURS: readonly (readonly [name: string, request: Request, difference?: string])[] = [
  ["ip_link_add_dummy_up", createLinkRequest("care1", "dummy")],
  ["ip_link_set_up", setLinkUpRequest(number("ip_link_set_up"))],
  ["ip_link_del", deleteLinkRequest(number("ip_link_del"))],
  ["ip_addr_add_v4_host", addAddressRequest(onPort("10.0.0.1/32"))],
  ["ip_addr_add_v4_prefix", addAddressRequest(onPort("10.10.0.1/24"))],
  ["ip_addr_add_v4_loopback", addAddressRequest({ device: 1, address: network("127.0.0.9/8") })],
  ["ip_addr_add_v6_host", addAddressRequest(onPort("2001:db8::1/128"))],
  ["ip_addr_add_v6_prefix", addAddressRequest(onPort("2001:db8:1::1/64")), "header: nodad"],
  ["ip_addr_del_v4", deleteAddressRequest(onPort("10.10.0.1/24"))],
  ["ip_addr_del_v6", deleteAddressRequest(onPort("2001:db8::1/128"))],
  ["ip_route_add_v4", replaceRouteRequest(V4)],
  [
    "ip_route_add_v4_device",
    replaceRouteRequest({ destination: network("10.1.0.0/16"), device: PORT, metric: 0 }),
  ],
  [
    "ip_route_add_v4_default",
    replaceRouteRequest({
      destination: network("0.0.0.0/0"),
      gateway: ip("192.168.77.254"),
      metric: 0,
    }),
  ],
  [
    "ip_route_add_v4_by_v6",
    replaceRouteRequest({
      destination: network("10.3.0.0/16"),
      gateway: ip("fe80::7"),
      device: PORT,
      metric: 0,
    }),
  ],
  [
    "ip_route_replace_v4",
    replaceRouteRequest({ ...V4, gateway: ip("192.168.77.3"), device: PORT }),
  ],
  ["ip_route_add_v6", replaceRouteRequest(V6)],
  [
    "ip_route_add_v6_device",
    replaceRouteRequest({ destination: network("2001:db8:1::/48"), device: PORT, metric: 0 }),
  ],
  [
    "ip_route_add_v6_default",
    replaceRouteRequest({
      destination: network("::/0"),
      gateway: ip("2001:db8:77::fe"),
      metric: 0,
    }),
    "no destination",
  ],
  ["ip_route_replace_v6", replaceRouteRequest({ ...V6, gateway: ip("2001:db8:77::3") })],
  [
    "ip_route_del_v4",
    deleteRouteRequest({ ...V4, gateway: ip("192.168.77.3") }),
    "header: scope and type are given",
  ],
  [
    "ip_route_del_v4_device",
    deleteRouteRequest({ destination: network("10.1.0.0/16"), device: PORT, metric: 0 }),
    "header: the type is given",
  ],
  [
    "ip_route_del_v6",
    deleteRouteRequest({ ...V6, gateway: ip("2001:db8:77::3") }),
    "header: scope and type are given",
  ],
  ["ipset_create_v4", createRequest(7, { name: "four", family: "ipv4", revision: 6 })],
  ["ipset_create_v6", createRequest(7, { name: "six", family: "ipv6", revision: 6 })],
  ["ipset_add_v4_tcp", addElementRequest(7, "four", element("10.0.0.1", "tcp", 80)), "no line"],
  ["ipset_add_v4_udp", addElementRequest(7, "four", element("10.0.0.1", "udp", 53)), "no line"],
  [
    "ipset_add_v4_sctp",
    addElementRequest(7, "four", element("10.0.0.1", "sctp", 36412)),
    "no line",
  ],
  ["ipset_add_v6_tcp", addElementRequest(7, "six", element("2001:db8::1", "tcp", 443)), "no line"],
  ["ipset_add_v6_udp", addElementRequest(7, "six", element("2001:db8::1", "udp", 53)), "no line"],
  [
    "ipset_add_v6_sctp",
    addElementRequest(7, "six", element("2001:db8::1", "sctp", 65535)),
    "no line",
  ],
  ["ipset_del_v4", deleteElementRequest(7, "four", element("10.0.0.1", "tcp", 80)), "no line"],
  ["ipset_del_v6", deleteElementRequest(7, "six", element("2001:db8::1", "tcp", 443)), "no line"],
  ["ipset_destroy_v6", destroyRequest(7, "six")],
  ["ipset_list_v4", listRequest(7, "four")],
];

const IPSET_ATTR_LINENO = 0x4009;
const RTA_DST = 1;

Deno.test("what we send is what ip and ipset sent", () => {
  const hidden = NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP;
  let same = 0;
  for (const [name, request, difference] of OURS) {
    const theirs = FIXTURES.sent(name);
    const ours = messageOf(encoded(request));
    assert.equal(ours.type, theirs.type, name);
    // To replace is our way of adding a route.
    const isAddition = theirs.type === RTM_NEWROUTE;
    if (!isAddition) assert.equal(ours.flags & ~hidden, theirs.flags & ~hidden, name);
    const { header, nests } = codecOf(theirs.type);
    const start = NLMSG_HDRLEN + header.size;
    const body = (message: Message) => message.input.bytes.slice(NLMSG_HDRLEN);
    const tree = (message: Message) => attributeTree(message.input.bytes, start, nests);
    if (difference === undefined) {
      assert.deepEqual(body(ours).toHex(), body(theirs).toHex(), name);
      same++;
    } else if (difference.startsWith("header")) {
      assert.notDeepEqual(body(ours), body(theirs), name);
      assert.deepEqual(tree(ours), tree(theirs), name);
    } else {
      const left = difference === "no line" ? IPSET_ATTR_LINENO : RTA_DST;
      assert.deepEqual(tree(ours), without(left, tree(theirs)), name);
    }
  }
  assert.equal(same, 21);
});

Deno.test("what ipset asks before is what we ask", () => {
  const asked = [
    ["ipset_create_v4", 0, protocolRequest()],
    ["ipset_create_v4", 1, typeRequest(7, "ipv4")],
    ["ipset_add_v4_tcp", 1, headerRequest(7, "four")],
  ] as const;
  for (const [name, i, request] of asked) {
    const theirs = FIXTURES.sent(name, i);
    const ours = messageOf(encoded(request));
    assert.equal(ours.type, theirs.type);
    const body = (message: Message) => message.input.bytes.slice(NLMSG_HDRLEN).toHex();
    assert.equal(body(ours), body(theirs));
  }
});

function without(left: number, tree: readonly Leaf[]): Leaf[] {
  return tree.filter(([type]) => type !== left).map(([type, content]) =>
    typeof content === "string" ? [type, content] : [type, without(left, content)]
  );
}

Deno.test("devices are read from what the kernel said to ip", () => {
  const links = FIXTURES.answers("ip_link_show", RTM_NEWLINK).map(decodeLink);
  assert.deepEqual(
    links.map(({ index, name, kind, up }) => [index, name, kind, up]),
    [
      [1, "lo", undefined, true],
      [2, "peer0", "veth", true],
      [3, "port0", "veth", true],
      [4, "lvscare", "dummy", false],
      [5, "care1", "dummy", true],
      [6, "care2", "dummy", false],
    ],
  );
  assert.deepEqual(FIXTURES.answers("ip_link_show_one", RTM_NEWLINK).map(decodeLink)[0], links[2]);
});

Deno.test("addresses are read from what the kernel said to ip", () => {
  const addresses = FIXTURES.answers("ip_addr_show", RTM_NEWADDR).map(decodeAddress);
  assert.deepEqual(
    addresses.map((each) => each && [each.device, printInterfaceAddress(each.address)]),
    [
      [1, "127.0.0.1/8"],
      [1, "127.0.0.9/8"],
      [3, "192.168.77.1/24"],
      [3, "10.0.0.1/32"],
      [3, "10.10.0.1/24"],
      [3, "10.11.0.1/24"],
      [3, "10.12.0.1/24"],
      [3, "10.13.0.1/24"],
      [3, "10.14.0.1/32"],
      [1, "::1/128"],
      [3, "2001:db8:2::1/64"],
      [3, "2001:db8:1::1/64"],
      [3, "2001:db8::1/128"],
      [3, "2001:db8:77::1/64"],
    ],
  );
});

Deno.test("of all routes that the kernel told ip, the plain ones of the main table are read", () => {
  const routes = (name: string) =>
    FIXTURES.answers(name, RTM_NEWROUTE).map(decodeRoute).filter((route) => route !== undefined)
      .map(({ device, ...route }) => printRoute({ ...route, device: String(device) }));
  assert.ok(FIXTURES.answers("ip_route_show_v4", RTM_NEWROUTE).length >= 12);
  assert.deepEqual(routes("ip_route_show_v4"), [
    "0.0.0.0/0 via 192.168.77.254 dev 3 metric 0",
    "10.0.0.1/32 via 192.168.77.3 dev 3 metric 50",
    "10.1.0.0/16 dev 3 metric 0",
    "10.3.0.0/16 via fe80::7 dev 3 metric 0",
    "192.168.77.0/24 dev 3 metric 0",
  ]);
  assert.ok(FIXTURES.answers("ip_route_show_v6", RTM_NEWROUTE).length >= 8);
  assert.deepEqual(routes("ip_route_show_v6"), [
    "2001:db8::1/128 via 2001:db8:77::3 dev 3 metric 50",
    "2001:db8:1::/48 dev 3 metric 1024",
    "2001:db8:77::/64 dev 3 metric 256",
    "::/0 via 2001:db8:77::fe dev 3 metric 1024",
  ]);
});

Deno.test("sets are read from what the kernel said to ipset", () => {
  const list = (name: string) => {
    const [protocols, ...parts] = FIXTURES.answers(name).filter(({ type }) => type >> 8 === 6);
    assert.deepEqual(decodeProtocols(protocols!), { lowest: 6, highest: 7 });
    return parts.map(decodeListing).map((part) => ({
      ...part,
      members: part.type === "hash:ip,port" ? part.members.map(decodeElement) : part.members.length,
    }));
  };
  const [four] = list("ipset_list_v4");
  assert.deepEqual({ ...four, members: 0 }, {
    name: "four",
    type: "hash:ip,port",
    family: "ipv4",
    members: 0,
  });
  // One of the four is of ICMP, which has no services.
  const members = four?.members;
  assert.ok(Array.isArray(members));
  assert.equal(members.length, 4);
  assert.deepEqual(
    members.map((each) => each && `${each.address} ${each.protocol} ${each.port}`).sort(),
    ["10.0.0.1 sctp 36412", "10.0.0.1 tcp 80", "10.0.0.1 udp 53", undefined],
  );
  const [six] = list("ipset_list_v6");
  assert.equal(six?.family, "ipv6");
  assert.ok(Array.isArray(six?.members) && six.members.length === 3);
  const [timed] = list("ipset_list_timeout");
  assert.deepEqual(timed?.members, [element("10.0.0.1", "tcp", 80)]);
  const [other] = list("ipset_list_other_type");
  assert.deepEqual([other?.type, other?.family, other?.members], ["bitmap:port", undefined, 0]);
});

Deno.test("the revisions of a set's type, and what a set is, are read from refused commands", () => {
  const [, revisions] = FIXTURES.answers("ipset_create_taken");
  assert.deepEqual(decodeRevisions(revisions!), { lowest: 0, highest: 6 });
  const [, header] = FIXTURES.answers("ipset_add_taken");
  assert.deepEqual(decodeHeader(header!), { name: "four", type: "hash:ip,port", family: "ipv4" });
});

Deno.test("refusals have the errno that the tool's exit stands for", () => {
  const refused: readonly (readonly [name: string, errno: number])[] = [
    ["ip_link_add_taken", 17],
    ["ip_link_add_unknown_kind", 95],
    ["ip_link_show_absent", 19],
    ["ip_addr_add_v4_taken", 17],
    ["ip_addr_add_v6_taken", 17],
    ["ip_addr_del_v4_absent", 99],
    ["ip_addr_del_v6_absent", 99],
    ["ip_route_add_v4_taken", 17],
    ["ip_route_add_v4_unreachable", 101],
    ["ip_route_add_v6_unreachable", 113],
    ["ip_route_del_v4_absent", 3],
    ["ip_route_del_v6_absent", 3],
    ["ipset_create_taken", 17],
    ["ipset_list_absent", 2],
    ["ipset_add_absent", 2],
    ["ipset_destroy_absent", 2],
    ["ipset_add_taken", errnoOf("IPSET_ERR_EXIST")],
    ["ipset_del_v4_absent", errnoOf("IPSET_ERR_EXIST")],
    ["ipset_add_full", errnoOf("IPSET_ERR_HASH_FULL")],
    ["ipset_destroy_used", errnoOf("IPSET_ERR_BUSY")],
  ];
  const failed = [...FIXTURES].filter(([, { status }]) => status !== 0).map(([name]) => name);
  assert.deepEqual(refused.map(([name]) => name).toSorted(), failed.toSorted());
  for (const [name, errno] of refused) {
    const errors = FIXTURES.answers(name, NLMSG_ERROR).map(decodeError).filter((each) =>
      each !== undefined
    );
    assert.equal(errors.at(-1)?.errno, errno, name);
  }
});

function errnoOf(name: string): number {
  return Number(Object.entries(IPSET_ERRORS).find(([, each]) => each === name)?.[0]);
}

function ip(text: string): Address {
  return parseAddress(text)!;
}

function network(text: string): InterfaceAddress {
  const [address = "", prefix] = text.split("/");
  return { address: ip(address), prefix: Number(prefix) };
}
