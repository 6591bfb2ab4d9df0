//! Files of each kind, made here; what they say, and what is left of it when they are damaged.

use super::*;

const XMP: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about='' xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='4'
 xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="1,30.0S">
<d:description><rdf:Alt><rdf:li xml:lang="de">Strand</rdf:li><rdf:li xml:lang="x-default">Beach &amp; <![CDATA[<sea>]]>&#x21;</rdf:li></rdf:Alt></d:description>
<d:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li> sand </rdf:li><rdf:li>sea</rdf:li><rdf:li/></rdf:Bag></d:subject>
<exif:GPSLongitude>2,0,36E</exif:GPSLongitude>
<exif:Pantry><rdf:Bag><rdf:li><rdf:Description d:subject="no" xmp:Rating="1"/></rdf:li></rdf:Bag></exif:Pantry>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"#;

/// A field of a directory: tag, type, count, bytes.
type Field = (u16, u16, u32, Vec<u8>);

/// Makes TIFFs of either order.
#[derive(Clone, Copy)]
struct Tiff {
    big: bool,
}

impl Tiff {
    fn short(self, n: u16) -> Vec<u8> {
        if self.big { n.to_be_bytes().into() } else { n.to_le_bytes().into() }
    }

    fn long(self, n: u32) -> Vec<u8> {
        if self.big { n.to_be_bytes().into() } else { n.to_le_bytes().into() }
    }

    fn text(tag: u16, text: &str) -> Field {
        (tag, 2, text.len() as u32 + 1, [text.as_bytes(), b"\0"].concat())
    }

    fn ratios(self, tag: u16, ratios: &[(u32, u32)]) -> Field {
        (tag, 5, ratios.len() as u32, ratios.iter().flat_map(|&(a, b)| [self.long(a), self.long(b)].concat()).collect())
    }

    /// A directory that lies at `start`, and what does not fit into it behind it.
    fn directory(self, start: usize, fields: &[Field]) -> Vec<u8> {
        let mut sorted: Vec<&Field> = fields.iter().collect();
        sorted.sort_by_key(|field| field.0);
        let (mut head, mut tail) = (self.short(fields.len() as u16), Vec::<u8>::new());
        let behind = start + 2 + 12 * fields.len() + 4;
        for (tag, kind, count, data) in sorted {
            head.extend([self.short(*tag), self.short(*kind), self.long(*count)].concat());
            let mut four = data.clone();
            if data.len() > 4 {
                four = self.long((behind + tail.len()) as u32);
                tail.extend(data);
            }
            four.resize(4, 0);
            head.extend(four);
        }
        head.extend([0; 4]);
        head.extend(tail);
        head
    }

    fn head(self) -> Vec<u8> {
        [if self.big { b"MM".to_vec() } else { b"II".to_vec() }, self.short(42), self.long(8)].concat()
    }

    fn camera(self) -> Vec<Field> {
        vec![
            Tiff::text(0x9003, "2024:05:06 07:08:09"),
            Tiff::text(0x9291, "07"),
            Tiff::text(0x9011, "+02:00"),
            (0x8827, 3, 1, self.short(400)),
            self.ratios(0x829a, &[(1, 250)]),
            self.ratios(0x829d, &[(28, 10)]),
            self.ratios(0x920a, &[(50, 1)]),
            Tiff::text(0xa434, "50mm f/1.8"),
        ]
    }

    fn gps(self) -> Vec<Field> {
        vec![
            Tiff::text(1, "N"),
            self.ratios(2, &[(48, 1), (12, 1), (30, 1)]),
            Tiff::text(3, "W"),
            self.ratios(4, &[(16, 1), (30, 1), (0, 1)]),
            (5, 1, 1, vec![1]),
            self.ratios(6, &[(25, 2)]),
        ]
    }

    fn main() -> Vec<Field> {
        let texts = [(0x010e, "EXIF says"), (0x010f, "NIKON CORPORATION"), (0x0110, "NIKON D850")];
        texts.iter().map(|(tag, text)| Tiff::text(*tag, text)).collect()
    }

    /// All directories in one file, with more fields in the first.
    fn file(self, camera: &[Field], gps: &[Field], more: &[Field]) -> Vec<u8> {
        let mut main = [Tiff::main(), more.to_vec()].concat();
        let mut bytes = self.head();
        // The first directory is as long whatever stands in these.
        main.extend([(0x8769, 4, 1, self.long(0)), (0x8825, 4, 1, self.long(0))]);
        let first = self.directory(8, &main).len();
        let camera = self.directory(8 + first, camera);
        let at = [8 + first, 8 + first + camera.len()].map(|at| self.long(at as u32));
        let count = main.len();
        (main[count - 2].3, main[count - 1].3) = (at[0].clone(), at[1].clone());
        bytes.extend(self.directory(8, &main));
        bytes.extend(camera);
        bytes.extend(self.directory(bytes.len(), gps));
        bytes
    }

    fn whole(self) -> Vec<u8> {
        self.file(&self.camera(), &self.gps(), &[])
    }
}

const LITTLE: Tiff = Tiff { big: false };
const BIG: Tiff = Tiff { big: true };

fn segment(marker: u8, data: &[&[u8]]) -> Vec<u8> {
    let data = data.concat();
    [&[0xff, marker][..], &(data.len() as u16 + 2).to_be_bytes(), &data].concat()
}

fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    [&[0xff, 0xd8][..], &segments.concat(), b"\xff\xda\0\x02pixels\xff\xd9"].concat()
}

fn iptc(sets: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let set = |&(record, number, data): &(u8, u8, &[u8])| {
        [&[0x1c, record, number][..], &(data.len() as u16).to_be_bytes(), data].concat()
    };
    sets.iter().flat_map(set).collect()
}

fn resources(iptc: &[u8]) -> Vec<u8> {
    let other = [b"8BIM\x04\x25\x03abc".as_slice(), &3u32.to_be_bytes(), b"xyz\0"].concat();
    [&other, b"8BIM\x04\x04\0\0".as_slice(), &(iptc.len() as u32).to_be_bytes(), iptc].concat()
}

fn chunk(name: &[u8; 4], data: &[&[u8]]) -> Vec<u8> {
    let data = data.concat();
    [&(data.len() as u32).to_be_bytes()[..], name, &data, &[0; 4]].concat()
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), &chunks.concat(), &chunk(b"IEND", &[])].concat()
}

fn profile(name: &str, data: &[u8]) -> Vec<u8> {
    let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\n{name}\n{:8}\n{digits}\n", data.len()).into_bytes()
}

fn webp(exif: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8], data: &[u8]| {
        let pad = if data.len() % 2 == 1 { &[0][..] } else { &[] };
        [name, &(data.len() as u32).to_le_bytes(), data, pad].concat()
    };
    let chunks = [chunk(b"VP8X", &[0; 9]), chunk(b"EXIF", exif), chunk(b"XMP ", XMP.as_bytes())].concat();
    [b"RIFF".as_slice(), &(chunks.len() as u32 + 4).to_le_bytes(), b"WEBP", &chunks].concat()
}

fn boxed(name: &[u8], data: &[&[u8]]) -> Vec<u8> {
    let data = data.concat();
    [&(data.len() as u32 + 8).to_be_bytes(), name, &data].concat()
}

/// HEIF with its items in the file, or in `idat`.
fn heif(version: u8, inside: bool) -> Vec<u8> {
    let exif = [&[0, 0, 0, 6][..], b"Exif\0\0", &BIG.whole()].concat();
    let start = boxed(b"ftyp", &[b"heic\0\0\0\0mif1heic"]);
    let entry = |number: u8, kind: &[u8]| boxed(b"infe", &[&[2, 0, 0, 0, 0, number, 0, 0], kind]);
    let entries = [entry(1, b"Exif\0"), entry(2, b"mime\0application/rdf+xml\0")].concat();
    let iinf = boxed(b"iinf", &[&[0, 0, 0, 0, 0, 2], &entries]);
    let iloc = |base: usize| {
        let wide = |number: u16| {
            if version < 2 { number.to_be_bytes().to_vec() } else { u32::from(number).to_be_bytes().into() }
        };
        let item = |number: u16, at: usize, length: usize| {
            let method: &[u8] = if version == 0 { &[] } else { &[0, u8::from(inside)] };
            let (at, length) = (&(at as u32).to_be_bytes(), &(length as u32).to_be_bytes());
            [&wide(number), method, &[0, 0, 0, 1], at, length].concat()
        };
        let items = [item(1, base, exif.len()), item(2, base + exif.len(), XMP.len())].concat();
        boxed(b"iloc", &[&[version, 0, 0, 0, 0x44, 0], &wide(2), &items])
    };
    let meta = |base: usize| {
        let idat = if inside { boxed(b"idat", &[&exif, XMP.as_bytes()]) } else { Vec::new() };
        boxed(b"meta", &[&[0; 4], &iinf, &iloc(base), &idat])
    };
    let base = if inside { 0 } else { start.len() + meta(0).len() + 8 };
    let data = if inside { Vec::new() } else { boxed(b"mdat", &[&exif, XMP.as_bytes()]) };
    [start, meta(base), data].concat()
}

fn cr3() -> Vec<u8> {
    let uuid = b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
    let tiff = |fields: &[Field]| [LITTLE.head(), LITTLE.directory(8, fields)].concat();
    let parts = [
        boxed(b"CMT1", &[&tiff(&Tiff::main())]),
        boxed(b"CMT2", &[&tiff(&LITTLE.camera())]),
        boxed(b"CMT4", &[&tiff(&LITTLE.gps())]),
    ];
    let xmp = boxed(b"uuid", &[b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac", XMP.as_bytes()]);
    let moov = boxed(b"moov", &[&boxed(b"uuid", &[uuid, &parts.concat()])]);
    [boxed(b"ftyp", &[b"crx \0\0\0\x01crx isom"]), moov, xmp].concat()
}

/// Brotli of stored bytes (RFC 7932, 9.2): a window of 16 bits, pieces that are not compressed, and an end.
fn brotli(data: &[u8]) -> Vec<u8> {
    let (mut bits, mut at) = (vec![false], 0);
    let put = |number: usize, count: usize, bits: &mut Vec<bool>| {
        bits.extend((0..count).map(|at| number >> at & 1 == 1));
    };
    let mut out: Vec<u8> = Vec::new();
    let flush = |bits: &mut Vec<bool>, out: &mut Vec<u8>| {
        out.extend(bits.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit))));
        bits.clear();
    };
    while at < data.len() {
        let piece = &data[at..data.len().min(at + 60_000)];
        // Not the last; four digits of the length; stored.
        put(0, 1, &mut bits);
        put(0, 2, &mut bits);
        put(piece.len() - 1, 16, &mut bits);
        put(1, 1, &mut bits);
        flush(&mut bits, &mut out);
        out.extend(piece);
        at += piece.len();
    }
    put(3, 2, &mut bits);
    flush(&mut bits, &mut out);
    out
}

fn jxl(is_folded: bool) -> Vec<u8> {
    let exif = [&[0; 4][..], &LITTLE.whole()].concat();
    let (exif, xmp) = match is_folded {
        false => (boxed(b"Exif", &[&exif]), boxed(b"xml ", &[XMP.as_bytes()])),
        true => (boxed(b"brob", &[b"Exif", &brotli(&exif)]), boxed(b"brob", &[b"xml ", &brotli(XMP.as_bytes())])),
    };
    [b"\0\0\0\x0cJXL \r\n\x87\n".to_vec(), boxed(b"ftyp", &[b"jxl \0\0\0\0jxl "]), exif, xmp].concat()
}

fn gif() -> Vec<u8> {
    let magic: Vec<u8> = std::iter::once(1).chain((0..=255).rev()).chain([0, 0]).collect();
    [b"GIF89a\x01\0\x01\0\0\0\0\x21\xff\x0bXMP DataXMP".as_slice(), XMP.as_bytes(), &magic, b";"].concat()
}

fn raf(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = b"FUJIFILMCCD-RAW ".to_vec();
    bytes.resize(84, 0);
    bytes.extend([100u32.to_be_bytes(), (jpeg.len() as u32).to_be_bytes()].concat());
    bytes.resize(100, 0);
    [bytes, jpeg.to_vec()].concat()
}

fn exif_and_xmp(tiff: Tiff) -> Vec<u8> {
    let exif = segment(0xe1, &[b"Exif\0\0", &tiff.whole()]);
    jpeg(&[exif, segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()])])
}

/// A file of each kind, which says all of [`all`].
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let itxt = chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", XMP.as_bytes()]);
    let xmp = |tiff: Tiff| tiff.file(&tiff.camera(), &tiff.gps(), &[(700, 1, XMP.len() as u32, XMP.into())]);
    let raw = chunk(
        b"tEXt",
        &[b"Raw profile type exif\0", &profile("exif", &[b"Exif\0\0", LITTLE.whole().as_slice()].concat())],
    );
    vec![
        ("JPEG", exif_and_xmp(LITTLE)),
        ("JPEG, big endian", exif_and_xmp(BIG)),
        ("PNG", png(&[chunk(b"eXIf", &[&BIG.whole()]), itxt.clone()])),
        (
            "PNG by ImageMagick",
            png(&[raw, chunk(b"tEXt", &[b"Raw profile type xmp\0", &profile("xmp", XMP.as_bytes())])]),
        ),
        ("WebP", webp(&LITTLE.whole())),
        ("WebP with a name", webp(&[b"Exif\0\0", BIG.whole().as_slice()].concat())),
        ("TIFF", xmp(LITTLE)),
        ("TIFF, big endian", xmp(BIG)),
        ("ORF", [b"IIRO", &xmp(LITTLE)[4..]].concat()),
        ("HEIF", heif(0, false)),
        ("HEIF, version 1", heif(1, false)),
        ("HEIF, in idat", heif(1, true)),
        ("HEIF, version 2", heif(2, true)),
        ("CR3", cr3()),
        ("JPEG XL", jxl(false)),
        ("JPEG XL, compressed", jxl(true)),
        ("RAF", raf(&exif_and_xmp(BIG))),
    ]
}

fn all() -> Shot {
    Shot {
        taken: Some(1_714_979_289_070_000),
        taken_offset: Some(120),
        place: Some((48.0 + 12.0 / 60.0 + 30.0 / 3600.0, -16.5)),
        altitude: Some(-12.5),
        camera: Some("NIKON D850".into()),
        lens: Some("50mm f/1.8".into()),
        iso: Some(400),
        exposure: Some(0.004),
        f_number: Some(2.8),
        focal_length: Some(50.0),
        caption: Some("Beach & <sea>!".into()),
        keywords: vec!["sea".into(), "sand".into()],
        rating: Some(4),
    }
}

#[test]
fn every_kind_of_file_says_the_same() {
    for (kind, bytes) in files() {
        assert_eq!(read(&bytes, None), all(), "{kind}");
    }
    let written = read(&gif(), None);
    assert_eq!((written.keywords, written.rating), (all().keywords, Some(4)));
    assert_eq!(written.place, Some((-1.5, 2.01)));
    assert_eq!(read(b"", None), Shot::default());
}

#[test]
fn a_sidecar_wins_where_people_wrote_and_helps_where_cameras_said_nothing() {
    let sidecar = XMP.replace("Rating='4'", "Rating='-1' exif:FNumber='56/10' exif:ExposureTime='1/8'");
    let sidecar = sidecar.replace("> sand <", "> stones <").replace("Beach", "Cliff");
    let shot = read(&exif_and_xmp(LITTLE), Some(sidecar.as_bytes()));
    assert_eq!(shot.keywords, ["sea", "stones"]);
    assert_eq!((shot.caption.as_deref(), shot.rating), (Some("Cliff & <sea>!"), Some(-1)));
    assert_eq!((shot.f_number, shot.exposure), (Some(2.8), Some(0.004)));
    let clock = "exif:DateTimeOriginal='2024-05-06T07:08:09-05:00' exif:FNumber";
    let zoned = sidecar.replace("exif:FNumber", clock);
    let bare: Vec<Field> = LITTLE.camera().into_iter().filter(|field| field.0 != 0x9011).collect();
    let shot = read(&LITTLE.file(&bare, &[], &[]), Some(zoned.as_bytes()));
    assert_eq!((shot.taken, shot.taken_offset), (all().taken, Some(-300)), "the offset of the same second");
    let shot = read(&LITTLE.file(&bare, &[], &[]), Some(zoned.replace("07:08:09", "07:08:10").as_bytes()));
    assert_eq!((shot.taken, shot.taken_offset), (all().taken, None));
    let shot = read(b"no picture", Some(sidecar.as_bytes()));
    assert_eq!((shot.f_number, shot.exposure, shot.place), (Some(5.6), Some(0.125), Some((-1.5, 2.01))));
}

#[test]
fn iptc_speaks_where_xmp_does_not_and_exif_last() {
    let words = [(2, 25, b"Stra\xdfe".as_slice()), (2, 25, b"x"), (2, 25, b"x"), (2, 120, b"\x84Gr\xfc\xdfe\x93")];
    let old = iptc(&words);
    let with = |iptc: &[u8]| read(&jpeg(&[segment(0xed, &[b"Photoshop 3.0\0", &resources(iptc)])]), None);
    assert_eq!(with(&old).keywords, ["Straße", "x"]);
    assert_eq!(with(&old).caption.as_deref(), Some("„Grüße“"));
    let utf8 = iptc(&[
        (1, 90, b"\x1b%G"),
        (2, 25, "Straße".as_bytes()),
        (2, 55, b"20240506"),
        (2, 60, b"070809-0330"),
        (2, 120, "Grüße".as_bytes()),
    ]);
    let shot = with(&utf8);
    assert_eq!((shot.keywords, shot.caption.as_deref()), (vec!["Straße".to_string()], Some("Grüße")));
    assert_eq!((shot.taken, shot.taken_offset), (Some(1_714_979_289_000_000), Some(-210)));
    // A resource that goes on in the next segment.
    let long = resources(&utf8);
    let (one, other) = long.split_at(40);
    let parts = [one, other].map(|part| segment(0xed, &[b"Photoshop 3.0\0", part]));
    assert_eq!(read(&jpeg(&parts), None).caption.as_deref(), Some("Grüße"));
    // Of TIFF as bytes, and as numbers that were turned around.
    let mut turned = utf8.clone();
    turned.resize(utf8.len().next_multiple_of(4), 0);
    turned.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    for field in [(33_723, 7, utf8.len() as u32, utf8.clone()), (33_723, 4, turned.len() as u32 / 4, turned)] {
        let shot = read(&LITTLE.file(&[], &[], &[field]), None);
        assert_eq!(shot.caption.as_deref(), Some("Grüße"));
    }
    assert_eq!(read(&LITTLE.whole(), None).caption.as_deref(), Some("EXIF says"));
}

#[test]
fn xmp_is_read_in_every_form() {
    let plain = read(b"", Some(XMP.as_bytes()));
    let wide = |unit: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        mark.into_iter().chain(XMP.encode_utf16()).flat_map(unit).collect()
    };
    for mark in [true, false] {
        assert_eq!(read(b"", Some(&wide(u16::to_be_bytes, mark))), plain);
        assert_eq!(read(b"", Some(&wide(u16::to_le_bytes, mark))), plain);
    }
    // As Apple's Photos writes places.
    let apart = XMP.replace("1,30.0S", "1.5").replace(">2,0,36E<", ">2.25<");
    let apart = apart.replace("exif:GPSLatitude", "exif:GPSLatitudeRef='S' exif:GPSLongitudeRef='W' exif:GPSLatitude");
    assert_eq!(read(b"", Some(apart.as_bytes())).place, Some((-1.5, -2.25)));
    // Cut anywhere it says no more than the whole.
    for end in 0..XMP.len() {
        let shot = read(b"", Some(&XMP.as_bytes()[..end]));
        assert!(shot.rating.is_none_or(|rating| rating == 4), "{end}");
        assert!(plain.keywords.starts_with(&shot.keywords), "{end}: {:?}", shot.keywords);
    }
    let deep = XMP.replace("<rdf:li>sea", &format!("{}<rdf:li>sea", "<a>".repeat(100_000)));
    assert_eq!(read(b"", Some(deep.as_bytes())).rating, Some(4));
    let prefixes: String = (0..100_000).map(|i| format!(" xmlns:p{i}='x'")).collect();
    let many = XMP.replace("<rdf:Description", &format!("<rdf:Description{prefixes}"));
    assert_eq!(read(b"", Some(many.as_bytes())), Shot::default());
}

#[test]
fn what_did_not_fit_into_the_xmp_of_a_jpeg_is_read_too() {
    let digest = "0123456789ABCDEF0123456789ABCDEF";
    let main = format!(
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description xmlns:n='http://ns.adobe.com/xmp/note/' n:HasExtendedXMP='{digest}'/></rdf:RDF>"
    );
    let (one, other) = XMP.split_at(300);
    let piece = |digest: &str, at: usize, text: &str| {
        let head = [&(XMP.len() as u32).to_be_bytes()[..], &(at as u32).to_be_bytes()].concat();
        segment(0xe1, &[b"http://ns.adobe.com/xmp/extension/\0", digest.as_bytes(), &head, text.as_bytes()])
    };
    let main = segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", main.as_bytes()]);
    let shot = read(&jpeg(&[main.clone(), piece(digest, 300, other), piece(digest, 0, one)]), None);
    assert_eq!((shot.rating, shot.keywords.len()), (Some(4), 2));
    let foreign = digest.replace('0', "F");
    assert_eq!(read(&jpeg(&[main.clone(), piece(&foreign, 0, XMP)]), None), Shot::default());
    assert_eq!(read(&jpeg(&[main, piece(digest, 300, other)]), None), Shot::default());
}

#[test]
fn what_is_broken_is_unknown() {
    let with = |camera: &[Field], gps: &[Field]| read(&LITTLE.file(camera, gps, &[]), None);
    let at = |lat: &[(u32, u32)], lon: &[(u32, u32)], more: &[Field]| {
        with(&[], &[&[LITTLE.ratios(2, lat), LITTLE.ratios(4, lon)], more].concat()).place
    };
    assert_eq!(at(&[(48, 1), (12, 1), (0, 0)], &[(16, 1)], &[]), None, "seconds are 0/0");
    assert_eq!(at(&[(48, 1), (30, 1)], &[(16, 1)], &[]), Some((48.5, 16.0)), "no letters");
    assert_eq!(at(&[(91, 1)], &[(16, 1)], &[]), None);
    assert_eq!(at(&[(48, 1)], &[(181, 1)], &[]), None);
    assert_eq!(at(&[(0, 1)], &[(0, 1)], &[]), Some((0.0, 0.0)));
    assert_eq!(at(&[(0, 1)], &[(0, 1)], &[Tiff::text(9, "V")]), None, "a receiver without a fix");
    let shot = with(
        &[
            Tiff::text(0x9003, "0000:00:00 00:00:00"),
            Tiff::text(0x9011, "   :  "),
            LITTLE.ratios(0x829a, &[(0, 0)]),
            LITTLE.ratios(0x829d, &[(0, 1)]),
            LITTLE.ratios(0x920a, &[(1, 0)]),
            Tiff::text(0xa434, "----"),
            (0x8827, 3, 1, LITTLE.short(0)),
        ],
        &[],
    );
    assert_eq!(shot, Shot { camera: shot.camera.clone(), caption: shot.caption.clone(), ..Shot::default() });
    let shot = with(&[Tiff::text(0x9003, "2024:05:06 07:08:09"), Tiff::text(0x9011, "   :  ")], &[]);
    assert_eq!((shot.taken, shot.taken_offset), (Some(1_714_979_289_000_000), None));
    let long =
        [(0x8827, 3, 1, LITTLE.short(65_535)), (0x8830, 3, 1, LITTLE.short(2)), (0x8832, 4, 1, LITTLE.long(102_400))];
    assert_eq!(with(&long, &[]).iso, Some(102_400));
    for (text, rating) in
        [("-1", Some(-1)), ("0", Some(0)), ("5.0", Some(5)), ("3.5", Some(3)), ("6", None), ("x", None)]
    {
        let sidecar = XMP.replace("Rating='4'", &format!("Rating='{text}'"));
        assert_eq!(read(b"", Some(sidecar.as_bytes())).rating, rating, "{text}");
    }
}

#[test]
fn damage_does_no_harm() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for (kind, whole) in files().into_iter().chain([("GIF", gif()), ("sidecar", XMP.into())]) {
        for _ in 0..2000 {
            let mut bytes = whole.clone();
            for _ in 0..=random(6) {
                let at = random(bytes.len());
                match random(5) {
                    0 => bytes[at] = random(256) as u8,
                    1 => bytes[at] ^= 1 << random(8),
                    2 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                    3 => bytes.truncate(at.max(1)),
                    _ => {
                        let piece = bytes[at..bytes.len().min(at + 40)].to_vec();
                        let to = random(bytes.len());
                        bytes.splice(to..to, piece);
                    }
                }
            }
            let shot = if kind == "sidecar" { read(b"", Some(&bytes)) } else { read(&bytes, None) };
            let finite = [shot.altitude, shot.exposure, shot.f_number, shot.focal_length];
            assert!(finite.iter().flatten().all(|number| number.is_finite()), "{kind}");
            assert!(shot.place.is_none_or(|(lat, lon)| lat.abs() <= 90.0 && lon.abs() <= 180.0), "{kind}");
            assert!(shot.rating.is_none_or(|rating| (-1..=5).contains(&rating)), "{kind}");
            assert!(shot.iso.is_none_or(|iso| iso > 0), "{kind}");
            assert!(shot.taken_offset.is_none_or(|minutes| minutes.abs() < 15 * 60), "{kind}");
            let year = shot.taken.map(|micros| micros / (365 * 86_400 * 1_000_000));
            assert!(year.is_none_or(|year| (-1972..8040).contains(&year)), "{kind}");
        }
    }
}
