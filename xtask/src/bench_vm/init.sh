#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# The first process of the bench's virtual machine. The host's root is mounted read-only; an overlay
# in memory makes it writable without writing to it. `job` and everything it answers lie on a share
# of their own. EK_MODULES, EK_RUN and EK_DIRECTORY are set by the file `environment` beside this one.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
stop() {
    echo "vm-bench: $*"
    # With -no-reboot a restart ends QEMU, faster than a clean power-off.
    echo b >/proc/sysrq-trigger
    exec sleep 60
}
here=${0%/*}
. "$here/environment"

if [ "$1" != inside ]; then
    mount -t proc proc /proc
    mount -t tmpfs tmpfs /run || stop "no memory file system"
    mkdir /run/upper /run/work /run/root
    modprobe -d "$EK_MODULES" overlay || stop "no overlay module"
    mount -t overlay overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work,xino=off /run/root ||
        stop "no overlay"
    cd /run/root && pivot_root . mnt || stop "no new root"
    exec chroot . /bin/sh "$0" inside
fi

mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
exec </dev/null >/dev/ttyS0 2>&1
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
umount -l /mnt
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup || stop "no control groups"
mkdir -p "$EK_RUN" /run/lock
mount -t virtiofs results "$EK_RUN" || stop "no share for results"
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
ip link set lo up
ulimit -l unlimited
cd "$EK_DIRECTORY" || stop "no directory $EK_DIRECTORY"
date +%s >"$EK_RUN/booted"
sh "$EK_RUN/job" </dev/null >"$EK_RUN/stdout" 2>"$EK_RUN/stderr"
echo $? >"$EK_RUN/status.new"
dmesg >"$EK_RUN/dmesg"
mv "$EK_RUN/status.new" "$EK_RUN/status"
stop "done"
