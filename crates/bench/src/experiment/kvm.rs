// SPDX-License-Identifier: MIT OR Apache-2.0
//! What measurements with a KVM guest inside share: the machine's modules, the guest's process, and the
//! way into a capsule, which is that of any running VM: by its process number.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::Context as _;
use evenkeel_host::AttachRequest;
use evenkeel_model::{CapsuleName, NetworkContextKind};

use super::session::Session;

/// A running QEMU; dropping it ends it.
pub struct Running {
    /// Its process.
    pub child: Child,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> anyhow::Result<Running> {
        Ok(Running { child: command.spawn().context("starting the guest's QEMU")? })
    }

    /// Takes it into a new capsule `name` with a budget on CPU 0.
    pub fn attach(
        &self,
        session: &Session,
        name: &str,
        budget_ns: u64,
        period_ns: u64,
    ) -> anyhow::Result<CapsuleName> {
        let capsule = session.create(name, budget_ns, period_ns, &[0])?;
        let request = AttachRequest {
            name: capsule.clone(),
            vm: format!("pid:{}", self.child.id()).parse()?,
            netdevs: Vec::new(),
            context: NetworkContextKind::Shared,
        };
        session.host.apply(&session.host.plan_attach(&request)?)?;
        Ok(capsule)
    }

    /// Ends it.
    pub fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where this machine's modules are.
pub fn modules() -> anyhow::Result<PathBuf> {
    std::env::var_os("EK_MODULES").map(PathBuf::from).context("EK_MODULES is not set")
}

/// Loads a module of `root`, or does what else the words say.
pub fn modprobe(root: &Path, words: &[&str]) -> bool {
    let status = Command::new("modprobe").arg("-d").arg(root).args(words).status();
    status.is_ok_and(|status| status.success())
}

/// Loads KVM: it has a module per vendor, and one of them loads.
pub fn load_kvm(modules: &Path) -> anyhow::Result<()> {
    let loaded = ["kvm-amd", "kvm-intel"].iter().any(|name| modprobe(modules, &[name]));
    anyhow::ensure!(loaded, "no module kvm-amd or kvm-intel can be loaded");
    Ok(())
}
