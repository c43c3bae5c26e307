/** Datagrams to a Unix socket by its address, which Deno cannot send, and the clock that systemd compares by. */

import { LvscareError } from "../errors.ts";
import { errnoNumber } from "./errno.ts";
import { errnoError, libc, syscallError } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** A receiver that does not read must not stop who sends. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
/** sizeof(sun_path); a path's NUL is in it, and so is the one that an abstract name begins with. */
const PATH_SIZE = 108;

export interface NotifySocket extends Disposable {
  /** Sends one datagram, or throws a SyscallError. It never waits. */
  send(datagram: Uint8Array<ArrayBuffer>): void;
}

/** Opens a socket that sends to a path ("/run/systemd/notify") or to an abstract name ("@notify"). */
export function openNotifySocket(address: string): NotifySocket {
  const target = encodeUnixAddress(address);
  const { socket, sendto, close } = libc();
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw syscallError("socket", "unix datagram");
  const subject = JSON.stringify(address);
  let open = true;
  return {
    send(datagram) {
      // The number may be another file's by now.
      if (!open) throw errnoError("send to", subject, errnoNumber("EBADF")!);
      // By address each time: a receiver that was started anew is found again.
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const sent = sendto(fd, datagram, BigInt(datagram.length), flags, target, target.length);
      if (sent < 0n) throw syscallError("send to", subject);
    },
    [Symbol.dispose]() {
      if (open) close(fd);
      open = false;
    },
  };
}

/** struct sockaddr_un, as long as the kernel is to read it. */
export function encodeUnixAddress(address: string): Uint8Array<ArrayBuffer> {
  const fault = faultOf(address);
  if (fault !== undefined) {
    throw new LvscareError(`notification socket ${JSON.stringify(address)}: ${fault}`, {
      op: "open notification socket",
      subject: address,
    });
  }
  const abstract = address.startsWith("@");
  const path = new TextEncoder().encode(abstract ? `\0${address.slice(1)}` : `${address}\0`);
  const encoded = new Uint8Array(2 + path.length);
  new DataView(encoded.buffer).setUint16(0, AF_UNIX, true);
  encoded.set(path, 2);
  return encoded;
}

function faultOf(address: string): string | undefined {
  if (!/^[/@]./s.test(address)) return 'is no address, must be a path "/…" or a name "@…"';
  if (address.includes("\0")) return "holds a NUL, must hold none";
  const length = new TextEncoder().encode(address).length;
  if (length >= PATH_SIZE) return `has ${length} bytes, must have at most ${PATH_SIZE - 1}`;
}

/** Microseconds of the kernel's monotonic clock, which all processes share. */
export function kernelMonotonicUs(): bigint {
  const time = new BigInt64Array(2);
  if (libc().clock_gettime(CLOCK_MONOTONIC, time) < 0) {
    throw syscallError("clock_gettime", "CLOCK_MONOTONIC");
  }
  return time[0]! * 1_000_000n + time[1]! / 1_000n;
}
