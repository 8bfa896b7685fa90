#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs, once, what `make demo` and `make test` need and this machine lacks, and says why.
#
# usage: scripts/setup.sh demo|test
#
# Debian packages need root; where this is not root or not Debian, the script prints what to install
# and exits with status 2. Cargo tools go to target/tools and touch nothing outside the checkout.
# What is there already is left as it is.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
purpose=${1:-test}
case "$purpose" in
demo | test) ;;
*)
    echo "usage: scripts/setup.sh demo|test" >&2
    exit 2
    ;;
esac

tools=$PWD/target/tools
export PATH="$tools/bin:$PATH"

# Versions of the cargo tools: those that the configuration files of this tree were written for.
nextest_version=0.9.151
deny_version=0.20.2

# package | a program that it brings | what it is for
packages='
gcc             | cc                 | links what cargo builds
libc6-dev       | -                  | the C library that cargo links against
user-mode-linux | linux.uml          | the guests of the lab: a Linux kernel that runs as a process
qemu-system-x86 | qemu-system-x86_64 | guests of "lab --guest qemu", and tests that find QEMU
iproute2        | ip                 | network namespaces, bridges and veth pairs of the lab
ethtool         | ethtool            | offloads of the emulated NIC
nginx-light     | nginx              | the web server inside the guests
wrk             | wrk                | web load with a thousand connections
iperf3          | iperf3             | TCP throughput of a guest
stress-ng       | stress-ng          | compute load: matrix inversion
clang-19        | clang-19           | compiles the sched_ext scheduler for the kernel (BPF)
libelf-dev      | -                  | reads what clang compiled, in evenkeel
zlib1g-dev      | -                  | unpacks it
kmod            | depmod             | modules of the kernel that the bench in a virtual machine boots
xz-utils        | xz                 | modules again, for the guest inside that machine
'

# Prints the lines of $packages whose program or package is missing.
missing_packages() {
    local package program why
    while IFS='|' read -r package program why; do
        package=${package// /} program=${program// /}
        [ -n "$package" ] || continue
        if [ "$program" = - ]; then
            dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' && continue
            # Without dpkg there is no telling; the linker will.
            command -v dpkg-query >/dev/null || continue
        else
            PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null && continue
        fi
        printf '%s|%s\n' "$package" "${why# }"
    done <<<"$packages"
    # virtiofsd came with QEMU until Debian 12 and is a package of its own since.
    if [ ! -x /usr/lib/qemu/virtiofsd ] && [ ! -x /usr/libexec/virtiofsd ]; then
        printf 'virtiofsd|%s\n' "the host's files for the bench in a virtual machine"
    fi
}

# Debian starts a service when its package is installed; a web server that nobody asked for must
# not listen on this host, now or after the next boot.
without_services() {
    local policy=/usr/sbin/policy-rc.d ours=no status=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        ours=yes
    fi
    "$@" || status=$?
    [ "$ours" = no ] || rm -f "$policy"
    return "$status"
}

install_packages() {
    local list names
    list=$(missing_packages)
    [ -n "$list" ] || return 0
    mapfile -t names < <(cut -d'|' -f1 <<<"$list")
    echo "These packages are missing:" >&2
    while IFS='|' read -r package why; do
        printf '  %-16s %s\n' "$package" "$why" >&2
    done <<<"$list"
    local command="apt-get install --no-install-recommends ${names[*]}"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Install them as root, on Debian with:" >&2
        echo "  $command" >&2
        exit 2
    fi
    echo "Installing them: $command" >&2
    export DEBIAN_FRONTEND=noninteractive
    local nginx_is_new=no
    case " ${names[*]} " in *" nginx-light "*) nginx_is_new=yes ;; esac
    local install=(apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "${names[@]}")
    # A fresh machine has no package lists, an old one stale ones: then they are fetched first.
    if ! without_services "${install[@]}" >&2; then
        echo "Fetching new package lists." >&2
        apt-get update -qq >&2
        without_services "${install[@]}" >&2
    fi
    if [ "$nginx_is_new" = yes ] && command -v systemctl >/dev/null; then
        systemctl disable nginx >/dev/null 2>&1 || true
    fi
}

# The toolchain comes with rustup or not at all: it is the one thing that we do not install.
check_toolchain() {
    if ! command -v cargo >/dev/null; then
        echo "Rust 1.95 or newer is missing; see https://rustup.rs" >&2
        exit 2
    fi
    if [ "$purpose" = test ]; then
        local component
        for component in fmt clippy; do
            cargo "$component" --version >/dev/null 2>&1 && continue
            echo "Installing the missing cargo $component: rustup component add" >&2
            rustup component add "${component/fmt/rustfmt}" >&2
        done
    fi
}

# cargo_tool CRATE VERSION WHY [OPTION...]: neither tool is in Debian, and no public registry has
# a current build, so cargo builds it; unoptimised, since building them takes longer than they run.
cargo_tool() {
    local crate=$1 version=$2 why=$3
    shift 3
    [ ! -x "$tools/bin/$crate" ] || return 0
    ! command -v "$crate" >/dev/null || return 0
    echo "Building $crate $version into target/tools, once, one to two minutes ($why)." >&2
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$tools/build" \
        cargo install --quiet --locked --debug --version "$version" --root "$tools" "$@" "$crate" >&2
}

check_toolchain
install_packages
if [ "$purpose" = test ]; then
    cargo_tool cargo-deny "$deny_version" "licences, sources and banned crates" \
        --no-default-features
    cargo_tool cargo-nextest "$nextest_version" "runs the tests, privileged ones one at a time" \
        --no-default-features --features default-no-update
    rm -rf "$tools/build"
fi
