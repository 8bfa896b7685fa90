// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pausing and stopping a generator's thread.
//!
//! ```text
//!            pause             stop
//!   running <=====> paused ----------> stopped
//!      |    resume                        ^
//!      +----------------------------------+
//! ```

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

const RUNNING: u8 = 0;
const PAUSED: u8 = 1;
const STOPPED: u8 = 2;

/// Shared by a generator and its thread.
#[derive(Debug)]
pub(super) struct Switch {
    state: AtomicU8,
    /// Guards nothing but the wait: the state is the atomic.
    lock: Mutex<()>,
    changed: Condvar,
}

impl Switch {
    /// A thread that begins paused.
    pub fn paused() -> Switch {
        Switch { state: AtomicU8::new(PAUSED), lock: Mutex::new(()), changed: Condvar::new() }
    }

    /// Lets the thread work. A stopped one stays stopped.
    pub fn resume(&self) {
        self.set(RUNNING);
    }

    /// Lets the thread wait.
    pub fn pause(&self) {
        self.set(PAUSED);
    }

    /// Ends the thread, whatever it does.
    pub fn stop(&self) {
        self.set(STOPPED);
    }

    fn set(&self, state: u8) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state.load(Ordering::Relaxed) != STOPPED {
            self.state.store(state, Ordering::Release);
        }
        self.changed.notify_all();
    }

    /// Whether the thread should work now, without waiting.
    pub fn is_running(&self) -> bool {
        self.state.load(Ordering::Acquire) == RUNNING
    }

    /// Waits while paused. Whether to go on; `false` is the end.
    pub fn wait(&self) -> bool {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while self.state.load(Ordering::Acquire) == PAUSED {
            guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.state.load(Ordering::Acquire) == RUNNING
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_thread_waits_works_and_ends() {
        let switch = Arc::new(Switch::paused());
        let (tell, told) = std::sync::mpsc::channel();
        let thread = {
            let switch = Arc::clone(&switch);
            std::thread::spawn(move || {
                while switch.wait() {
                    // Before it tells, or it would undo the next resume.
                    switch.pause();
                    tell.send(()).unwrap();
                }
            })
        };
        assert!(told.try_recv().is_err());
        for _ in 0..3 {
            switch.resume();
            told.recv().unwrap();
        }
        switch.stop();
        thread.join().unwrap();
        switch.resume();
        assert!(!switch.is_running(), "stopped is for ever");
    }
}
