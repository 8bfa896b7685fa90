#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# First process of the KVM guest inside the bench: brings its network up and receives.
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
exec </dev/null >/dev/ttyS0 2>&1
for module in failover net_failover virtio_net; do
    insmod /modules/$module.ko || echo "no module $module"
done
ip link set lo up
ip link set eth0 up
ip addr add 10.99.2.10/24 dev eth0
echo "guest ready"
iperf3 -s
echo "guest ended"
