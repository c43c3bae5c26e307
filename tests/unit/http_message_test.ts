import assert from "node:assert/strict";
import { ProbeFailure } from "../../src/health/probes/failure.ts";
import {
  encodeRequest,
  HEAD_LIMIT,
  HeadReader,
  type HttpHead,
  type HttpRequest,
} from "../../src/health/probes/http_message.ts";

const REQUEST: HttpRequest = {
  method: "GET",
  target: "/healthz?full=1",
  host: "10.0.0.1:80",
  headers: [],
  body: "",
  version: "1.1",
};

const encoded = (request: Partial<HttpRequest>) =>
  new TextDecoder().decode(encodeRequest({ ...REQUEST, ...request }));

Deno.test("encodeRequest() asks for one answer and the end of the connection", () => {
  assert.equal(
    encoded({}),
    "GET /healthz?full=1 HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: lvscare\r\nConnection: close\r\n\r\n",
  );
});

Deno.test("encodeRequest() sends each header as it is given, and the agent's name only once", () => {
  const headers = [["X-Key", "a: b"], ["user-agent", "mine"]] as const;
  assert.equal(
    encoded({ headers }),
    "GET /healthz?full=1 HTTP/1.1\r\nHost: 10.0.0.1:80\r\nX-Key: a: b\r\nuser-agent: mine\r\nConnection: close\r\n\r\n",
  );
});

const LENGTHS: readonly (readonly [method: string, body: string, length: string | undefined])[] = [
  ["GET", "", undefined],
  ["HEAD", "", undefined],
  ["POST", "", "0"],
  ["PUT", "", "0"],
  ["POST", "grüße", "7"],
  ["GET", "x", "1"],
];

for (const [method, body, length] of LENGTHS) {
  Deno.test(`encodeRequest() tells the length of ${method} with ${body === "" ? "no body" : `"${body}"`}`, () => {
    const text = encoded({ method, body });
    assert.equal(/Content-Length: (.*)\r\n/.exec(text)?.[1], length);
    assert.ok(text.endsWith(`\r\n\r\n${body}`));
  });
}

/** The head that the pieces make, or the failure's message. */
function read(...pieces: readonly (string | Uint8Array)[]): HttpHead | string | undefined {
  const reader = new HeadReader();
  const encoder = new TextEncoder();
  try {
    for (const piece of pieces) {
      const head = reader.push(typeof piece === "string" ? encoder.encode(piece) : piece);
      if (head) return head;
    }
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ProbeFailure);
    return error.message;
  }
}

const head = (status: number, location?: string): HttpHead => ({ status, location });

const GOOD: readonly (readonly [what: string, answer: string, expected: HttpHead])[] = [
  ["an ordinary answer", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", head(200)],
  ["no headers", "HTTP/1.1 204 No Content\r\n\r\n", head(204)],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", head(200)],
  ["no reason phrase", "HTTP/1.1 200\r\n\r\n", head(200)],
  ["an empty reason phrase", "HTTP/1.1 503 \r\n\r\n", head(503)],
  ["two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n", head(200)],
  [
    "lines that end without a carriage return",
    "HTTP/1.1 301 Moved\nLocation: /x\n\n",
    head(301, "/x"),
  ],
  ["both ends of lines mixed", "HTTP/1.1 301 Moved\r\nLocation: /x\n\r\n", head(301, "/x")],
  ["a location in small letters", "HTTP/1.1 302 F\r\nlocation:/y \r\n\r\n", head(302, "/y")],
  ["white space before a colon", "HTTP/1.1 302 F\r\nLocation : /y\r\n\r\n", head(302, "/y")],
  [
    "a header that goes on in the next line",
    "HTTP/1.1 302 F\r\nLocation:\r\n\t/y\r\nA: b\r\n\r\n",
    head(302, "/y"),
  ],
  [
    "a header of another name that ends alike",
    "HTTP/1.1 200 OK\r\nContent-Location: /z\r\n\r\n",
    head(200),
  ],
  [
    "the first of two locations",
    "HTTP/1.1 302 F\r\nLocation: /1\r\nLocation: /2\r\n\r\n",
    head(302, "/1"),
  ],
  ["a location that is not ASCII", "HTTP/1.1 302 F\r\nLocation: /ä\r\n\r\n", head(302, "/ä")],
  ["an empty header", "HTTP/1.1 200 OK\r\nX-Empty:\r\n\r\n", head(200)],
  [
    "interim answers before the final one",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    head(200),
  ],
  [
    "another protocol to go on with",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x00\x01",
    head(101),
  ],
];

for (const [what, answer, expected] of GOOD) {
  Deno.test(`HeadReader takes ${what}, at once and byte by byte`, () => {
    assert.deepEqual(read(answer), expected);
    const bytes = new TextEncoder().encode(answer);
    assert.deepEqual(read(...Array.from(bytes, (byte) => Uint8Array.of(byte))), expected);
  });
}

const NOT_HTTP = (text: string) =>
  `malformed answer: it begins with "${text}", must begin with "HTTP/1."`;

const BAD: readonly (readonly [what: string, answer: string, message: string])[] = [
  ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n", NOT_HTTP("SSH-2.0-OpenSSH_9.2.")],
  ["another protocol's first byte", "S", NOT_HTTP("S")],
  ["bytes that are no text", "\x15\x03\x01\x00\x02\x02\x46", NOT_HTTP("......F")],
  ["an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", NOT_HTTP("..HTTP/1.1 200 OK...")],
  ["HTTP/2", "HTTP/2 200\r\n\r\n", NOT_HTTP("HTTP/2 200....")],
  [
    "a status of two digits",
    "HTTP/1.1 20 OK\r\n\r\n",
    'malformed answer: its first line is "HTTP/1.1 20 OK"',
  ],
  [
    "a status of four digits",
    "HTTP/1.1 2000 OK\r\n\r\n",
    'malformed answer: its first line is "HTTP/1.1 2000 OK"',
  ],
  [
    "a status below 100",
    "HTTP/1.1 099 OK\r\n\r\n",
    'malformed answer: its first line is "HTTP/1.1 099 OK"',
  ],
  ["no status", "HTTP/1.1\r\n\r\n", 'malformed answer: its first line is "HTTP/1.1"'],
  [
    "a header without a colon",
    "HTTP/1.1 200 OK\r\nwhat\r\n\r\n",
    'malformed answer: it has the header "what", must have a colon',
  ],
  [
    "a header without a name",
    "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
    'malformed answer: it has the header ": x", must have a colon',
  ],
  [
    "a first header that goes on with nothing",
    "HTTP/1.1 200 OK\r\n x: y\r\n\r\n",
    'malformed answer: it has the header " x: y", must have a colon',
  ],
  ["garbage behind an interim answer", "HTTP/1.1 100 Continue\r\n\r\ngarbage", NOT_HTTP("garbage")],
];

for (const [what, answer, message] of BAD) {
  Deno.test(`HeadReader refuses ${what}`, () => assert.equal(read(answer), message));
}

const TOO_LONG = "malformed answer: its head has more than 64 KiB";
const START = "HTTP/1.1 200 OK\r\nX: ";
const withLength = (length: number) => `${START}${"x".repeat(length - START.length - 4)}\r\n\r\n`;

const LIMITS: readonly (readonly [what: string, pieces: readonly string[], expected: unknown])[] = [
  ["takes a head of just so many bytes", [withLength(HEAD_LIMIT)], head(200)],
  ["refuses a head of one byte more", [withLength(HEAD_LIMIT + 1)], TOO_LONG],
  ["refuses a head that has not ended by then", [START, "x".repeat(HEAD_LIMIT)], TOO_LONG],
  [
    "refuses interim answers without end",
    Array(5000).fill("HTTP/1.1 100 Continue\r\n\r\n"),
    TOO_LONG,
  ],
  ["takes a short head before a long body", [
    `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(2 * HEAD_LIMIT)}`,
  ], head(200)],
];

for (const [what, pieces, expected] of LIMITS) {
  Deno.test(`HeadReader ${what}`, () => assert.deepEqual(read(...pieces), expected));
}

Deno.test("HeadReader waits for the rest of a head", () => {
  assert.equal(read("HT", "TP/1.1 200 OK\r\n", "X: y\r\n"), undefined);
});
