//! From arguments to a sorted list of image files, and from file names to keys.

mod passed_over;

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead};
use std::path::{Component, Path, PathBuf};

use super::Error;
use super::archive;
use super::kind::Kind;
use super::paths::{bytes_to_path, escape_bytes, has_image_extension, local, unescape};
use super::store::{self, Address};
use crate::notes;
use passed_over::PassedOver;

/// One image file: which input it came from and its name below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    root: u32,
    /// `/`-separated bytes below the root; the file name where the root is a file.
    relative: Box<[u8]>,
}

#[derive(Debug)]
struct Root {
    /// What is joined with an entry's relative name to open it.
    base: PathBuf,
    /// What comes before the relative name in the key: empty, or a component and `/`.
    prefix: Vec<u8>,
    /// For lists of paths: the absolute folder that keys are relative to.
    below: Option<PathBuf>,
    /// For objects of a bucket or the web: what comes before the relative name in the address.
    address: Option<String>,
}

/// The image files that the arguments name, in bytewise order of their keys within each argument.
///
/// Costs a few dozen bytes a file beyond its name, so that a million files fit in memory.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    roots: Vec<Root>,
    entries: Vec<Entry>,
    /// A folder that is passed over, as the system names it.
    except: Option<PathBuf>,
    /// Folders below the arguments that could not be read.
    unreadable: Vec<(PathBuf, io::Error)>,
    passed_over: PassedOver,
    kind: Kind,
}

impl Listing {
    /// Lists files and folders.
    #[cfg(test)]
    fn of(inputs: &[PathBuf]) -> Result<Listing, Error> {
        Listing::of_all_but(inputs, None)
    }

    /// Lists files and folders (recursively; hidden files and what is not an image are skipped, what could be one to a
    /// person is counted), but for what lies in a folder that is being written.
    ///
    /// # Errors
    /// An argument does not exist or cannot be read, or two files get the same key.
    pub(crate) fn of_all_but(inputs: &[PathBuf], except: Option<&Path>) -> Result<Listing, Error> {
        let (listing, unreadable) = Listing::of_readable(inputs, except, Kind::Pictures)?;
        match unreadable.into_iter().next() {
            Some((path, source)) => Err(Error::Read { path, source }),
            None => Ok(listing),
        }
    }

    /// As [`Listing::of_all_but`], of pictures or of films, without what lies in folders that cannot be read; these come beside it.
    ///
    /// # Errors
    /// An argument does not exist or is a folder that cannot be read, or two files get the same key.
    pub(crate) fn of_readable(
        inputs: &[PathBuf],
        except: Option<&Path>,
        kind: Kind,
    ) -> Result<(Listing, Vec<(PathBuf, io::Error)>), Error> {
        let except = except.and_then(|folder| folder.canonicalize().ok());
        let mut listing = Listing { except, kind, ..Listing::default() };
        let several = inputs.len() > 1;
        for input in inputs {
            let read = |source| Error::Read { path: input.clone(), source };
            let root = u32::try_from(listing.roots.len()).expect("fewer than 2^32 arguments");
            if let Some(address) = Address::of(input) {
                listing.objects(root, &address, several).map_err(read)?;
                continue;
            }
            if std::fs::metadata(input).map_err(read)?.is_dir() {
                let prefix = if several { component_prefix(input) } else { Vec::new() };
                listing.roots.push(Root { base: input.clone(), prefix, below: None, address: None });
                listing.walk(root, input, &mut Vec::new()).map_err(read)?;
            } else if kind == Kind::Pictures && archive::is_archive(input) {
                listing.members(root, input).map_err(read)?;
            } else {
                let name = input.file_name().unwrap_or(input.as_os_str());
                let base = input.parent().map(Path::to_path_buf).unwrap_or_default();
                listing.roots.push(Root { base, prefix: Vec::new(), below: None, address: None });
                listing.entries.push(Entry { root, relative: name.as_encoded_bytes().into() });
            }
        }
        if kind == Kind::Pictures {
            listing.passed_over.say(inputs);
        }
        listing.refuse_equal_keys()?;
        let unreadable = std::mem::take(&mut listing.unreadable);
        Ok((listing, unreadable))
    }

    /// Reads a list of paths, one a line or separated by NUL bytes; keys are relative to `root`, by default the
    /// working directory, and lose a leading `/` and any `..` where they lie outside.
    ///
    /// # Errors
    /// The list cannot be read, holds something else than paths, or gives two files the same key.
    pub(crate) fn from_list(
        mut list: impl BufRead,
        nul_separated: bool,
        root: Option<&Path>,
    ) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        // What editors on Windows put before a text.
        let start = list.fill_buf().map_err(Error::Stdin)?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            let mut bytes = Vec::new();
            list.read_to_end(&mut bytes).map_err(Error::Stdin)?;
            let wrong = |problem| Error::BadListEntry { path: "list".into(), problem };
            let text = super::decode(bytes).map_err(wrong)?;
            return Self::from_list(text.as_bytes(), nul_separated, root);
        }
        if let Some(problem) = super::no_text(start) {
            return Err(Error::BadListEntry { path: "list".into(), problem });
        }
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        list.consume(mark);
        let below = absolute(root.unwrap_or(Path::new("")));
        listing.roots.push(Root { base: PathBuf::new(), prefix: Vec::new(), below: Some(below), address: None });
        // Addresses among the paths have names of their own.
        let web = Root { base: PathBuf::new(), prefix: Vec::new(), below: None, address: Some(String::new()) };
        listing.roots.push(web);
        let separator = if nul_separated { 0 } else { b'\n' };
        let mut line = Vec::new();
        loop {
            line.clear();
            if list.read_until(separator, &mut line).map_err(Error::Stdin)? == 0 {
                break;
            }
            if line.last() == Some(&separator) {
                line.pop();
            }
            if !nul_separated && line.last() == Some(&b'\r') {
                line.pop();
            }
            if line.contains(&0) {
                let path = escape_bytes(&line[..line.len().min(40)]);
                return Err(Error::BadListEntry { path, problem: "is not a path (it holds a NUL byte; use -0?)" });
            }
            if !line.is_empty() {
                let uri = std::str::from_utf8(&line).ok().filter(|line| line.starts_with("file://"));
                let path = uri.map(|uri| unescape(local(uri)));
                let root = u32::from(std::str::from_utf8(&line).is_ok_and(|line| Address::parse(line).is_some()));
                listing.entries.push(Entry { root, relative: path.as_deref().unwrap_or(&line).into() });
            }
        }
        listing.refuse_equal_keys()?;
        Ok(listing)
    }

    /// Leaves out the files whose keys are not wanted.
    pub(crate) fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        let wanted: Vec<bool> = self.entries.iter().map(|entry| wanted(&self.key(entry))).collect();
        let mut wanted = wanted.into_iter();
        self.entries.retain(|_| wanted.next().unwrap_or(false));
    }

    /// Number of files.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in order.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The row's name: prefix and relative name, `/`-separated, never absolute, valid UTF-8.
    pub(crate) fn key(&self, entry: &Entry) -> String {
        let root = &self.roots[entry.root as usize];
        if root.address.is_some() {
            // What an object is called is no path of this machine: it stays as it is.
            let name = String::from_utf8_lossy(&entry.relative);
            return escape_bytes(&root.prefix) + Address::key(&name).trim_start_matches('/');
        }
        let mut key = String::with_capacity(root.prefix.len() + entry.relative.len());
        key.push_str(&escape_bytes(&root.prefix));
        let given = bytes_to_path(&entry.relative);
        let full;
        let relative = match &root.below {
            None => given.as_path(),
            Some(below) => {
                full = absolute(&given);
                full.strip_prefix(below).unwrap_or(&given)
            }
        };
        let mut first = true;
        for component in relative.components() {
            if let Component::Normal(part) = component {
                if !first {
                    key.push('/');
                }
                first = false;
                key.push_str(&escape_bytes(part.as_encoded_bytes()));
            }
        }
        key
    }

    /// Where to open the file.
    pub(crate) fn path(&self, entry: &Entry) -> PathBuf {
        if let Some(before) = &self.roots[entry.root as usize].address {
            return bytes_to_path(&[before.as_bytes(), &entry.relative].concat());
        }
        self.roots[entry.root as usize].base.join(bytes_to_path(&entry.relative))
    }

    /// The folder and the file name of an entry, as text; the folder may be empty.
    pub(crate) fn folder_and_name(&self, entry: &Entry) -> (String, String) {
        let key = self.key(entry);
        match key.rsplit_once('/') {
            Some((folder, name)) => {
                (folder.rsplit_once('/').map_or(folder, |(_, last)| last).to_string(), name.to_string())
            }
            None => {
                let root = &self.roots[entry.root as usize];
                if let Some(before) = &root.address {
                    let folder = before.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                    return (folder.to_string(), key);
                }
                let base = absolute(root.below.as_ref().unwrap_or(&root.base));
                let folder = base.file_name().map(|n| escape_bytes(n.as_encoded_bytes())).unwrap_or_default();
                (folder, key)
            }
        }
    }

    /// Lists the pictures of an archive.
    fn members(&mut self, root: u32, archive: &Path) -> io::Result<()> {
        let (names, outside) = archive::pictures(archive)?;
        let prefix = component_prefix(archive);
        self.roots.push(Root { base: archive.into(), prefix, below: None, address: None });
        self.entries.extend(names.into_iter().map(|name| Entry { root, relative: name.as_bytes().into() }));
        if outside > 0 {
            let what = if outside == 1 { "name that leads" } else { "names that lead" };
            notes::say("outside", format!("{}: {outside} {what} out of it passed over", archive.display()));
        }
        Ok(())
    }

    /// Lists the objects below a prefix, or one object.
    fn objects(&mut self, root: u32, address: &Address, several: bool) -> io::Result<()> {
        let mut push = |relative: &str| self.entries.push(Entry { root, relative: relative.as_bytes().into() });
        let (shown, name) = (address.to_string(), address.name());
        let is_one = matches!(address, Address::Web(_)) || !address.is_folder() && has_image_extension(name.as_ref());
        if is_one {
            let (before, relative) = match address {
                // Its whole address, with what Display leaves out.
                Address::Web(url) => (String::new(), url.as_str()),
                Address::Object { .. } => (shown[..shown.len() - name.len()].to_string(), name),
            };
            push(relative);
            self.roots.push(Root { base: PathBuf::new(), prefix: Vec::new(), below: None, address: Some(before) });
            return Ok(());
        }
        let folder = address.folder();
        let (mut listed, mut others) = (0, 0u64);
        for key in store::list(&folder)? {
            match has_image_extension(key.rsplit('/').next().unwrap_or(&key).as_ref()) {
                true => push(&key),
                false => others += 1,
            }
            listed += 1;
        }
        if listed == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no object below it"));
        }
        if others > 0 {
            notes::count("objects that are no pictures", others, None, |count, _| match count {
                1 => "passed over an object whose name is not that of a picture".into(),
                count => format!("passed over {count} objects whose names are not those of pictures"),
            });
        }
        let prefix = if several { format!("{name}/").into_bytes() } else { Vec::new() };
        let before = Some(folder.to_string());
        self.roots.push(Root { base: PathBuf::new(), prefix, below: None, address: before });
        Ok(())
    }

    fn walk(&mut self, root: u32, folder: &Path, relative: &mut Vec<u8>) -> io::Result<()> {
        let children = children(folder, self.kind, &mut self.passed_over)?;
        let length = relative.len();
        for (name, is_folder) in children {
            let is_it = |except: &PathBuf| {
                except.file_name() == Some(&name)
                    && folder.join(&*name).canonicalize().is_ok_and(|path| path == *except)
            };
            if is_folder && self.except.as_ref().is_some_and(is_it) {
                continue;
            }
            relative.extend_from_slice(name.as_encoded_bytes());
            if is_folder {
                relative.push(b'/');
                let below = folder.join(&*name);
                if let Err(problem) = self.walk(root, &below, relative) {
                    self.unreadable.push((below, problem));
                }
            } else {
                self.entries.push(Entry { root, relative: relative.as_slice().into() });
            }
            relative.truncate(length);
        }
        Ok(())
    }

    /// Two keys can only be equal across arguments, in lists, and through escapes; 64 bits a key find out. Where both are
    /// one file, it is listed once.
    fn refuse_equal_keys(&mut self) -> Result<(), Error> {
        let is_list = self.roots.iter().any(|root| root.below.is_some());
        let escaped = |entry: &Entry| std::str::from_utf8(&entry.relative).is_err();
        if self.roots.len() == 1 && !is_list && !self.entries.iter().any(escaped) {
            return Ok(());
        }
        let mut seen: HashMap<u64, u32> = HashMap::with_capacity(self.len());
        let mut again: HashSet<u32> = HashSet::new();
        for (number, entry) in (0..).zip(&self.entries) {
            let key = self.key(entry);
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            let first = *seen.entry(hasher.finish()).or_insert(number);
            if first == number || self.key(&self.entries[first as usize]) != key {
                continue;
            }
            let (first, second) = (self.path(&self.entries[first as usize]), self.path(entry));
            if !is_one_file(&first, &second) {
                return Err(Error::DuplicateKey { key, first, second });
            }
            again.insert(number);
        }
        if !again.is_empty() {
            let first = again.iter().min().map(|&number| self.key(&self.entries[number as usize]));
            let (count, first) = (again.len(), first.unwrap_or_default());
            let files = if count == 1 { "1 file was" } else { &format!("{count} files were") };
            notes::say("named again", format!("{files} named more than once ({first}): one row each"));
            let mut number = 0;
            self.entries.retain(|_| {
                number += 1;
                !again.contains(&(number - 1))
            });
        }
        Ok(())
    }
}

/// A name in a folder, and whether it is that of a folder.
type Child = (Box<OsStr>, bool);

/// The folders and files of this kind in a folder, in bytewise order of the keys that will come out.
fn children(folder: &Path, kind: Kind, passed_over: &mut PassedOver) -> io::Result<Vec<Child>> {
    let mut children: Vec<Child> = Vec::new();
    for child in std::fs::read_dir(folder)? {
        let child = child?;
        let name = child.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link to a file is followed; a link to a folder is not, since it may lead back up.
        let is_folder = child.file_type()?.is_dir();
        let mut is_listed =
            || kind.is_of(&name) && !child.path().is_dir() || passed_over.look(&name, &child.path(), kind);
        if is_folder || is_listed() {
            children.push((name.into_boxed_os_str(), is_folder));
        }
    }
    // A folder sorts as its name followed by `/`.
    children.sort_unstable_by(|a, b| order(&a.0, a.1).cmp(order(&b.0, b.1)));
    Ok(children)
}

fn is_one_file(a: &Path, b: &Path) -> bool {
    if let (Some(a), Some(b)) = (Address::of(a), Address::of(b)) {
        return a == b;
    }
    absolute(a) == absolute(b) || a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

/// An absolute path without `.`; where the working directory is gone, the path itself.
fn absolute(path: &Path) -> PathBuf {
    let joined = std::env::current_dir().unwrap_or_default().join(path);
    joined.components().filter(|c| *c != Component::CurDir).collect()
}

fn order(name: &OsStr, is_folder: bool) -> impl Iterator<Item = u8> + '_ {
    name.as_encoded_bytes().iter().copied().chain(is_folder.then_some(b'/'))
}

fn component_prefix(input: &Path) -> Vec<u8> {
    let canonical;
    let name = match input.file_name() {
        Some(name) => Some(name),
        None => {
            canonical = input.canonicalize().unwrap_or_default();
            canonical.file_name()
        }
    };
    name.map(|name| [name.as_encoded_bytes(), b"/"].concat()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::paths::open_escaped;
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
            std::fs::write(path, "").expect("writable");
        }
        folder
    }

    fn keys(listing: &Listing) -> Vec<String> {
        listing.entries().iter().map(|e| listing.key(e)).collect()
    }

    #[test]
    fn a_folder_is_walked_in_bytewise_order_of_keys() {
        let folder = folder(&["b.png", "a/z.PNG", "a.png", ".hidden.png", "notes.txt", "c.png/inside.jpg", "a-.png"]);
        let listing = Listing::of(&[folder.path().into()]).expect("listed");
        let keys = keys(&listing);
        assert_eq!(keys, ["a-.png", "a.png", "a/z.PNG", "b.png", "c.png/inside.jpg"]);
        assert!(keys.is_sorted());
    }

    #[test]
    fn a_folder_that_is_written_is_passed_over() {
        let folder = folder(&["a.png", "b/out/c.png", "b/d.png", "out/e.png"]);
        let (inputs, out) = ([folder.path().into()], folder.path().join("b/./out"));
        assert_eq!(keys(&Listing::of_all_but(&inputs, Some(&out)).expect("listed")), ["a.png", "b/d.png", "out/e.png"]);
    }

    #[test]
    fn several_inputs_put_their_last_component_first() {
        let folder = folder(&["x/1.png", "y/1.png"]);
        let inputs = [folder.path().join("x"), folder.path().join("y")];
        assert_eq!(keys(&Listing::of(&inputs).expect("listed")), ["x/1.png", "y/1.png"]);
    }

    #[test]
    fn equal_keys_name_both_files() {
        let folder = folder(&["p/x/1.png", "q/x/1.png"]);
        let inputs = [folder.path().join("p/x"), folder.path().join("q/x")];
        let error = Listing::of(&inputs).expect_err("both are x/1.png").to_string();
        assert!(error.contains("p/x/1.png") && error.contains("q/x/1.png"), "{error}");
    }

    #[test]
    fn lists_lose_leading_slashes_and_dots() {
        let list = b"/abs/a.png\n../up/b.png\r\n./c.png\n\nd/e.png";
        let listing = Listing::from_list(&list[..], false, None).expect("listed");
        assert_eq!(keys(&listing), ["abs/a.png", "up/b.png", "c.png", "d/e.png"]);
        assert_eq!(listing.path(&listing.entries()[0]), Path::new("/abs/a.png"));
        assert_eq!(listing.path(&listing.entries()[1]), Path::new("../up/b.png"));
    }

    #[test]
    fn lists_are_relative_to_their_root() {
        let list = b"/data/pics/a.png\0/other/b.png\0";
        let listing = Listing::from_list(&list[..], true, Some(Path::new("/data/./pics")));
        let listing = listing.expect("listed");
        assert_eq!(keys(&listing), ["a.png", "other/b.png"]);
        assert_eq!(listing.path(&listing.entries()[0]), Path::new("/data/pics/a.png"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_escaped_and_opened_again() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join(OsStr::from_bytes(b"\xe9.png")), "x").expect("writable");
        let listing = Listing::of(&[folder.path().into()]).expect("listed");
        assert_eq!(keys(&listing), ["%E9.png"]);
        let path = escape_bytes(listing.path(&listing.entries()[0]).as_os_str().as_encoded_bytes());
        assert!(open_escaped(&path).is_ok());
    }
}
