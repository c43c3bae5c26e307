/** A real server of gRPC, with the health service or without. */

import { Server, ServerCredentials, type ServiceDefinition, type status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import type { Endpoint } from "../../src/model/endpoint.ts";
import type { Address } from "../../src/model/address.ts";
import { pem } from "./check_requests.ts";

/** ServingStatus of grpc.health.v1. */
export const SERVING = 1;
export const NOT_SERVING = 2;

/** What the health service says of each service; "silent": nothing, ever. */
export type Services = Readonly<
  Record<string, number | "silent" | { readonly code: status; readonly details: string }>
>;

export interface GrpcServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** The peers of all calls so far, as "10.0.0.1:1234". */
  readonly peers: readonly string[];
}

const raw = (bytes: Buffer): Buffer => bytes;
const HEALTH: ServiceDefinition = {
  Check: {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    ...{ requestSerialize: raw, requestDeserialize: raw },
    ...{ responseSerialize: raw, responseDeserialize: raw },
  },
};

export async function serveGrpc(
  address: Address,
  { services, certificate }: {
    /** Undefined: the server has no health service. */
    readonly services?: Services;
    /** A file of certificates/, without its ending. */
    readonly certificate?: string;
  },
): Promise<GrpcServer> {
  const server = new Server();
  const peers: string[] = [];
  if (services) {
    server.addService(HEALTH, {
      Check(
        call: { readonly request: Buffer; getPeer(): string },
        done: (error: unknown, answer?: Buffer) => void,
      ) {
        peers.push(call.getPeer());
        const said = services[serviceOf(call.request)];
        if (said === "silent") return;
        if (said === undefined) done({ code: NOT_FOUND, details: "unknown service" });
        else if (typeof said === "number") done(null, Buffer.from([0x08, said]));
        else done(said);
      },
    });
  }
  const credentials = certificate === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(null, [{
      private_key: Buffer.from(Deno.readFileSync(pem("server.key"))),
      cert_chain: Buffer.from(Deno.readFileSync(pem(`${certificate}.pem`))),
    }]);
  const host = address.includes(":") ? `[${address}]` : address;
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      `${host}:0`,
      credentials,
      (error, port) => error ? reject(error) : resolve(port),
    )
  );
  return {
    endpoint: { address, port },
    peers,
    [Symbol.asyncDispose]() {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

const NOT_FOUND = 5;

/** Field 1 of a HealthCheckRequest, where it is there: names in tests are short. */
function serviceOf(request: Buffer): string {
  const [tag, length = 0] = request;
  return tag === 0x0a ? request.subarray(2, 2 + length).toString() : "";
}
