/** A real server of gRPC (the reference implementation's), with the health service or without. */

import type { Address } from "../../src/model/address.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import type { CheckLab } from "./check_lab.ts";
import { Program } from "./check_programs.ts";
import { pem } from "./check_requests.ts";

/** What the health service says of a service: a ServingStatus, an error, or nothing, ever. */
export type ServiceState = number | "silent" | { readonly code: string; readonly details: string };

export interface GrpcOptions {
  readonly address: Address;
  readonly port: number;
  /** By names; undefined: there is no health service. */
  readonly services?: Readonly<Record<string, ServiceState>>;
  /** A file of certificates/, without its ending: speaks TLS. */
  readonly certificate?: string;
  /** Whoever has no certificate of the authority of certificates/ is turned away. */
  readonly isDemanding?: boolean;
}

/** Its messages are few enough to be spelled here: of the question field 1, a name; of the answer a number. */
const SERVER = `
import concurrent.futures, grpc, json, sys, threading

options = json.loads(sys.argv[1])
services = options.get("services")

def check(request, context):
    name = request[2:].decode()
    if name not in services:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    state = services[name]
    if state == "silent":
        over = threading.Event()
        context.add_callback(over.set)
        over.wait()
    elif isinstance(state, dict):
        context.abort(grpc.StatusCode[state["code"]], state["details"])
    return bytes([8, state])

server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
if services is not None:
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)})])
files = options.get("files")
if files is None:
    port = server.add_insecure_port(options["endpoint"])
else:
    key, certificate, authority = [open(file, "rb").read() for file in files]
    demanded = options["isDemanding"]
    port = server.add_secure_port(options["endpoint"], grpc.ssl_server_credentials(
        [(key, certificate)], authority if demanded else None, demanded))
server.start()
print("listening on", port, flush=True)
server.wait_for_termination()
`;

export async function startGrpc(
  lab: CheckLab,
  { address, port, services, certificate, isDemanding = false }: GrpcOptions,
): Promise<Endpoint> {
  const endpoint = { address, port };
  const files = certificate &&
    [pem("server.key"), pem(`${certificate}.pem`), pem("authority.pem")];
  const options = { endpoint: printEndpoint(endpoint), services, files, isDemanding };
  const path = await lab.write("grpc_server.py", SERVER);
  const ready = new RegExp(`^listening on ${port}$`, "m");
  await lab.use(Program.start(["/usr/bin/python3", path, JSON.stringify(options)], ready));
  return endpoint;
}
