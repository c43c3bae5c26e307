/** The configuration that an installation begins with: the example, with nothing of it in force. */

import { printExampleConfig } from "../generate/example_config.ts";

/** No text that was generated: `lvscare generate config` must not replace it either. */
const HEAD = "# Put here by lvscare install, which does not touch it again: it is yours.\n";

export function startConfig(): string {
  const example = printExampleConfig();
  const body = example.slice(example.indexOf("\n") + 1);
  return HEAD + body
    .replace(/^( *)(?=[^ #\n])/gm, "$1#")
    .replace(
      /^#services:$/m,
      "# None yet. Take this line away when the key below is used.\nservices: []\n#services:",
    );
}
