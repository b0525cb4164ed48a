//! Standard output or error: lines that stay, and, on a terminal, lines that are drawn again in place.

use crate::{seconds, spinner};
use console::{Term, style, truncate_str};
use std::convert::Infallible;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often what is drawn in place is drawn again.
pub const REDRAW: Duration = Duration::from_millis(100);
const CLEAR_TO_END_OF_LINE: &str = "\x1b[K";

/// Where everything is said. Nobody listening any more, as with `| head`, is no failure.
#[derive(Debug)]
pub struct Screen {
    stream: Term,
    terminal: Option<Term>,
    /// How many lines are drawn in place at the moment.
    drawn: Mutex<usize>,
}

/// Lines drawn in place; they disappear with it.
#[derive(Debug)]
pub struct Picture<'a>(&'a Screen);

impl Screen {
    /// A terminal that can move its cursor, or a plain stream of lines.
    pub fn of_standard_output() -> Self {
        Self::of(Term::stdout(), Term::buffered_stdout())
    }

    /// The same on standard error, where standard output is for a program to read.
    pub fn of_standard_error() -> Self {
        Self::of(Term::stderr(), Term::buffered_stderr())
    }

    fn of(stream: Term, terminal: Term) -> Self {
        let can_move = terminal.is_term() && std::env::var_os("TERM").is_some_and(|it| it != "dumb");
        Self { stream, terminal: can_move.then_some(terminal), drawn: Mutex::new(0) }
    }

    /// Whether lines can be drawn in place.
    pub fn draws(&self) -> bool {
        self.terminal.is_some()
    }

    /// Says a line that stays, in the place of what is drawn.
    pub fn say(&self, line: &str) {
        self.draw(&[]);
        let _ = writeln!(&self.stream, "{line}");
    }

    /// Lines that can be drawn again and again.
    pub fn picture(&self) -> Picture<'_> {
        Picture(self)
    }

    /// Says what is going on until it is done.
    pub async fn during<T, E>(&self, what: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        if !self.draws() {
            self.say(&format!("{what} …"));
            return work.await;
        }
        let began = Instant::now();
        let picture = self.picture();
        let result = tokio::select! {
            result = work => result?,
            never = draw_again(&picture, what, began) => match never {},
        };
        drop(picture);
        self.say(&format!("{} {what}: {}", style("✓").green(), seconds(began.elapsed())));
        Ok(result)
    }

    fn draw(&self, lines: &[String]) {
        let (Some(terminal), Ok(mut drawn)) = (&self.terminal, self.drawn.lock()) else { return };
        let (height, width) = terminal.size();
        let (height, width) = (usize::from(height), usize::from(width));
        // A line that the terminal would wrap, or scroll away, could not be drawn over.
        let lines = &lines[lines.len().saturating_sub(height.saturating_sub(1))..];
        let result = (|| {
            if *drawn > 0 {
                terminal.move_cursor_up((*drawn).min(height))?;
            }
            // Over the old ones, then the rest away: nothing is blank in between.
            for line in lines {
                let line = truncate_str(line, width.saturating_sub(1), "…");
                terminal.write_line(&format!("{line}{CLEAR_TO_END_OF_LINE}"))?;
            }
            if *drawn > lines.len() {
                terminal.clear_to_end_of_screen()?;
            }
            terminal.flush()
        })();
        *drawn = if result.is_ok() { lines.len() } else { 0 };
    }
}

impl Picture<'_> {
    /// Draws these lines in the place of the last ones. Nothing happens where nothing can be drawn in place.
    pub fn draw(&self, lines: &[String]) {
        self.0.draw(lines);
    }
}

impl Drop for Picture<'_> {
    fn drop(&mut self) {
        self.0.draw(&[]);
    }
}

async fn draw_again(picture: &Picture<'_>, what: &str, began: Instant) -> Infallible {
    loop {
        picture.draw(&[format!("{} {what} … {}", spinner(began.elapsed()), seconds(began.elapsed()))]);
        tokio::time::sleep(REDRAW).await;
    }
}
