/** Durations as Go's time.ParseDuration() reads them, exact to the nanosecond. */

/** What a duration may look like, for messages. */
export const DURATION_EXAMPLES = "seconds or a duration such as 500ms, 5s or 1m30s";

const SECOND = 1_000_000_000n;

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["\u00b5s", 1_000n], // the micro sign
  ["\u03bcs", 1_000n], // the Greek letter, which looks the same
  ["ms", 1_000_000n],
  ["s", SECOND],
  ["m", 60n * SECOND],
  ["h", 3_600n * SECOND],
]);

/** Go counts in 64 bits; what does not fit is no duration there either. */
const MAX_NS = 2n ** 63n - 1n;
/** No sensible one is longer, and powers of ten for endless fractions cost time. */
const MAX_LENGTH = 100;

/** The nanoseconds that text in Go's syntax means ("1h2m3.5s"), or undefined. */
export function parseDuration(text: string): bigint | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const [, sign, amount = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const size = amount === "0" ? 0n : sumParts(amount);
  if (size === undefined || size > MAX_NS) return undefined;
  return sign === "-" ? -size : size;
}

/** As parseDuration(), but a whole number is seconds. */
export function parseSecondsOrDuration(text: string): bigint | undefined {
  if (text.length <= MAX_LENGTH && /^[+-]?\d+$/.test(text)) return BigInt(text) * SECOND;
  return parseDuration(text);
}

function sumParts(text: string): bigint | undefined {
  const part = /(\d*)(\.\d*)?([a-z\u00b5\u03bc]+)/y;
  let sum = 0n;
  do {
    const [, whole = "", fraction = "", unit = ""] = part.exec(text) ?? [];
    const nanoseconds = UNITS.get(unit);
    const digits = fraction.slice(1);
    if (nanoseconds === undefined || whole + digits === "") return undefined;
    sum += BigInt(whole) * nanoseconds;
    sum += BigInt(digits) * nanoseconds / 10n ** BigInt(digits.length);
  } while (part.lastIndex < text.length);
  return sum;
}
