/** Real servers, as Debian has them, with all they need in the folder of a test. */

import type { Address } from "../../src/model/address.ts";
import type { CheckLab } from "./check_lab.ts";
import { pem } from "./check_requests.ts";

const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", PYTHONUNBUFFERED: "1" };

/** A program that runs as long as its test, and says something when it is ready. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #ready = Promise.withResolvers<void>();
  #said = "";

  private constructor(child: Deno.ChildProcess, ready: RegExp) {
    this.#child = child;
    this.#reading = this.#read(ready);
  }

  static async start(argv: readonly string[], ready: RegExp): Promise<Program> {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'exec "$@" 2>&1', "sh", ...argv],
      clearEnv: true,
      env: ENVIRONMENT,
      // A server of OpenSSL ends where there is nothing to be read.
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const program = new Program(child, ready);
    try {
      await program.#ready.promise;
      return program;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #read(ready: RegExp): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      this.#said += decoder.decode(chunk, { stream: true });
      if (ready.test(this.#said)) this.#ready.resolve();
    }
    this.#ready.reject(new Error(`it ended: ${this.#said}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ready.promise.catch(() => {});
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#child.stdin.close().catch(() => {});
    await this.#child.status;
    await this.#reading;
  }
}

/** Where nginx listens, on all addresses. */
export const NGINX = {
  plain: 8080,
  h2c: 8081,
  tls: 8443,
  h2: 8444,
  demanding: 8445,
  expired: 8446,
  early: 8447,
  otherName: 8448,
  selfSigned: 8449,
  proxied: 8090,
  proxiedTls: 8491,
} as const;

/** What it tells of the request. */
const SEEN = "ok $server_protocol from $remote_addr port $remote_port to $host, $request_method, " +
  "proxied $proxy_protocol_addr, body $content_length";

/** `listen` without the port, and the rest of the server. */
function nginxServer(port: number, options: string, certificate?: string): string {
  const lines = [
    `listen ${port} ${options}; listen [::]:${port} ${options};`,
    ...certificate === undefined ? [] : [
      `ssl_certificate ${pem(`${certificate}.pem`)}; ssl_certificate_key ${pem("server.key")};`,
    ],
    port === NGINX.demanding
      ? `ssl_client_certificate ${pem("authority.pem")}; ssl_verify_client on;`
      : "",
    "include locations.conf;",
  ];
  return `server { ${lines.join("\n")} }`;
}

export async function startNginx(lab: CheckLab): Promise<void> {
  const { folder } = lab;
  await lab.write("big", new Uint8Array(2 << 20).fill(0x78));
  await lab.write(
    "locations.conf",
    `location = /healthz { return 200 "${SEEN}\\n"; }
     location = /fail { return 503 "broken\\n"; }
     location = /loop { return 302 /loop; }
     location = /chain { return 302 /chain2; }
     location = /chain2 { return 301 /healthz; }
     location = /away { return 302 http://$host:9/; }
     location = /ftp { return 302 ftp://$host/; }
     location = /no-url { return 302 http://[1/; }
     location = /grpc.health.v1.Health/Check {
       if ($scheme = http) { return 200 "no gRPC\\n"; }
       return 404;
     }
     location = /big { root ${folder}; }`,
  );
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/nginx-${name};`);
  const path = await lab.write(
    "nginx.conf",
    `daemon off; master_process off; user root; pid ${folder}/nginx.pid;
     error_log stderr notice; events {}
     http {
       access_log off; ${temporary.join(" ")}
       ${nginxServer(NGINX.plain, "")}
       ${nginxServer(NGINX.h2c, "http2")}
       ${nginxServer(NGINX.tls, "ssl", "trusted")}
       ${nginxServer(NGINX.h2, "ssl http2", "trusted")}
       ${nginxServer(NGINX.demanding, "ssl", "trusted")}
       ${nginxServer(NGINX.expired, "ssl", "expired")}
       ${nginxServer(NGINX.early, "ssl", "early")}
       ${nginxServer(NGINX.otherName, "ssl", "other_name")}
       ${nginxServer(NGINX.selfSigned, "ssl", "self_signed")}
       ${nginxServer(NGINX.proxied, "proxy_protocol")}
       ${nginxServer(NGINX.proxiedTls, "ssl proxy_protocol", "trusted")}
     }`,
  );
  // It says which way it waits for events once it listens.
  const argv = ["nginx", "-p", folder, "-c", path, "-e", "stderr"];
  await lab.use(Program.start(argv, /using the "\w+" event method/));
}

/** A name server on port 53 of all addresses that knows check.test, and nobody to ask for anything else. */
export async function startDnsmasq(lab: CheckLab): Promise<void> {
  const soa = ["ns", "check", "test"].map(labelHex).join("") + "00";
  const zeros = "00".repeat(20);
  await lab.use(Program.start([
    ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--log-facility=-"],
    ...["--no-resolv", "--no-hosts", "--user=root", "--pid-file=", "--port=53"],
    ...["--local=/check.test/", "--host-record=www.check.test,10.0.0.80,fd00::80"],
    ...["--cname=alias.check.test,www.check.test", "--host-record=four.check.test,10.0.0.4"],
    ...["--mx-host=check.test,mail.check.test,10", `--dns-rr=check.test,6,${soa}${soa}${zeros}`],
    ...Array.from({ length: 20 }, (_, i) => `--txt-record=long.check.test,${`${i}`.repeat(60)}`),
  ], /started, version/));
}

function labelHex(label: string): string {
  return new TextEncoder().encode(`${String.fromCharCode(label.length)}${label}`).toHex();
}

export interface SmtpOptions {
  readonly address: Address;
  readonly port: number;
  /** A file of certificates/, without its ending. */
  readonly certificate?: string;
  readonly security?: "starttls" | "tls";
}

export async function startSmtp(
  lab: CheckLab,
  { address, port, certificate = "trusted", security }: SmtpOptions,
): Promise<void> {
  const kind = security === "tls" ? "smtps" : "tls";
  const [cert, key] = [pem(`${certificate}.pem`), pem("server.key")];
  const secure = [`--${kind}cert`, cert, `--${kind}key`, key];
  await lab.use(Program.start([
    ...["aiosmtpd", "-n", "-d", "-l", `${address}:${port}`, ...(security ? secure : [])],
    ...(security === "starttls" ? ["--no-requiretls"] : []),
  ], /Server is listening/));
}

/** A server of OpenSSL that ends the handshake of whoever has no certificate of the authority. */
export async function startDemandingTls(
  lab: CheckLab,
  { port, version }: { readonly port: number; readonly version: "tls1_2" | "tls1_3" },
): Promise<void> {
  const path = pem("authority.pem");
  await lab.use(Program.start([
    ...["openssl", "s_server", "-accept", `${port}`, `-${version}`, "-www"],
    ...["-cert", pem("trusted.pem"), "-key", pem("server.key")],
    ...["-CAfile", path, "-Verify", "1", "-verify_return_error"],
  ], /^ACCEPT/m));
}
