use std::fs::File;
use std::path::PathBuf;

use super::database::VERSION;
use super::limit::DEFAULT_LIMIT;
use super::part::first_number;
use super::place::{ASIDE, DATABASE, with_suffix};
use super::*;

const DIMENSION: usize = 16;

fn open(folder: &Path) -> Cache {
    open_for(folder, "m", DEFAULT_LIMIT)
}

fn open_for(folder: &Path, model: &str, limit: u64) -> Cache {
    let part = Part::new(&ModelId { name: model.into(), digest: [0xab; 32] }, DIMENSION, "");
    Cache::open_in(folder, limit, part, Vec::new()).expect("a cache")
}

fn content(number: u32) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn vector(number: u32) -> Vec<f32> {
    (0..DIMENSION).map(|i| (number as f32 * 0.7 + i as f32).sin()).collect()
}

/// A few at a time, as `embed` does.
fn put(cache: &Cache, numbers: std::ops::Range<u32>) {
    for start in numbers.clone().step_by(8) {
        let slice: Vec<_> = (start..numbers.end.min(start + 8)).map(|n| (content(n), vector(n))).collect();
        cache.put(&slice.iter().map(|(content, vector)| (*content, &vector[..])).collect::<Vec<_>>());
    }
}

/// How many of these are found; what is found must be what was put.
fn found(cache: &Cache, numbers: std::ops::Range<u32>) -> usize {
    let found = numbers.filter_map(|number| cache.get(&content(number)).map(|found| (number, found)));
    found.inspect(|(number, found)| assert_eq!(found, &vector(*number))).count()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn database(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join(DATABASE)
}

/// Numbers without a pattern, the same in each run.
fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let hash = blake3::hash(&state.to_le_bytes());
        (first_number(hash.as_bytes()).unsigned_abs() % below as u64) as usize
    }
}

#[test]
fn what_was_put_is_found_bit_for_bit() {
    let folder = folder();
    let odd = [f32::NAN, -0.0, f32::MIN_POSITIVE / 2.0, f32::NEG_INFINITY].repeat(DIMENSION / 4);
    let cache = open(folder.path());
    cache.put(&[(content(1), &vector(1)), (content(2), &odd)]);
    for cache in [&cache, &open(folder.path())] {
        let bits = |vector: Vec<f32>| vector.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(cache.get(&content(1)).map(bits), Some(bits(vector(1))));
        assert_eq!(cache.get(&content(2)).map(bits), Some(bits(odd.clone())));
        assert_eq!(cache.get(&content(3)), None);
    }
}

#[test]
fn models_variants_and_dimensions_are_kept_apart() {
    let folder = folder();
    put(&open(folder.path()), 0..3);
    assert_eq!(found(&open_for(folder.path(), "n", DEFAULT_LIMIT), 0..3), 0);
    for (dimension, variant) in [(DIMENSION, "-batched"), (DIMENSION / 2, "")] {
        let part = Part::new(&ModelId { name: "m".into(), digest: [0xab; 32] }, dimension, variant);
        let cache = Cache::open_in(folder.path(), DEFAULT_LIMIT, part, Vec::new()).expect("a cache");
        assert_eq!(found(&cache, 0..3), 0);
    }
}

#[test]
fn threads_and_processes_use_it_at_once() {
    let folder = folder();
    let caches = [open(folder.path()), open(folder.path())];
    std::thread::scope(|scope| {
        for thread in 0..6u32 {
            let cache = &caches[thread as usize % 2];
            scope.spawn(move || {
                put(cache, thread * 50..thread * 50 + 100);
                assert_eq!(found(cache, thread * 50..thread * 50 + 100), 100);
            });
        }
    });
    assert_eq!(found(&caches[0], 0..350), 350);
    assert_eq!(caches.map(|cache| cache.trouble()), [[""; 0]; 2]);
    let kept = Folder(folder.path().into()).contents().models;
    assert_eq!((kept.len(), kept[0].vectors, kept[0].bytes), (1, 350, 350 * 64));
}

#[test]
fn a_flipped_bit_is_passed_over_and_written_again() {
    let folder = folder();
    put(&open(folder.path()), 0..20);
    let mut bytes = std::fs::read(database(&folder)).expect("readable");
    let blob: Vec<u8> = vector(7).iter().flat_map(|x| x.to_le_bytes()).collect();
    let at = bytes.windows(blob.len()).position(|window| window == blob).expect("the vector is in the file");
    bytes[at + 17] ^= 4;
    std::fs::write(database(&folder), bytes).expect("writable");
    let cache = open(folder.path());
    assert_eq!((found(&cache, 0..20), cache.get(&content(7))), (19, None));
    put(&cache, 7..8);
    assert_eq!(found(&cache, 0..20), 20);
    assert_eq!(cache.trouble(), [""; 0]);
}

/// Whatever is in the files, the worst is that vectors are computed again: in this run, and never after the next.
#[test]
fn no_damage_gives_a_wrong_vector_or_stays() {
    let folder = folder();
    let files = [database(&folder), with_suffix(&database(&folder), "-wal")];
    // So small a limit that there are vectors in the database and in its journal.
    let cache = open_for(folder.path(), "m", 8 << 20);
    put(&cache, 0..300);
    // As a process leaves them that is killed.
    let sound = files.each_ref().map(|file| std::fs::read(file).expect("readable"));
    drop(cache);
    for seed in 0..200 {
        let mut damaged = sound.clone();
        let mut random = random(seed);
        match seed {
            0..100 => damaged[0][seed as usize] ^= 0xff,
            _ => (0..=random(4)).for_each(|_| damage(&mut damaged[random(4) / 3], &mut random)),
        }
        for (file, bytes) in files.iter().zip(damaged) {
            std::fs::write(file, bytes).expect("writable");
        }
        for _ in 0..2 {
            let cache = open(folder.path());
            found(&cache, 0..300);
            put(&cache, 0..310);
            found(&cache, 0..310);
            assert!(cache.trouble().len() <= 1, "{:?}", cache.trouble());
        }
        let cache = open(folder.path());
        put(&cache, 0..310);
        assert_eq!(found(&cache, 0..310), 310, "{seed}: {:?}", cache.trouble());
        drop(cache);
        Folder(folder.path().into()).clear().expect("cleared");
        let _ = std::fs::remove_file(with_suffix(&files[0], ASIDE));
    }
}

fn damage(bytes: &mut Vec<u8>, random: &mut impl FnMut(usize) -> usize) {
    let at = random(bytes.len() + 1);
    let length = if random(2) == 0 { 1 + random(4) } else { random(5000) };
    let kind = random(8);
    for byte in bytes.iter_mut().skip(at).take(length) {
        *byte = if kind == 1 { 0 } else { *byte ^ (1 << random(8)) };
    }
    if kind == 0 {
        bytes.truncate(at);
    }
}

#[test]
fn a_damaged_cache_is_renewed_once_by_those_who_find_it_at_the_same_time() {
    for damage in [&b""[..], b"not a database, but long enough to be taken for one", &[0; 100_000]] {
        let folder = folder();
        put(&open(folder.path()), 0..30);
        std::fs::write(database(&folder), damage).expect("writable");
        let trouble: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6)
                .map(|thread| {
                    let path = folder.path();
                    scope.spawn(move || {
                        let cache = open(path);
                        put(&cache, thread * 10..thread * 10 + 10);
                        (cache.trouble(), cache)
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic").0).collect()
        });
        assert_eq!(trouble.len(), usize::from(!damage.is_empty()), "{trouble:?}");
        assert_eq!(found(&open(folder.path()), 0..60), 60);
    }
}

#[test]
fn what_is_none_of_ours_is_set_aside() {
    let folder = folder();
    let somebodys = Connection::open(database(&folder)).expect("a database");
    somebodys.execute_batch("CREATE TABLE embeddings (vector BLOB)").expect("a table");
    drop(somebodys);
    let bytes = std::fs::read(database(&folder)).expect("readable");
    let cache = open(folder.path());
    let [trouble] = &cache.trouble()[..] else { panic!("{:?}", cache.trouble()) };
    assert!(trouble.ends_with("this is no cache; this run does without the cache"), "{trouble}");
    drop(cache);
    let cleared = Folder(folder.path().into()).clear().expect("nothing to do");
    assert_eq!(cleared.stay, [database(&folder)]);
    assert_eq!(std::fs::read(database(&folder)).expect("there"), bytes);

    // In the cache's own folder it may have been put by chance, or be a cache whose first page is damaged.
    let folder = self::folder();
    own::make(folder.path()).expect("made");
    std::fs::write(database(&folder), bytes).expect("writable");
    let cache = open(folder.path());
    let [trouble] = &cache.trouble()[..] else { panic!("{:?}", cache.trouble()) };
    assert!(trouble.ends_with("this was no cache; it is now embeddings.sqlite.aside, and a new cache was started"));
    let contents = Folder(folder.path().into()).contents();
    assert!(matches!(&contents.others[..], [(name, 1..)] if name == "embeddings.sqlite.aside"));
    drop(cache);
    Folder(folder.path().into()).clear().expect("cleared");
    assert!(with_suffix(&database(&folder), ASIDE).exists());
}

#[test]
fn another_version_is_renewed_unless_it_is_in_use() {
    let folder = folder();
    let user = open(folder.path());
    put(&user, 0..5);
    let other = Connection::open(database(&folder)).expect("a database");
    other.pragma_update(None, "user_version", VERSION + 1).expect("writable");
    drop(other);
    let cache = open(folder.path());
    assert!(cache.trouble()[0].contains("another version of pokedex; this run does without"));
    assert_eq!(found(&cache, 0..5), 0);
    assert_eq!(found(&user, 0..5), 5);
    drop((user, cache));
    let cache = open(folder.path());
    assert!(cache.trouble()[0].contains("another version of pokedex; a new one was started"));
    put(&cache, 0..5);
    assert_eq!(found(&cache, 0..5), 5);
}

#[test]
fn damage_in_the_middle_of_a_run_silences_it_and_the_next_starts_anew() {
    let folder = folder();
    put(&open(folder.path()), 0..2000);
    let cache = open(folder.path());
    let length = std::fs::metadata(database(&folder)).expect("a file").len() as usize;
    let file = File::options().write(true).open(database(&folder)).expect("writable");
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0x55; length - 8192], 8192).expect("writable");
    drop(file);
    assert_eq!(found(&cache, 0..2000), 0);
    put(&cache, 0..3);
    assert_eq!(found(&cache, 0..3), 0);
    assert_eq!(cache.trouble().len(), 1);
    assert!(cache.trouble()[0].contains("the cache is damaged; this run goes on without it"));
    let next = open(folder.path());
    assert_eq!(next.trouble(), [""; 0]);
    put(&next, 0..3);
    assert_eq!(found(&next, 0..3), 3);
}

#[test]
fn the_oldest_vectors_go_when_it_is_full() {
    let folder = folder();
    let limit = 1 << 20;
    let cache = open_for(folder.path(), "m", limit);
    put(&cache, 0..20_000);
    let newest = found(&cache, 0..20_000);
    assert!((3000..12_000).contains(&newest), "{newest}");
    assert_eq!(found(&cache, 20_000 - newest as u32..20_000), newest, "they are the last");
    drop(cache);
    let bytes = std::fs::metadata(database(&folder)).expect("a file").len();
    assert!(bytes < limit + limit / 20, "{bytes}");
    // A lower limit shrinks the file, a little with each vector that is put.
    let limit = 1 << 18;
    let cache = open_for(folder.path(), "m", limit);
    put(&cache, 20_000..21_000);
    drop(cache);
    let bytes = std::fs::metadata(database(&folder)).expect("a file").len();
    assert!(bytes < limit + 70 * PAGE, "{bytes}");
}

#[test]
fn a_limit_of_nothing_writes_nothing_and_reads_what_is_there() {
    let folder = folder();
    let nowhere = folder.path().join("nowhere");
    let part = || Part::new(&ModelId { name: "m".into(), digest: [0xab; 32] }, DIMENSION, "");
    assert!(Cache::open_in(&nowhere, 0, part(), Vec::new()).is_none());
    assert!(!nowhere.exists());
    put(&open(folder.path()), 0..3);
    let cache = open_for(folder.path(), "m", 0);
    put(&cache, 3..6);
    assert_eq!(found(&cache, 0..6), 3);
}

#[test]
fn clearing_harms_nobody_who_is_using_it() {
    let folder = folder();
    let (cache, other) = (open(folder.path()), open_for(folder.path(), "n", DEFAULT_LIMIT));
    put(&cache, 0..3000);
    put(&other, 0..3000);
    let (folder, full) = (Folder(folder.path().into()), std::fs::metadata(database(&folder)).expect("a file").len());
    assert!(matches!(folder.clear_model("o"), Err(Error::NoVectors { kept, .. }) if kept.len() == 2));
    let removed = folder.clear_model("m").expect("cleared");
    assert_eq!((removed.len(), removed[0].vectors), (1, 3000));
    assert_eq!((found(&cache, 0..3000), found(&other, 0..3000)), (0, 3000));
    let half = std::fs::metadata(folder.0.join(DATABASE)).expect("a file").len();
    assert!(half < full * 6 / 10, "{half} of {full}");
    assert!(folder.clear().expect("cleared").bytes > half / 2);
    put(&cache, 0..10);
    assert_eq!((found(&cache, 0..10), found(&other, 0..3000)), (10, 0));
    assert_eq!(folder.contents().models.len(), 1);
    assert_eq!([cache.trouble(), other.trouble()], [[""; 0]; 2]);
}
