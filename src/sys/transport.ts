/** What a netlink socket is made over: libc, libnl, or a function in a test. */

/** Numbers of netlink protocols. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const NETLINK_GENERIC = 16;

export interface Transport extends Disposable {
  /** Which one it is, for a log line: "libc". */
  readonly name: string;
  /** The port that the kernel knows this socket by. */
  readonly port: number;
  /** How much the kernel holds for this socket before it drops answers; its own overhead counts too. */
  readonly receiveBuffer: number;

  /** Sends one datagram whole, or throws a SyscallError. */
  send(datagram: Uint8Array<ArrayBuffer>): void;

  /**
   * The next datagram, whole, in bytes that are used by nobody else, or undefined where none is there: it
   * never waits. Throws a SyscallError: EINTR, ENOBUFS when datagrams were dropped, EMSGSIZE when one was
   * longer than the buffer (which then grows).
   */
  receive(): Uint8Array | undefined;

  /** Joins a multicast group. */
  join(group: number): void;

  close(): void;
}
