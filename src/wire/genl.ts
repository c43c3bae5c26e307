/** Generic netlink: its header, and the controller that knows the families' numbers. */

import { attributes, indexed, required, string, u16, u32 } from "./attribute.ts";
import { type Message, NLMSG_HDRLEN, readHeader, type Request } from "./message.ts";
import { struct, U16, U8 } from "./kind.ts";
import type { Writer } from "./buffer.ts";

/** The controller's family is the one whose number is fixed. */
export const GENL_ID_CTRL = 16;
export const CTRL_CMD_NEWFAMILY = 1;
export const CTRL_CMD_GETFAMILY = 3;

const GENLMSGHDR = struct({ cmd: U8, version: U8, reserved: U16 });
/** Where the attributes of a generic netlink message begin. */
export const GENL_BODY = NLMSG_HDRLEN + GENLMSGHDR.size;

const MULTICAST_GROUP = attributes({
  name: required(string(1, "CTRL_ATTR_MCAST_GRP_NAME")),
  id: required(u32(2, "CTRL_ATTR_MCAST_GRP_ID")),
});

const FAMILY = attributes({
  id: required(u16(1, "CTRL_ATTR_FAMILY_ID")),
  name: required(string(2, "CTRL_ATTR_FAMILY_NAME")),
  version: u32(3, "CTRL_ATTR_VERSION"),
  groups: indexed(7, "CTRL_ATTR_MCAST_GROUPS", MULTICAST_GROUP),
});

const FAMILY_QUESTION = attributes({ name: FAMILY.shape.name });

/** A generic netlink family as this kernel numbers it. */
export interface GenlFamily {
  readonly id: number;
  readonly name: string;
  readonly version: number;
  /** Numbers of the multicast groups by name. */
  readonly groups: ReadonlyMap<string, number>;
}

/** A request to a family: `write` adds the attributes. */
export function genlRequest(
  family: Pick<GenlFamily, "id" | "version">,
  command: { readonly cmd: number; readonly name: string },
  write: (to: Writer) => void,
): Request {
  return {
    command: command.name,
    type: family.id,
    write(to) {
      GENLMSGHDR.write(
        to,
        { cmd: command.cmd, version: family.version, reserved: 0 },
        "genlmsghdr",
      );
      write(to);
    },
  };
}

/** The command that a generic netlink message carries. */
export function genlCommand(message: Message): number {
  return readHeader(message, GENLMSGHDR, "genlmsghdr").cmd;
}

export function getFamilyRequest(name: string): Request {
  return genlRequest(
    { id: GENL_ID_CTRL, version: 1 },
    { cmd: CTRL_CMD_GETFAMILY, name: "CTRL_CMD_GETFAMILY" },
    (to) => FAMILY_QUESTION.write(to, { name }),
  );
}

export function decodeFamily(message: Message): GenlFamily {
  genlCommand(message);
  const { id, name, version, groups } = FAMILY.read(message.input, GENL_BODY);
  return {
    id,
    name,
    version: version ?? 1,
    groups: new Map(groups?.map((group) => [group.name, group.id])),
  };
}
