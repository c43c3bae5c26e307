/** A record in its file: written whole now and then, and between by what has changed of it. */

import { LvscareError } from "../errors.ts";
import type { StateDirectory } from "./directory.ts";
import { amendRecord, type CareRecord, decodeRecord, encodeRecord } from "./record.ts";

/** How much may be added before the whole is written again: as much as it had, or this. */
const AMENDED_LIMIT = 256 * 1024;

export class RecordFile {
  readonly #directory: StateDirectory;
  readonly #name: string;
  /** What was written last; undefined when that is not known, and the whole is to be written. */
  #written: {
    readonly record: CareRecord;
    readonly stamp: string | undefined;
    readonly size: number;
    readonly added: number;
  } | undefined;

  constructor(directory: StateDirectory, name: string) {
    this.#directory = directory;
    this.#name = name;
  }

  save(record: CareRecord): void {
    const written = this.#written;
    // What fails in the middle leaves nobody knows what.
    this.#written = undefined;
    // Below /run it is gone when somebody tidied up; what we own is to be known again after one pass.
    if (!written || written.stamp !== this.#directory.stamp(this.#name)) {
      return this.#replace(record);
    }
    const amendment = amendRecord(written.record, record);
    if (!amendment) {
      this.#written = { ...written, record };
      return;
    }
    if (written.added > Math.max(written.size, AMENDED_LIMIT)) return this.#replace(record);
    const added = written.added + this.#directory.amend(this.#name, amendment);
    this.#written = { ...written, record, added, stamp: this.#directory.stamp(this.#name) };
  }

  #replace(record: CareRecord): void {
    const value = encodeRecord(record);
    this.#directory.write(this.#name, value);
    const size = JSON.stringify(value).length;
    this.#written = { record, size, added: 0, stamp: this.#directory.stamp(this.#name) };
  }
}

/** The record that the name has; undefined where it has none. Throws where the file holds anything else. */
export function readRecord(directory: StateDirectory, name: string): CareRecord | undefined {
  const found = directory.read(name);
  if (!found) return undefined;
  const record = decodeRecord(found.value, found.amendments);
  if (!record) throw new ForeignRecordError(name);
  return record;
}

/** JSON, but not what a record is. */
export class ForeignRecordError extends LvscareError {
  override readonly name = "ForeignRecordError";
  constructor(name: string) {
    super(`the record of ${name} is none of ours`, { op: "read state", subject: name });
  }
}
