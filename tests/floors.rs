//! The house has floors: a module imports only from those below it in the map of `lib.rs`, and files do not import from one
//! another in a circle. This reads the sources as text: the `use` lines, and the paths that begin with `crate::` or `super::`.
//!
//! A file with rooms of its own (`index.rs` of `index/`) is their face: it may use what is in them, and they may use what it
//! defines itself (its error, its options). What it only passes on (`pub use`) counts as imported from where it is defined.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// A module's path within the crate: `["index", "annoy"]`.
type Module = Vec<String>;

/// What a file says.
#[derive(Default)]
struct File {
    /// The paths that it uses, relative ones resolved: modules and then perhaps a name.
    uses: Vec<Vec<String>>,
    /// The names that it passes on, and where they are from.
    passed_on: HashMap<String, Vec<String>>,
}

/// The files below `src`, by their names there, and what is in them.
fn texts() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut texts) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                texts.push((path.strip_prefix(&root).expect("below the root").to_path_buf(), text));
            }
        }
    }
    texts
}

fn sources() -> BTreeMap<Module, File> {
    let mut files = BTreeMap::new();
    for (path, text) in texts() {
        let within = path.with_extension("");
        let mut module: Module = within.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "lib" || last == "mod") {
            module.pop();
        }
        // The program is a user of the library, and tests may use what they like.
        if module == ["main"] || module.last().is_some_and(|last| last == "tests") {
            continue;
        }
        let file = read(&text, &module);
        files.insert(module, file);
    }
    files
}

/// Reads a file without its comments, texts and tests.
fn read(text: &str, module: &[String]) -> File {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).fold(String::new(), |mut all, line| {
            all.push_str(line);
            all.push('\n');
            all
        });
    let mut file = File::default();
    let mut rest = code.as_str();
    let mut others = String::new();
    while let Some(at) = rest.find("use ") {
        let start = at == 0 || rest[..at].ends_with(['\n', ' ']);
        let line = rest[..at].rsplit('\n').next().unwrap_or_default().trim();
        let is_public = line.starts_with("pub");
        if !start || !(line.is_empty() || is_public && !line.contains(char::is_whitespace)) {
            others.push_str(&rest[..at + 4]);
            rest = &rest[at + 4..];
            continue;
        }
        others.push_str(&rest[..at]);
        let end = at + rest[at..].find(';').expect("a use ends");
        for (path, name) in tree(&rest[at + 4..end]) {
            let Some(path) = resolve(&path, module) else { continue };
            if is_public {
                file.passed_on.insert(name, path);
            } else {
                file.uses.push(path);
            }
        }
        rest = &rest[end + 1..];
    }
    others.push_str(rest);
    for start in ["crate::", "super::"] {
        for (at, _) in others.match_indices(start) {
            if others[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let path: String =
                others[at..].chars().take_while(|&c| c.is_alphanumeric() || c == '_' || c == ':').collect();
            let path: Vec<String> = path.split("::").filter(|part| !part.is_empty()).map(str::to_string).collect();
            file.uses.extend(resolve(&path, module));
        }
    }
    file
}

/// The paths of a tree of imports, and the names that they get.
fn tree(text: &str) -> Vec<(Vec<String>, String)> {
    let text = text.trim();
    if let Some(open) = text.find('{') {
        let before: Vec<String> = split_path(&text[..open]);
        let inner = &text[open + 1..text.rfind('}').expect("braces come in pairs")];
        let mut parts = vec![String::new()];
        let mut depth = 0;
        for c in inner.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(String::new());
                    continue;
                }
                _ => {}
            }
            parts.last_mut().expect("there is one").push(c);
        }
        let inner = parts.iter().filter(|part| !part.trim().is_empty()).flat_map(|part| tree(part));
        return inner
            .map(|(path, name)| {
                let path: Vec<String> = before.iter().cloned().chain(path).filter(|part| part != "self").collect();
                let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
                (path, name)
            })
            .collect();
    }
    let (path, name) = text.split_once(" as ").map_or((text, None), |(path, name)| (path, Some(name.trim())));
    let path = split_path(path);
    let name = name.map(str::to_string).or_else(|| path.last().cloned()).unwrap_or_default();
    vec![(path, name)]
}

fn split_path(text: &str) -> Vec<String> {
    text.split("::").map(|part| part.trim().to_string()).filter(|part| !part.is_empty()).collect()
}

/// A path from the root of the crate; `None` where it leads out of it, or is only a name of the file's own.
fn resolve(path: &[String], module: &[String]) -> Option<Vec<String>> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "super" => {
            let up = path.iter().take_while(|part| *part == "super").count();
            let base = &module[..module.len().checked_sub(up)?];
            Some(base.iter().chain(&path[up..]).cloned().collect())
        }
        "self" => Some(module.iter().chain(&path[1..]).cloned().collect()),
        // `use figures::Figures` in the face of `figures`; other crates are sorted out by what is known.
        _ => Some(module.iter().chain(path).cloned().collect()),
    }
}

/// The file that defines what a path names.
fn home(path: &[String], files: &BTreeMap<Module, File>) -> Option<Module> {
    let mut path = path.to_vec();
    for _ in 0..8 {
        let known = (0..=path.len()).rev().map(|len| &path[..len]).find(|start| files.contains_key(*start))?;
        let Some(name) = path.get(known.len()) else { return Some(known.to_vec()) };
        match files[known].passed_on.get(name) {
            Some(from) => path = from.iter().chain(&path[known.len() + 1..]).cloned().collect(),
            None => return Some(known.to_vec()),
        }
    }
    None
}

/// Which file imports from which.
fn imports(files: &BTreeMap<Module, File>) -> BTreeMap<&Module, BTreeSet<Module>> {
    let of = |module: &Module, file: &File| {
        let own = file.uses.iter().filter(|path| {
            // A name of another crate looks like one of the file's own.
            path.len() > module.len() || !path.starts_with(module)
        });
        let homes = own.filter_map(|path| home(path, files));
        homes.filter(|home| home != module && !home.is_empty() && !home.starts_with(module)).collect()
    };
    files.iter().map(|(module, file)| (module, of(module, file))).collect()
}

/// The modules of the map in `lib.rs`, from the top down; those of one line stand on one floor.
fn map() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("lib.rs");
    let lines = text.lines().filter_map(|line| line.strip_prefix("//! - "));
    let floor = |line: &str| {
        let names = line.split(": ").next().unwrap_or_default();
        names.split("[`").skip(1).filter_map(|rest| Some(rest.split('`').next()?.to_string())).collect::<Vec<String>>()
    };
    lines.map(floor).filter(|floor| !floor.is_empty()).collect()
}

#[test]
fn modules_import_only_from_below() {
    let files = sources();
    let floors: HashMap<String, usize> =
        map().into_iter().enumerate().flat_map(|(at, names)| names.into_iter().map(move |name| (name, at))).collect();
    let modules: BTreeSet<&String> = files.keys().filter_map(|module| module.first()).collect();
    let unmapped: Vec<_> = modules.iter().filter(|module| !floors.contains_key(**module)).collect();
    assert!(unmapped.is_empty(), "not on the map of lib.rs: {unmapped:?}");
    let mut wrong = BTreeSet::new();
    for (module, homes) in imports(&files) {
        let Some(own) = module.first() else { continue };
        for home in homes {
            if home[0] != *own && floors[&home[0]] <= floors[own] {
                wrong.insert(format!("{} imports from {}, which is not below it", module.join("/"), home.join("/")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn no_files_import_from_one_another_in_a_circle() {
    let files = sources();
    let graph = imports(&files);
    let mut circles = BTreeSet::new();
    for start in graph.keys() {
        // The shortest way back to where it began.
        let mut before: HashMap<&Module, &Module> = HashMap::new();
        let mut queue = std::collections::VecDeque::from([*start]);
        'search: while let Some(at) = queue.pop_front() {
            for next in graph.get(at).into_iter().flatten() {
                if next == *start {
                    let mut circle = vec![at];
                    while let Some(earlier) = before.get(circle[circle.len() - 1]) {
                        circle.push(earlier);
                    }
                    let mut names: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
                    names.sort();
                    circles.insert(names.join(", "));
                    break 'search;
                }
                if let Some((next, _)) = graph.get_key_value(next)
                    && !before.contains_key(*next)
                {
                    before.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
    }
    assert!(circles.is_empty(), "{}", circles.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn rooms_fit_in_a_head() {
    const MOST: usize = 600;
    const DOOR: usize = 5300;
    let texts: Vec<(String, usize)> =
        texts().into_iter().map(|(path, text)| (path.display().to_string(), text.lines().count())).collect();
    let too_long: Vec<String> = texts
        .iter()
        .filter(|(_, lines)| *lines > MOST)
        .map(|(name, lines)| format!("{name} has {lines} lines"))
        .collect();
    let of_door = |name: &str| name == "cli.rs" || name.starts_with("cli/");
    let door: usize = texts.iter().filter(|(name, _)| of_door(name)).map(|(_, lines)| lines).sum();
    assert!(door > 0, "it was found");
    assert!(too_long.is_empty(), "more than {MOST} lines: {}", too_long.join(", "));
    assert!(door < DOOR, "the command line has {door} lines: what a stage does belongs into its own module");
}
