//! The only thing that writes to standard error: progress, notes, warnings, hints.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::progress::Progress;
use crate::words::printable;

/// Work that takes less than this shows no bar.
const A_MOMENT: Duration = Duration::from_millis(600);

/// How talkative to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Talk {
    Quiet,
    Normal,
    Verbose,
}

/// A terminal, or a log file in its place.
pub(super) struct Ui {
    talk: Talk,
    bar: Option<Bar>,
}

struct Bar {
    bar: ProgressBar,
    started: Instant,
    shown: bool,
}

impl Ui {
    pub(super) fn new(talk: Talk) -> Ui {
        Ui { talk, bar: None }
    }

    /// Begins a piece of work of so many bytes.
    pub(super) fn start_bytes(&mut self, what: &'static str, bytes: u64) {
        let template = "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec:.dim} {eta:.dim}";
        self.begin(what, Some(bytes), template);
    }

    fn begin(&mut self, what: &'static str, amount: Option<u64>, template: &str) {
        if self.talk == Talk::Quiet || !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::with_draw_target(amount, ProgressDrawTarget::hidden());
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{}/s", HumanCount(state.per_sec().round() as u64));
        };
        bar.set_style(ProgressStyle::with_template(template).expect("a valid template").with_key("rate", rate));
        bar.set_message(what);
        self.bar = Some(Bar { bar, started: Instant::now(), shown: false });
    }

    /// So many bytes are done in all.
    pub(super) fn reach(&mut self, bytes: u64) {
        if let Some(bar) = self.shown_bar() {
            bar.set_position(bytes);
        }
    }

    fn shown_bar(&mut self) -> Option<&ProgressBar> {
        let bar = self.bar.as_mut()?;
        if !bar.shown && bar.started.elapsed() > A_MOMENT {
            bar.shown = true;
            bar.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
        Some(&bar.bar)
    }

    /// Why the command failed, with its hints; never silenced.
    pub(super) fn fail(&self, message: &str, hints: &[String]) {
        self.line(Talk::Quiet, message);
        for hint in hints {
            self.print(&format!("hint: {}", printable(hint)));
        }
    }

    fn line(&self, from: Talk, message: &str) {
        if self.talk >= from {
            self.print(&format!("pokedex: {}", printable(message)));
        }
    }

    fn print(&self, line: &str) {
        // A standard error that is closed is no reason to stop.
        let print = || {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        };
        match &self.bar {
            Some(bar) => bar.bar.suspend(print),
            None => print(),
        }
    }
}

impl Progress for Ui {
    fn start(&mut self, what: &'static str, rows: Option<u64>) {
        let template = match rows {
            Some(_) => "{msg} {wide_bar} {human_pos}/{human_len} {rate:.dim} {eta:.dim}",
            None => "{msg} {spinner} {human_pos} {rate:.dim}",
        };
        self.begin(what, rows, template);
    }

    fn advance(&mut self, rows: u64) {
        if let Some(bar) = self.shown_bar() {
            bar.inc(rows);
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.bar.finish_and_clear();
        }
    }

    fn warn(&self, message: &str) {
        self.line(Talk::Normal, message);
    }

    fn hint(&self, hint: &str) {
        if self.talk >= Talk::Normal {
            self.print(&format!("hint: {}", printable(hint)));
        }
    }

    fn note(&self, message: &str) {
        self.line(Talk::Verbose, message);
    }

    fn done(&self, message: &str) {
        let level = if std::io::stderr().is_terminal() { Talk::Normal } else { Talk::Verbose };
        self.line(level, message);
    }
}
