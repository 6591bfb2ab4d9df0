//! What earlier runs made in a folder, and so what is somebody else's: that stays as it is.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::files::{deed, digest_of, hash, lies_below, parent, start, walk};
use super::journal::{command_of, is_part, is_token, parse_digest, parse_made};
use super::{Digest, Folder, JOURNAL, PREVIOUS, Record, guard};
use crate::io::Error;

/// So many foreign files are named.
const NAMED: usize = 3;

/// What earlier runs made: some thirty bytes a file.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Hashes of names: who has none of these need not be read.
    names: HashSet<u64>,
    /// Names with the digests of their bytes.
    deeds: HashSet<u128>,
    /// What the unfinished files of killed runs have in their names.
    tokens: Vec<String>,
    /// Whether some lie in hidden folders.
    hidden: bool,
}

impl Earlier {
    /// Names that leave the folder are passed over: a manifest may come from anybody.
    fn insert(&mut self, file: &str, content: &Digest) {
        if lies_below(file) {
            self.names.insert(hash(file));
            self.deeds.insert(deed(file, content));
            self.hidden |= parent(file).split('/').any(|part| part.starts_with('.'));
        }
    }
}

impl Folder {
    pub(super) fn read_earlier(&mut self, record: &mut dyn Record) -> Result<(), Error> {
        for name in [PREVIOUS, self.manifest] {
            let path = self.join(name);
            let Ok(about) = fs::symlink_metadata(&path) else { continue };
            let earlier = &mut self.earlier;
            let is_ours = about.is_file() && record.read(&path, &mut |file, content| earlier.insert(file, &content));
            if !is_ours && (self.force != Some(true) || about.is_dir()) {
                return Err(self.foreign(vec![name.into()], 0));
            }
        }
        if !self.before.journal {
            return Ok(());
        }
        let path = self.join(JOURNAL);
        if !fs::symlink_metadata(&path).is_ok_and(|about| about.is_file()) {
            return Err(self.foreign(vec![JOURNAL.into()], 0));
        }
        let journal = File::open(&path).map_err(|source| Error::Read { path, source })?;
        let mut same = false;
        // It is read as far as it goes; its last line may be torn.
        for (at, line) in BufReader::new(journal).split(b'\n').map_while(Result::ok).enumerate() {
            let line = String::from_utf8_lossy(&line);
            if let Some(run) = line.strip_prefix("# ") {
                let (token, settings) = run.split_once(' ').unwrap_or((run, ""));
                if command_of(settings) != command_of(&self.settings) {
                    return Err(self.foreign(vec![JOURNAL.into()], 0));
                }
                same = settings == self.settings;
                self.earlier.tokens.extend(is_token(token).then(|| token.to_string()));
            } else if at == 0 && !line.is_empty() {
                return Err(self.foreign(vec![JOURNAL.into()], 0));
            } else if let Some((file, content, note)) = line.strip_prefix("+ ").and_then(parse_made) {
                self.earlier.insert(&file, &content);
                if same {
                    record.note(Some(&file), content, note);
                }
            } else if let Some((content, note)) = line.strip_prefix("~ ").filter(|_| same).and_then(parse_digest) {
                record.note(None, content, note);
            }
        }
        Ok(())
    }

    /// Looks at files that this run may write, before it writes any.
    ///
    /// # Errors
    /// One is there and was not made by an earlier run, or would lie behind a link.
    pub(crate) fn claim<S: AsRef<str> + Sync>(&self, files: &[S], threads: usize) -> Result<(), Error> {
        let mut last = "";
        for file in files.iter().map(AsRef::as_ref) {
            if !lies_below(file) {
                return Err(Error::Outside { file: file.into() });
            }
            let parent = file.rsplit_once('/').map_or("", |(parent, _)| parent);
            if parent != last {
                self.refuse_links(parent)?;
                last = parent;
            }
        }
        let there = |file: &str| fs::symlink_metadata(self.join(file)).is_ok();
        self.refuse_foreign(files, threads, |file| there(file) && self.force != Some(true))
    }

    /// Looks at the whole folder: all files but hidden ones have to be those of earlier runs, or harmless.
    ///
    /// # Errors
    /// It holds others.
    pub(crate) fn require_alone(&self, harmless: impl Fn(&str) -> bool, threads: usize) -> Result<(), Error> {
        let mut files = Vec::new();
        let mut see = |file: &str| {
            let is_hidden = file.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
            if file != self.manifest && !is_hidden && !harmless(file) {
                files.push(file.to_string());
            }
            Ok(())
        };
        walk(&self.path, true, false, &mut see).map_err(|source| Error::Read { path: self.path.clone(), source })?;
        self.refuse_foreign(&files, threads, |_| true)
    }

    /// Refuses those of the files for which `is_there` says so and that no earlier run made; remembers the others.
    fn refuse_foreign<S: AsRef<str> + Sync>(
        &self,
        files: &[S],
        threads: usize,
        is_there: impl Fn(&str) -> bool + Sync,
    ) -> Result<(), Error> {
        let next = AtomicUsize::new(0);
        let foreign = Mutex::new(Vec::new());
        let look = || {
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let file = file.as_ref();
                match self.content(file) {
                    Some(content) => {
                        guard(&self.found).insert(hash(file), start(&content));
                    }
                    None if is_there(file) => guard(&foreign).push(file.to_string()),
                    None => {}
                }
            }
        };
        std::thread::scope(|scope| {
            (1..threads.min(files.len())).for_each(|_| drop(scope.spawn(look)));
            look();
        });
        let mut foreign = foreign.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        foreign.sort_unstable();
        let more = foreign.len().saturating_sub(NAMED);
        foreign.truncate(NAMED);
        if foreign.is_empty() { Ok(()) } else { Err(self.foreign(foreign, more)) }
    }

    /// The digest of a file that an earlier run made and that is still what it was.
    pub(super) fn content(&self, file: &str) -> Option<Digest> {
        if !self.earlier.names.contains(&hash(file)) || self.refuse_links(parent(file)).is_err() {
            return None;
        }
        let content = digest_of(&self.join(file))?;
        self.earlier.deeds.contains(&deed(file, &content)).then_some(content)
    }

    /// Refuses a folder below this one that is a link, or lies behind one.
    ///
    /// # Errors
    /// It does, or is no folder.
    pub(crate) fn refuse_links(&self, below: &str) -> Result<(), Error> {
        for end in below.match_indices('/').map(|(at, _)| at).chain((!below.is_empty()).then_some(below.len())) {
            let part = &below[..end];
            if guard(&self.sound).contains(part) {
                continue;
            }
            match fs::symlink_metadata(self.join(part)) {
                Ok(about) if about.is_symlink() => return Err(Error::Link { path: self.join(part) }),
                Ok(about) if about.is_dir() => {
                    guard(&self.sound).insert(part.into());
                }
                Ok(_) => return Err(self.foreign(vec![part.into()], 0)),
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Removes what earlier runs made, is still what it was, and is none of this one's; says how many files.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub(crate) fn remove_stale(&self) -> Result<u64, Error> {
        let (own, earlier) = (guard(&self.own), &self.earlier);
        let mut removed = 0;
        if earlier.names.is_empty() && earlier.tokens.is_empty() {
            return Ok(0);
        }
        let mut see = |file: &str| -> std::io::Result<()> {
            let is_stale = || ![self.manifest, PREVIOUS, JOURNAL].contains(&file) && self.content(file).is_some();
            let stale = earlier.names.contains(&hash(file)) && !own.contains(&hash(file)) && is_stale();
            if stale || earlier.tokens.iter().any(|token| is_part(file, token)) {
                fs::remove_file(self.join(file))?;
                removed += u64::from(stale);
                // A folder that is not empty stays.
                let mut folder = parent(file);
                while !folder.is_empty() && fs::remove_dir(self.join(folder)).is_ok() {
                    folder = parent(folder);
                }
            }
            Ok(())
        };
        walk(&self.path, false, earlier.hidden, &mut see)
            .map_err(|source| Error::Write { path: self.path.clone(), source })?;
        Ok(removed)
    }
}
