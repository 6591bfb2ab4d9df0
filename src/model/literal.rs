//! Python literals, in which Ultralytics and YOLOv5 write what they know of a model: `{0: 'cat', 1: "farfetch'd"}`.

use serde_json::{Map, Number, Value};

/// Lists within lists deeper than this are none of theirs.
const DEEPEST: usize = 16;

/// What a literal says, a tuple as a list, keys as text; `None` where it is not understood.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut rest = Rest(text);
    let value = rest.value(0)?;
    rest.skip_blanks();
    rest.0.is_empty().then_some(value)
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        self.skip_blanks();
        match self.0.chars().next()? {
            '{' => self.dict(depth),
            '[' => self.list('[', ']', depth),
            '(' => self.list('(', ')', depth),
            quote @ ('\'' | '"') => self.text(quote).map(Value::String),
            _ => self.word(),
        }
    }

    fn dict(&mut self, depth: usize) -> Option<Value> {
        let mut entries = Map::new();
        self.eat('{');
        while !self.eat('}') {
            let key = match self.value(depth + 1)? {
                Value::String(key) => key,
                Value::Number(key) => key.to_string(),
                _ => return None,
            };
            let value = self.eat(':').then(|| self.value(depth + 1))??;
            entries.insert(key, value);
            if !self.eat(',') {
                return self.eat('}').then_some(Value::Object(entries));
            }
        }
        Some(Value::Object(entries))
    }

    fn list(&mut self, open: char, close: char, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.eat(open);
        while !self.eat(close) {
            items.push(self.value(depth + 1)?);
            if !self.eat(',') {
                return self.eat(close).then_some(Value::Array(items));
            }
        }
        Some(Value::Array(items))
    }

    /// As Python's `repr` writes it.
    fn text(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.0[1..].chars();
        loop {
            match chars.next()? {
                '\\' => match chars.next()? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'x' => text.push(code(&mut chars, 2)?),
                    'u' => text.push(code(&mut chars, 4)?),
                    'U' => text.push(code(&mut chars, 8)?),
                    other => text.push(other),
                },
                end if end == quote => break,
                other => text.push(other),
            }
        }
        self.0 = chars.as_str();
        Some(text)
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.0.find(|c: char| !c.is_ascii_alphanumeric() && !"+-._".contains(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::Null),
            _ => word
                .parse::<i64>()
                .map(Number::from)
                .ok()
                .or_else(|| Number::from_f64(word.parse().ok()?))
                .map(Value::Number),
        }
    }
}

fn code(chars: &mut std::str::Chars, digits: usize) -> Option<char> {
    let mut code = 0;
    for _ in 0..digits {
        code = code * 16 + chars.next()?.to_digit(16)?;
    }
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_is_read() {
        let said = r#"{0: 'cat', 1: "farfetch'd", 2: 'a\'"\\\xe9\u2640', 'nms': None, 'x': [1, -2.5, (True,)], }"#;
        let wanted = r#"{"0": "cat", "1": "farfetch'd", "2": "a'\"\\é♀", "nms": null, "x": [1, -2.5, [true]]}"#;
        assert_eq!(parse(said), serde_json::from_str(wanted).ok());
        assert_eq!(parse("{}"), Some(Value::Object(Map::new())));
        assert_eq!(parse(" [ ] "), Some(Value::Array(Vec::new())));
        assert_eq!(parse("640"), Some(640.into()));
    }

    #[test]
    fn what_is_cut_short_or_no_literal_is_none() {
        let whole = r#"{0: 'c\x61t', 1: ["a", (1, 2.5)]}"#;
        assert!(parse(whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{}", &whole[..end]);
        }
        for wrong in ["{1 2}", "[1 2]", "{[1]: 2}", "'\\xzz'", "print()", "1e999", "{0: 'a'} b", "'\\ud800'"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
