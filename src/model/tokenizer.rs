//! Texts to the numbers that a text tower reads: the ways of BERT, CLIP and SentencePiece. Only home of `tokenizers`.
//!
//! Promises: whatever the text is, between 1 and [`Length::most`] ids; the same ids as the reference
//! implementation's, but for mojibake, which OpenCLIP's cleaning repairs and this does not.

use std::borrow::Cow;
use std::path::Path;

use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior, TruncationParams,
};
use unicode_normalization::UnicodeNormalization;

use super::merges::{self, Merges};
use super::spelling::Known;
use super::wordpiece::WordPiece;
use crate::guard;

/// Ids of one text.
pub(super) struct Tokens {
    pub ids: Vec<i32>,
    /// 1 for a token, 0 for padding.
    pub mask: Vec<i32>,
}

/// How long a text's ids may be, and must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    pub most: usize,
    /// Every text is made as long as `most`.
    pub padded: bool,
    /// The id that fills it; what the tokenizer says, where none is given.
    pub padding: Option<i32>,
}

/// What is done to a text before OpenCLIP's tokenizers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cleaning {
    None,
    Whitespace,
    Lower,
    Canonical,
}

pub(super) struct Tokenizer {
    method: Method,
    cleaning: Cleaning,
    length: Length,
    padding: i32,
}

enum Method {
    /// Of the models that are made by this project.
    WordPiece(Box<WordPiece>),
    /// Of OpenCLIP's. Between a start and an end, whose ids follow those of the pieces, stand the pieces of the words.
    Merges { merges: Box<Merges>, places: Box<[u8; 256]>, split: Box<Split> },
    Library {
        tokenizer: Box<tokenizers::Tokenizer>,
        /// After the first of these nothing counts. CLIP's towers take the first end-of-text token for the whole.
        end: Option<i32>,
    },
}

impl Tokenizer {
    /// Over a vocabulary of this project's models.
    pub(super) fn wordpiece(vocabulary: Cow<'static, str>, most: usize) -> Result<Tokenizer, String> {
        let method = Method::WordPiece(Box::new(WordPiece::new(vocabulary)?));
        let length = Length { most, padded: false, padding: None };
        Ok(Tokenizer { method, cleaning: Cleaning::None, length, padding: 0 })
    }

    /// From a `tokenizer.json`, as Hugging Face's libraries write it. `pad` is the padding token's name.
    pub(super) fn from_json(
        json: &[u8],
        length: Length,
        pad: Option<&str>,
        cleaning: Cleaning,
    ) -> Result<Tokenizer, String> {
        let load = || tokenizers::Tokenizer::from_bytes(json).map_err(|e| e.to_string());
        let mut tokenizer = guard::catch(load).unwrap_or_else(|| Err("it is damaged".into()))?;
        let id = |name: &str| tokenizer.token_to_id(name).and_then(|id| i32::try_from(id).ok());
        let end = id("<|endoftext|>");
        let padding = length.padding.or_else(|| pad.and_then(id)).unwrap_or(0);
        // Padding that is also the end of the text is as good as zeros after it, and rten takes the last of equals for
        // the greatest.
        let padding = if Some(padding) == end { 0 } else { padding };
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: length.most, ..TruncationParams::default() };
        let truncate = || tokenizer.with_truncation(Some(truncation)).map(|_| ()).map_err(|e| e.to_string());
        guard::catch(truncate).unwrap_or_else(|| Err(format!("adds more than {} tokens", length.most)))?;
        let method = Method::Library { tokenizer: Box::new(tokenizer), end };
        Ok(Tokenizer { method, cleaning, length, padding })
    }

    /// From OpenAI's `bpe_simple_vocab_16e6.txt.gz`.
    pub(super) fn from_merges(file: &Path, length: Length, cleaning: Cleaning) -> Result<Tokenizer, String> {
        Self::of_merges(Merges::open(file)?, length, cleaning)
    }

    fn of_merges(merges: Merges, length: Length, cleaning: Cleaning) -> Result<Tokenizer, String> {
        let split = Split::new(SplitPattern::Regex(WORDS.into()), SplitDelimiterBehavior::Removed, true);
        let split = Box::new(split.map_err(|e| e.to_string())?);
        let method = Method::Merges { merges: Box::new(merges), places: Box::new(merges::places()), split };
        Ok(Tokenizer { method, cleaning, length, padding: length.padding.unwrap_or(0) })
    }

    /// The ids of a text.
    ///
    /// # Errors
    /// The tokenizer's own file does not fit the text, for instance when it has no token for what is unknown.
    pub(super) fn encode(&self, text: &str) -> Result<Tokens, String> {
        let text = clean(text, self.cleaning);
        let most = self.length.most;
        let mut ids = match &self.method {
            Method::WordPiece(wordpiece) => wordpiece.encode(&text),
            Method::Merges { merges, places, split } => {
                let start = merges.pieces as i32;
                let mut ids = vec![start];
                let encode = || encode_words(&text, merges, places, split, &mut ids);
                guard::catch(encode).unwrap_or_else(|| Err("the tokenizer gave up on it".into()))?;
                ids.truncate(most.saturating_sub(1));
                ids.push(start + 1);
                up_to(ids, Some(start + 1))
            }
            Method::Library { tokenizer, end } => {
                let encode = || tokenizer.encode_fast(text.as_ref(), true).map_err(|e| e.to_string());
                let encoding = guard::catch(encode).unwrap_or_else(|| Err("the tokenizer gave up on it".into()))?;
                up_to(encoding.get_ids().iter().map(|&id| id as i32).collect(), *end)
            }
        };
        ids.truncate(most);
        let mut mask = vec![1; ids.len()];
        let least = if self.length.padded { most } else { 1 };
        ids.resize(ids.len().max(least), self.padding);
        mask.resize(ids.len(), 0);
        // A text of nothing still has one place that counts.
        mask[0] = 1;
        Ok(Tokens { ids, mask })
    }

    /// Whether it knows this lower-case word as a whole, or which word it may be a slip of.
    pub(super) fn look_up(&self, word: &str) -> Known<'_> {
        match &self.method {
            Method::WordPiece(wordpiece) => wordpiece.look_up(word),
            Method::Merges { .. } | Method::Library { .. } => Known::No,
        }
    }
}

/// What CLIP takes for words.
const WORDS: &str = r"(?i)'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// What stands for the start and the end of a text, and whoever writes it into one means that.
const MARKS: [&str; 2] = ["<start_of_text>", "<end_of_text>"];

/// The pieces of a text's words.
fn encode_words(
    text: &str,
    merges: &Merges,
    places: &[u8; 256],
    split: &Split,
    ids: &mut Vec<i32>,
) -> Result<(), String> {
    let mut rest = text;
    while !rest.is_empty() {
        let marks = MARKS.iter().zip(merges.pieces..).filter_map(|(mark, id)| Some((rest.find(mark)?, mark.len(), id)));
        let first = marks.min();
        let mut words = PreTokenizedString::from(&rest[..first.map_or(rest.len(), |(at, ..)| at)]);
        split.pre_tokenize(&mut words).map_err(|e| e.to_string())?;
        for (word, ..) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            merges.encode(word, places, ids);
        }
        let Some((at, length, id)) = first else { break };
        ids.push(id as i32);
        rest = &rest[at + length..];
    }
    Ok(())
}

/// Up to the first end of a text: after it nothing counts.
fn up_to(mut ids: Vec<i32>, end: Option<i32>) -> Vec<i32> {
    if let Some(first) = end.and_then(|end| ids.iter().position(|&id| id == end)) {
        ids.truncate(first + 1);
    }
    ids
}

/// OpenCLIP's cleaning (`open_clip.tokenizer`), with those of ftfy's repairs that concern single characters.
fn clean(text: &str, cleaning: Cleaning) -> Cow<'_, str> {
    if cleaning == Cleaning::None {
        return Cow::Borrowed(text);
    }
    let text = if text.contains('<') { Cow::Borrowed(text) } else { htmlize::unescape(text) };
    let text: String = text.chars().flat_map(repair).nfc().collect();
    let text = htmlize::unescape(htmlize::unescape(text));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Cow::Owned(match cleaning {
        Cleaning::Canonical => {
            let text: String = text.replace('_', " ").chars().filter(|c| !c.is_ascii_punctuation()).collect();
            words(&text.to_lowercase())
        }
        Cleaning::Lower => words(&text).to_lowercase(),
        Cleaning::Whitespace | Cleaning::None => words(&text),
    })
}

/// A character, or what it should have been: ligatures apart, wide and narrow forms as usual ones, quotes straight,
/// control characters gone.
fn repair(c: char) -> impl Iterator<Item = char> {
    let text: Cow<'static, str> = match c {
        '\u{fb00}'..='\u{fb06}' | '\u{132}' | '\u{133}' | '\u{1c4}'..='\u{1cc}' | '\u{1f1}'..='\u{1f3}' => {
            std::iter::once(c).nfkc().collect::<String>().into()
        }
        '\u{149}' => "'n".into(),
        '\u{ff01}'..='\u{ffef}' => std::iter::once(c).nfkc().collect::<String>().into(),
        '\u{3000}' => " ".into(),
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => "'".into(),
        '\u{201c}'..='\u{201f}' => "\"".into(),
        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => "\n".into(),
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' => "".into(),
        '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' => "".into(),
        _ => c.to_string().into(),
    };
    text.chars().collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::PathBuf;

    use tokenizers::models::bpe::BPE;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;
    use tokenizers::pre_tokenizers::sequence::Sequence;
    use tokenizers::{AddedToken, PreTokenizerWrapper};

    use super::*;

    #[test]
    fn texts_are_cleaned_as_openclip_cleans_them() {
        let lower = |text| clean(text, Cleaning::Lower).into_owned();
        assert_eq!(lower("  Salt &amp;amp; PEPPER\t“quoted”  "), "salt & pepper \"quoted\"");
        assert_eq!(lower("ＦＩＲＥ\u{3000}ﬁsh\u{feff}"), "fire fish");
        assert_eq!(clean("A_red, Bird!", Cleaning::Canonical), "a red bird");
        assert_eq!(clean(" A &amp; B ", Cleaning::None), " A &amp; B ");
    }

    /// What the library makes of such a file.
    fn by_library(gz: &[u8]) -> tokenizers::Tokenizer {
        let mut text = String::new();
        flate2::read::GzDecoder::new(gz).read_to_string(&mut text).expect("a text");
        let pairs: Vec<(String, String)> = text
            .lines()
            .skip(1)
            .take(48894)
            .filter_map(|line| line.split_once(' '))
            .map(|(a, b)| (a.into(), b.into()))
            .collect();
        let letters = merges::letters();
        let mut pieces: Vec<String> = letters.iter().map(char::to_string).collect();
        pieces.extend(letters.iter().map(|letter| format!("{letter}</w>")));
        pieces.extend(pairs.iter().map(|(a, b)| format!("{a}{b}")));
        pieces.extend(MARKS.map(String::from));
        let vocabulary: tokenizers::models::bpe::Vocab = pieces.into_iter().zip(0..).collect();
        let bpe = BPE::builder().vocab_and_merges(vocabulary, pairs).end_of_word_suffix("</w>".into());
        let mut tokenizer = tokenizers::Tokenizer::new(bpe.build().expect("a vocabulary"));
        let split = Split::new(SplitPattern::Regex(WORDS.into()), SplitDelimiterBehavior::Removed, true);
        tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![
            PreTokenizerWrapper::Split(split.expect("a pattern")),
            PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)),
        ])));
        tokenizer.add_special_tokens(&MARKS.map(|name| AddedToken::from(name, true)));
        tokenizer
    }

    #[test]
    fn pieces_of_words_are_those_that_the_library_makes() {
        let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/openclip")];
        // One as OpenAI publishes it.
        files.extend(std::env::var_os("POKEDEX_MERGES").map(PathBuf::from));
        for file in files.into_iter().map(|file| file.join("bpe_simple_vocab_16e6.txt.gz")) {
            let gz = std::fs::read(&file).expect("a vocabulary");
            let library = by_library(&gz);
            let length = Length { most: usize::MAX, padded: false, padding: None };
            let own =
                Tokenizer::of_merges(Merges::read(&gz).expect("a vocabulary"), length, Cleaning::None).expect("own");
            let words = [
                "the",
                "then",
                "inning",
                "a",
                "photo",
                "don't",
                "I'LL",
                "42",
                "...",
                "größe",
                "火の犬",
                "<end_of_text>",
                "🔥!",
                "\u{0}",
                "rereread",
                "\n",
                "aaaaaaaaaaaaaaaaaaaa",
            ];
            let mut state = 7u64;
            for count in 0..400 {
                let text: String = (0..count % 12)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let word = words[(state >> 33) as usize % words.len()];
                        if state >> 60 > 8 { word.to_string() } else { format!(" {word}") }
                    })
                    .collect();
                let its = library.encode_fast(text.as_str(), false).expect("encoded");
                let mut its: Vec<i32> = its.get_ids().iter().map(|&id| id as i32).collect();
                let start = library.token_to_id(MARKS[0]).expect("a mark") as i32;
                its.insert(0, start);
                its.push(start + 1);
                assert_eq!(own.encode(&text).expect("encoded").ids, up_to(its, Some(start + 1)), "{text:?}");
            }
        }
    }

    #[test]
    fn damaged_tokenizers_are_errors() {
        let length = Length { most: 8, padded: false, padding: None };
        for bytes in [&b""[..], b"{}", b"{\"model\":{\"type\":\"BPE\"}}", b"\x1f\x8b"] {
            assert!(Tokenizer::from_json(bytes, length, None, Cleaning::None).is_err());
            assert!(Merges::read(bytes).is_err());
        }
    }
}
