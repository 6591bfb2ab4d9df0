//! Texts to the numbers that a text tower reads: the ways of BERT, CLIP and SentencePiece. Only home of `tokenizers`.
//!
//! Promises: whatever the text is, between 1 and [`Length::most`] ids; the same ids as the reference
//! implementation's, but for mojibake, which OpenCLIP's cleaning repairs and this does not.

use std::borrow::Cow;
use std::io::Read;

use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, TruncationParams};
use unicode_normalization::UnicodeNormalization;

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
    WordPiece(WordPiece),
    Library {
        tokenizer: Box<tokenizers::Tokenizer>,
        /// What stands before and after every text, where the tokenizer does not add it itself.
        around: Option<(i32, i32)>,
        /// After the first of these nothing counts. CLIP's towers take the first end-of-text token for the whole.
        end: Option<i32>,
    },
}

impl Tokenizer {
    /// Over a vocabulary of this project's models.
    pub(super) fn wordpiece(vocabulary: Cow<'static, str>, most: usize) -> Result<Tokenizer, String> {
        let method = Method::WordPiece(WordPiece::new(vocabulary)?);
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
        let method = Method::Library { tokenizer: Box::new(tokenizer), around: None, end };
        Ok(Tokenizer { method, cleaning, length, padding })
    }

    /// From OpenAI's `bpe_simple_vocab_16e6.txt.gz`: a line of no meaning, then one merge a line.
    pub(super) fn from_merges(gz: &[u8], length: Length, cleaning: Cleaning) -> Result<Tokenizer, String> {
        const MERGES: usize = 49152 - 256 - 2;
        let mut text = String::new();
        let mut reader = flate2::read::GzDecoder::new(gz).take(1 << 26);
        reader.read_to_string(&mut text).map_err(|e| e.to_string())?;
        let merges = text.split('\n').skip(1).take(MERGES);
        let merges: Vec<(String, String)> = merges
            .filter_map(|line| line.split_once(' '))
            .map(|(a, b)| (a.to_string(), b.trim().to_string()))
            .collect();
        let bytes = byte_letters();
        let mut pieces: Vec<String> = bytes.iter().map(|c| c.to_string()).collect();
        pieces.extend(bytes.iter().map(|c| format!("{c}</w>")));
        pieces.extend(merges.iter().map(|(a, b)| format!("{a}{b}")));
        let specials = ["<start_of_text>", "<end_of_text>"];
        let first = i32::try_from(pieces.len()).map_err(|_| "has too many lines")?;
        pieces.extend(specials.map(String::from));
        let vocabulary: Vec<(String, u32)> = pieces.into_iter().zip(0..).collect();
        let build = || {
            let bpe = BPE::builder()
                .vocab_and_merges(vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(), merges)
                .end_of_word_suffix("</w>".into())
                .build();
            bpe.map_err(|e| e.to_string())
        };
        let bpe = guard::catch(build).unwrap_or_else(|| Err("it is damaged".into()))?;
        let mut tokenizer = tokenizers::Tokenizer::new(bpe);
        let pattern = r"(?i)'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
        let split = Split::new(SplitPattern::Regex(pattern.into()), SplitDelimiterBehavior::Removed, true);
        tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![
            PreTokenizerWrapper::Split(split.map_err(|e| e.to_string())?),
            PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)),
        ])));
        tokenizer.add_special_tokens(&specials.map(|name| AddedToken::from(name, true)));
        let method =
            Method::Library { tokenizer: Box::new(tokenizer), around: Some((first, first + 1)), end: Some(first + 1) };
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
            Method::Library { tokenizer, around, end } => {
                let encode = || tokenizer.encode_fast(text.as_ref(), around.is_none()).map_err(|e| e.to_string());
                let encoding = guard::catch(encode).unwrap_or_else(|| Err("the tokenizer gave up on it".into()))?;
                let mut ids: Vec<i32> = encoding.get_ids().iter().map(|&id| id as i32).collect();
                if let Some((start, end)) = around {
                    ids.truncate(most.saturating_sub(2));
                    ids.insert(0, *start);
                    ids.push(*end);
                }
                if let Some(first) = end.and_then(|end| ids.iter().position(|&id| id == end)) {
                    ids.truncate(first + 1);
                }
                ids
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
            Method::Library { .. } => Known::No,
        }
    }
}

/// The letters that stand for the 256 bytes in GPT-2's and CLIP's vocabularies, in the order of the vocabulary:
/// printable ones for themselves, the others from U+0100 on.
fn byte_letters() -> Vec<char> {
    let printable = (0x21..=0x7eu32).chain(0xa1..=0xac).chain(0xae..=0xff);
    let others = 0x100..0x100 + 68;
    printable.chain(others).filter_map(char::from_u32).collect()
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
    use super::*;

    #[test]
    fn texts_are_cleaned_as_openclip_cleans_them() {
        let lower = |text| clean(text, Cleaning::Lower).into_owned();
        assert_eq!(lower("  Salt &amp;amp; PEPPER\t“quoted”  "), "salt & pepper \"quoted\"");
        assert_eq!(lower("ＦＩＲＥ\u{3000}ﬁsh\u{feff}"), "fire fish");
        assert_eq!(clean("A_red, Bird!", Cleaning::Canonical), "a red bird");
        assert_eq!(clean(" A &amp; B ", Cleaning::None), " A &amp; B ");
    }

    #[test]
    fn every_byte_has_a_letter_of_its_own() {
        let mut letters = byte_letters();
        assert_eq!(letters.len(), 256);
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 256);
    }

    #[test]
    fn damaged_tokenizers_are_errors() {
        let length = Length { most: 8, padded: false, padding: None };
        for bytes in [&b""[..], b"{}", b"{\"model\":{\"type\":\"BPE\"}}", b"\x1f\x8b"] {
            assert!(Tokenizer::from_json(bytes, length, None, Cleaning::None).is_err());
            assert!(Tokenizer::from_merges(bytes, length, Cleaning::Lower).is_err());
        }
    }
}
