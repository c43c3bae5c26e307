/** Netlink over nothing but libc: the transport that is always there. */

import { libc, syscallError } from "./libc.ts";
import {
  AF_NETLINK,
  kernelAddress,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SocketTransport,
  type TransportOptions,
} from "./socket_transport.ts";
import type { Transport } from "./transport.ts";

export function openLibcTransport(protocol: number, options?: TransportOptions): Transport {
  const { socket, bind, send, close } = libc();
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw syscallError("socket", `netlink protocol ${protocol}`);

  const address = kernelAddress();
  if (bind(fd, address, address.length) < 0) {
    const error = syscallError("bind", "netlink socket");
    close(fd);
    throw error;
  }
  return new SocketTransport({
    library: "libc",
    fd,
    send(datagram) {
      if (send(fd, datagram, BigInt(datagram.length), 0) < 0n) {
        throw syscallError("send", "netlink socket");
      }
    },
    close: () => close(fd),
  }, options);
}
