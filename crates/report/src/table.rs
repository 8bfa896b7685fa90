// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table as data, and its plain-text form. The page renders the same data as HTML.

use comfy_table::{CellAlignment, ContentArrangement};
use comfy_table::{ContentLineStyle, LineStyle, TableStyle};

use crate::number::keep_units;

/// How wide a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// As many columns as the terminal has; long cells wrap.
    Columns(u16),
    /// No terminal: lines are as long as they need to be.
    Unlimited,
}

/// Narrower than this no table of ours is readable however its cells wrap.
const COLUMNS_MIN: u16 = 40;

/// No frames: a line below the head, two blanks between the columns.
const LOOK: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─'))
    .content_lines(ContentLineStyle::none());
/// Blanks that a column takes beside its content.
const PADDING: usize = 2;

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Figures, so that their digits stand below each other.
    Right,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    /// Name, with the unit.
    pub name: String,
    /// How it is set.
    pub align: Align,
    /// Left out where the terminal is too narrow for all.
    detail: bool,
}

/// Head and rows; every row is as long as the head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// The head.
    pub columns: Vec<Column>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. A `>` before a name makes a column of figures, a `?` before that one
    /// that a narrow terminal does without.
    pub fn new(columns: &[&str]) -> Table {
        let column = |name: &&str| {
            let (detail, name) = match name.strip_prefix('?') {
                Some(name) => (true, name),
                None => (false, *name),
            };
            let (align, name) = match name.strip_prefix('>') {
                Some(name) => (Align::Right, name),
                None => (Align::Left, name),
            };
            Column { name: name.to_owned(), align, detail }
        };
        Table { columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Appends a row; a row of the wrong length is a bug of this crate.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.columns.len(), "a row has a cell for every column");
        self.rows.push(cells.into());
    }

    /// The plain-text form, without trailing blanks, ending in a line break. A narrow terminal gets
    /// the columns that matter most before any cell wraps.
    pub fn to_text(&self, width: Width) -> String {
        let shown = self.columns_shown(width);
        let mut table = comfy_table::Table::new();
        table.load_style(LOOK);
        match width {
            Width::Columns(columns) => {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(columns.max(COLUMNS_MIN));
            }
            Width::Unlimited => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        table.set_header(shown.iter().map(|i| self.columns[*i].name.as_str()));
        for row in &self.rows {
            table.add_row(shown.iter().map(|i| keep_units(&row[*i])));
        }
        for (column, i) in table.column_iter_mut().zip(&shown) {
            column.set_cell_alignment(match self.columns[*i].align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        let line = |line: String| format!("{}\n", line.trim_end()).replace('\u{a0}', " ");
        table.lines().map(line).collect()
    }

    /// All columns, or all but as many details, from the right, as it takes to fit.
    fn columns_shown(&self, width: Width) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let Width::Columns(columns) = width else { return shown };
        let needed = |i: &usize| {
            let cells = self.rows.iter().map(|row| &row[*i]).chain([&self.columns[*i].name]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0) + PADDING
        };
        while shown.iter().map(needed).sum::<usize>() > usize::from(columns.max(COLUMNS_MIN)) {
            match shown.iter().rposition(|i| self.columns[*i].detail) {
                Some(last) => shown.remove(last),
                None => break,
            };
        }
        shown
    }
}
