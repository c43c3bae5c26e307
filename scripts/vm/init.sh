#!/bin/busybox sh
# The guest's first process. It runs twice: in the initramfs, where it makes the root out of the
# host's files, and again in that root ("init.sh job"), where it runs the job. Its programs are
# busybox's both times. File descriptor 3 is the control port to the host.
guest=/run/guest

fail() {
  echo "guest: $*" >/dev/console
  sleep 0.2
  poweroff -f
}

# Waits for the virtio-serial port of that name and puts its device into $port.
find_port() {
  tries=0
  while [ $tries -lt 500 ]; do
    for port in /sys/class/virtio-ports/*; do
      name=
      [ -r "$port/name" ] && read -r name <"$port/name"
      [ "$name" = "$1" ] && port=/dev/${port##*/} && return
    done
    tries=$((tries + 1))
    sleep 0.02
  done
  fail "no virtio port named $1"
}

make_root() {
  /bin/busybox mkdir -p /proc /sys /dev /run /host /memory /root
  /bin/busybox mount -t tmpfs -o mode=755 run /run
  /bin/busybox mkdir -p $guest/bin
  /bin/busybox cp /bin/busybox $guest/bin/busybox
  /bin/busybox cp /init $guest/init.sh
  $guest/bin/busybox --install -s $guest/bin
  export PATH=$guest/bin
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t devtmpfs dev /dev
  while read -r module; do
    insmod "/modules/$module" || fail "cannot load $module"
  done </modules/order

  find_port control
  exec 3<>"$port"
  # Until the kernel knows that the host's end is open, a read is an end of file.
  until read -r size <&3; do sleep 0.02; done
  head -c "$size" <&3 >$guest/job
  . $guest/job

  # The guest lives for seconds: what it has read of the host's files it need not ask for again.
  mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host ||
    fail "cannot mount the host's root"
  mount -t tmpfs -o size=75% memory /memory
  mkdir /memory/upper /memory/work
  mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work root /root ||
    fail "cannot mount the overlay"
  mkdir -p "/root/lib/modules/$release" /root/proc /root/sys /root/dev /root/run /root/tmp
  mount --bind "/host$modules" "/root/lib/modules/$release" || fail "no modules in $modules"
  if [ -n "$out" ]; then
    mkdir -p /root/out
    mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap out /root/out ||
      fail "cannot mount the folder of --out"
  fi
  # A job that was started below /tmp finds its folder there.
  case $directory/ in
  /tmp/*) ;;
  *) mount -t tmpfs -o mode=1777 tmp /root/tmp ;;
  esac
  mkdir -p /dev/pts /dev/shm
  ln -s /proc/self/fd /dev/fd
  for stream in 0:stdin 1:stdout 2:stderr; do ln -s fd/${stream%:*} /dev/${stream#*:}; done
  mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
  mount -t tmpfs -o mode=1777 shm /dev/shm
  mount -t cgroup2 cgroup /sys/fs/cgroup
  for folder in proc sys dev run; do mount --move /$folder /root/$folder; done
  exec /root$guest/bin/busybox switch_root /root $guest/bin/busybox sh $guest/init.sh job
}

# Ends all processes but this one and the given ones: a daemon that the job left behind must not hold
# the streams open. Kernel threads do not care.
end_all_but() {
  for process in /proc/[0-9]*; do
    case " 1 $* " in
    *" ${process#/proc/} "*) ;;
    *) kill -KILL "${process#/proc/}" 2>/dev/null ;;
    esac
  done
}

# Puts into $bytes how many a relay passed on, from dd's last line: "123 bytes (123 B) copied, …".
count_bytes() {
  bytes=0
  while read -r number word _; do
    case $word in byte*) bytes=$number ;; esac
  done <"$1"
}

run_in_terminal() {
  # The host sends the terminal's size again when it changes.
  while read -r size <&3; do stty -F /dev/hvc0 $size; done &
  setsid -c sh -c "stty $terminal; $1" <>/dev/hvc0 >&0 2>&1 3>&-
  status=$?
  end_all_but
  sleep 0.1 # for what hvc0 still holds
  echo "exit $status 0 0" >&3
}

# Pipes stand between the job and the ports. A port can be opened only once: a program that opens
# /dev/stderr would find it busy.
run_with_streams() {
  mkfifo $guest/stdin $guest/stdout $guest/stderr
  find_port stdin
  cat <"$port" >$guest/stdin 3>&- &
  relays=
  for stream in stdout stderr; do
    find_port $stream
    # The host's dd, because busybox's does not say how many bytes it has copied.
    LC_ALL=C /usr/bin/dd bs=65536 <$guest/$stream >"$port" 2>$guest/$stream.count 3>&- &
    relays="$relays $!"
  done
  # Redirected inside: what the shell says of a job that a signal ended must not be in its output.
  setsid sh -c "exec <$guest/stdin >$guest/stdout 2>$guest/stderr 3>&-; $1"
  status=$?
  end_all_but $relays
  wait $relays
  sync
  count_bytes $guest/stdout.count
  stdout=$bytes
  count_bytes $guest/stderr.count
  echo "exit $status $stdout $bytes" >&3
}

run() {
  . $guest/job
  hostname guest
  ip link set lo up
  ulimit -Hn 524288
  ulimit -Sn 65536
  umask 022
  # What a usual host has loaded; what --without took away is silently not there. The rest is loaded
  # by the kernel when it is asked for.
  /sbin/modprobe -qa ip_vs ip_vs_rr dummy

  echo ready >&3
  # In the foreground: a shell starts background jobs deaf to SIGINT.
  job=". $guest/job; cd \"\$directory\" || exit 125; run_job"
  if [ -n "$terminal" ]; then run_in_terminal "$job"; else run_with_streams "$job"; fi
  # The host ends the machine as soon as it has all bytes.
  while :; do sleep 1000; done
}

case ${1-} in
job) run ;;
*) make_root ;;
esac
