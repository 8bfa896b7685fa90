// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who comes first on the client's core. Everything that measures is real-time, so that what loads
//! (the flood, the web load, the NIC's softirqs in ksoftirqd) delays it no more than it must.

use evenkeel_kernel::sched::Policy;
use evenkeel_model::CpuIndex;

use crate::generator::Placement;

/// The 20 ms client: its wake-up is part of what it measures.
pub(super) const fn download_client(cpu: CpuIndex) -> Placement {
    Placement { cpu, policy: Policy::Fifo { priority: 20 } }
}

/// The thread that reads the counters at a window's edges: some 100 us twice a window.
pub(super) const fn coordinator(cpu: CpuIndex) -> Placement {
    Placement { cpu, policy: Policy::Fifo { priority: 8 } }
}

/// The flow whose throughput is the figure.
pub(super) const fn measured_flow(cpu: CpuIndex) -> Placement {
    Placement { cpu, policy: Policy::Fifo { priority: 5 } }
}

/// The neighbour's flow, below the measured one: B's client must not slow A's client down.
pub(super) const fn neighbour_flow(cpu: CpuIndex) -> Placement {
    Placement { cpu, policy: Policy::Fifo { priority: 4 } }
}

/// A flood: below all that measures, and before whatever else the host does on this core: it must
/// keep its pace. Softirqs are not delayed by it, they run inside its own system calls.
pub(super) const fn flood(cpu: CpuIndex) -> Placement {
    Placement { cpu, policy: Policy::Other { nice: -10 } }
}
