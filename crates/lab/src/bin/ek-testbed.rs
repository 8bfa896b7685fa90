// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds a testbed and holds it until its input ends: for the tests of this crate, which kill it
//! at any moment, and for trying things by hand: a line `VM COMMAND` runs a command in a guest.
//!
//! ```text
//! ek-testbed hold [uml|qemu] [dedicated|shared] VM...    `a` plain, `a:6ms/20ms` in a capsule
//! ek-testbed clean
//! ek-testbed lab-guest ARGUMENTS...                      what guests call
//! ```

use std::io::stdin;
use std::process::ExitCode;

use evenkeel_lab::guest::{GuestKind, GuestProgram, program};
use evenkeel_lab::{LabError, Layout, Testbed, TestbedSpec, VmSpec, clean};
use evenkeel_model::{NetworkContextKind, Reservation, Span};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((verb, words)) if verb == "hold" => hold(words),
        Some((verb, [])) if verb == "clean" => clean(&mut say).map(drop).map_err(Into::into),
        Some((verb, words)) if verb == "lab-guest" => program::main(words).map_err(Into::into),
        _ => Err("usage: ek-testbed hold [uml|qemu] [dedicated|shared] VM... | clean".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ek-testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn say(line: &str) {
    println!("{line}");
}

fn hold(words: &[String]) -> Result<(), Failure> {
    let mut spec = TestbedSpec {
        vms: Vec::new(),
        context: NetworkContextKind::Dedicated,
        guest: GuestKind::Uml,
        sink: false,
        program: GuestProgram::current()?,
    };
    for word in words {
        match word.as_str() {
            "uml" => spec.guest = GuestKind::Uml,
            "qemu" => spec.guest = GuestKind::Qemu,
            "dedicated" => spec.context = NetworkContextKind::Dedicated,
            "shared" => spec.context = NetworkContextKind::Shared,
            "sink" => spec.sink = true,
            vm => spec.vms.push(vm_of(vm)?),
        }
    }
    let testbed = Testbed::build(&spec, &Layout::detect()?, &mut say)?;
    println!("HOLDING");
    for line in stdin().lines() {
        obey(&testbed, &line?);
    }
    let closed: Result<_, LabError> = testbed.close();
    closed?.removed.iter().for_each(|what| println!("removed {what}"));
    Ok(())
}

/// `a echo hello`
fn obey(testbed: &Testbed, line: &str) {
    let Some((vm, command)) = line.split_once(' ') else { return };
    let answer = testbed
        .guest(vm)
        .map_err(|error| error.to_string())
        .and_then(|guest| guest.exec(command, Span::from_s(60)).map_err(|error| error.to_string()));
    match answer {
        Ok(answer) => println!("{}[{}]", answer.output, answer.status),
        Err(error) => println!("{error}"),
    }
}

/// `a` or `a:6ms/20ms`.
fn vm_of(word: &str) -> Result<VmSpec, Failure> {
    let Some((name, reservation)) = word.split_once(':') else {
        return Ok(VmSpec::networked(word, None));
    };
    let (budget, period) = reservation.split_once('/').ok_or("a reservation is BUDGET/PERIOD")?;
    let (budget, period): (Span, Span) = (budget.parse()?, period.parse()?);
    Ok(VmSpec::networked(name, Some(Reservation::new(budget, period)?)))
}
