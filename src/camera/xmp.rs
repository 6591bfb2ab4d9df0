//! XMP (ISO 16684-1): RDF in XML, in which programs write what people said, and repeat what EXIF says.
//!
//! Only what stands right below `rdf:RDF`, in a `rdf:Description`: pictures that a picture was made from are described deeper
//! down. Namespaces count, not prefixes. A text that is not well formed is read as far as it is.

use std::borrow::Cow;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, QName, ResolveResult};
use quick_xml::{NsReader, XmlVersion};

use super::moment::Moment;
use super::said::{Said, iso, keywords, lens, place, positive, rating};
use super::text::{MOST_TEXT, clean};

/// A longer packet is none; those with thumbnails and maps of depth have some megabytes.
const MOST_BYTES: usize = 64 << 20;
/// Elements within elements.
const MOST_LEVELS: usize = 64;
/// Values that are kept.
const MOST_VALUES: usize = 10_000;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const AUX: &str = "http://ns.adobe.com/exif/1.0/aux/";
const DC: &str = "http://purl.org/dc/elements/1.1/";
const EXIF: &str = "http://ns.adobe.com/exif/1.0/";
const EXIF_EX: &str = "http://cipa.jp/exif/1.0/";
const NOTE: &str = "http://ns.adobe.com/xmp/note/";
const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
const TIFF: &str = "http://ns.adobe.com/tiff/1.0/";
const XMP: &str = "http://ns.adobe.com/xap/1.0/";

/// What a packet says.
#[derive(Debug, Default)]
pub(super) struct Packet {
    pub said: Said,
    /// The digest of what did not fit into it, in a JPEG.
    pub extension: Option<String>,
}

/// A property that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    Altitude,
    AltitudeRef,
    Created,
    DateCreated,
    Description,
    Digitized,
    Exposure,
    Extension,
    FNumber,
    FocalLength,
    Latitude,
    LatitudeRef,
    Lens,
    LensModel,
    Longitude,
    LongitudeRef,
    Make,
    Model,
    Original,
    Rating,
    Sensitivity,
    Status,
    Subject,
}

impl Property {
    fn of(namespace: &str, local: &str) -> Option<Property> {
        Some(match (namespace, local) {
            (AUX, "Lens") => Property::Lens,
            (DC, "description") => Property::Description,
            (DC, "subject") => Property::Subject,
            (EXIF, "DateTimeDigitized") => Property::Digitized,
            (EXIF, "DateTimeOriginal") => Property::Original,
            (EXIF, "ExposureTime") => Property::Exposure,
            (EXIF, "FNumber") => Property::FNumber,
            (EXIF, "FocalLength") => Property::FocalLength,
            (EXIF, "GPSAltitude") => Property::Altitude,
            (EXIF, "GPSAltitudeRef") => Property::AltitudeRef,
            (EXIF, "GPSLatitude") => Property::Latitude,
            (EXIF, "GPSLatitudeRef") => Property::LatitudeRef,
            (EXIF, "GPSLongitude") => Property::Longitude,
            (EXIF, "GPSLongitudeRef") => Property::LongitudeRef,
            (EXIF, "GPSStatus") => Property::Status,
            (EXIF, "ISOSpeedRatings") | (EXIF_EX, "PhotographicSensitivity") => Property::Sensitivity,
            (EXIF_EX, "LensModel") => Property::LensModel,
            (NOTE, "HasExtendedXMP") => Property::Extension,
            (PHOTOSHOP, "DateCreated") => Property::DateCreated,
            (TIFF, "Make") => Property::Make,
            (TIFF, "Model") => Property::Model,
            (XMP, "CreateDate") => Property::Created,
            (XMP, "Rating") => Property::Rating,
            _ => return None,
        })
    }
}

/// Where in the tree an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Rdf,
    Description,
    Property(Property),
    /// `rdf:Bag`, `rdf:Seq`, `rdf:Alt`.
    List(Property),
    /// `rdf:li`; whether it is in the language of those who asked for none.
    Item(Property, bool),
    Elsewhere,
}

/// A value: of an `rdf:Alt` whether it is the one for all languages.
struct Value {
    property: Property,
    is_default: bool,
    text: String,
}

/// Reads a packet of any encoding that XMP may have.
pub(super) fn read(bytes: &[u8]) -> Packet {
    if bytes.len() > MOST_BYTES {
        return Packet::default();
    }
    packet(&values(&decoded(bytes)))
}

/// UTF-8, or UTF-16 as its mark or its first `<` shows.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes).into(),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes).into(),
        [0, b'<', ..] => wide(bytes, u16::from_be_bytes).into(),
        [b'<', 0, ..] => wide(bytes, u16::from_le_bytes).into(),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn values(text: &str) -> Vec<Value> {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().allow_dangling_amp = true;
    let (mut values, mut open, mut content): (Vec<Value>, Vec<Place>, String) = Default::default();
    // What follows a mistake cannot be told apart.
    while let Ok(event) = reader.read_event() {
        if values.len() > MOST_VALUES || open.len() > MOST_LEVELS {
            break;
        }
        match event {
            Event::Start(start) => {
                let place = enter(&reader, open.last().copied(), &start, &mut values);
                content.clear();
                open.push(place);
            }
            Event::Empty(start) => {
                enter(&reader, open.last().copied(), &start, &mut values);
            }
            Event::End(_) => {
                let found = match open.pop() {
                    Some(Place::Property(property)) => Some((property, false)),
                    Some(Place::Item(property, is_default)) => Some((property, is_default)),
                    _ => None,
                };
                let text = clean(&content);
                values.extend(found.zip(text).map(|((property, is_default), text)| Value {
                    property,
                    is_default,
                    text,
                }));
                content.clear();
            }
            Event::Text(text) => push(&mut content, &text.xml10_content()),
            Event::CData(text) => push(&mut content, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                push(
                    &mut content,
                    character(&reference)
                        .map(|c| c.encode_utf8(&mut [0; 4]).to_string())
                        .as_deref()
                        .unwrap_or_default(),
                );
            }
            Event::Eof => break,
            _ => {}
        }
    }
    values
}

fn push(content: &mut String, text: &str) {
    if content.len() <= MOST_TEXT {
        content.push_str(&text[..text.floor_char_boundary(MOST_TEXT + 1)]);
    }
}

fn character(reference: &BytesRef) -> Option<char> {
    match &**reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

/// The place of an element that begins; the attributes of a description are values too.
fn enter(reader: &NsReader<&[u8]>, parent: Option<Place>, start: &BytesStart, values: &mut Vec<Value>) -> Place {
    let name = |name: QName, is_element: bool| {
        let (namespace, local) = reader.resolver().resolve(name, is_element);
        match namespace {
            ResolveResult::Bound(Namespace(namespace)) => Some((namespace.to_string(), local.into_inner().to_string())),
            _ => None,
        }
    };
    let own = name(start.name(), true);
    let own = own.as_ref().map(|(namespace, local)| (namespace.as_str(), local.as_str()));
    let is_rdf = |wanted: &[&str]| own.is_some_and(|(namespace, local)| namespace == RDF && wanted.contains(&local));
    match parent.unwrap_or(Place::Outside) {
        Place::Outside if is_rdf(&["RDF"]) => Place::Rdf,
        Place::Outside => Place::Outside,
        Place::Rdf if is_rdf(&["Description"]) => {
            for attribute in start.attributes().with_checks(false).flatten().take(MOST_VALUES) {
                let property =
                    name(attribute.key, false).and_then(|(namespace, local)| Property::of(&namespace, &local));
                let text = attribute.normalized_value(XmlVersion::Implicit1_0).ok().and_then(|text| clean(&text));
                values.extend(property.zip(text).map(|(property, text)| Value { property, is_default: false, text }));
            }
            Place::Description
        }
        Place::Description => {
            own.and_then(|(namespace, local)| Property::of(namespace, local)).map_or(Place::Elsewhere, Place::Property)
        }
        Place::Property(property) if is_rdf(&["Bag", "Seq", "Alt"]) => Place::List(property),
        Place::List(property) if is_rdf(&["li"]) => {
            let is_default = start.attributes().with_checks(false).flatten().any(|attribute| {
                let is_lang = name(attribute.key, false).is_some_and(|(space, local)| space == XML && local == "lang");
                is_lang && &*attribute.value == "x-default"
            });
            Place::Item(property, is_default)
        }
        _ => Place::Elsewhere,
    }
}

fn packet(values: &[Value]) -> Packet {
    let all = |property: Property| values.iter().filter(move |value| value.property == property);
    let one = |property: Property| {
        let text = all(property).find(|value| value.is_default).or_else(|| all(property).next());
        text.map(|value| value.text.as_str())
    };
    let owned = |property: Property| one(property).map(str::to_string);
    let moment = |property: Property| one(property).and_then(Moment::read);
    let number = |property: Property| one(property).and_then(fraction);
    let measured = |property: Property| number(property).and_then(positive);
    let angle = |property: Property, letter: Property| one(property).and_then(|text| degrees(text, one(letter)));
    let lat = angle(Property::Latitude, Property::LatitudeRef);
    let place = place(lat, angle(Property::Longitude, Property::LongitudeRef));
    let is_void = one(Property::Status) == Some("V");
    let below = one(Property::AltitudeRef).is_some_and(|place| ["1", "3"].contains(&place));
    let altitude = number(Property::Altitude).filter(|metres| metres.is_finite());
    let said = Said {
        original: moment(Property::Original).or_else(|| moment(Property::DateCreated)),
        digitized: moment(Property::Digitized).or_else(|| moment(Property::Created)),
        place: place.filter(|&place| place != (0.0, 0.0) || !is_void),
        altitude: altitude.map(|metres| if below { -metres } else { metres }),
        make: owned(Property::Make),
        model: owned(Property::Model),
        lens: owned(Property::LensModel).and_then(lens).or_else(|| owned(Property::Lens).and_then(lens)),
        iso: number(Property::Sensitivity).and_then(iso),
        exposure: measured(Property::Exposure),
        f_number: measured(Property::FNumber),
        focal_length: measured(Property::FocalLength),
        caption: owned(Property::Description),
        keywords: keywords(all(Property::Subject).map(|value| &value.text)),
        rating: number(Property::Rating).and_then(rating),
    };
    Packet { said, extension: owned(Property::Extension) }
}

/// `1/125`, `8`, `2.8`.
fn fraction(text: &str) -> Option<f64> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    match text.split_once('/') {
        Some((above, below)) => Some(number(above)? / number(below)?),
        None => number(text),
    }
}

/// `48,12.5N`, `48,12,30N` (ISO 16684-1, 8.2.1.6); as some programs write it, `-48.2083`, or `48.2083` with a letter elsewhere.
fn degrees(text: &str, letter: Option<&str>) -> Option<f64> {
    let (parts, own) = match text.strip_suffix(['N', 'E', 'S', 'W', 'n', 'e', 's', 'w']) {
        Some(parts) => (parts, text.get(parts.len()..)),
        None => (text, letter),
    };
    let mut sum = 0.0;
    for (at, part) in parts.split(',').enumerate() {
        sum += part.trim().parse::<f64>().ok()? / *[1.0, 60.0, 3600.0].get(at)?;
    }
    let is_negative = own.is_some_and(|letter| letter.starts_with(['S', 'W', 's', 'w']));
    sum.is_finite().then_some(if is_negative { -sum } else { sum })
}
