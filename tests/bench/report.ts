/** What benchmarks share: how long something takes, programs, a median, and a table. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) throw new RangeError("no values");
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The least of the values that so large a part of them does not exceed: 0.9 for the 90th percentile. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) throw new RangeError("no values");
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!;
}

/** First column to the left, figures to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0))
  );
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
    );
    console.log(cells.join("  "));
  }
}

/** In milliseconds. */
export async function elapsed(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

/** Runs a program to its end, which must be a good one. */
export async function spawn(
  program: string,
  args: string[],
  stdout: "inherit" | "null" = "inherit",
): Promise<void> {
  const command = new Deno.Command(program, { args, stdin: "null", stdout, stderr: "inherit" });
  const { success } = await command.spawn().status;
  if (!success) throw new Error(`${program} ${args[0] ?? ""} failed`);
}
