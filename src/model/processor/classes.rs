//! The classes of `transformers`' image processors, and what each takes for granted.

use super::{IMAGENET_MEAN, IMAGENET_STD, OPENAI_MEAN, OPENAI_STD};
use crate::image::Filter;

const HALF: [f32; 3] = [0.5; 3];

/// What a class of processors does, and what it takes for granted where its configuration does not say it.
pub(super) struct Class {
    /// As in `NAMEImageProcessor`, `NAMEImageProcessorFast`, `NAMEFeatureExtractor`.
    pub(super) name: &'static str,
    /// Models whose configuration does not name a processor have this one.
    pub(super) models: &'static [&'static str],
    pub(super) way: Way,
    pub(super) size: Usual,
    /// Is a size of one number that of a square, or of the shorter edge?
    pub(super) is_square: bool,
    /// What is cut out of the middle, and whether that is done unasked.
    pub(super) crop: Option<u32>,
    pub(super) crops: bool,
    pub(super) filter: Filter,
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
}

/// What a class does otherwise than the others, which scale, cut out the middle, and scale the numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Plain,
    /// Scaled in floating point, nothing rounded.
    Float,
    /// The shorter edge is longer by 256 / 224.
    Levit,
    /// A share of the middle; of 384 pixels and more everything, stretched.
    ConvNext,
    /// The size is divided by the share that the middle is.
    PoolFormer,
    /// A share of the middle is cut out first.
    Perceiver,
    /// Numbers may begin at -1, and are divided by the deviation a second time.
    EfficientNet,
    /// Blue comes first, and numbers stay between 0 and 1.
    MobileVit,
    /// The middle is never cut out.
    Segformer,
}

pub(super) enum Usual {
    Exact(u32),
    Shorter(u32),
}

pub(super) const PLAIN: Class = Class {
    name: "",
    models: &[],
    way: Way::Plain,
    size: Usual::Exact(224),
    is_square: true,
    crop: None,
    crops: false,
    filter: Filter::Bicubic,
    mean: HALF,
    std: HALF,
};

/// As CLIP has it, and many since.
const SHORTER: Class = Class {
    size: Usual::Shorter(224),
    is_square: false,
    crop: Some(224),
    crops: true,
    mean: OPENAI_MEAN,
    std: OPENAI_STD,
    ..PLAIN
};

/// The classes that are imitated: what they take for granted is read in `models/*/image_processing_*.py`.
pub(super) const CLASSES: [Class; 22] = [
    Class { name: "Beit", models: &["beit", "data2vec-vision"], crop: Some(224), ..PLAIN },
    Class { name: "Bit", models: &["bit", "dinov2", "dinov2_with_registers", "focalnet", "hiera", "pixio"], ..SHORTER },
    Class {
        name: "Blip",
        models: &["blip", "blip-2", "instructblip"],
        size: Usual::Exact(384),
        mean: OPENAI_MEAN,
        std: OPENAI_STD,
        ..PLAIN
    },
    Class { name: "ChineseCLIP", models: &["chinese_clip"], ..SHORTER },
    Class {
        name: "CLIP",
        models: &["clip", "clip_vision_model", "aimv2", "altclip", "git", "groupvit", "metaclip_2", "mlcd", "xclip"],
        ..SHORTER
    },
    Class {
        name: "ConvNext",
        models: &["convnext", "convnextv2", "cvt", "regnet", "resnet"],
        way: Way::ConvNext,
        size: Usual::Shorter(384),
        is_square: false,
        ..PLAIN
    },
    Class { name: "DeiT", models: &["deit"], size: Usual::Exact(256), crop: Some(224), crops: true, ..PLAIN },
    Class {
        name: "DINOv3ViT",
        models: &["dinov3_vit", "dinov3_convnext"],
        way: Way::Float,
        filter: Filter::Bilinear,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..PLAIN
    },
    Class {
        name: "EfficientNet",
        models: &["efficientnet", "align"],
        way: Way::EfficientNet,
        size: Usual::Exact(346),
        crop: Some(289),
        ..PLAIN
    },
    Class {
        name: "Flava",
        models: &["flava"],
        crop: Some(224),
        crops: true,
        mean: OPENAI_MEAN,
        std: OPENAI_STD,
        ..PLAIN
    },
    Class { name: "Levit", models: &["levit"], way: Way::Levit, mean: IMAGENET_MEAN, std: IMAGENET_STD, ..SHORTER },
    Class {
        name: "MobileNetV1",
        models: &["mobilenet_v1"],
        size: Usual::Shorter(256),
        filter: Filter::Bilinear,
        mean: HALF,
        std: HALF,
        ..SHORTER
    },
    Class {
        name: "MobileNetV2",
        models: &["mobilenet_v2"],
        size: Usual::Shorter(256),
        filter: Filter::Bilinear,
        mean: HALF,
        std: HALF,
        ..SHORTER
    },
    Class { name: "MobileViT", models: &["mobilevit", "mobilevitv2"], way: Way::MobileVit, crop: Some(256), ..SHORTER },
    Class {
        name: "OwlViT",
        models: &["owlvit"],
        size: Usual::Exact(768),
        crop: Some(768),
        mean: OPENAI_MEAN,
        std: OPENAI_STD,
        ..PLAIN
    },
    Class {
        name: "Perceiver",
        models: &["perceiver"],
        way: Way::Perceiver,
        crop: Some(256),
        crops: true,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..PLAIN
    },
    Class {
        name: "PoolFormer",
        models: &["poolformer"],
        way: Way::PoolFormer,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..SHORTER
    },
    Class { name: "Pvt", models: &["pvt", "pvt_v2"], mean: IMAGENET_MEAN, std: IMAGENET_STD, ..PLAIN },
    Class {
        name: "Segformer",
        models: &["segformer", "upernet"],
        way: Way::Segformer,
        size: Usual::Exact(512),
        filter: Filter::Bilinear,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..PLAIN
    },
    Class { name: "Siglip", models: &["siglip", "siglip_vision_model"], is_square: false, ..PLAIN },
    Class {
        name: "VideoMAE",
        models: &["videomae", "timesformer"],
        filter: Filter::Bilinear,
        mean: HALF,
        std: HALF,
        ..SHORTER
    },
    Class {
        name: "ViT",
        models: &["vit", "clipseg", "dinat", "ijepa", "swiftformer", "swin", "swinv2", "vit_mae", "vit_msn"],
        filter: Filter::Bilinear,
        ..PLAIN
    },
];
