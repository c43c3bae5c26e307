/**
 * Makes tests/golden again: what real tools say and send, captured in the guest. On the host it starts the
 * guest; there it runs each scenario in a network namespace of its own.
 */

import { captureIpvsadm } from "./golden/ipvsadm.ts";
import { captureNetlink } from "./golden/netlink.ts";
import { captureNetlinkIpvsadm } from "./golden/netlink_ipvsadm.ts";
import { serveTraffic } from "./golden/traffic.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** What is captured, by the folder of tests/golden that it goes to. */
const CAPTURES: Readonly<Record<string, (folder: string, only?: string) => Promise<void>>> = {
  ipvsadm: captureIpvsadm,
  netlink: async (folder, only) => {
    if (only !== undefined && only !== "netlink") return;
    await captureNetlinkIpvsadm(folder);
    await captureNetlink(folder);
  },
};

async function onHost(only: string | undefined): Promise<number> {
  const out = await Deno.makeTempDir({ prefix: "lvscare-golden-" });
  try {
    const { code } = await new Deno.Command(`${ROOT}scripts/guest`, {
      stdout: "inherit",
      stderr: "inherit",
      args: [
        "--out",
        out,
        "--",
        `${ROOT}scripts/capture_golden`,
        "--in-guest",
        ...(only === undefined ? [] : [only]),
      ],
    }).output();
    if (code !== 0) return code;
    for (const name of Object.keys(CAPTURES)) {
      const folder = `${ROOT}tests/golden/${name}`;
      await Deno.mkdir(folder, { recursive: true });
      for await (const { name: file } of Deno.readDir(`${out}/${name}`)) {
        await Deno.copyFile(`${out}/${name}/${file}`, `${folder}/${file}`);
        console.error(`tests/golden/${name}/${file}`);
      }
    }
    return 0;
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

async function inGuest(only: string | undefined): Promise<void> {
  for (const [name, capture] of Object.entries(CAPTURES)) {
    await Deno.mkdir(`/out/${name}`, { recursive: true });
    await capture(`/out/${name}`, only);
  }
}

if (import.meta.main) {
  const [mode, argument] = Deno.args;
  if (mode === "--in-guest") await inGuest(argument);
  else if (mode === "--serve-traffic") await serveTraffic();
  else if (mode === undefined || !mode.startsWith("-")) Deno.exit(await onHost(mode));
  else {
    console.error("usage: scripts/capture_golden [scenario]");
    Deno.exit(2);
  }
}
