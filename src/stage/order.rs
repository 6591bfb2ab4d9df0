//! On several threads, in order, in bounded memory.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};

use arrow_array::RecordBatch;

use crate::table::{self, Table};

/// A pool of `threads` threads.
///
/// # Errors
/// The system refuses to start a thread.
pub fn pool(threads: usize) -> Result<Arc<rayon::ThreadPool>, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|n| format!("stage-{n}")).build().map(Arc::new)
}

/// Applies `work` to every item on the pool and yields the results in the order of the items.
///
/// A result is handed out as soon as all before it are; at most a few items a thread are under way, so memory is
/// bounded by them, whatever the number of items, and a slow consumer slows the producer down. Who drops the iterator
/// waits for those under way, and `work` is never dropped on the pool: an engine that it holds is gone before the process
/// ends, and not while the process ends.
pub fn in_order<T, R, F>(
    pool: Arc<rayon::ThreadPool>,
    items: impl Iterator<Item = T>,
    work: F,
) -> impl Iterator<Item = R>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(T) -> R + Send + Sync + 'static,
{
    let work = Arc::new(work);
    let most = pool.current_num_threads() * 3;
    let mut items = items.fuse();
    let mut under_way = UnderWay(VecDeque::with_capacity(most));
    std::iter::from_fn(move || {
        while under_way.0.len() < most {
            let Some(item) = items.next() else { break };
            let (sender, receiver) = mpsc::sync_channel(1);
            let work = work.clone();
            pool.spawn_fifo(move || {
                let result = work(item);
                drop(work);
                // Nobody receives it when the consumer has stopped, and then the result is not wanted.
                let _ = sender.send(result);
            });
            under_way.0.push_back(receiver);
        }
        under_way.0.pop_front().map(|result| result.recv().expect("a panic in a stage ends the process"))
    })
}

/// Results that are waited for, also where nobody wants them any more.
struct UnderWay<R>(VecDeque<mpsc::Receiver<R>>);

impl<R> Drop for UnderWay<R> {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|result| drop(result.recv()));
    }
}

/// The table's batches cut into slices of at most `rows` rows.
pub fn slices(table: Table, rows: usize) -> impl Iterator<Item = Result<RecordBatch, table::Error>> {
    table.flat_map(move |batch| {
        let pieces = match batch {
            Ok(batch) => (0..batch.num_rows())
                .step_by(rows)
                .map(|at| Ok(batch.slice(at, rows.min(batch.num_rows() - at))))
                .collect(),
            Err(e) => vec![Err(e)],
        };
        pieces.into_iter()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_keep_the_order_of_the_items() {
        for threads in [1, 2, 5] {
            let pool = pool(threads).expect("threads");
            let results: Vec<u64> = in_order(pool, 0..200u64, |n| {
                std::thread::sleep(std::time::Duration::from_micros(n * 7919 % 300));
                n * n
            })
            .collect();
            assert_eq!(results, (0..200).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_slow_consumer_holds_the_producer_back() {
        let produced = Arc::new(AtomicUsize::new(0));
        let counter = produced.clone();
        let items = (0..1000).inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let mut results = in_order(pool(2).expect("threads"), items, |n| n);
        assert_eq!(results.next(), Some(0));
        assert!(produced.load(Ordering::Relaxed) <= 8);
    }

    #[test]
    fn what_the_work_holds_is_dropped_by_the_consumer() {
        struct Engine(Arc<std::sync::Mutex<Vec<Option<String>>>>);
        impl Drop for Engine {
            fn drop(&mut self) {
                let thread = std::thread::current().name().map(str::to_string);
                self.0.lock().expect("nobody panicked").push(thread);
            }
        }
        let own = std::thread::current().name().map(str::to_string);
        let threads: Arc<std::sync::Mutex<Vec<Option<String>>>> = Arc::default();
        for taken in [0, 1, 7, 200] {
            let engine = Engine(threads.clone());
            let work = move |n: u64| {
                let _ = &engine;
                std::thread::sleep(std::time::Duration::from_micros(n * 7919 % 300));
            };
            in_order(pool(3).expect("threads"), 0..200u64, work).take(taken).for_each(drop);
        }
        assert_eq!(*threads.lock().expect("nobody panicked"), vec![own; 4]);
    }
}
