#!/bin/busybox sh
# The first process of a guest that boots a system with systemd: mounts its root and its modules, and
# makes place for systemd.
busybox() {
  /bin/busybox "$@"
}

fail() {
  echo "guest: $*" >/dev/console
  busybox sleep 0.2
  busybox poweroff -f
}

busybox mkdir -p /proc /sys /dev /root
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
while read -r module; do
  busybox insmod "/modules/$module" || fail "cannot load $module"
done </modules/order

share="trans=virtio,version=9p2000.L,msize=512000,cache=loose"
busybox mount -t 9p -o "rw,$share" root /root || fail "cannot mount the root"
release=$(busybox uname -r)
busybox mkdir -p "/root/lib/modules/$release"
busybox mount -t 9p -o "ro,$share" modules "/root/lib/modules/$release" ||
  fail "cannot mount the modules"
for folder in proc sys dev; do busybox mount --move /$folder /root/$folder; done
exec /bin/busybox switch_root /root /lib/systemd/systemd
