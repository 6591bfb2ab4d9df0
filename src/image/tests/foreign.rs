//! Formats that nothing here can write: pictures of 16 x 12 pixels in four colours, made for these tests by libheif, libavif,
//! libjxl and OpenJPEG.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heifer_isobmff::boxes::HevcConfig;
use heifer_isobmff::writer::{HeifWriter, ImageSpec};

use super::*;

/// Upper left, upper right, lower left, lower right.
const COLOURS: [[u8; 3]; 4] = [[200, 60, 40], [40, 160, 90], [60, 70, 210], [240, 230, 30]];
const HEIC: &str = "\
    AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAX5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAA\
    AAAERAAAEAAQAAAAABogABAAAAAAAAAQIAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/mlwcnAA\
    AADeaXBjbwAAAHdodmNDAQQIAAAAnjgAAAAAHvAA/P/4+AAADwNgAAEAF0ABDAH//wQIAAADAJ44AAADAAAeugJAYQABACpCAQEECAAAAwCeOA\
    AAAwAAHpAEECCy3VXTXNwENBgQAAADAZAAAAMAEIBiAAEACEQBwXMYMBiQAAAAE2NvbHJuY2x4AAEADQAGgAAAABRpc3BlAAAAAAAAAEAAAABA\
    AAAAKGNsYXAAAAAQAAAAAQAAAAwAAAAB////0AAAAAL////MAAAAAgAAABBwaXhpAAAAAAMICAgAAAAYaXBtYQAAAAAAAAABAAEFgQIDBYQAAA\
    EKbWRhdAAAAP4oAa8GMh/rRjDkIqxwY1fPDXuO4lmDYKK/QO7992Sw/uT7yl0I37P0637+nKwx4qfa80JLitfYCeWrfGj2+z53W72/CH1r7pAi\
    I8ekvtNwExs/dvbB7gMEgoI25wXPjYJt7QQecl3OmETdQCfjSHyTf3W/O/+CxO0yF9/ttyBS2ixXTG862IDXt0wtThx/bSilDjKXKz8Pm+kE1M\
    D6fyHvPs/4gawDOkXDkDjVDD9tKKUOMpc/S2Q5JIoxoJWV7myeMpzP53p7JPnh89/43VUyN42UcZMsolTOeHjcy0EOCythdmsDmi+nxA77AIkg\
    SmTy5GkSZMVIJCfY566UwA==";
const HEIC_TURNED: &str = "\
    AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAcdtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAA\
    AAAERAAAIAAQAAAAAB6wABAAAAAAAAAVYAAgAAAAADQQABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVp\
    bmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABBmlwcnAAAADlaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGE\
    ABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAA\
    ABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEAAAAMAAAAAf///9AAAAAC////zAAAAAIAAAAQcG\
    l4aQAAAAADCAgIAAAACWlyb3QDAAAAGWlwbWEAAAAAAAAAAQABBoECAwWEhgAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAABgm1kYXQAAAFS\
    KAGvBjIIvzArgF6xbw1fUvV7juJcMiUislURfP2J9V9v90hYfq/o/vfq9m6A85a0ggz2LPndbxT8mfaL8B/AsHsTr3k9KHGcM5syFYPBEB/5V2\
    YVQbay/AVDdWf7l7qGqm9YFxk/QI5fL05q220jXqv9b/bf5D+0zb563azmwgGP7A5R9JVKDJBISPh1sGKXI4eV9b/bf5D+0tnujfXQ3ESpWTun\
    5za4Oekz4wjuGdQciAj0JdXLf6ajI6WIBEeA+lGScnnjXaN5uqgBYdhq+7AtAkWafLst7EZvygATJWraHTiXQJzD/uXI06uQPiCp3hLqu8PbO2\
    gcQiisH8eq1r25k3a8XHYIKgwAHpCvK/wjPTpgbYHoyQxJ1KZqKTrNM8hI4eZxOJZbCvwt/loXASyfiMT18IABRDJnZTu1Db6Z+RUaeTYro221\
    XYAAPRgGw84AAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=";
const HEIC_ALPHA: &str = "\
    AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAm1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAA\
    AAAERAAAIAAQAAAAACkQABAAAAAAAAAQIAAgAAAAADkwABAAAAAAAAAKAAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVp\
    bmZlAgAAAAACAABodmMxAAAAAA5waXRtAAAAAAABAAABrGlwcnAAAAGEaXBjbwAAAHdodmNDAQQIAAAAnjgAAAAAHvAA/P/4+AAADwNgAAEAF0\
    ABDAH//wQIAAADAJ44AAADAAAeugJAYQABACpCAQEECAAAAwCeOAAAAwAAHpAEECCy3VXTXNwENBgQAAADAZAAAAMAEIBiAAEACEQBwXMYMBiQ\
    AAAAE2NvbHJuY2x4AAEADQAGgAAAABRpc3BlAAAAAAAAAEAAAABAAAAAKGNsYXAAAAAQAAAAAQAAAAwAAAAB////0AAAAAL////MAAAAAgAAAB\
    BwaXhpAAAAAAMICAgAAABxaHZjQwEECAAAAJ/4AAAAAB7wAPz8+PgAAA8DYAABABdAAQwB//8ECAAAAwCf+AAAAwAAHroCQGEAAQAmQgEBBAgA\
    AAMAn/gAAAMAAB7AggQWW6q6a5sCAAADADIAAAMAAhBiAAEABkQBwXPBiQAAAA5waXhpAAAAAAEIAAAAJ2F1eEMAAAAAdXJuOm1wZWc6aGV2Yz\
    oyMDE1OmF1eGlkOjEAAAAAIGlwbWEAAAAAAAAAAgABBYECAwWEAAIFhgMHiIQAAAAaaXJlZgAAAAAAAAAOYXV4bAACAAEAAQAAAaptZGF0AAAA\
    /igBrwYyH+tGMOQirHBjV88Ne47iWYNgor9A7v33ZLD+5PvKXQjfs/Trfv6crDHip9rzQkuK19gJ5at8aPb7Pndbvb8IfWvukCIjx6S+03ATGz\
    929sHuAwSCgjbnBc+Ngm3tBB5yXc6YRN1AJ+NIfJN/db87/4LE7TIX3+23IFLaLFdMbzrYgNe3TC1OHH9tKKUOMpcrPw+b6QTUwPp/Ie8+z/iB\
    rAM6RcOQONUMP20opQ4ylz9LZDkkijGglZXubJ4ynM/nensk+eHz3/jdVTI3jZRxkyyiVM54eNzLQQ4LK2F2awOaL6fEDvsAiSBKZPLkaRJkxU\
    gkJ9jnrpTAAAAAnCgBrgxkNVLDs+McCDouyfmkXgjXD8vTtXZ7rqn62/nR+Lj9oeZ/oO/qIfwSP2LDbMN7QKj95x8cUMTVmZWdmu4eUHcEnPXD\
    hxpEkwLxcR2v3n+C1neOFDdA5r0x7qM30qX+9hXDw4FObpRmh/BOOvnLkgDe6zaaWw56EM194w/905S1ENzlnfqhal2dM85xaKYVAwQRgum6Vf\
    k4YA==";
const AVIF: &str = "\
    AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcG\
    l0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAMQAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABq\
    aXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAEAAAAAwAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBIAAAAAAAE2NvbHJuY2x4AAEADQAGgAAAAB\
    dpcG1hAAAAAAAAAAEAAQQBAoMEAAAAOW1kYXQSAAoIOAz+20BDQaQyI0SAkNKgADyAAAT/xjO53T89bKbo9v46UvTbJSn0Zoqy668o";
const AVIF_TURNED: &str = "\
    AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAAD1bWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcG\
    l0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEdAAAAMgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAAB0\
    aXBycAAAAFRpcGNvAAAAFGlzcGUAAAAAAAAAEAAAAAwAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAAA\
    lpcm90AwAAABhpcG1hAAAAAAAAAAEAAQUBAoMEhQAAADptZGF0EgAKCRgM/tsgIaDQgDIjRIH9/apAAHkAAAiiS+5s1bZCYVj2EpKOam7CMwQx\
    ICSooB4=";
const AVIF_ALPHA: &str = "\
    AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAGGbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcG\
    l0bQAAAAAAAQAAACxpbG9jAAAAAEQAAAIAAQAAAAEAAAHFAAAAMQACAAAAAQAAAa4AAAAXAAAAQmlpbmYAAAAAAAIAAAAaaW5mZQIAAAAAAQAA\
    YXYwMUNvbG9yAAAAABppbmZlAgAAAAACAABhdjAxQWxwaGEAAAAAGmlyZWYAAAAAAAAADmF1eGwAAgABAAEAAADDaXBycAAAAJ1pcGNvAAAAFG\
    lzcGUAAAAAAAAAEAAAAAwAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBIAAAAAAAE2NvbHJuY2x4AAEADQAGgAAAAA5waXhpAAAAAAEIAAAADGF2\
    MUOBABwAAAAAOGF1eEMAAAAAdXJuOm1wZWc6bXBlZ0I6Y2ljcDpzeXN0ZW1zOmF1eGlsaWFyeTphbHBoYQAAAAAeaXBtYQAAAAAAAAACAAEEAQ\
    KDBAACBAEFhgcAAABQbWRhdBIACgUYDP75VDIMRDAAAESMnLwUfZ2AEgAKCDgM/ttAQ0GkMiNEQIjUoAA8gAAE/8XFdt+wkMsaa1lQlz1vB/3Y\
    zMc1j5V7cA==";
const AVIF_OF_10_BITS: &str = "\
    AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcG\
    l0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAANAAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABq\
    aXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAEAAAAAwAAAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAAAAAAE2NvbHJuY2x4AAIAAgAGgAAAAB\
    dpcG1hAAAAAAAAAAEAAQQBAoMEAAAAPG1kYXQSAAoIOAz+28CAgaQyJkSAkNKgADyAAAT/xgyIXQtQmpxTa1PM06UvTaOVH4evwwJnuq8o";
const JXL: &str = "/wpYMBAJCAQBAJwASxiTjoODKTAieDz3XiAIAIpOmgk8uFlgoVvGRfn78OpvcG8OCC4B";
const JXL_LOSSY: &str = "\
    /wpYsAEAE4gCAGgDtZ8gAAAVKqOMG7yc6/nyQ4fFtI3rDG21bWEJY7O9MEhIOAM9rfBYvfkcCHuLjqA8fmcf3hLZy+fR02zYAI+KGgAVUiDVbk\
    8ppvLyoi4jL2PGi5kiGQBQLKtDGIGd3YRBORCOH7gvYAVOQ8hfJbGZKqpuuTgG77IQ9oyaKjB+gyKpVM0U0BWk7OLgjAPYeQFwSVZKtWZyax+F\
    qSArVJCmxY8Fqlakvg8iOT7vTu8lm0vkUeruRye6FHy/wGb8VUv94L7bzT9HVgwU/RcGQWBsheuMB6YO6cMR2AQ=";
const JXL_ALPHA: &str = "\
    /wpYMLASCBAQANwASxiTjoODKTBi6BTPvRcQA8CukSIAT/4NWJhZTOlbxUWcY0mRPFwzG3zJnRBCgEYXYijGesPrCw==";
const JP2: &str = "\
    AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAADAAAABAAAwcHAAAAAAAPY29scgEAAAAAABAAAAFuan\
    AyY/9P/1EALwAAAAAAEAAAAAwAAAAAAAAAAAAAABAAAAAMAAAAAAAAAAAAAwcBAQcBAQcBAf9SAAwAAAABAQAEBAAB/1wABEBA/2QAJQABQ3Jl\
    YXRlZCBieSBPcGVuSlBFRyB2ZXJzaW9uIDIuNS40/5AACgAAAAAA9gAB/5PH1JoRUFMZAJ4DZg4Ko3kxcgAAYSERF/4R9XvHKIEg+AQHXQAAAA\
    DCNYfY/TMvWpSfdrEnOdEvdnWEhIa2wGEeYpxH3Zj61KUTD1KgAwkJf9+CSGYBYhCfzwY3ogiDAtQAKgJAr15jZEIAGEgykhXXXCSYwJwjnm1q\
    kczMyqZfNSV3nNu9dUHZ1hISGtsBhHmKcR92Y+tSlExD/3/fgkgUAFsZAJ4BDDp5TJigAAAwkJYgtAAAAAwjWH1tWppeVPA8hVJBDtj3AAAwjn\
    E8KPIgksur4/9Hl/l3etSk5znOdIzEmYiAYSEv/9k=";
const J2K_GREY: &str = "\
    /0//UQApAAAAAAAQAAAADAAAAAAAAAAAAAAAEAAAAAwAAAAAAAAAAAABBwEB/1IADAAAAAEAAAQEAAH/XAAEQED/ZAAlAAFDcmVhdGVkIGJ5IE\
    9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAABZAAH/k8+1IBQAW0O3XaoBbIHcY93nNu9dUHZ1hIIR54BhHmKcR9ymiPuU0R9ymiQluf7y\
    7vWpSc5znOkZiXm9dvvNu9dUHZ1hH0KYJCX/f//Z";

fn file(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

/// The middles of the four quarters, whichever way the picture is turned.
fn quarters(rgb: &Rgb) -> [[u8; 3]; 4] {
    let (width, height) = (rgb.width as usize, rgb.height as usize);
    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| {
        let at = (height * (1 + 2 * y) / 4) * width + width * (1 + 2 * x) / 4;
        *rgb.pixels[3 * at..].first_chunk().expect("inside")
    })
}

fn assert_colours(name: &str, found: [[u8; 3]; 4], expected: [[u8; 3]; 4], most: u8) {
    for (found, expected) in found.as_flattened().iter().zip(expected.as_flattened()) {
        assert!(found.abs_diff(*expected) <= most, "{name}: {found} is not {expected}");
    }
}

#[test]
fn colours_are_those_that_were_encoded() {
    for (name, text, most) in [
        ("HEIC", HEIC, 6),
        ("AVIF", AVIF, 6),
        ("AVIF of 10 bits", AVIF_OF_10_BITS, 8),
        ("JPEG XL", JXL, 0),
        ("lossy JPEG XL", JXL_LOSSY, 12),
        ("JPEG 2000", JP2, 0),
    ] {
        let bytes = file(text);
        let rgb = decode(&bytes, Colour::WHITE).expect(name);
        assert_eq!((rgb.width, rgb.height), (16, 12), "{name}");
        assert_eq!(dimensions(&bytes), Ok((16, 12)), "{name}");
        assert_eq!(is_upright(&bytes), Ok(true), "{name}");
        assert_colours(name, quarters(&rgb), COLOURS, most);
    }
    let grey = decode(&file(J2K_GREY), Colour::WHITE).expect("a bare codestream");
    assert_colours("grey", quarters(&grey), COLOURS.map(|[red, ..]| [red; 3]), 0);
}

#[test]
fn heif_is_turned_as_its_container_says_and_once() {
    // What was upper left is upper right when a picture is turned clockwise.
    let [a, b, c, d] = COLOURS;
    for (name, text) in [("HEIC", HEIC_TURNED), ("AVIF", AVIF_TURNED)] {
        let bytes = file(text);
        let rgb = decode(&bytes, Colour::WHITE).expect(name);
        assert_eq!((rgb.width, rgb.height), (12, 16), "{name}");
        assert_eq!(dimensions(&bytes), Ok((12, 16)), "{name}");
        assert_eq!(is_upright(&bytes), Ok(false), "{name}");
        assert_colours(name, quarters(&rgb), [c, a, d, b], 12);
    }
}

#[test]
fn what_is_transparent_shows_the_background() {
    for (name, text, most) in [("HEIC", HEIC_ALPHA, 8), ("AVIF", AVIF_ALPHA, 8), ("JPEG XL", JXL_ALPHA, 0)] {
        let bytes = file(text);
        let rgb = decode(&bytes, Colour([10, 20, 30])).expect(name);
        assert_colours(name, [*rgb.pixels.first_chunk().expect("a pixel"); 4], [[10, 20, 30]; 4], most);
        let rgba = decode_rgba(&bytes).expect(name);
        let alphas: Vec<u8> = rgba.pixels.chunks(4).map(|pixel| pixel[3]).collect();
        assert!(alphas[0] <= most && alphas[15] >= 255 - most, "{name}: {alphas:?}");
    }
}

#[test]
fn damage_is_an_error_or_a_picture_and_never_a_panic() {
    for text in [HEIC, HEIC_ALPHA, AVIF, AVIF_ALPHA, JXL, JXL_LOSSY, JXL_ALPHA, JP2, J2K_GREY] {
        let bytes = file(text);
        for at in (0..bytes.len()).step_by(3) {
            let _ = decode(&bytes[..at], Colour::WHITE);
            let mut changed = bytes.clone();
            changed[at] ^= [0x01, 0x80, 0xff][at / 3 % 3];
            let _ = dimensions(&changed);
            let _ = decode(&changed, Colour::WHITE);
        }
    }
    let cut = decode_with_flaw(&file(JXL_LOSSY)[..200], Colour::WHITE, None);
    assert!(matches!(cut, Err(Error::Damaged { .. }) | Ok((_, Some(Flaw::Truncated)))), "{cut:?}");
}

#[test]
fn what_is_made_of_far_more_than_it_shows_is_refused_before_it_is_decoded() {
    let config = HevcConfig {
        profile_idc: 1,
        level_idc: 93,
        chroma_format: 1,
        bit_depth_luma: 8,
        bit_depth_chroma: 8,
        nal_length_size: 4,
        nal_units: Vec::new(),
    };
    let slices = [vec![0u8; 8]];
    let mut writer = HeifWriter::new();
    let tile = writer.add_image(&ImageSpec::new(4096, 4096, config, &slices));
    writer.add_grid(16, 16, 64, 64, &[tile; 256], None, None);
    let error = decode(&writer.finish(), Colour::WHITE).expect_err("256 tiles of 16 megapixels");
    assert_eq!(error.to_string(), "damaged HEIC: it is made of more than it shows");
}

#[test]
fn other_files_in_the_same_container_are_named() {
    let of = |brand: &[u8; 4]| [b"\0\0\0\x14ftyp", &brand[..], b"\0\0\0\0", &brand[..]].concat();
    let message = |brand| decode(&of(brand), Colour::WHITE).expect_err("no picture").to_string();
    assert_eq!(message(b"isom"), "not an image (a film; `pokedex frames` takes stills of it)");
    assert_eq!(message(b"heic"), "damaged HEIC: missing required box `meta`");
}
