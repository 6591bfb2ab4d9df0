//! IPTC's records (IPTC-NAA Information Interchange Model 4.2), as Photoshop put them into pictures.

use super::moment::{Moment, number, offset};
use super::said::{Said, keywords};
use super::text::{clean, latin};

/// Record 1, data set 90: which characters follow. ESC % G is UTF-8 (ISO 2022).
const CHARACTERS: (u8, u8) = (1, 90);
const UTF_8: &[u8] = b"\x1b%G";
/// Record 2.
const KEYWORD: (u8, u8) = (2, 25);
const DATE: (u8, u8) = (2, 55);
const TIME: (u8, u8) = (2, 60);
const DIGITAL_DATE: (u8, u8) = (2, 62);
const DIGITAL_TIME: (u8, u8) = (2, 63);
const CAPTION: (u8, u8) = (2, 120);

/// Reads a block of records.
pub(super) fn read(bytes: &[u8]) -> Said {
    let is_utf8 = sets(bytes).any(|(name, data)| name == CHARACTERS && data.starts_with(UTF_8));
    let text = |data: &[u8]| match str::from_utf8(data) {
        Ok(text) if is_utf8 || text.is_ascii() => text.to_string(),
        _ if is_utf8 => String::from_utf8_lossy(data).into_owned(),
        _ => latin(data),
    };
    let one = |wanted: (u8, u8)| sets(bytes).find(|(name, _)| *name == wanted).map(|(_, data)| text(data));
    let words = sets(bytes).filter(|(name, _)| *name == KEYWORD).map(|(_, data)| text(data));
    Said {
        original: moment(one(DATE), one(TIME)),
        digitized: moment(one(DIGITAL_DATE), one(DIGITAL_TIME)),
        caption: one(CAPTION).as_deref().and_then(clean),
        keywords: keywords(words),
        ..Said::default()
    }
}

/// The data sets, each with its record and number, as far as they are whole.
fn sets(bytes: &[u8]) -> impl Iterator<Item = ((u8, u8), &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let [0x1c, record, number, high, low, after @ ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        // Of longer ones so many bytes have the length.
        let (length, after) = match length & 0x8000 {
            0 => (length, after),
            _ => {
                let (digits, after) = after.split_at_checked(length & 0x7fff)?;
                let whole =
                    digits.iter().try_fold(0usize, |sum, &digit| sum.checked_mul(256)?.checked_add(digit.into()));
                (whole?, after)
            }
        };
        let (data, after) = after.split_at_checked(length)?;
        rest = after;
        Some(((*record, *number), data))
    })
}

/// `20250131` and `235959+0200`.
fn moment(date: Option<String>, time: Option<String>) -> Option<Moment> {
    let date = date?;
    let date = date.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let part = |text: &str, from: usize, to: usize| number(text.get(from..to)?);
    if date.len() != 8 {
        return Moment::read(date);
    }
    let (year, month, day) = (part(date, 0, 4)?, part(date, 4, 6)?, part(date, 6, 8)?);
    let clock = time.as_deref().and_then(|time| {
        let time = time.trim();
        Some(((part(time, 0, 2)?, part(time, 2, 4)?, part(time, 4, 6)?), offset(time.get(6..)?)))
    });
    let (clock, zone) = clock.unwrap_or(((0, 0, 0), None));
    Moment::of(year, month, day, clock, 0, zone)
}
