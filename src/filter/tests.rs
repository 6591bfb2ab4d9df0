use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int8Array, Int32Array, Int64Array, LargeStringArray, NullArray, RecordBatch, StringArray,
    StringViewArray, StructArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};

use super::{Bound, Error, Filter};

fn list(rows: &[Option<&[Option<&str>]>]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in rows {
        row.iter().for_each(|items| lists.values().extend(items.iter().copied()));
        lists.append(row.is_some());
    }
    Arc::new(lists.finish())
}

/// Four rows; the last is null wherever that is possible.
fn rows() -> RecordBatch {
    let text = [Some("Charmander"), Some("charizard"), Some("100%_a\\"), None];
    let nothing: DictionaryArray<Int32Type> = [None::<&str>; 4].into_iter().collect();
    let fields = StructArray::new(
        vec![Field::new("path", DataType::Utf8, true), Field::new("Size", DataType::Int32, true)].into(),
        vec![
            Arc::new(StringArray::from(vec!["a", "b", "c", "d"])) as ArrayRef,
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(4)])),
        ],
        Some(NullBuffer::from(vec![true, true, true, false])),
    );
    let hashes = [Some([0xab, 1]), Some([0, 0]), Some([255, 255]), None];
    let hashes = FixedSizeBinaryArray::try_from_sparse_iter_with_size(hashes.into_iter(), 2).expect("two bytes each");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("key", Arc::new(StringArray::from(vec!["0", "1", "2", "3"]))),
        ("id", Arc::new(Int32Array::from(vec![Some(1), Some(-2), Some(i32::MAX), None]))),
        ("tiny", Arc::new(Int8Array::from(vec![Some(1), Some(-2), Some(127), None]))),
        ("big", Arc::new(Int64Array::from(vec![Some(1), Some(-2), Some(i64::MAX), None]))),
        ("huge", Arc::new(UInt64Array::from(vec![Some(1), Some(2), Some(u64::MAX), None]))),
        ("single", Arc::new(Float32Array::from(vec![Some(0.1), Some(-0.0), Some(f32::NAN), None]))),
        ("double", Arc::new(Float64Array::from(vec![Some(0.1), Some(-0.0), Some(-f64::NAN), None]))),
        (
            "price",
            Arc::new(
                Decimal128Array::from(vec![Some(10), Some(250), Some(-725), None])
                    .with_precision_and_scale(12, 2)
                    .expect("few digits"),
            ),
        ),
        ("yes", Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true), None]))),
        ("label", Arc::new(StringArray::from(text.to_vec()))),
        ("large", Arc::new(LargeStringArray::from(text.to_vec()))),
        ("view", Arc::new(StringViewArray::from(text.to_vec()))),
        ("words", Arc::new(text.into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("no_words", Arc::new(nothing)),
        ("nothing", Arc::new(NullArray::new(4))),
        ("day", Arc::new(Date32Array::from(vec![Some(19_723), Some(19_782), Some(-1), None]))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(1_704_067_200_000_000),
                Some(1_704_067_200_500_000),
                Some(-1),
                None,
            ])),
        ),
        ("lat", Arc::new(Float64Array::from(vec![Some(48.2083), Some(48.1486), Some(-33.8568), None]))),
        ("lon", Arc::new(Float64Array::from(vec![Some(16.3731), Some(17.1077), Some(151.2153), None]))),
        ("tags", list(&[Some(&[Some("sea"), Some("sand")]), Some(&[Some("sand"), None]), Some(&[]), None])),
        ("content_hash", Arc::new(hashes)),
        ("image", Arc::new(fields)),
        ("Sp. Atk", Arc::new(Int32Array::from(vec![5, 6, 7, 8]))),
        ("Twice", Arc::new(Int32Array::from(vec![1, 2, 3, 4]))),
        ("twicE", Arc::new(Int32Array::from(vec![1, 2, 3, 4]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("columns of one length")
}

fn bind(condition: &str) -> Result<Bound, Error> {
    Filter::parse(condition)?.bind(&rows().schema())
}

/// The rows that pass.
#[track_caller]
fn passing(condition: &str) -> Vec<usize> {
    let bound = bind(condition).unwrap_or_else(|e| panic!("{condition:.200}: {e}"));
    let bits = bound.evaluate(&rows()).unwrap_or_else(|e| panic!("{condition:.200}: {e}"));
    assert_eq!(bits.len(), 4);
    bits.set_indices().collect()
}

#[track_caller]
fn check(cases: &[(&str, &[usize])]) {
    for (condition, wanted) in cases {
        assert_eq!(passing(condition), *wanted, "{condition}");
    }
}

#[track_caller]
fn complaint(condition: &str) -> String {
    match bind(condition) {
        Ok(_) => panic!("{condition} was accepted"),
        Err(e) => e.to_string().trim_start_matches("--where: ").to_string(),
    }
}

#[test]
fn numbers_of_all_widths_are_compared_without_overflow() {
    check(&[
        ("id = 1", &[0]),
        ("id == 1", &[0]),
        ("id <> 1", &[1, 2]),
        ("id != 1", &[1, 2]),
        ("id < 3000000000", &[0, 1, 2]),
        ("tiny > -129", &[0, 1, 2]),
        ("tiny >= 128", &[]),
        ("huge > -1", &[0, 1, 2]),
        ("huge = 18446744073709551615", &[2]),
        ("huge > big", &[1, 2]),
        ("huge >= 99999999999999999999999999999999999999999", &[]),
        ("id > 0.5", &[0, 2]),
        ("id = 1.0", &[0]),
        ("big = 9223372036854775807.0", &[2]),
        ("big > 9223372036854775806.5", &[2]),
        ("id <= tiny", &[0, 1]),
        ("1 >= id", &[0, 1]),
        ("price = 0.1", &[0]),
        ("price > 2.499", &[1]),
        ("price < id", &[0, 2]),
        ("\"Sp. Atk\" between 6 and 7", &[1, 2]),
        ("id not between 0 and 5", &[1, 2]),
    ]);
}

#[test]
fn floating_point_has_one_zero_and_one_nan() {
    check(&[
        ("single = 0.1", &[0]),
        ("double = 0.1", &[0]),
        ("single = 1e-1", &[]),
        ("single = double", &[1, 2]),
        ("single = 0", &[1]),
        ("double = 0.0", &[1]),
        ("double > 1e300", &[2]),
        ("double is distinct from 0", &[0, 2, 3]),
    ]);
}

#[test]
fn arithmetic_is_exact_until_floating_point_is_involved() {
    check(&[
        ("tiny + 1 > 127", &[2]),
        ("id * 2 = 4294967294", &[2]),
        ("-id = 2", &[1]),
        ("- -id = -2", &[1]),
        ("id / 2 = 0.5", &[0]),
        ("1 / (id - 1) > 1e300", &[0]),
        ("id % 2 = 0", &[1]),
        ("id % 0 is null", &[0, 1, 2, 3]),
        ("-7 % 3 = -1", &[0, 1, 2, 3]),
        ("0.1 + 0.2 = 0.3", &[0, 1, 2, 3]),
        ("0.1e0 + 0.2 = 0.3", &[]),
        ("price * 2 = 0.2", &[0]),
        ("price % 1 = 0.5", &[1]),
        ("huge - 1 = 0", &[0]),
        ("id + null is null", &[0, 1, 2, 3]),
        ("2 + 3 * 2 = 8", &[0, 1, 2, 3]),
    ]);
    let error = bind("big + 1 > 0").expect("right types").evaluate(&rows()).expect_err("it overflows");
    assert!(error.to_string().contains("`big + 1` at character 1"), "{error}");
}

#[test]
fn text_of_all_kinds_is_compared_as_it_stands() {
    for column in ["label", "large", "view", "words"] {
        check(&[
            (&format!("{column} = 'Charmander'"), &[0]),
            (&format!("{column} = 'charmander'"), &[]),
            (&format!("lower({column}) = 'charmander'"), &[0]),
            (&format!("upper({column}) like 'CHAR%'"), &[0, 1]),
            (&format!("{column} > 'a'"), &[1]),
            (&format!("{column} like 'Char%'"), &[0]),
            (&format!("{column} ilike 'char%'"), &[0, 1]),
            (&format!("{column} not like '%r%'"), &[2]),
            (&format!("{column} like '____________'"), &[]),
            (&format!("{column} like '100\\%%'"), &[]),
            (&format!("{column} like '100!%!_a\\' escape '!'"), &[2]),
            (&format!("{column} like '100\\%%' escape '\\'"), &[2]),
            (&format!("length({column}) = 7"), &[2]),
            (&format!("starts_with({column}, 'Char')"), &[0]),
            (&format!("ends_with({column}, 'd')"), &[1]),
            (&format!("contains({column}, '%')"), &[2]),
            (&format!("{column} = words"), &[0, 1, 2]),
            (&format!("{column} = large"), &[0, 1, 2]),
            (&format!("{column} in ('charizard', 'x')"), &[1]),
            (&format!("{column} in ('a','b','c','d','e','f','g','h','i','charizard')"), &[1]),
        ]);
    }
    check(&[
        ("no_words = 'a'", &[]),
        ("no_words like 'a%'", &[]),
        ("no_words is null", &[0, 1, 2, 3]),
        ("label = 'it''s'", &[]),
        ("upper('straße') = 'STRAẞE'", &[0, 1, 2, 3]),
        ("length('Flabébé') = 7", &[0, 1, 2, 3]),
    ]);
}

#[test]
fn unknown_is_neither_true_nor_false() {
    check(&[
        ("id = 1 or null", &[0]),
        ("id = 1 and null", &[]),
        ("not (id = 1 and null)", &[1, 2]),
        ("id = null", &[]),
        ("id is null", &[3]),
        ("id is not null", &[0, 1, 2]),
        ("id in (1, null)", &[0]),
        ("id not in (1, null)", &[]),
        ("id not in (1, 5)", &[1, 2]),
        ("id not in (1,2,3,4,5,6,7,8,9,10)", &[1, 2]),
        ("id not in (1,2,3,4,5,6,7,8,9,10,null)", &[]),
        ("id in (1,2,3,4,5,6,7,8,9,10,null) or true", &[0, 1, 2, 3]),
        ("yes", &[0, 2]),
        ("not yes", &[1]),
        ("yes is true", &[0, 2]),
        ("yes is not true", &[1, 3]),
        ("yes is false", &[1]),
        ("yes is unknown", &[3]),
        ("yes = true", &[0, 2]),
        ("yes is distinct from null", &[0, 1, 2]),
        ("null", &[]),
        ("true", &[0, 1, 2, 3]),
        ("not false and true", &[0, 1, 2, 3]),
        ("nothing = 3 or nothing like 'a' or nothing", &[]),
        ("nothing is null", &[0, 1, 2, 3]),
        ("null is null", &[0, 1, 2, 3]),
    ]);
}

#[test]
fn days_times_and_digests_are_compared_with_text() {
    check(&[
        ("day = '2024-01-01'", &[0]),
        ("day > date '2024-01-01'", &[1]),
        ("'2024-01-01' >= day", &[0, 2]),
        ("day between '2024-01-01' and '2024-12-31'", &[0, 1]),
        ("at = '2024-01-01'", &[0]),
        ("at >= '2024-01-01 00:00:00.5'", &[1]),
        ("at < timestamp '1970-01-01 00:00:00'", &[2]),
        ("at = day", &[0]),
        ("content_hash = 'AB01'", &[0]),
        ("content_hash = x'ab01'", &[0]),
        ("content_hash > '0000'", &[0, 2]),
        ("content_hash in ('0000', 'ffff')", &[1, 2]),
    ]);
    assert_eq!(complaint("day = '2024-13-01'"), "`'2024-13-01'` is not a date at character 7");
    assert_eq!(complaint("day = '2024-01-01 10:00:00'"), "`'2024-01-01 10:00:00'` is not a date at character 7");
    assert_eq!(complaint("content_hash = 'xy'"), "`'xy'` is not hexadecimal at character 16");
    assert_eq!(complaint("content_hash = 'ab'"), "`'ab'` has 1 bytes, and `content_hash` has 2 at character 16");
}

#[test]
fn columns_are_found_by_any_case_in_quotes_and_in_structs() {
    check(&[
        ("ID = 1", &[0]),
        ("\"id\" = 1", &[0]),
        ("\"Sp. Atk\" = 5", &[0]),
        ("\"sp. atk\" = 5", &[0]),
        ("name like 'C%'", &[0]),
        ("image.path = 'b'", &[1]),
        ("image.path is null", &[3]),
        ("IMAGE.size is null", &[1, 3]),
        ("image is not null", &[0, 1, 2]),
        ("\"Twice\" = 1", &[0]),
    ]);
    assert_eq!(complaint("twice = 1"), "`twice` at character 1 may be any of the columns Twice, twicE");
    assert_eq!(complaint("lable = 'x'"), "no column `lable` at character 1");
    let hint = |condition| bind(condition).expect_err("no such column").hint().expect("a hint");
    assert!(hint("lable = 'x'").starts_with("did you mean `label`? The table has key, id, "));
    assert!(hint("label = \"fire\"").starts_with("text goes in single quotes: 'fire'. The table has key"));
    assert!(hint("image.pth = 'x'").starts_with("did you mean `image.path`?"));
    assert!(complaint("id.x = 1").starts_with("`id` has no field `x`, since it is a number"));
}

#[test]
fn a_filter_says_which_columns_it_needs() {
    let filter = Filter::parse("Name = 'x' and (ID > 1 or id < 0) and image.path = 'y'").expect("SQL");
    assert_eq!(filter.columns(), ["Name", "ID", "id", "image.path"]);
    for column in ["id", "Id", "label", "name", "image", "image.path"] {
        assert!(filter.needs(column), "{column}");
    }
    assert!(!filter.needs("path") && !filter.needs("embedding"));
}

#[test]
fn the_rows_that_pass_may_lie_in_other_columns_order() {
    let bound = bind("id = 1").expect("a filter");
    let few = rows().project(&[2, 1]).expect("two columns");
    let left = bound.select(&few).expect("selected");
    assert_eq!(left.num_rows(), 1);
    assert_eq!(left["id"].as_primitive::<Int32Type>().values(), &[1]);
    let error = bound.select(&rows().project(&[0]).expect("a column")).expect_err("the column is missing");
    assert!(error.to_string().contains("the rows have no column `id` of Int32"), "{error}");
    assert_eq!(bound.evaluate(&rows().slice(0, 0)).expect("no rows").len(), 0);
}

#[test]
fn types_are_never_guessed() {
    let cases = [
        ("id = '25'", "`id` is a number and cannot be compared with text: `'25'` at character 6"),
        ("label = 25", "`label` is text and cannot be compared with a number: `25` at character 9"),
        ("label > 'a' and id like '1%'", "`like` wants text, and `id` is a number at character 17"),
        ("id", "a condition is needed, and `id` is a number at character 1"),
        ("yes and label", "a condition is needed, and `label` is text at character 9"),
        ("yes = 1", "`yes` is true or false and cannot be compared with a number: `1` at character 7"),
        ("id + label = 3", "a number is needed, and `label` is text at character 6"),
        ("-label = 3", "a number is needed, and `label` is text at character 2"),
        ("id in (1, 'x')", "`id` is a number and cannot be compared with text: `'x'` at character 11"),
        ("lower(id) = 'x'", "`lower` wants text, and `id` is a number at character 7"),
        ("image = 3", "`image` is a struct and cannot be compared with a number: `3` at character 9"),
        ("label like id", "`like` wants a pattern in quotes, found `id` at character 12"),
        ("label like 'a!' escape '!'", "the pattern ends where an escaped character should follow at character 12"),
        ("day = label", "`day` is a date and cannot be compared with text: `label` at character 7"),
        ("1e999 > id", "`1e999` is too large at character 1"),
    ];
    for (condition, wanted) in cases {
        assert_eq!(complaint(condition), wanted, "{condition}");
    }
    let hint = |condition| bind(condition).expect_err("a type error").hint();
    assert_eq!(hint("id = '25'").as_deref(), Some("write the number without quotes: 25"));
    assert_eq!(hint("label = 25").as_deref(), Some("put it in quotes: '25'"));
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    let cases = [
        ("", "the condition is empty"),
        ("  -- nothing", "the condition is empty"),
        ("id = 1;", "`;` where the condition could end at character 7"),
        ("id = ", "expected an expression where the condition ends at character 6"),
        ("id = 1 or )", "expected an expression, found `)` at character 11"),
        ("é = 1 or )", "expected an expression, found `)` at character 10"),
        ("id = 1\n or )", "expected an expression, found `)` at character 12"),
        ("label = 'x", "unterminated string literal at character 9"),
        ("id > (select 1)", "a query inside at character 7 is not supported"),
        ("exists (select 1)", "a query inside at character 9 is not supported"),
        ("id in (select 1)", "a query inside at character 1 is not supported"),
        ("id = 1 and sum(id) > 3", "the function `sum` at character 12 is not supported"),
        ("count(*) > 3", "the function `count` at character 1 is not supported"),
        ("case when yes then yes end", "`case` at character 1 is not supported"),
        ("id::text = '1'", "a change of type at character 1 is not supported"),
        ("1 < id < 3", "comparisons in a row need parentheses or `and` at character 1"),
        ("id | 1 = 3", "the operator `|` before `1` at character 6 is not supported"),
        ("lower(label, 'x') = 'x'", "`lower` wants one value at character 1"),
        ("(id, 1) = (1, 2)", "a tuple at character 2 is not supported"),
        ("label similar to 'x'", "`label similar to 'x'` at character 1 is not supported"),
        ("x'abc' = content_hash", "`x'abc'` is not hexadecimal at character 1"),
    ];
    for (condition, wanted) in cases {
        assert_eq!(complaint(condition), wanted, "{condition}");
    }
}

/// On as little stack as a thread may have.
fn on_a_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn_scoped(scope, work).expect("a thread");
        thread.join().expect("no overflow")
    })
}

#[test]
fn deep_and_long_conditions_do_not_overflow_the_stack() {
    let many = |part: &str, count: usize| part.repeat(count);
    on_a_small_stack(|| {
        assert_eq!(passing(&format!("{}id = 1{}", many("(", 20), many(")", 20))), [0]);
        assert_eq!(passing(&format!("id = 1{}", many(" or id = -2", 500))), [0, 1]);
        assert_eq!(passing(&format!("yes{}", many(" and yes", 1000))), [0, 2]);
        assert_eq!(passing(&format!("id in (1{})", many(", 7", 50_000))), [0]);
        assert_eq!(passing(&format!("id = 1 + 0{}", many(" + 0", 80))), [0]);
        for count in [40, 60, 1000, 2000, 10_000] {
            for (before, middle, after) in [
                ("(", "id = 1", ")"),
                ("(", "id = 1", ""),
                ("not ", "yes", ""),
                ("- ", "id", ""),
                ("", "yes", " and yes"),
                ("", "id", " + 1"),
                ("", "id", " + 1)"),
                ("", "yes or", " or yes"),
                ("", "id", " is null"),
                ("", "id", "::int"),
                ("", "id", "[1]"),
                ("", "id", ".x"),
                ("", "id", " collate x"),
                ("", "id", " = 1"),
                ("", "id", " between 1 and 2"),
                ("case when ", "id", ""),
                ("lower(", "label", ")"),
                ("array<", "id", ""),
                ("cast(", "id", " as array<"),
                ("", "cast(id", " + 1"),
                ("select * from (", "id", ""),
                ("(select ", "1", ")"),
                ("{'a': ", "1", "}"),
                ("[", "1", "]"),
                ("interval ", "1", ""),
                ("x -> ", "1", ""),
            ] {
                let condition = format!("{}{middle}{}", many(before, count), many(after, count));
                if let Ok(bound) = bind(&condition) {
                    bound.evaluate(&rows()).expect("numbers stay small");
                }
            }
        }
    });
    assert!(complaint(&format!("{}id{}", many("(", 10_000), many(")", 10_000))).contains("words and signs"));
    assert_eq!(complaint(&format!("{}id{}", many("(", 90), many(")", 90))), "the condition is nested too deeply");
    assert_eq!(complaint(&format!("id{} = 1", many(" + 1", 200))), "the condition is nested more than 100 deep");
}

#[test]
fn parts_of_dates_are_numbers() {
    check(&[
        ("year(day) = 2024", &[0, 1]),
        ("month(day) = 12 and day(day) = 31", &[2]),
        ("hour(day) = 0", &[0, 1, 2]),
        ("year(at) = 1969 and month(at) = 12 and day(at) = 31 and hour(at) = 23", &[2]),
        ("year(at) is null", &[3]),
        ("year(date '2024-02-03') = year(day)", &[0, 1]),
        ("year(null) = 1", &[]),
        ("at >= '2024-01-01'", &[0, 1]),
    ]);
    assert_eq!(complaint("year('2024') = 1"), "`year` wants a date, and `'2024'` is text at character 6");
    assert_eq!(complaint("month(id) = 1"), "`month` wants a date, and `id` is a number at character 7");
}

#[test]
fn lists_are_looked_into() {
    check(&[
        ("'sea' in tags", &[0]),
        ("'sea' not in tags", &[1, 2]),
        ("not 'sand' in tags and id > 0 or id = 1", &[0, 2]),
        ("'sand' in (tags)", &[0, 1]),
        ("list_contains(tags, 'sand') or contains(tags, 'none')", &[0, 1]),
        ("null in tags", &[]),
        // Nothing is in an empty list, not even what is unknown.
        ("null not in tags", &[2]),
        ("label in tags or 'sea' in nothing", &[]),
        ("len(tags) = 2", &[0, 1]),
        ("tags is null", &[3]),
    ]);
    assert_eq!(complaint("1 in tags"), "the items of `tags` are each text, and `1` is a number at character 1");
    assert_eq!(complaint("list_contains(label, 'x')"), "a list is needed, and `label` is text at character 15");
    assert!(complaint("tags = 'sea'").contains("`tags` is a list and cannot be compared with text"));
}

#[test]
fn places_are_near_within_kilometres() {
    check(&[
        ("near(lat, lon, 48.2, 16.4, 5)", &[0]),
        // From Vienna to Bratislava it is 55 km.
        ("near(lat, lon, 48.2083, 16.3731, 54.5)", &[0]),
        ("near(lat, lon, 48.2083, 16.3731, 55.5)", &[0, 1]),
        // Half the way around the earth.
        ("near(lat, lon, -48, -163, 20100)", &[0, 1, 2]),
        ("not near(lat, lon, -33.8568, 151.2153, 1)", &[0, 1]),
        ("near(lat, lon, null, 16.4, 5) is null", &[0, 1, 2, 3]),
        ("near(0, 0, 0, 1, 111.2) and not near(0, 0, 0, 1, 111.1)", &[0, 1, 2, 3]),
        // Across the line where days begin.
        ("near(0, 179.9, 0, -179.9, 23)", &[0, 1, 2, 3]),
    ]);
    assert_eq!(complaint("near(lat, lon, 95, 16.4, 5)"), "`95` is beyond 90 degrees at character 16");
    assert_eq!(complaint("near(label, lon, 1, 1, 5)"), "`near` wants numbers, and `label` is text at character 6");
    assert!(complaint("near(lat, lon, 5)").starts_with("`near` wants five values"));
}

/// Cuts, joins, doubles and swaps words of sound conditions; whatever comes of it must be accepted or refused.
#[test]
fn no_mutation_of_a_condition_panics() {
    let sound = [
        "type1 = 'fire' and generation < 3 and label like 'C%'",
        "id in (1, 2, null) or not (big between -3 and 2.5) and yes is not false",
        "lower(words) ilike '%a\\_%' escape '\\' or length(view) % 2 = 0 and - -tiny <> 1e3",
        "image.path is null and \"Sp. Atk\" / 0 > 18446744073709551615 + huge",
        "day >= '2024-01-01' and at < timestamp '2024-01-01 00:00:00' and content_hash = x'ab01'",
        "starts_with(large, 'Ch') = (single is distinct from double) or price * 0.1 <= nothing",
        "'sea' not in tags and near(lat, lon, 48.2, 16.4, 5) or year(at) = 2024 and len(tags) > hour(day)",
        "case when id then cast(id as int) end = (select max(x) from y where z [1] :: int)",
    ];
    let words: Vec<&str> = sound.iter().flat_map(|s| s.split_inclusive([' ', '(', ')', ',', '\''])).collect();
    // The generator of Numerical Recipes: the same mutations on every machine.
    let mut state = 1u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below.max(1)
    };
    let (rows, schema) = (rows(), rows().schema());
    let mut sane = 0;
    for round in 0..6000 {
        let mut parts: Vec<String> =
            sound[round % sound.len()].split_inclusive([' ', '(', ')', ',', '\'']).map(str::to_string).collect();
        for _ in 0..=random(4) {
            let at = random(parts.len());
            match random(6) {
                0 => drop(parts.remove(at)),
                1 => parts.insert(at, words[random(words.len())].to_string()),
                2 => parts[at] = words[random(words.len())].to_string(),
                3 => {
                    let other = random(parts.len());
                    parts.swap(at, other);
                }
                4 => {
                    let mut letters: Vec<char> = parts[at].chars().collect();
                    let strange =
                        ['\'', '"', '\\', '\0', 'é', '%', '9', '.', '-', '(', ')', '\u{10ffff}', '\n', 'x', '$'];
                    letters.insert(random(letters.len() + 1), strange[random(strange.len())]);
                    parts[at] = letters.into_iter().collect();
                }
                _ => parts.truncate(at + 1),
            }
            if parts.is_empty() {
                parts.push(words[random(words.len())].to_string());
            }
        }
        let condition = parts.concat();
        let bound = Filter::parse(&condition).and_then(|filter| filter.bind(&schema));
        match bound.and_then(|bound| bound.evaluate(&rows)) {
            Ok(bits) => {
                assert_eq!(bits.len(), rows.num_rows(), "{condition}");
                sane += 1;
            }
            Err(e) => drop((e.to_string(), e.hint())),
        }
    }
    assert!(sane > 100, "only {sane} of the mutations could be evaluated");
}
