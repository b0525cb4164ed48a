//! Words, signs and tables for people.

use crate::REDRAW;
use console::{Alignment, measure_text_width, pad_str, style};
use std::time::Duration;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// A sign that turns.
pub fn spinner(elapsed: Duration) -> String {
    let turn = usize::try_from(elapsed.as_millis() / REDRAW.as_millis()).unwrap_or_default();
    style(SPINNER[turn % SPINNER.len()]).cyan().to_string()
}

/// As people read it: `3.1 s`, `2 min 05 s`.
pub fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..120 => format!("{:.1} s", duration.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// How a column is set.
pub use Alignment::{Left, Right};

/// Rows in columns that are as wide as their widest cell, under a heading.
pub fn table<const N: usize>(heading: [(&str, Alignment); N], rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| measure_text_width(&row[column]));
        cells.chain([measure_text_width(heading[column].0)]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).zip(heading);
        let cells = cells.map(|((cell, width), (_, alignment))| pad_str(cell, width, alignment, None));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("  {}", line.trim_end())
    };
    let top = style(line(heading.map(|(name, _)| name))).dim().to_string();
    let rows = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    std::iter::once(top).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "10".to_owned()], ["bcd".to_owned(), "7".to_owned()]];
        let lines = table([("of", Left), ("rows", Right)], &rows);
        assert_eq!(lines[1..], ["  a      10", "  bcd     7"]);
    }

    #[test]
    fn long_times_are_told_in_minutes() {
        assert_eq!(seconds(Duration::from_millis(3140)), "3.1 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
