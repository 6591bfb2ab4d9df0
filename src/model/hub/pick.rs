//! Which files of a repo make up a model.

use super::*;

/// A file of a model: where it is in the repo, and what it is called in the model's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pick<'a> {
    pub(super) path: &'a str,
    pub(super) name: &'a str,
}

/// Why a repo's files make up no model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    NoModel,
    NoVariant(Vec<Variant>),
    Several(Vec<String>),
}

impl Unfit {
    pub(super) fn explain(self, repo: &Repo, asked: Variant, paths: &[&str]) -> Error {
        let repo = repo.id.clone();
        match self {
            Unfit::NoModel => {
                let shown: Vec<&str> = paths.iter().copied().take(12).collect();
                let more = paths.len() - shown.len();
                let mut files = if shown.is_empty() { "nothing".into() } else { shown.join(", ") };
                if more > 0 {
                    files.push_str(&format!(" and {more} more"));
                }
                Error::NoModel { repo, files }
            }
            Unfit::NoVariant(there) => Error::NoVariant { repo, asked, there },
            Unfit::Several(folders) => Error::Several { repo, folders },
        }
    }
}

/// Weights, in the order in which they are preferred: two towers, one file with both, an image tower alone.
pub(super) const WEIGHTS: [&[&str]; 8] = [
    &["onnx/vision_model", "onnx/text_model"],
    &["onnx/model"],
    &["onnx/vision_model"],
    &["vision_model", "text_model"],
    &["visual", "textual"],
    &["model"],
    &["vision_model"],
    &["visual"],
];

/// What says how to use the weights.
pub(super) const SMALL: [&str; 11] = [
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "open_clip_config.json",
    "bpe_simple_vocab_16e6.txt.gz",
    "tokenizer/bpe_simple_vocab_16e6.txt.gz",
];

/// Needed only where there is no `tokenizer.json`.
pub(super) const SENTENCE_PIECES: [&str; 2] = ["spiece.model", "sentencepiece.bpe.model"];

pub(super) fn owned(picks: &[Pick<'_>]) -> Vec<(String, String)> {
    picks.iter().map(|pick| (pick.name.into(), pick.path.into())).collect()
}

/// The files of a variant that a repo must have and of others that it may have, and which there are.
pub(super) fn wanted_of_all<'a>(
    paths: &[&'a str],
    variant: Variant,
    others: &BTreeSet<Variant>,
) -> Result<(BTreeSet<Variant>, Vec<Pick<'a>>), Unfit> {
    let mut picks = wanted(paths, variant)?;
    let mut variants = BTreeSet::from([variant]);
    for other in others {
        if let Ok(more) = wanted(paths, *other) {
            variants.insert(*other);
            picks.extend(more);
        }
    }
    let mut seen = BTreeSet::new();
    picks.retain(|pick| seen.insert(pick.name));
    Ok((variants, picks))
}

/// The files of a repo that make up a model. The model may lie in a folder of the repo, whose name then goes away;
/// what it lacks may lie beside that folder.
pub(super) fn wanted<'a>(paths: &[&'a str], variant: Variant) -> Result<Vec<Pick<'a>>, Unfit> {
    let files: BTreeSet<&'a str> = paths.iter().copied().collect();
    if files.contains(OWN_FILES[0]) && OWN_FILES[1..4].iter().any(|tower| files.contains(*tower)) {
        let own = OWN_FILES.iter().filter_map(|name| files.get(name)).map(|path| Pick { path, name: path });
        return match variant {
            Variant::Fp32 => Ok(own.collect()),
            _ => Err(Unfit::NoVariant(vec![Variant::Fp32])),
        };
    }
    let folders: BTreeSet<&str> = files.iter().filter_map(|path| Some(&path[..=path.find('/')?])).collect();
    let find = |variant| -> Vec<(&str, Vec<&'a str>)> {
        let in_folder = |folder| Some((folder, weights(&files, folder, variant)?));
        match in_folder("") {
            Some(found) => vec![found],
            None => folders.iter().filter_map(|folder| in_folder(folder)).collect(),
        }
    };
    let mut found = find(variant);
    if found.len() > 1 {
        return Err(Unfit::Several(found.iter().map(|(folder, _)| folder.trim_end_matches('/').into()).collect()));
    }
    let Some((folder, weights)) = found.pop() else {
        let others: Vec<Variant> = Variant::ALL.into_iter().filter(|variant| !find(*variant).is_empty()).collect();
        return Err(if others.is_empty() { Unfit::NoModel } else { Unfit::NoVariant(others) });
    };

    let mut picks: Vec<Pick<'a>> = Vec::new();
    let mut pick = |path: &'a str, name: &'a str| {
        if !picks.iter().any(|known| known.name == name) {
            picks.push(Pick { path, name });
        }
    };
    for weights in weights {
        pick(weights, &weights[folder.len()..]);
        for data in files.iter().filter(|path| is_data_of(weights, path)) {
            pick(data, &data[folder.len()..]);
        }
    }
    let find_small = |name: &str| {
        let path = |place| Some((files.get(format!("{place}{name}").as_str())?, place));
        path(folder).or_else(|| path("")).map(|(path, place)| (*path, &path[place.len()..]))
    };
    let pieces: &[&str] = if find_small("tokenizer.json").is_some() { &[] } else { &SENTENCE_PIECES };
    SMALL.iter().chain(pieces).filter_map(|name| find_small(name)).for_each(|(path, name)| pick(path, name));
    Ok(picks)
}

/// The weights of a variant in a folder of the repo.
pub(super) fn weights<'a>(files: &BTreeSet<&'a str>, folder: &str, variant: Variant) -> Option<Vec<&'a str>> {
    let file = |stem: &str, suffix: &str| files.get(format!("{folder}{stem}{suffix}.onnx").as_str()).copied();
    let towers = |suffix: &str| {
        WEIGHTS.iter().find_map(|stems| stems.iter().map(|stem| file(stem, suffix)).collect::<Option<Vec<_>>>())
    };
    variant.suffixes().iter().find_map(|suffix| towers(suffix))
}

/// Whether a file holds weights that are too large for the graph's own file.
pub(super) fn is_data_of(weights: &str, path: &str) -> bool {
    let stem = weights.trim_end_matches(".onnx");
    path.starts_with(&format!("{weights}_data")) || path == format!("{weights}.data") || path == format!("{stem}.data")
}
