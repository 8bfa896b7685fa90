#!/bin/busybox sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Process 1 of a QEMU guest until the host's root is mounted: loads what the kernel lacks. Who needs
# whom differs from kernel to kernel, so all are tried until none is missing a symbol of another.
export PATH=/bin
busybox mount -t proc proc /proc
echo 1 >/proc/sys/kernel/printk
busybox mount -t devtmpfs devtmpfs /dev
for round in 1 2 3 4; do
    for module in /modules/*.ko; do
        busybox insmod "$module" 2>/dev/null
    done
done
if [ -n "$EK_PROBE" ]; then
    echo "READY $EK_VM"
    busybox sleep 1
    busybox poweroff -f
fi
busybox mount -t virtiofs -o ro ek-root /host
exec busybox switch_root /host "$EK_INIT"
