/**
 * What the program may do, and nothing else. One list for both kinds of build and for runs from source.
 * It grows with the program: a permission is added together with the code that needs it.
 */

/** Environment variables that the program reads. */
const ENVIRONMENT = [
  ...["LVSCARE_DEBUG", "LVSCARE_NETLINK", "NO_COLOR", "FORCE_COLOR"],
  // What systemd tells a service.
  ...["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"],
  // Every flag of `lvscare care`, and LVScare's own name for --ip.
  ...["CARE_*", "LVSCARE_NODE_IP"],
];

export const PERMISSION_FLAGS: readonly string[] = [
  "--no-prompt",
  `--allow-env=${ENVIRONMENT.join(",")}`,
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
