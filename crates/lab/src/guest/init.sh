#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Process 1 of a guest of `evenkeel lab`. Its root is the host's root file system, read-only;
# whatever is written lands in a tmpfs. All the host's programs are there.
# Every process that is started here costs a guest 10 ms of its boot: few are.
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
# The console is the control channel: only emergencies may interrupt it.
echo 1 >/proc/sys/kernel/printk
# Two directories of the host must stay visible below the tmpfs that follow: the lab's, and that of
# the lab's own program. The kernel hands parameters it does not know to process 1.
mount -t tmpfs tmpfs /mnt
mkdir /mnt/lab /mnt/program
mount --bind "${0%/*}" /mnt/lab
# shellcheck source=/dev/null
. "/mnt/lab/$EK_VM.conf"
mount --bind "$EK_PROGRAM_DIRECTORY" /mnt/program
# A directory that this distribution lacks is no loss.
mount -a -T /mnt/lab/fstab 2>/dev/null
cd /
exec <"$EK_CONSOLE" >"$EK_CONSOLE" 2>&1
stty raw -echo
echo "$EK_VM" >/proc/sys/kernel/hostname
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null
{
    echo "link set dev lo up"
    if [ -n "$EK_ADDRESS" ]; then
        echo "link set dev $EK_DEVICE mtu 1500 up"
        echo "address add $EK_ADDRESS dev $EK_DEVICE"
        # The client is known beforehand: no ARP, which would have to be flooded.
        echo "neighbour add $EK_CLIENT_ADDRESS lladdr $EK_CLIENT_MAC dev $EK_DEVICE nud permanent"
    fi
} | ip -batch -
if [ -n "$EK_ADDRESS" ]; then
    # Room for a thousand connections at once.
    echo 4096 >/proc/sys/net/core/somaxconn
    echo 4096 >/proc/sys/net/ipv4/tcp_max_syn_backlog
    echo "4096 131072 $EK_TCP_RMEM_MAX" >/proc/sys/net/ipv4/tcp_rmem
fi
ulimit -n 65536
export EK_VM EK_OUTPUT=/run/ek-out EK_POWER_OFF='echo o >/proc/sysrq-trigger; sleep 60'
exec bash /mnt/lab/control-loop.sh
