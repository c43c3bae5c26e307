/** Wrong configurations: each is refused whole, and every mistake has its line, its column and its path. */

import assert from "node:assert/strict";
import { readFiles } from "../../src/config/files/read.ts";
import { withFolder } from "../support/process.ts";

/** A file's text, and what is said of it after its name; FILE is that name inside what is said. */
type Case = readonly [text: string, ...said: readonly string[]];

const whole = (...lines: readonly string[]) => `${lines.join("\n")}\n`;
const indented = (lines: readonly string[], by: number) =>
  lines.map((line) => `${" ".repeat(by)}${line}\n`).join("");
/** The lines as the one item of a list. */
const item = (lines: readonly string[], by: number) =>
  lines.length === 0
    ? `${" ".repeat(by)}- {}\n`
    : `${" ".repeat(by)}- ${indented(lines, by + 2).trimStart()}`;
const service = (...lines: readonly string[]) => `services:\n${item(lines, 2)}`;
const embedded = (...lines: readonly string[]) =>
  `host: {dataplane: embedded}\n${service(...lines)}`;
const SERVICE = "services:\n  - address: 10.0.0.1\n    port: 80\n";
const server = (...lines: readonly string[]) => `${SERVICE}    servers:\n${item(lines, 6)}`;
const check = (...lines: readonly string[]) => `${SERVICE}    check:\n${indented(lines, 6)}`;
const defaults = (...lines: readonly string[]) => `defaults:\n${indented(lines, 2)}services: []\n`;
const host = (...lines: readonly string[]) => `host:\n${indented(lines, 2)}services: []\n`;

const CASES: readonly Case[] = [
  [whole("[]"), "1:1: is a list, must be a map"],
  [whole("hello"), "1:1: is a single value, must be a map"],
  [whole("42"), "1:1: is a single value, must be a map"],
  [whole("services: x"), "1:11: services: is a single value, must be a list"],
  [whole("services: {}"), "1:11: services: is a map, must be a list"],
  [whole("services:"), "1:1: services: is empty, must be a list"],
  [whole("service: []"), '1:1: "service" is unknown (did you mean services?)'],
  [whole("Services: []"), '1:1: "Services" is unknown (did you mean services?)'],
  [whole("services: [1]"), "1:12: services[0]: is a single value, must be a map"],
  [whole("services: [[]]"), "1:12: services[0]: is a list, must be a map"],
  [whole("services: []", "hots: {}"), '2:1: "hots" is unknown (did you mean host?)'],
  [whole("defaults: []"), "1:11: defaults: is a list, must be a map"],
  [whole("defaults: x"), "1:11: defaults: is a single value, must be a map"],
  [whole("defaults: {}", "defaults: {}", "services: []"), '2:1: "defaults" stands at 1:1 already'],
  [whole("host: []", "services: []"), "1:7: host: is a list, must be a map"],
  [whole("services: [a b"), "2:1: deficient indentation"],
  [whole("services:", "\t- x"), "2:1: tab characters must not be used in indentation"],
  [whole("a: b: c"), "1:5: bad indentation of a mapping entry"],
  [whole("services: *x"), '1:11: no anchor "&x" stands before this'],
  [whole("? [a]", ": b"), "1:3: must be a word: it is a key"],
  [whole("---", "services: []", "---", "services: []"), "4:1: must be one document, not several"],
  [whole("services: !!set {}"), '1:11: tags such as "!!set" mean nothing here'],
  [whole("{services: [}"), "1:13: missed comma between flow collection entries"],
  [whole('"services: []'), "2:1: unexpected end of the stream within a double quoted scalar"],
  [whole("services: []", "- x"), "2:1: end of the stream or a document separator is expected"],
  [whole("%YAML 9"), "2:1: ill-formed argument of the YAML directive"],
  [
    whole("services:", "  - address: 10.0.0.1", "   port: 80"),
    "3:4: bad indentation of a sequence entry",
  ],
  [whole("'services' []"), "1:12: end of the stream or a document separator is expected"],
  [whole("services: [&a [*a]]"), '1:16: no anchor "&a" stands before this'],
  [service(), "2:5: services[0]: has no address, must have address and port, or mark"],
  [
    service("address: 10.0.0.1"),
    "2:5: services[0]: has no port, must have address and port, or mark",
  ],
  [service("port: 80"), "2:5: services[0]: has no address, must have address and port, or mark"],
  [
    service("address: []", "port: 80"),
    "2:14: services[0].address: is empty, must be a value or some",
  ],
  [
    service("address: {}", "port: 80"),
    "2:14: services[0].address: is a map, must be a single value",
  ],
  [service("address:", "port: 80"), "2:5: services[0].address: is empty, must be a value"],
  [
    service("address: 10.0.0", "port: 80"),
    '2:14: services[0].address: "10.0.0": must be an address, as 10.0.0.1 or fd00::1',
  ],
  [
    service("address: 10.0.0.01", "port: 80"),
    '2:14: services[0].address: "10.0.0.01": must be an address, as 10.0.0.1 or fd00::1',
  ],
  [
    service("address: 10.0.0.256", "port: 80"),
    '2:14: services[0].address: "10.0.0.256": must be an address, as 10.0.0.1 or fd00::1',
  ],
  [
    service("address: 10.0.0.1/24", "port: 80"),
    '2:14: services[0].address: "10.0.0.1/24": must be an address, as 10.0.0.1 or fd00::1',
  ],
  [
    service("address: 10.0.0.1:80", "port: 80"),
    '2:14: services[0].address: "10.0.0.1:80": must be an address, as 10.0.0.1 or fd00::1 (the port stands beside it, as port)',
  ],
  [
    service("address: www.example.com", "port: 80"),
    '2:14: services[0].address: "www.example.com": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    service("address: 0.0.0.0", "port: 80"),
    '2:14: services[0].address: "0.0.0.0": is the address of no host, must be the address of one host',
  ],
  [
    service("address: 255.255.255.255", "port: 80"),
    '2:14: services[0].address: "255.255.255.255": is the broadcast address, must be the address of one host',
  ],
  [
    service("address: 224.0.0.1", "port: 80"),
    '2:14: services[0].address: "224.0.0.1": is a multicast address, must be the address of one host',
  ],
  [
    service("address: ff02::1", "port: 80"),
    '2:14: services[0].address: "ff02::1": is a multicast address, must be the address of one host',
  ],
  [
    service("address: '::'", "port: 80"),
    '2:14: services[0].address: "::": is the address of no host, must be the address of one host',
  ],
  [
    service("address: ::ffff:10.0.0.1", "port: 80"),
    '2:14: services[0].address: "::ffff:10.0.0.1": is an IPv4 address written as IPv6, must be written as IPv4',
  ],
  [
    service("address: fe80::1%eth0", "port: 80"),
    '2:14: services[0].address: "fe80::1%eth0": must be an address, as 10.0.0.1 or fd00::1',
  ],
  [
    service("address: '[fd00::1]'", "port: 80"),
    '2:14: services[0].address: "[fd00::1]": must be an address, as 10.0.0.1 or fd00::1',
  ],
  [
    service("address: [10.0.0.1, 10.0.0.x]", "port: 80"),
    '2:25: services[0].address[1]: "10.0.0.x": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    service("address: [10.0.0.1, 10.0.0.1]", "port: 80"),
    "2:14: services[0].address: TCP 10.0.0.1:80 is a service at FILE:2:14 already",
  ],
  [
    service("address: 127.0.0.1", "port: 80"),
    "2:14: services[0].address: is a loopback address, must be one that other hosts can reach (or mode must be none)",
  ],
  [
    service("address: ::1", "port: 80", "mode: route"),
    "2:14: services[0].address: is a loopback address, must be one that other hosts can reach (or mode must be none)",
    "4:11: services[0].mode: route needs this host's own IPv6 address, must be given as gateway or as LVSCARE_NODE_IP",
  ],
  [
    service("address: 10.0.0.1", "port: -1"),
    '3:11: services[0].port: "-1": must be a port from 0 to 65535, or two as 8000-8010',
  ],
  [
    service("address: 10.0.0.1", "port: 65536"),
    '3:11: services[0].port: "65536": must be a port from 0 to 65535, or two as 8000-8010',
  ],
  [
    service("address: 10.0.0.1", "port: http"),
    '3:11: services[0].port: "http": must be a port from 0 to 65535, or two as 8000-8010',
  ],
  [
    service("address: 10.0.0.1", "port: 80-79"),
    '3:11: services[0].port: "80-79": must be a port from 0 to 65535, or two as 8000-8010',
  ],
  [
    service("address: 10.0.0.1", "port: 80-"),
    '3:11: services[0].port: "80-": must be a port from 0 to 65535, or two as 8000-8010',
  ],
  [
    service("address: 10.0.0.1", "port: 1-2-3"),
    '3:11: services[0].port: "1-2-3": must be a port from 0 to 65535, or two as 8000-8010',
  ],
  [
    service("address: 10.0.0.1", "port: 8.5"),
    '3:11: services[0].port: "8.5": must be a port from 0 to 65535, or two as 8000-8010',
  ],
  [
    service("address: 10.0.0.1", "port: [80, x]"),
    '3:16: services[0].port[1]: "x": must be a port from 0 to 65535, or two as 8000-8010',
  ],
  [
    service("address: 10.0.0.1", "port: [80, 80]"),
    "2:14: services[0].address: TCP 10.0.0.1:80 is a service at FILE:2:14 already",
  ],
  [
    service("address: 10.0.0.1", "port: [79-81, 80]"),
    "2:14: services[0].address: TCP 10.0.0.1:80 is a service at FILE:2:14 already",
  ],
  [
    service("address: 10.0.0.1", "port: {}"),
    "3:11: services[0].port: is a map, must be a single value",
  ],
  [
    service("address: 10.0.0.1", "port: []"),
    "3:11: services[0].port: is empty, must be a value or some",
  ],
  [
    service("address: 10.0.0.1", "port: 0"),
    "3:11: services[0].port: is 0, which is every port, and only with persistence",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "mark: 1"),
    "2:14: services[0].address: must not stand beside mark, which is in its place",
    "3:11: services[0].port: must not stand beside mark, which is in its place",
  ],
  [service("mark: 0"), '2:11: services[0].mark: "0": must be a whole number from 1 to 4294967295'],
  [
    service("mark: 4294967296"),
    '2:11: services[0].mark: "4294967296": must be a whole number from 1 to 4294967295',
  ],
  [service("mark: x"), '2:11: services[0].mark: "x": must be a whole number from 1 to 4294967295'],
  [
    service("mark: 1", "protocol: tcp"),
    "3:15: services[0].protocol: must not stand beside mark, which is in its place",
  ],
  [
    service("mark: 1", "mode: link"),
    "3:11: services[0].mode: must be none: a mark has no address that packets could be led to",
  ],
  [
    service("mark: 1", "address: 10.0.0.1"),
    "3:14: services[0].address: must not stand beside mark, which is in its place",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "protocol: icmp"),
    '4:15: services[0].protocol: "icmp": must be tcp, udp or sctp',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "protocol: [tcp, TCP]"),
    '4:21: services[0].protocol[1]: "TCP": must be tcp, udp or sctp',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "protocol: [tcp, tcp]"),
    "2:14: services[0].address: TCP 10.0.0.1:80 is a service at FILE:2:14 already",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "adress: 1"),
    '4:5: services[0]: "adress" is unknown (did you mean address?)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduller: rr"),
    '4:5: services[0]: "scheduller" is unknown (did you mean scheduler?)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "? x", ": y"),
    '4:7: services[0]: "x" is unknown, must be one of name, address, port, mark, servers, sorry, protocol, mode, device, gateway, scheduler, scheduler-flags, one-packet, persistence, start, keep-last, quorum, panic, slow-start, notify-end, drain, maintenance-drain, drain-timeout, weight, forwarding, tunnel, upper-threshold, lower-threshold, check, checks, need, when-failed, notify',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "name: []"),
    "4:11: services[0].name: is a list, must be a single value",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "name: a", "name: b"),
    '5:5: "name" stands at 4:5 already',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "<<: {}"),
    '4:5: services[0]: "<<" is unknown, must be one of name, address, port, mark, servers, sorry, protocol, mode, device, gateway, scheduler, scheduler-flags, one-packet, persistence, start, keep-last, quorum, panic, slow-start, notify-end, drain, maintenance-drain, drain-timeout, weight, forwarding, tunnel, upper-threshold, lower-threshold, check, checks, need, when-failed, notify',
  ],
  [
    service("address: 10.0.0.1", "port: 80", '"a\\u0007b": 1'),
    '4:5: services[0]: "a\\u0007b" is unknown, must be one of name, address, port, mark, servers, sorry, protocol, mode, device, gateway, scheduler, scheduler-flags, one-packet, persistence, start, keep-last, quorum, panic, slow-start, notify-end, drain, maintenance-drain, drain-timeout, weight, forwarding, tunnel, upper-threshold, lower-threshold, check, checks, need, when-failed, notify',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "mode: lnik"),
    '4:11: services[0].mode: "lnik": must be link, route or none (did you mean link?)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "mode: [link]"),
    "4:11: services[0].mode: is a list, must be a single value",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "mode: route"),
    "4:11: services[0].mode: route needs this host's own IPv4 address, must be given as gateway or as LVSCARE_NODE_IP",
  ],
  [
    service("address: fd00::1", "port: 80", "mode: route", "gateway: 10.0.0.9"),
    "4:11: services[0].mode: route needs this host's own IPv6 address, must be given as gateway or as LVSCARE_NODE_IP",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "mode: route", "gateway: 10.0.0.1"),
    "5:14: services[0].gateway: is the virtual address itself, must be this host's own",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "gateway: x"),
    '4:14: services[0].gateway: "x": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "device: ''"),
    '4:13: services[0].device: "": must be a device\'s name: 1 to 15 bytes, not "." or "..", without "/", ":", "%" and white space',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "device: a/b"),
    '4:13: services[0].device: "a/b": must be a device\'s name: 1 to 15 bytes, not "." or "..", without "/", ":", "%" and white space',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "device: abcdefghijklmnop"),
    '4:13: services[0].device: "abcdefghijklmnop": must be a device\'s name: 1 to 15 bytes, not "." or "..", without "/", ":", "%" and white space',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "device: lvs%d"),
    '4:13: services[0].device: "lvs%d": must be a device\'s name: 1 to 15 bytes, not "." or "..", without "/", ":", "%" and white space',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler: RR"),
    '4:16: services[0].scheduler: "RR": must be a scheduler\'s name: 1 to 15 small letters',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler: ''"),
    '4:16: services[0].scheduler: "": must be a scheduler\'s name: 1 to 15 small letters',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler: r r"),
    '4:16: services[0].scheduler: "r r": must be a scheduler\'s name: 1 to 15 small letters',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler: 1"),
    '4:16: services[0].scheduler: "1": must be a scheduler\'s name: 1 to 15 small letters',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler-flags: sh-port"),
    "4:22: services[0].scheduler-flags: is a single value, must be a list",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler-flags: [sh-port]"),
    '4:22: services[0].scheduler-flags: "sh-port" is a flag of scheduler sh, not of wrr (it has flag-1, flag-2, flag-3)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler: sh", "scheduler-flags: [sh-prot]"),
    '5:22: services[0].scheduler-flags: "sh-prot" is no flag of scheduler sh (did you mean sh-port?)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler: sh", "scheduler-flags: [mh-port]"),
    '5:22: services[0].scheduler-flags: "mh-port" is a flag of scheduler mh, not of sh (did you mean sh-port?)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "scheduler-flags: [flag-4]"),
    '4:22: services[0].scheduler-flags: "flag-4" is no flag of scheduler wrr (did you mean flag-1?)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "one-packet: true"),
    "4:17: services[0].one-packet: must be false: it is for UDP alone",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "one-packet: yess"),
    '4:17: services[0].one-packet: "yess": must be true or false',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: 0.5"),
    '4:18: services[0].persistence: "0.5": is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: forever"),
    '4:18: services[0].persistence: "forever": is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: 745h"),
    '4:18: services[0].persistence: "745h": must be from 1s to 744h',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: []"),
    "4:18: services[0].persistence: is a list, must be a map",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: {timeot: 5m}"),
    '4:19: services[0].persistence: "timeot" is unknown (did you mean timeout?)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: {timeout: 0}"),
    '4:28: services[0].persistence.timeout: "0": must be from 1s to 744h',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: {prefix: 33}"),
    "4:27: services[0].persistence.prefix: must be at most 32 for IPv4",
  ],
  [
    service("address: fd00::1", "port: 80", "persistence: {prefix: 129}"),
    '4:27: services[0].persistence.prefix: "129": must be a whole number from 0 to 128',
  ],
  [
    service("address: fd00::1", "port: 80", "persistence: {mask: 255.0.0.0}"),
    "4:25: services[0].persistence.mask: is of IPv4, must be a prefix for IPv6",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: {mask: 24}"),
    '4:25: services[0].persistence.mask: "24": must be a mask of IPv4, as 255.255.255.0',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: {mask: 255.0.0.0, prefix: 8}"),
    "4:25: services[0].persistence.mask: must not stand beside prefix, which says the same",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "persistence: {engine: SIP}"),
    '4:27: services[0].persistence.engine: "SIP": must be the name of an engine, as sip',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "start: down"),
    '4:12: services[0].start: "down": must be up or proven',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "keep-last: 2"),
    '4:16: services[0].keep-last: "2": must be true or false',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "drain: maybe"),
    '4:12: services[0].drain: "maybe": must be true, false or a duration as 30s',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "drain-timeout: 25h"),
    '4:20: services[0].drain-timeout: "25h": must be from 0s to 24h',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "drain-timeout: -1s"),
    '4:20: services[0].drain-timeout: "-1s": must be from 0s to 24h',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "drain-timeout: 5 s"),
    '4:20: services[0].drain-timeout: "5 s": is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "drain-timeout: 5S"),
    '4:20: services[0].drain-timeout: "5S": is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "drain-timeout: [5s]"),
    "4:20: services[0].drain-timeout: is a list, must be a single value",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "weight: 65536"),
    '4:13: services[0].weight: "65536": must be a whole number from 0 to 65535',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "weight: 1.5"),
    '4:13: services[0].weight: "1.5": must be a whole number from 0 to 65535',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "weight: 0x10"),
    '4:13: services[0].weight: "0x10": must be a whole number from 0 to 65535',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "weight: 010"),
    '4:13: services[0].weight: "010": must be a whole number from 0 to 65535',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "weight: 1e3"),
    '4:13: services[0].weight: "1e3": must be a whole number from 0 to 65535',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "weight: ~"),
    "4:13: services[0].weight: is empty, must be a value",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "forwarding: nat"),
    '4:17: services[0].forwarding: "nat": must be masquerade, direct or tunnel',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "forwarding: Direct"),
    '4:17: services[0].forwarding: "Direct": must be masquerade, direct or tunnel (did you mean direct?)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "tunnel: {}"),
    "4:13: services[0].tunnel: is for forwarding tunnel, which this is not",
  ],
  [
    service(
      "address: 10.0.0.1",
      "port: 80",
      "forwarding: tunnel",
      "tunnel: {type: vxlan}",
      "servers: [10.0.0.2]",
    ),
    '5:20: services[0].tunnel.type: "vxlan": must be ipip, gue or gre',
  ],
  [
    service(
      "address: 10.0.0.1",
      "port: 80",
      "forwarding: tunnel",
      "tunnel: {type: gue}",
      "servers: [10.0.0.2]",
    ),
    "5:20: services[0].tunnel.type: gue needs the port of the server's end",
  ],
  [
    service(
      "address: 10.0.0.1",
      "port: 80",
      "forwarding: tunnel",
      "tunnel: {type: gre, checksum: remote}",
      "servers: [10.0.0.2]",
    ),
    "5:35: services[0].tunnel.checksum: remote is for gue alone, must be none or checksum",
  ],
  [
    service(
      "address: 10.0.0.1",
      "port: 80",
      "forwarding: tunnel",
      "tunnel: {type: gue, port: 0}",
      "servers: [10.0.0.2]",
    ),
    "5:20: services[0].tunnel.type: gue needs the port of the server's end",
    '5:31: services[0].tunnel.port: "0": must be a whole number from 1 to 65535',
  ],
  [
    service(
      "address: 10.0.0.1",
      "port: 80",
      "forwarding: tunnel",
      "tunnel: []",
      "servers: [10.0.0.2]",
    ),
    "5:13: services[0].tunnel: is a list, must be a map",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "upper-threshold: -5"),
    '4:22: services[0].upper-threshold: "-5": must be a whole number from 0 to 999999999',
  ],
  [
    service(
      "address: 10.0.0.1",
      "port: 80",
      "upper-threshold: 5",
      "lower-threshold: 9",
      "servers: [10.0.0.2]",
    ),
    "6:15: services[0].servers[0]: a lower threshold of 9 must be at most the upper one, which is 5",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "lower-threshold: 9", "servers: [10.0.0.2]"),
    "5:15: services[0].servers[0]: a lower threshold of 9 must be at most the upper one, which is 0",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: 10.0.0.2"),
    "4:14: services[0].servers: is a single value, must be a list",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: {}"),
    "4:14: services[0].servers: is a map, must be a list",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: [[]]"),
    "4:15: services[0].servers[0]: is a list, must be a single value",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: ['']"),
    '4:15: services[0].servers[0]: "": must be a server, as 10.0.0.2:8080 or [fd00::2]:8080',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: [~]"),
    "4:15: services[0].servers[0]: is empty, must be a value",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: [x]"),
    '4:15: services[0].servers[0]: "x": must be a server, as 10.0.0.2:8080 or [fd00::2]:8080 (names are not looked up)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: [web-1:80]"),
    '4:15: services[0].servers[0]: "web-1:80": must be a server, as 10.0.0.2:8080 or [fd00::2]:8080 (names are not looked up)',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: ['10.0.0.2:']"),
    '4:15: services[0].servers[0]: "10.0.0.2:": must be a server, as 10.0.0.2:8080 or [fd00::2]:8080',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: ['10.0.0.2:99999']"),
    '4:15: services[0].servers[0]: "10.0.0.2:99999": must be a server, as 10.0.0.2:8080 or [fd00::2]:8080',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: ['fd00::2']"),
    "4:15: services[0].servers[0]: must be IPv4, as TCP 10.0.0.1:80 is: only a tunnel leads to the other family",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: ['[fd00::2]:80']"),
    "4:15: services[0].servers[0]: must be IPv4, as TCP 10.0.0.1:80 is: only a tunnel leads to the other family",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: ['0.0.0.0:80']"),
    '4:15: services[0].servers[0]: "0.0.0.0:80": is the address of no host, must be the address of one host',
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: [10.0.0.1]"),
    "4:15: services[0].servers[0]: 10.0.0.1:80 is the service itself, must be a server behind it",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: ['10.0.0.1:80']"),
    "4:15: services[0].servers[0]: 10.0.0.1:80 is the service itself, must be a server behind it",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: [10.0.0.2, '10.0.0.2:80']"),
    "4:25: services[0].servers[1]: 10.0.0.2:80 is a server of TCP 10.0.0.1:80 already",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "servers: [10.0.0.2, {address: 10.0.0.2}]"),
    "4:25: services[0].servers[1]: 10.0.0.2:80 is a server of TCP 10.0.0.1:80 already",
  ],
  [
    service("address: 10.0.0.1", "port: 80", "forwarding: direct", "servers: ['10.0.0.2:81']"),
    "5:15: services[0].servers[0]: must be 80, the service's: only masquerade changes ports",
  ],
  [
    service(
      "address: 10.0.0.1",
      "port: 80",
      "forwarding: direct",
      "servers: [{address: 10.0.0.2, port: 81}]",
    ),
    "5:41: services[0].servers[0].port: must be 80, the service's: only masquerade changes ports",
  ],
  [
    service("mark: 1", "servers: [10.0.0.2, 10.0.0.2]"),
    "3:25: services[0].servers[1]: 10.0.0.2:0 is a server of FWM 1 already",
  ],
  [
    service("address: [10.0.0.1, fd00::1]", "port: 80", "servers: [10.0.0.2]"),
    "4:14: services[0].servers: none is IPv6, as TCP [fd00::1]:80 is",
  ],
  [server("{}"), "5:9: services[0].servers[0]: has no address, must have one"],
  [server("port: 80"), "5:9: services[0].servers[0]: has no address, must have one"],
  [
    server("address: x"),
    '5:18: services[0].servers[0].address: "x": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    server("address: 10.0.0.2", "port: 65536"),
    '6:15: services[0].servers[0].port: "65536": must be a whole number from 0 to 65535',
  ],
  [
    server("address: 10.0.0.2", "port: 80-81"),
    '6:15: services[0].servers[0].port: "80-81": must be a whole number from 0 to 65535',
  ],
  [
    server("address: 10.0.0.2", "wieght: 1"),
    '6:9: services[0].servers[0]: "wieght" is unknown (did you mean weight?)',
  ],
  [
    server("address: 10.0.0.2", "weight: -1"),
    '6:17: services[0].servers[0].weight: "-1": must be a whole number from 0 to 65535',
  ],
  [
    server("address: 10.0.0.2", "weight: heavy"),
    '6:17: services[0].servers[0].weight: "heavy": must be a whole number from 0 to 65535',
  ],
  [
    server("address: 10.0.0.2", "check: []"),
    "6:16: services[0].servers[0].check: is a list, must be a single value",
  ],
  [
    server("address: 10.0.0.2", "scheduler: rr"),
    '6:9: services[0].servers[0]: "scheduler" is unknown, must be one of address, port, weight, forwarding, tunnel, upper-threshold, lower-threshold, check, checks, need, when-failed, notify',
  ],
  [
    server("address: 10.0.0.2", "tunnel: {type: ipip}"),
    "6:17: services[0].servers[0].tunnel: is for forwarding tunnel, which this is not",
  ],
  [
    server("address: 10.0.0.2", "upper-threshold: 1", "lower-threshold: 2"),
    "7:26: services[0].servers[0].lower-threshold: a lower threshold of 2 must be at most the upper one, which is 1",
  ],
  [
    server("address: 10.0.0.2", "forwarding: tunnel", "tunnel: {type: gue}"),
    "7:24: services[0].servers[0].tunnel.type: gue needs the port of the server's end",
  ],
  [
    server("address: 10.0.0.2", "forwarding: direct", "port: 8080"),
    "7:15: services[0].servers[0].port: must be 80, the service's: only masquerade changes ports",
  ],
  [
    check("type: htttp"),
    '5:13: services[0].check.type: "htttp": must be http, https, tcp, tls, udp, icmp, dns, smtp, grpc, exec, file or none (did you mean http?)',
  ],
  [
    check("type: ftp"),
    '5:13: services[0].check.type: "ftp": must be http, https, tcp, tls, udp, icmp, dns, smtp, grpc, exec, file or none',
  ],
  [check("typ: http"), '5:7: services[0].check: "typ" is unknown (did you mean type?)'],
  [check("path: /x"), "5:13: services[0].check.path: means nothing without a type"],
  [
    check("type: http", "path: /a b"),
    '6:13: services[0].check.path: "/a b": must be printable ASCII without white space (other characters stand there percent-encoded, as %20)',
  ],
  [
    check("type: http", "path: /a#b"),
    '6:13: services[0].check.path: "/a#b": has a fragment, must end before the "#" (fragments are never sent to a server)',
  ],
  [
    check("type: http", "path: /ä"),
    '6:13: services[0].check.path: "/ä": must be printable ASCII without white space (other characters stand there percent-encoded, as %20)',
  ],
  [
    check("type: http", "port: 0"),
    '6:13: services[0].check.port: "0": must be a whole number from 1 to 65535',
  ],
  [
    check("type: http", "port: 65536"),
    '6:13: services[0].check.port: "65536": must be a whole number from 1 to 65535',
  ],
  [
    check("type: http", "interval: 50ms"),
    '6:17: services[0].check.interval: "50ms": must be from 100ms to 24h',
  ],
  [
    check("type: http", "interval: 25h"),
    '6:17: services[0].check.interval: "25h": must be from 100ms to 24h',
  ],
  [
    check("type: http", "interval: soon"),
    '6:17: services[0].check.interval: "soon": is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s',
  ],
  [
    check("type: http", "timeout: 0"),
    '6:16: services[0].check.timeout: "0": must be from 1ms to 24h',
  ],
  [
    check("type: http", "timeout: 1d"),
    '6:16: services[0].check.timeout: "1d": is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s',
  ],
  [
    check("type: http", "rise: 0"),
    '6:13: services[0].check.rise: "0": must be a whole number from 1 to 1000',
  ],
  [
    check("type: http", "fall: 1001"),
    '6:13: services[0].check.fall: "1001": must be a whole number from 1 to 1000',
  ],
  [
    check("type: http", "method: GE T"),
    '6:15: services[0].check.method: "GE T": must be a method of HTTP, as GET or HEAD',
  ],
  [
    check("type: http", "method: connect"),
    '6:15: services[0].check.method: "connect": opens a tunnel and checks nothing, must be another method, as GET or HEAD',
  ],
  [
    check("type: http", "status: 99"),
    '6:15: services[0].check.status: "99": must be a whole number from 100 to 599',
  ],
  [
    check("type: http", "status: [404, ok]"),
    '6:21: services[0].check.status[1]: "ok": must be a whole number from 100 to 599',
  ],
  [
    check("type: http", "verify: perhaps"),
    '6:15: services[0].check.verify: "perhaps": must be true or false',
  ],
  [
    check("type: http", "headers: x"),
    "6:16: services[0].check.headers: must be a map of names to values",
  ],
  [
    check("type: http", "headers: [a]"),
    "6:16: services[0].check.headers: must be a map of names to values",
  ],
  [
    check("type: http", "headers: {'a b': c}"),
    "6:17: services[0].check.headers: must be the name of a header",
  ],
  [
    check("type: http", "headers: {Connection: close}"),
    '6:29: services[0].check.headers.Connection: "Connection": is set by the program itself, must be another header',
  ],
  [
    check("type: http", 'headers: {Authorization: "geh\\u0007eim"}'),
    '6:32: services[0].check.headers.Authorization: "Authorization": its value must be printable ASCII on one line',
  ],
  [
    check("type: http", "headers: {A: [b]}"),
    "6:20: services[0].check.headers.A: must be a single value",
  ],
  [
    check("type: http", "body: {}"),
    "6:13: services[0].check.body: is a map, must be a single value",
  ],
  [
    check("type: none", "rise: 2"),
    "6:13: services[0].check.rise: means nothing without a type",
  ],
  [defaults("mode: x"), '2:9: defaults.mode: "x": must be link, route or none'],
  [
    defaults("address: 10.0.0.1"),
    '2:3: defaults: "address" is unknown, must be one of protocol, mode, device, gateway, scheduler, scheduler-flags, one-packet, persistence, start, keep-last, quorum, panic, slow-start, notify-end, drain, maintenance-drain, drain-timeout, weight, forwarding, tunnel, upper-threshold, lower-threshold, check, checks, need, when-failed, notify',
  ],
  [
    defaults("servers: []"),
    '2:3: defaults: "servers" is unknown, must be one of protocol, mode, device, gateway, scheduler, scheduler-flags, one-packet, persistence, start, keep-last, quorum, panic, slow-start, notify-end, drain, maintenance-drain, drain-timeout, weight, forwarding, tunnel, upper-threshold, lower-threshold, check, checks, need, when-failed, notify',
  ],
  [
    defaults("check: {type: x}"),
    '2:17: defaults.check.type: "x": must be http, https, tcp, tls, udp, icmp, dns, smtp, grpc, exec, file or none',
  ],
  [defaults("weight: -1"), '2:11: defaults.weight: "-1": must be a whole number from 0 to 65535'],
  [
    defaults("drain-timeout: x"),
    '2:18: defaults.drain-timeout: "x": is no duration, must be seconds or a duration such as 500ms, 5s or 1m30s',
  ],
  [host("dataplane: x"), '2:14: host.dataplane: "x": must be kernel, embedded or auto'],
  [
    host("dataplane: kernel", "backend: ipvsadm"),
    '3:12: host.backend: "ipvsadm": must be netlink or command',
  ],
  [host("masquerade: nft"), '2:15: host.masquerade: "nft": must be auto, nftables or iptables'],
  [
    host("masquerade-bit: 32"),
    '2:19: host.masquerade-bit: "32": must be a whole number from 0 to 31',
  ],
  [host("sync-interval: 1ms"), '2:18: host.sync-interval: "1ms": must be from 100ms to 24h'],
  [
    host("checks-at-once: 0"),
    '2:19: host.checks-at-once: "0": must be a whole number from 1 to 100000',
  ],
  [
    host("proxy: {protocol: v3}"),
    '2:21: host.proxy.protocol: "v3": must be v1 or v2 (did you mean v1?)',
  ],
  [
    host("proxy: {connect-timeout: 0}"),
    '2:28: host.proxy.connect-timeout: "0": must be from 100ms to 1h',
  ],
  [
    host("proxy: {idle-timeout: 0.5s}"),
    '2:25: host.proxy.idle-timeout: "0.5s": must be from 1s to 720h',
  ],
  [host("proxy: []"), "2:10: host.proxy: is a list, must be a map"],
  [
    host("log: debug"),
    '2:3: host: "log" is unknown, must be one of dataplane, backend, masquerade, masquerade-bit, sync-interval, checks-at-once, timeouts, sync-daemon, proxy',
  ],
  [
    embedded("mark: 1"),
    "3:11: services[0].mark: the embedded proxy knows no marks, must be address and port",
  ],
  [
    embedded("address: 10.0.0.1", "port: 80", "scheduler: sed"),
    '5:16: services[0].scheduler: the embedded proxy has no "sed", must be rr, wrr, lc, wlc, sh, mh',
  ],
  [
    embedded("address: 10.0.0.1", "port: 80", "protocol: sctp"),
    "5:15: services[0].protocol: the embedded proxy knows no sctp, must be tcp or udp",
  ],
  [
    embedded("address: 10.0.0.1", "port: 80", "forwarding: direct", "servers: [10.0.0.2]"),
    "6:15: services[0].servers[0]: the embedded proxy only masquerades, must be masquerade",
  ],
  [
    whole("services:", "  - {address: 10.0.0.1, port: 80}", "  - {address: 10.0.0.1, port: 80}"),
    "3:15: services[1].address: TCP 10.0.0.1:80 is a service at FILE:2:15 already",
  ],
  [
    whole(
      "services:",
      "  - {address: 10.0.0.1, port: 80}",
      "  - {address: 10.0.0.1, port: [79, 80]}",
    ),
    "3:15: services[1].address: TCP 10.0.0.1:80 is a service at FILE:2:15 already",
  ],
  [
    whole("services:", "  - {mark: 1}", "  - {mark: 1}"),
    "3:12: services[1].mark: FWM 1 is a service at FILE:2:12 already",
  ],
  [
    whole(
      "services:",
      "  - {address: 10.0.0.1, port: 80, device: a}",
      "  - {address: 10.0.0.1, port: 81, device: b}",
    ),
    "3:5: services[1]: 10.0.0.1 is on device b, and on device a at FILE:2:15: must be one",
  ],
  [
    whole(
      "services:",
      "  - {address: 10.0.0.1, port: 80}",
      "  - {address: 10.0.0.1, port: 81, mode: route, gateway: 10.0.0.9}",
    ),
    "3:41: services[1].mode: 10.0.0.1 is by a route via 10.0.0.9, and on device lvscare at FILE:2:15: must be one",
  ],
  [
    whole("services:", "  - {address: [10.0.0.1-10.0.0.9], port: 80}"),
    '2:16: services[0].address[0]: "10.0.0.1-10.0.0.9": must be an address, as 10.0.0.1 or fd00::1',
  ],
  [
    whole("services:", "  - {address: 10.0.0.1, port: 0-65535, persistence: 1m}"),
    "2:5: services[0]: with it there are more than 50000 services",
  ],
];

Deno.test(`${CASES.length} wrong files, each with all that is wrong in it`, async () => {
  assert.ok(CASES.length >= 200);
  await withFolder(async (folder) => {
    const path = `${folder}/lvscare.yaml`;
    for (const [text, ...said] of CASES) {
      Deno.writeTextFileSync(path, text);
      const { config, report } = await readFiles({ path, nodeAddresses: [] });
      const lines = report.lines.map((line) => {
        assert.ok(line.startsWith(`${path}:`), line);
        return line.slice(path.length + 1).replaceAll(path, "FILE");
      });
      assert.deepEqual(lines, said, text);
      assert.equal(config, undefined, text);
      for (const line of lines) assert.match(line, /^\P{Cc}+$/u, text);
    }
  });
});

Deno.test("two files with one service say both places; a file of conf.d has no host", async () => {
  await withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/conf.d`);
    const write = (name: string, text: string) => Deno.writeTextFileSync(`${folder}/${name}`, text);
    write("lvscare.yaml", "defaults: {mode: none}\n");
    write("conf.d/a.yaml", "# one\n" + SERVICE);
    write("conf.d/b.yml", "host: {}\n" + SERVICE);
    write("conf.d/c.yaml", "defaults:\n  mode: link\n" + SERVICE.replace("80", "81"));
    write("conf.d/d.yaml", "defaults: {mode: link, device: d0}\n" + SERVICE.replace("80", "82"));
    write("conf.d/.hidden.yaml", "nonsense");
    write("conf.d/readme.txt", "nonsense");
    const { report, files } = await readFiles({ path: folder, nodeAddresses: [] });
    assert.equal(files, 5);
    assert.deepEqual(report.lines.map((line) => line.replaceAll(`${folder}/`, "")), [
      'conf.d/b.yml:1:1: "host" is unknown, must be one of defaults, services',
      "conf.d/b.yml:3:14: services[0].address: TCP 10.0.0.1:80 is a service at " +
      "conf.d/a.yaml:3:14 already",
      "conf.d/d.yaml:3:5: services[0]: 10.0.0.1 is on device d0, and on device lvscare at " +
      "conf.d/c.yaml:4:14: must be one",
    ]);
  });
});

Deno.test("more mistakes than anybody reads are counted", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/lvscare.yaml`;
    const wrong = (_: unknown, i: number) => `  - {address: 10.0.0.1, port: ${i + 1}, wieght: 1}\n`;
    Deno.writeTextFileSync(path, `services:\n${Array.from({ length: 300 }, wrong).join("")}`);
    const { report } = await readFiles({ path, nodeAddresses: [] });
    assert.equal(report.lines.length, 201);
    assert.equal(report.lines.at(-1), "and 100 more");
  });
});
