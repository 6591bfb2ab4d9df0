//! Questions in files: one a line, or vectors that somebody brings along.

use std::path::Path;

use super::Question;
use crate::failure::Failure;
use crate::index::{Unfit, VectorFile, parse_line};
use crate::notes;
use crate::progress::Progress;
use crate::words::left_out;

/// The queries in a file (`-` for standard input): one a line, or one a row where it holds vectors, in the column of this
/// name if it is a table. `named` says that a model was given.
///
/// # Errors
/// It cannot be read, holds no query, or a line is none.
pub fn questions_in(file: &Path, column: &str, named: bool, progress: &dyn Progress) -> Result<Vec<Question>, Failure> {
    let opened = crate::io::seekable(file)?;
    let failed = |source| Failure::from(crate::io::Error::Read { path: file.into(), source });
    let bytes = crate::io::At::new(opened.try_clone().map_err(failed)?).map_err(failed)?;
    if VectorFile::is_one(&bytes.part(0, 8).map_err(failed)?) {
        let vectors = said_of(VectorFile::read(&file.display().to_string(), opened, column)?, file, named, progress);
        if vectors.without > 0 {
            notes::left_out();
            notes::say("queries", format!("{}: {}", file.display(), left_out(vectors.without)));
        }
        let model = vectors.model;
        let question = |(text, vector)| Question {
            text,
            terms: Vec::new(),
            vector: Some(vector),
            model: model.clone(),
            literal: true,
        };
        let questions = vectors.rows.into_iter().map(question).collect();
        return sound(questions, file, |problem| problem != Unfit::ZERO);
    }
    if let Some((what, hint)) = no_lines(file) {
        return Err(Failure::usage(format!("{}: is {what}, and queries are one a line", file.display()), hint));
    }
    let mut questions = Vec::new();
    let text = crate::io::text_of(file, opened)?;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() {
            continue;
        }
        let terms = parse_line(line).map_err(|e| {
            let hint = e.hint().unwrap_or_default();
            Failure::usage(format!("{}: line {number}: {e}", file.display()), hint)
        })?;
        questions.push(Question { text: line.to_string(), terms, vector: None, model: None, literal: false });
    }
    match questions.is_empty() {
        true => Err(Failure::usage(format!("{}: holds no query", file.display()), "one query a line")),
        false => Ok(questions),
    }
}

/// The queries of a file without those whose vectors have no direction, which are named: the others can be searched for where
/// directions are compared ([`Session::compares_directions`](super::Session::compares_directions)).
///
/// # Errors
/// None is left.
pub fn with_directions(questions: Vec<Question>, file: &Path) -> Result<Vec<Question>, Failure> {
    sound(questions, file, |_| true)
}

/// The queries without those whose vectors cannot be compared, which are named; `counts` tells which problems are some.
///
/// # Errors
/// None is left.
fn sound(
    mut questions: Vec<Question>,
    file: &Path,
    counts: impl Fn(&'static str) -> bool,
) -> Result<Vec<Question>, Failure> {
    let mut unfit = Unfit::default();
    questions.retain(|question| {
        let problem = question.vector.as_deref().and_then(Unfit::problem).filter(|problem| counts(problem));
        problem.inspect(|problem| unfit.add(&question.text, problem)).is_none()
    });
    let Some(message) = unfit.message() else { return Ok(questions) };
    let message = format!("{}: {message}", file.display());
    if questions.is_empty() {
        return Err(Failure::failed(message, None));
    }
    notes::left_out();
    notes::say(&message, message.clone());
    Ok(questions)
}

/// What a file is that has no query a line, by its name, and what makes lines of it.
fn no_lines(file: &Path) -> Option<(&'static str, &'static str)> {
    let extension = file.extension()?.to_str()?.to_ascii_lowercase();
    match &*extension {
        "json" => Some(("JSON", "jq -r '.[]' FILE.json | pokedex query --queries -")),
        "jsonl" | "ndjson" => Some(("lines of JSON", "jq -r .query FILE.jsonl | pokedex query --queries -")),
        "csv" | "tsv" => Some((
            "a table in text",
            "duckdb -noheader -list -c \"select query from 'FILE'\" | pokedex query --queries -",
        )),
        _ => None,
    }
}

/// Says where nobody knows which model made the vectors.
fn said_of(vectors: VectorFile, file: &Path, named: bool, progress: &dyn Progress) -> VectorFile {
    if vectors.model.is_none() && !named {
        let name = file.display();
        progress.warn(&format!("{name}: does not say which model made its vectors; taken to be that of the index"));
    }
    vectors
}
