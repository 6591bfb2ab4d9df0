//! The environment's variables, as the Python client reads them.

use std::ffi::OsString;
use std::path::PathBuf;

/// A variable of the environment; an empty one is none.
pub(super) fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

pub(super) fn text_setting(name: &str) -> Option<String> {
    setting(name)?.into_string().ok()
}

/// `~/` in a variable that no shell has seen.
pub(super) fn expand_home(path: OsString) -> PathBuf {
    let path = PathBuf::from(path);
    match (path.strip_prefix("~"), dirs::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}
