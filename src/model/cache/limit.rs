//! How large the database may become, and what else is kept: `$POKEDEX_CACHE_LIMIT`.

use std::io;
use std::path::Path;

use super::own::Kind;

/// Bytes that the database may take where `$POKEDEX_CACHE_LIMIT` says nothing else.
pub(super) const DEFAULT_LIMIT: u64 = 10 << 30;

/// Bytes that the database may take.
pub(super) fn limit(trouble: &mut Vec<String>) -> u64 {
    let Some(text) = std::env::var_os("POKEDEX_CACHE_LIMIT") else { return DEFAULT_LIMIT };
    let text = text.to_string_lossy();
    parse_size(&text).unwrap_or_else(|| {
        trouble.push(format!("POKEDEX_CACHE_LIMIT: `{text}` is no size (500M, 10G, 0 to keep nothing); 10G is used"));
        DEFAULT_LIMIT
    })
}

/// Bytes that may still be kept of towers in their folder: those below the limit, and no more than half of what the disk has
/// left.
pub(in crate::model) fn room(towers: &Path) -> io::Result<u64> {
    let files = towers.parent().map(|cache| Kind::Towers.own(cache)).unwrap_or_default();
    let kept: u64 = files.iter().filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum();
    let disk = rustix::fs::statvfs(towers)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    Ok(limit(&mut Vec::new()).saturating_sub(kept).min(free / 2))
}

/// `500M`, `10G`: a number of bytes, and a power of 1024.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_uppercase();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let power = match &text[digits.len()..] {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 1,
        "M" | "MB" | "MIB" => 2,
        "G" | "GB" | "GIB" => 3,
        "T" | "TB" | "TIB" => 4,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << (10 * power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_a_unit() {
        for (text, size) in [("0", 0), ("1000", 1000), ("2k", 2048), ("500M", 500 << 20), (" 10GiB ", 10 << 30)] {
            assert_eq!(parse_size(text), Some(size), "{text}");
        }
        for text in ["", "G", "1.5G", "-1", "10X", "1 0", "10GG", "99999999999T"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
