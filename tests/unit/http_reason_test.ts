/** What the host and its network say, in words. */

import assert from "node:assert/strict";
import { ask, CHECK, failed } from "../support/http_check.ts";
import { serveReset } from "../support/http_servers.ts";
import { run } from "../support/process.ts";

Deno.test("a server that resets the connection is told from one that closes it", async () => {
  using server = await serveReset();
  assert.deepEqual(await ask(server.endpoint), failed("connection reset"));
  const inHandshake = await ask(server.endpoint, { scheme: "https" });
  assert.deepEqual(inHandshake, failed("connection reset"));
});

/** Runs a check in a process of its own, as the shell prepares it, and gives the reasons that it prints. */
async function askIn(shell: string, body: string): Promise<string[]> {
  const src = new URL("../../src/", import.meta.url).href;
  const program = `
    import { httpProbe } from "${src}health/probes/http.ts";
    import { systemClock } from "${src}clock.ts";
    const check = ${JSON.stringify(CHECK)};
    async function ask(address, port = 80, scheme = "http") {
      const probe = httpProbe({ ...check, scheme }, { clock: systemClock });
      console.log((await probe.run({ address, port }, new AbortController().signal)).reason);
    }
    ${body}`;
  const argv = ["sh", "-c", shell, "sh", Deno.execPath(), "eval", "--no-check", program];
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DENO_DIR: Deno.env.get("DENO_DIR") ?? "" };
  const { stdout, stderr, status } = await run(argv, { env });
  assert.equal(status, 0, stderr);
  return stdout.trim().split("\n");
}

Deno.test("what the network's routes say has a name of its own", async () => {
  const shell = `ip link set lo up && ip route add unreachable 10.1.0.0/16 &&
    ip route add prohibit 10.2.0.0/16 && exec "$@"`;
  const body = `
    for (const scheme of ["http", "https"]) {
      for (const network of [0, 1, 2]) await ask("10." + network + ".0.1", 80, scheme);
    }`;
  const reasons = [
    "network unreachable",
    "no route to host",
    "not permitted by this host, as by its firewall",
  ];
  assert.deepEqual(await askIn(`exec unshare -n sh -c '${shell}' sh "$@"`, body), [
    ...reasons,
    ...reasons,
  ]);
});

Deno.test("a host name that nobody knows is named", async () => {
  const body = `
    for (const scheme of ["http", "https"]) {
      const location = scheme + "://nobody.invalid/";
      const answer = new TextEncoder().encode("HTTP/1.1 301 Moved\\r\\nLocation: " + location + "\\r\\n\\r\\n");
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const result = ask("127.0.0.1", listener.addr.port);
      const connection = await listener.accept();
      await connection.read(new Uint8Array(1000));
      await connection.write(answer);
      await result;
      connection.close();
      listener.close();
    }`;
  // In a namespace without a way out, so that no resolver far away decides how this ends, and when.
  const shell = `exec unshare -n sh -c 'ip link set lo up && exec "$@"' sh "$@"`;
  assert.deepEqual(await askIn(shell, body), [
    'redirected to "nobody.invalid:80": host name "nobody.invalid" not found',
    'redirected to "nobody.invalid:443": host name "nobody.invalid" not found',
  ]);
});

Deno.test("a process that has no more files says so", async () => {
  const body = `
    await ask("127.0.0.1", 1);
    await ask("127.0.0.1", 1, "https");
    try {
      for (;;) Deno.openSync("/dev/null");
    } catch { /* that was the last */ }
    await ask("127.0.0.1", 1);
    await ask("127.0.0.1", 1, "https");`;
  const exhausted = "local resources exhausted: too many open files";
  const refused = "connection refused";
  assert.deepEqual(await askIn('ulimit -n 64 && exec "$@"', body), [
    refused,
    refused,
    exhausted,
    exhausted,
  ]);
});
