/** Users and groups of this host, as /etc/passwd and /etc/group have them. */

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const USERS = "/etc/passwd";
const GROUPS = "/etc/group";

/** A user, or a user and a group as "nobody:nogroup"; each by its name or its number. */
export function findAccount(user: string): Account | undefined {
  const pair = /^(\d{1,10}):(\d{1,10})$/.exec(user);
  if (pair) return { uid: Number(pair[1]), gid: Number(pair[2]) };
  const [name = "", group, more] = user.split(":");
  if (more !== undefined) return undefined;
  const [, , uid, gid] = findLine(USERS, name) ?? [];
  if (uid === undefined || gid === undefined) return undefined;
  if (group === undefined) return { uid: Number(uid), gid: Number(gid) };
  const [, , own] = findLine(GROUPS, group) ?? [];
  return own === undefined ? undefined : { uid: Number(uid), gid: Number(own) };
}

/** The fields of the first line whose name or number it is: both files have them in the same places. */
function findLine(file: string, name: string): readonly string[] | undefined {
  const lines = readLines(file).map((line) => line.split(":"));
  return lines.find(([own, , number]) => own === name || number === name);
}

function readLines(file: string): readonly string[] {
  try {
    return Deno.readTextFileSync(file).split("\n");
  } catch {
    return [];
  }
}
