//! What is looked for in folders, and by which names.

use std::ffi::OsStr;
use std::path::Path;

/// Extensions that are taken for images when a folder is walked, whether or not this build can decode them: a file
/// that claims to be an image and cannot be read must be named, not skipped.
const IMAGE_EXTENSIONS: &[&str] = &[
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "dib", "tif", "tiff", "pnm", "pbm", "pgm",
    "ppm", "pam", "qoi", "ico", "tga", "heic", "heif", "hif", "avif", "jp2", "j2k", "j2c", "jpc", "jxl", "hdr", "exr",
    "ff", "dds", "dng", "cr2", "cr3", "nef", "nrw", "arw", "orf", "rw2", "raf", "pef", "srw",
];
/// Extensions that are taken for films, or for pages and frames that stand in one file. WebP and PNG are mostly single pictures: of
/// these only what is named itself is looked at.
const FILM_EXTENSIONS: &[&str] = &[
    "mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "mpg", "mpeg", "mpe", "m2v", "vob", "ts", "m2ts", "mts", "wmv",
    "asf", "flv", "f4v", "3gp", "3g2", "ogv", "ogm", "mxf", "gif", "tif", "tiff", "apng",
];

/// What is looked for in folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Image files.
    #[default]
    Pictures,
    /// Films, and pictures that move.
    Films,
}

impl Kind {
    /// Whether a file's name says that it is one.
    pub(crate) fn is_of(self, name: &OsStr) -> bool {
        let extensions = match self {
            Kind::Pictures => IMAGE_EXTENSIONS,
            Kind::Films => FILM_EXTENSIONS,
        };
        let extension = Path::new(name).extension().and_then(OsStr::to_str);
        extension.is_some_and(|e| extensions.iter().any(|known| known.eq_ignore_ascii_case(e)))
    }
}

/// A longer file is no image that anybody wants to search.
pub(super) const MAX_FILE: u64 = 1 << 30;
