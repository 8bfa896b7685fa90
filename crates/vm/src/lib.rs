// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discovery: which process is which VM, which thread has which role.
