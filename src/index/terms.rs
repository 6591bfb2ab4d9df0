//! The query language: `2:golden retriever + ./pool.jpg - fruit`.

use std::path::PathBuf;

use super::Error;

/// One thing to be near to, or far from.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// Words, read by the model's text tower.
    Text(String),
    /// A picture in this file, seen by the model's image tower.
    Image(PathBuf),
    /// All rows of this class: the mean of their vectors.
    Id(i32),
    /// The row of this name.
    Key(String),
    /// The vector in this file.
    Vector(PathBuf),
}

/// A term and how much it counts; negative to be far from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    /// What the term's vector is multiplied by.
    pub weight: f32,
    /// What counts.
    pub term: Term,
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Term::Text(text) => f.write_str(text),
            Term::Image(path) => write!(f, "img:{}", path.display()),
            Term::Id(id) => write!(f, "id:{id}"),
            Term::Key(key) => write!(f, "key:{key}"),
            Term::Vector(path) => write!(f, "vec:{}", path.display()),
        }
    }
}

/// Reads the arguments of one query. Bare words join with spaces; an argument is an image when it starts with `./`,
/// `../`, `/`, `~/`, `img:` or as an address (`s3://`, `gs://`, `https://`), a stored row when it is `id:N` or starts with `key:`, a file with a vector when it starts
/// with `vec:`; `+` and `-` on their own join
/// terms, and `2:` before a term doubles its weight. Terms that follow each other without a sign are added.
///
/// # Errors
/// There is no term, a sign stands alone, or `id:` is not followed by a number.
pub fn parse_terms<S: AsRef<str>>(arguments: &[S]) -> Result<Vec<Weighted>, Error> {
    let mut terms: Vec<Weighted> = Vec::new();
    // The sign that waits for its term.
    let mut sign: Option<f32> = None;
    // Whether the last term is words that more words may join.
    let mut open = false;
    for argument in arguments.iter().map(|a| a.as_ref().trim()).filter(|a| !a.is_empty()) {
        if argument == "+" || argument == "-" {
            if sign.is_some() {
                return Err(Error::BadTerm { term: argument.into(), problem: "two signs in a row" });
            }
            sign = Some(if argument == "-" { -1.0 } else { 1.0 });
            open = false;
            continue;
        }
        if open && special(argument)?.is_none() {
            if let Some(Weighted { term: Term::Text(text), .. }) = terms.last_mut() {
                text.push(' ');
                text.push_str(argument);
            }
            continue;
        }
        let (factor, rest) = split_weight(argument);
        let special = special(rest)?;
        open = special.is_none();
        let term = special.unwrap_or_else(|| Term::Text(rest.trim().into()));
        terms.push(Weighted { weight: sign.take().unwrap_or(1.0) * factor, term });
    }
    match (sign, terms.is_empty()) {
        (Some(sign), _) => {
            let term = if sign < 0.0 { "-" } else { "+" };
            Err(Error::BadTerm { term: term.into(), problem: "a sign with no term after it" })
        }
        (None, true) => Err(Error::EmptyQuery),
        (None, false) => Ok(terms),
    }
}

/// Reads one line of a file of queries: as [`parse_terms`], but a term reaches to the next ` + ` or ` - `, so that
/// paths and keys may hold spaces without quotes.
///
/// # Errors
/// As [`parse_terms`].
pub fn parse_line(line: &str) -> Result<Vec<Weighted>, Error> {
    let mut arguments: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match arguments.last_mut() {
            Some(last) if !["+", "-"].contains(&word) && !["+", "-"].contains(&last.as_str()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => arguments.push(word.into()),
        }
    }
    parse_terms(&arguments)
}

/// `2:golden` is golden, twice; `Type: Null` is no weight.
fn split_weight(argument: &str) -> (f32, &str) {
    let weighted = argument.split_once(':').and_then(|(number, rest)| {
        let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let weight: f32 = number.parse().ok()?;
        (plain && weight.is_finite() && !rest.is_empty()).then_some((weight, rest))
    });
    weighted.unwrap_or((1.0, argument))
}

fn special(argument: &str) -> Result<Option<Term>, Error> {
    if let Some(path) = argument.strip_prefix("img:") {
        return Ok(Some(Term::Image(path.into())));
    }
    if let Some(path) = argument.strip_prefix("vec:") {
        return Ok(Some(Term::Vector(path.into())));
    }
    if let Some(key) = argument.strip_prefix("key:") {
        return Ok(Some(Term::Key(key.into())));
    }
    if let Some(id) = argument.strip_prefix("id:") {
        let id = id.trim().parse();
        return match id {
            Ok(id) => Ok(Some(Term::Id(id))),
            Err(_) => Err(Error::BadTerm { term: argument.into(), problem: "is not followed by a whole number" }),
        };
    }
    if let (Some(rest), Some(home)) = (argument.strip_prefix("~/"), std::env::var_os("HOME")) {
        return Ok(Some(Term::Image(PathBuf::from(home).join(rest))));
    }
    let is_path =
        ["./", "../", "/", "s3://", "gs://", "https://", "http://"].iter().any(|start| argument.starts_with(start));
    Ok(is_path.then(|| Term::Image(argument.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(weight: f32, text: &str) -> Weighted {
        Weighted { weight, term: Term::Text(text.into()) }
    }

    #[test]
    fn bare_words_are_one_text() {
        assert_eq!(parse_terms(&["fire", "dog"]).expect("valid"), [text(1.0, "fire dog")]);
        assert_eq!(parse_terms(&["fire dog"]).expect("valid"), [text(1.0, "fire dog")]);
    }

    #[test]
    fn names_with_punctuation_are_text() {
        for name in
            ["Type: Null", "Ho-Oh", "Porygon-Z", "Mr. Mime", "Farfetch'd", "Nidoran♀", "Flabébé", "10,000,000 volts"]
        {
            assert_eq!(parse_terms(&[name]).expect("valid"), [text(1.0, name)]);
        }
        assert_eq!(parse_terms(&["Type:", "Null"]).expect("valid"), [text(1.0, "Type: Null")]);
    }

    #[test]
    fn terms_have_signs_and_weights() {
        let terms = parse_terms(&["2:golden", "retriever", "+", "./pool.jpg", "-", "0.5:fruit"]).expect("valid");
        let image = Weighted { weight: 1.0, term: Term::Image("./pool.jpg".into()) };
        assert_eq!(terms, [text(2.0, "golden retriever"), image, text(-0.5, "fruit")]);
        assert_eq!(parse_terms(&["-", "fire"]).expect("valid"), [text(-1.0, "fire")]);
        let row = parse_terms(&["./a", "-", "./b", "./c", "2:./d", "0.5:red", "bird"]).expect("valid");
        assert_eq!(row.iter().map(|t| t.weight).collect::<Vec<_>>(), [1.0, -1.0, 1.0, 2.0, 0.5]);
        assert_eq!(row[4], text(0.5, "red bird"));
        let line = parse_line("2:golden retriever + ./my pool.jpg - key:a b.png").expect("valid");
        let image = Weighted { weight: 1.0, term: Term::Image("./my pool.jpg".into()) };
        let stored = Weighted { weight: -1.0, term: Term::Key("a b.png".into()) };
        assert_eq!(line, [text(2.0, "golden retriever"), image, stored]);
        let stored = parse_terms(&["id:25", "-", "key:a b/c.png"]).expect("valid");
        assert_eq!(stored[0].term, Term::Id(25));
        assert_eq!(stored[1], Weighted { weight: -1.0, term: Term::Key("a b/c.png".into()) });
        assert_eq!(parse_terms(&["img:fire dog.png"]).expect("valid")[0].term, Term::Image("fire dog.png".into()));
    }

    #[test]
    fn what_is_no_query_is_refused() {
        assert!(matches!(parse_terms::<&str>(&[]), Err(Error::EmptyQuery)));
        assert!(matches!(parse_terms(&["  "]), Err(Error::EmptyQuery)));
        assert!(matches!(parse_terms(&["fire", "-"]), Err(Error::BadTerm { .. })));
        assert!(matches!(parse_terms(&["fire", "+", "-", "x"]), Err(Error::BadTerm { .. })));
        assert!(matches!(parse_terms(&["id:pikachu"]), Err(Error::BadTerm { .. })));
    }
}
