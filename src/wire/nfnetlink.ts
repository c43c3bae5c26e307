/** What ipset and nftables have in common: the header of nfnetlink's messages, and its transactions. */

import { WireError } from "../errors.ts";
import type { Input, Writer } from "./buffer.ts";
import { struct, U16BE, U8 } from "./kind.ts";
import { type Message, NLMSG_HDRLEN, readHeader, type Request } from "./message.ts";

export const NFNL_MSG_BATCH_BEGIN = 16;
export const NFNL_MSG_BATCH_END = 17;

/** struct nfgenmsg. */
export const NFGENMSG = struct({ family: U8, version: U8, resource: U16BE });

/** Where the attributes of a message begin. */
export const NFNL_BODY = NLMSG_HDRLEN + NFGENMSG.size;

/** A subsystem's command: "which one" without what it is about. */
export interface NfnlCommand {
  /** The kernel's name: "IPSET_CMD_ADD". */
  readonly name: string;
  readonly subsystem: number;
  readonly number: number;
}

export interface NfnlRequest<V> {
  readonly command: NfnlCommand;
  readonly family: number;
  readonly flags?: number;
  readonly table: { write(to: Writer, values: V): void };
  readonly values: V;
}

export function nfnlRequest<V>(
  { command, family, flags = 0, table, values }: NfnlRequest<V>,
): Request {
  return {
    command: command.name,
    type: messageType(command),
    flags,
    write(to) {
      NFGENMSG.write(to, { family, version: 0, resource: 0 }, "nfgenmsg");
      table.write(to, values);
    },
  };
}

/** The family and attributes of a message that must be of that type. */
export function readNfnl<T>(
  message: Message,
  command: NfnlCommand,
  table: { read(from: Input, start: number): T },
): { readonly family: number; readonly values: T } {
  const type = messageType(command);
  if (message.type !== type) {
    throw new WireError(`decode nfgenmsg: a message of type ${message.type}, must be ${type}`, {
      offset: 4,
    });
  }
  const { family } = readHeader(message, NFGENMSG, "nfgenmsg");
  return { family, values: table.read(message.input, NFNL_BODY) };
}

/** The messages around a transaction of a subsystem, of which the kernel makes all or nothing. */
export function batchBegin(subsystem: number): Request {
  return batchEdge("NFNL_MSG_BATCH_BEGIN", NFNL_MSG_BATCH_BEGIN, subsystem);
}

export function batchEnd(subsystem: number): Request {
  return batchEdge("NFNL_MSG_BATCH_END", NFNL_MSG_BATCH_END, subsystem);
}

function batchEdge(command: string, type: number, resource: number): Request {
  return {
    command,
    type,
    write: (to) => NFGENMSG.write(to, { family: 0, version: 0, resource }, "nfgenmsg"),
  };
}

function messageType({ subsystem, number }: NfnlCommand): number {
  return (subsystem << 8) | number;
}
