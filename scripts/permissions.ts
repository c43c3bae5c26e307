/**
 * What the program may do, and nothing else. One list for both kinds of build and for runs from source.
 * It grows with the program: a permission is added together with the code that needs it.
 */

export const PERMISSION_FLAGS: readonly string[] = [
  "--no-prompt",
  // Files in keepalived's language name any variable.
  "--allow-env",
  // Rules, configuration and the names in /etc/services and /etc/hosts. Never /proc and /sys, which Deno keeps
  // for programs with every permission: those go through libc.
  "--allow-read",
  // libc, wherever the host has it, and libnl. Whoever may call libc may do anything: a path here would keep
  // out hosts, not harm.
  "--allow-ffi",
  // The state directory, wherever --state-dir says.
  "--allow-write",
  // Health checks of any server.
  "--allow-net",
  // The second way to the kernel: ipvsadm and its like.
  "--allow-run",
];
