//! How many requests a server of the web gets at once: a list of a million addresses may lead to one host, and `-j 32` must not
//! become an attack. Buckets are made for many.

use std::collections::HashMap;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// As many as browsers make.
const AT_ONCE: usize = 6;
/// Says another number.
const VARIABLE: &str = "POKEDEX_HOST_REQUESTS";

static MOST: LazyLock<usize> = LazyLock::new(|| {
    let said = std::env::var(VARIABLE).ok().and_then(|text| text.trim().parse().ok());
    said.filter(|most| *most > 0).unwrap_or(AT_ONCE)
});
/// How many are under way, by host.
static HOSTS: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);
static ONE_LESS: Condvar = Condvar::new();

/// The right to make a request, until it is dropped.
pub(super) struct Turn(String);

impl Turn {
    /// Waits until a host has room for one more.
    pub(super) fn at(host: String) -> Turn {
        let mut hosts = hosts();
        while hosts.get(&host).is_some_and(|under_way| *under_way >= *MOST) {
            hosts = ONE_LESS.wait(hosts).unwrap_or_else(PoisonError::into_inner);
        }
        *hosts.entry(host.clone()).or_default() += 1;
        Turn(host)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut hosts = hosts();
        if let Some(under_way) = hosts.get_mut(&self.0) {
            *under_way -= 1;
            if *under_way == 0 {
                hosts.remove(&self.0);
            }
        }
        drop(hosts);
        ONE_LESS.notify_all();
    }
}

fn hosts() -> MutexGuard<'static, HashMap<String, usize>> {
    HOSTS.lock().unwrap_or_else(PoisonError::into_inner)
}
