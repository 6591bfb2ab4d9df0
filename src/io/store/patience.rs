//! What trouble passes, and how long it is waited for.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A request is made so often …
const TRIES: u32 = 6;
/// … with pauses that begin with this and double.
const PAUSE: Duration = Duration::from_millis(200);
/// A server may ask for a longer pause, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// All requests of a process together wait no longer than this for servers that are in trouble: a store that is down ends the
/// run, and does not make every one of a million rows wait.
const BUDGET: Duration = Duration::from_secs(600);

static WAITED: AtomicU64 = AtomicU64::new(0);

/// Why there is no answer.
pub(super) enum Trouble {
    /// It may be over soon; the server may say when.
    Passing(String, Option<Duration>),
    Final(io::Error),
}

impl Trouble {
    pub(super) fn passing(why: impl fmt::Display) -> Trouble {
        Trouble::Passing(why.to_string(), None)
    }

    pub(super) fn last(kind: io::ErrorKind, why: impl Into<String>) -> Trouble {
        Trouble::Final(io::Error::new(kind, why.into()))
    }
}

/// Asks until there is an answer, or no hope.
pub(super) fn patiently<T>(mut ask: impl FnMut() -> Result<T, Trouble>) -> io::Result<T> {
    for attempt in 0.. {
        let (why, asked) = match ask() {
            Ok(answer) => return Ok(answer),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Passing(why, asked)) => (why, asked),
        };
        let pause = asked.unwrap_or(PAUSE * 2u32.pow(attempt)).min(LONGEST_PAUSE);
        let waited = Duration::from_millis(WAITED.load(Ordering::Relaxed));
        if attempt + 1 == TRIES || waited > BUDGET {
            return Err(io::Error::other(format!("{why} (asked {} times)", attempt + 1)));
        }
        WAITED.fetch_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        std::thread::sleep(pause);
    }
    unreachable!("the last attempt returns")
}
