import type { RunConfig } from "./image.ts";
import type { Program } from "./program.ts";
import { PROGRAM_PATH } from "./root.ts";

/** Terms of all that is in the image: ours, those of Deno and V8, glibc, libgcc and Mozilla's certificates. */
const LICENSES = [
  "Apache-2.0",
  "MIT",
  "BSD-3-Clause",
  "LGPL-2.1-or-later",
  "GPL-3.0-or-later WITH GCC-exception-3.1",
  "MPL-2.0",
].join(" AND ");

/** What a container is started with. */
export function makeRunConfig({ version, commit }: Pick<Program, "version" | "commit">): RunConfig {
  return {
    // Root by its number, for netlink takes root or CAP_NET_ADMIN. Which capabilities it has, and whether it is
    // another user for the embedded proxy, is for the pod to say.
    User: "0:0",
    Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    Entrypoint: [`/${PROGRAM_PATH}`],
    WorkingDir: "/",
    Labels: {
      "org.opencontainers.image.description": "Keeps Linux virtual servers (IPVS) healthy",
      "org.opencontainers.image.licenses": LICENSES,
      "org.opencontainers.image.revision": commit,
      "org.opencontainers.image.title": "lvscare",
      "org.opencontainers.image.version": version,
    },
    StopSignal: "SIGTERM",
  };
}
