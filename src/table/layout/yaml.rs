//! `data.yaml` as PyYAML's `safe_load` reads it, since that is what the tools that train have.
//!
//! PyYAML speaks YAML 1.1, in which `no` is false, `010` is 8 and `1_000` is 1000 (pyyaml.org, `resolver.py`). The parser
//! here speaks 1.2; so scalars are left as they are written, and resolved here by PyYAML's expressions.

use saphyr::{ScalarStyle, YamlLoader, YamlOwned};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    /// What is not text by itself: Python's text for it, and what is written.
    Plain {
        python: String,
        kind: Kind,
    },
    Text(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

/// What PyYAML makes of a scalar without quotes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Bool(bool),
    Int(i64),
    Float(f64),
}

/// A document and what is odd about it.
#[derive(Debug)]
pub(super) struct Document {
    entries: Vec<(Value, Value)>,
    /// What a person would read otherwise.
    pub odd: Vec<String>,
}

/// Anything deeper than this is no list of classes, and would be read by a function that calls itself.
const MOST_NESTED: usize = 64;

impl Document {
    /// Reads a document of these bytes.
    ///
    /// # Errors
    /// PyYAML would stop.
    pub(super) fn parse(bytes: &[u8]) -> Result<Document, String> {
        let mut odd = Vec::new();
        let text = decode(bytes, &mut odd);
        refuse_depth(&text)?;
        if let Some(line) = tab(&text) {
            return Err(format!("is no YAML: line {line} has a tab, where YAML wants spaces"));
        }
        let documents = match load(&text, false) {
            Err(problem) if problem.contains("duplicated key") => {
                odd.push(format!("{problem}; the last one counts"));
                load(&text, true)
            }
            other => other,
        };
        let mut documents = documents.map_err(|problem| format!("is no YAML: {problem}"))?;
        if documents.len() > 1 {
            return Err("holds several documents".into());
        }
        match documents.pop().map(|document| resolve(document, &mut odd)) {
            Some(Value::Map(entries)) => Ok(Document { entries, odd }),
            _ => Err("holds no keys".into()),
        }
    }

    /// The value of a key; none where it is null.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let of = |(name, _): &&(Value, Value)| matches!(name, Value::Text(name) if name == key);
        // Ultralytics takes the word None for null.
        let is_none = |value: &Value| *value == Value::Null || *value == Value::Text("None".into());
        self.entries.iter().rev().find(of).map(|(_, value)| value).filter(|value| !is_none(value))
    }
}

impl Document {
    /// Whether a key is there, be it null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| matches!(name, Value::Text(name) if name == key))
    }
}

impl Value {
    /// As Python's `str` writes it; none of a list or a mapping.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Null => Some("None"),
            Value::Plain { python, .. } => Some(python),
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// As Python's `int` reads it.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Value::Plain { kind: Kind::Int(number), .. } => Some(*number),
            Value::Plain { kind: Kind::Bool(is), .. } => Some(i64::from(*is)),
            Value::Plain { kind: Kind::Float(number), .. } => Some(*number as i64).filter(|_| number.is_finite()),
            Value::Text(text) => text.trim().replace('_', "").parse().ok(),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// Text without what Ultralytics leaves out: bytes that are no UTF-8, and control characters.
fn decode(bytes: &[u8], odd: &mut Vec<String>) -> String {
    let text: String = bytes.utf8_chunks().map(|chunk| chunk.valid()).collect();
    let is_kept = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{85}') || !c.is_control();
    let kept: String = text.chars().filter(|&c| is_kept(c)).collect();
    if kept.len() < bytes.len() {
        odd.push("is no plain UTF-8; what is none of it is left out, as Ultralytics does".into());
    }
    kept.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(kept)
}

fn refuse_depth(text: &str) -> Result<(), String> {
    let (mut depth, mut most) = (0usize, 0usize);
    outside_quotes(text, |_, c| match c {
        '[' | '{' => {
            depth += 1;
            most = most.max(depth);
        }
        ']' | '}' => depth = depth.saturating_sub(1),
        _ => {}
    });
    let indented = text.lines().map(|line| line.len() - line.trim_start_matches([' ', '-', '?']).len()).max();
    if most > MOST_NESTED || indented.unwrap_or(0) > 4 * MOST_NESTED {
        Err("is nested too deeply".into())
    } else {
        Ok(())
    }
}

/// The line of the first tab that PyYAML stops at.
fn tab(text: &str) -> Option<usize> {
    let mut found = None;
    outside_quotes(text, |line, c| {
        if c == '\t' && found.is_none() {
            found = Some(line);
        }
    });
    found
}

/// Calls for every character outside quotes, comments and blocks of text, with the number of its line.
fn outside_quotes(text: &str, mut look: impl FnMut(usize, char)) {
    let mut block = None;
    for (number, line) in (1..).zip(text.lines()) {
        let indented = line.len() - line.trim_start_matches(' ').len();
        if block.is_some_and(|least| indented > least || line.trim().is_empty()) {
            continue;
        }
        let end = line.trim_end_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
        block = (end.ends_with(": |") || end.ends_with(": >")).then_some(indented);
        // Quotes end with their line at the latest, for an apostrophe may be none.
        let (mut quote, mut before) = (None, ' ');
        for c in line.chars() {
            match quote {
                Some(open) => quote = Some(open).filter(|&open| open != c),
                None if c == '#' && matches!(before, ' ' | '\t') => break,
                None if matches!(c, '"' | '\'') && matches!(before, ' ' | '[' | '{' | ',' | ':') => quote = Some(c),
                None => look(number, c),
            }
            before = c;
        }
    }
}

fn load(text: &str, repeated: bool) -> Result<Vec<YamlOwned>, String> {
    let mut loader: YamlLoader<'_, YamlOwned> = YamlLoader::default();
    loader.early_parse(false);
    loader.allow_duplicate_keys(repeated);
    let mut parser = saphyr_parser::Parser::new_from_str(text);
    parser.load(&mut loader, true).map_err(|e| e.to_string())?;
    match loader.error() {
        Some(e) => Err(e.to_string()),
        None => Ok(loader.into_documents()),
    }
}

fn resolve(node: YamlOwned, odd: &mut Vec<String>) -> Value {
    match node {
        YamlOwned::Representation(text, ScalarStyle::Plain, None) => plain(text, odd),
        YamlOwned::Representation(text, ..) => Value::Text(text),
        YamlOwned::Sequence(items) => Value::List(items.into_iter().map(|item| resolve(item, odd)).collect()),
        YamlOwned::Mapping(entries) => {
            let entry = |(key, value)| (resolve(key, odd), resolve(value, odd));
            Value::Map(entries.into_iter().map(entry).collect())
        }
        YamlOwned::Tagged(_, inner) => resolve(*inner, odd),
        YamlOwned::Value(_) | YamlOwned::Alias(_) | YamlOwned::BadValue => Value::Null,
    }
}

/// A scalar without quotes.
fn plain(written: String, odd: &mut Vec<String>) -> Value {
    let kind = match written.as_str() {
        "" => return Value::Null,
        "~" | "null" | "Null" | "NULL" => {
            odd.push(format!("`{written}` without quotes is null (None)"));
            return Value::Null;
        }
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Kind::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Kind::Bool(false),
        text => match int(text).map(Kind::Int).or_else(|| float(text).map(Kind::Float)) {
            Some(kind) => kind,
            None => return Value::Text(written),
        },
    };
    let python = match kind {
        Kind::Bool(is) => if is { "True" } else { "False" }.to_string(),
        Kind::Int(number) => number.to_string(),
        Kind::Float(number) if number.is_finite() => format!("{number:?}"),
        Kind::Float(number) => if number.is_nan() {
            "nan"
        } else if number > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_string(),
    };
    if python != written {
        odd.push(format!("`{written}` without quotes is {python}"));
    }
    Value::Plain { python, kind }
}

/// PyYAML's whole numbers: `0b1`, `017`, `0x1f`, `1_000`, `1:30` (of base 60).
fn int(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let of = |digits: &str, base: u32| {
        let plain = digits.replace('_', "");
        (!plain.is_empty() && plain.chars().all(|c| c.is_digit(base)))
            .then(|| i64::from_str_radix(&plain, base).ok())?
    };
    let number = match digits {
        "0" => Some(0),
        _ if digits.starts_with("0b") => of(&digits[2..], 2),
        _ if digits.starts_with("0x") => of(&digits[2..], 16),
        _ if digits.starts_with('0') => of(&digits[1..], 8),
        _ if digits.starts_with(|c: char| c.is_ascii_digit()) => {
            let mut parts = digits.split(':');
            let first = of(parts.next()?, 10)?;
            parts.try_fold(first, |all, part| {
                let part = Some(part).filter(|part| part.len() <= 2).and_then(|part| of(part, 10));
                all.checked_mul(60)?.checked_add(part.filter(|part| *part < 60)?)
            })
        }
        _ => None,
    };
    number.map(|number| sign * number)
}

/// PyYAML's numbers with a point; an exponent needs a point and a sign, else it is text.
fn float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if digits.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, part) = mantissa.split_once('.')?;
    let are_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let sound = are_digits(whole) && are_digits(part) && (begins(whole) || whole.is_empty() && begins(part));
    let exponent_sound = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['-', '+']).is_some_and(|digits| !digits.is_empty() && are_digits(digits))
    });
    // `1:30.5` is of base 60 and rare enough to be left.
    (sound && exponent_sound).then(|| text.replace('_', "").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(yaml: &str) -> (Vec<String>, Vec<String>) {
        let document = Document::parse(yaml.as_bytes()).expect("YAML");
        let Some(Value::List(names)) = document.get("names") else { panic!("a list in {yaml}") };
        (names.iter().map(|name| name.text().expect("a scalar").to_string()).collect(), document.odd)
    }

    #[test]
    fn plain_words_are_what_pyyaml_makes_of_them() {
        let (read, odd) =
            names("names: [no, Yes, on, y, n, 'no', ~, 010, 0o7, 1_000, 1:30, 1.50, 1e3, 1.0e+3, 7, -3, 0x1F]");
        let expected = [
            "False", "True", "True", "y", "n", "no", "None", "8", "0o7", "1000", "90", "1.5", "1e3", "1000.0", "7",
            "-3", "31",
        ];
        assert_eq!(read, expected);
        assert_eq!(odd.len(), 10, "{odd:?}");
        assert_eq!(odd[0], "`no` without quotes is False");
        assert!(names("names: [a, 1, 1.5, True, \"no\"]").1.is_empty());
    }

    #[test]
    fn what_pyyaml_stops_at_is_an_error() {
        for text in
            ["", "[", "a: [", "- 1", "a: &b *b", "\u{0}", "names:\t[a]", "a: b\n\tc: d", "a: 1\n---\nb: 2", "a: b: c"]
        {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        for deep in ["[", "{a: ", "- ", "? "] {
            assert!(Document::parse(deep.repeat(100_000).as_bytes()).is_err(), "{deep}");
        }
        for text in [
            "names: [a, b]",
            "names: ['a\tb'] # \t",
            "a: |\n  x\ty[[\n\n  z\nb: c",
            "names: [farfetch'd, b\u{e9}]",
            "a: &x [1]\nb: *x",
        ] {
            assert!(Document::parse(text.as_bytes()).expect(text).odd.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn other_encodings_and_repeated_keys_are_read_and_named() {
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("names: [a]\n".bytes().flat_map(|b| [b, 0])).collect();
        let document = Document::parse(&wide).expect("as Ultralytics reads it");
        assert_eq!(document.get("names"), Some(&Value::List(vec![Value::Text("a".into())])));
        assert_eq!(document.odd.len(), 1);
        let latin = Document::parse(b"names: [caf\xe9]").expect("as Ultralytics reads it");
        assert_eq!(latin.get("names"), Some(&Value::List(vec![Value::Text("caf".into())])));
        let twice = Document::parse(b"nc: 1\nnc: 2\nnames: [a]").expect("the last counts");
        assert_eq!(twice.get("nc").and_then(Value::int), Some(2));
        assert!(twice.odd[0].contains("duplicated key"), "{:?}", twice.odd);
        assert!(Document::parse("\u{feff}a: 1".as_bytes()).expect("a mark").odd.is_empty());
    }
}
