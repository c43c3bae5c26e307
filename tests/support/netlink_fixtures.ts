/** The fixtures of tests/golden/netlink by their names. */

import assert from "node:assert/strict";
import { type Fixture, SCENARIOS } from "../../scripts/golden/netlink.ts";
import type { Message } from "../../src/wire/message.ts";
import { messageOf } from "./attribute_tree.ts";
import { hex } from "./bytes.ts";

const FOLDER = new URL("../golden/netlink/", import.meta.url).pathname;

export class NetlinkFixtures extends Map<string, Fixture> {
  /** Those of the tools, after a look that files and manifest say the same. */
  static of(tools: readonly Fixture["tool"][], count: number): NetlinkFixtures {
    const names = SCENARIOS.flatMap((commands) => Object.keys(commands))
      .filter((name) => tools.some((tool) => name.startsWith(`${tool}_`)));
    const fixtures = new NetlinkFixtures(
      names.map((name) => [name, JSON.parse(Deno.readTextFileSync(`${FOLDER}${name}.json`))]),
    );
    fixtures.#check(tools, count);
    return fixtures;
  }

  /** The message, sent by a command, from the end (-1) or from the start (0). */
  sent(name: string, index = -1): Message {
    return messageOf(hex(this.#need(name).sent.at(index)!));
  }

  /** What the kernel answered to a command, and only of that type where one is given. */
  answers(name: string, type?: number): Message[] {
    return this.#need(name).received.map((text) => messageOf(hex(text)))
      .filter((message) => type === undefined || message.type === type);
  }

  #need(name: string): Fixture {
    const found = this.get(name);
    assert.ok(found, `no fixture ${name}`);
    return found;
  }

  #check(tools: readonly string[], count: number): void {
    const manifest = JSON.parse(Deno.readTextFileSync(`${FOLDER}tools_manifest.json`));
    const isOurs = (name: string) => tools.some((tool) => name.startsWith(`${tool}_`));
    const files = [...Deno.readDirSync(FOLDER)].filter(({ name }) => isOurs(name));
    assert.equal(this.size, count);
    assert.equal(files.length, count);
    const said = Object.fromEntries(
      Object.entries(manifest.commands).filter(([name]) => isOurs(name)),
    );
    assert.deepEqual(
      said,
      Object.fromEntries([...this].map(([name, { command }]) => [name, command])),
    );
    for (const { kernel, version, tool, sent } of this.values()) {
      assert.equal(kernel, manifest.kernel);
      assert.equal(version, manifest[tool]);
      assert.ok(sent.length > 0);
    }
  }
}
