import { assertRefused } from "../support/care_command.ts";

const GOOD = ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80", "--mode="];
const QUOTES = " (a pair with a comma in its value stands in double quotes)";

Deno.test("wrong checks are refused, and of headers only names are shown", () =>
  assertRefused([
    {
      words: [...GOOD, "--health-timeout=0"],
      said: '--health-timeout "0": must be from 1ms to 24h',
    },
    {
      words: [...GOOD, "--health-timeout=999us"],
      said: '--health-timeout "999us": must be from 1ms to 24h',
    },
    {
      words: [...GOOD, "--health-path", "/a b"],
      said:
        '--health-path "/a b": must be printable ASCII without white space (other characters stand there percent-encoded, as %20)',
    },
    {
      words: [...GOOD, "--health-path", "/a#b"],
      said:
        '--health-path "/a#b": has a fragment, must end before the "#" (fragments are never sent to a server)',
    },
    {
      words: [...GOOD, "--health-path", "/a\r\nX: y"],
      said:
        '--health-path "/a\\r\\nX: y": must be printable ASCII without white space (other characters stand there percent-encoded, as %20)',
    },
    {
      words: [...GOOD, "--health-path", "/é"],
      said:
        '--health-path "/é": must be printable ASCII without white space (other characters stand there percent-encoded, as %20)',
    },
    {
      words: [...GOOD, "--health-schem", "htps"],
      said: '--health-schem "htps": must be http or https (did you mean https?)',
    },
    {
      words: [...GOOD, "--health-schem", "ftp"],
      said: '--health-schem "ftp": must be http or https',
    },
    {
      words: [...GOOD, "--health-req-method", ""],
      said: '--health-req-method "": must be a method of HTTP, as GET or HEAD',
    },
    {
      words: [...GOOD, "--health-req-method", "GET /"],
      said: '--health-req-method "GET /": must be a method of HTTP, as GET or HEAD',
    },
    {
      words: [...GOOD, "--health-req-method", "CONNECT"],
      said:
        '--health-req-method "CONNECT": opens a tunnel and checks nothing, must be another method, as GET or HEAD',
    },
    {
      words: [...GOOD, "--health-req-headers", "Authorization: Bearer s3cret"],
      said: `--health-req-headers pair 1: has no "=", must be name=value${QUOTES}`,
    },
    {
      words: [...GOOD, "--health-req-headers", "Authorization=Bearer s3cret,s3cret,X=1"],
      said: `--health-req-headers pair 2: has no "=", must be name=value${QUOTES}`,
    },
    {
      words: [...GOOD, "--health-req-headers", "Authorization: s3cret="],
      said: '--health-req-headers pair 1: has no header name before its "=", must be name=value',
    },
    {
      words: [...GOOD, "--health-req-headers", "X=\r\nY: s3cret"],
      said: '--health-req-headers "X": its value must be printable ASCII on one line',
    },
    {
      words: [...GOOD, "--health-req-headers", "content-Length=5"],
      said:
        '--health-req-headers "content-Length": is set by the program itself, must be another header',
    },
    {
      words: [...GOOD, "--health-req-headers", "Connection=close"],
      said:
        '--health-req-headers "Connection": is set by the program itself, must be another header',
    },
    {
      words: [...GOOD, "--health-req-headers", "Transfer-Encoding=chunked"],
      said:
        '--health-req-headers "Transfer-Encoding": is set by the program itself, must be another header',
    },
    {
      words: [...GOOD, "--health-req-headers", 'X="a=s3cret'],
      said:
        "--health-req-headers pair 1: has a double quote that does not stand around the whole pair",
    },
    {
      words: [...GOOD, "--health-req-headers", "=s3cret"],
      said: '--health-req-headers pair 1: has no header name before its "=", must be name=value',
    },
    {
      words: [...GOOD, "--health-req-headers", ""],
      said: `--health-req-headers pair 1: has no "=", must be name=value${QUOTES}`,
    },
    {
      words: [...GOOD, "--health-req-headers", "X=é"],
      said: '--health-req-headers "X": its value must be printable ASCII on one line',
    },
    {
      words: [...GOOD, "--health-req-headers", 'If-None-Match="s3cret",X=1'],
      said:
        "--health-req-headers pair 1: has a double quote that does not stand around the whole pair",
    },
    {
      words: [...GOOD, "--health-status", "99"],
      said: '--health-status "99": must be a whole number from 100 to 599',
    },
    {
      words: [...GOOD, "--health-status", "401,,403"],
      said: '--health-status "": must be a whole number from 100 to 599',
    },
    {
      words: [...GOOD, "--health-status", "600"],
      said: '--health-status "600": must be a whole number from 100 to 599',
    },
    {
      words: [...GOOD, "--health-status", "4xx"],
      said: '--health-status "4xx": must be a whole number from 100 to 599',
    },
    {
      words: [...GOOD, "--health-insecure-skip-verify=yes"],
      said: '--health-insecure-skip-verify "yes": must be true or false',
    },
  ]));
