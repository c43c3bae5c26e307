/**
 * What the program may do, and nothing else. One list for both kinds of build and for runs from source.
 * It grows with the program: a permission is added together with the code that needs it.
 */

/** Environment variables that the program reads. */
const ENVIRONMENT = ["LVSCARE_DEBUG", "NO_COLOR", "FORCE_COLOR"];

export const PERMISSION_FLAGS: readonly string[] = [
  "--no-prompt",
  `--allow-env=${ENVIRONMENT.join(",")}`,
];
