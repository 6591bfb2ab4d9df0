//! Which of several copies stays.

use std::cmp::Ordering;
use std::str::FromStr;

use super::rows::Row;
use crate::failure::Failure;
use crate::filter::Filter;

/// What makes one copy better than another.
#[derive(Debug, Clone)]
enum Rule {
    /// Pixels, then bytes.
    Largest,
    Pixels,
    Bytes,
    BestFormat,
    /// By EXIF's time, else by the file's.
    Oldest,
    Exif,
    Path(glob::Pattern),
    /// The condition of this number.
    Where(usize),
}

/// The rules by which one of several copies is kept, the first first; where all are tied, the first key is.
///
/// Whatever they say, what lies in a reference is kept before what does not, a file of this machine before what lies in a
/// bucket, an archive or a table, a file before a link, and a picture that is sound before one that is damaged.
#[derive(Debug, Clone)]
pub struct Keep {
    rules: Vec<Rule>,
    filters: Vec<Filter>,
}

/// The names of rules, those with `:` having something behind it.
const NAMES: [&str; 8] = ["largest", "pixels", "bytes", "best-format", "oldest", "exif", "path:", "where:"];

impl Default for Keep {
    /// Most pixels; then with EXIF, which copies lose; then what is without loss; then most bytes, which is least
    /// compressed; then the oldest.
    fn default() -> Keep {
        let rules = vec![Rule::Pixels, Rule::Exif, Rule::BestFormat, Rule::Bytes, Rule::Oldest];
        Keep { rules, filters: Vec::new() }
    }
}

impl FromStr for Keep {
    type Err = Failure;

    /// `exif,path:**/originals/**,where:rating > 3,largest`: a comma that no rule follows belongs to what is before it.
    fn from_str(text: &str) -> Result<Keep, Failure> {
        let mut pieces: Vec<String> = Vec::new();
        for piece in text.split(',') {
            let is_rule = NAMES.iter().any(|name| match name.ends_with(':') {
                true => piece.trim_start().starts_with(name),
                false => piece.trim() == *name,
            });
            match pieces.last_mut() {
                Some(last) if !is_rule && last.contains(':') => {
                    last.push(',');
                    last.push_str(piece);
                }
                _ => pieces.push(piece.to_string()),
            }
        }
        let (mut rules, mut filters) = (Vec::new(), Vec::new());
        for piece in pieces {
            rules.push(match piece.trim() {
                "largest" => Rule::Largest,
                "pixels" => Rule::Pixels,
                "bytes" => Rule::Bytes,
                "best-format" => Rule::BestFormat,
                "oldest" => Rule::Oldest,
                "exif" => Rule::Exif,
                other => match (other.strip_prefix("path:"), other.strip_prefix("where:")) {
                    (Some(pattern), _) => {
                        let wrong = |e: glob::PatternError| format!("--keep path:{pattern}: is no pattern: {}", e.msg);
                        let pattern = glob::Pattern::new(pattern);
                        Rule::Path(pattern.map_err(|e| Failure::usage(wrong(e), "--keep 'path:**/originals/**'"))?)
                    }
                    (_, Some(condition)) => {
                        filters.push(Filter::parse(condition)?);
                        Rule::Where(filters.len() - 1)
                    }
                    _ => {
                        let known = "rules are largest, pixels, bytes, best-format, oldest, exif, path:GLOB, where:SQL";
                        return Err(Failure::usage(format!("--keep {other}: no such rule"), known));
                    }
                },
            });
        }
        Ok(Keep { rules, filters })
    }
}

/// Why one of two rows is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Better {
    /// Of the first row: `Less` comes first.
    pub order: Ordering,
    pub why: String,
}

impl Keep {
    /// The conditions of `where:`.
    pub(super) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Whether it matters what the camera wrote.
    pub(super) fn needs_shots(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::Exif | Rule::Oldest))
    }

    /// Whether it matters how a picture is stored.
    pub(super) fn needs_formats(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::BestFormat))
    }

    /// Which of two is rather kept; never a tie between rows of different keys.
    pub(super) fn order(&self, a: &Row, b: &Row) -> Ordering {
        self.compare(a, b, |_| String::new()).order
    }

    /// As [`Keep::order`], and what decided it.
    pub(super) fn better(&self, a: &Row, b: &Row) -> Better {
        self.compare(a, b, |why| why())
    }

    fn compare(&self, a: &Row, b: &Row, say: impl Fn(&dyn Fn() -> String) -> String) -> Better {
        let found = |order: Ordering, why: &dyn Fn() -> String| (order != Ordering::Equal).then(|| (order, say(why)));
        let fixed = |why: &'static str| move || why.to_string();
        // What is so comes before what is not.
        let yes = |of: fn(&Row) -> bool| of(b).cmp(&of(a));
        let always = || {
            found(yes(|row| row.in_reference), &fixed("in the reference"))
                .or_else(|| found(yes(Row::is_local), &fixed("a file of this machine")))
                .or_else(|| found(yes(|row| !row.is_link), &fixed("no link")))
                .or_else(|| found(yes(|row| !row.facts.is_flawed), &fixed("not damaged")))
        };
        let by_rules = || self.rules.iter().find_map(|rule| self.by(rule, a, b).and_then(|(o, why)| found(o, &why)));
        let by_key = || (a.key.cmp(&b.key), say(&fixed("first by name")));
        let (order, why) = always().or_else(by_rules).unwrap_or_else(by_key);
        Better { order, why }
    }

    /// What one rule says.
    fn by<'a>(&'a self, rule: &'a Rule, a: &'a Row, b: &'a Row) -> Option<(Ordering, Box<dyn Fn() -> String + 'a>)> {
        let better = move |order: Ordering| if order == Ordering::Less { a } else { b };
        let pixels = |row: &Row| u64::from(row.facts.width) * u64::from(row.facts.height);
        let of_pixels = || pixels(b).cmp(&pixels(a));
        let of_bytes = || b.facts.bytes.cmp(&a.facts.bytes);
        let most_pixels: Box<dyn Fn() -> String> = Box::new(|| "most pixels".into());
        let most_bytes: Box<dyn Fn() -> String> = Box::new(|| "most bytes".into());
        Some(match rule {
            Rule::Pixels => (of_pixels(), most_pixels),
            Rule::Bytes => (of_bytes(), most_bytes),
            Rule::Largest if of_pixels() != Ordering::Equal => (of_pixels(), most_pixels),
            Rule::Largest => (of_bytes(), most_bytes),
            Rule::BestFormat => {
                let order = b.facts.format.cmp(&a.facts.format);
                (order, Box::new(move || format!("best format ({})", better(order).facts.format.name())))
            }
            Rule::Exif => (b.facts.has_shot.cmp(&a.facts.has_shot), Box::new(|| "has EXIF".into())),
            Rule::Oldest => {
                // Whose time nobody knows comes last.
                let time = |row: &Row| row.facts.taken.or(row.facts.modified).unwrap_or(i64::MAX);
                let order = time(a).cmp(&time(b));
                let by = move || if better(order).facts.taken.is_some() { "EXIF" } else { "its file" };
                (order, Box::new(move || format!("oldest by {}", by())))
            }
            Rule::Path(pattern) => {
                let is_at = |row: &Row| {
                    pattern.matches(&row.key) || row.path.as_ref().is_some_and(|path| pattern.matches(path))
                };
                (is_at(b).cmp(&is_at(a)), Box::new(move || format!("its path is {}", pattern.as_str())))
            }
            Rule::Where(number) => {
                let is_so = |row: &Row| row.passes & 1 << number != 0;
                (is_so(b).cmp(&is_so(a)), Box::new(|| "--keep where".into()))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str) -> Row {
        Row { key: key.into(), path: Some(key.into()), ..Row::default() }
    }

    #[test]
    fn rules_count_in_their_order_and_ties_break_by_name() {
        let keep: Keep = "exif,largest".parse().expect("rules");
        let (mut a, mut b) = (row("a"), row("b"));
        assert_eq!(keep.better(&b, &a), Better { order: Ordering::Greater, why: "first by name".into() });
        (b.facts.width, b.facts.height) = (10, 10);
        assert_eq!(keep.better(&a, &b), Better { order: Ordering::Greater, why: "most pixels".into() });
        a.facts.has_shot = true;
        assert_eq!(keep.better(&a, &b), Better { order: Ordering::Less, why: "has EXIF".into() });
        b.in_reference = true;
        assert_eq!(keep.better(&a, &b), Better { order: Ordering::Greater, why: "in the reference".into() });
        let (mut old, mut new) = (row("z"), row("a"));
        (old.facts.modified, new.facts.modified) = (Some(5), Some(6));
        assert_eq!(Keep::default().better(&old, &new).why, "oldest by its file");
        new.facts.taken = Some(1);
        assert_eq!(
            Keep::default().better(&old, &new),
            Better { order: Ordering::Greater, why: "oldest by EXIF".into() }
        );
    }

    #[test]
    fn commas_inside_a_rule_belong_to_it() {
        let keep: Keep = "where:id in (1, 2), path:{a,b}/*,oldest".parse().expect("rules");
        assert_eq!((keep.rules.len(), keep.filters.len()), (3, 1));
        assert!("larger".parse::<Keep>().is_err() && "where:".parse::<Keep>().is_err());
        assert!("path:[".parse::<Keep>().is_err() && "".parse::<Keep>().is_err());
    }
}
