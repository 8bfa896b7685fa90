// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables: aligned columns without lines, the same words on a terminal and in a pipe.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::colour::bold;

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Quantities.
    Right,
}

/// Lays out `rows` under `header`. Colour makes the header bold and changes no column.
pub fn table(header: &[(&str, Align)], rows: &[Vec<String>], colour: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|(title, _)| *title));
    table.add_rows(rows.iter().cloned());
    for (index, (_, align)) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            // No margin on the left of the first column; two blanks between columns.
            column.set_padding((0, 2));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
    }
    let lines: Vec<String> = table
        .lines()
        .enumerate()
        .map(|(index, line)| bold(line.trim_end(), colour && index == 0))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_tail() {
        let rows = vec![
            vec!["web".to_owned(), "6ms".to_owned(), "0".to_owned()],
            vec!["database".to_owned(), "1.5ms".to_owned(), "0-1".to_owned()],
        ];
        let header = [("NAME", Align::Left), ("BUDGET", Align::Right), ("CPUS", Align::Left)];
        assert_eq!(
            table(&header, &rows, false),
            "NAME      BUDGET  CPUS\nweb          6ms  0\ndatabase   1.5ms  0-1"
        );
    }
}
