#!/usr/bin/env bash
# rusty-s3 0.11.0: a key with `..` between slashes is signed as another key.
#
# One would guess: keys of S3 are text, in which `a/../b.png` is a key like any other (other clients make and read
# it), so the address that is signed names it, escaped where need be, or is refused.
# What happens: `Bucket::object_url` joins the key to the bucket's address by the rules of URLs, which take `..` and the part before
# it away. The signed request is for `b.png`: another object is read, written or deleted, and nothing says so. The same of `./b.png`.
# Seen: `a/../b.png` -> /bucket/b.png; `a/./b.png` -> /bucket/a/b.png; `a//b.png` stays as it is.
#
# Whoever takes keys from a listing has to look for such parts before signing, as pokedex does (a row with an error).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --name dots --vcs none .
cat >> Cargo.toml <<'TOML'
rusty-s3 = "=0.11.0"
TOML
cat > src/main.rs <<'RUST'
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::time::Duration;

fn main() {
    let bucket = Bucket::new("https://store.example".parse().unwrap(), UrlStyle::Path, "bucket", "auto").unwrap();
    let keys = Credentials::new("key", "secret");
    for key in ["a/../b.png", "a/./b.png", "a//b.png"] {
        let url = bucket.get_object(Some(&keys), key).sign(Duration::from_secs(60));
        println!("{key} {}", url.path());
    }
}
RUST
seen=$(CARGO_TARGET_DIR="$folder/target" cargo run --quiet)
expected='a/../b.png /bucket/b.png
a/./b.png /bucket/a/b.png
a//b.png /bucket/a//b.png'
printf '%s\n' "$seen"
if test "$seen" != "$expected"; then
    echo "changed: expected" && printf '%s\n' "$expected" && exit 1
fi
