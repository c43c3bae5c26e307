/** Users of this host, as /etc/passwd has them. */

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const FILE = "/etc/passwd";

/** A name, a number, or both numbers as "1000:1000". */
export function findAccount(user: string): Account | undefined {
  const pair = /^(\d{1,10}):(\d{1,10})$/.exec(user);
  if (pair) return { uid: Number(pair[1]), gid: Number(pair[2]) };
  for (const line of readLines()) {
    const [name, , uid, gid] = line.split(":");
    if (name === user || uid === user) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

function readLines(): readonly string[] {
  try {
    return Deno.readTextFileSync(FILE).split("\n");
  } catch {
    return [];
  }
}
