// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shared header `src/bpf/evenkeel.h`, as the build translated it.

include!(concat!(env!("OUT_DIR"), "/intf.rs"));
