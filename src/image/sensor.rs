//! Which files hold what a sensor saw.

use super::directory::Directory;

/// TIFF 6.0, DNG 1.7.
pub(super) const PHOTOMETRIC: u16 = 262;
const SUB_DIRECTORIES: u16 = 330;
pub(super) const DNG_VERSION: u16 = 50_706;
/// Colours as the sensor's filters give them, and these put together but not developed.
const RAW_COLOURS: [u64; 2] = [32_803, 34_892];

/// Whether these are the first bytes of a raw file. One that begins as a TIFF does is known by its directories.
pub(super) fn is_raw(bytes: &[u8]) -> bool {
    let begins: [&[u8]; 6] = [b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW ", b"\0\0\0\x18ftypcrx "];
    begins.iter().any(|magic| bytes.starts_with(magic))
        || bytes.get(8..10) == Some(b"CR") && is_tiff(bytes)
        || has_raw(bytes)
}

/// Whether they begin as a TIFF does.
pub(super) fn is_tiff(bytes: &[u8]) -> bool {
    bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*")
}

/// Whether a directory of a TIFF describes what a sensor saw.
fn has_raw(bytes: &[u8]) -> bool {
    let Some(first) = is_tiff(bytes).then(|| Directory::read(bytes)).flatten() else { return false };
    let is_raw = |directory: &Directory| {
        directory
            .whole(PHOTOMETRIC)
            .is_some_and(|colours| colours.first().is_some_and(|colour| RAW_COLOURS.contains(colour)))
    };
    first.has(DNG_VERSION) || is_raw(&first) || first.all_inner(SUB_DIRECTORIES).iter().any(is_raw)
}
