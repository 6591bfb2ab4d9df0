use std::collections::HashMap;

use super::*;
use crate::table::split::SPLITS;

fn ratios(text: &str) -> Ratios {
    text.parse().expect("valid ratios")
}

fn items(class: u32, count: u64) -> impl Iterator<Item = Item> {
    (0..count).map(move |n| Item { class, content: u64::from(class) * 1_000_003 + n * 7919, kept: None })
}

/// Numbers that look random, from a seed.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(1);
        shuffled(state, seed) % below
    }
}

/// Items and what belongs together, as pairs of places.
type Set = (Vec<Item>, Vec<(u32, u32)>);

fn divide((items, pairs): &Set, text: &str, seed: u64) -> Assignment {
    let mut groups = Groups::new(items.len());
    pairs.iter().for_each(|&(a, b)| groups.join(a, b));
    assign(items, groups, ratios(text), seed)
}

fn alone(items: impl Iterator<Item = Item>) -> Set {
    (items.collect(), Vec::new())
}

/// Classes of random sizes with some copies and some pairs.
fn random_set(seed: u64, rows: u64) -> Set {
    let mut random = random(seed);
    let classes = 1 + random(12) as u32;
    let items: Vec<Item> = (0..rows)
        .map(|_| Item { content: random(rows * 4), class: random(u64::from(classes)) as u32, kept: None })
        .collect();
    let pairs = (0..rows / 8).map(|_| (random(rows) as u32, random(rows) as u32)).collect();
    (items, pairs)
}

/// Class → how many are in each split.
fn sizes(items: &[Item], splits: &[Split]) -> HashMap<u32, [usize; 3]> {
    let mut sizes: HashMap<u32, [usize; 3]> = HashMap::new();
    items.iter().zip(splits).for_each(|(item, &split)| sizes.entry(item.class).or_default()[split as usize] += 1);
    sizes
}

#[test]
fn quotas_are_exact_and_small_classes_feed_train_first() {
    for (size, expected) in [
        (1, [1, 0, 0]),
        (2, [1, 0, 1]),
        (3, [1, 1, 1]),
        (4, [3, 0, 1]),
        (10, [7, 1, 2]),
        (20, [14, 3, 3]),
        (100, [70, 15, 15]),
    ] {
        assert_eq!(quotas(size, ratios("70/15/15")), expected, "{size}");
    }
    assert_eq!(quotas(2, ratios("80/0/20")), [1, 0, 1]);
    assert_eq!(quotas(1, ratios("0/0/1")), [0, 0, 1]);
}

#[test]
fn every_class_is_divided_by_itself_so_no_class_is_missing_from_train() {
    let set = alone((0..50).flat_map(|class| items(class, 20)));
    let splits = divide(&set, "70/15/15", 7).splits;
    assert!(sizes(&set.0, &splits).values().all(|own| *own == [14, 3, 3]));
    for size in 1..20 {
        assert!(quotas(size, ratios("10/45/45"))[0] > 0, "{size}");
    }
}

#[test]
fn every_class_is_within_one_image_of_its_ratio() {
    for seed in 0..40 {
        let mut random = random(seed);
        let text = format!("{}/{}/{}", 30 + random(60), random(20), 1 + random(20));
        let classes: Vec<u64> = (0..1 + random(30)).map(|_| 4 + random(200)).collect();
        let set = alone((0..).zip(&classes).flat_map(|(class, &size)| items(class, size)));
        let splits = divide(&set, &text, seed).splits;
        let sizes = sizes(&set.0, &splits);
        for (class, size) in (0..).zip(classes) {
            for split in SPLITS {
                let exact = ratios(&text).0[split as usize] * size as f64;
                let own = sizes[&class][split as usize] as f64;
                assert!((own - exact).abs() < 1.0 + 1e-6, "{text}: {own} of {exact} in {split:?} of {size}");
            }
        }
    }
}

#[test]
fn all_1025_species_with_styles_mixed_are_in_train() {
    // Three or four images each; the fourth is a near copy of the first for every other species.
    let mut set: Set = (Vec::new(), Vec::new());
    for class in 0..1025 {
        let first = set.0.len() as u32;
        set.0.extend(items(class, 3 + u64::from(class % 2)));
        if class % 4 == 1 {
            set.1.push((first, first + 3));
        }
    }
    let splits = divide(&set, "70/15/15", 3).splits;
    let sizes = sizes(&set.0, &splits);
    for class in 0..1025 {
        let expected: &[[usize; 3]] = match class % 4 {
            0 | 2 => &[[1, 1, 1]],
            _ => &[[3, 0, 1]],
        };
        assert!(expected.contains(&sizes[&class]), "{class}: {:?}", sizes[&class]);
    }
    assert!(set.1.iter().all(|&(a, b)| splits[a as usize] == splits[b as usize]));
}

#[test]
fn the_order_of_the_images_does_not_matter_and_the_seed_does() {
    for seed in 0..30 {
        let (items, pairs) = random_set(seed, 200);
        let forward = divide(&(items.clone(), pairs.clone()), "70/15/15", seed);
        // Place → where it is put.
        let mut random = random(seed + 1000);
        let mut order: Vec<usize> = (0..items.len()).collect();
        (1..order.len()).rev().for_each(|i| order.swap(i, random(i as u64 + 1) as usize));
        let mut put = vec![0; order.len()];
        order.iter().enumerate().for_each(|(now, &before)| put[before] = now as u32);
        let shuffled = order.iter().map(|&before| items[before]).collect();
        let moved = pairs.iter().rev().map(|&(a, b)| (put[b as usize], put[a as usize])).collect();
        let other = divide(&(shuffled, moved), "70/15/15", seed);
        assert!((0..items.len()).all(|i| forward.splits[i] == other.splits[put[i] as usize]), "{seed}");
        assert_ne!(divide(&(items, pairs), "70/15/15", seed + 1).splits, forward.splits);
    }
}

#[test]
fn what_belongs_together_is_on_one_side() {
    for seed in 0..30 {
        let set = random_set(seed, 300);
        let Assignment { splits, torn, .. } = divide(&set, "60/20/20", seed);
        assert_eq!(torn, 0);
        assert!(set.1.iter().all(|&(a, b)| splits[a as usize] == splits[b as usize]));
        let mut of: HashMap<u64, Split> = HashMap::new();
        for (item, &split) in set.0.iter().zip(&splits) {
            assert_eq!(*of.entry(item.content).or_insert(split), split);
        }
    }
}

#[test]
fn whatever_belongs_together_every_class_of_free_units_is_in_train() {
    for seed in 0..300 {
        let mut random = random(seed);
        let rows = 20 + random(150);
        let mut set = random_set(seed, rows);
        // Many and large groups, which cross classes.
        set.1.extend((0..random(rows)).map(|_| (random(rows) as u32, random(rows) as u32)));
        let text = ["70/15/15", "10/45/45", "1/0/99", "34/33/33"][seed as usize % 4];
        let splits = divide(&set, text, seed).splits;
        for (class, sizes) in sizes(&set.0, &splits) {
            assert!(sizes[0] > 0, "{text}, seed {seed}: class {class} is {sizes:?}");
        }
    }
    // Two groups, either of which is larger than what train is to get.
    let mut set = alone(items(1, 10));
    set.1 = (1..5).map(|b| (0, b)).chain((6..10).map(|b| (5, b))).collect();
    assert_eq!(sizes(&set.0, &divide(&set, "10/45/45", 0).splits)[&1], [5, 0, 5]);
    // Where train has no share, nothing is forced into it.
    assert!(divide(&set, "0/50/50", 0).splits.iter().all(|&split| split != Split::Train));
}

#[test]
fn copies_count_as_often_as_they_occur_and_stay_together() {
    let copies = std::iter::repeat_n(Item { class: 1, content: 5, kept: None }, 6);
    let set = alone(copies.chain(items(1, 4)));
    let splits = divide(&set, "60/20/20", 3).splits;
    assert_eq!(splits[..6], [Split::Train; 6]);
    assert_eq!(sizes(&set.0, &splits)[&1], [6, 2, 2]);
}

#[test]
fn a_content_of_two_classes_has_one_split() {
    let shared = [1, 2].map(|class| Item { class, content: 9, kept: None });
    let set = alone(shared.into_iter().chain(items(1, 9)).chain(items(2, 9)));
    let splits = divide(&set, "50/25/25", 0).splits;
    assert_eq!(splits[0], splits[1]);
    assert!(sizes(&set.0, &splits).values().all(|own| own.iter().sum::<usize>() == 10));
}

#[test]
fn adding_images_moves_none_that_is_kept() {
    for seed in 0..30 {
        let set = random_set(seed, 150);
        let mut old = divide(&set, "70/15/15", seed).splits;
        let (mut items, mut pairs) = set;
        for round in 1..4 {
            let mut random = random(seed * 10 + round);
            items.iter_mut().zip(&old).for_each(|(item, &split)| item.kept = Some(split));
            let rows = items.len() as u64 + 60;
            items.extend(random_set(seed * 100 + round, 60).0);
            // New pairs may tear old ones apart; nothing moves for that either.
            pairs.extend((0..20).map(|_| (random(rows) as u32, random(rows) as u32)));
            let new = divide(&(items.clone(), pairs.clone()), "70/15/15", seed).splits;
            assert_eq!(new[..old.len()], old);
            old = new;
        }
    }
}

#[test]
fn new_images_fill_what_their_class_lacks() {
    let mut set = alone(items(1, 100));
    let old = divide(&set, "70/15/15", 1).splits;
    set.0.iter_mut().zip(&old).for_each(|(item, &split)| item.kept = Some(split));
    set.0.extend((0..100).map(|n| Item { class: 1, content: n + 1, kept: None }));
    let splits = divide(&set, "70/15/15", 2).splits;
    assert_eq!(sizes(&set.0, &splits)[&1], [140, 30, 30]);
    // Other ratios than before: the new ones make up for it as far as they go.
    let splits = divide(&set, "40/30/30", 2).splits;
    assert_eq!(sizes(&set.0, &splits)[&1], [80, 60, 60]);
}

#[test]
fn new_copies_go_to_the_old_ones_even_where_these_are_torn_apart() {
    let old = |content, split| Item { class: 1, content, kept: Some(split) };
    let new = |content| Item { class: 1, content, kept: None };
    let items = vec![
        old(10, Split::Test),
        old(20, Split::Train),
        old(30, Split::Test),
        new(10),
        new(20),
        new(40),
        old(50, Split::Validation),
        new(60),
    ];
    let pairs = vec![(0, 1), (1, 2), (2, 5), (6, 7)];
    let assignment = divide(&(items, pairs), "70/15/15", 0);
    let expected = "test train test test train test validation validation";
    assert_eq!(assignment.splits.iter().map(|s| s.name()).collect::<Vec<_>>().join(" "), expected);
    assert_eq!((assignment.torn, assignment.example), (1, Some((0, 1))));
}

#[test]
fn a_split_without_a_share_gets_nothing() {
    let mut set = alone(items(1, 20));
    set.1 = (1..12).map(|b| (0, b)).collect();
    set.0.iter_mut().skip(12).take(6).for_each(|item| item.kept = Some(Split::Test));
    let splits = divide(&set, "80/0/20", 0).splits;
    assert!(splits.iter().all(|&split| split != Split::Validation));
}

#[test]
fn ratios_parse() {
    assert_eq!(ratios("70/15/15"), ratios("0.7/0.15/0.15"));
    assert_eq!(ratios("70/15/15").to_string(), "70/15/15");
    for wrong in ["", "70", "70/30", "a/b/c", "-1/1/1", "0/0/0", "1/2/3/4", "inf/1/1"] {
        assert!(wrong.parse::<Ratios>().is_err(), "{wrong}");
    }
}

/// What the documentation of [`assign`] says, word by word, and counting everything anew each time.
fn plainly((items, pairs): &Set, ratios: Ratios, seed: u64) -> Vec<Split> {
    // A unit is named by its first item.
    let mut units: Vec<usize> = (0..items.len()).collect();
    let copies = (0..items.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let copies = copies.filter(|&(a, b)| items[a].content == items[b].content);
    let pairs: Vec<(usize, usize)> = pairs.iter().map(|&(a, b)| (a as usize, b as usize)).chain(copies).collect();
    while let Some(&(a, b)) = pairs.iter().find(|&&(a, b)| units[a] != units[b]) {
        let (first, other) = (units[a].min(units[b]), units[a].max(units[b]));
        units.iter_mut().filter(|unit| **unit == other).for_each(|unit| *unit = first);
    }
    let names: BTreeSet<usize> = units.iter().copied().collect();
    let members = |unit: usize| (0..items.len()).filter(|&place| units[place] == unit).collect::<Vec<usize>>();
    let units: Vec<Vec<usize>> = names.into_iter().map(members).collect();

    let mut splits: Vec<Option<Split>> = items.iter().map(|item| item.kept).collect();
    for unit in units.iter().filter(|unit| unit.iter().any(|&place| items[place].kept.is_some())) {
        let kept = |split: Split| unit.iter().filter(|&&place| items[place].kept == Some(split)).count();
        let most = PRIORITY.into_iter().rev().max_by_key(|&split| kept(split)).expect("there are three");
        for &place in unit {
            let copy = unit.iter().filter(|&&other| items[other].content == items[place].content);
            let copy = copy.filter_map(|&other| items[other].kept).min();
            splits[place] = items[place].kept.or(copy).or(Some(most));
        }
    }

    let mut free: Vec<&Vec<usize>> =
        units.iter().filter(|unit| unit.iter().all(|&place| splits[place].is_none())).collect();
    let classes = |unit: &[usize]| unit.iter().map(|&place| items[place].class).collect::<BTreeSet<u32>>();
    free.sort_by_key(|unit| {
        let first = unit.iter().map(|&place| items[place].content).min().expect("a unit has an item");
        (Reverse(unit.len()), Reverse(classes(unit).len()), shuffled(first, seed), first)
    });
    for (at, unit) in free.iter().enumerate() {
        let of = |class: u32| (0..items.len()).filter(move |&place| items[place].class == class);
        let room = |class: u32, split: Split| {
            quotas(of(class).count(), ratios)[split as usize]
                - of(class).filter(|&place| splits[place] == Some(split)).count() as isize
        };
        let own = |class: u32| unit.iter().filter(|&&place| items[place].class == class).count() as isize;
        let is_last = |class: &u32| {
            !free[at + 1..].iter().any(|later| classes(later).contains(class))
                && !of(*class).any(|place| splits[place] == Some(Split::Train))
        };
        let lacks = |split: Split| {
            let too_many: isize =
                classes(unit).into_iter().map(|class| (own(class) - room(class, split).max(0)).max(0)).sum();
            (Reverse(too_many), classes(unit).into_iter().map(|class| room(class, split)).sum::<isize>())
        };
        let best = PRIORITY.into_iter().rev().filter(|&split| ratios.has(split)).max_by_key(|&split| lacks(split));
        let split =
            if ratios.has(Split::Train) && classes(unit).iter().any(is_last) { Some(Split::Train) } else { best };
        unit.iter().for_each(|&place| splits[place] = split);
    }
    splits.into_iter().map(|split| split.expect("every unit was placed")).collect()
}

#[test]
fn the_division_is_that_of_counting_everything_anew() {
    for seed in 0..60 {
        let mut random = random(seed + 1000);
        let rows = 1 + random(70);
        let mut set = random_set(seed, rows);
        for item in &mut set.0 {
            item.kept = (random(4) == 0 && seed % 3 == 0).then(|| SPLITS[random(3) as usize]);
        }
        for text in ["70/15/15", "50/0/50", "0/1/1", "10/45/45"] {
            assert_eq!(divide(&set, text, seed).splits, plainly(&set, ratios(text), seed), "{text}, seed {seed}");
        }
    }
}
