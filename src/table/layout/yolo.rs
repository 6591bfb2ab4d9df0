//! `images/SPLIT/*.jpg`, `labels/SPLIT/*.txt` and `data.yaml`, as Ultralytics reads them (`check_det_dataset` and
//! `verify_image_label` in its data/utils.py, `get_img_files` in data/base.py).

mod data;

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::files::{Child, Spelled, below, children, folders_among, listing, read_bytes, read_text};
use super::labels::{self, KeyPoints};
use super::pictures::{Facts, Frame, Pictures, Stub, say_outlined};
use crate::io;
use crate::species;
use crate::table::Error;
use crate::table::boxes::Bounds;
use crate::table::findings::{Fault, Findings};
use crate::table::split::Split;
use data::{Data, by_split, classes_txt, read_data, usual};
pub(super) use data::{class_names, is_data};

/// What Ultralytics takes for a picture (`IMG_FORMATS`).
const EXTENSIONS: &[&str] =
    &["avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp"];

/// Whether a folder is laid out so.
pub(super) fn is_one(folder: &Path, children: &[Child]) -> bool {
    let has = |name: &str| folder.join(name).is_dir();
    data_file(folder, children).is_some()
        || has("images") && has("labels")
        || !by_split(folder, &folders_among(children)).is_empty()
}

/// Among so many files the one that describes the data set is looked for.
const MOST_YAML: usize = 16;

/// `data.yaml`, else the one file that describes a data set.
fn data_file(folder: &Path, children: &[Child]) -> Option<PathBuf> {
    let usual = ["data.yaml", "data.yml"].map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    let other = || {
        // Many such files are of the pictures.
        let is_yaml = |child: &&Child| child.ends_with(".yaml") || child.ends_with(".yml");
        let yaml: Vec<&Child> = children.iter().filter(is_yaml).take(MOST_YAML + 1).collect();
        let files = yaml.iter().filter(|_| yaml.len() <= MOST_YAML).map(|child| folder.join(&child.name));
        let mut files = files.filter(|path| is_data(path));
        files.next().filter(|_| files.next().is_none())
    };
    usual.or_else(other)
}

/// The data set of a folder or of a `data.yaml`, and the folder that keys begin at.
pub(super) fn open(path: &Path, frame: Frame, findings: &Findings) -> Result<(PathBuf, Pictures), Error> {
    let (mut folder, file) = match path.is_dir() {
        true => (path.to_path_buf(), data_file(path, &children(path))),
        false => (path.parent().map(Path::to_path_buf).unwrap_or_default(), Some(path.to_path_buf())),
    };
    if folder.as_os_str().is_empty() {
        folder = PathBuf::from(".");
    }
    let mut data = match file {
        Some(file) => read_data(&mut folder, &file, path.is_dir(), findings),
        None => {
            findings.file(Fault::Layout, "data.yaml", "is not there");
            Data { sources: usual(&folder), names: classes_txt(&folder), points: None }
        }
    };
    let mut spelled = Spelled::new(&folder);
    data.sources.iter_mut().for_each(|(source, _)| *source = spelled.own(std::mem::take(source)));
    let mut pictures: Vec<(PathBuf, Split)> = Vec::new();
    for (source, split) in &data.sources {
        if source.is_file() {
            pictures.extend(listed(&folder, source, findings).into_iter().map(|path| (spelled.own(path), *split)));
        } else if holds(source, &folder) {
            findings.file(
                Fault::Layout,
                source.display().to_string(),
                "holds the data set's own folder, and is not read",
            );
        } else if source.is_dir() {
            let listing = listing(source, &folder, findings)?;
            pictures.extend(listing.entries().iter().map(|entry| (listing.path(entry), *split)));
        } else {
            findings.file(Fault::Layout, below(&folder, source), "the folder of pictures is not there");
        }
    }
    pictures.retain(|(path, _)| {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        let is_read = extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()));
        if !is_read {
            findings.file(Fault::Stray, below(&folder, path), "Ultralytics reads no pictures of this extension");
        }
        is_read
    });
    let moved = Moved::of(&folder, &data.sources);
    orphans(&folder, &data, &moved, &pictures, findings);
    let names = data.names.unwrap_or_default();
    let is_pokedex = names.iter().map(String::as_str).eq(species::names());
    let reader = Reader {
        root: folder.clone(),
        names,
        points: data.points,
        is_pokedex,
        frame,
        moved,
        found: findings.clone(),
        outlined: Arc::default(),
    };
    // Ultralytics trains on pictures without labels, but not on those alone.
    let trained = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let outlined = reader.outlined.clone();
    let (counted, found, shown) = (trained.clone(), findings.clone(), folder.display().to_string());
    let mut table = Pictures::new(true, move |_, stub| {
        let facts = reader.facts(stub);
        if stub.split == Some(Split::Train) {
            counted[usize::from(facts.labelled)].fetch_add(1, Ordering::Relaxed);
        }
        facts
    });
    table.finish = Box::new(move || {
        let [without, with] = [0, 1].map(|at: usize| trained[at].swap(0, Ordering::Relaxed));
        if without > 0 && with == 0 {
            found.file(Fault::Layout, "", "no picture of train has a label file, so Ultralytics does not train");
        }
        let outlined = outlined.swap(0, Ordering::Relaxed);
        say_outlined(&shown, outlined, "polygons or key points");
    });
    for (path, split) in pictures {
        table.push(below(&folder, &path), path, Some(split));
    }
    Ok((folder, table))
}

/// What is looked into beside the pictures themselves, without doing so: the folders of pictures and lists of them, those of
/// their labels, and the names of classes.
pub(super) fn places(path: &Path) -> Vec<PathBuf> {
    let (mut folder, file) = match path.is_dir() {
        true => (path.to_path_buf(), data_file(path, &children(path))),
        false => (path.parent().map(Path::to_path_buf).unwrap_or_default(), Some(path.to_path_buf())),
    };
    let sources = match file {
        Some(file) => read_data(&mut folder, &file, path.is_dir(), &Findings::default()).sources,
        None => usual(&folder),
    };
    let mut places = vec![folder.join("classes.txt")];
    for (source, _) in sources {
        places.extend(
            label_files(&source.join("x.txt")).iter().filter_map(|label| label.parent().map(Path::to_path_buf)),
        );
        places.push(source);
    }
    places
}

/// Where the labels of a picture may be looked for, by its name and by what that leads to.
pub(super) fn label_files(image: &Path) -> Vec<PathBuf> {
    let folder = image.parent().and_then(|folder| folder.canonicalize().ok());
    let real = folder.zip(image.file_name()).map(|(folder, name)| label_file(&folder.join(name)));
    real.into_iter().chain([label_file(image)]).collect()
}

/// Whether a folder lies around another: `train: /` means every picture of the machine.
fn holds(outer: &Path, inner: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(outer).zip(real(inner)).is_some_and(|(outer, inner)| outer != inner && inner.starts_with(outer))
}

/// Reads label files.
struct Reader {
    root: PathBuf,
    names: Vec<String>,
    points: Option<KeyPoints>,
    is_pokedex: bool,
    frame: Frame,
    moved: Moved,
    found: Findings,
    /// Labels of which only the boxes are kept.
    outlined: Arc<AtomicU64>,
}

impl Reader {
    fn facts(&self, picture: &Stub) -> Facts {
        let path = self.moved.label_file(&picture.path);
        let labelled = path.exists();
        let Some(labels) = self.labels(picture, &path) else { return Facts { labelled, ..Facts::default() } };
        let classes: BTreeSet<u32> = labels.iter().map(|label| label.class).collect();
        // A picture of one class has that class; of several, or of none (background), the boxes say it.
        let one = classes.first().copied().filter(|_| classes.len() == 1);
        let id = one.filter(|_| self.is_pokedex).and_then(|class| i32::try_from(class + 1).ok());
        if let Some(id) = id {
            self.check_number(picture, id);
        }
        let size = match self.frame {
            Frame::Parts => Some((1.0, 1.0)),
            Frame::Pixels if labels.is_empty() => Some((1.0, 1.0)),
            Frame::Pixels => size(&picture.path),
        };
        let scaled = |label: &labels::Label, (width, height): (f64, f64)| Bounds {
            label: Some(self.name(label.class)),
            class: Some(label.class),
            score: None,
            xyxy: [0, 1, 2, 3].map(|at| (label.sides[at] * if at % 2 == 0 { width } else { height }) as f32),
        };
        let is_one = |bounds: &Bounds| bounds.xyxy[0] < bounds.xyxy[2] && bounds.xyxy[1] < bounds.xyxy[3];
        let boxes = size.map(|size| labels.iter().map(|label| scaled(label, size)).filter(is_one).collect());
        Facts { id, label: one.map(|class| self.name(class)), size: None, boxes, labelled }
    }

    fn name(&self, class: u32) -> String {
        // As Ultralytics calls classes without names.
        self.names.get(class as usize).cloned().unwrap_or_else(|| format!("class_{class}"))
    }

    /// The labels of a picture; none where nobody has looked.
    fn labels(&self, picture: &Stub, path: &Path) -> Option<Vec<labels::Label>> {
        let name = below(&self.root, path);
        if !path.exists() {
            self.found.file(Fault::LabelMissing, &picture.key, format!("{name} is not there, so it shows nothing"));
            return None;
        }
        let bytes = match read_bytes(path) {
            Ok(bytes) => bytes,
            Err(problem) => {
                self.found.file(Fault::LabelSyntax, name, problem);
                return None;
            }
        };
        let classes = Some(self.names.len()).filter(|classes| *classes > 0);
        let read = labels::parse(&bytes, classes, self.points);
        read.faults.into_iter().for_each(|(fault, detail)| self.found.file(fault, &name, detail));
        self.outlined.fetch_add(read.outlined, Ordering::Relaxed);
        Some(read.labels)
    }

    /// A picture that is named by a Pokédex number shows that species.
    fn check_number(&self, picture: &Stub, id: i32) {
        let name = picture.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
        let named = digits.parse::<i32>().ok().filter(|_| digits.len() == 4 && name[4..].starts_with(['_', '-', '.']));
        if let Some(named) = named.filter(|&named| named != id) {
            let detail = format!("named {named:04}, and its class is that of {id:04}");
            self.found.file(Fault::LabelAndId, &picture.key, detail);
        }
    }
}

/// Width and height of the upright picture.
fn size(path: &Path) -> Option<(f64, f64)> {
    let bytes = io::read_image(&io::escape_bytes(path.as_os_str().as_encoded_bytes())).ok()?;
    let (width, height) = crate::image::dimensions(&bytes).ok()?;
    Some((width.into(), height.into()))
}

/// The pictures that a list names, a path in each line.
fn listed(folder: &Path, list: &Path, findings: &Findings) -> Vec<PathBuf> {
    let name = below(folder, list);
    let text = read_text(list).unwrap_or_else(|problem| {
        findings.file(Fault::Layout, &name, problem);
        String::new()
    });
    let beside = list.parent().unwrap_or(folder);
    let mut astray = 0u64;
    let place = |line: &str| match line.strip_prefix("./") {
        Some(rest) => beside.join(rest),
        None if Path::new(line).exists() => PathBuf::from(line),
        None => {
            let there = [beside, folder].map(|folder| folder.join(line)).into_iter().find(|path| path.exists());
            astray += u64::from(there.is_some());
            there.unwrap_or_else(|| PathBuf::from(line))
        }
    };
    let paths: Vec<PathBuf> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(place).collect();
    if astray > 0 {
        let detail =
            "Ultralytics takes its paths from the working directory; those that begin with ./ are relative to it";
        findings.file(Fault::Misread, name, detail);
    }
    paths
}

/// Of the absolute path the last folder `images` becomes `labels`, the extension `.txt`; without such a folder the labels
/// lie beside the pictures.
fn label_file(image: &Path) -> PathBuf {
    let folder = image.parent().unwrap_or(Path::new(""));
    let swapped = |path: &Path| {
        let mut parts: Vec<&OsStr> = path.iter().collect();
        let at = parts.iter().rposition(|part| *part == "images")?;
        parts[at] = OsStr::new("labels");
        Some(parts.into_iter().collect::<PathBuf>())
    };
    // Most paths say it themselves, which spares a look at the disk.
    let above = || swapped(&std::path::absolute(folder).ok()?);
    let mut file = swapped(folder).or_else(above).unwrap_or_else(|| folder.to_path_buf());
    file.push(image.file_name().unwrap_or_default());
    file.set_extension("txt");
    file
}

/// Sources that are links to elsewhere: Ultralytics follows them before it looks for labels.
#[derive(Debug, Clone, Default)]
struct Moved(Vec<(PathBuf, PathBuf)>);

impl Moved {
    fn of(folder: &Path, sources: &[(PathBuf, Split)]) -> Moved {
        let Ok(root) = folder.canonicalize() else { return Moved::default() };
        let moved = |source: &Path| {
            let real = source.canonicalize().ok()?;
            let usual = source.strip_prefix(folder).ok().map(|rest| root.join(rest));
            (usual.as_deref() != Some(real.as_path())).then(|| (source.to_path_buf(), real))
        };
        let folders = sources.iter().filter(|(source, _)| source.starts_with(folder) && source.is_dir());
        Moved(folders.filter_map(|(source, _)| moved(source)).collect())
    }

    /// The label file of a picture.
    fn label_file(&self, image: &Path) -> PathBuf {
        let there = self.0.iter().find_map(|(source, real)| Some(real.join(image.strip_prefix(source).ok()?)));
        label_file(there.as_deref().unwrap_or(image))
    }
}

/// Label files to which no picture belongs.
fn orphans(root: &Path, data: &Data, moved: &Moved, pictures: &[(PathBuf, Split)], found: &Findings) {
    let known: HashSet<PathBuf> = pictures.iter().map(|(path, _)| moved.label_file(path)).collect();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    for (images, _) in data.sources.iter().filter(|(images, _)| images.is_dir()) {
        let first = moved.label_file(&images.join("x.txt"));
        let Some(labels) = first.parent().map(Path::to_path_buf) else { continue };
        let mut folders = vec![labels];
        while let Some(folder) = folders.pop().filter(|folder| seen.insert(folder.clone())) {
            for child in children(&folder) {
                let path = folder.join(&child.name);
                // A link to a folder may lead back up.
                if child.is_folder {
                    folders.extend((!child.is_link).then_some(path));
                } else if child.ends_with(".txt") && child.name != "classes.txt" && !known.contains(&path) {
                    found.file(Fault::LabelOrphan, below(root, &path), "");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_files_lie_where_ultralytics_looks_for_them() {
        let file = label_file(Path::new("set/images/train/a.b.jpg"));
        assert_eq!(file, Path::new("set/labels/train/a.b.txt"));
        assert_eq!(label_file(Path::new("images/x/images/a.png")), Path::new("images/x/labels/a.txt"));
        assert_eq!(label_file(Path::new("/nowhere/pictures/a.png")), Path::new("/nowhere/pictures/a.txt"));
    }
}
