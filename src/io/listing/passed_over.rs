//! What lies beside the listed files: what a person could have taken for a picture is counted and told.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::io::{At, Kind, escape_bytes, open_file};
use crate::notes;

/// Extensions of what lies beside pictures in every data set, or was never meant to be one: passed over in silence.
const BESIDE: &str = "txt json jsonl ndjson xml yaml yml toml csv tsv md rst html htm log ini cfg sh py rs js css ipynb mk \
                      parquet arrow feather ann graph npy npz tar db sqlite lock part tmp xmp thm cls names onnx rten pt \
                      safetensors h5 pkl cache zip gz bak aae url lnk license gitignore";

/// Files that a person could have taken for pictures, and that are not listed.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    /// By extension.
    others: BTreeMap<String, u64>,
    /// Pictures whose names do not say so.
    unnamed: u64,
    examples: Vec<String>,
    /// Links to folders.
    links: u64,
    linked: Vec<String>,
    /// Tables of what `datasets` knows of the pictures beside them.
    tables: Vec<PathBuf>,
}

impl PassedOver {
    pub(super) fn look(&mut self, name: &OsStr, path: &Path) {
        let extension = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() {
            self.links += 1;
            if self.linked.len() <= 3 {
                self.linked.push(escape_bytes(name.as_encoded_bytes()));
            }
            return;
        }
        if ["metadata.csv", "metadata.jsonl", "metadata.parquet"].iter().any(|known| name == *known) {
            self.tables.push(path.to_path_buf());
        }
        if BESIDE.split_ascii_whitespace().any(|beside| beside == extension) {
            return;
        }
        if (1..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric()) {
            *self.others.entry(extension).or_default() += 1;
            return;
        }
        let start = open_file(path).and_then(|file| At::new(file)?.part(0, 12));
        if start.is_ok_and(|start| is_picture(&start)) {
            self.unnamed += 1;
            if self.examples.len() <= 3 {
                self.examples.push(escape_bytes(name.as_encoded_bytes()));
            }
        }
    }

    /// One line of all.
    pub(super) fn say(&self, inputs: &[PathBuf]) {
        let mut parts: Vec<String> =
            self.others.iter().map(|(extension, count)| format!("{count} .{extension}")).collect();
        if self.unnamed > 0 {
            let named = notes::named(&self.examples);
            parts.push(format!(
                "{} with no picture's extension ({named}; a list of paths reads them)",
                match self.unnamed {
                    1 => "1 picture".to_string(),
                    count => format!("{count} pictures"),
                }
            ));
        }
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

/// Whether a file's first twelve bytes are those of a picture.
fn is_picture(start: &[u8]) -> bool {
    let begins: [&[u8]; 6] = [b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*"];
    begins.iter().any(|magic| start.starts_with(magic))
        || start.starts_with(b"RIFF") && start.ends_with(b"WEBP")
        || matches!(start.get(4..), Some(b"ftypavif" | b"ftypheic" | b"ftypmif1"))
}
