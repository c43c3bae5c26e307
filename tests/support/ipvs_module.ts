/** The guest's kernel without IPVS for a while. */

import { run } from "./process.ts";

const ENV = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const HELPER = "/proc/sys/kernel/modprobe";

/** Where the kernel has no IPVS, and loads none by itself: only who brings the module file gets it. */
export async function withoutIpvs(body: () => Promise<void>): Promise<void> {
  await unloadIpvs();
  const helper = await Deno.readTextFile(HELPER);
  await Deno.writeTextFile(HELPER, "/bin/false");
  try {
    await body();
  } finally {
    await Deno.writeTextFile(HELPER, helper.trim());
  }
}

async function unloadIpvs(): Promise<void> {
  let said = "";
  for (let i = 0; i < 100; i++) {
    await clearEveryTable();
    const line = /^ip_vs \d+ \d+ (\S+)/m.exec(await Deno.readTextFile("/proc/modules"));
    const users = (line?.[1] ?? "").split(",").filter((name) => name.startsWith("ip_vs"));
    const { status, stderr } = await run(["rmmod", ...users, "ip_vs"], { env: ENV });
    if (status === 0) return;
    said = stderr;
    // The namespaces of tests before this one are being taken down.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`ip_vs stays loaded: ${said}`);
}

/** A thread of the runtime that was started inside of an earlier test's namespace keeps it, with its services. */
async function clearEveryTable(): Promise<void> {
  const seen = new Set<string>();
  for await (const { name } of Deno.readDir("/proc/self/task")) {
    const path = `/proc/${Deno.pid}/task/${name}/ns/net`;
    const namespace = await Deno.readLink(path).catch(() => "");
    if (namespace === "" || seen.has(namespace)) continue;
    seen.add(namespace);
    // The thread may be gone by now.
    await run(["nsenter", `--net=${path}`, "ipvsadm", "-C"], { env: ENV });
  }
}
