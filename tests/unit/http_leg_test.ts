import assert from "node:assert/strict";
import { httpCheck, type SimpleCheck } from "../support/http_check.ts";
import { firstLeg, type HttpLeg, nextLeg } from "../../src/health/probes/http_leg.ts";
import { endpoint } from "../support/care_arbitraries.ts";

const first = (check: Partial<SimpleCheck> = {}, target = endpoint("10.0.0.1", 8080)) => {
  const made = httpCheck({ path: "/a/b?q=1", ...check });
  return firstLeg(made, made.urls[0]!, target);
};

Deno.test("a check's first request names address and port as its host", () => {
  assert.equal(first().request.host, "10.0.0.1:8080");
  assert.equal(first({}, endpoint("fd00::1", 80)).request.host, "[fd00::1]:80");
});

Deno.test("a Host header takes the place of the address, and is sent once", () => {
  const { request, hostname } = first({ headers: [["hOsT", "a.example"], ["X", "y"]] });
  assert.equal(request.host, "a.example");
  assert.deepEqual(request.headers, [["X", "y"]]);
  assert.equal(hostname, "10.0.0.1");
});

function next(location: string, leg: HttpLeg = first(), status = 302): HttpLeg {
  const found = nextLeg(leg, { status, location });
  assert.ok(found);
  return found;
}

const url = ({ scheme, hostname, port, request }: HttpLeg) =>
  `${scheme} ${hostname} ${port} ${request.target}`;

const PLACES: readonly (readonly [what: string, location: string, expected: string])[] = [
  ["a path", "/x", "http 10.0.0.1 8080 /x"],
  ["a path beside the last one", "x?y=2", "http 10.0.0.1 8080 /a/x?y=2"],
  ["a query alone", "?y=2", "http 10.0.0.1 8080 /a/b?y=2"],
  ["a whole URL", "http://b.example/x", "http b.example 80 /x"],
  ["the other scheme and its port", "https://10.0.0.1/x", "https 10.0.0.1 443 /x"],
  ["a port", "https://10.0.0.1:6443/", "https 10.0.0.1 6443 /"],
  ["a host without a scheme", "//b.example:81/x", "http b.example 81 /x"],
  ["an IPv6 address", "http://[fd00::1]:81/x", "http fd00::1 81 /x"],
  ["a URL with a fragment", "http://b.example/x#y", "http b.example 80 /x"],
  ["a path that is not ASCII", "/ä", "http 10.0.0.1 8080 /%C3%A4"],
];

for (const [what, location, expected] of PLACES) {
  Deno.test(`a redirect to ${what} is resolved against where it came from`, () => {
    assert.equal(url(next(location)), expected);
  });
}

Deno.test("a path that is given by a server of IPv6 stays there", () => {
  const leg = first({}, endpoint("fd00::1", 80));
  assert.equal(url(next("/x", leg)), "http fd00::1 80 /x");
});

const METHODS: readonly (readonly [status: number, from: string, to: string, body: string])[] = [
  [301, "POST", "GET", ""],
  [302, "PUT", "GET", ""],
  [303, "DELETE", "GET", ""],
  [301, "GET", "GET", ""],
  [303, "HEAD", "HEAD", ""],
  [307, "POST", "POST", "text"],
  [308, "PUT", "PUT", "text"],
  [308, "HEAD", "HEAD", "text"],
];

for (const [status, method, expected, body] of METHODS) {
  Deno.test(`${status} makes of ${method} ${expected}, ${body === "" ? "without" : "with"} its body`, () => {
    const { request } = next("/x", first({ method, body: "text" }), status);
    assert.deepEqual([request.method, request.body], [expected, body]);
  });
}

for (
  const [status, location] of [
    [200, "/x"],
    [300, "/x"],
    [304, "/x"],
    [305, "/x"],
    [302, undefined],
    [302, ""],
  ] as const
) {
  Deno.test(`${status} with the location ${location} is the last answer`, () => {
    assert.equal(nextLeg(first(), { status, location }), undefined);
  });
}

const SECRET = [["AUTHORIZATION", "s"], ["Cookie", "s"], ["X", "y"]] as const;
const names = ({ request }: HttpLeg) => request.headers.map(([name]) => name);

Deno.test("what is secret stays with the host, at every port of it", () => {
  const leg = first({ headers: SECRET });
  assert.deepEqual(names(next("/x", leg)), ["AUTHORIZATION", "Cookie", "X"]);
  assert.deepEqual(names(next("https://10.0.0.1/", leg)), ["AUTHORIZATION", "Cookie", "X"]);
});

Deno.test("what is secret is not told to another host, nor to the first by way of that one", () => {
  const away = next("http://10.0.0.2:8080/", first({ headers: SECRET }));
  assert.deepEqual(names(away), ["X"]);
  assert.deepEqual(names(next("http://10.0.0.1:8080/", away)), ["X"]);
});

Deno.test("a Host header goes with a path, and not with a URL", () => {
  const leg = first({ headers: [["Host", "a.example"]] });
  assert.equal(next("/x", leg).request.host, "a.example");
  assert.equal(next("http://b.example:81/x", leg).request.host, "b.example:81");
  assert.equal(next("//b.example/x", leg).request.host, "b.example");
});

const BAD: readonly (readonly [location: string, message: string])[] = [
  ["http://[x/", 'malformed answer: its Location is "http://[x/", must be a URL'],
  ["http://a b/", 'malformed answer: its Location is "http://a b/", must be a URL'],
  ["ftp://b.example/", 'redirected to "ftp:": must be http or https'],
  ["mailto:a@b.example", 'redirected to "mailto:": must be http or https'],
];

for (const [location, message] of BAD) {
  Deno.test(`a redirect to ${location} is a failure`, () => {
    assert.throws(() => next(location), { name: "ProbeFailure", message });
  });
}
