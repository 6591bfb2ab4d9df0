//! Which files of a repo make up a model.

use std::collections::BTreeSet;

use super::Variant;
use super::error::Error;
use super::repo::Repo;
use crate::model::own::OWN_FILES;

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
const WEIGHTS: [&[&str]; 8] = [
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
const SMALL: [&str; 11] = [
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
const SENTENCE_PIECES: [&str; 2] = ["spiece.model", "sentencepiece.bpe.model"];

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
fn wanted<'a>(paths: &[&'a str], variant: Variant) -> Result<Vec<Pick<'a>>, Unfit> {
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
fn weights<'a>(files: &BTreeSet<&'a str>, folder: &str, variant: Variant) -> Option<Vec<&'a str>> {
    let file = |stem: &str, suffix: &str| files.get(format!("{folder}{stem}{suffix}.onnx").as_str()).copied();
    let towers = |suffix: &str| {
        WEIGHTS.iter().find_map(|stems| stems.iter().map(|stem| file(stem, suffix)).collect::<Option<Vec<_>>>())
    };
    variant.suffixes().iter().find_map(|suffix| towers(suffix))
}

/// Whether a file holds weights that are too large for the graph's own file.
fn is_data_of(weights: &str, path: &str) -> bool {
    let stem = weights.trim_end_matches(".onnx");
    path.starts_with(&format!("{weights}_data")) || path == format!("{weights}.data") || path == format!("{stem}.data")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str], variant: Variant) -> Vec<String> {
        let picks = wanted(paths, variant).expect("a model");
        picks.iter().map(|pick| if pick.path == pick.name { pick.path.into() } else { format!("{pick:?}") }).collect()
    }

    const CLIP: [&str; 15] = [
        ".gitattributes",
        "README.md",
        "config.json",
        "merges.txt",
        "onnx/model.onnx",
        "onnx/model_fp16.onnx",
        "onnx/model_quantized.onnx",
        "onnx/text_model.onnx",
        "onnx/text_model_fp16.onnx",
        "onnx/text_model_quantized.onnx",
        "onnx/vision_model.onnx",
        "onnx/vision_model_fp16.onnx",
        "onnx/vision_model_quantized.onnx",
        "preprocessor_config.json",
        "tokenizer.json",
    ];

    #[test]
    fn two_towers_are_preferred_and_only_one_variant_is_taken() {
        let small = ["config.json", "preprocessor_config.json", "tokenizer.json", "merges.txt"];
        for (variant, suffix) in [(Variant::Fp32, ""), (Variant::Fp16, "_fp16"), (Variant::Int8, "_quantized")] {
            let mut expected = vec![format!("onnx/vision_model{suffix}.onnx"), format!("onnx/text_model{suffix}.onnx")];
            expected.extend(small.map(String::from));
            assert_eq!(names(&CLIP, variant), expected);
        }
    }

    #[test]
    fn one_file_with_both_towers_is_better_than_an_image_tower_alone() {
        let paths = ["onnx/vision_model.onnx", "onnx/model.onnx"];
        assert_eq!(names(&paths, Variant::Fp32), ["onnx/model.onnx"]);
        assert_eq!(names(&["vision_model.onnx"], Variant::Fp32), ["vision_model.onnx"]);
        assert_eq!(names(&["model.onnx", "config.json"], Variant::Fp32), ["model.onnx", "config.json"]);
    }

    #[test]
    fn eight_bits_have_several_names() {
        let paths = ["onnx/model.onnx", "onnx/model_uint8.onnx", "onnx/model_int8.onnx"];
        assert_eq!(names(&paths, Variant::Int8), ["onnx/model_int8.onnx"]);
        assert_eq!(names(&paths[..2], Variant::Int8), ["onnx/model_uint8.onnx"]);
    }

    #[test]
    fn weights_beside_the_graph_come_along() {
        let paths = [
            "onnx/model.onnx",
            "onnx/model.onnx_data",
            "onnx/model.onnx_data_1",
            "onnx/model.data",
            "onnx/model.onnx.data",
            "onnx/model_fp16.onnx",
            "onnx/model_fp16.onnx_data",
            "onnx/models.data",
        ];
        let expected = ["onnx/model.onnx", "onnx/model.onnx.data", "onnx/model.onnx_data", "onnx/model.onnx_data_1"];
        let mut found = names(&paths, Variant::Fp32);
        found.sort();
        assert_eq!(found, [&["onnx/model.data"], &expected[..]].concat());
        assert_eq!(names(&paths, Variant::Fp16), ["onnx/model_fp16.onnx", "onnx/model_fp16.onnx_data"]);
    }

    #[test]
    fn a_model_in_a_folder_of_the_repo_takes_from_beside_it_what_it_lacks() {
        let paths = [
            "ViT-B-32/textual.onnx",
            "ViT-B-32/visual.onnx",
            "ViT-B-32/visual.mlpackage/Manifest.json",
            "ViT-B-32/config.json",
            "config.json",
            "tokenizer/bpe_simple_vocab_16e6.txt.gz",
        ];
        let picks = wanted(&paths, Variant::Fp32).expect("a model");
        let picks: Vec<(&str, &str)> = picks.iter().map(|pick| (pick.path, pick.name)).collect();
        let expected = [
            ("ViT-B-32/visual.onnx", "visual.onnx"),
            ("ViT-B-32/textual.onnx", "textual.onnx"),
            ("ViT-B-32/config.json", "config.json"),
            ("tokenizer/bpe_simple_vocab_16e6.txt.gz", "tokenizer/bpe_simple_vocab_16e6.txt.gz"),
        ];
        assert_eq!(picks, expected);
        let two = ["a/visual.onnx", "a/textual.onnx", "b/visual.onnx"];
        assert_eq!(wanted(&two, Variant::Fp32), Err(Unfit::Several(vec!["a".into(), "b".into()])));
    }

    #[test]
    fn sentence_pieces_are_for_want_of_a_tokenizer() {
        let paths = ["model.onnx", "spiece.model", "tokenizer.json"];
        assert_eq!(names(&paths, Variant::Fp32), ["model.onnx", "tokenizer.json"]);
        assert_eq!(names(&paths[..2], Variant::Fp32), ["model.onnx", "spiece.model"]);
    }

    #[test]
    fn models_of_our_own_are_taken_as_they_are() {
        let paths = ["README.md", "image.rten", "model.json", "text.rten", "vocab.txt"];
        assert_eq!(names(&paths, Variant::Fp32), ["model.json", "image.rten", "text.rten", "vocab.txt"]);
        assert_eq!(wanted(&paths, Variant::Int8), Err(Unfit::NoVariant(vec![Variant::Fp32])));
    }

    #[test]
    fn what_is_missing_is_told_apart() {
        assert_eq!(wanted(&["model.safetensors", "config.json"], Variant::Fp32), Err(Unfit::NoModel));
        assert_eq!(wanted(&[], Variant::Fp32), Err(Unfit::NoModel));
        assert_eq!(wanted(&["onnx/model_fp16.onnx"], Variant::Fp32), Err(Unfit::NoVariant(vec![Variant::Fp16])));
    }
}
