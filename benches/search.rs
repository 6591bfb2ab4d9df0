//! How long searches of an index take inside a process that has it open: for comparisons with libraries.
//!
//!     cargo bench --bench search -- INDEX.parquet QUERIES.npy [BEAM or SEARCH_K]
//!
//! Prints a JSON object: milliseconds of single queries, seconds of all at once, on all threads and on one; and, for
//! comparison, the gigabytes a second at which the packed file's bytes can be read at all.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use pokedex::index::{Index, Packed, QueryVector, Search, VectorFile};
use rayon::prelude::*;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (Some(index), Some(queries)) = (arguments.first(), arguments.get(1)) else {
        println!("usage: cargo bench --bench search -- INDEX.parquet QUERIES.npy [BEAM or SEARCH_K]");
        return;
    };
    let (opened, problems) = Index::open(index.into(), "embedding").expect("an index");
    assert!(problems.is_empty(), "{problems:?}");
    let queries = VectorFile::open(Path::new(queries), "embedding").expect("vectors").rows;
    let queries: Vec<QueryVector> =
        queries.into_iter().map(|(_, vector)| QueryVector { vector, without: Vec::new() }).collect();
    let effort = arguments.get(2).map(|effort| effort.parse().expect("a whole number"));
    let search = Search { top: 10, effort, ..Search::default() };
    let ask = |queries: &[QueryVector]| opened.search(queries, None, &search).expect("a sound index");
    let single = || {
        let few = &queries[..queries.len().min(200)];
        ask(&few[..1]);
        let start = Instant::now();
        few.chunks(1).for_each(|one| drop(black_box(ask(one))));
        start.elapsed().as_secs_f64() * 1e3 / few.len() as f64
    };
    let batch = || {
        // The quickest of some: what else runs on the machine is not what is asked.
        let seconds = (0..10).map(|_| {
            let start = Instant::now();
            drop(black_box(ask(&queries)));
            start.elapsed().as_secs_f64()
        });
        seconds.fold(f64::INFINITY, f64::min)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let (one, one_batch) = pool.install(|| (single(), batch()));
    let (all, all_batch) = (single(), batch());
    let packed = Packed::open(&Path::new(index).with_extension("arrow")).expect("a packed copy");
    let bandwidth = || {
        let codes: Vec<&[i8]> = packed.codes().chunks().map(|chunk| chunk.codes).collect();
        let bytes: usize = codes.iter().map(|chunk| chunk.len()).sum();
        let sum = |chunk: &&[i8]| {
            let words = chunk.as_chunks::<8>().0.iter();
            words.fold(0i64, |sum, word| sum.wrapping_add(i64::from_le_bytes(word.map(|x| x as u8))))
        };
        let start = Instant::now();
        black_box(codes.par_iter().map(sum).reduce(|| 0, i64::wrapping_add));
        bytes as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    bandwidth();
    let bytes = packed.codes().chunks().map(|chunk| chunk.codes.len()).sum::<usize>();
    println!(
        "{{\"single_ms\": {all:.4}, \"single_ms_one_thread\": {one:.4}, \"batch_s\": {all_batch:.4}, \
         \"batch_s_one_thread\": {one_batch:.4}, \"queries\": {}, \"code_bytes\": {bytes}, \
         \"read_gb_s\": {:.2}, \"search_gb_s\": {:.2}}}",
        queries.len(),
        bandwidth(),
        bytes as f64 / all / 1e6,
    );
}
