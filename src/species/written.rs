//! How names are written, in every language of PokéAPI's tables: species, their forms, and words for types, colours and regions.
//!
//! Hides: the list in the binary, one line a spelling, sorted, and how it is searched without being read. Promises: case,
//! accents, spaces and punctuation tell no names apart; hiragana is read as katakana.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::sorted;

/// `folded TAB what it means TAB language=Name;language=Name`, sorted by bytes. Made by `training/facts.py`.
static WRITTEN: &str = include_str!("../../assets/model/names.tsv");

/// A language in which names can be shown, by its code: `de`, `ja`, `zh-hans`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language(&'static str);

impl Language {
    /// All of them, and what they are called.
    pub const ALL: [(&'static str, &'static str); 10] = [
        ("en", "English"),
        ("de", "German"),
        ("es", "Spanish"),
        ("fr", "French"),
        ("it", "Italian"),
        ("ja", "Japanese"),
        ("ja-latn", "Japanese in Latin letters"),
        ("ko", "Korean"),
        ("zh-hans", "Chinese, simplified"),
        ("zh-hant", "Chinese, traditional"),
    ];

    /// The language of a code, in any case.
    pub fn of(code: &str) -> Option<Language> {
        Self::ALL.iter().find(|(own, _)| own.eq_ignore_ascii_case(code)).map(|(own, _)| Language(own))
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        self.0
    }
}

/// What is written somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// The species or form of this key.
    Name(&'static str),
    /// A type, by its English name.
    Type(&'static str),
    /// A colour, by its English name.
    Color(&'static str),
    /// A region, by its English name.
    Region(&'static str),
    /// An ability, by its English name.
    Ability(&'static str),
}

impl Meaning {
    fn of(text: &'static str) -> Meaning {
        match text.split_once(':') {
            Some(("type", name)) => Meaning::Type(name),
            Some(("color", name)) => Meaning::Color(name),
            Some(("region", name)) => Meaning::Region(name),
            Some(("ability", name)) => Meaning::Ability(name),
            _ => Meaning::Name(text),
        }
    }
}

/// A text as names are compared: letters, digits and the signs of sex, lower case, Latin letters without accents.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkc().flat_map(char::to_lowercase) {
        let kana = ('\u{3041}'..='\u{3096}').contains(&c);
        let c = if kana { char::from_u32(u32::from(c) + 0x60).unwrap_or(c) } else { c };
        let plain = std::iter::once(c).nfd().next().filter(char::is_ascii).unwrap_or(c);
        match plain {
            'ß' => folded.push_str("ss"),
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ー' | '♀' | '♂' => folded.push(plain),
            c if c.is_alphanumeric() && !is_combining_mark(c) => folded.push(c),
            _ => {}
        }
    }
    folded
}

/// A line of the list.
struct Line {
    folded: &'static str,
    meaning: &'static str,
    names: &'static str,
}

impl Line {
    fn of(line: &'static str) -> Line {
        let mut parts = line.splitn(3, '\t');
        let mut part = || parts.next().unwrap_or_default();
        Line { folded: part(), meaning: part(), names: part() }
    }

    /// Whether English writes it so, or everybody does.
    fn is_english(&self) -> bool {
        self.names.is_empty() || self.names.split(';').any(|name| name.starts_with("en="))
    }
}

/// What a folded text means, as it is, and whether English writes it so; nothing where it is no name.
pub fn written(folded: &str) -> impl Iterator<Item = (Meaning, bool)> + use<> {
    let lines = sorted::from_line(WRITTEN, |line| Line::of(line).folded < folded).lines().map(Line::of);
    let wanted = folded.to_string();
    lines.take_while(move |line| line.folded == wanted).map(|line| (Meaning::of(line.meaning), line.is_english()))
}

/// The names of species and forms that a folded text in Latin letters is nearest to, at most so many slips away: the keys, the
/// number of slips, and whether English writes one of them so. Names of fewer than four letters are nobody's slip; of those as
/// many slips away the ones count of which a letter was left out, rather than swapped or doubled, or typed for another.
pub fn nearly(folded: &str, slips: usize) -> Option<(Vec<&'static str>, usize, bool)> {
    let mut letters: Vec<u8> = folded.bytes().collect();
    letters.sort_unstable();
    let oddity = |name: &str| match folded.len().cmp(&name.len()) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => {
            let mut own: Vec<u8> = name.bytes().collect();
            own.sort_unstable();
            if own == letters { 1 } else { 2 }
        }
    };
    let mut best: Option<(Vec<&'static str>, (usize, u8), bool)> = None;
    for line in WRITTEN.lines().map(Line::of) {
        let comparable =
            line.folded.is_ascii() && line.folded.len() >= 4 && line.folded.len().abs_diff(folded.len()) <= slips;
        let Meaning::Name(key) = Meaning::of(line.meaning) else { continue };
        let most = best.as_ref().map_or((slips, u8::MAX), |(_, most, _)| *most);
        if !comparable {
            continue;
        }
        let distance = strsim::osa_distance(folded, line.folded);
        if distance > most.0 {
            continue;
        }
        let cost = (distance, oddity(line.folded));
        match &mut best {
            Some((keys, most, english)) if *most == cost => {
                if !keys.contains(&key) {
                    keys.push(key);
                }
                *english |= line.is_english();
            }
            _ if cost < most => best = Some((vec![key], cost, line.is_english())),
            _ => {}
        }
    }
    best.map(|(keys, (distance, _), english)| (keys, distance, english))
}

/// The name of a species or form in a language, by its key.
pub fn in_language(key: &str, language: Language) -> Option<&'static str> {
    let of = |line: Line| {
        let names = line.names.split(';').filter_map(|name| name.split_once('='));
        names.filter(|(code, _)| *code == language.code()).map(|(_, name)| name).next()
    };
    // Of several spellings, as of Japanese, the first that has the language.
    WRITTEN.lines().map(Line::of).filter(|line| line.meaning == key).find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<&'static str> {
        let folded = fold(text);
        let names = written(&folded).filter_map(|(meaning, _)| match meaning {
            Meaning::Name(key) => Some(key),
            _ => None,
        });
        names.collect()
    }

    #[test]
    fn the_list_is_sorted() {
        let lines: Vec<(&str, &str)> = WRITTEN.lines().map(Line::of).map(|line| (line.folded, line.meaning)).collect();
        assert!(lines.is_sorted(), "training/facts.py sorts by bytes");
        assert!(lines.len() > 10_000);
    }

    #[test]
    fn every_spelling_finds_its_line() {
        for line in WRITTEN.lines().map(Line::of) {
            assert!(written(line.folded).any(|(meaning, _)| meaning == Meaning::of(line.meaning)), "{}", line.folded);
        }
        assert_eq!(written("zzz").count() + written("").count() + written("\u{10ffff}").count(), 0);
    }

    #[test]
    fn names_are_found_in_every_script() {
        for (text, key) in [
            ("Glurak", "charizard"),
            ("Dracaufeu", "charizard"),
            ("salameche", "charmander"),
            ("Salamèche", "charmander"),
            ("ピカチュウ", "pikachu"),
            ("ぴかちゅう", "pikachu"),
            ("Fushigidane", "bulbasaur"),
            ("피카츄", "pikachu"),
            ("皮卡丘", "pikachu"),
            ("mega charizard x", "charizard-mega-x"),
            ("Charizard Mega-X", "charizard-mega-x"),
            ("alolan vulpix", "vulpix-alola"),
            ("Vulpix (Alola)", "vulpix-alola"),
            ("gmax gengar", "gengar-gmax"),
            ("rotom wash", "rotom-wash"),
            ("Mr. Mime", "mr-mime"),
        ] {
            assert_eq!(keys(text), [key], "{text}");
        }
        assert_eq!(keys("nidoran"), ["nidoran-f", "nidoran-m"]);
        assert!(written("feu").any(|(meaning, english)| meaning == Meaning::Type("fire") && !english));
    }

    #[test]
    fn a_slip_finds_the_nearest() {
        assert_eq!(nearly("gluraak", 1).map(|(keys, slips, _)| (keys, slips)), Some((vec!["charizard"], 1)));
        assert_eq!(nearly("qwrtzpsd", 1), None);
    }

    #[test]
    fn names_are_told_in_a_language() {
        let told = |code| Language::of(code).and_then(|language| in_language("charizard", language));
        assert_eq!((told("de"), told("FR"), told("xx")), (Some("Glurak"), Some("Dracaufeu"), None));
    }
}
