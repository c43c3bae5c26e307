import { FAKE_PIECES, FakeMasquerade } from "../../src/kernel/fake/masquerade.ts";
import { type Damage, testMasquerade } from "./masquerade.ts";

testMasquerade("FakeMasquerade", () => {
  const fake = new FakeMasquerade();
  return Promise.resolve({
    writer: fake,
    reader: fake,
    damages: ({ family, markBit }) => [
      ...FAKE_PIECES.map((piece): Damage => ({
        name: `the ${piece} is lost`,
        says: new RegExp(`^${piece}$`),
        ...(piece === "set" && { loses: "set" }),
        apply: () => Promise.resolve(fake.lose(family, piece)),
      })),
      {
        name: "a rule goes by another bit",
        says: /^rule that marks$/,
        apply: () => Promise.resolve(fake.alter(family, "rule that marks", markBit + 1)),
      },
    ],
    foreign: () => Promise.resolve(""),
    bits: (family) => Promise.resolve(fake.bits(family)),
    generation: () => Promise.resolve(`${fake.writes}`),
    [Symbol.asyncDispose]: () => Promise.resolve(fake.close()),
  });
}, { damages: 5 });
