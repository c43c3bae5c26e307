/** The host's systemd, by systemctl. */

import type { Manager } from "./plan.ts";

export interface Systemctl {
  /** What it knows of our unit. */
  look(): Promise<Manager>;
  run(argv: readonly [string, ...string[]]): Promise<void>;
}

export interface SystemctlParts {
  /** Whether systemd is what started this host. */
  isBooted(): boolean;
  /** Gives what it printed. */
  run(argv: readonly [string, ...string[]]): Promise<string>;
  wallMs(): number;
  /** As the kernel counts it for CLOCK_MONOTONIC. */
  monotonicMs(): number;
}

const PROPERTIES = [
  ...["UnitFileState", "ActiveState", "NeedDaemonReload", "ActiveEnterTimestampMonotonic"],
];

export function hostSystemctl(parts: SystemctlParts): Systemctl {
  return {
    async look() {
      if (!parts.isBooted()) return { kind: "absent" };
      const text = await parts.run([
        "systemctl",
        "show",
        "lvscare.service",
        `--property=${PROPERTIES.join(",")}`,
      ]);
      return readManager(text, parts);
    },
    async run(argv) {
      await parts.run(argv);
    },
  };
}

function readManager(
  text: string,
  { wallMs, monotonicMs }: Pick<SystemctlParts, "wallMs" | "monotonicMs">,
): Manager {
  const values = new Map(
    text.split("\n").map((line) => [line.replace(/=.*/, ""), line.replace(/^[^=]*=?/, "")]),
  );
  const startedUs = Number(values.get("ActiveEnterTimestampMonotonic") ?? 0);
  return {
    kind: "present",
    isEnabled: /^enabled/.test(values.get("UnitFileState") ?? ""),
    isActive: /^(?:active|reloading)$/.test(values.get("ActiveState") ?? ""),
    isOutdated: values.get("NeedDaemonReload") === "yes",
    startedMs: startedUs > 0 ? wallMs() - (monotonicMs() - startedUs / 1000) : undefined,
  };
}
