// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast the simulator is.
