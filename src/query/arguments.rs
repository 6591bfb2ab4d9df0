//! Arguments of a command line that look like words and are files.
//!
//! Hides: what kind of file it is, and how a query would name it. Promises: words are never taken for a file, whatever lies in
//! the folder; only whoever may have meant a file is told how to say so.

use std::io::Read;
use std::path::Path;

use crate::failure::Failure;
use crate::index::{Term, VectorFile, Weighted, parse_terms};
use crate::progress::Progress;

/// Refuses a query that is nothing but the name of a file, which would be read as words; says so where it is a part.
///
/// # Errors
/// The query is the name of a file.
pub fn check_words(terms: &[Weighted], arguments: &[String], progress: &dyn Progress) -> Result<(), Failure> {
    let file = |term: &Term| match term {
        // What has neither a dot nor a slash is a word, whatever lies in the folder.
        Term::Text(text) if text.contains(['.', '/']) && Path::new(text).is_file() => Some(text.clone()),
        _ => None,
    };
    if let [Weighted { term, .. }] = terms
        && let Some(text) = file(term)
    {
        let hint = match spelling(&text) {
            Spelling::Term(term) => format!("pokedex query {term}"),
            Spelling::Table(option) => format!("pokedex query \"red bird\" {option}"),
        };
        return Err(Failure::usage(format!("{text}: is a file, and would be read as words"), hint));
    }
    for argument in arguments {
        let Ok(terms) = parse_terms(std::slice::from_ref(argument)) else { continue };
        if let Some(text) = terms.iter().find_map(|weighted| file(&weighted.term)) {
            let (Spelling::Term(right) | Spelling::Table(right)) = spelling(&text);
            progress.warn(&format!("{text}: is a file, and is read as words; if it is meant itself: {right}"));
        }
    }
    Ok(())
}

/// How a file is named in a query.
enum Spelling {
    Term(String),
    /// An option, beside words.
    Table(String),
}

fn spelling(file: &str) -> Spelling {
    let mut start = Vec::new();
    // A file that cannot be read is taken for a picture, and will say so itself.
    let _ = crate::io::open_file(Path::new(file)).and_then(|open| open.take(1024).read_to_end(&mut start));
    let quoted = |text: String| match text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./_-+,:@%".contains(&b)) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    };
    if VectorFile::is_numpy(&start) {
        Spelling::Term(quoted(format!("vec:{file}")))
    } else if VectorFile::is_one(&start) {
        Spelling::Table(format!("--index {}", quoted(file.into())))
    } else if !start.is_empty() && !start.contains(&0) && std::str::from_utf8(&start).is_ok() {
        Spelling::Table(format!("--queries {}", quoted(file.into())))
    } else {
        Spelling::Term(quoted(format!("./{file}")))
    }
}
