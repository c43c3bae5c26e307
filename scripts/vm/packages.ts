/** The Debian packages that scripts/guest needs beside Deno, and the program by which each is known. */
export const GUEST_PROGRAMS = {
  "qemu-system-x86": "qemu-system-x86_64",
  "busybox-static": "busybox",
  "kmod": "depmod",
  "xz-utils": "xz",
} as const;

export const GUEST_PACKAGES: readonly string[] = Object.keys(GUEST_PROGRAMS);

/**
 * What a system with systemd is made of, with all that these depend on: unpacked, and not installed on the host.
 * The last ones depend on nothing, for every system has them.
 */
export const SYSTEMD_PACKAGES: readonly string[] = [
  ...["systemd", "iproute2", "ipset", "iptables", "kmod", "netbase", "procps"],
  ...["coreutils", "dash", "mount", "util-linux"],
];

/** What is only for the installation of packages, of what these depend on; each is the beginning of names. */
export const INSTALLERS: readonly string[] = [
  ...["cdebconf", "debconf", "dpkg", "init-system-helpers", "install-info", "tar", "usr"],
  ...[
    "libdb5",
    "libdebian-installer",
    "libelogind",
    "libgdbm",
    "libnewt",
    "libslang",
    "libtextwrap",
  ],
  ...["libfile-find-rule-perl", "libnumber-compare-perl", "libperl", "libtext-glob-perl", "perl"],
];
