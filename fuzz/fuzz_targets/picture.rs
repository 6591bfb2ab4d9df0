//! Pictures of every format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pokedex::image::{Colour, decode_srgb, decode_with_flaw, dimensions};

fuzz_target!(|bytes: &[u8]| {
    let size = dimensions(bytes);
    if let Ok((picture, _)) = decode_with_flaw(bytes, Colour::WHITE, None) {
        assert_eq!(size, Ok((picture.width, picture.height)));
        assert_eq!(picture.pixels.len(), 3 * picture.width as usize * picture.height as usize);
        let (seen, _) = decode_srgb(bytes, Colour::WHITE, None).expect("its colours change, not whether it can be read");
        assert_eq!((seen.width, seen.height, seen.pixels.len()), (picture.width, picture.height, picture.pixels.len()));
    }
});
