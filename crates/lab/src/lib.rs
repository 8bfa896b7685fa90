// SPDX-License-Identifier: MIT OR Apache-2.0
//! Testbeds and experiments; measurements as data.
