import assert from "node:assert/strict";
import { KernelError, SyscallError, UnsupportedError, WireError } from "../../src/errors.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import {
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_NOOP,
  type Request,
} from "../../src/wire/message.ts";
import { hex } from "../support/bytes.ts";
import {
  acknowledge,
  type Answer,
  answer,
  dump,
  FAKE_PORT,
  type FakeKernel,
  fakeTransport,
  refuse,
} from "../support/fake_transport.ts";

const TYPE = 30;

function request(value = 0, type = TYPE): Request {
  return {
    command: `TEST_${value}`,
    type,
    write(to) {
      const at = to.reserve(4);
      to.view.setUint32(at, value, true);
    },
  };
}

function bodies(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Uint8Array.of(i, 0, 0, 0));
}

const value = (message: Message) => message.input.view.getUint32(16, true);

/** A kernel that behaves differently each time it is asked; more questions than answers is a failure. */
function inTurn(...kernels: FakeKernel[]): FakeKernel {
  return (request) => {
    const kernel = kernels.shift();
    if (!kernel) throw new Error("asked once more than the test expects");
    return kernel(request);
  };
}

function open(kernel: FakeKernel, receiveBuffer?: number) {
  const transport = fakeTransport(kernel, receiveBuffer);
  return { transport, socket: new NetlinkSocket(transport) };
}

Deno.test("ask() sends one request with NLM_F_ACK, our port and a new sequence number each time", () => {
  const { transport, socket } = open(acknowledge);
  assert.deepEqual(socket.ask(request()), []);
  socket.ask(request());
  assert.deepEqual(
    transport.sent.map(([message]) => [message!.flags, message!.port, message!.sequence]),
    [[NLM_F_REQUEST | NLM_F_ACK, FAKE_PORT, 1], [NLM_F_REQUEST | NLM_F_ACK, FAKE_PORT, 2]],
  );
});

Deno.test("ask() gives the messages before the acknowledgement", () => {
  const { socket } = open((request) => [
    ...bodies(2).map((body) => answer(request, { type: TYPE, body })),
    ...acknowledge(request),
  ]);
  assert.deepEqual(socket.ask(request()).map(value), [0, 1]);
});

Deno.test("ask() throws a refusal as a KernelError that names command and errno", () => {
  const { socket } = open((request) => [refuse(request, "EPERM")]);
  assert.throws(
    () => socket.ask(request(7)),
    (error) =>
      error instanceof KernelError && error.command === "TEST_7" && error.is("EPERM") &&
      error.message === "TEST_7: not permitted (EPERM)",
  );
});

Deno.test("a refusal carries the kernel's own words", () => {
  const { socket } = open((request) => [
    answer(request, {
      type: 2,
      flags: 0x300,
      body: hex(`eaffffff ${"00".repeat(16)} 0800 0100 6e6f2100 0800 0200 14000000`),
    }),
  ]);
  assert.throws(
    () => socket.ask(request(7)),
    (error) => {
      assert.ok(error instanceof KernelError);
      assert.deepEqual(error.extendedAck, { text: "no!", offset: 20 });
      assert.equal(error.message, "TEST_7: invalid argument (EINVAL): no!");
      return true;
    },
  );
});

const SKIPPED: readonly [name: string, stray: (request: Message) => Uint8Array][] = [
  ["an answer to an earlier request", (r) => answer(r, { type: TYPE, sequence: r.sequence - 1 })],
  [
    "an answer to a request not made yet",
    (r) => answer(r, { type: TYPE, sequence: r.sequence + 1 }),
  ],
  ["an error for an earlier request", (r) => refuse({ input: r.input, sequence: 0 }, "EPERM")],
  ["an answer to another port", (r) => answer(r, { type: TYPE, port: FAKE_PORT + 1 })],
  ["a notification", (r) => answer(r, { type: TYPE, sequence: 0, port: 0 })],
  ["NLMSG_NOOP", (r) => answer(r, { type: NLMSG_NOOP })],
  ["an empty datagram", () => new Uint8Array()],
];

for (const [name, stray] of SKIPPED) {
  Deno.test(`ask() and dump() skip ${name}`, () => {
    const asked = open((r) => [stray(r), answer(r, { type: TYPE }), stray(r), ...acknowledge(r)]);
    assert.equal(asked.socket.ask(request()).length, 1);
    const dumped = open((
      r,
    ) => [stray(r), ...dump(r, TYPE, bodies(3)).flatMap((d) => [d, stray(r)])]);
    assert.deepEqual(dumped.socket.dump(request(), value), [0, 1, 2]);
  });
}

Deno.test("ask() and dump() take silence for a handler that was interrupted", () => {
  const { socket } = open(() => []);
  for (const talk of [() => socket.ask(request()), () => socket.dump(request(), value)]) {
    assert.throws(talk, (error) => error instanceof KernelError && error.is("EINTR"));
  }
});

Deno.test("a receive that a signal interrupts is tried again", () => {
  const { socket } = open((r) => ["EINTR", "EINTR", ...acknowledge(r)]);
  assert.deepEqual(socket.ask(request()), []);
});

Deno.test("a receive that signals interrupt for ever is given up", () => {
  const { transport, socket } = open(() => []);
  transport.push(...Array<Answer>(101).fill("EINTR"));
  assert.throws(() => socket.ask(request()), (error) => {
    return error instanceof SyscallError && error.is("EINTR");
  });
});

Deno.test("dump() reads on to NLMSG_DONE over many datagrams", () => {
  const { transport, socket } = open((r) => dump(r, TYPE, bodies(100)));
  assert.deepEqual(socket.dump(request(), value), Array.from({ length: 100 }, (_, i) => i));
  assert.equal(transport.sent[0]![0]!.flags, NLM_F_REQUEST | NLM_F_DUMP);
});

Deno.test("dump() reads an empty table", () => {
  assert.deepEqual(open((r) => dump(r, TYPE, [])).socket.dump(request(), value), []);
});

Deno.test("dump() throws the errno that NLMSG_DONE carries", () => {
  const { socket } = open((r) => [
    answer(r, { type: TYPE, body: hex("00000000"), flags: NLM_F_MULTI }),
    answer(r, { type: NLMSG_DONE, body: hex("f4ffffff"), flags: NLM_F_MULTI }),
  ]);
  assert.throws(
    () => socket.dump(request(), value),
    (error) => error instanceof KernelError && error.is("ENOMEM"),
  );
});

Deno.test("dump() throws a refusal", () => {
  const { socket } = open((r) => [refuse(r, "EPERM")]);
  assert.throws(
    () => socket.dump(request(), value),
    (error) => error instanceof KernelError && error.is("EPERM"),
  );
});

const REPEATED: readonly [name: string, first: (request: Message) => Answer[]][] = [
  ["the table changed meanwhile", (r) => dump(r, TYPE, bodies(5), NLM_F_DUMP_INTR)],
  ["answers were lost", (r) => [...dump(r, TYPE, bodies(5)).slice(0, 2), "ENOBUFS"]],
  ["a datagram was cut off", (r) => ["EMSGSIZE", ...dump(r, TYPE, bodies(5))]],
  ["another dump was left halfway", (r) => [refuse(r, "EBUSY")]],
];

for (const [name, first] of REPEATED) {
  Deno.test(`dump() reads again when ${name}`, () => {
    const { socket } = open(inTurn(first, (r) => dump(r, TYPE, bodies(2))));
    assert.deepEqual(socket.dump(request(), value), [0, 1]);
  });
}

Deno.test("dump() gives up on a table that changes under every reading", () => {
  const { transport, socket } = open((r) => dump(r, TYPE, bodies(1), NLM_F_DUMP_INTR));
  assert.throws(
    () => socket.dump(request(), value),
    (error) => error instanceof KernelError && error.is("EAGAIN"),
  );
  assert.equal(transport.sent.length, 5);
});

Deno.test("dump() leaves nothing behind in the socket when an entry cannot be decoded", () => {
  const { socket } = open((r) => dump(r, TYPE, bodies(3)));
  assert.throws(() => {
    socket.dump(request(), (message) => {
      if (value(message) === 1) throw new WireError("bad entry");
      return value(message);
    });
  }, WireError);
  assert.deepEqual(socket.dump(request(), value), [0, 1, 2]);
});

Deno.test("dump() empties the socket when the framing is broken", () => {
  const { socket } = open(inTurn(
    (r) => [hex("0f000000"), ...dump(r, TYPE, bodies(3))],
    (r) => dump(r, TYPE, bodies(1)),
  ));
  assert.throws(() => socket.dump(request(), value), WireError);
  assert.equal(socket.notifications().messages.length, 0);
  assert.deepEqual(socket.dump(request(), value), [0]);
});

Deno.test("batch() asks for one acknowledgement a send and says of each change what became of it", () => {
  const refused = new Map([[1, "EEXIST"], [3, "ENOENT"]]);
  const { transport, socket } = open((r) => {
    const errno = refused.get(value(r));
    return errno ? [refuse(r, errno)] : acknowledge(r);
  });
  const outcomes = socket.batch([0, 1, 2, 3, 4].map((i) => request(i)));
  assert.deepEqual(outcomes.map((outcome) => (outcome as KernelError)?.errno), [
    undefined,
    "EEXIST",
    undefined,
    "ENOENT",
    undefined,
  ]);
  assert.equal((outcomes[3] as KernelError).command, "TEST_3");
  assert.equal(transport.sent.length, 1);
  assert.deepEqual(transport.sent[0]!.map(({ flags }) => flags & NLM_F_ACK), [
    0,
    0,
    0,
    0,
    NLM_F_ACK,
  ]);
});

Deno.test("batch() knows of the last change that it was refused", () => {
  const { socket } = open((r) => value(r) === 2 ? [refuse(r, "EPERM")] : acknowledge(r));
  const outcomes = socket.batch([0, 1, 2].map((i) => request(i)));
  assert.deepEqual(outcomes.map((outcome) => outcome?.is("EPERM") ?? false), [false, false, true]);
});

Deno.test("batch() of nothing sends nothing", () => {
  const { transport, socket } = open(acknowledge);
  assert.deepEqual(socket.batch([]), []);
  assert.equal(transport.sent.length, 0);
});

Deno.test("batch() sends no more at once than the receive buffer can hold refusals for", () => {
  const { transport, socket } = open((r) => [refuse(r, "EPERM")], 20_480);
  const outcomes = socket.batch(Array.from({ length: 25 }, (_, i) => request(i)));
  assert.equal(outcomes.filter((outcome) => outcome?.is("EPERM")).length, 25);
  assert.deepEqual(transport.sent.map((messages) => messages.length), [10, 10, 5]);
});

Deno.test("batch() sends no more at once than a send buffer holds", () => {
  const { transport, socket } = open(acknowledge);
  const large: Request = { ...request(), write: (to) => to.append(new Uint8Array(30_000)) };
  assert.deepEqual(socket.batch(Array(7).fill(large)), Array(7).fill(undefined));
  assert.deepEqual(transport.sent.map((messages) => messages.length), [3, 3, 1]);
});

Deno.test("batch() makes the other changes when one cannot be written", () => {
  const unwritable: Request = {
    ...request(),
    write(to) {
      to.reserve(8);
      throw new WireError("does not fit");
    },
  };
  const { transport, socket } = open(acknowledge);
  const outcomes = socket.batch([request(0), unwritable, request(2), unwritable]);
  assert.deepEqual(outcomes.map((outcome) => outcome?.name), [
    undefined,
    "WireError",
    undefined,
    "WireError",
  ]);
  assert.deepEqual(transport.sent.map((messages) => messages.map(value)), [[0, 2]]);
  assert.notEqual(transport.sent[0]![1]!.flags & NLM_F_ACK, 0);
  assert.deepEqual(socket.batch([unwritable]).map((outcome) => outcome?.name), ["WireError"]);
  assert.equal(transport.sent.length, 1);
});

Deno.test("batch() does not call done what a lost answer could have refused", () => {
  const { socket } = open((r) => {
    if (value(r) === 1) return [refuse(r, "EEXIST")];
    return value(r) === 3 ? ["ENOBUFS", ...acknowledge(r)] : acknowledge(r);
  });
  const outcomes = socket.batch([0, 1, 2, 3].map((i) => request(i)));
  assert.deepEqual(outcomes.map((outcome) => (outcome as KernelError)?.errno), [
    "ENOBUFS",
    "EEXIST",
    "ENOBUFS",
    "ENOBUFS",
  ]);
});

Deno.test("batch() does not call done what was never acknowledged", () => {
  const { socket } = open(() => []);
  const outcomes = socket.batch([request(), request()]);
  assert.deepEqual(outcomes.map((outcome) => outcome?.is("EINTR")), [true, true]);
});

Deno.test("change() throws what the change met", () => {
  const { socket } = open((r) => value(r) === 1 ? [refuse(r, "EPERM")] : acknowledge(r));
  socket.change(request(0));
  assert.throws(() => socket.change(request(1)), (error) => {
    return error instanceof KernelError && error.is("EPERM");
  });
});

const BEGIN = request(100, 16);
const END = request(101, 17);

Deno.test("transaction() sends all in one datagram, and is done when the last request is acknowledged", () => {
  const { transport, socket } = open(acknowledge);
  assert.deepEqual(socket.transaction(BEGIN, [request(1), request(2)], END), [
    undefined,
    undefined,
  ]);
  assert.deepEqual(transport.sent.map((messages) => messages.map(value)), [[100, 1, 2, 101]]);
  assert.deepEqual(transport.sent[0]!.map(({ flags }) => flags & NLM_F_ACK), [0, 0, NLM_F_ACK, 0]);
});

Deno.test("transaction() says which request was refused", () => {
  const { socket } = open((r) => value(r) === 1 ? [refuse(r, "EEXIST")] : []);
  const outcomes = socket.transaction(BEGIN, [request(1), request(2)], END);
  assert.deepEqual(outcomes.map((outcome) => outcome?.is("EEXIST")), [true, undefined]);
});

Deno.test("transaction() throws a refusal of the whole, even behind the last acknowledgement", () => {
  const early = open((r) => r.type === 16 ? [refuse(r, "EPERM")] : []);
  assert.throws(() => early.socket.transaction(BEGIN, [request(1)], END), KernelError);
  const late = open((r) => value(r) === 101 ? [refuse(r, "EBUSY")] : acknowledge(r));
  assert.throws(() => late.socket.transaction(BEGIN, [request(1)], END), KernelError);
});

Deno.test("transaction() says so when nothing answers or the answer was lost", () => {
  const silent = open(() => []);
  assert.throws(() => silent.socket.transaction(BEGIN, [request(1)], END), (error) => {
    return error instanceof KernelError && error.is("EINTR");
  });
  const lost = open((r) => value(r) === 1 ? ["ENOBUFS", ...acknowledge(r)] : []);
  assert.throws(() => lost.socket.transaction(BEGIN, [request(1)], END), (error) => {
    return error instanceof KernelError && error.is("ENOBUFS");
  });
});

const FAMILY = hex("01020000 0600 0100 25000000 0900 0200 49505653 00000000 0800 0300 01000000");

Deno.test("family() asks once, and again after forgetFamily()", () => {
  const { transport, socket } = open((r) => [
    answer(r, { type: 16, body: FAMILY }),
    ...acknowledge(r),
  ]);
  assert.equal(socket.family("IPVS").id, 37);
  assert.equal(socket.family("IPVS").id, 37);
  assert.equal(transport.sent.length, 1);
  socket.forgetFamily("IPVS");
  socket.family("IPVS");
  assert.equal(transport.sent.length, 2);
});

Deno.test("family() throws UnsupportedError for one that the kernel does not have, and asks anew next time", () => {
  const { transport, socket } = open((r) => [refuse(r, "ENOENT")]);
  for (const attempts of [1, 2]) {
    assert.throws(() => socket.family("IPVS"), (error) => {
      return error instanceof UnsupportedError && error.feature === "IPVS";
    });
    assert.equal(transport.sent.length, attempts);
  }
});

Deno.test("family() passes other refusals on, and does not take silence for an answer", () => {
  const refused = open((r) => [refuse(r, "EPERM")]);
  assert.throws(() => refused.socket.family("IPVS"), KernelError);
  const empty = open(acknowledge);
  assert.throws(() => empty.socket.family("IPVS"), WireError);
});

Deno.test("notifications() gives what is there without waiting, and says when some were lost", () => {
  const { transport, socket } = open(() => []);
  socket.subscribe(7);
  assert.deepEqual(transport.groups, [7]);
  assert.deepEqual(socket.notifications(), { messages: [], lost: false });
  const event = (body: string) => answer({ sequence: 0 }, { type: TYPE, port: 0, body: hex(body) });
  transport.push(event("01000000"), "ENOBUFS", event("02000000"));
  const { messages, lost } = socket.notifications();
  assert.deepEqual(messages.map(value), [1, 2]);
  assert.equal(lost, true);
  transport.push("EBADF");
  assert.throws(() => socket.notifications(), SyscallError);
});

Deno.test("an exchange that never ends is given up", () => {
  const transport = fakeTransport(() => []);
  const endless = new NetlinkSocket({ ...transport, receive: () => new Uint8Array() });
  assert.throws(() => endless.ask(request()), WireError);
});

Deno.test("sequence numbers start over after 2^32 - 1, even within a batch", () => {
  const transport = fakeTransport((r) => value(r) === 3 ? [refuse(r, "EPERM")] : acknowledge(r));
  const socket = new NetlinkSocket(transport, 2 ** 32 - 3);
  const outcomes = socket.batch([0, 1, 2, 3, 4].map((i) => request(i)));
  assert.deepEqual(outcomes.map((outcome) => outcome?.is("EPERM")), [
    undefined,
    undefined,
    undefined,
    true,
    undefined,
  ]);
  assert.deepEqual(transport.sent[0]!.map(({ sequence }) => sequence), [
    2 ** 32 - 2,
    2 ** 32 - 1,
    0,
    1,
    2,
  ]);
});

Deno.test("close() and using close the transport", () => {
  const { transport, socket } = open(() => []);
  assert.equal(transport.closed, false);
  socket.close();
  assert.equal(transport.closed, true);
  const second = open(() => []);
  {
    using _socket = second.socket;
  }
  assert.equal(second.transport.closed, true);
});
