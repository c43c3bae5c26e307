import { assertRefused } from "../support/care_command.ts";

const GOOD = ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80", "--mode="];
const ENDPOINT = "must be an address and a port, as 10.103.97.12:6443 or [fd00::1]:6443";
const DURATION = "is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s";
const QUOTES = " (a pair with a comma in its value stands in double quotes)";

Deno.test("wrong variables are refused by their names", () =>
  assertRefused([
    {
      words: [],
      env: { CARE_VS: "x:1" },
      said: `CARE_VS "x:1": is a host name, ${ENDPOINT} (names are not looked up)`,
    },
    {
      words: ["--vs", "10.0.0.1:80"],
      env: { CARE_RS: "10.0.0.2" },
      said: `CARE_RS "10.0.0.2": has no port, ${ENDPOINT}`,
    },
    {
      words: GOOD,
      env: { CARE_RUN_ONCE: "yes" },
      said: 'CARE_RUN_ONCE "yes": must be true or false',
    },
    { words: GOOD, env: { CARE_INTERVAL: "never" }, said: `CARE_INTERVAL "never": ${DURATION}` },
    {
      words: ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80"],
      env: { CARE_MODE: "lnk" },
      said: 'CARE_MODE "lnk": must be route, link or empty (did you mean link?)',
    },
    {
      words: GOOD,
      env: { CARE_HEALTH_REQ_HEADERS: "Host=a=s3cret,b" },
      said: `CARE_HEALTH_REQ_HEADERS pair 2: has no "=", must be name=value${QUOTES}`,
    },
    {
      words: GOOD,
      env: { CARE_MASQUERADEBIT: "40" },
      said: 'CARE_MASQUERADEBIT "40": must be a whole number from 0 to 31',
    },
    {
      words: GOOD,
      env: { CARE_LOG_FORMAT: "xml" },
      said: 'CARE_LOG_FORMAT "xml": must be text or json',
    },
    { words: GOOD, env: { CARE_CLEAN: "1 " }, said: 'CARE_CLEAN "1 ": must be true or false' },
    {
      words: GOOD,
      env: { CARE_BACKEND: "magic" },
      said: 'CARE_BACKEND "magic": must be netlink or command',
    },
  ]));
