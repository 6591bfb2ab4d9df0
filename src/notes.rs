//! What is worth a line when a run ends: what was passed over, repaired or read leniently, counted.
//!
//! Tables, lists and pictures are read far below the command line, a batch at a time and on several threads, where nobody
//! may print; and a line for each of a million rows helps nobody. So whoever passes something over counts it here, and the
//! command line says it once. A run is a process, so there is one such list for each.

use std::sync::Mutex;

/// How many examples a line names.
const NAMED: usize = 3;

struct Note {
    subject: String,
    count: u64,
    examples: Vec<String>,
    line: String,
}

static NOTES: Mutex<(Vec<Note>, bool)> = Mutex::new((Vec::new(), false));

/// Adds to the count of a subject (whatever tells it from others); `line` makes the line of the new count and the first
/// few examples.
pub(crate) fn count(subject: &str, more: u64, example: Option<&str>, line: impl FnOnce(u64, &str) -> String) {
    with(subject, |note| {
        note.count += more;
        if let Some(example) = example.filter(|_| note.examples.len() <= NAMED) {
            note.examples.push(example.into());
        }
        note.line = line(note.count, &named(&note.examples));
    });
}

/// Says a line of a subject, in the place of what was said of it before: tables are read several times in a run.
pub(crate) fn say(subject: &str, line: impl Into<String>) {
    with(subject, |note| note.line = line.into());
}

/// Marks that inputs of this run were left out, which its exit status has to say.
pub(crate) fn left_out() {
    NOTES.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1 = true;
}

/// What was left out does not matter: somebody said so.
pub fn forgive() {
    NOTES.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1 = false;
}

/// Whether inputs were left out.
pub fn is_left_out() -> bool {
    NOTES.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1
}

/// All lines in the order of their first mention, but for empty ones; then there are none.
pub fn take() -> Vec<String> {
    let mut notes = NOTES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::mem::take(&mut notes.0).into_iter().map(|note| note.line).filter(|line| !line.is_empty()).collect()
}

fn with(subject: &str, change: impl FnOnce(&mut Note)) {
    let notes = &mut NOTES.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0;
    let at = notes.iter().position(|note| note.subject == subject).unwrap_or_else(|| {
        notes.push(Note { subject: subject.into(), count: 0, examples: Vec::new(), line: String::new() });
        notes.len() - 1
    });
    change(&mut notes[at]);
}

/// `a, b, c, …`.
pub(crate) fn named(examples: &[String]) -> String {
    let more = if examples.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", examples[..examples.len().min(NAMED)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_one_line_with_its_count_and_first_examples() {
        for name in ["a", "b", "c", "d", "e"] {
            count("notes test", 1, Some(name), |count, examples| format!("{count} of them: {examples}"));
        }
        say("notes test, said", "first");
        say("notes test, said", "last");
        let lines = take();
        assert!(lines.contains(&"5 of them: a, b, c, …".to_string()), "{lines:?}");
        assert!(lines.contains(&"last".to_string()) && !lines.contains(&"first".to_string()), "{lines:?}");
    }
}
