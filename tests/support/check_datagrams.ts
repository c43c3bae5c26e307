/** Servers of datagrams that answer as a test says. */

import { createSocket } from "node:dgram";
import type { Address } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";

export interface DatagramServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** Who has sent something, in turn. */
  readonly peers: readonly Endpoint[];
  readonly questions: readonly Uint8Array[];
}

/** What is sent back for a datagram: nothing, one or several. */
export type DatagramAnswer = (question: Uint8Array<ArrayBuffer>) => readonly Uint8Array[];

export async function serveDatagrams(
  address: Address,
  answer: DatagramAnswer,
): Promise<DatagramServer> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const peers: Endpoint[] = [];
  const questions: Uint8Array[] = [];
  socket.on("message", (message, { address: from, port }) => {
    const question = Uint8Array.from(message);
    peers.push({ address: from as Address, port });
    questions.push(question);
    for (const each of answer(question)) socket.send(each, port, from);
  });
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return {
    endpoint: { address, port: socket.address().port },
    peers,
    questions,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
