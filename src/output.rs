//! What a file may be written as, and what it must not replace.
//!
//! Hides: which extensions say what, and when two names mean one file. Promises: nothing is written under a name that says
//! something else; an input is replaced only by a table that has all its columns.
//!
//! Stages that write call it before they do; a door that lets people name outputs gets the same refusals by going through them.
//! [`Format`](format::Format) is how results are shown, [`Made`](made::Made) what is noted of a picture that was made.

pub mod folder;
pub mod format;
pub mod made;

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use arrow_schema::Schema;
use clap::ValueEnum;

use crate::failure::Failure;
use crate::io::{Sink, Target};
use crate::table::dataset::{MANIFEST, folder_of};

/// What an extension says, by the name of the format on the command line, and what people call it.
const EXTENSIONS: &[(&[&str], &str, &str)] = &[
    (&["csv"], "csv", "CSV"),
    (&["tsv", "tab"], "tsv", "TSV"),
    (&["json"], "json", "JSON"),
    (&["jsonl", "ndjson"], "jsonl", "JSON lines"),
    (&["parquet", "pq"], PARQUET, "Parquet"),
    (&["arrow", "feather", "ipc", "arrows"], "arrow", "Arrow"),
    (&["npy"], "npy", "a NumPy array"),
    (&["faiss"], "faiss", "an index of FAISS"),
    (&["txt", "text", "md", "log", "list", "lst"], TEXT, "plain text"),
    (&["ann", "graph"], "", "what lies beside an index"),
    (&["zip", "tar", "gz", "tgz", "bz2", "xz", "zst", "7z", "rar", "lz4", "br"], "", "an archive"),
    (&["xls", "xlsx", "ods"], "", "a spreadsheet"),
    (&["db", "sqlite", "sqlite3", "duckdb", "lance"], "", "a database"),
    (&["npz", "h5", "hdf5", "mat", "safetensors", "pt", "pth", "pkl", "pickle", "avro", "orc", "arff"], "", "data"),
    (&["onnx", "rten", "ort", "tflite", "kmodel", "pb"], "", "a model"),
    (&["html", "htm", "pdf", "xml", "yaml", "yml", "toml", "css", "js", "svg", "tex", "rst"], "", "a document"),
    (&["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "ico", "avif", "heic"], "", "a picture"),
    (&["py", "rs", "sh", "ipynb", "sql", "c", "h", "r"], "", "a program"),
];

const PARQUET: &str = "parquet";
const TEXT: &str = "txt";

/// What `export` can write to a file, by what an extension says.
const EXPORTED: [&str; 7] = ["csv", "tsv", "json", "jsonl", "arrow", "npy", "faiss"];

/// What a name says: the format, and what people call it. Most names say nothing; of a link that says nothing it is what the
/// name of its target says.
fn said(path: &Path) -> Option<(&'static str, &'static str)> {
    said_by_name(path).or_else(|| said_by_name(&target_of(path)?))
}

fn said_by_name(path: &Path) -> Option<(&'static str, &'static str)> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let found = EXTENSIONS.iter().find(|(extensions, ..)| extensions.contains(&extension.as_str()));
    found.map(|(_, format, words)| (*format, *words))
}

/// The file that a link leads to. The links below `/dev` lead to what the shell has opened, whatever its name.
fn target_of(path: &Path) -> Option<PathBuf> {
    let is_link = path.is_symlink() && !path.starts_with("/dev");
    is_link.then(|| path.canonicalize().or_else(|_| path.read_link()).ok()).flatten()
}

/// Refuses what is written through a link to a file of another kind, and a table in the place of a folder's manifest, which
/// says what the folder's files are and which of them may be replaced.
fn ensure_replaceable(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let target = target_of(path);
    if let (Some((one, _)), Some(target)) = (said_by_name(path), &target)
        && let Some((other, words)) = said_by_name(target)
        && (one, one.is_empty()) != (other, false)
    {
        let message = format!("{shown}: is a link to {}, whose name says {words}", target.display());
        return Err(Failure::usage(message, "write to another file"));
    }
    let place = target.as_deref().unwrap_or(path);
    if place.file_name().is_some_and(|name| name == MANIFEST) && place.is_file() && folder_of(place).is_some() {
        let message = format!("{shown}: is the manifest of its folder, and a table would replace it");
        return Err(Failure::usage(message, "write to another file"));
    }
    Ok(())
}

/// What the name of a file must say for it to hold this format.
fn says<F: ValueEnum>(format: &F) -> String {
    let value = format.to_possible_value().expect("no format is hidden");
    match value.get_name() {
        "web-json" => "json".into(),
        "table" | "paths" | "text" => TEXT.into(),
        name => name.into(),
    }
}

/// The format in which a command writes to `target`: the one that is asked for, else the one that the file's name says,
/// else `default`.
///
/// # Errors
/// The name says another format than the one that is asked for, or one that the command does not write.
pub(crate) fn format<F: ValueEnum + Copy>(target: &Target, wanted: Option<F>, default: F) -> Result<F, Failure> {
    let Target::File(path) = target else { return Ok(wanted.unwrap_or(default)) };
    ensure_replaceable(path)?;
    let Some((own, words)) = said(path) else { return Ok(wanted.unwrap_or(default)) };
    let name = |format: &F| format.to_possible_value().expect("no format is hidden").get_name().to_string();
    let shown = path.display();
    if let Some(wanted) = wanted {
        let extension = says(&wanted);
        // Any text may be called text.
        let text = ["csv", "tsv", "json", "jsonl", TEXT].contains(&extension.as_str());
        if extension == own || (own == TEXT && text) {
            return Ok(wanted);
        }
        let hint = match EXTENSIONS.iter().any(|(_, known, _)| *known == extension) {
            true => format!("-o {}", path.with_extension(&extension).display()),
            false => format!("-o {}", path.with_extension("").display()),
        };
        let message = format!("{shown}: its name says {words}, and --format says {}", name(&wanted));
        return Err(Failure::usage(message, hint));
    }
    match F::value_variants().iter().find(|format| !own.is_empty() && says(*format) == own) {
        Some(format) => Ok(*format),
        None => {
            let formats: Vec<String> = F::value_variants().iter().map(name).collect();
            let message = format!("{shown}: its name says {words}, which is not written here");
            Err(Failure::usage(message, format!("another name, or --format: {}", formats.join(", "))))
        }
    }
}

/// Refuses a name that says something else, of a command that writes a Parquet table to a file.
pub(crate) fn ensure_parquet(target: &Target) -> Result<(), Failure> {
    let Target::File(path) = target else { return Ok(()) };
    ensure_replaceable(path)?;
    let Some((own, words)) = said(path).filter(|(own, _)| *own != PARQUET) else { return Ok(()) };
    let (shown, table) = (path.display(), path.with_extension(PARQUET));
    let table = table.display();
    let hint = match EXPORTED.contains(&own) {
        true => format!("-o {table}, then: pokedex export {table} -o {shown}"),
        false => format!("-o {table}"),
    };
    Err(Failure::usage(format!("{shown}: its name says {words}, and this command writes Parquet"), hint))
}

/// Refuses a name that says something else, of a command that writes files of one other kind.
pub(crate) fn ensure_extension(path: &Path, extension: &str) -> Result<(), Failure> {
    let is_it = path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension));
    match said(path).filter(|_| !is_it) {
        None => Ok(()),
        Some(_) => {
            let message = format!("{}: its name does not say .{extension}, which is written here", path.display());
            Err(Failure::usage(message, path.with_extension(extension).display().to_string()))
        }
    }
}

/// Refuses a name that says that it is a file, of a command that makes a folder; `NAME/` and a folder that is there already
/// are meant.
pub(crate) fn ensure_folder(path: &Path) -> Result<(), Failure> {
    match (Target::parse(Some(path)), said(path)) {
        (Target::File(_), Some((_, words))) => {
            let message = format!("{}: its name says {words}, and a folder is written here", path.display());
            Err(Failure::usage(message, format!("-o {}/", path.with_extension("").display())))
        }
        _ => Ok(()),
    }
}

/// Refuses an output in the place of an input, where it is something else than the input.
pub(crate) fn ensure_no_input<'a>(
    output: Option<&Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
    what: &str,
) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    match inputs.into_iter().any(|input| is_same(output, input)) {
        false => Ok(()),
        true => {
            let message = format!("{}: is what is read, and {what} would replace it", output.display());
            Err(Failure::usage(message, "write to another file"))
        }
    }
}

/// Refuses to write two outputs into one file.
pub(crate) fn ensure_apart(outputs: &[Option<&Path>]) -> Result<(), Failure> {
    let named: Vec<&Path> = outputs.iter().copied().flatten().collect();
    for (at, output) in named.iter().enumerate() {
        if named[..at].iter().any(|other| is_same(output, other)) {
            let message = format!("{}: two outputs would go there", output.display());
            return Err(Failure::usage(message, "give one of them another name"));
        }
    }
    Ok(())
}

/// Refuses a table in the place of one of those that it is made from, unless it has all columns (`had`, `keeps`) and is
/// Parquet as the other was: whoever runs a stage in place wants to have more afterwards, not less.
pub(crate) fn ensure_whole_in_place(
    output: Option<&Path>,
    inputs: &[PathBuf],
    had: &Schema,
    keeps: &Schema,
) -> Result<(), Failure> {
    let Some(output) = output.filter(|output| inputs.iter().any(|input| is_same(output, input))) else {
        return Ok(());
    };
    let shown = output.display();
    let mut magic = [0; 4];
    let read = std::fs::File::open(output).and_then(|mut file| file.read_exact(&mut magic));
    if read.is_err() || magic != *b"PAR1" {
        let message = format!("{shown}: is what is read, and a Parquet table would replace it");
        return Err(Failure::usage(message, "write to another file"));
    }
    let lost = had.fields().iter().filter(|field| keeps.index_of(field.name()).is_err());
    let lost: Vec<&str> = lost.map(|field| field.name().as_str()).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let (columns, lost) = (if lost.len() == 1 { "column" } else { "columns" }, lost.join(", "));
    let message = format!("{shown}: is what is read, and would lose its {columns} {lost}");
    Err(Failure::usage(message, "write to another file"))
}

/// Opens a file that nobody named, because it goes beside one that was: what is there under its name is replaced only where
/// its first bytes say that it is `ours`.
///
/// # Errors
/// It is somebody's, or cannot be written.
pub(crate) fn open_beside(path: PathBuf, ours: impl FnOnce(&[u8]) -> bool) -> Result<Sink, Failure> {
    ensure_ours(&path, |path| {
        let mut start = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(4096).read_to_end(&mut start));
        read.is_ok() && (start.is_empty() || ours(&start))
    })?;
    Ok(Sink::open(&Target::File(path), true)?)
}

/// Refuses to replace a file that nobody named, unless it is `ours`.
pub(crate) fn ensure_ours(path: &Path, ours: impl FnOnce(&Path) -> bool) -> Result<(), Failure> {
    if path.symlink_metadata().is_err() || ours(path) {
        return Ok(());
    }
    let shown = path.display();
    let message = format!("{shown}: was not made by pokedex, and would be replaced by what goes beside the output");
    Err(Failure::usage(message, format!("another name for -o, or: mv {shown} {shown}.old")))
}

/// What lies under a name, `-` being what standard input was redirected from.
fn metadata(path: &Path) -> std::io::Result<std::fs::Metadata> {
    if path == Path::new("-") { Path::new("/dev/stdin") } else { path }.metadata()
}

/// Whether two names mean one file, or would if it were there.
fn is_same(one: &Path, other: &Path) -> bool {
    match (metadata(one), metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => {
            let place = |path: &Path| {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Some((folder.canonicalize().ok()?, path.file_name()?.to_owned()))
            };
            place(one).is_some_and(|one| Some(one) == place(other))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::format::Format;
    use super::*;

    fn file(name: &str) -> Target {
        Target::File(name.into())
    }

    #[test]
    fn a_name_decides_the_format_where_nothing_else_does() {
        for (name, format) in [
            ("a.csv", Format::Csv),
            ("a.TSV", Format::Tsv),
            ("a.ndjson", Format::Jsonl),
            ("a.json", Format::Json),
            ("a.pq", Format::Parquet),
            ("a.txt", Format::Table),
            ("a", Format::Tsv),
            ("a.2026", Format::Tsv),
            ("dir.csv/a", Format::Tsv),
        ] {
            assert_eq!(super::format(&file(name), None, Format::Tsv).ok(), Some(format), "{name}");
        }
        for name in ["a.zip", "a.csv.gz", "a.xlsx", "a.arrow", "a.png", "a.npy"] {
            assert!(super::format(&file(name), None, Format::Tsv).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_and_a_format_that_contradict_each_other_are_refused() {
        for (name, format) in [("a.parquet", Format::Csv), ("a.csv", Format::Tsv), ("a.json", Format::Jsonl)] {
            let failure = super::format(&file(name), Some(format), Format::Tsv).expect_err(name);
            assert!(failure.to_string().contains("its name says"), "{failure}");
            assert!(failure.hints[0].starts_with("-o a."), "{:?}", failure.hints);
        }
        for (name, format) in
            [("a.csv", Format::Csv), ("a.txt", Format::Csv), ("a.txt", Format::Paths), ("a", Format::Json)]
        {
            assert_eq!(super::format(&file(name), Some(format), Format::Tsv).ok(), Some(format), "{name}");
        }
    }

    #[test]
    fn tables_are_parquet_and_folders_are_folders() {
        for name in ["a.parquet", "a.pq", "a", "a.tmp", "a.parquet.new", "/dev/null"] {
            assert!(ensure_parquet(&file(name)).is_ok(), "{name}");
        }
        for name in ["a.csv", "a.npy", "a.json", "a.tsv", "a.zip", "a.txt", "a.png", "a.arrow", "a.ann"] {
            assert!(ensure_parquet(&file(name)).is_err(), "{name}");
        }
        for (name, fine) in
            [("out", true), ("out.v2", true), ("out.zip/", true), ("out.zip", false), ("out.csv", false)]
        {
            assert_eq!(ensure_folder(Path::new(name)).is_ok(), fine, "{name}");
        }
    }
}
