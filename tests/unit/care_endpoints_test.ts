import { assertRefused } from "../support/care_command.ts";

const GOOD = ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80", "--mode="];
const ENDPOINT = "must be an address and a port, as 10.103.97.12:6443 or [fd00::1]:6443";
const HELP = " (see lvscare care --help)";
const LOOPBACK = ' (only with --mode "" it may be one, for servers on this host)';

Deno.test("wrong virtual and real servers are refused, each with what is wrong about it", () =>
  assertRefused([
    { words: [], said: `--vs is missing: ${ENDPOINT}${HELP}` },
    { words: ["--rs", "10.0.0.2:80"], said: `--vs is missing: ${ENDPOINT}${HELP}` },
    {
      words: ["--vs", "10.0.0.1:80"],
      said:
        "--rs is missing: must be at least one real server, as 10.0.0.2:6443 (only with --clean none is needed)",
    },
    { words: ["--vs", "10.0.0.1"], said: `--vs "10.0.0.1": has no port, ${ENDPOINT}` },
    {
      words: ["--vs", "fd00::1"],
      said:
        `--vs "fd00::1": has no port, ${ENDPOINT} (an IPv6 address with a port stands in brackets)`,
    },
    {
      words: ["--vs", "fd00::1:6443"],
      said:
        `--vs "fd00::1:6443": has no port, ${ENDPOINT} (an IPv6 address with a port stands in brackets)`,
    },
    { words: ["--vs", "10.0.0.1:"], said: '--vs "10.0.0.1:": its port must be from 1 to 65535' },
    { words: ["--vs", "10.0.0.1:0"], said: '--vs "10.0.0.1:0": its port must be from 1 to 65535' },
    {
      words: ["--vs", "10.0.0.1:65536"],
      said: '--vs "10.0.0.1:65536": its port must be from 1 to 65535',
    },
    {
      words: ["--vs", "10.0.0.1:http"],
      said: '--vs "10.0.0.1:http": its port must be from 1 to 65535',
    },
    {
      words: ["--vs", "10.0.0.1:-1"],
      said: '--vs "10.0.0.1:-1": its port must be from 1 to 65535',
    },
    {
      words: ["--vs", "apiserver.cluster.local:6443"],
      said:
        `--vs "apiserver.cluster.local:6443": is a host name, ${ENDPOINT} (names are not looked up)`,
    },
    { words: ["--vs", "10.0.0.256:80"], said: `--vs "10.0.0.256:80": ${ENDPOINT}` },
    { words: ["--vs", "010.0.0.1:80"], said: `--vs "010.0.0.1:80": ${ENDPOINT}` },
    {
      words: ["--vs", "[fe80::1%eth0]:80"],
      said: `--vs "[fe80::1%eth0]:80": has a zone, ${ENDPOINT} (IPVS knows no zones)`,
    },
    {
      words: ["--vs", "[10.0.0.1]:80"],
      said: `--vs "[10.0.0.1]:80": ${ENDPOINT} (only an IPv6 address stands in brackets)`,
    },
    { words: ["--vs", "https://10.0.0.1:80"], said: `--vs "https://10.0.0.1:80": ${ENDPOINT}` },
    { words: ["--vs", " 10.0.0.1:80"], said: `--vs " 10.0.0.1:80": ${ENDPOINT}` },
    {
      words: ["--vs", "10.0.0.1:80\n"],
      said: '--vs "10.0.0.1:80\\n": its port must be from 1 to 65535',
    },
    {
      words: ["--vs", "0.0.0.0:80"],
      said: '--vs "0.0.0.0:80": is the address of no host, must be the address of one host',
    },
    {
      words: ["--vs", "[::]:80"],
      said: '--vs "[::]:80": is the address of no host, must be the address of one host',
    },
    {
      words: ["--vs", "224.0.0.1:80"],
      said: '--vs "224.0.0.1:80": is a multicast address, must be the address of one host',
    },
    {
      words: ["--vs", "[ff02::1]:80"],
      said: '--vs "[ff02::1]:80": is a multicast address, must be the address of one host',
    },
    {
      words: ["--vs", "255.255.255.255:80"],
      said: '--vs "255.255.255.255:80": is the broadcast address, must be the address of one host',
    },
    {
      words: ["--vs", "[::ffff:10.0.0.1]:80"],
      said:
        '--vs "[::ffff:10.0.0.1]:80": is an IPv4 address written as IPv6, must be written as IPv4',
    },
    {
      words: ["--vs", "127.0.0.1:80"],
      said:
        `--vs "127.0.0.1:80": is a loopback address, must be one that other hosts can reach${LOOPBACK}`,
    },
    {
      words: ["--vs", "[::1]:80", "--mode", "link"],
      said:
        `--vs "[::1]:80": is a loopback address, must be one that other hosts can reach${LOOPBACK}`,
    },
    {
      words: [...GOOD, "--rs", "[fd00::2]:80"],
      said:
        '--rs "[fd00::2]:80": must be IPv4, as the virtual server "10.0.0.1:80" is (masquerading works within one family only)',
    },
    {
      words: ["--vs", "[fd00::1]:80", "--mode=", "--rs", "10.0.0.2:80"],
      said:
        '--rs "10.0.0.2:80": must be IPv6, as the virtual server "[fd00::1]:80" is (masquerading works within one family only)',
    },
    {
      words: [...GOOD, "--rs", "10.0.0.1:80"],
      said: '--rs "10.0.0.1:80": is the virtual server itself, must be a server behind it',
    },
    { words: [...GOOD, "--rs", "10.0.0.3:80,"], said: `--rs "": ${ENDPOINT}` },
    { words: [...GOOD, "--rs", ""], said: `--rs "": ${ENDPOINT}` },
    {
      words: [...GOOD, "--rs", "10.0.0.3:0"],
      said: '--rs "10.0.0.3:0": its port must be from 1 to 65535',
    },
    {
      words: [...GOOD, "--rs", "10.0.0.3:80;10.0.0.4:80"],
      said: '--rs "10.0.0.3:80;10.0.0.4:80": its port must be from 1 to 65535',
    },
    { words: ["--vs", "10.0.0.1:80", "-C", "--rs", "x"], said: `--rs "x": ${ENDPOINT}` },
  ]));
