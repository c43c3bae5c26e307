/** The Debian packages that scripts/guest needs beside Deno, and the program by which each is known. */
export const GUEST_PROGRAMS = {
  "qemu-system-x86": "qemu-system-x86_64",
  "busybox-static": "busybox",
  "kmod": "depmod",
  "xz-utils": "xz",
} as const;

export const GUEST_PACKAGES: readonly string[] = Object.keys(GUEST_PROGRAMS);
