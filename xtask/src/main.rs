// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask`: what is checked and generated beside the compiler.

use std::process::ExitCode;
use std::time::Instant;

use xtask::metadata::workspace_root;
use xtask::{bench, bench_model, bench_vm, generate, house};

const USAGE: &str = "\
usage: cargo xtask check          the house rules, on the whole tree
       cargo xtask gen            writes man pages and shell completions
       cargo xtask gen --check    compares them with what would be written
       cargo xtask bench-lqn [--json]
                                  the figures promised of queueing models; status 5: one is broken
       cargo xtask bench-model [--json]
                                  the figures promised of scheduler, theory and simulator;
                                  status 5: one is broken
       cargo xtask bench-vm [--deterministic] [--short] [--only NAME,...] [--json]
                                  the figures promised of the scheduler, measured on a stock kernel in
                                  a virtual machine; status 5: one is broken
       cargo xtask bench-vm --run COMMAND [--deterministic]
                                  runs COMMAND there as root, in this directory
       cargo xtask bench-vm --tests [--deterministic]
                                  runs the tests there that need such a kernel
         all: [--accel kvm|tcg] [--cpus N] [--memory MIB] [--time-limit S] [--update] [--or-skip]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["check"] => check(),
        ["gen"] => write_generated(),
        ["gen", "--check"] => check_generated(),
        ["bench-lqn"] => bench_lqn(&arguments, false),
        ["bench-lqn", "--json"] => bench_lqn(&arguments, true),
        ["bench-model"] => bench_model(&arguments, false),
        ["bench-model", "--json"] => bench_model(&arguments, true),
        ["bench-vm", rest @ ..] => bench_vm::main(rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn check() -> anyhow::Result<ExitCode> {
    let findings = house::check(&workspace_root())?;
    for question in &findings.questions {
        eprintln!("question: {question}");
    }
    for violation in &findings.violations {
        println!("{violation}");
    }
    if findings.violations.is_empty() {
        println!("The tree keeps the house rules.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} house rules are broken.", findings.violations.len());
    Ok(ExitCode::FAILURE)
}

fn write_generated() -> anyhow::Result<ExitCode> {
    for path in generate::write(&workspace_root())? {
        println!("{path}");
    }
    Ok(ExitCode::SUCCESS)
}

fn check_generated() -> anyhow::Result<ExitCode> {
    let differences = generate::differences(&workspace_root())?;
    for difference in &differences {
        println!("{difference}");
    }
    if differences.is_empty() {
        println!("The generated files are up to date.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} generated files differ; run `cargo xtask gen`.", differences.len());
    Ok(ExitCode::FAILURE)
}

fn bench_lqn(arguments: &[String], json: bool) -> anyhow::Result<ExitCode> {
    if let Some(status) = bench::in_release(arguments)? {
        return Ok(status);
    }
    let start = Instant::now();
    bench::run("lqn", json, || evenkeel_lqn::bench::rows(Some(&|| start.elapsed().as_secs_f64())))
}

fn bench_model(arguments: &[String], json: bool) -> anyhow::Result<ExitCode> {
    if let Some(status) = bench::in_release(arguments)? {
        return Ok(status);
    }
    let start = Instant::now();
    bench::run("model", json, || bench_model::rows(&|| start.elapsed().as_secs_f64()))
}
