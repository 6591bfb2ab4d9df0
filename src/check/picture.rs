//! One picture: whether it can be decoded, and whether it is what its row says.

use crate::camera;
use crate::duplicates::PerceptualHash;
use crate::guard;
use crate::image::{self, Colour, Format};
use crate::quality::{Defect, Limits, Quality};

use super::Rule;

/// What was seen of a picture.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// BLAKE3 of its bytes.
    pub content: Option<[u8; 32]>,
    /// The format of its bytes.
    pub format: Option<&'static str>,
    /// Width and height, upright.
    pub size: Option<(u32, u32)>,
    pub looks: Option<PerceptualHash>,
    /// How sharp it is, where that was measured.
    pub sharpness: f32,
    /// When it was taken, on the camera's clock in microseconds, where that was asked for.
    pub taken: Option<i64>,
    /// The rules that it breaks, and how.
    pub problems: Vec<(Rule, String)>,
}

/// What a row says of its picture.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claims<'a> {
    /// The file's name, whose extension names a format.
    pub name: &'a str,
    pub content: Option<[u8; 32]>,
    pub size: Option<(u32, u32)>,
}

/// How closely pictures are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Not at all: the table is believed.
    Table,
    /// Bytes that are those of the table are believed to be a picture.
    Bytes,
    /// Every picture is decoded.
    Pixels,
}

/// How a picture is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looking {
    pub depth: Depth,
    /// Whether it is hashed, to be compared with others.
    pub near: bool,
    pub min_size: u32,
    pub quality: Option<Limits>,
}

/// Looks at the bytes of a picture and holds it against what its row says.
pub(super) fn look(bytes: &[u8], claims: Claims, looking: Looking) -> Seen {
    let mut seen = Seen { content: Some(*blake3::hash(bytes).as_bytes()), ..Seen::default() };
    match claims.content {
        Some(claimed) if Some(claimed) != seen.content => {
            seen.problems.push((Rule::Changed, "its content hash differs".into()));
        }
        Some(_) if looking.depth != Depth::Pixels => {
            seen.size = claims.size;
            return seen;
        }
        _ => {}
    }
    let (rgb, flaw) = match image::decode_with_flaw(bytes, Colour::WHITE, None) {
        Ok(decoded) => decoded,
        Err(problem) => {
            seen.problems.push((Rule::Unreadable, problem.to_string()));
            return seen;
        }
    };
    seen.problems.extend(flaw.map(|flaw| (Rule::Truncated, flaw.to_string())));
    seen.format = image::format(bytes).ok().map(Format::name);
    let extension = claims.name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
    if let (Some(named), Some(format)) = (image::format_of_extension(extension), seen.format)
        && named != format
    {
        seen.problems.push((Rule::Format, format!("named .{extension}, is {format}")));
    }
    let (width, height) = (rgb.width, rgb.height);
    seen.size = Some((width, height));
    if let Some((w, h)) = claims.size.filter(|&claimed| claimed != (width, height)) {
        seen.problems.push((Rule::Changed, format!("{width} x {height} pixels, and the table says {w} x {h}")));
    }
    if width.min(height) < looking.min_size {
        seen.problems.push((Rule::Small, format!("{width} x {height} pixels")));
    }
    if let Some(limits) = looking.quality {
        let quality = Quality::of(&rgb);
        seen.sharpness = quality.sharpness;
        seen.taken = guard::catch(|| camera::read(bytes, None)).and_then(|shot| shot.taken);
        let defects = quality.defects(&limits);
        let problem = |(defect, figure, value, limit): (Defect, &str, f32, f32)| {
            (defect.into(), format!("{figure} {value:.3}, the limit is {limit}"))
        };
        seen.problems.extend(defects.into_iter().map(problem));
    }
    if looking.near {
        seen.looks = PerceptualHash::of(&rgb);
    }
    seen
}
