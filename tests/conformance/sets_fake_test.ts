import { FakeSets } from "../../src/kernel/fake/sets.ts";
import { testSets } from "./sets.ts";

testSets("FakeSets", () => {
  const fake = new FakeSets([
    { name: "foreign-ip", type: "hash:ip", family: "ipv4", entries: [] },
    { name: "foreign-ports", type: "bitmap:port", family: undefined, entries: [] },
    { name: "foreign-net", type: "hash:net,port", family: "ipv4", entries: [] },
  ]);
  return Promise.resolve({
    writer: fake,
    reader: fake,
    use: (name, used) => Promise.resolve(fake.use(name, used)),
    [Symbol.asyncDispose]: () => Promise.resolve(fake.close()),
  });
}, { randomSets: 200, longSet: 1000 });
