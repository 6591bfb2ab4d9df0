use super::*;
use crate::model::{among_english, is_english};

/// What a text is read as, by whoever knows English and nothing else.
fn read_as(text: &str) -> Option<String> {
    let look_up = |word: &str| if is_english(word) { Known::Whole } else { Known::No };
    read(text, &look_up).map(|reading| reading.to_string())
}

#[track_caller]
fn reads(text: &str, wanted: &str) {
    assert_eq!(read_as(text).as_deref(), Some(wanted), "{text}");
}

#[test]
fn names_in_any_language_are_names_in_english() {
    for (text, name) in [
        ("Glurak", "Charizard"),
        ("Dracaufeu", "Charizard"),
        ("salameche", "Charmander"),
        ("ピカチュウ", "Pikachu"),
        ("カビゴンを見せて", "Snorlax"),
        ("show me Glurak please", "Charizard"),
        ("Glurrak", "Charizard"),
        ("25", "Pikachu"),
        ("#025", "Pikachu"),
        ("pokemon number 150", "Mewtwo"),
        ("Pokémon Nummer 212", "Scizor"),
        ("mega charizard x", "Mega Charizard X"),
        ("alolan vulpix", "Alolan Vulpix"),
        ("shiny gyarados", "Gyarados"),
    ] {
        reads(text, name);
    }
}

#[test]
fn relations_and_conditions_are_read_as_flags() {
    for (text, flags) in [
        ("gen 7 ghost", "--where \"'ghost' in (type1, type2) and generation = 7\""),
        ("gens 1 to 3 legendary", "--where \"generation in (1, 2, 3) and is_legendary\""),
        ("paldea starters", "--where \"region = 'paldea' and has_item(groups, 'starter') and stage = 1\""),
        ("kanto bird trio", "--where \"region = 'kanto' and has_item(groups, 'legendary birds')\""),
        ("fire but not flying", "--where \"'fire' in (type1, type2) and ('flying' in (type1, type2)) is not true\""),
        ("four times weak to ice", "--where \"has_item(weak_to_4x, 'ice')\""),
        ("weak to ice 4x", "--where \"has_item(weak_to_4x, 'ice')\""),
        ("resists water or fire", "--where \"(has_item(resists, 'water') or has_item(resists, 'fire'))\""),
        ("tallest pokemon", "--sort height_m:desc"),
        ("fastest electric", "--where \"'electric' in (type1, type2)\" --sort speed:desc"),
        ("most hit points", "--sort hp:desc"),
        ("heavier than 1 ton", "--where \"weight_kg > 1000\""),
        ("speed between 90 and 100", "--where \"speed between 90 and 100\""),
        ("hp over 150", "--where \"hp > 150\""),
        ("bulkier than snorlax", "--where \"bulk > 335\" --sort bulk:desc"),
        ("what does magikarp evolve into", "--where \"family = 'magikarp' and stage > 1\""),
        ("who evolves into gengar", "--where \"key in ('haunter', 'gastly')\" --sort stage:desc"),
        ("baby form of pikachu", "--where \"family = 'pichu' and stage = 1\""),
        ("what does gyarados evolve into", "--where \"false\""),
        ("ability levitate", "--where \"has_item(abilities, 'levitate')\""),
        ("dragon egg group", "--where \"has_item(egg_groups, 'dragon')\""),
        ("mega charizard", "--forms --where \"id = 6 and has_word(form, 'mega')\""),
        ("like pikachu but bigger", "key:pikachu --where \"'electric' in (type1, type2) and height_m > 0.4\""),
        ("dark type fox", "fox --where \"'dark' in (type1, type2)\""),
        ("paldea startes", "--where \"region = 'paldea' and has_item(groups, 'starter') and stage = 1\""),
        ("type feu", "--where \"'fire' in (type1, type2)\""),
    ] {
        reads(text, flags);
    }
}

#[test]
fn what_is_read_is_read_again_as_the_same() {
    for text in ["gen 7 ghost that looks like a sand castle", "Glurak", "dark type fox", "mega charizard x"] {
        let words = read(text, &|_| Known::Whole).map(|reading| reading.words).unwrap_or_default();
        let again = read_as(&words).unwrap_or_else(|| words.clone());
        assert_eq!(again, words, "{text}");
    }
}

#[test]
fn everyday_english_stays_words() {
    for text in [
        "fire dog",
        "black and white photo",
        "ground beef",
        "final exam",
        "baby shower",
        "gift wrap",
        "fast food",
        "the heaviest rain of the year",
        "evolution of man",
        "starter motor",
        "family of ducks",
        "pier",
        "spectrum",
        "a long way from home",
        "hello world 42",
        "",
        " ",
        "' or 1=1 --",
    ] {
        assert_eq!(read_as(text), None, "{text}");
    }
}

#[test]
fn a_word_that_is_as_near_to_english_is_no_name() {
    let look_up = |word: &str| match word {
        "purpel" => Known::Slips(1, "purple"),
        word => among_english(word, Known::No, true),
    };
    assert_eq!(read("purpel bat", &look_up), None);
}
