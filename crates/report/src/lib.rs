// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures and the self-contained report, from measurements alone.
