import { assertRefused } from "../support/care_command.ts";

const GOOD = ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80", "--mode="];
const DURATION = "is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s";
const DEVICE =
  'must be a device\'s name: 1 to 15 bytes, not "." or "..", without "/", ":", "%" and white space';

Deno.test("wrong values are refused with what must be, and with the nearest right one", () =>
  assertRefused([
    { words: [...GOOD, "-i", ""], said: `--iface "": ${DEVICE}` },
    { words: [...GOOD, "-iseventeen-letters"], said: `--iface "seventeen-letters": ${DEVICE}` },
    { words: [...GOOD, "-i=a/b"], said: `--iface "a/b": ${DEVICE}` },
    { words: [...GOOD, "-i", "a b"], said: `--iface "a b": ${DEVICE}` },
    { words: [...GOOD, "-i", ".."], said: `--iface "..": ${DEVICE}` },
    { words: [...GOOD, "--iface=eth0:1"], said: `--iface "eth0:1": ${DEVICE}` },
    { words: [...GOOD, "--iface=lvs%d"], said: `--iface "lvs%d": ${DEVICE}` },
    { words: [...GOOD, "--iface=éééééééé"], said: `--iface "éééééééé": ${DEVICE}` },
    {
      words: [...GOOD, "--scheduler", "RR"],
      said:
        '--scheduler "RR": must be a scheduler\'s name: 1 to 15 small letters (did you mean rr?)',
    },
    {
      words: [...GOOD, "--scheduler", "w-lc"],
      said:
        '--scheduler "w-lc": must be a scheduler\'s name: 1 to 15 small letters (did you mean wlc?)',
    },
    {
      words: [...GOOD, "--scheduler", "abcdefghijklmnop"],
      said: '--scheduler "abcdefghijklmnop": must be a scheduler\'s name: 1 to 15 small letters',
    },
    {
      words: [...GOOD, "--mode", "links"],
      said: '--mode "links": must be route, link or empty (did you mean link?)',
    },
    {
      words: [...GOOD, "--mode", "Link"],
      said: '--mode "Link": must be route, link or empty (did you mean link?)',
    },
    { words: [...GOOD, "--mode", "nat"], said: '--mode "nat": must be route, link or empty' },
    {
      words: [...GOOD, "--masqueradebit", "32"],
      said: '--masqueradebit "32": must be a whole number from 0 to 31',
    },
    {
      words: [...GOOD, "--masqueradebit", "-1"],
      said: '--masqueradebit "-1": must be a whole number from 0 to 31',
    },
    {
      words: [...GOOD, "--masqueradebit", "0x1"],
      said: '--masqueradebit "0x1": must be a whole number from 0 to 31',
    },
    {
      words: [...GOOD, "--masqueradebit", "07"],
      said: '--masqueradebit "07": must be a whole number from 0 to 31',
    },
    {
      words: [...GOOD, "--persistence=745h"],
      said: '--persistence "745h": must be from 0s to 744h',
    },
    {
      words: [...GOOD, "--server-limit=many"],
      said: '--server-limit "many": must be a whole number from 0 to 999999999',
    },
    {
      words: [...GOOD, "--dataplane", "ebpf"],
      said: '--dataplane "ebpf": must be kernel, embedded or auto',
    },
    {
      words: [...GOOD, "--dataplane=embedded", "--scheduler=lblc"],
      said: '--scheduler "lblc": must be rr, wrr, lc, wlc, sh or mh',
    },
    {
      words: [...GOOD, "--dataplane=embedded", "--run-once"],
      said: '--run-once "true": nothing stays of an embedded proxy that has ended',
    },
    {
      words: [...GOOD, "--proxy-protocol", "v1"],
      said: '--proxy-protocol "v1": IPVS in the kernel has no such thing ' +
        "(it is for --dataplane embedded)",
    },
    {
      words: [...GOOD, "--dataplane=embedded", "--proxy-protocol=v3"],
      said: '--proxy-protocol "v3": must be v1 or v2 (did you mean v1?)',
    },
    {
      words: [...GOOD, "--dataplane=embedded", "--connect-timeout=0"],
      said: '--connect-timeout "0": must be from 100ms to 1h',
    },
    {
      words: [...GOOD, "--dataplane=embedded", "--idle-timeout=soon"],
      said: '--idle-timeout "soon": is no duration, must be seconds or a duration such as ' +
        "500ms, 5s or 1m30s",
    },
    {
      words: [...GOOD, "--masquerade", "iptable"],
      said: '--masquerade "iptable": must be auto, nftables or iptables (did you mean iptables?)',
    },
    {
      words: [...GOOD, "--backend", "netlnk"],
      said: '--backend "netlnk": must be netlink or command (did you mean netlink?)',
    },
    { words: [...GOOD, "--backend="], said: '--backend "": must be netlink or command' },
    { words: [...GOOD, "--interval", "0"], said: '--interval "0": must be from 100ms to 24h' },
    { words: [...GOOD, "--interval", "-5s"], said: '--interval "-5s": must be from 100ms to 24h' },
    {
      words: [...GOOD, "--interval", "99ms"],
      said: '--interval "99ms": must be from 100ms to 24h',
    },
    { words: [...GOOD, "--interval", "25h"], said: '--interval "25h": must be from 100ms to 24h' },
    { words: [...GOOD, "--interval", "5 s"], said: `--interval "5 s": ${DURATION}` },
    { words: [...GOOD, "--interval", "5sec"], said: `--interval "5sec": ${DURATION}` },
    { words: [...GOOD, "--interval", ""], said: `--interval "": ${DURATION}` },
    { words: [...GOOD, "--interval", "1.2.3s"], said: `--interval "1.2.3s": ${DURATION}` },
    { words: [...GOOD, "--interval", "."], said: `--interval ".": ${DURATION}` },
    {
      words: [...GOOD, "--drain-timeout=-1s"],
      said: '--drain-timeout "-1s": must be from 0s to 24h',
    },
    {
      words: [...GOOD, "--drain-timeout=24h1ns"],
      said: '--drain-timeout "24h1ns": must be from 0s to 24h',
    },
    { words: [...GOOD, "--run-once="], said: '--run-once "": must be true or false' },
    { words: [...GOOD, "-C=maybe"], said: '--clean "maybe": must be true or false' },
    { words: [...GOOD, "--keep-last=2"], said: '--keep-last "2": must be true or false' },
    { words: [...GOOD, "--rise", "0"], said: '--rise "0": must be a whole number from 1 to 1000' },
    {
      words: [...GOOD, "--fall", "1001"],
      said: '--fall "1001": must be a whole number from 1 to 1000',
    },
    {
      words: [...GOOD, "--fall", "1.5"],
      said: '--fall "1.5": must be a whole number from 1 to 1000',
    },
    {
      words: [...GOOD, "--logger", "LOUD"],
      said: '--logger "LOUD": must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL',
    },
    {
      words: [...GOOD, "--logger", "inof"],
      said:
        '--logger "inof": must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL (did you mean INFO?)',
    },
    { words: [...GOOD, "--log-format", "yaml"], said: '--log-format "yaml": must be text or json' },
    {
      words: [...GOOD, "--state-dir", "run"],
      said: '--state-dir "run": must be an absolute path, beginning with "/"',
    },
    {
      words: [...GOOD, "--state-dir="],
      said: '--state-dir "": must be an absolute path, beginning with "/"',
    },
  ]));
