/** Both transports against this host's kernel. Nothing here needs privileges or changes anything. */

import assert from "node:assert/strict";
import { KernelError, SyscallError, UnsupportedError } from "../../src/errors.ts";
import { errnoName } from "../../src/sys/errno.ts";
import { lastErrno, libc } from "../../src/sys/libc.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { openLibnlTransport } from "../../src/sys/libnl_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { AF_NETLINK, kernelAddress, SOCK_RAW } from "../../src/sys/socket_transport.ts";
import { NETLINK_GENERIC, NETLINK_ROUTE } from "../../src/sys/transport.ts";
import { attributes, required, string } from "../../src/wire/attribute.ts";
import { S32, struct, U16, U32, U8 } from "../../src/wire/kind.ts";
import { type Message, NLMSG_HDRLEN, readHeader, type Request } from "../../src/wire/message.ts";

const RTM_GETLINK = 18;
const IFINFOMSG = struct({ family: U8, pad: U8, type: U16, index: S32, flags: U32, change: U32 });
const LINK = attributes({ name: required(string(3, "IFLA_IFNAME")) });
const NO_SUCH_LINK = 0x7ffffff0;

function getLink(index = 0): Request {
  const header = { family: 0, pad: 0, type: 0, index, flags: 0, change: 0 };
  return {
    command: "RTM_GETLINK",
    type: RTM_GETLINK,
    write: (to) => IFINFOMSG.write(to, header, "ifinfomsg"),
  };
}

function link(message: Message): { index: number; name: string } {
  const { index } = readHeader(message, IFINFOMSG, "ifinfomsg");
  return { index, name: LINK.read(message.input, NLMSG_HDRLEN + IFINFOMSG.size).name };
}

function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

for (const open of [openLibcTransport, openLibnlTransport]) {
  const test = (name: string, body: (open: (protocol: number) => NetlinkSocket) => void) =>
    Deno.test(`${open.name}(): ${name}`, () => {
      body((protocol) => new NetlinkSocket(open(protocol)));
    });

  test("a dump of the links has the loopback device", (open) => {
    using socket = open(NETLINK_ROUTE);
    const links = socket.dump(getLink(), link);
    assert.ok(links.some(({ index, name }) => index === 1 && name === "lo"), JSON.stringify(links));
  });

  test("one link is asked for by its number", (open) => {
    using socket = open(NETLINK_ROUTE);
    assert.deepEqual(socket.ask(getLink(1)).map(link), [{ index: 1, name: "lo" }]);
  });

  test("a link that is not there is ENODEV", (open) => {
    using socket = open(NETLINK_ROUTE);
    assert.throws(
      () => socket.ask(getLink(NO_SUCH_LINK)),
      (error) => error instanceof KernelError && error.is("ENODEV"),
    );
  });

  test("of a batch, each request has its own outcome", (open) => {
    using socket = open(NETLINK_ROUTE);
    const requests = Array.from({ length: 300 }, (_, i) => getLink(i % 3 === 0 ? 1 : NO_SUCH_LINK));
    const outcomes = socket.batch(requests);
    assert.deepEqual(
      outcomes.map((outcome) => outcome?.is("ENODEV") ?? false),
      requests.map((_, i) => i % 3 !== 0),
    );
  });

  test("a batch of thousands of refusals loses none of them", (open) => {
    using socket = open(NETLINK_ROUTE);
    const outcomes = socket.batch(Array(20_000).fill(getLink(NO_SUCH_LINK)));
    assert.equal(outcomes.filter((outcome) => outcome?.is("ENODEV")).length, 20_000);
  });

  test("the controller's family has its fixed number", (open) => {
    using socket = open(NETLINK_GENERIC);
    const { id, name, version } = socket.family("nlctrl");
    assert.deepEqual({ id, name, version }, { id: 16, name: "nlctrl", version: 2 });
  });

  test("a family that does not exist is an UnsupportedError", (open) => {
    using socket = open(NETLINK_GENERIC);
    assert.throws(
      () => socket.family("no-such-family"),
      (error) => error instanceof UnsupportedError && error.feature === "no-such-family",
    );
  });

  test("nothing comes in on a group where nothing happens", (open) => {
    using socket = open(NETLINK_GENERIC);
    socket.subscribe(socket.family("nlctrl").groups.get("notify")!);
    assert.deepEqual(socket.notifications(), { messages: [], lost: false });
  });

  test("a protocol that does not exist fails with the system's errno", (open) => {
    assert.throws(
      () => open(31),
      (error) => error instanceof SyscallError && error.is("EPROTONOSUPPORT"),
    );
  });

  test("closing gives the descriptor back, and a closed socket is not used", (open) => {
    open(NETLINK_ROUTE).close(); // the library itself is open from here on
    const before = openFiles();
    const sockets = Array.from({ length: 10 }, () => open(NETLINK_ROUTE));
    assert.equal(openFiles(), before + 10);
    for (const socket of sockets) {
      socket.close();
      socket.close();
    }
    assert.equal(openFiles(), before);
    assert.throws(
      () => sockets[0]!.ask(getLink(1)),
      (error) => error instanceof SyscallError && error.is("EBADF"),
    );
  });

  test("a socket that could not be opened leaves no descriptor behind", (open) => {
    assert.throws(() => open(31), SyscallError); // the library itself is open from here on
    const before = openFiles();
    assert.throws(() => open(31), SyscallError);
    assert.equal(openFiles(), before);
  });
}

const NETLINK_USERSOCK = 2;
const GROUP = 1;

/** Sends datagrams to all of a group, as only the kernel does for other protocols. */
function multicaster(): { send(datagram: Uint8Array<ArrayBuffer>): void } & Disposable {
  const { socket, connect, send, close } = libc();
  const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  const address = kernelAddress();
  new DataView(address.buffer).setUint32(8, 1 << (GROUP - 1), true);
  assert.equal(connect(fd, address, address.length), 0);
  return {
    send(datagram) {
      // The group has it by then; what is refused is a copy for the kernel, which does not listen here.
      assert.equal(send(fd, datagram, BigInt(datagram.length), 0), -1n);
      assert.equal(errnoName(lastErrno()), "ECONNREFUSED");
    },
    [Symbol.dispose]: () => void close(fd),
  };
}

for (const open of [openLibcTransport, openLibnlTransport]) {
  Deno.test(`${open.name}(): a datagram that is too long is refused, and the next like it is not`, () => {
    using sender = multicaster();
    using receiver = open(NETLINK_USERSOCK);
    receiver.join(GROUP);
    for (const length of [20_000, 70_000]) {
      sender.send(new Uint8Array(length).fill(1));
      assert.throws(
        () => receiver.receive(),
        (error) => error instanceof SyscallError && error.is("EMSGSIZE"),
      );
      sender.send(new Uint8Array(length).fill(2));
      assert.deepEqual(receiver.receive(), new Uint8Array(length).fill(2));
    }
    assert.equal(receiver.receive(), undefined);
  });

  Deno.test(`${open.name}(): datagrams stay as they were, however many follow`, () => {
    using sender = multicaster();
    using receiver = open(NETLINK_USERSOCK);
    receiver.join(GROUP);
    const sent = Array.from({ length: 300 }, (_, i) => new Uint8Array(8192 - 7 * i).fill(i));
    const received = sent.map((datagram) => {
      sender.send(datagram);
      return receiver.receive();
    });
    assert.deepEqual(received, sent);
  });
}

const PROBE = new URL("../support/netlink_probe.ts", import.meta.url).pathname;

/** The libraries by the paths under which this process has them. */
const PATHS = (() => {
  openLibnlTransport(NETLINK_ROUTE).close();
  const maps = Deno.readTextFileSync("/proc/self/maps");
  const directory = /(\/\S*)\/libc\.so\.6$/m.exec(maps)![1]!.replace(/^\/usr/, "");
  return { libc: `${directory}/libc.so.6`, libnl: `${directory}/libnl-3.so.200` };
})();

async function probe(transport: string, ...allowed: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...allowed.map((path) => `--allow-ffi=${path}`), PROBE, transport],
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

const NO_GROUP = "setsockopt NETLINK_ADD_MEMBERSHIP 2147483647: invalid argument (EINVAL)";

const PERMISSIONS: readonly [name: string, transport: string, allowed: string[], output: string][] =
  [
    [
      "libc works where FFI is allowed for its path only",
      "libc",
      [PATHS.libc],
      `16\nSyscallError: ${NO_GROUP}\n`,
    ],
    [
      "libnl works where FFI is allowed for both paths only",
      "libnl",
      [PATHS.libc, PATHS.libnl],
      `16\nSyscallError: ${NO_GROUP}\n`,
    ],
    [
      "libc says what to do where FFI is not allowed",
      "libc",
      [],
      "UnsupportedError: open libc.so.6: not found where FFI is allowed (allow FFI for the path of this host's libc.so.6)\n",
    ],
    [
      "libnl says which package it is in",
      "libnl",
      [PATHS.libc],
      "UnsupportedError: open libnl-3.so.200: not found where FFI is allowed (install the Debian package libnl-3-200, or use the libc transport)\n",
    ],
  ];

for (const [name, transport, allowed, output] of PERMISSIONS) {
  Deno.test(name, async () => {
    assert.equal(await probe(transport, ...allowed), output);
  });
}
