/** DNS as far as a health check needs it: the bytes of one question, and what is answered to it. Pure. */

import { addressFromBytes } from "../../model/address.ts";
import { malformed, quote } from "./http_message.ts";

type Numbers = Readonly<Record<string, number>>;

/** Types of records, by the names that master files have for them. */
export const DNS_TYPES: Numbers = table({
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
  CAA: 257,
});

/** What a server says of a question. */
export const DNS_CODES: Numbers = table({
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
});

/** Without a prototype: names of a configuration are looked up, and "constructor" is no type. */
function table(numbers: Numbers): Numbers {
  return Object.freeze(Object.assign(Object.create(null), numbers));
}

function namesOf(numbers: Numbers): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
}

const TYPE_NAMES = namesOf(DNS_TYPES);
const CODE_NAMES = namesOf(DNS_CODES);

/** Types without a name are spelled as RFC 3597 does: "TYPE99". */
export function dnsTypeName(n: number): string {
  return TYPE_NAMES.get(n) ?? `TYPE${n}`;
}

export function dnsCodeName(n: number): string {
  return CODE_NAMES.get(n) ?? `RCODE${n}`;
}

export interface DnsQuestion {
  /** With or without a dot at its end; always the whole name. */
  readonly name: string;
  readonly type: number;
  /** By which the answer is known. */
  readonly id: number;
  /** Whether the server shall ask others for what it does not know. */
  readonly recursive: boolean;
}

export interface DnsRecord {
  /** With a dot at its end. */
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  /**
   * "10.0.0.1", "fd00::1", "mail.example." of NS, CNAME and PTR, "10 mail.example." of MX; the strings of TXT
   * joined; of other types the bytes in hex, with the pointers that names in them may have.
   */
  readonly text: string;
}

export interface DnsAnswer {
  readonly code: number;
  /** There is more, which TCP has room for. */
  readonly truncated: boolean;
  readonly authoritative: boolean;
  /** None of a truncated answer. */
  readonly answers: readonly DnsRecord[];
}

const HEADER_SIZE = 12;
/** Over TCP, whose length field has no more. */
const MOST_BYTES = 0xffff;
const LONGEST_LABEL = 63;
/** With the lengths of its labels and the root's. */
const LONGEST_NAME = 255;
/** With each of its bytes escaped. */
const LONGEST_TEXT = 4 * LONGEST_NAME;
/** In a length's place: the other 14 bits say where the name goes on. */
const POINTER = 0xc0;
/** A name has no more labels, and pointers to pointers serve only to waste time. */
const MOST_POINTERS = 127;
const CLASS_IN = 1;

const RESPONSE = 0x8000;
const OPCODE = 0x7800;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const CODE = 0x000f;

/** As it is over UDP; over TCP its length comes first. Throws RangeError for a name that is none. */
export function encodeDnsQuery(
  { name, type, id, recursive }: DnsQuestion,
): Uint8Array<ArrayBuffer> {
  checkShort("type", type);
  checkShort("id", id);
  const encodedName = encodeName(name);
  const typeAt = HEADER_SIZE + encodedName.length;
  const bytes = new Uint8Array(typeAt + 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, recursive ? RECURSION_DESIRED : 0);
  view.setUint16(4, 1);
  bytes.set(encodedName, HEADER_SIZE);
  view.setUint16(typeAt, type);
  view.setUint16(typeAt + 2, CLASS_IN);
  return bytes;
}

function checkShort(field: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff) return;
  throw new RangeError(`encode DNS query: ${field} ${value}, must be from 0 to 65535`);
}

/** Whether it can be asked for: "example.org", "example.org.", ".", "a\.b.example", "\255.example". */
export function isDnsName(text: string): boolean {
  return parseName(text) !== undefined;
}

function encodeName(text: string): Uint8Array {
  const bytes = parseName(text);
  if (!bytes) throw new RangeError(`encode DNS query: ${quote(text)} is not a domain name`);
  return bytes;
}

/** One byte of a label, escaped or not, or the dot between two. What is not ASCII has to be escaped. */
const NAME_PART = /\\(?:[0-9]{3}|[ -/:-~])|[!-[\]-~]/gy;

/** The name's labels, each behind its length. */
function parseName(text: string): Uint8Array | undefined {
  if (text.length > LONGEST_TEXT) return undefined;
  const parts = text.match(NAME_PART) ?? [];
  // The match ends at what is no part.
  if (text === "" || parts.join("") !== text) return undefined;
  const bytes = [0];
  if (text === ".") return Uint8Array.from(bytes);
  let [start, length] = [0, 0];
  for (const part of parts) {
    if (part !== ".") {
      bytes.push(unescaped(part));
      bytes[start] = ++length;
    } else {
      if (length === 0) return undefined;
      start = bytes.push(0) - 1;
      length = 0;
    }
    if (length > LONGEST_LABEL || bytes.at(-1)! > 0xff) return undefined;
  }
  // Behind a dot the root's length is there already.
  if (length > 0) bytes.push(0);
  return bytes.length > LONGEST_NAME ? undefined : Uint8Array.from(bytes);
}

function unescaped(part: string): number {
  return part.length === 4 ? Number(part.slice(1)) : part.charCodeAt(part.length - 1);
}

/**
 * What the bytes answer to the question as it was encoded. Undefined where they are an answer to something
 * else, or none, which over UDP is to be ignored.
 */
export function decodeDnsAnswer(bytes: Uint8Array, question: DnsQuestion): DnsAnswer | undefined {
  if (bytes.length > MOST_BYTES) {
    throw malformed(`it has ${bytes.length} bytes, must have at most ${MOST_BYTES}`);
  }
  const reader = new Reader(bytes);
  const { id, flags, counts } = readHeader(reader);
  if (id !== question.id || (flags & (RESPONSE | OPCODE)) !== RESPONSE) return undefined;
  const code = flags & CODE;
  if (!readQuestion(reader, counts.questions, code, question)) return undefined;
  const truncated = (flags & TRUNCATED) !== 0;
  return {
    code,
    truncated,
    authoritative: (flags & AUTHORITATIVE) !== 0,
    // RFC 2181, section 9: what is left of it is to be ignored. Its counts may be those of the whole.
    answers: truncated ? [] : readSections(reader, counts),
  };
}

interface Counts {
  readonly questions: number;
  readonly answers: number;
  /** In the sections that nobody looks at, authority and additional. */
  readonly others: number;
}

function readHeader(reader: Reader): { id: number; flags: number; counts: Counts } {
  reader.need(HEADER_SIZE);
  const id = reader.u16();
  const flags = reader.u16();
  const questions = reader.u16();
  const answers = reader.u16();
  return { id, flags, counts: { questions, answers, others: reader.u16() + reader.u16() } };
}

/** Whether it is ours that is answered. */
function readQuestion(reader: Reader, count: number, code: number, asked: DnsQuestion): boolean {
  if (count > 1) throw malformed(`it has ${count} questions, must have 1`);
  // Servers that could not or would not read the question send a header alone.
  if (count === 0) return code !== DNS_CODES["NOERROR"];
  const name = reader.name();
  const type = reader.u16();
  const recordClass = reader.u16();
  return isSameName(name, asked.name) && type === asked.type && recordClass === CLASS_IN;
}

/** `name` is as the reader spells it, with which it is compared without case. */
function isSameName(name: string, asked: string): boolean {
  const spelled = new Reader(encodeName(asked)).name();
  return name.toLowerCase() === spelled.toLowerCase();
}

/** Bytes behind the last record are ignored, as by other resolvers. */
function readSections(reader: Reader, { answers, others }: Counts): DnsRecord[] {
  const records: DnsRecord[] = [];
  for (let i = 0; i < answers; i++) records.push(readAnswer(reader));
  for (let i = 0; i < others; i++) reader.at = readRecordHead(reader).end;
  return records;
}

interface RecordHead {
  readonly name: string;
  readonly type: number;
  readonly recordClass: number;
  readonly ttl: number;
  /** Behind the record's data. */
  readonly end: number;
}

function readRecordHead(reader: Reader): RecordHead {
  const name = reader.name();
  const type = reader.u16();
  const recordClass = reader.u16();
  const ttl = reader.u32();
  const size = reader.u16();
  reader.need(size);
  // RFC 2181, section 8: the highest bit makes it zero.
  return { name, type, recordClass, ttl: ttl > 0x7fff_ffff ? 0 : ttl, end: reader.at + size };
}

function readAnswer(reader: Reader): DnsRecord {
  const { name, type, recordClass, ttl, end } = readRecordHead(reader);
  const typeName = dnsTypeName(type);
  if (recordClass !== CLASS_IN) {
    throw malformed(`it has a record of class ${recordClass}, must be ${CLASS_IN}`);
  }
  const size = end - reader.at;
  const text = (TEXTS[typeName] ?? hexText)(reader, end);
  if (reader.at !== end) throw malformed(`the data of its ${typeName} record have ${size} bytes`);
  return { name, type, ttl, text };
}

/** Spell a record's data, which end at `end`; who calls looks whether all of them were read, and no more. */
const TEXTS: Readonly<Record<string, (reader: Reader, end: number) => string>> = {
  A: (reader) => addressFromBytes(reader.take(4)),
  AAAA: (reader) => addressFromBytes(reader.take(16)),
  NS: (reader) => reader.name(),
  CNAME: (reader) => reader.name(),
  PTR: (reader) => reader.name(),
  MX: (reader) => `${reader.u16()} ${reader.name()}`,
  TXT: stringsText,
};

function hexText(reader: Reader, end: number): string {
  return reader.take(end - reader.at).toHex();
}

/** Joined before they are decoded: a character may begin in one string and end in the next. */
function stringsText(reader: Reader, end: number): string {
  const strings: Uint8Array[] = [];
  do {
    strings.push(reader.take(reader.u8()));
  } while (reader.at < end);
  const joined = new Uint8Array(strings.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const string of strings) {
    joined.set(string, at);
    at += string.length;
  }
  return decoder.decode(joined);
}

/** Leaves a byte order mark where it is: the text is what was sent. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads a message from its beginning; what runs over its end is malformed. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** What is read next. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  need(count: number): void {
    const [has, must] = [this.#bytes.length, this.at + count];
    if (has < must) throw malformed(`it has ${has} bytes, must have at least ${must}`);
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  /** Valid as long as the message's bytes are. */
  take(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** With a dot at its end and as few escapes as can be: each name has one spelling, but for case. */
  name(): string {
    let text = "";
    let size = 1;
    let pointers = 0;
    /** Where this part of the name starts. Each pointer has to point before it, or there were circles. */
    let start = this.at;
    /** Behind the name: behind the first pointer, where there is one. */
    let end: number | undefined;
    for (let length = this.u8(); length !== 0; length = this.u8()) {
      if (length >= POINTER) {
        const target = ((length - POINTER) << 8) | this.u8();
        end ??= this.at;
        checkPointer(target, start, ++pointers);
        start = this.at = target;
      } else {
        size += 1 + length;
        checkLabel(length, size);
        text += `${spellLabel(this.take(length))}.`;
      }
    }
    this.at = end ?? this.at;
    return text === "" ? "." : text;
  }

  #advance(count: number): number {
    this.need(count);
    const start = this.at;
    this.at += count;
    return start;
  }
}

function checkPointer(target: number, start: number, count: number): void {
  if (target < HEADER_SIZE || target >= start) {
    throw malformed(
      `a name at byte ${start} goes on at byte ${target}, must be before it and behind the header`,
    );
  }
  if (count > MOST_POINTERS) {
    throw malformed(`a name has more than ${MOST_POINTERS} compression pointers`);
  }
}

function checkLabel(length: number, size: number): void {
  if (length > LONGEST_LABEL) {
    throw malformed(`a name has a label of type ${length >> 6}, must be 0`);
  }
  if (size > LONGEST_NAME) throw malformed(`a name has more than ${LONGEST_NAME} bytes`);
}

/** By byte, made once: a hostile message has millions of bytes in its names. */
const SPELLINGS: readonly string[] = Array.from({ length: 256 }, (_, byte) => spellByte(byte));

function spellByte(byte: number): string {
  const char = String.fromCharCode(byte);
  if (char === "." || char === "\\") return `\\${char}`;
  return byte > 0x20 && byte < 0x7f ? char : `\\${byte.toString().padStart(3, "0")}`;
}

function spellLabel(label: Uint8Array): string {
  const spelled: string[] = [];
  for (const byte of label) spelled.push(SPELLINGS[byte]!);
  return spelled.join("");
}
