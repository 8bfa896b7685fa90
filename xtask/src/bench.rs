// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench-*`: promised figures, measured again. One form for all benchmarks: a table to
//! read, or with `--json` one object, and status 5 if a promise does not hold.
//!
//! xtask itself is built without optimisation, which would make every speed a wrong figure, so a
//! benchmark starts itself again as a release build ([`in_release`]).

use std::process::{Command, ExitCode};

use anyhow::Context as _;
use evenkeel_model::{BenchReport, BenchRow};

use crate::metadata::workspace_root;

/// A check completed and something is violated, as in every other program of the house.
const VIOLATED: u8 = 5;

/// Measures, prints, and says by the status whether all rows hold. `name` is that of the benchmark,
/// without `bench-`.
pub fn run(
    name: &str,
    json: bool,
    rows: impl FnOnce() -> Vec<BenchRow>,
) -> anyhow::Result<ExitCode> {
    let rows = rows();
    let holds = !rows.is_empty() && rows.iter().all(|row| row.holds);
    if json {
        let report = BenchReport { schema: format!("evenkeel.bench-{name}/1"), rows };
        println!("{}", serde_json::to_string_pretty(&report).context("writing the rows as JSON")?);
    } else {
        print!("{}", table(&rows));
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::from(VIOLATED) })
}

/// Runs `cargo xtask ARGUMENTS` as a release build and gives its status; `None` if this is one.
pub fn in_release(arguments: &[String]) -> anyhow::Result<Option<ExitCode>> {
    if !cfg!(debug_assertions) {
        return Ok(None);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--release", "--package", "xtask", "--"])
        .args(arguments)
        .current_dir(workspace_root())
        .status()
        .context("running cargo for a release build of xtask")?;
    // Ended by a signal: no status of its own.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(Some(ExitCode::from(code)))
}

/// Name, figure, unit, limit, and whether it holds, in columns.
fn table(rows: &[BenchRow]) -> String {
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            let holds = if row.holds { "holds" } else { "BROKEN" };
            let (figure, limit) = (number(row.figure), number(row.limit));
            [row.name.clone(), figure, limit, row.unit.clone(), holds.to_owned()]
        })
        .collect();
    let widest = |column: usize, title: &str| {
        let widths = cells.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0).max(title.len())
    };
    let widths = [widest(0, "NAME"), widest(1, "FIGURE"), widest(2, "LIMIT"), widest(3, "UNIT")];
    let line = |row: [&str; 5]| {
        let [name, figure, limit, unit, holds] = row;
        let [a, b, c, d] = widths;
        format!("{name:<a$}  {figure:>b$}  {limit:>c$}  {unit:<d$}  {holds}\n")
    };
    let mut text = line(["NAME", "FIGURE", "LIMIT", "UNIT", "HOLDS"]);
    for [name, figure, limit, unit, holds] in &cells {
        text.push_str(&line([name, figure, limit, unit, holds]));
    }
    let broken = rows.iter().filter(|row| !row.holds).count();
    text.push_str(&format!("{} rows, {broken} broken\n", rows.len()));
    text
}

/// Four significant digits, without an exponent where there need not be one.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        return format!("{value:.2e}");
    }
    let digits = [1.0, 10.0, 100.0, 1000.0].iter().filter(|bound| size < **bound).count();
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_row_decides_the_status() {
        let good = || BenchRow::at_most("a", 1.0, "s", 2.0);
        let bad = || BenchRow::at_most("b", 3.0, "s", 2.0);
        let status = |rows: Vec<BenchRow>| run("test", false, || rows).unwrap();
        assert_eq!(status(vec![good()]), ExitCode::SUCCESS);
        assert_eq!(status(vec![good(), bad()]), ExitCode::from(5));
        assert_eq!(status(Vec::new()), ExitCode::from(5));
    }

    #[test]
    fn the_table_lines_up() {
        let rows = [
            BenchRow::at_most("short", 0.5, "s", 1.0),
            BenchRow::at_least("a longer name", 1.25e-9, "events/s", 3e6),
        ];
        let expected = "\
NAME            FIGURE    LIMIT  UNIT      HOLDS
short              0.5        1  s         holds
a longer name  1.25e-9  3000000  events/s  BROKEN
2 rows, 1 broken
";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(0.0, "0"), (2.0, "2"), (0.012_345, "0.0123"), (123.456, "123.5"), (1e9, "1.00e9")]
        {
            assert_eq!(number(value), text);
        }
    }
}
