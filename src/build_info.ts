/** How this program was built; written in front of the bundle by scripts/build. */

export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
  /** "packed" or "compile" as scripts/build tells them apart; "source" when run without a build. */
  readonly base: string;
}

declare global {
  var lvscareBuild: BuildInfo | undefined;
}

export function buildInfo(): BuildInfo {
  return globalThis.lvscareBuild ?? { version: "0.0.0", commit: "unknown", base: "source" };
}
