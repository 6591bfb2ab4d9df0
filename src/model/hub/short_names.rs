//! Models that are known to work, under names that one can remember.

/// Models that are known to work, under names that one can remember: name, repo, what it is.
pub const SHORT_NAMES: [(&str, &str, &str); 6] = [
    ("clip-vit-b32", "Xenova/clip-vit-base-patch32", "OpenAI's CLIP, the fastest of the three"),
    ("clip-vit-b16", "Xenova/clip-vit-base-patch16", "OpenAI's CLIP, sees finer detail"),
    ("clip-vit-l14", "Xenova/clip-vit-large-patch14", "OpenAI's CLIP, the largest: better and much slower"),
    ("siglip-base", "Xenova/siglip-base-patch16-224", "Google's SigLIP, as large as clip-vit-b16 and better"),
    ("mobileclip-s0", "Xenova/mobileclip_s0", "Apple's MobileCLIP, small enough for a phone"),
    ("dinov2-small", "onnx-community/dinov2-small", "Meta's DINOv2: images only, for what looks alike"),
];

pub(super) fn short_names() -> [&'static str; SHORT_NAMES.len()] {
    SHORT_NAMES.map(|(name, ..)| name)
}

/// The short name that a model has here or whose repo is called so.
pub(crate) fn short_name(given: &str) -> Option<&'static str> {
    let is_it = |(name, repo, _): &&(&'static str, &str, &str)| {
        given.eq_ignore_ascii_case(name) || repo.rsplit('/').next().is_some_and(|own| given.eq_ignore_ascii_case(own))
    };
    SHORT_NAMES.iter().find(is_it).map(|(name, ..)| *name)
}

/// The short name that is most like what was typed; the repo's own name counts as well.
pub(crate) fn nearest_short_name(given: &str) -> Option<&'static str> {
    let given = given.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&given, name);
    SHORT_NAMES
        .iter()
        .map(|(name, repo, _)| (likeness(name).max(likeness(repo.rsplit('/').next().unwrap_or(repo))), *name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
