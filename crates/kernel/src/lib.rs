// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every system call and pseudo-file that Evenkeel uses.
