/** Runs a program for its output; what it says on standard error becomes the error where it fails. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> {
  // Without colours, as what it says may become part of a message.
  const command = new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    env: { NO_COLOR: "1" },
    ...options,
  });
  const { success, code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (!success) {
    const said = decoder.decode(stderr).trim() || `exit status ${code}`;
    throw new Error(`${program.replace(/.*\//, "")} ${args[0] ?? ""}: ${said}`);
  }
  return decoder.decode(stdout);
}
