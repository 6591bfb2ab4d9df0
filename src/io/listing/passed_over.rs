//! What lies beside the listed files: what is a picture whatever its name says is listed too; what a person could have taken
//! for one is counted and told.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::io::{At, Kind, escape_bytes, open_file};
use crate::notes;

/// Extensions of what lies beside pictures in every data set, or was never meant to be one: passed over in silence.
const BESIDE: &str = "txt json jsonl ndjson xml yaml yml toml csv tsv md rst html htm log ini cfg sh py rs js css ipynb mk \
                      parquet arrow feather ann graph npy npz tar db sqlite lock part tmp xmp thm cls names onnx rten pt \
                      safetensors h5 pkl cache mud zip gz bak aae url lnk license gitignore";

/// Files that a person could have taken for pictures, and that are not listed.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    /// By extension.
    others: BTreeMap<String, u64>,
    /// Links to folders.
    links: u64,
    linked: Vec<String>,
    /// Tables of what `datasets` knows of the pictures beside them.
    tables: Vec<PathBuf>,
}

impl PassedOver {
    /// Looks at what is not listed by its name. Whether it is a picture all the same, and pictures are looked for.
    pub(super) fn look(&mut self, name: &OsStr, path: &Path, kind: Kind) -> bool {
        let extension = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() {
            self.links += 1;
            if self.linked.len() <= 3 {
                self.linked.push(escape_bytes(name.as_encoded_bytes()));
            }
            return false;
        }
        if ["metadata.csv", "metadata.jsonl", "metadata.parquet"].iter().any(|known| name == *known) {
            self.tables.push(path.to_path_buf());
        }
        if BESIDE.split_ascii_whitespace().any(|beside| beside == extension) {
            return false;
        }
        let start = open_file(path).and_then(|file| At::new(file)?.part(0, START));
        if kind == Kind::Pictures && start.is_ok_and(|start| is_picture(&start)) {
            return true;
        }
        if (1..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric()) {
            *self.others.entry(extension).or_default() += 1;
        }
        false
    }

    /// One line of all.
    pub(super) fn say(&self, inputs: &[PathBuf]) {
        let mut parts: Vec<String> =
            self.others.iter().map(|(extension, count)| format!("{count} .{extension}")).collect();
        if self.links > 0 {
            let links = if self.links == 1 { "link to a folder" } else { "links to folders" };
            let named = notes::named(&self.linked);
            parts.push(format!("{} {links} ({named}; named itself, such a folder is read)", self.links));
        }
        if let Some(table) = self.tables.first() {
            let table = escape_bytes(table.as_os_str().as_encoded_bytes());
            let hint = if table.ends_with(".csv") {
                format!(": --meta {table} --on key adds its columns")
            } else {
                String::new()
            };
            notes::say(
                "metadata",
                format!("{table}: what `datasets` knows of the pictures beside it is not read{hint}"),
            );
        }
        if let (false, Some(first)) = (parts.is_empty(), inputs.first()) {
            let more = if inputs.len() > 1 { ", …" } else { "" };
            let film = |extension: &String| Kind::Films.is_of(OsStr::new(&format!("a.{extension}")));
            let films = match self.others.keys().any(film) {
                true => format!("; of films: pokedex frames {} | pokedex embed -", first.display()),
                false => String::new(),
            };
            notes::say("passed over", format!("{}{more}: {} passed over{films}", first.display(), parts.join(", ")));
        }
    }
}

/// How many bytes of a file show that it is a picture.
const START: usize = 18;

/// Whether these are the first bytes of a picture.
fn is_picture(start: &[u8]) -> bool {
    let begins: [&[u8]; 7] =
        [b"\xff\xd8\xff", b"\xff\x0a", b"\xff\x4f\xff\x51", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*"];
    let at = |from: usize, magics: &[&[u8]]| {
        start.get(from..).is_some_and(|rest| magics.iter().any(|magic| rest.starts_with(magic)))
    };
    let boxes: [&[u8]; 6] = [b"ftypavif", b"ftypheic", b"ftypheix", b"ftypmif1", b"JXL \r\n\x87\n", b"jP  \r\n\x87\n"];
    // Text may begin with BM: of a bitmap the size of its header follows.
    let bitmap = start.starts_with(b"BM") && matches!(start.get(14), Some(12 | 40 | 52 | 56 | 64 | 108 | 124));
    at(0, &begins) || bitmap || start.starts_with(b"RIFF") && at(8, &[b"WEBP"]) || at(4, &boxes)
}
