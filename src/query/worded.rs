//! Words as they are written: rows whose texts have them, beside those that look like them.
//!
//! A row whose text has all the words of a question scores at least as much as the row that has the same rank by its looks: so the
//! two lists come one beside the other, rows that only look like it keep their cosine and their order, and a score stays what
//! others can be compared with.

use std::collections::HashMap;

use arrow_buffer::BooleanBuffer;

use super::limits::Limits;
use super::{Asked, By, Options};
use crate::failure::Failure;
use crate::index::{Hit, Index, Reach, Sought, Term, Text, Worded};
use crate::table::column;

/// Which columns of an index are searched for words; `None`: none.
///
/// # Errors
/// It lacks those that are named, or words alone are to be searched and there is no column of text.
pub(super) fn columns_of(index: &Index, options: &Options) -> Result<Option<Vec<String>>, Failure> {
    let named = !options.words_in.is_empty();
    let columns = if named { options.words_in.clone() } else { vec![column::TEXT.to_string()] };
    match options.by {
        By::Looks => Ok(None),
        _ if index.has_texts(&columns)? => Ok(Some(columns)),
        By::Both if !named => Ok(None),
        _ => {
            let hint = "pokedex read reads the words in pictures into a column `text`; --words-in NAME names another";
            Err(Failure::failed(
                format!("{}: has no column of text `{}`", index.name(), columns.join(", ")),
                Some(hint.into()),
            ))
        }
    }
}

/// The words of a question, if it is made of words alone, all of them wanted.
fn sought((_, terms): Asked) -> Option<Sought> {
    let words = terms.iter().map(|weighted| match &weighted.term {
        Term::Text(text) if weighted.weight > 0.0 => Some(text.as_str()),
        _ => None,
    });
    Sought::of(words.collect::<Option<Vec<&str>>>()?.into_iter())
}

/// What each question finds by its words.
///
/// # Errors
/// The table cannot be read, or the condition does not suit it.
pub(super) fn by_words(
    index: &Index,
    questions: &[Asked],
    columns: &[String],
    reach: Reach,
    limits: &Limits,
) -> Result<Vec<Vec<Text>>, Failure> {
    let sought: Vec<Option<Sought>> = questions.iter().map(|asked| sought(*asked)).collect();
    if sought.iter().all(Option::is_none) {
        return Ok(vec![Vec::new(); questions.len()]);
    }
    let passing: Option<BooleanBuffer> = limits.filter.as_ref().map(|filter| index.passing(filter)).transpose()?;
    let sought: Vec<Option<&Sought>> = sought.iter().map(Option::as_ref).collect();
    Ok(index.with_words(&sought, columns, reach, passing.as_ref(), limits.pool())?)
}

/// Refuses a question that is not of words alone.
///
/// # Errors
/// It is none.
pub(super) fn ensure_words(asked: Asked) -> Result<(), Failure> {
    match sought(asked) {
        Some(_) => Ok(()),
        None => Err(Failure::usage(
            format!("{}: --by words looks for words, and for nothing else", asked.0),
            "pokedex query \"happy birthday\" --by words --index photos.parquet",
        )),
    }
}

/// The rows that were found by words alone.
///
/// # Errors
/// The table cannot be read.
pub(super) fn hits(index: &Index, texts: Vec<Text>) -> Result<Vec<Hit>, Failure> {
    let rows: Vec<u64> = texts.iter().map(|text| text.row).collect();
    let hits = index.hits(&rows)?.into_iter().zip(texts).zip(1..);
    let hit = |((hit, text), rank): ((Hit, Text), u32)| {
        let worded = Some(Worded { words: text.words, rank, by_looks: None });
        Hit { score: text.score, worded, ..hit }
    };
    Ok(hits.map(hit).collect())
}

/// Puts what was found by words among what was found by looks.
///
/// # Errors
/// The table cannot be read.
pub(super) fn fused(index: &Index, mut looks: Vec<Hit>, texts: Vec<Text>, most: usize) -> Result<Vec<Hit>, Failure> {
    if texts.is_empty() {
        return Ok(looks);
    }
    let scores: Vec<f32> = looks.iter().map(|hit| hit.score).collect();
    let lifted = |text: &Text, at: usize| scores.get(at).or(scores.last()).copied().unwrap_or(text.score);
    let scored: Vec<f32> = texts.iter().enumerate().map(|(at, text)| lifted(text, at)).collect();
    let mut places: HashMap<u64, usize> = looks.iter().enumerate().map(|(at, hit)| (hit.row, at)).collect();
    let mut all = Vec::with_capacity(looks.len() + scored.len());
    for (found, score) in hits(index, texts)?.into_iter().zip(scored) {
        let place = places.remove(&found.row);
        let by_looks = place.map(|place| place as u32 + 1);
        let worded = found.worded.clone().map(|worded| Worded { by_looks, ..worded });
        let (hit, own) = match place {
            Some(place) => (std::mem::take(&mut looks[place]), scores[place]),
            None => (found, score),
        };
        all.push(Hit { score: own.max(score), worded, ..hit });
    }
    // Those that only look like it.
    all.extend(looks.into_iter().filter(|hit| places.contains_key(&hit.row)));
    // Stable: of equal scores those with the words come first.
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all.truncate(most);
    Ok(all)
}
