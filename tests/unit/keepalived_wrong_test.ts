/**
 * Files of keepalived's that are wrong, or that say what cannot be had here: each is refused whole, and every mistake
 * has its line and its column. Where keepalived refuses it too, it is asked.
 */

import assert from "node:assert/strict";
import type { Config } from "../../src/config/config.ts";
import { readFiles } from "../../src/config/files/read.ts";
import { convertKeepalived } from "../../src/config/keepalived/read.ts";
import { printConfig } from "../support/config_text.ts";
import { run, withFolder } from "../support/process.ts";

const lines = (...each: readonly string[]) => each.map((line) => `${line}\n`).join("");
const SERVER = ["real_server 198.51.100.1 80 {", "}"] as const;
const BASICS = ["lvs_sched wrr", "lvs_method NAT", "protocol TCP"] as const;
const service = (...each: readonly string[]) =>
  lines("virtual_server 192.0.2.1 80 {", ...BASICS, ...each, ...SERVER, "}");
const server = (...each: readonly string[]) =>
  lines("virtual_server 192.0.2.1 80 {", ...BASICS, SERVER[0], ...each, "}", "}");
const checker = (type: string, ...each: readonly string[]) => server(`${type} {`, ...each, "}");
const url = (...each: readonly string[]) => checker("HTTP_GET", "url {", "path /", ...each, "}");
const globals = (...each: readonly string[]) => lines("global_defs {", ...each, "}");
const group = (...each: readonly string[]) =>
  lines(
    "virtual_server_group g {",
    ...each,
    "}",
    "virtual_server group g {",
    ...BASICS,
    ...SERVER,
    "}",
  );
const mark = (...each: readonly string[]) =>
  lines("virtual_server fwmark 1 {", "lvs_sched wrr", ...each, "}");
const file = (...each: readonly string[]) => lines("track_file f {", ...each, "}");
/** Without it keepalived has something to say of every script. */
const SECURE = globals("script_user root", "enable_script_security");
const DYNAMIC = ["MISC_CHECK {", "misc_path /usr/bin/true", "misc_dynamic", "}"];

/** A file's text, and what is said of it behind its name; FILE is that name inside what is said. */
type Case = readonly [text: string, ...said: readonly string[]];

/** What keepalived refuses too. */
const WRONG: readonly Case[] = [
  // unknown words
  [
    lines("virtual_srever 192.0.2.1 80 {", "}"),
    '1:1: "virtual_srever" is unknown here (did you mean virtual_server?)',
  ],
  [lines("something {", "other", "}"), '1:1: "something" is unknown here'],
  [globals("lvs_timeout tcp 5"), '2:1: "lvs_timeout" is unknown here (did you mean lvs_timeouts?)'],
  [service("lb_alog rr"), '5:1: "lb_alog" is unknown here (did you mean lb_algo?)'],
  [service("HTTP_GET {", "}"), '5:1: "HTTP_GET" is unknown here'],
  [server("wieght 3"), '6:1: "wieght" is unknown here (did you mean weight?)'],
  [server("TCP_CHEK {", "}"), '6:1: "TCP_CHEK" is unknown here (did you mean TCP_CHECK?)'],
  [server("quorum 2"), '6:1: "quorum" is unknown here'],
  [
    checker("TCP_CHECK", "conect_port 80"),
    '7:1: "conect_port" is unknown here (did you mean connect_port?)',
  ],
  [checker("TCP_CHECK", "url {", "path /", "}"), '7:1: "url" is unknown here'],
  [checker("TCP_CHECK", "nb_get_retry 3"), '7:1: "nb_get_retry" is unknown here'],
  [checker("HTTP_GET", "url {", "path /", "}", "helo_name x"), '10:1: "helo_name" is unknown here'],
  [
    checker("SSL_GET", "url {", "path /", "}", "enable_snl"),
    '10:1: "enable_snl" is unknown here (did you mean enable_sni?)',
  ],
  [checker("SMTP_CHECK", "helo x"), '7:1: "helo" is unknown here'],
  [checker("SMTP_CHECK", "host {", "helo_name x", "}"), '8:1: "helo_name" is unknown here'],
  [checker("DNS_CHECK", "nmae x"), '7:1: "nmae" is unknown here (did you mean name?)'],
  [
    SECURE + checker("MISC_CHECK", "misc_path /usr/bin/true", "connect_timeout 3"),
    '12:1: "connect_timeout" is unknown here',
  ],
  [checker("UDP_CHECK", "playload 00"), '7:1: "playload" is unknown here (did you mean payload?)'],
  [checker("PING_CHECK", "payload 00"), '7:1: "payload" is unknown here'],
  [
    file("file /run/f") + checker("FILE_CHECK", "track_file f", "delay_loop 3"),
    '11:1: "delay_loop" is unknown here',
  ],
  [url("status 200"), '9:1: "status" is unknown here'],
  [lines("SSL {", "cert /etc/x.pem", "}"), '2:1: "cert" is unknown here'],
  [file("file /run/f", "wight 3"), '3:1: "wight" is unknown here (did you mean weight?)'],
  // numbers
  [service("quorum 0"), '5:8: "0": must be a whole number from 1 to 1000000000'],
  [service("quorum many"), '5:8: "many": must be a whole number from 1 to 1000000000'],
  [service("hysteresis -1"), '5:12: "-1": must be a whole number from 0 to 1000000000'],
  [service("weight 0"), '5:8: "0": must be a whole number from 1 to 65535'],
  [service("delay_loop 0"), '5:12: "0": must be seconds from 0.1 to 86400, as 3 or 0.5'],
  [service("delay_loop soon"), '5:12: "soon": must be seconds from 0.1 to 86400, as 3 or 0.5'],
  [service("delay_loop 1e3"), '5:12: "1e3": must be seconds from 0.1 to 86400, as 3 or 0.5'],
  [service("delay_loop -1"), '5:12: "-1": must be seconds from 0.1 to 86400, as 3 or 0.5'],
  [service("connect_timeout 0"), '5:17: "0": must be seconds from 0.001 to 4294, as 3 or 0.5'],
  [
    service("connect_timeout 5000"),
    '5:17: "5000": must be seconds from 0.001 to 4294, as 3 or 0.5',
  ],
  [service("retry -1"), '5:7: "-1": must be a whole number from 0 to 999'],
  [service("persistence_timeout 0"), '5:21: "0": must be a whole number from 1 to 2678400'],
  [
    service("persistence_timeout 2678401"),
    '5:21: "2678401": must be a whole number from 1 to 2678400',
  ],
  [server("weight -1"), '6:8: "-1": must be a whole number from 0 to 65535'],
  [server("weight heavy"), '6:8: "heavy": must be a whole number from 0 to 65535'],
  [server("weight 0x10"), '6:8: "0x10": must be a whole number from 0 to 65535'],
  [server("uthreshold many"), '6:12: "many": must be a whole number from 0 to 999999999'],
  [
    server("inhibit_on_failure maybe"),
    '6:20: "maybe": must be true or false, on or off, yes or no',
  ],
  [server("alpha 1"), '6:7: "1": must be true or false, on or off, yes or no'],
  [checker("TCP_CHECK", "connect_port 0"), '7:14: "0": must be a whole number from 1 to 65535'],
  [
    checker("TCP_CHECK", "connect_port 65536"),
    '7:14: "65536": must be a whole number from 1 to 65535',
  ],
  [
    checker("TCP_CHECK", "connect_port http"),
    '7:14: "http": must be a whole number from 1 to 65535',
  ],
  [
    checker("TCP_CHECK", "bind_port 70000"),
    '7:11: "70000": must be a whole number from 1 to 65535',
  ],
  [checker("TCP_CHECK", "fwmark 0x10"), '7:8: "0x10": must be a whole number from 0 to 4294967295'],
  [
    checker("TCP_CHECK", "fwmark 4294967296"),
    '7:8: "4294967296": must be a whole number from 0 to 4294967295',
  ],
  [
    SECURE + checker("MISC_CHECK", "misc_path /usr/bin/true", "misc_timeout 0.5"),
    '12:14: "0.5": must be a whole number from 0 to 4294',
  ],
  [
    checker("UDP_CHECK", "max_reply_length 65536"),
    '7:18: "65536": must be a whole number from 0 to 65535',
  ],
  [
    checker("UDP_CHECK", "require_reply", "min_reply_length 9", "max_reply_length 8"),
    "8:18: no reply has at least 9 and at most 8 bytes: max_reply_length must be more",
  ],
  [
    checker("UDP_CHECK", "require_reply", "min_reply_length 256"),
    "8:18: no reply has at least 256 and at most 255 bytes: max_reply_length must be more",
  ],
  [checker("UDP_CHECK", "payload 0g"), '7:9: "0g": must be hexadecimal digits'],
  [checker("UDP_CHECK", "payload 0x00"), '7:9: "0x00": must be hexadecimal digits'],
  [checker("UDP_CHECK", "require_reply 0y"), '7:15: "0y": must be hexadecimal digits'],
  [url("status_code 99"), '9:13: "99": must be a status from 100 to 599, or two as 200-299'],
  [url("status_code 600"), '9:13: "600": must be a status from 100 to 599, or two as 200-299'],
  [
    url("status_code 299-200"),
    '9:13: "299-200": must be a status from 100 to 599, or two as 200-299',
  ],
  [
    url("status_code 200 good"),
    '9:13: "good": must be a status from 100 to 599, or two as 200-299',
  ],
  [url("digest abc"), '9:8: "abc": must be 32 hexadecimal digits'],
  [
    url("digest 0cc175b9c0f1b6a831c399e26977266z"),
    '9:8: "0cc175b9c0f1b6a831c399e26977266z": must be 32 hexadecimal digits',
  ],
  [file("file /run/f", "weight 255"), '3:8: "255": must be a whole number from -254 to 254'],
  [
    file("file /run/f") + checker("FILE_CHECK", "track_file f", "weight 3 backwards"),
    '11:10: "backwards": must be reverse, or not be there',
  ],
  [globals("lvs_timeouts tcp soon"), '2:18: "soon": must be a whole number from 1 to 2145600'],
  [globals("lvs_timeouts tpc 5"), '2:14: "tpc": must be tcp, tcpfin or udp'],
  [globals("lvs_sync_daemon lo id 256"), '2:23: "256": must be a whole number from 0 to 255'],
  [
    globals("lvs_sync_daemon lo maxlen 65508"),
    '2:27: "65508": must be a whole number from 1 to 65507',
  ],
  [globals("lvs_sync_daemon lo port 0"), '2:25: "0": must be a whole number from 1 to 65535'],
  [globals("lvs_sync_daemon lo ttl 256"), '2:24: "256": must be a whole number from 1 to 255'],
  [
    globals("lvs_sync_daemon lo group 192.0.2.1"),
    '2:26: "192.0.2.1": must be a multicast address, as 224.0.0.81',
  ],
  [group("fwmark 4294967296"), '2:8: "4294967296": must be a whole number from 1 to 4294967295'],
  [
    lines("virtual_server fwmark one {", "}"),
    '1:23: "one": must be a whole number from 1 to 4294967295',
  ],
  [
    lines("virtual_server 192.0.2.1 65536 {", "}"),
    '1:26: "65536": must be a whole number from 0 to 65535',
  ],
  [
    service("real_server 198.51.100.2 x {", "}"),
    '5:26: "x": must be a whole number from 0 to 65535',
  ],
  // missing values
  [service("delay_loop"), "5:1: delay_loop has no time, must have one"],
  [service("lvs_sched"), "5:1: lvs_sched has no value, must have one"],
  [service("lvs_method"), "5:1: lvs_method has no method, must be NAT, DR or TUN"],
  [service("virtualhost"), "5:1: virtualhost has no value, must have one"],
  [service("sorry_server"), "5:1: sorry_server has no address, must have one"],
  [service("quorum_up"), "5:1: quorum_up has no program, must have one"],
  [service("real_server {", "}"), "5:1: real_server has no address, must have one"],
  [server("weight"), "6:1: weight has no number, must have one"],
  [checker("TCP_CHECK", "connect_ip"), "7:1: connect_ip has no address, must have one"],
  [checker("TCP_CHECK", "bind_if"), "7:1: bind_if has no value, must have one"],
  [
    checker("HTTP_GET", "http_protocol", "url {", "path /", "}"),
    "7:1: http_protocol has no value, must have one",
  ],
  [checker("UDP_CHECK", "payload"), "7:1: payload has no value, must have one"],
  [SECURE + checker("MISC_CHECK", "misc_path"), "11:1: misc_path has no program, must have one"],
  [
    SECURE + checker("MISC_CHECK", "misc_path /usr/bin/true", "user"),
    "12:1: user has no name, must have one",
  ],
  [
    file("file /run/f") + checker("FILE_CHECK", "track_file"),
    "10:1: track_file has no value, must have one",
  ],
  [url("digest"), "9:1: digest has no value, must have one"],
  [lines("SSL {", "ca", "}"), "2:1: ca has no value, must have one"],
  [
    lines("virtual_server {", "}"),
    "1:1: virtual_server has no address, must have one, or fwmark, or group",
  ],
  [
    lines("virtual_server_group {", "192.0.2.1 80", "}"),
    "1:1: virtual_server_group has no name, must have one",
  ],
  [globals("script_user"), "2:1: script_user has no name, must have one"],
  [globals("lvs_timeouts"), "2:1: lvs_timeouts has no time, must have one"],
  [globals("lvs_timeouts tcp"), "2:14: tcp has no value, must have one"],
  [globals("lvs_sync_daemon"), "2:1: lvs_sync_daemon has no device, must have one"],
  [globals("lvs_sync_daemon lo id"), "2:20: id has no value, must have one"],
  [group("fwmark"), "2:1: fwmark has no number, must have one"],
  [group(), '1:1: "g" has no entries, must have some'],
  [file(), '1:12: track_file "f" has no file, must have one'],
  // missing blocks, and those too many
  [
    lines("virtual_server 192.0.2.1 80"),
    "1:1: virtual_server has no block, must have one in braces",
  ],
  [
    service("real_server 198.51.100.2 80"),
    "5:1: real_server has no block, must have one in braces",
  ],
  [server("TCP_CHECK"), "6:1: TCP_CHECK has no block, must have one in braces"],
  [server("HTTP_GET"), "6:1: HTTP_GET has no block, must have one in braces"],
  [server("HTTP_GET {", "}"), "6:1: HTTP_GET has no url, must have one"],
  [SECURE + server("MISC_CHECK {", "}"), "10:1: MISC_CHECK has no misc_path, must have one"],
  [server("FILE_CHECK {", "}"), "6:1: FILE_CHECK has no track_file, must have one"],
  [checker("HTTP_GET", "url"), "7:1: url has no block, must have one in braces"],
  [checker("SMTP_CHECK", "host"), "7:1: host has no block, must have one in braces"],
  [service("delay_loop 3 {", "}"), '5:1: "delay_loop" has a block, must have none'],
  [server("weight 3 {", "TCP_CHECK {", "}", "}"), '6:1: "weight" has a block, must have none'],
  [group("192.0.2.1 80 {", "}"), '2:1: "192.0.2.1" has a block, must have none'],
  [lines("}"), "1:1: } closes no block"],
  [lines("global_defs {"), '1:13: has no } for the { of "global_defs"'],
  [lines("{", "}"), "1:1: { stands behind no word, must open somebody's block"],
  // values
  [
    service("lvs_sched rrr"),
    '5:11: "rrr": must be one of rr, wrr, lc, wlc, lblc, sh, mh, dh, fo, ovf, lblcr, sed, nq, twos (did you mean rr?)',
  ],
  [
    service("lvs_sched RR"),
    '5:11: "RR": must be one of rr, wrr, lc, wlc, lblc, sh, mh, dh, fo, ovf, lblcr, sed, nq, twos (did you mean rr?)',
  ],
  [
    service("lvs_sched fastest"),
    '5:11: "fastest": must be one of rr, wrr, lc, wlc, lblc, sh, mh, dh, fo, ovf, lblcr, sed, nq, twos',
  ],
  [service("lvs_method NAP"), '5:12: "NAP": must be NAT, DR or TUN (did you mean NAT?)'],
  [service("lvs_method NAT csum"), '5:16: "csum" is for TUN alone'],
  [service("lvs_method TUN type vxlan"), '5:21: "vxlan": must be ipip, gue or gre'],
  [service("lvs_method TUN type"), "5:16: type has no value, must have one"],
  [service("lvs_method TUN type gue"), "5:16: a tunnel of gue has no port, must have one"],
  [service("lvs_method TUN type gue port 0"), '5:30: "0": must be a whole number from 1 to 65535'],
  [service("lvs_method TUN type gre port 5"), "5:16: a tunnel of gre has a port, must have none"],
  [
    service("lvs_method TUN type gre remcsum"),
    "5:16: a tunnel of gre has remcsum, must have csum or nocsum",
  ],
  [service("lvs_method TUN csum"), "5:16: a tunnel of ipip has a checksum, must have none"],
  [
    service("lvs_method TUN fast"),
    '5:16: "fast": must be type ipip, gue or gre, port, nocsum, csum or remcsum',
  ],
  [service("protocol ICMP"), '5:10: "ICMP": must be TCP, UDP or SCTP'],
  [service("ip_family inet4"), '5:11: "inet4": must be inet or inet6'],
  [service("ip_family inet6"), '5:11: "inet6": must be inet, as 192.0.2.1 is'],
  [
    service("sh-port"),
    '5:1: "sh-port" is a flag of scheduler sh, not of wrr (it has flag-1, flag-2, flag-3)',
  ],
  [
    service("mh-fallback"),
    '5:1: "mh-fallback" is a flag of scheduler mh, not of wrr (it has flag-1, flag-2, flag-3)',
  ],
  [
    service("persistence_granularity 255.255.x.0"),
    '5:25: "255.255.x.0": must be a mask of IPv4, as 255.255.255.0',
  ],
  [
    service("persistence_timeout", "persistence_engine averylongenginename"),
    '6:20: "averylongenginename": must be the name of an engine, as sip',
  ],
  [
    service("sorry_server nobody"),
    '5:14: "nobody": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    service("sorry_server_inhibit"),
    "5:1: sorry_server_inhibit has no sorry_server beside it, must have one",
  ],
  [
    service("sorry_server_lvs_method DR"),
    "5:25: sorry_server_lvs_method has no sorry_server beside it, must have one",
  ],
  [
    lines("virtual_server www.example 80 {", "}"),
    '1:16: "www.example": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    lines("virtual_server 192.0.2.300 80 {", "}"),
    '1:16: "192.0.2.300": must be an address, as 10.0.0.1 or fd00::1',
  ],
  [
    service("real_server web1 80 {", "}"),
    '5:13: "web1": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    checker("TCP_CHECK", "connect_ip web1"),
    '7:12: "web1": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    checker("TCP_CHECK", "bindto eth0"),
    '7:8: "eth0": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [
    checker("TCP_CHECK", "bindto 2001:db8::1"),
    '7:8: "2001:db8::1": must be of the family of 198.51.100.1, which is asked',
  ],
  [
    checker("TCP_CHECK", "connect_ip fe80::1"),
    '7:12: "fe80::1": is a link\'s own address, must have bind_if beside it',
  ],
  [
    checker("TCP_CHECK", "bind_if a_device_of_many_letters"),
    '7:9: "a_device_of_many_letters": must be the name of a device',
  ],
  [
    checker("HTTP_GET", "http_protocol 3", "url {", "path /", "}"),
    '7:15: "3": must be 1.0, 1.0C or 1.1',
  ],
  [checker("DNS_CHECK", "type HOST"), '7:6: "HOST": must be a type of record, as A, SOA or TYPE65'],
  [checker("DNS_CHECK", "name a..b"), '7:6: "a..b": must be a domain name, as www.example'],
  [
    file("file /run/f") + checker("FILE_CHECK", "track_file g"),
    '10:12: there is no track_file "g"',
  ],
  [
    checker("SSL_GET", "enable_sni maybe", "url {", "path /", "}"),
    '7:12: "maybe": must be true or false, on or off, yes or no',
  ],
  [SECURE + service('quorum_up "/usr/bin/echo \'a"'), "9:11: has no closing '"],
  [
    SECURE + service("quorum_up /usr/bin/true", "quorum_up /usr/bin/false"),
    "10:1: there is a quorum_up already, must be one",
  ],
  // agreement
  [
    service("real_server 2001:db8::1 80 {", "}"),
    "5:13: must be IPv4, as TCP 192.0.2.1:80 is: only a tunnel leads to the other family",
  ],
  [
    service("sorry_server 2001:db8::1 80"),
    "5:14: must be IPv4, as TCP 192.0.2.1:80 is: only a tunnel leads to the other family",
  ],
  [
    service("real_server 198.51.100.1 80 {", "}"),
    "7:1: 198.51.100.1:80 is a server of TCP 192.0.2.1:80 already",
  ],
  [
    lines("virtual_server 192.0.2.1 80 {", "lvs_sched rr", "}"),
    "1:1: virtual_server without a real_server is not supported",
  ],
  [
    mark(
      "lvs_method NAT",
      "real_server 198.51.100.1 80 {",
      "}",
      "real_server 2001:db8::1 80 {",
      "}",
    ),
    "1:16: a mark with servers of both families is not supported",
  ],
  [
    mark("lvs_method NAT", "ip_family inet6", "real_server 198.51.100.1 80 {", "}"),
    "1:16: a mark of inet6 with servers of the other family is not supported",
  ],
  [
    group("192.0.2.9-2 80"),
    '2:1: "192.0.2.9-2": must be an address, or a range that goes up, as 10.0.0.1-9, 10.0.0.250-10.0.1.5 or 10.0.0.8/29',
  ],
  [
    group("192.0.2.1-300 80"),
    '2:1: "192.0.2.1-300": must be an address, or a range that goes up, as 10.0.0.1-9, 10.0.0.250-10.0.1.5 or 10.0.0.8/29',
  ],
  [
    group("192.0.2.1-2001:db8::1 80"),
    '2:1: "192.0.2.1-2001:db8::1": must be an address, or a range that goes up, as 10.0.0.1-9, 10.0.0.250-10.0.1.5 or 10.0.0.8/29',
  ],
  [group("192.0.2.9/29 80"), '2:1: "192.0.2.9/29": must be 192.0.2.8/29, which begins its network'],
  [
    group("192.0.2.8/33 80"),
    '2:1: "192.0.2.8/33": must be an address, or a range that goes up, as 10.0.0.1-9, 10.0.0.250-10.0.1.5 or 10.0.0.8/29',
  ],
  [
    group("192.0.2.8/ 80"),
    '2:1: "192.0.2.8/": must be an address, or a range that goes up, as 10.0.0.1-9, 10.0.0.250-10.0.1.5 or 10.0.0.8/29',
  ],
  [
    group("everybody 80"),
    '2:1: "everybody": must be an address, as 10.0.0.1 or fd00::1 (names are not looked up)',
  ],
  [group("192.0.2.1 http"), '2:11: "http": must be a whole number from 0 to 65535'],
  [group("fwmark 1 ipv6"), '2:10: "ipv6": must be inet or inet6'],
  [service("quorum 4294967295"), '5:8: "4294967295": must be a whole number from 1 to 1000000000'],
];

/** What keepalived takes, and does with it, which is why it is refused here. */
const REFUSED_HERE: readonly (readonly [keepalived: string, ...Case])[] = [
  [
    "takes any word for on",
    service("alpha off"),
    '5:7: "off" stands behind alpha, which is on by being there: must stand alone, or not be there',
  ],
  [
    "takes any word for on",
    service("omega off"),
    '5:7: "off" stands behind omega, which is on by being there: must stand alone, or not be there',
  ],
  [
    "takes any word for on",
    service("inhibit_on_failure off"),
    '5:20: "off" stands behind inhibit_on_failure, which is on by being there: must stand alone, or not be there',
  ],
  [
    "takes any word for on",
    service("protocol UDP", "ops off"),
    '6:5: "off" stands behind ops, which is on by being there: must stand alone, or not be there',
  ],
  [
    "takes any word for on",
    service("flag-1 off"),
    '5:8: "off" stands behind flag-1, which is on by being there: must stand alone, or not be there',
  ],
  [
    "takes any word for on",
    service("sorry_server 198.51.100.2 80", "sorry_server_inhibit off"),
    '6:22: "off" stands behind sorry_server_inhibit, which is on by being there: must stand alone, or not be there',
  ],
  [
    "takes any word for on",
    SECURE + checker("MISC_CHECK", "misc_path /usr/bin/true", "misc_dynamic off"),
    '12:14: "off" stands behind misc_dynamic, which is on by being there: must stand alone, or not be there',
  ],
  [
    "takes any word for on",
    url("regex_no_match off", "regex x"),
    '9:16: "off" stands behind regex_no_match, which is on by being there: must stand alone, or not be there',
  ],
  [
    "passes over words",
    service("delay_loop 3 4"),
    '5:14: "4" is one word too many behind delay_loop',
  ],
  ["passes over words", server("weight 3 4"), '6:10: "4" is one word too many behind weight'],
  [
    "passes over words",
    service("real_server 198.51.100.2 80 81 {", "}"),
    '5:29: "81" is one word too many behind real_server',
  ],
  [
    "passes over words",
    service("sorry_server 198.51.100.2 80 81"),
    '5:30: "81" is one word too many behind sorry_server',
  ],
  ["passes over words", group("192.0.2.1 80 81"), '2:14: "81" is one word too many'],
  [
    "passes over words",
    lines(
      "virtual_server fwmark 1 2 {",
      "lvs_sched rr",
      "lvs_method NAT",
      "real_server 198.51.100.1 80 {",
      "}",
      "}",
    ),
    '1:25: "2" is one word too many behind virtual_server',
  ],
  [
    "passes over words",
    lines(
      "virtual_server 192.0.2.1 80 81 {",
      "lvs_sched rr",
      "lvs_method NAT",
      "protocol TCP",
      "real_server 198.51.100.1 80 {",
      "}",
      "}",
    ),
    '1:29: "81" is one word too many behind virtual_server',
  ],
  [
    "passes over words",
    SECURE + service("quorum_up /usr/bin/true root root root"),
    '9:35: "root" is one word too many',
  ],
  ["passes over words", service("lvs_method DR type ipip"), '5:15: "type" is for TUN alone'],
  ["passes over words", url("regex a b"), '9:9: "b" is one word too many behind regex'],
  [
    "passes over words",
    lines(
      "virtual_server 192.0.2.1-3 80 {",
      "lvs_sched rr",
      "lvs_method NAT",
      "protocol TCP",
      "real_server 198.51.100.1 80 {",
      "}",
      "}",
    ),
    '1:16: "192.0.2.1-3": must be an address, as 10.0.0.1 or fd00::1',
  ],
  ["passes over a line without a value", url("regex"), "9:1: regex has no value, must have one"],
  [
    "passes over a block that is not there",
    lines("global_defs"),
    "1:1: global_defs has no block, must have one in braces",
  ],
  [
    "counts further than anybody needs",
    service("retry 1000"),
    '5:7: "1000": must be a whole number from 0 to 999',
  ],
  [
    "counts further than anybody needs",
    service("delay_loop 0.05"),
    '5:12: "0.05": must be seconds from 0.1 to 86400, as 3 or 0.5',
  ],
  [
    "counts further than anybody needs",
    service("delay_loop 86401"),
    '5:12: "86401": must be seconds from 0.1 to 86400, as 3 or 0.5',
  ],
  [
    "counts further than anybody needs",
    service("delay_before_retry 86401"),
    '5:20: "86401": must be seconds from 0 to 86400, as 3 or 0.5',
  ],
  [
    "counts further than anybody needs",
    service("warmup 86401"),
    '5:8: "86401": must be seconds from 0 to 86400, as 3 or 0.5',
  ],
  [
    "counts further than anybody needs",
    server("weight 65536"),
    '6:8: "65536": must be a whole number from 0 to 65535',
  ],
  [
    "counts further than anybody needs",
    server("uthreshold 1000000000"),
    '6:12: "1000000000": must be a whole number from 0 to 999999999',
  ],
  [
    "counts further than anybody needs",
    file("file /run/f") + checker("FILE_CHECK", "track_file f", "weight 65536"),
    '11:8: "65536": must be a whole number from -65535 to 65535',
  ],
  [
    "counts further than anybody needs",
    url("regex x", "regex_min_offset 1048577"),
    '10:18: "1048577": must be a whole number from 0 to 1048576',
  ],
  [
    "counts further than anybody needs",
    checker("UDP_CHECK", "require_reply ab", "min_reply_length 5001", "max_reply_length 6000"),
    "8:18: a reply of 5001 to 6000 bytes is not supported: must be up to 5000 bytes, or any number of them (65507)",
  ],
  [
    "counts further than anybody needs",
    group("192.0.0.0/16 80"),
    "4:1: with it there are more than 50000 services",
  ],
  [
    "counts further than anybody needs",
    group("10.0.0.0/8 80"),
    '2:1: "10.0.0.0/8" stands for too many addresses, must be at most 65536',
  ],
  [
    "leaves it to the kernel",
    server("lthreshold 3"),
    "6:12: a lower threshold of 3 must be at most the upper one, which is 0",
  ],
  [
    "counts further than the kernel",
    globals("lvs_timeouts udp 2147484"),
    '2:18: "2147484": must be a whole number from 1 to 2145600',
  ],
  [
    "takes it for no change",
    globals("lvs_timeouts tcp 0"),
    '2:18: "0": must be a whole number from 1 to 2145600',
  ],
  [
    "takes a service for its own server",
    service("real_server 192.0.2.1 80 {", "}"),
    "5:1: 192.0.2.1:80 is the service itself, must be a server behind it",
  ],
  [
    "takes it, and nobody can connect to it",
    lines(
      "virtual_server 224.0.0.1 80 {",
      "lvs_sched rr",
      "lvs_method NAT",
      "protocol TCP",
      "real_server 198.51.100.1 80 {",
      "}",
      "}",
    ),
    '1:16: "224.0.0.1": is a multicast address, must be the address of one host',
  ],
  [
    "takes it, and nobody can connect to it",
    lines(
      "virtual_server 0.0.0.0 80 {",
      "lvs_sched rr",
      "lvs_method NAT",
      "protocol TCP",
      "real_server 198.51.100.1 80 {",
      "}",
      "}",
    ),
    '1:16: "0.0.0.0": is the address of no host, must be the address of one host',
  ],
  [
    "takes it, and nobody can connect to it",
    lines(
      "virtual_server ::ffff:192.0.2.1 80 {",
      "lvs_sched rr",
      "lvs_method NAT",
      "protocol TCP",
      "real_server 2001:db8::1 80 {",
      "}",
      "}",
    ),
    '1:16: "::ffff:192.0.2.1": is an IPv4 address written as IPv6, must be written as IPv4',
  ],
  [
    "looks for programs where PATH says",
    SECURE + service("quorum_up true"),
    '9:11: "true": must be a program by its whole path',
  ],
  [
    "looks for programs where it was started",
    SECURE + service("quorum_up ./notify.sh"),
    '9:11: "./notify.sh": must be a program by its whole path',
  ],
  [
    "looks for programs where PATH says",
    SECURE + checker("MISC_CHECK", 'misc_path "test -e /dev/null"'),
    '11:11: "test": must be a program by its whole path',
  ],
  [
    "takes it for 0.0.0.24",
    service("persistence_granularity 24"),
    '5:25: "24": must be a mask of IPv4, as 255.255.255.0',
  ],
  [
    "takes it, and it does nothing",
    service("persistence_engine sip"),
    "5:20: persistence_engine without persistence_timeout does nothing: must have both",
  ],
  [
    "takes it for mh-port",
    service("lvs_sched mh", "sh-port"),
    '6:1: "sh-port" is a flag of scheduler sh, not of mh (did you mean mh-port?)',
  ],
  [
    "sends it as it is, which is no HTTP",
    checker("HTTP_GET", "url {", 'path "/a b"', "}"),
    '8:6: "/a b": must be printable ASCII without white space (other characters stand there percent-encoded, as %20)',
  ],
  [
    "sends it as it is, which is no HTTP",
    checker("HTTP_GET", "url {", "path /a\\#b", "}"),
    '8:6: "/a#b": has a fragment, must end before the "#" (fragments are never sent to a server)',
  ],
  [
    "sends it as it is, which is no SMTP",
    checker("SMTP_CHECK", 'helo_name "a b"'),
    '7:11: "a b": must be a domain name, as www.example',
  ],
  [
    "asks for it, which is no name",
    checker("DNS_CHECK", 'name "a b"'),
    '7:6: "a b": must be a domain name, as www.example',
  ],
  [
    "never looks at a pattern before it is used",
    url('regex "(a"'),
    '9:7: "(a": has no ")" for the "(" at 0',
  ],
  [
    "matches by trying, however long that takes",
    url('regex "(a)\\\\1"'),
    '9:7: "(a)\\\\1": a back reference cannot be matched in linear time: "\\1" at 3',
  ],
  [
    "matches by trying, however long that takes",
    url('regex "a(?=b)"'),
    '9:7: "a(?=b)": a look-ahead cannot be matched in linear time: "(?=" at 1',
  ],
  [
    "matches by trying, however long that takes",
    url('regex "a(?!b)"'),
    '9:7: "a(?!b)": a look-ahead cannot be matched in linear time: "(?!" at 1',
  ],
  [
    "matches by trying, however long that takes",
    url('regex "(?<=a)b"'),
    '9:7: "(?<=a)b": a look-behind cannot be matched in linear time: "(?<=" at 0',
  ],
  [
    "matches by trying, however long that takes",
    url('regex "(?>a+)b"'),
    '9:7: "(?>a+)b": an atomic group cannot be matched in linear time: "(?>" at 0',
  ],
  [
    "does what nobody asked for yet",
    file("file /run/f", "weight 0 reverse"),
    '3:10: "reverse" of weight 0 is not supported: 0 is good, and no other',
  ],
  [
    "does what nobody asked for yet",
    file("file /run/f") + checker("FILE_CHECK", "track_file f", "weight 0 reverse"),
    '11:10: "reverse" of weight 0 is not supported: 0 is good, and no other',
  ],
  [
    "starts without what is not there",
    lines(
      "virtual_server group none {",
      "lvs_sched rr",
      "lvs_method NAT",
      "protocol TCP",
      "real_server 198.51.100.1 80 {",
      "}",
      "}",
    ),
    '1:22: there is no virtual_server_group "none"',
  ],
  [
    "makes the same service twice",
    service() + service(),
    "8:16: TCP 192.0.2.1:80 is a service at FILE:1:16 already",
  ],
  [
    "makes the same service twice",
    group("192.0.2.1 80", "192.0.2.1 80"),
    "3:1: TCP 192.0.2.1:80 is a service at FILE:2:1 already",
  ],
  [
    "makes the same service twice",
    group("192.0.2.1-5 80", "192.0.2.3 80"),
    "3:1: TCP 192.0.2.3:80 is a service at FILE:2:1 already",
  ],
  [
    "does not see it before it starts",
    group("2001:db8::1 80"),
    "8:13: must be IPv6, as TCP [2001:db8::1]:80 is: only a tunnel leads to the other family",
  ],
  [
    "takes both",
    lines(
      "virtual_server_group g {",
      "192.0.2.1 80",
      "}",
      "virtual_server_group g {",
      "192.0.2.2 80",
      "}",
    ),
    '4:22: there is a virtual_server_group "g" already',
  ],
  [
    "takes both",
    file("file /run/f") + file("file /run/g"),
    '4:12: there is a track_file "f" already',
  ],
  [
    "does not see it before it starts",
    checker("SSL_GET", "url {", "path /", "}") + lines("SSL {", "ca ca.pem", "}"),
    '14:4: "ca.pem": must be an absolute path, beginning with "/"',
  ],
  [
    "does not see it before it starts",
    checker("SSL_GET", "url {", "path /", "}") + lines("SSL {", "certificate /etc/x.pem", "}"),
    "14:13: certificate and key must both be given",
  ],
];

/** What keepalived can do and this program cannot, and how many services are left when that is left out. */
const UNSUPPORTED:
  readonly (readonly [text: string, services: number, ...said: readonly string[]])[] = [
    [
      service("ha_suspend"),
      1,
      "5:1: ha_suspend is not supported: checks go on whether the address is on this host or not",
    ],
    [
      service("smtp_alert"),
      1,
      "5:1: smtp_alert is not supported: this program sends no mail; a program that does can be named by notify_up and notify_down",
    ],
    [
      server("smtp_alert on"),
      1,
      "6:1: smtp_alert is not supported: this program sends no mail; a program that does can be named by notify_up and notify_down",
    ],
    [
      lines("bfd_instance b {", "neighbor_ip 192.0.2.9", "source_ip 192.0.2.8", "}") +
      server("BFD_CHECK {", "name b", "}"),
      1,
      "1:1: bfd_instance is not supported: this program does not speak BFD",
      "10:1: BFD_CHECK is not supported: this program does not speak BFD",
    ],
    [
      lines("net_namespace one"),
      0,
      "1:1: net_namespace is not supported: start this program in that namespace",
    ],
    [
      lines("net_namespace_ipvs one"),
      0,
      "1:1: net_namespace_ipvs is not supported: start this program in that namespace",
    ],
    [
      globals("nftables_ipvs"),
      0,
      "2:1: nftables_ipvs is not supported: each service of a group is one of its own here",
    ],
    [
      globals("nftables_ipvs_start_fwmark 2000"),
      0,
      "2:1: nftables_ipvs_start_fwmark is not supported: each service of a group is one of its own here",
    ],
    [
      globals("nftables_ipvs_priority 5"),
      0,
      "2:1: nftables_ipvs_priority is not supported: each service of a group is one of its own here",
    ],
    [
      globals("lvs_sync_daemon lo first"),
      0,
      '2:20: "first": a daemon that follows a VRRP instance is not supported, must be id, maxlen, port, ttl or group',
    ],
    [
      globals("lvs_sync_daemon lo inst first id 3"),
      0,
      '2:20: "inst": a daemon that follows a VRRP instance is not supported, must be id, maxlen, port, ttl or group',
    ],
    [
      globals("lvs_notify_fifo /run/fifo"),
      0,
      "2:1: lvs_notify_fifo is not supported: this program writes to no pipe; programs can be named by notify_up, notify_down, quorum_up and quorum_down",
    ],
    [
      SECURE + globals("notify_fifo_script /usr/bin/true"),
      0,
      "6:1: notify_fifo_script is not supported: this program writes to no pipe; programs can be named by notify_up, notify_down, quorum_up and quorum_down",
    ],
    [
      file("file /run/f", "init_file 3"),
      0,
      "3:1: init_file is not supported: this program writes no such files",
    ],
    [
      lines("SSL {", "password secret", "}"),
      0,
      "2:1: password is not supported: keys must have none",
    ],
    [
      mark("lvs_method TUN", "real_server 198.51.100.1 {", "}", "real_server 2001:db8::1 {", "}"),
      0,
      "1:16: a mark with servers of both families is not supported",
    ],
    [
      mark("lvs_method TUN", "ip_family inet6", "real_server 198.51.100.1 {", "}"),
      0,
      "1:16: a mark of inet6 with servers of the other family is not supported",
    ],
    [
      group("192.0.2.1 80", "fwmark 7 inet6"),
      1,
      "3:1: a mark of inet6 with servers of the other family is not supported",
    ],
    [
      SECURE + server(...DYNAMIC, ...DYNAMIC),
      1,
      "14:1: a second MISC_CHECK that sets its server's weight is not supported",
    ],
    [
      file("file /run/f") + SECURE + server(...DYNAMIC, "FILE_CHECK {", "track_file f", "}"),
      1,
      "17:1: a second FILE_CHECK that sets its server's weight is not supported",
    ],
    [
      url("regex x", "regex_options utf"),
      1,
      '10:15: the option "utf" of patterns is not supported',
    ],
    [
      url("regex x", "regex_options dollar_endonly ucp"),
      1,
      '10:15: the option "dollar_endonly" of patterns is not supported',
      '10:30: the option "ucp" of patterns is not supported',
    ],
    [
      url("regex x", "regex_options none_such"),
      1,
      '10:15: the option "none_such" of patterns is not supported',
    ],
  ];

/** What keepalived complains of, and what it is taken for here. */
const TAKEN_HERE: readonly (readonly [keepalived: string, text: string, ...config: string[]])[] = [
  [
    "passes over it",
    checker("HTTP_GET", "url {", "}"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT",
    "    http/1.0, every 60s, within 5s, fall 2 by 3s",
    "      GET /, 200-299",
  ],
  [
    "passes over it",
    checker("HTTP_GET", "url {", "status_code 200", "}"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT",
    "    http/1.0, every 60s, within 5s, fall 2 by 3s",
    "      GET /, 200",
  ],
  [
    "takes it for 1",
    server("retry 0", "TCP_CHECK {", "}"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT",
    "    tcp, every 60s, within 5s, fall 1",
  ],
  [
    "passes over it",
    service("sh-port", "lvs_sched sh"),
    "TCP 192.0.2.1:80 sh, flags 2",
    "  198.51.100.1:80 NAT",
  ],
  ["passes over it", service("lvs_method dr"), "TCP 192.0.2.1:80 wrr", "  198.51.100.1:80 DR"],
  ["passes over it", service("ops"), "TCP 192.0.2.1:80 wrr", "  198.51.100.1:80 NAT"],
  ["passes over it", service("hashed"), "TCP 192.0.2.1:80 wrr", "  198.51.100.1:80 NAT"],
  [
    "passes over it",
    service("sorry_server_inhibit", "sorry_server 198.51.100.2 80"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT",
    "  inhibited sorry 198.51.100.2:80 NAT",
  ],
  [
    "resets the port",
    service("sorry_server 198.51.100.2 81", "sorry_server_lvs_method DR"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT",
    "  sorry 198.51.100.2:80 DR",
  ],
  [
    "resets the port",
    service("real_server 198.51.100.2 81 {", "lvs_method DR", "TCP_CHECK {", "}", "}"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.2:80 DR",
    "    tcp :81, every 60s, within 5s, fall 2 by 1s",
    "  198.51.100.1:80 NAT",
  ],
  [
    "clears the port",
    mark("lvs_method DR", "real_server 198.51.100.1 80 {", "TCP_CHECK {", "}", "}"),
    "FWM 1 wrr",
    "  198.51.100.1:0 DR",
    "    tcp :80, every 60s, within 5s, fall 2 by 1s",
  ],
  [
    "says that it means nothing",
    mark("lvs_method DR", "protocol TCP", "real_server 198.51.100.1 {", "}"),
    "FWM 1 wrr",
    "  198.51.100.1:0 DR",
  ],
  ["does not know it there", server("lb_kind DR"), "TCP 192.0.2.1:80 wrr", "  198.51.100.1:80 DR"],
  [
    "calls it old",
    checker("HTTP_GET", "nb_get_retry 4", "url {", "path /", "}"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT",
    "    http/1.0, every 60s, within 5s, fall 5 by 3s",
    "      GET /, 200-299",
  ],
  [
    "does not know its manual's word",
    file("file /run/f") + checker("FILE_CHECK", "track_file f", "dynamic"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT",
    "    file, every 60s, within 10s, fall 1, weight 1 + 1 x, unable ignore",
    "      /run/f",
  ],
  [
    "asks for SOA",
    checker("DNS_CHECK", "type SRV"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT",
    "    dns, every 60s, within 5s, fall 4, SRV of .",
  ],
  [
    "makes the quorum 0",
    server("weight 0"),
    "TCP 192.0.2.1:80 wrr",
    "  198.51.100.1:80 NAT, weight 0",
  ],
  [
    "makes it UDP, wlc and NAT",
    lines("virtual_server 192.0.2.1 80 {", ...SERVER, "}"),
    "UDP 192.0.2.1:80 wlc",
    "  198.51.100.1:80 NAT",
  ],
  [
    "makes it persistent",
    lines("virtual_server 192.0.2.1 {", ...BASICS, ...SERVER, "}"),
    "TCP 192.0.2.1:0 wrr, persistent 360s",
    "  198.51.100.1:80 NAT",
  ],
];

interface Read {
  readonly config: Config | undefined;
  readonly said: readonly string[];
  readonly notes: readonly string[];
}

async function read(text: string, skipsUnsupported = false, files: Files = {}): Promise<Read> {
  return await withFolder(async (folder) => {
    const path = `${folder}/keepalived.conf`;
    Deno.writeTextFileSync(path, text);
    for (const [name, each] of Object.entries(files)) {
      Deno.writeTextFileSync(`${folder}/${name}`, each);
    }
    const keepalived = { configId: "main", env: () => undefined, skipsUnsupported };
    const { config, report, notes } = await readFiles({ path, nodeAddresses: [], keepalived });
    const short = (line: string) =>
      line.replaceAll(` ${path}`, " FILE").replace(`${path}:`, "").replaceAll(`${folder}/`, "");
    // What is converted is as wrong as what is read.
    assert.deepEqual(convertKeepalived({ ...keepalived, path }).report.lines, report.lines);
    return { config, said: report.lines.map(short), notes: notes.map(short) };
  });
}

type Files = Readonly<Record<string, string>>;

async function check(text: string, said: readonly string[]): Promise<void> {
  const answer = await read(text);
  assert.deepEqual(answer.said, said, text);
  assert.equal(answer.config, undefined);
}

/** Whether keepalived has nothing to say against it. */
async function keepalivedTakes(text: string): Promise<boolean> {
  return await withFolder(async (folder) => {
    const path = `${folder}/keepalived.conf`;
    Deno.writeTextFileSync(path, text);
    const argv = ["keepalived", "--config-test", "--config-id=main", `--use-file=${path}`];
    const ran = await run(argv, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
    return ran.status === 0;
  });
}

Deno.test("wrong files are refused, and every mistake has its place", async () => {
  for (const [text, ...said] of WRONG) await check(text, said);
});

Deno.test("what keepalived takes, and nobody can mean or have here, is refused too", async () => {
  for (const [, text, ...said] of REFUSED_HERE) await check(text, said);
});

Deno.test("keepalived refuses what is only wrong, and takes the rest", async () => {
  const taken: string[] = [];
  for (const [text] of WRONG) if (await keepalivedTakes(text)) taken.push(text);
  assert.deepEqual(taken, []);
  const refused: string[] = [];
  const others = [...REFUSED_HERE.map(([, text]) => text), ...UNSUPPORTED.map(([text]) => text)];
  for (const text of others) if (!await keepalivedTakes(text)) refused.push(text);
  assert.deepEqual(refused, []);
});

Deno.test("what keepalived complains of and what is clear all the same is taken", async () => {
  for (const [, text, ...expected] of TAKEN_HERE) {
    const { config, said } = await read(text);
    assert.deepEqual(said, [], text);
    assert.deepEqual(printConfig(config!), expected, text);
    assert.equal(await keepalivedTakes(text), false, text);
  }
});

Deno.test("what is not supported is refused, or left out and said", async () => {
  for (const [text, services, ...said] of UNSUPPORTED) {
    await check(text, said);
    const { config, notes, said: none } = await read(text, true);
    assert.deepEqual(none, [], text);
    assert.equal(config?.services.length, services, text);
    const left = notes.filter((note) => note.endsWith(": left out"));
    assert.deepEqual(left, said.map((each) => `${each}: left out`));
  }
});

Deno.test("words that are unknown are left out too, and mistakes never are", async () => {
  let unknown = 0;
  for (const [text, ...said] of [...WRONG, ...REFUSED_HERE.map(([, ...each]) => each)]) {
    const left = said.filter((each) => / is unknown here| is not supported$/.test(each));
    const answer = await read(text, true);
    assert.deepEqual(answer.said, said.filter((each) => !left.includes(each)), text);
    assert.equal(answer.config !== undefined, left.length === said.length, text);
    for (const each of left) assert.ok(answer.notes.includes(`${each}: left out`), text);
    unknown += left.length;
  }
  assert.ok(unknown > 20, `${unknown}`);
});

Deno.test("with what is not supported left out the rest is as if it had not been there", async () => {
  const more = ["smtp_alert", "ha_suspend", "foo bar {", "baz {", "}", "}"];
  const inside = ["smtp_alert", "BFD_CHECK {", "name b", "}", "TCP_CHECK {", "nothing", "}"];
  const rest = ["TCP_CHECK {", "}"];
  const one = (own: readonly string[], its: readonly string[]) =>
    lines("virtual_server 192.0.2.1 80 {", ...BASICS, ...own, SERVER[0], ...its, "}", "}");
  const full = await read(one(more, inside), true);
  const plain = await read(one([], rest));
  assert.deepEqual(plain.said, []);
  assert.deepEqual(full.config, plain.config);
  assert.equal(full.notes.length, 6);
});

Deno.test("a mistake is told where it was written: in an included file, in what a definition stands for", async () => {
  const included = await read("include more.conf\n", false, { "more.conf": service("quorum 0") });
  assert.deepEqual(included.said, [
    'more.conf:5:8: "0": must be a whole number from 1 to 1000000000',
  ]);
  const defined = await read(`$Q=0\n${service("quorum  $Q")}`);
  assert.deepEqual(defined.said, ['6:9: "0": must be a whole number from 1 to 1000000000']);
  const conditional = await read(service("@main quorum 0", "@other quorum x"));
  assert.deepEqual(conditional.said, ['5:14: "0": must be a whole number from 1 to 1000000000']);
  const sequence = await read(service("~SEQ(N, 2) real_server 198.51.100.9 80${N}00 { }"));
  assert.deepEqual(sequence.said, [
    '5:37: "80100": must be a whole number from 0 to 65535',
    '5:37: "80200": must be a whole number from 0 to 65535',
  ]);
});

Deno.test("all mistakes of a file are told at once, each once, in their order", async () => {
  const { said } = await read(
    `${globals("lvs_timeouts tcp x")}${
      lines(
        ...["virtual_server_group g {", "192.0.2.1-20 80", "fwmark x", "}"],
        ...["virtual_server group g {", ...BASICS, "quorum x", "real_server 198.51.100.1 80 {"],
        ...["weight x", "TCP_CHECK {", "connect_port x", "bindto 2001:db8::1", "}", "}", "}"],
      )
    }`,
  );
  assert.deepEqual(said, [
    '2:18: "x": must be a whole number from 1 to 2145600',
    '6:8: "x": must be a whole number from 1 to 4294967295',
    '12:8: "x": must be a whole number from 1 to 1000000000',
    '14:8: "x": must be a whole number from 0 to 65535',
    '16:14: "x": must be a whole number from 1 to 65535',
    '17:8: "2001:db8::1": must be of the family of 198.51.100.1, which is asked',
  ]);
});

Deno.test("what is shown of a file can neither break a line nor drive a terminal", async () => {
  const { said } = await read(service(`lvs_method \x1b[31m${"x".repeat(200)}`, "a\u202eb"));
  assert.deepEqual(said, [
    `5:12: "\\u001b[31m${"x".repeat(75)}...": must be NAT, DR or TUN`,
    '6:1: "a\\u{202e}b" is unknown here',
  ]);
});
