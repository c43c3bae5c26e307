import { FAKE_LOOPBACK, type FakeDevice, FakeLinks } from "../../src/kernel/fake/links.ts";
import { parseAddress } from "../../src/model/address.ts";
import { testLinks } from "./links.ts";

function port(name: string, ipv4: string, ipv6: string): FakeDevice {
  const addresses = [
    { address: parseAddress(ipv4)!, prefix: 24 },
    { address: parseAddress(ipv6)!, prefix: 64 },
  ];
  return { name, kind: "veth", up: true, addresses };
}

testLinks("FakeLinks", () => {
  const fake = new FakeLinks([
    FAKE_LOOPBACK,
    port("port0", "192.168.77.1", "2001:db8:77::1"),
    port("port1", "192.168.78.1", "2001:db8:78::1"),
    { name: "port2", kind: "veth", up: false, addresses: [] },
  ]);
  return Promise.resolve({
    writer: fake,
    reader: fake,
    takeDown: (name) => Promise.resolve(fake.setUp(name, false)),
    [Symbol.asyncDispose]: () => Promise.resolve(fake.close()),
  });
}, { dummy: true, randomAddresses: 200 });
