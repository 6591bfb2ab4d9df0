//! Panics of other people's code, turned into errors: what a file contains must never end the program.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs code that reads hostile bytes; `None` where it panicked. What the code was working on must be thrown away.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    GUARDED.set(outer);
    result
}

/// Keeps panics that [`catch`] turns into errors from being printed; before any other, `clean_up` runs,
/// which may take it that the process ends.
pub fn install(clean_up: fn()) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !GUARDED.get() {
            clean_up();
            usual(info);
        }
    }));
}
