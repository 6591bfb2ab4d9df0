//! Rows by the words in their texts: what is written in pictures, as `read` reads it, or any other column of text.
//!
//! Texts and questions are folded alike: without accents and case, letters and digits of full and half width the same, anything
//! else a space. Every row is looked at, batch by batch, and nothing is kept but the best.

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_buffer::BooleanBuffer;
use memchr::memmem::Finder;
use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Error;
use super::best::Best;
use super::exact::Index;
use super::wording::STOP_WORDS;
use crate::table::column;

/// Which rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those with all the words, as they are or as parts of longer ones, the shorter words only as they are.
    All,
    /// Those with any of the words; parts of words and words with one slip count less.
    Any,
}

/// How a word stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Whole,
    Part,
    Slip,
}

impl Stands {
    fn counts(self) -> f32 {
        match self {
            Stands::Whole => 1.0,
            Stands::Part => 0.75,
            Stands::Slip => 0.5,
        }
    }
}

/// From so many letters on a word counts as a part of another, where the reach is [`Reach::All`] and [`Reach::Any`].
const PART: [usize; 2] = [5, 3];
/// And from so many with a slip.
const SLIP: usize = 5;
/// Rows that a thread looks at in one go.
const ROWS: usize = 256;

/// Words to look for.
#[derive(Debug)]
pub struct Sought(Vec<Word>);

/// A word, or several between quotes that must follow one another.
#[derive(Debug)]
struct Word {
    shown: String,
    /// Folded, without spaces around.
    folded: String,
    whole: Finder<'static>,
    part: Finder<'static>,
    letters: usize,
    /// Whether it is of a script that sets no spaces between words.
    unspaced: bool,
}

/// A row that was found by its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Number of the row in the index.
    pub row: u64,
    /// The share of the words that stand in it, those that stand there otherwise counting less.
    pub score: f32,
    /// Those words as they were asked for.
    pub words: Vec<String>,
}

impl Sought {
    /// The words of some texts; those that say nothing (`a`, `of`) only if there are no others. `None`: no words.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Sought> {
        let mut words: Vec<Word> = Vec::new();
        for text in texts {
            // Every second part is between quotes, if the last quote is closed.
            let text = text.replace(['“', '”', '„'], "\"");
            let parts: Vec<&str> = text.split('"').collect();
            for (at, part) in parts.iter().enumerate() {
                if at % 2 == 1 && at + 1 < parts.len() {
                    words.extend(Word::of(part));
                } else {
                    words.extend(fold(part).split_whitespace().filter_map(Word::of));
                }
            }
        }
        let mut seen = std::collections::HashSet::new();
        words.retain(|word| seen.insert(word.folded.clone()));
        let says = |word: &Word| !STOP_WORDS.contains(&word.folded.as_str());
        if words.iter().any(says) {
            words.retain(says);
        }
        (!words.is_empty()).then_some(Sought(words))
    }

    /// How the words stand in a folded text; `None`: it does not count.
    fn stand(&self, text: &str, reach: Reach) -> Option<Vec<Option<Stands>>> {
        let mut any = false;
        let mut all = Vec::new();
        for (at, word) in self.0.iter().enumerate() {
            let stands = word.stands(text, reach);
            match (stands, reach) {
                (None, Reach::All) => return None,
                (None, Reach::Any) => {}
                // Most texts have none of the words, and nothing is kept of those.
                (Some(_), _) if !any => (any, all) = (true, vec![None; at]),
                (Some(_), _) => {}
            }
            if any {
                all.push(stands);
            }
        }
        any.then_some(all)
    }
}

impl Word {
    fn of(text: &str) -> Option<Word> {
        let folded = fold(text);
        let bare = folded.trim();
        if bare.is_empty() {
            return None;
        }
        Some(Word {
            shown: text.trim().into(),
            whole: Finder::new(folded.as_bytes()).into_owned(),
            part: Finder::new(bare.as_bytes()).into_owned(),
            letters: bare.chars().count(),
            unspaced: bare.chars().all(is_unspaced),
            folded: bare.into(),
        })
    }

    fn stands(&self, text: &str, reach: Reach) -> Option<Stands> {
        // What is not even a part is no word of its own.
        if self.part.find(text.as_bytes()).is_none() {
            let is_slip = |word: &str| {
                word.chars().count().abs_diff(self.letters) <= 1 && strsim::osa_distance(word, &self.folded) <= 1
            };
            let may_be = reach == Reach::Any && self.letters >= SLIP && !self.unspaced;
            return (may_be && text.split(' ').any(is_slip)).then_some(Stands::Slip);
        }
        if self.unspaced || self.whole.find(text.as_bytes()).is_some() {
            return Some(Stands::Whole);
        }
        let least = PART[usize::from(reach == Reach::Any)];
        (self.letters >= least).then_some(Stands::Part)
    }
}

/// Chinese, Japanese, Thai, Lao, Khmer, Burmese.
fn is_unspaced(c: char) -> bool {
    matches!(c as u32, 0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3005..=0x30ff | 0x3400..=0x9fff | 0xf900..=0xfaff
        | 0x20000..=0x3ffff)
}

/// A text with one space between words and around all.
fn fold(text: &str) -> String {
    let mut folded = String::new();
    fold_into(text, &mut folded);
    folded
}

fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    folded.push(' ');
    let mut put = |c: char| match c.is_alphanumeric() || is_combining_mark(c) {
        true => folded.push(c),
        false if !folded.ends_with(' ') => folded.push(' '),
        false => {}
    };
    if text.is_ascii() {
        text.bytes().for_each(|byte| put(byte.to_ascii_lowercase().into()));
    } else {
        // Accents go; marks of other scripts make other letters.
        let plain = text.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).nfc();
        plain.flat_map(char::to_lowercase).for_each(put);
    }
    if !folded.ends_with(' ') {
        folded.push(' ');
    }
}

/// The best rows of a question so far, with how the words stand in them.
type BestTexts = Best<(f32, Vec<Option<Stands>>)>;

impl Index {
    /// Whether the table has all these columns, and they are of text.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn has_texts(&self, columns: &[String]) -> Result<bool, Error> {
        let schema = self.schema()?;
        let is_text =
            |name: &String| schema.field_with_name(name).is_ok_and(|field| column::is_text(field.data_type()));
        Ok(columns.iter().all(is_text))
    }

    /// For each question the rows whose texts have its words: those with more of them first, then those with less beside them,
    /// then by their place in the table. `passing` tells which rows may be found.
    ///
    /// # Errors
    /// There is no such column of text, or the table cannot be read.
    pub fn with_words(
        &self,
        questions: &[Option<&Sought>],
        columns: &[String],
        reach: Reach,
        passing: Option<&BooleanBuffer>,
        top: usize,
    ) -> Result<Vec<Vec<Text>>, Error> {
        let mut best: Vec<BestTexts> = questions.iter().map(|_| Best::new(top)).collect();
        let mut first = 0;
        let wanted = |name: &str| columns.iter().any(|column| column == name);
        let mut look = |batch: &RecordBatch| -> Result<(), Error> {
            let texts = columns.iter().map(|name| {
                column::text(batch, name)?.ok_or_else(|| column::missing(&batch.schema(), name, self.name()).into())
            });
            let texts = texts.collect::<Result<Vec<StringArray>, Error>>()?;
            let passes = |row: usize| passing.is_none_or(|passing| passing.value(first + row));
            let found = (0..batch.num_rows()).into_par_iter().with_min_len(ROWS).map_init(
                || (String::new(), String::new()),
                |(text, folded), row| {
                    if !passes(row) || texts.iter().all(|texts| texts.is_null(row)) {
                        return Vec::new();
                    }
                    text.clear();
                    for texts in texts.iter().filter(|texts| texts.is_valid(row)) {
                        text.push_str(texts.value(row));
                        text.push(' ');
                    }
                    fold_into(text, folded);
                    let stand = |sought: &Option<&Sought>| (*sought)?.stand(folded, reach);
                    let all: Vec<_> = questions.iter().map(stand).collect();
                    if all.iter().all(Option::is_none) { Vec::new() } else { vec![(row, folded.len(), all)] }
                },
            );
            let found: Vec<_> = found.flatten_iter().collect();
            for (row, length, all) in found {
                for (best, stand) in best.iter_mut().zip(all) {
                    let Some(stand) = stand else { continue };
                    let score = stand.iter().flatten().map(|stands| stands.counts()).sum::<f32>() / stand.len() as f32;
                    // Less than any difference between words.
                    let length = length as f32;
                    let beside = 0.001 * length / (length + 200.0);
                    best.offer(score - beside, (first + row) as u64, || (score, stand));
                }
            }
            first += batch.num_rows();
            Ok(())
        };
        match self.packed() {
            Some(packed) if columns.iter().all(|name| packed.columns().index_of(name).is_ok()) => {
                for batch in packed.batches(wanted).collect::<Vec<_>>() {
                    look(&batch?)?;
                }
            }
            _ => {
                for batch in self.read(&|name| wanted(name) || name == column::PATH)? {
                    look(&batch?)?;
                }
            }
        }
        let texts = |(best, sought): (BestTexts, &Option<&Sought>)| {
            let words = |stand: &[Option<Stands>]| -> Vec<String> {
                let words = sought.map_or(&[][..], |sought| &sought.0).iter().zip(stand);
                words.filter(|(_, stands)| stands.is_some()).map(|(word, _)| word.shown.clone()).collect()
            };
            let sorted = best.into_sorted();
            sorted.map(|ranked| Text { row: ranked.row, score: ranked.what.0, words: words(&ranked.what.1) }).collect()
        };
        Ok(best.into_iter().zip(questions).map(texts).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(question: &str, text: &str, reach: Reach) -> Option<f32> {
        let sought = Sought::of(std::iter::once(question))?;
        let all = sought.stand(&fold(text), reach)?;
        Some(all.iter().flatten().map(|stands| stands.counts()).sum::<f32>() / all.len() as f32)
    }

    #[test]
    fn case_accents_and_width_do_not_matter() {
        for (question, text) in [
            ("cafe", "CAFÉ\nnoir"),
            ("Café", "cafe"),
            ("ＡＢＣ１２", "abc12"),
            ("été", "L'ETE!"),
            ("\"happy birthday\"", "Happy,\nBIRTHDAY"),
            ("誕生日", "お誕生日おめでとう"),
            ("ガ", "ｶﾞ"),
        ] {
            assert_eq!(stand(question, text, Reach::All), Some(1.0), "{question} in {text}");
        }
        assert_eq!(stand("か", "が", Reach::All), None, "another letter");
        assert_eq!(stand("\"birthday happy\"", "happy birthday", Reach::Any), None);
    }

    #[test]
    fn whole_words_count_more_than_parts_and_those_more_than_slips() {
        assert_eq!(stand("birth", "happy birthday", Reach::All), Some(0.75));
        assert_eq!(stand("birthday", "HAPPYBIRTHDAY", Reach::All), Some(0.75));
        assert_eq!(stand("car", "scarf", Reach::All), None, "so short a word is one of its own");
        assert_eq!(stand("car", "scarf", Reach::Any), Some(0.75));
        assert_eq!(stand("on", "bonbon", Reach::Any), None);
        assert_eq!(stand("birthday", "birthbay cake", Reach::Any), Some(0.5));
        assert_eq!(stand("birthday", "birthbay cake", Reach::All), None);
        assert_eq!(stand("cake", "fake", Reach::Any), None);
    }

    #[test]
    fn all_words_must_be_there_but_for_those_that_say_nothing() {
        assert_eq!(stand("a dog on the beach", "dog beach", Reach::All), Some(1.0));
        assert_eq!(stand("a dog on the beach", "beach", Reach::All), None);
        assert_eq!(stand("a dog on the beach", "beach", Reach::Any), Some(0.5));
        assert_eq!(stand("to be", "to be or not", Reach::All), Some(1.0), "there are no others");
        assert_eq!(stand(" - ", "to be", Reach::Any), None);
        assert_eq!(stand("beach", "", Reach::Any), None);
    }
}
