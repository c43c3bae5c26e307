/** Real traffic over virtual services: a server in a namespace of its own, and clients beside the services. */

const SCRIPT = new URL("../capture_golden", import.meta.url).pathname;
const SERVER = "golden-server";

/** How much a client sends: so much that byte counters are cut to millions, and so much for thousands. */
const LARGE_BYTES = 1_300_000_000;
const SMALL_BYTES = 200_000_000;

const SIP = [
  "INVITE sip:bob@example.com SIP/2.0",
  "Via: SIP/2.0/UDP 10.0.0.1:5070",
  "Call-ID: 3c26700bc4e8@example.com",
  "CSeq: 1 INVITE",
  "",
  "",
].join("\r\n");

export async function prepareTraffic(namespace: string): Promise<void> {
  const here = ["ip", "-n", namespace];
  const there = ["ip", "-n", SERVER];
  const commands = [
    ["ip", "netns", "add", SERVER],
    [...there, "link", "set", "lo", "up"],
    [
      ...here,
      "link",
      "add",
      "to-server",
      "type",
      "veth",
      "peer",
      "name",
      "to-director",
      "netns",
      SERVER,
    ],
    [...here, "address", "add", "10.0.0.1/32", "dev", "lo"],
    [...here, "address", "add", "2001:db8::1/128", "dev", "lo"],
    [...here, "address", "add", "10.1.0.1/24", "dev", "to-server"],
    [...here, "address", "add", "fd01::1/64", "dev", "to-server", "nodad"],
    [...here, "link", "set", "to-server", "up"],
    [...there, "address", "add", "10.1.0.2/24", "dev", "to-director"],
    [...there, "address", "add", "fd01::2/64", "dev", "to-director", "nodad"],
    [...there, "link", "set", "to-director", "up"],
    [...there, "route", "add", "default", "via", "10.1.0.1"],
    [...there, "-6", "route", "add", "default", "via", "fd01::1"],
  ];
  for (const argv of commands) await must(argv);
}

export async function makeTraffic(namespace: string): Promise<void> {
  const server = new Deno.Command("ip", {
    args: ["netns", "exec", SERVER, SCRIPT, "--serve-traffic"],
    stdout: "piped",
  }).spawn();
  // It says one line when it listens.
  const reader = server.stdout.getReader();
  await reader.read();
  reader.releaseLock();
  const inside = ["ip", "netns", "exec", namespace];
  const send = (host: string, port: number, bytes: number) =>
    must([...inside, "bash", "-c", `head -c ${bytes} /dev/zero >/dev/tcp/${host}/${port}`]);
  await send("10.0.0.1", 80, LARGE_BYTES);
  await send("10.0.0.1", 80, 1);
  await send("10.0.0.1", 81, SMALL_BYTES);
  await send("10.0.0.1", 81, 10);
  await send("2001:db8::1", 80, 10);
  // One datagram, as sip wants it: a shell's printf would send one a line.
  await Deno.writeTextFile("/tmp/invite", SIP);
  await must([...inside, "bash", "-c", "cat /tmp/invite >/dev/udp/10.0.0.1/5060"]);
  // The kernel estimates rates every two seconds.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  server.kill("SIGKILL");
  await server.stdout.cancel();
  await server.status;
}

/** Takes and forgets whatever comes: in the server's namespace, as a process of its own. */
export async function serveTraffic(): Promise<void> {
  // Both families arrive here.
  const listener = Deno.listen({ hostname: "::", port: 8080 });
  console.log("listening");
  for await (const connection of listener) {
    connection.readable.pipeTo(new WritableStream()).catch(() => {});
  }
}

async function must(argv: readonly string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(argv[0]!, { args: argv.slice(1) }).output();
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
