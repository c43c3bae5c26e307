import { openGround } from "../../src/care/ground.ts";
import { HOST } from "../support/care_inside.ts";
import { freePort, LOOPBACK } from "../support/proxy_lab.ts";
import { testCare } from "./care.ts";

testCare("the embedded proxy", () => {
  const virtual = { address: LOOPBACK, port: freePort() };
  const foreign: Disposable[] = [];
  return Promise.resolve({
    virtual,
    // In the order of their names.
    servers: Array.from({ length: 3 }, () => freePort()).toSorted((a, b) =>
      `${a}` < `${b}` ? -1 : 1
    )
      .map((port) => ({ address: LOOPBACK, port })),
    config: { dataplane: "embedded", mode: { kind: "none" } },
    openGround: (config, warn) => openGround(config, HOST, warn),
    serve: (body) => body(),
    forgetsAtOnce: true,
    addForeign() {
      const listener = Deno.listen({ hostname: LOOPBACK, port: virtual.port });
      foreign.push(listener);
      return Promise.resolve(async () => {
        const accepted = listener.accept();
        const connection = await Deno.connect({ hostname: LOOPBACK, port: virtual.port });
        (await accepted).close();
        connection.close();
        return true;
      });
    },
    [Symbol.asyncDispose]() {
      for (const each of foreign) each[Symbol.dispose]();
      return Promise.resolve();
    },
  });
});
