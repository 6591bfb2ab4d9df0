#!/usr/bin/env bash
# image-webp 0.2.4 (and `image` on it): opaque pixels of animated WebP come one step darker.
#
# One would guess: a frame without loss that is opaque and blended over the canvas replaces it, so its pixels come out as they went
# in, as from a still of the same bytes and from libwebp.
# What happens: where the frame says that it is blended (the usual case), colours are mixed in fixed point also where alpha is 255, and every
# channel above 0 loses one, over a transparent canvas and over an opaque one: 250 becomes 249, white 254. The next reader of the
# frames, and a hash of their pixels, sees other pictures than libwebp gives.
# Seen: still "250 10 20", animated and blended "249 9 19", animated and not blended "250 10 20".
#
# Frames that pokedex takes of animated WebP are exact to one step; its tests say so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --name opaque --vcs none .
cat >> Cargo.toml <<'TOML'
image-webp = "=0.2.4"
TOML
cat > src/main.rs <<'RUST'
use image_webp::{ColorType, WebPDecoder, WebPEncoder};
use std::io::Cursor;

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    [name, &(data.len() as u32).to_le_bytes(), data, &[0][..data.len() % 2]].concat()
}

/// One frame of 6 x 4 pixels, shown for 100 ms.
fn animation(still: &[u8], flags: u8) -> Vec<u8> {
    let frame = [&[0; 6][..], &[5, 0, 0, 3, 0, 0, 100, 0, 0, flags], &still[12..]].concat();
    let header = chunk(b"VP8X", &[0x12, 0, 0, 0, 5, 0, 0, 3, 0, 0]);
    let chunks = [header, chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &frame)].concat();
    chunk(b"RIFF", &[b"WEBP", &chunks[..]].concat())
}

fn main() {
    let pixels = [250, 10, 20, 255].repeat(24);
    let mut still = Vec::new();
    WebPEncoder::new(&mut still).encode(&pixels, 6, 4, ColorType::Rgba8).unwrap();
    let mut decoder = WebPDecoder::new(Cursor::new(&still)).unwrap();
    let mut own = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut own).unwrap();
    println!("still {:?}", &own[..3]);
    for (name, flags) in [("blended", 0), ("not blended", 2)] {
        let mut decoder = WebPDecoder::new(Cursor::new(animation(&still, flags))).unwrap();
        decoder.set_background_color([0; 4]).unwrap();
        let mut own = vec![0; decoder.output_buffer_size().unwrap()];
        decoder.read_frame(&mut own).unwrap();
        println!("{name} {:?}", &own[..3]);
    }
}
RUST
seen=$(CARGO_TARGET_DIR="$folder/target" cargo run --quiet)
expected='still [250, 10, 20]
blended [249, 9, 19]
not blended [250, 10, 20]'
printf '%s\n' "$seen"
if test "$seen" != "$expected"; then
    echo "changed: expected" && printf '%s\n' "$expected" && exit 1
fi
