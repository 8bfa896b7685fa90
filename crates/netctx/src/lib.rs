// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network contexts: whose thread does the packet work of a VM.
