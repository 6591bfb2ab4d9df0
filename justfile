# List the tasks
default:
    @just --list

# What CI runs
check: format-check lint docs test

# Format the code
format:
    cargo fmt

format-check:
    cargo fmt --check

lint:
    cargo clippy --release --all-targets -- -D warnings

docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --document-private-items

test:
    cargo test --release

# Man pages and completions, from the command line's definition
generate:
    cargo build --release
    rm -rf man && target/release/pokedex man -o man/
    target/release/pokedex completions bash > completions/pokedex.bash
    target/release/pokedex completions zsh > completions/_pokedex
    target/release/pokedex completions fish > completions/pokedex.fish

# The packages of this commit, in dist/ (docs/releasing.md), and checks of them (needs root and debootstrap)
release *arguments:
    packaging/release.sh {{arguments}}

check-release:
    packaging/check.sh dist

# The package that fine-tunes models (needs pip install -e 'training[test]')
finetune-tests:
    cargo build --release
    cd training && POKEDEX=../target/release/pokedex python3 -m pytest -q && python3 -m mypy

# Every error, warning and hint that the program can say, side by side
messages:
    cargo test --release --test cli messages -- --nocapture

# Kill every stage a thousand times, fill its disk (needs root), damage every kind of input (needs numpy, pyarrow, Pillow)
endurance:
    cargo build --release
    python3 tests/kills.py
    python3 tests/mutations.py

# The server: its description, clients of other servers, attacks, a thousand clients, and beside FastAPI with FAISS (each says
# what it needs)
server:
    cargo build --release
    python3 tests/openapi.py target/release/pokedex
    python3 tests/clients.py target/release/pokedex
    python3 tests/attacks.py target/release/pokedex
    python3 benches/serve_load.py target/release/pokedex
    python3 benches/peers/serve.py target/release/pokedex

# The comparisons with other programs that docs/performance.md shows (each says what it needs); fails where one got slower
bench-peers models rclip:
    cargo build --release
    python3 benches/peers/performance.py target/release/pokedex --models {{models}} --rclip {{rclip}}

# Licences and advisories of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# How good the built-in model is, beside baselines (needs numpy and Pillow, and the pictures)
eval-model data="../shared/data":
    cargo build --release
    python3 benches/eval_model.py --data {{data}} --json training/log/evaluation.json

# Checks against real data and other programs; see CONTRIBUTING.md
peers data="../shared/data":
    python3 benches/peers/convert_rgb.py --data {{data}}
    python3 tests/edgecases.py --data {{data}}
    python3 tests/interop.py
    python3 tests/interop_matrix.py target/release/pokedex
    python3 tests/pictures.py target/release/pokedex
    python3 tests/site.py target/release/pokedex --pictures {{data}}/artwork_475
    python3 benches/peers/metrics.py
    python3 benches/peers/where.py
    python3 benches/peers/exif.py
    python3 benches/peers/search.py target/release/pokedex
    python3 benches/peers/annoy.py
    python3 benches/peers/load_exports.py target/release/pokedex {{data}}/front_sprites --model tests/data/yolo/wide.onnx
    python3 benches/peers/training_tools.py --source {{data}}/front_sprites
    python3 benches/peers/yolo_export.py
    python3 benches/peers/augment.py target/release/pokedex {{data}}/artwork_475

# Beside usearch, on a million vectors: takes half an hour and 10 GB
peers-graph:
    python3 benches/peers/graph.py --rows 1000000 --work target/graph --peers bf16:16:128
    python3 benches/peers/near_copies.py --work target/near_copies

# A model by every device's toolchain that can be had, beside ONNX Runtime (docs/devices.md; needs onnx, fetches gigabytes)
devices model pictures work="target/devices":
    python3 benches/devices.py target/release/pokedex --model {{model}} --pictures {{pictures}} --work {{work}}

# Two builds side by side: the stages whose speed the README tells, in turn
beside old work="target/beside":
    python3 benches/beside.py {{old}} target/release/pokedex --work {{work}}

# Two builds on one folder: the same bytes, words and exit codes? (needs numpy and Pillow)
same old:
    python3 benches/same_bytes.py {{old}} target/release/pokedex

# Hostile bytes for what opens files and reads queries (needs nightly and cargo-fuzz), some seconds each
fuzz seconds="300":
    for target in terms condition index_open data_yaml label_file coco_json camera shard npy model_json processor; do cargo +nightly fuzz run -s none $target -- -max_total_time={{seconds}} || exit 1; done
