/** Rules of nftables from the kernel's messages: whose they are, what marks they use, where they lead. */

import { attributes, bytes, nested, required, string, u32be } from "../wire/attribute.ts";
import { Input } from "../wire/buffer.ts";
import type { Message, Request } from "../wire/message.ts";
import { nfnlRequest, readNfnl } from "../wire/nfnetlink.ts";
import {
  type Expression,
  NFT_CMP_EQ,
  NFT_GENERATION,
  NFT_META_MARK,
  NFT_MSG_GETRULE,
  NFT_MSG_NEWRULE,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  NFT_RULE,
} from "../wire/nft_tables.ts";
import type { FoundRule, MarkUse } from "./facts.ts";

/** To be dumped: the rules of all tables of all families. */
export function allRulesRequest(): Request {
  return nfnlRequest({
    ...{ command: NFT_MSG_GETRULE, family: 0, table: NFT_GENERATION, values: {} },
  });
}

const FAMILIES: Readonly<Record<number, string>> = {
  1: "inet",
  2: "ip",
  3: "arp",
  5: "netdev",
  7: "bridge",
  10: "ip6",
};

export function decodeFoundRule(message: Message): FoundRule {
  const { family, values } = readNfnl(message, NFT_MSG_NEWRULE, NFT_RULE);
  const { table, chain = "", expressions = [], userData } = values;
  return {
    by: "nftables",
    family: FAMILIES[family] ?? `family ${family}`,
    table,
    chain,
    ...readExpressions(expressions),
    // iptables has it among its expressions, nft among the rule's user data.
    comment: commentOf(expressions) ?? userComment(userData),
  };
}

const VERDICT = attributes({ code: u32be(1, "NFTA_VERDICT_CODE"), chain: string(2, "NFTA_CHAIN") });
const IMMEDIATE = attributes({
  data: nested(
    2,
    "NFTA_IMMEDIATE_DATA",
    attributes({
      value: bytes(1, "NFTA_DATA_VALUE"),
      verdict: nested(2, "NFTA_DATA_VERDICT", VERDICT),
    }),
  ),
});
/** What iptables has as a match or target of its own. */
const EXTENSION = attributes({
  name: required(string(1, "NFTA_MATCH_NAME")),
  revision: u32be(2, "NFTA_MATCH_REV"),
  info: bytes(3, "NFTA_MATCH_INFO"),
});

/** What stands in the register that was written last. */
type Loaded =
  | { readonly kind: "mark"; readonly mask: number; readonly xor: number }
  | { readonly kind: "port" }
  | { readonly kind: "other" };

const OTHER: Loaded = { kind: "other" };
const WHOLE = 0xffff_ffff;

/** Expressions stand in the order in which they are worked off, each on what the one before it has loaded. */
export function readExpressions(
  expressions: readonly Expression[],
): Pick<FoundRule, "target" | "marks" | "port"> {
  const marks: MarkUse[] = [];
  let loaded: Loaded = OTHER;
  let target = "";
  let port: number | undefined;
  for (const expression of expressions) {
    switch (expression.name) {
      case "meta":
        if (expression.data.key === NFT_META_MARK && expression.data.sreg !== undefined) {
          marks.push({ bits: writtenBits(loaded), how: "writes" });
        }
        loaded = expression.data.key === NFT_META_MARK && expression.data.dreg !== undefined
          ? { kind: "mark", mask: WHOLE, xor: 0 }
          : OTHER;
        break;
      case "bitwise":
        loaded = masked(loaded, expression.data.mask?.value, expression.data.xor?.value);
        break;
      case "payload":
        loaded = isPort(expression.data) ? { kind: "port" } : OTHER;
        break;
      case "cmp": {
        const { op, data: { value } } = expression.data;
        if (loaded.kind === "mark") marks.push({ bits: readBits(loaded, value), how: "reads" });
        if (loaded.kind === "port" && op === NFT_CMP_EQ) port = (value[0]! << 8) | value[1]!;
        break;
      }
      case "lookup":
        // Which marks a set holds is not looked at, and whole ones are seldom ours.
        if (loaded.kind === "mark" && loaded.mask !== WHOLE) {
          marks.push({ bits: loaded.mask, how: "reads" });
        }
        break;
      case "masq":
        target = "MASQUERADE";
        break;
      case "other": {
        const { other, bytes } = expression;
        if (other === "immediate") target = verdictOf(bytes) ?? target;
        // What one writes there is not known from here.
        if (other === "immediate" || other === "ct" || other === "numgen") loaded = OTHER;
        if (other === "reject") target = "REJECT";
        if (other === "match") marks.push(...matchMarks(bytes));
        if (other === "target") {
          const found = targetOf(bytes);
          marks.push(...found.marks);
          target = found.target;
        }
      }
    }
  }
  return { target, marks, port };
}

function isPort(
  { base, offset, length }: {
    readonly base: number;
    readonly offset: number;
    readonly length: number;
  },
): boolean {
  return base === NFT_PAYLOAD_TRANSPORT_HEADER && offset === 2 && length === 2;
}

function masked(loaded: Loaded, mask?: Uint8Array, xor?: Uint8Array): Loaded {
  if (loaded.kind !== "mark" || !mask || !xor) return OTHER;
  return { kind: "mark", mask: (loaded.mask & word(mask)) >>> 0, xor: word(xor) };
}

/** What is kept of the mark as it is, is not written. */
function writtenBits(loaded: Loaded): number {
  return loaded.kind === "mark" ? (~loaded.mask | loaded.xor) >>> 0 : WHOLE;
}

/** Of a whole mark that is compared, the bits that are looked for: others are seldom meant. */
function readBits({ mask }: Loaded & { readonly kind: "mark" }, value: Uint8Array): number {
  return mask === WHOLE ? word(value) : mask;
}

/** Marks stand in the host's order. */
function word(bytes: Uint8Array): number {
  const { view } = new Input(bytes);
  return bytes.length >= 4 ? view.getUint32(0, true) : 0;
}

/** struct xt_mark_mtinfo1, xt_connmark_mtinfo1: mark, mask. */
function matchMarks(data: Uint8Array): MarkUse[] {
  const { name, info } = readExtension(data);
  if (name !== "mark" || !info || info.length < 8) return [];
  return [markMatch(word(info), word(info.subarray(4)))];
}

/** How a match of iptables reads the mark: `--mark value/mask`. */
export function markMatch(value: number, mask: number): MarkUse {
  return { bits: mask === WHOLE ? value : mask, how: "reads" };
}

/** How a target of iptables writes it: `--set-xmark value/mask`. */
export function markTarget(value: number, mask: number): MarkUse {
  return { bits: (mask | value) >>> 0, how: "writes" };
}

const CONNMARK_SAVE = 1;
const CONNMARK_RESTORE = 2;

function targetOf(data: Uint8Array): Pick<FoundRule, "target" | "marks"> {
  const { name: target, revision, info } = readExtension(data);
  // struct xt_mark_tginfo2: mark, mask.
  if (target === "MARK" && info && info.length >= 8) {
    return { target, marks: [markTarget(word(info), word(info.subarray(4)))] };
  }
  // struct xt_connmark_tginfo1: ctmark, ctmask, nfmask, mode; of 2, a shift stands before the mode.
  if (target === "CONNMARK" && info && info.length >= 16) {
    const bits = word(info.subarray(8));
    const mode = info[revision === 1 ? 12 : 14];
    if (mode === CONNMARK_RESTORE) return { target, marks: [{ bits, how: "writes" }] };
    if (mode === CONNMARK_SAVE) return { target, marks: [{ bits, how: "reads" }] };
  }
  return { target, marks: [] };
}

function readExtension(data: Uint8Array) {
  return EXTENSION.read(new Input(data), 0);
}

const VERDICTS: Readonly<Record<number, string>> = {
  0: "DROP",
  1: "ACCEPT",
  3: "QUEUE",
  [0xffff_fffb]: "RETURN",
};

/** Undefined where it is a value that is loaded. */
function verdictOf(data: Uint8Array): string | undefined {
  const { verdict } = IMMEDIATE.read(new Input(data), 0).data ?? {};
  if (!verdict) return undefined;
  const { code = 0, chain } = verdict;
  return chain ?? VERDICTS[code & 0xff] ?? VERDICTS[code] ?? `verdict ${code | 0}`;
}

/** The text of iptables' match of that name. */
function commentOf(expressions: readonly Expression[]): string | undefined {
  for (const expression of expressions) {
    if (expression.name !== "other" || expression.other !== "match") continue;
    const { name, info } = readExtension(expression.bytes);
    if (name !== "comment" || !info) continue;
    const end = info.indexOf(0);
    return new TextDecoder().decode(end < 0 ? info : info.subarray(0, end));
  }
  return undefined;
}

/** nft's own user data: type, length, text. */
const NFTNL_UDATA_RULE_COMMENT = 0;

function userComment(data: Uint8Array | undefined): string {
  for (let at = 0; data && at + 2 <= data.length;) {
    const [type, length] = [data[at]!, data[at + 1]!];
    const text = data.subarray(at + 2, at + 2 + length);
    if (type === NFTNL_UDATA_RULE_COMMENT) {
      return new TextDecoder().decode(text).replace(/\0+$/, "");
    }
    at += 2 + length;
  }
  return "";
}
