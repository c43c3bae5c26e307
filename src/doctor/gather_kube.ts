/** What kube-proxy says of itself, where it listens for such questions. */

import { type Fact, known, type KubeProxyFacts, unknown } from "./facts.ts";

/** Its address for metrics, unless it is configured to have another. */
export const KUBE_PROXY = { hostname: "127.0.0.1", port: 10249 };

export type Get = (path: string) => Promise<Fact<string>>;

export async function readKubeProxy(get: Get): Promise<KubeProxyFacts> {
  const [mode, config] = await Promise.all([get("/proxyMode"), get("/configz")]);
  return {
    mode: mode.known ? known(mode.value.trim()) : mode,
    excluded: config.known ? excludedOf(config.value) : config,
  };
}

/** `{"kubeproxy.config.k8s.io": {"ipvs": {"excludeCIDRs": […]}}}`, which is null where nothing is. */
function excludedOf(text: string): Fact<readonly string[]> {
  try {
    const all: unknown = JSON.parse(text);
    for (const config of Object.values(all ?? {})) {
      const { ipvs } = config as { readonly ipvs?: { readonly excludeCIDRs?: unknown } };
      if (ipvs === undefined) continue;
      const excluded = ipvs.excludeCIDRs ?? [];
      if (Array.isArray(excluded)) return known(excluded.map(String));
    }
  } catch {
    // As good as one without what is looked for.
  }
  return unknown("/configz is no configuration of kube-proxy");
}

const LIMIT_MS = 1000;
const MOST_BYTES = 1 << 20;

/** Not by fetch(), which goes by way of a proxy where the environment names one. */
export function kubeProxyAt(place: { readonly hostname: string; readonly port: number }): Get {
  return (path) => get(place, path);
}

async function get(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  path: string,
): Promise<Fact<string>> {
  const late = AbortSignal.timeout(LIMIT_MS);
  try {
    using connection = await Deno.connect({ hostname, port, signal: late });
    late.addEventListener("abort", () => close(connection));
    const request = `GET ${path} HTTP/1.0\r\nHost: ${hostname}:${port}\r\n\r\n`;
    await connection.write(new TextEncoder().encode(request));
    const answer = await readAll(connection);
    const [, status] = /^HTTP\/1\.\d (\d{3})/.exec(answer) ?? [];
    const end = answer.indexOf("\r\n\r\n");
    if (status === "200" && end >= 0) return known(answer.slice(end + 4));
    return unknown(`${hostname}:${port}${path} answers ${status ?? "nothing"}`);
  } catch (error) {
    if (late.aborted) return unknown(`${hostname}:${port} does not answer within ${LIMIT_MS} ms`);
    if (error instanceof Deno.errors.ConnectionRefused) {
      return unknown(`nobody listens on ${hostname}:${port}`);
    }
    return unknown(`${hostname}:${port}: ${error instanceof Error ? error.message : error}`);
  }
}

async function readAll(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16 << 10);
  let text = "";
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null || text.length > MOST_BYTES) return text + decoder.decode();
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It has been closed by now.
  }
}
