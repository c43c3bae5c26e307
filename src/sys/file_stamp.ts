/** Another text when a file was replaced or written to; when that was stands last, in milliseconds since 1970. */
export function fileStamp({ ino, size, mtime }: Deno.FileInfo): string {
  return `${ino} ${size} ${mtime?.getTime()}`;
}
