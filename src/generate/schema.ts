/** The JSON Schema of the files of `lvscare run`, which editors check by. */

import { fileSchema } from "../config/files/fields.ts";
import type { Artifact } from "./artifact.ts";

/** JSON has no comments: the title tells whose it is. */
const MARK = '"title": "Configuration of lvscare run",';

export function schemaFile(): Artifact {
  return { text: `${JSON.stringify(fileSchema(), undefined, 2)}\n`, mark: MARK };
}
