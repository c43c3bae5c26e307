import { assertRefused } from "../support/care_command.ts";

const GOOD = ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80", "--mode="];
const ENDPOINT = "must be an address and a port, as 10.103.97.12:6443 or [fd00::1]:6443";
const HELP = " (see lvscare care --help)";

Deno.test("misspelt flags and stray words are refused, and what may be a secret is not shown", () =>
  assertRefused([
    { words: ["--vs=", "--rs=10.0.0.2:80"], said: `--vs "": ${ENDPOINT}` },
    { words: ["--vs"], said: "option '--vs <address:port>' argument missing" },
    {
      words: ["--vs", "--rs", "10.0.0.2:80"],
      said:
        'unexpected argument "10.0.0.2:80": must be a flag (one --rs takes one word: repeat it, or put commas between servers)',
    },
    {
      words: [...GOOD, "10.0.0.3:80"],
      said:
        'unexpected argument "10.0.0.3:80": must be a flag (one --rs takes one word: repeat it, or put commas between servers)',
    },
    { words: [...GOOD, "-Ci"], said: "option '-i, --iface <device>' argument missing" },
    {
      words: [...GOOD, "--health-req-headers", "Authorization=Bearer", "s3cret"],
      said:
        "unexpected argument: not shown, it may be part of a header or a body (a value with spaces stands in quotes)",
    },
    {
      words: [...GOOD, "--health-req-body", "a", "s3cret"],
      said:
        "unexpected argument: not shown, it may be part of a header or a body (a value with spaces stands in quotes)",
    },
    {
      words: [...GOOD, "--health-req-headesr=Authorization=s3cret"],
      said: "unknown option '--health-req-headesr' (Did you mean --health-req-headers?)",
    },
    {
      words: ["--vs", "--health-req-headers", "Authorization=s3cret"],
      said: `unexpected argument "Authorization=...": must be a flag${HELP}`,
    },
    {
      words: ["--helth-path", "/x"],
      said: "unknown option '--helth-path' (Did you mean --health-path?)",
    },
    { words: ["--vs-", "x"], said: "unknown option '--vs-' (Did you mean --vs?)" },
    { words: ["-x"], said: "unknown option '-x'" },
    { words: ["-Cz"], said: "unknown option '-z'" },
    { words: ["-vs", "10.0.0.1:80"], said: "unknown option '-vs'" },
    { words: ["--=x"], said: "unknown option '--=x'" },
    {
      words: ["--health-reqheaders"],
      said: "unknown option '--health-reqheaders' (Did you mean --health-req-headers?)",
    },
    {
      words: [...GOOD, "--", "--run-once"],
      said: `unexpected argument "--run-once": must be a flag${HELP}`,
    },
    { words: [...GOOD, "extra"], said: `unexpected argument "extra": must be a flag${HELP}` },
    { words: [...GOOD, "-"], said: `unexpected argument "-": must be a flag${HELP}` },
    { words: [...GOOD, "-1"], said: `unexpected argument "-1": must be a flag${HELP}` },
  ]));
