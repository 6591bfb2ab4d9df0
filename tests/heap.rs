//! The weights in the binary are used where they lie: a query in words takes little memory, whatever the model's size.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use pokedex::model::{Device, Model, Use};

/// Counts what is allocated and not yet freed.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
#[expect(unsafe_code, reason = "an allocator has no safe interface")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that stay allocated while what `make` returns lives, and what it returns.
fn growth<T>(make: impl FnOnce() -> T) -> (usize, T) {
    let before = IN_USE.load(Ordering::Relaxed);
    let made = make();
    (IN_USE.load(Ordering::Relaxed).saturating_sub(before), made)
}

fn asset(path: &str) -> usize {
    std::fs::metadata(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect("an asset").len() as usize
}

const TEXT: &str = "assets/model/text.rten";
const IMAGE: &str = "crates/eye/image.safetensors";

#[test]
fn weights_are_not_copied() {
    let model = Model::builtin();
    // What is allocated: the table that finds the vocabulary's words, 1 MB, and the small layers as 32-bit numbers.
    let (text, tower) = growth(|| model.text_tower(Use::Bulk { calls: 2 }, Device::Cpu).expect("a text tower"));
    assert!(text < asset(TEXT) / 2, "{text} bytes");
    let (run, _) = growth(|| tower.embed("fire dog").expect("embedded"));
    assert!(run < asset(TEXT) / 3, "{run} bytes");
    let (image, tower) = growth(|| model.image_tower(Use::Bulk { calls: 2 }, Device::Cpu).expect("an image tower"));
    // Its weights are expanded from 8 to 32 bits once, for speed; there is no other copy.
    assert!(image < asset(IMAGE) * 5, "{image} bytes");
    let (run, _) = growth(|| tower.embed_one(vec![0.5; tower.input_len()]).expect("embedded"));
    // What is seen of a picture at each step is room for the next picture.
    assert!(run < asset(IMAGE) * 3 / 2, "{run} bytes");
    let (copy, _) = growth(|| std::fs::read(format!("{}/{TEXT}", env!("CARGO_MANIFEST_DIR"))));
    assert!(copy >= asset(TEXT), "the measure does not see a copy: {copy} bytes");
}
