#!/usr/bin/env bash
# Makes all that a release consists of, up to the upload, in dist/.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC

usage() {
    cat <<'USAGE'
usage: packaging/release.sh [OPTIONS] [STEP...]

Steps, all but the last if none is named; later ones need what earlier ones made:
  build     the binaries, for glibc 2.28, with Zig as the C compiler and linker
  notices   THIRD-PARTY.txt: the licences of all that is in the binary
  tar       pokedex-VERSION-TARGET.tar.gz
  deb       pokedex_VERSION-1_ARCH.deb
  wheel     the Python package, with the command in it
  source    pokedex-VERSION.tar.gz, which Homebrew builds from on macOS
  formula   pokedex.rb, with the hashes filled in
  sums      SHA256SUMS
  verify    does all of that again in another folder, builds included, and compares the bytes

Options:
  --target TARGET     x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu; may be repeated (default: both)
  --binary FILE       package this binary, whatever it needs, instead of building (with one --target; a trial)
  --out FOLDER        default: dist
  --url URL           where the files will be (default: releases of `repository` in Cargo.toml)
  --maintainer WHO    of the Debian package, "Name <mail>" (default: the author of the commit)
  --dirty             take files that are not committed
USAGE
}

fail() {
    printf 'release: %s\n' "$*" >&2
    exit 1
}
say() { printf '== %s\n' "$*" >&2; }

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
work=${CARGO_TARGET_DIR:-target}
mkdir -p "$work"
work=$(cd "$work" && pwd)
glibc=2.28

targets=()
steps=()
binary='' out=dist url='' maintainer='' dirty=''
while test $# -gt 0; do
    case $1 in
        --target) targets+=("${2:?}") && shift ;;
        --binary) binary=$(realpath "${2:?}") && shift ;;
        --out) out=${2:?} && shift ;;
        --url) url=${2:?} && shift ;;
        --maintainer) maintainer=${2:?} && shift ;;
        --dirty) dirty=1 ;;
        -h | --help) usage && exit ;;
        build | notices | tar | deb | wheel | source | formula | sums | verify) steps+=("$1") ;;
        *) usage >&2 && fail "what is $1?" ;;
    esac
    shift
done
test ${#targets[@]} -gt 0 || targets=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu)
test ${#steps[@]} -gt 0 || steps=(build notices tar deb wheel source formula sums)
if test -n "$binary"; then
    test ${#targets[@]} = 1 || fail "--binary needs one --target"
    test -x "$binary" || fail "$binary: no program"
fi
if test -z "$dirty" && test -n "$(git status --porcelain)"; then
    fail "the working tree has changes; commit them, or say --dirty"
fi
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
mkdir -p "$out"
out=$(cd "$out" && pwd)
tools=$work/packaging/tools

bring_tools() {
    local stamp=$tools/.tools.txt
    if ! cmp -s packaging/tools.txt "$stamp"; then
        say "bringing the tools of packaging/tools.txt"
        python3 -m venv --clear "$tools"
        "$tools/bin/python" -m pip install --quiet --disable-pip-version-check -r packaging/tools.txt
        cp packaging/tools.txt "$stamp"
    fi
    PATH=$tools/bin:$PATH
}

zig_folder() { "$tools/bin/python" -c 'import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).parent)'; }

# What rustc and the C compiler must know so that the bytes depend on neither this machine's folders nor the time.
prepare_build() {
    local target=$1 cargo_home=${CARGO_HOME:-$HOME/.cargo} commit flags=() c_flags=() registry
    rustup target list --installed | grep -qx "$target" || rustup target add "$target"
    cargo fetch --locked --quiet
    commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
    flags+=("--remap-path-prefix=$work=/target" "--remap-path-prefix=$root=/pokedex")
    c_flags+=("-ffile-prefix-map=$work=/target" "-ffile-prefix-map=$root=/pokedex")
    flags+=("--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$commit")
    for registry in "$cargo_home"/registry/src/*; do
        flags+=("--remap-path-prefix=$registry=/crates")
        c_flags+=("-ffile-prefix-map=$registry=/crates")
    done
    flags+=("--remap-path-prefix=$cargo_home=/cargo")
    export RUSTFLAGS="${flags[*]}"
    export "CFLAGS_${target//-/_}=${c_flags[*]}"
    unset CARGO_ENCODED_RUSTFLAGS CFLAGS CXXFLAGS
}

step_build() {
    test -z "$binary" || return 0
    bring_tools
    local target
    for target in "${targets[@]}"; do
        say "building $target"
        (
            prepare_build "$target"
            CARGO_TARGET_DIR=$work cargo zigbuild --locked --profile dist --package pokedex --bin pokedex \
                --target "$target.$glibc"
        )
    done
}

binary_of() {
    local file=${binary:-$work/$1/dist/pokedex}
    test -x "$file" || fail "$file: not built yet; run the step build"
    printf '%s' "$file"
}

step_notices() {
    bring_tools
    local target zig
    zig=$(zig_folder)
    for target in "${targets[@]}"; do
        mkdir -p "$work/packaging/$target"
        python3 packaging/notices.py --target "$target" --zig "$zig" -o "$work/packaging/$target/THIRD-PARTY.txt"
    done
}

# The wheel has the crates of the Python module as well.
notices_of() {
    local file=$work/packaging/$1/THIRD-PARTY.txt
    test -f "$file" || fail "$file: not made yet; run the step notices"
    printf '%s' "$file"
}

# An archive of a folder's one folder, the same whoever makes it, and when.
pack_tar() {
    tar --create --directory "$1" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX \
        --mtime="@$SOURCE_DATE_EPOCH" "$2" | gzip -9n >"$3"
}

step_tar() {
    local target name stage
    for target in "${targets[@]}"; do
        name=pokedex-$version-$target
        say "$name.tar.gz"
        stage=$(mktemp -d)
        mkdir -p "$stage/$name/man" "$stage/$name/completions"
        install -m 755 "$(binary_of "$target")" "$stage/$name/pokedex"
        install -m 644 README.md CHANGELOG.md LICENSE LICENSE-APACHE LICENSE-MIT "$(notices_of "$target")" "$stage/$name/"
        install -m 644 man/*.1 "$stage/$name/man/"
        install -m 644 completions/* "$stage/$name/completions/"
        pack_tar "$stage" "$name" "$out/$name.tar.gz"
        rm -r "$stage"
    done
}

# Debian's names of the libraries that a binary asks for, with the version of glibc that its symbols ask for.
depends_of() {
    local needed library version_needed depends=()
    version_needed=$(readelf --version-info --wide "$1" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
    needed=$(readelf --dynamic --wide "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    for library in $needed; do
        case $library in
            libc.so.6 | libm.so.6 | libdl.so.2 | libpthread.so.0 | librt.so.1 | libutil.so.1 | ld-linux-*)
                depends+=("libc6 (>= ${version_needed#GLIBC_})") ;;
            libgcc_s.so.1) depends+=("libgcc-s1 | libgcc1") ;;
            *) fail "$1 needs $library, of which no package is known" ;;
        esac
    done
    printf '%s\n' "${depends[@]}" | sort -u | paste -sd, | sed 's/,/, /g'
}

step_deb() {
    local target arch stage doc size who=$maintainer
    test -n "$who" || who=$(git log -1 --format='%an <%ae>')
    for target in "${targets[@]}"; do
        case $target in
            x86_64-*) arch=amd64 ;;
            aarch64-*) arch=arm64 ;;
            *) fail "$target: no Debian architecture is known" ;;
        esac
        say "pokedex_$version-1_$arch.deb"
        stage=$(mktemp -d)
        chmod 755 "$stage"
        doc=$stage/usr/share/doc/pokedex
        install -D -m 755 "$(binary_of "$target")" "$stage/usr/bin/pokedex"
        install -d "$stage/usr/share/man/man1" "$doc" "$stage/usr/share/lintian/overrides"
        install -m 644 man/*.1 "$stage/usr/share/man/man1/"
        install -m 644 README.md "$(notices_of "$target")" "$doc/"
        install -m 644 CHANGELOG.md "$doc/changelog"
        {
            printf 'pokedex (%s-1) unstable; urgency=medium\n\n  * Release %s; changelog.gz has what is new.\n\n' \
                "$version" "$version"
            printf ' -- %s  %s\n' "$who" "$(date -R -d "@$SOURCE_DATE_EPOCH")"
        } >"$doc/changelog.Debian"
        gzip -9n "$stage"/usr/share/man/man1/* "$doc"/changelog* "$doc/THIRD-PARTY.txt"
        sed -n '/^Permission/,$p' LICENSE-MIT | sed -e 's/^$/./' -e 's/^/ /' >"$stage/mit"
        sed -e "/@MIT@/{r $stage/mit" -e 'd}' -e "s/@YEAR@/$(date -d "@$SOURCE_DATE_EPOCH" +%Y)/" packaging/debian/copyright >"$doc/copyright"
        rm "$stage/mit"
        install -m 644 packaging/debian/lintian-overrides "$stage/usr/share/lintian/overrides/pokedex"
        install -D -m 644 completions/pokedex.bash "$stage/usr/share/bash-completion/completions/pokedex"
        install -D -m 644 completions/_pokedex "$stage/usr/share/zsh/vendor-completions/_pokedex"
        install -D -m 644 completions/pokedex.fish "$stage/usr/share/fish/vendor_completions.d/pokedex.fish"
        # In KiB, a file at a time, as dpkg-gencontrol counts: du would tell the disk's blocks.
        size=$(find "$stage" -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
        mkdir "$stage/DEBIAN"
        sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@MAINTAINER@/$who/" -e "s/@SIZE@/$size/" \
            -e "s/@DEPENDS@/$(depends_of "$(binary_of "$target")")/" packaging/debian/control >"$stage/DEBIAN/control"
        (cd "$stage" && find usr -type f | sort | xargs md5sum >DEBIAN/md5sums)
        find "$stage" -exec touch --no-dereference -d "@$SOURCE_DATE_EPOCH" {} +
        DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz --build "$stage" "$out/pokedex_$version-1_$arch.deb" >/dev/null
        rm -r "$stage"
    done
}

step_wheel() {
    test -f python/pyproject.toml || fail "python/pyproject.toml: no such file"
    bring_tools
    local target stage scripts=python/pokedex.data/scripts folder info wheel zig
    zig=$(zig_folder)
    for target in "${targets[@]}"; do
        say "wheel of $target"
        stage=$(mktemp -d)
        mkdir -p "$scripts"
        install -m 755 "$(binary_of "$target")" "$scripts/pokedex"
        (
            prepare_build "$target"
            CARGO_TARGET_DIR=$work maturin build --quiet --locked --profile dist --manifest-path python/Cargo.toml \
                --target "$target" --zig --compatibility "manylinux_${glibc/./_}" --out "$stage"
        )
        rm -r python/pokedex.data
        # Licences go in by hand: maturin takes them from below python/ only. Packing again fixes order and times.
        "$tools/bin/python" -m wheel unpack --dest "$stage/unpacked" "$stage"/*.whl >/dev/null
        folder=$(echo "$stage"/unpacked/*)
        info=$(echo "$folder"/*.dist-info)
        mkdir -p "$info/licenses"
        python3 packaging/notices.py --target "$target" --package pokedex --package pokedex-python --zig "$zig" \
            -o "$info/licenses/THIRD-PARTY.txt"
        install -m 644 LICENSE-APACHE LICENSE-MIT "$info/licenses/"
        for file in LICENSE-APACHE LICENSE-MIT THIRD-PARTY.txt; do
            grep -qx "License-File: $file" "$info/METADATA" || sed -i "0,/^Version: /s/^Version: .*/&\nLicense-File: $file/" "$info/METADATA"
        done
        # maturin's list of components names the folder that it was made in.
        find "$info" -name '*.cyclonedx.json' -exec sed -i "s|$root|/pokedex|g" {} +
        find "$folder" -exec chmod u+rw,go=rX {} +
        "$tools/bin/python" -m wheel pack --dest-dir "$stage" "$folder" >/dev/null
        wheel=$(echo "$stage"/*.whl)
        mv "$wheel" "$out/"
        rm -r "$stage"
    done
}

step_source() {
    say "pokedex-$version.tar.gz"
    git archive --format=tar --prefix="pokedex-$version/" HEAD | gzip -9n >"$out/pokedex-$version.tar.gz"
}

step_formula() {
    local repository base formula=$out/pokedex.rb name file
    repository=$(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)
    base=$url
    test -n "$base" || base=${repository:+$repository/releases/download/v$version}
    test -n "$base" || fail "Cargo.toml has no repository; say --url, where the files will be"
    say "pokedex.rb"
    sed -e "s|@VERSION@|$version|" -e "s|@URL@|$base|" -e "s|@HOMEPAGE@|${repository:-$base}|" packaging/pokedex.rb |
        sed 1d >"$formula"
    for name in SOURCE X86_64 AARCH64; do
        case $name in
            SOURCE) file=pokedex-$version.tar.gz ;;
            *) file=pokedex-$version-${name,,}-unknown-linux-gnu.tar.gz ;;
        esac
        test -f "$out/$file" || fail "$out/$file: not made yet, and the formula needs its hash"
        sed -i "s/@SHA256_$name@/$(sha256sum <"$out/$file" | cut -d' ' -f1)/" "$formula"
    done
}

step_sums() {
    say SHA256SUMS
    local names
    names=$(cd "$out" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | sort)
    (cd "$out" && xargs sha256sum <<<"$names" >SHA256SUMS)
}

step_verify() {
    local again=$work/packaging/again options=() target file same=1
    rm -rf "$again"
    mkdir -p "$again/dist"
    for target in "${targets[@]}"; do options+=(--target "$target"); done
    test -z "$binary" || options+=(--binary "$binary")
    test -z "$url" || options+=(--url "$url")
    test -z "$maintainer" || options+=(--maintainer "$maintainer")
    test -z "$dirty" || options+=(--dirty)
    local names=()
    for file in "$out"/*; do
        case ${file##*/} in
            *-unknown-linux-gnu.tar.gz) names+=(tar) ;;
            *.deb) names+=(deb) ;;
            *.whl) names+=(wheel) ;;
            pokedex.rb) names+=(formula) ;;
            pokedex-"$version".tar.gz) names+=(source) ;;
        esac
    done
    # Each once, in the order in which they are made.
    local ordered=(build notices) step
    for step in tar deb wheel source formula; do
        if [[ " ${names[*]} " == *" $step "* ]]; then ordered+=("$step"); fi
    done
    CARGO_TARGET_DIR=$again/target "$root/packaging/release.sh" "${options[@]}" --out "$again/dist" "${ordered[@]}"
    for file in "$again"/dist/*; do
        if cmp "$file" "$out/${file##*/}"; then
            say "same bytes: ${file##*/}"
        else
            same=''
        fi
    done
    test -n "$same" || fail "two runs gave different bytes; both are kept, in $out and $again/dist"
    rm -r "$again"
}

for step in "${steps[@]}"; do "step_$step"; done
