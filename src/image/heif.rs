//! HEIF (ISO/IEC 23008-12): the pictures of phones (HEIC, coded with HEVC) and of the web (AVIF, coded with AV1), whole or put
//! together of tiles, with transparency beside them.
//!
//! The container is read by `heifer-isobmff`; what it says is brought to planes by the codec ([`hevc`], [`av1`]), to colours by
//! [`planes`], and is cropped and turned here, as `clap`, `irot` and `imir` say. EXIF's orientation does not count: where it
//! says something else, it is out of date.

mod av1;
mod hevc;
mod planes;
mod size;

use ::image::metadata::Orientation;
use ::image::{DynamicImage, imageops};
use heifer_isobmff::boxes::{ColorInfo, Property};
use heifer_isobmff::{BoxIter, HeifFile, ItemId};

use self::planes::{Meaning, Planes};
use super::profile::Space;
use super::{Error, Format, Frame, Header, Opened};

/// Derived pictures may be made of derived pictures, but not for ever.
const DEEPEST: u32 = 4;
/// What is said of a file's items before their bytes. The container's reader looks for each item among all.
const MOST_SAID: usize = 1 << 18;

/// The kinds of auxiliary pictures that are transparency (ISO/IEC 23008-12, 6.6.2; MIAF, 7.3.5.2).
const ALPHA: [&str; 2] = ["urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"];

/// A file whose items are known.
pub(super) struct Heif<'a> {
    format: Format,
    file: HeifFile<'a>,
    /// Upright.
    width: u32,
    height: u32,
    turned: bool,
}

impl<'a> Heif<'a> {
    /// Reads what the container says.
    ///
    /// # Errors
    /// It is damaged, or its picture is of a kind that cannot be read.
    pub(super) fn open(bytes: &'a [u8], format: Format) -> Result<Heif<'a>, Error> {
        if said(bytes).is_some_and(|length| length > MOST_SAID) {
            return Err(Error::damaged(format, "it says more of its items than any picture has"));
        }
        if BoxIter::new(bytes).map_while(Result::ok).any(|part| part.header.box_type.0 == *b"mini") {
            return Err(Error::Unsupported("HEIF in its short form (`mini`)".into()));
        }
        let file = HeifFile::parse(bytes).map_err(|e| problem(format, e))?;
        let mut heif = Heif { format, file, width: 0, height: 0, turned: false };
        let primary = heif.file.primary_id;
        (heif.width, heif.height, heif.turned) = heif.upright_size(primary)?;
        Ok(heif)
    }

    fn damaged(&self, what: &str) -> Error {
        Error::damaged(self.format, what)
    }

    fn unsupported(&self, what: &str) -> Error {
        Error::Unsupported(format!("{} ({what})", self.format.name()))
    }

    /// The properties of an item, in the order in which they are applied.
    fn properties(&self, id: ItemId) -> Result<impl Iterator<Item = &Property>, Error> {
        self.file.item_properties(id).map_err(|e| problem(self.format, e))
    }

    /// Whether the item is a picture by itself, of which nothing is cut off or turned.
    fn is_plain(&self, id: ItemId) -> Result<bool, Error> {
        let turns = |property: &Property| match property {
            Property::CleanAperture { .. } | Property::Mirror(_) => true,
            Property::Rotation(quarters) => *quarters > 0,
            _ => false,
        };
        Ok(!self.properties(id)?.any(turns))
    }

    /// The planes of an item, as they are stored.
    fn planes(&self, id: ItemId, depth: u32) -> Result<Planes, Error> {
        if depth > DEEPEST {
            return Err(self.damaged("its pictures are made of one another"));
        }
        let item = self.file.item(id).map_err(|e| problem(self.format, e))?;
        let (width, height) = self.size(id)?;
        let mut planes = match &item.item_type.0 {
            b"hvc1" | b"hev1" => hevc::decode(&self.file, id, allowed(width, height))?,
            b"av01" => av1::decode(self.bytes_of(id)?.into_owned(), allowed(width, height))?,
            b"grid" => self.grid(id, self.file.referenced_items(id, b"dimg"), depth)?,
            b"iden" => match self.file.referenced_items(id, b"dimg") {
                &[source] if source != id && self.is_plain(source)? => self.planes(source, depth + 1)?,
                _ => return Err(self.unsupported("made of a part of another picture")),
            },
            b"iovl" => return Err(self.unsupported("several pictures laid over one another")),
            other => {
                let kind = String::from_utf8_lossy(other).trim().to_string();
                return Err(self.unsupported(&format!("coded as `{kind}`")));
            }
        };
        // A codec works in blocks, so that it may hold more than is meant; less is a fault.
        if !planes.crop(width, height) {
            return Err(self.damaged("its picture is smaller than it says"));
        }
        if let Some((matrix, full_range)) = self.properties(id)?.find_map(nclx) {
            planes.meaning = Meaning { matrix, full_range };
        }
        Ok(planes)
    }

    fn bytes_of(&self, id: ItemId) -> Result<std::borrow::Cow<'a, [u8]>, Error> {
        self.file.item_data(id).map_err(|e| problem(self.format, e))
    }

    /// Tiles of one size, row by row (ISO/IEC 23008-12, 6.6.2.3.2).
    fn grid(&self, id: ItemId, tiles: &[ItemId], depth: u32) -> Result<Planes, Error> {
        let grid = self.file.grid(id).map_err(|e| problem(self.format, e))?;
        if tiles.len() != usize::from(grid.rows) * usize::from(grid.columns) {
            return Err(self.damaged("tiles are missing"));
        }
        let mut whole: Option<Planes> = None;
        for (place, &tile) in tiles.iter().enumerate() {
            if tile == id || !self.is_plain(tile)? {
                return Err(self.unsupported("turned tiles"));
            }
            let (row, column) = (place / usize::from(grid.columns), place % usize::from(grid.columns));
            let part = self.planes(tile, depth + 1)?;
            let (left, top) = (column * part.width, row * part.height);
            let canvas =
                whole.get_or_insert_with(|| part.canvas(grid.output_width as usize, grid.output_height as usize));
            if !canvas.paste(&part, left, top) {
                return Err(self.damaged("its tiles do not fit one another"));
            }
        }
        whole.ok_or_else(|| self.damaged("it has no tiles"))
    }

    /// The transparency of an item, which may stand beside each of its tiles, and whether its colours are multiplied by it.
    fn opacity(&self, id: ItemId) -> Result<Option<(Planes, bool)>, Error> {
        let multiplied = |id, alpha| self.file.referenced_items(id, b"prem").contains(&alpha);
        if let Some(alpha) = self.alpha_of(id)? {
            return Ok(Some((self.planes(alpha, 0)?, multiplied(id, alpha))));
        }
        let alphas = self.alphas_of_tiles(id)?;
        let Some((&first, &tile)) = alphas.first().zip(self.file.referenced_items(id, b"dimg").first()) else {
            return Ok(None);
        };
        let mut planes = self.grid(id, &alphas, 0)?;
        let (width, height) = self.size(id)?;
        planes.crop(width, height);
        Ok(Some((planes, multiplied(tile, first))))
    }

    /// The items that are the transparency of an item's tiles. None: not every tile has one.
    fn alphas_of_tiles(&self, id: ItemId) -> Result<Vec<ItemId>, Error> {
        let tiles = self.file.referenced_items(id, b"dimg").iter();
        Ok(tiles.map(|&tile| self.alpha_of(tile)).collect::<Result<Option<_>, _>>()?.unwrap_or_default())
    }

    /// The item that is the transparency of another.
    fn alpha_of(&self, id: ItemId) -> Result<Option<ItemId>, Error> {
        for beside in self.file.referencing_items(id, b"auxl") {
            let is_alpha = |property: &Property| matches!(property, Property::AuxiliaryType(kind) if ALPHA.contains(&kind.as_str()));
            if beside != id && self.properties(beside)?.any(is_alpha) {
                return Ok(Some(beside));
            }
        }
        Ok(None)
    }

    /// Cuts off what does not belong to the picture and turns it.
    fn turned(&self, id: ItemId, mut image: DynamicImage) -> Result<DynamicImage, Error> {
        for property in self.properties(id)? {
            image = match property {
                Property::CleanAperture { .. } => {
                    let (left, top, width, height) = size::aperture(property, image.width(), image.height())
                        .ok_or_else(|| self.damaged("what is to be cut off is more than there is"))?;
                    image.crop_imm(left, top, width, height)
                }
                Property::Rotation(1) => image.rotate270(),
                Property::Rotation(2) => image.rotate180(),
                Property::Rotation(3) => image.rotate90(),
                Property::Mirror(true) => image.flipv(),
                Property::Mirror(false) => image.fliph(),
                _ => image,
            };
        }
        Ok(image)
    }
}

impl Opened for Heif<'_> {
    fn header(&self) -> Header {
        let (width, height) = (self.width, self.height);
        Header { width, height, pixel_bytes: 6, orientation: Orientation::NoTransforms }
    }

    fn is_upright(&self) -> bool {
        !self.turned
    }

    /// A profile counts before code points. A picture of tiles may leave it to them.
    fn space(&self) -> Option<Space> {
        let primary = self.file.primary_id;
        let tile = self.file.referenced_items(primary, b"dimg").first().copied();
        [Some(primary), tile].into_iter().flatten().find_map(|id| {
            let colours = self.properties(id).ok()?.filter_map(|property| match property {
                Property::Color(colours) => Some(colours),
                _ => None,
            });
            let coded = |code: u16| u8::try_from(code).unwrap_or(0);
            let best = colours.min_by_key(|colours| matches!(colours, ColorInfo::Nclx { .. }))?;
            Some(match best {
                ColorInfo::Icc(bytes) => Space::Profile(bytes.clone()),
                &ColorInfo::Nclx { primaries, transfer, .. } => {
                    Space::Coded { primaries: coded(primaries), transfer: coded(transfer) }
                }
            })
        })
    }

    fn frame(self: Box<Self>, _: Option<u32>) -> Result<Frame, Error> {
        let id = self.file.primary_id;
        let planes = self.planes(id, 0)?;
        let (width, height) = (planes.width as u32, planes.height as u32);
        let pixels = planes.rgb().ok_or_else(|| self.unsupported("colours in a matrix that is not known"))?;
        drop(planes);
        let Some((opacity, premultiplied)) = self.opacity(id)? else {
            let image = super::colour::of_channels(width, height, 3, pixels);
            return Ok(Frame::of(self.turned(id, image)?));
        };
        let mut opacity = opacity.light();
        if (opacity.width, opacity.height) != (width, height) {
            // Transparency may be coarser than the colours.
            opacity.pixels = imageops::resize(
                &::image::GrayImage::from_raw(opacity.width, opacity.height, opacity.pixels).expect("a byte a pixel"),
                width,
                height,
                imageops::FilterType::Triangle,
            )
            .into_raw();
        }
        let pixels =
            pixels.as_chunks::<3>().0.iter().zip(&opacity.pixels).flat_map(|(&[r, g, b], &a)| [r, g, b, a]).collect();
        let image = super::colour::of_channels(width, height, 4, pixels);
        Ok(Frame { premultiplied, ..Frame::of(self.turned(id, image)?) })
    }
}

/// More pixels than a picture of this size can need are refused before there is room for them.
fn allowed(width: u32, height: u32) -> u32 {
    let padded = (u64::from(width) + 256) * (u64::from(height) + 256);
    u32::try_from(padded).unwrap_or(u32::MAX)
}

/// How the colours are coded.
fn nclx(property: &Property) -> Option<(u16, bool)> {
    match property {
        Property::Color(ColorInfo::Nclx { matrix, full_range, .. }) => Some((*matrix, *full_range)),
        _ => None,
    }
}

/// How many bytes are said of the items, without their own.
fn said(bytes: &[u8]) -> Option<usize> {
    let meta = BoxIter::new(bytes).map_while(Result::ok).find(|part| part.header.box_type.0 == *b"meta")?;
    let parts = BoxIter::new(meta.content.get(4..)?).map_while(Result::ok);
    Some(parts.filter(|part| part.header.box_type.0 != *b"idat").map(|part| part.content.len()).sum())
}

/// What the container's reader or a codec says, in our words.
fn problem(format: Format, what: impl std::fmt::Display) -> Error {
    Error::damaged(format, &what.to_string())
}
