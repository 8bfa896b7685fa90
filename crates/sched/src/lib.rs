// SPDX-License-Identifier: MIT OR Apache-2.0
//! Enforcers: backends that make the kernel honour reservations.
