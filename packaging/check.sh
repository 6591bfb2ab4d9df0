#!/usr/bin/env bash
# Checks what release.sh made: packaging/check.sh [FOLDER] (default: dist). Needs root, for the Debian 11 folder that it goes into.
#
# A binary may ask for no symbol above glibc 2.28 and name no folder of the machine that built it. Archive and package have to
# start in Debian 11 (glibc 2.31), made once in target/ from the mirror that apt uses here; the wheel in an empty environment
# without an index. Binaries for arm64 run in qemu-user, if it is there.
set -euo pipefail
export LC_ALL=C.UTF-8

dist=$(realpath "${1:-dist}")
cd "$(dirname "$0")/.."
work=$(realpath "${CARGO_TARGET_DIR:-target}")
glibc=2.28
failed=0

ok() { printf 'ok      %s\n' "$*"; }
bad() {
    printf 'FAILED  %s\n' "$*"
    failed=1
}
left_out() { printf 'not run %s\n' "$*"; }

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# The answer that every way of starting must give.
answers() { "$@" query "fire dog" --top 5 2>&1 | tee "$temporary/answer" | grep -q Growlithe && test "$(wc -l <"$temporary/answer")" = 6; }
judge() {
    local what=$1
    shift
    if answers "$@"; then
        ok "$what answers"
    else
        bad "$what: $(tail -3 "$temporary/answer")"
    fi
}

# Symbols and paths of an ELF file, of whatever processor.
check_file() {
    local what=$1 file=$2 newest named
    newest=$(readelf --version-info --wide "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
    if test "$(printf '%s\nGLIBC_%s\n' "$newest" "$glibc" | sort -V | tail -1)" = "GLIBC_$glibc"; then
        ok "$what: no symbol above GLIBC_$glibc (the newest is $newest)"
    else
        bad "$what: $(readelf --dyn-syms --wide "$file" | grep -oE '[^ ]+@GLIBC_[0-9.]+' | sort -u |
            awk -F'@GLIBC_' -v limit="$glibc" '{ split($2, a, "."); split(limit, b, "."); if (a[1] * 1000 + a[2] > b[1] * 1000 + b[2]) print }' |
            tr '\n' ' ')"
    fi
    named=$(strings -n 6 "$file" | grep -oE "($(printf '%s|%s|%s' "$PWD" "$work" "${CARGO_HOME:-$HOME/.cargo}"))[^ ]{0,60}" | sort -u | head -3 || true)
    if test -z "$named"; then ok "$what: names no folder of this machine"; else bad "$what: names $named"; fi
    readelf --program-headers --dynamic --wide "$file" >"$temporary/elf"
    if grep -q GNU_RELRO "$temporary/elf" && grep -qE 'BIND_NOW|Flags:.* NOW' "$temporary/elf"; then
        ok "$what: full RELRO"
    else
        bad "$what: no full RELRO"
    fi
}

# A folder with Debian 11 for an architecture, which is only unpacked where this machine cannot run it.
debian() {
    local arch=$1 folder=$work/packaging/debian11-$1 mirror options=(--variant=minbase "--arch=$1")
    if ! test -f "$folder/.complete"; then
        # shellcheck disable=SC2016  # apt puts in what it calls REPO_URI
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -1)
        test "$arch" = "$(dpkg --print-architecture)" || options+=(--foreign)
        rm -rf "$folder"
        debootstrap "${options[@]}" bullseye "$folder" "$mirror" >"$folder.log" 2>&1 || return 1
        touch "$folder/.complete"
    fi
    printf '%s' "$folder"
}

inside() {
    local folder=$1
    shift
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        chroot "$folder" "$@"
}

mkdir -p "$work/packaging"
native=$(dpkg --print-architecture)

if (cd "$dist" && sha256sum --quiet --check SHA256SUMS); then ok SHA256SUMS; else bad SHA256SUMS; fi

for archive in "$dist"/pokedex-*-unknown-linux-gnu.tar.gz; do
    test -f "$archive" || continue
    name=$(basename "$archive" .tar.gz)
    tar -xzf "$archive" -C "$temporary"
    program=$temporary/$name/pokedex
    check_file "$name" "$program"
    for file in README.md LICENSE-MIT LICENSE-APACHE THIRD-PARTY.txt man/pokedex.1 completions/_pokedex; do
        test -s "$temporary/$name/$file" || bad "$name: no $file"
    done
    case $name in *-x86_64-*) arch=amd64 ;; *) arch=arm64 ;; esac
    if ! folder=$(debian "$arch"); then
        left_out "$name in Debian 11: debootstrap failed, see $work/packaging/debian11-$arch.log"
    elif test "$arch" = "$native"; then
        install -m 755 "$program" "$folder/usr/local/bin/pokedex-trial"
        judge "$name in Debian 11" inside "$folder" pokedex-trial
        rm "$folder/usr/local/bin/pokedex-trial"
    elif test "$arch" = arm64 && command -v qemu-aarch64-static >/dev/null; then
        judge "$name in qemu-user, with Debian 11's libraries" qemu-aarch64-static -L "$folder" "$program"
    else
        left_out "$name: nothing here runs $arch"
    fi
done

for package in "$dist"/pokedex_*.deb; do
    test -f "$package" || continue
    name=$(basename "$package")
    arch=$(dpkg-deb --field "$package" Architecture)
    if command -v lintian >/dev/null; then
        if lintian --allow-root "$package" >"$temporary/lintian" && ! test -s "$temporary/lintian"; then
            ok "$name: lintian says nothing"
        else
            bad "$name: $(cat "$temporary/lintian")"
        fi
    else
        left_out "$name: lintian is not here"
    fi
    if ! test "$arch" = "$native"; then
        left_out "$name: not installed, since this machine is $native"
    elif folder=$(debian "$arch"); then
        cp "$package" "$folder/tmp/pokedex.deb"
        if inside "$folder" dpkg --install /tmp/pokedex.deb >"$temporary/dpkg" 2>&1; then
            judge "$name, installed in Debian 11" inside "$folder" pokedex
            inside "$folder" dpkg --verify pokedex | grep -v '/usr/share/\(man\|doc\|locale\)' >"$temporary/verify" || true
            test ! -s "$temporary/verify" || bad "$name: $(cat "$temporary/verify")"
        else
            bad "$name: $(tail -3 "$temporary/dpkg")"
        fi
        inside "$folder" dpkg --purge pokedex >/dev/null 2>&1 || bad "$name: cannot be purged"
        rm "$folder/tmp/pokedex.deb"
    fi
done

for wheel in "$dist"/pokedex-*.whl; do
    test -f "$wheel" || continue
    name=$(basename "$wheel")
    mkdir -p "$temporary/wheel" && python3 -m zipfile -e "$wheel" "$temporary/wheel"
    for file in "$temporary"/wheel/pokedex/*.so "$temporary"/wheel/pokedex-*.data/scripts/pokedex; do
        check_file "$name: $(basename "$file")" "$file"
    done
    if grep -rqF "$PWD" "$temporary"/wheel; then bad "$name: names $PWD"; fi
    test -s "$(echo "$temporary"/wheel/pokedex-*.dist-info/licenses/THIRD-PARTY.txt)" || bad "$name: no THIRD-PARTY.txt"
    case $name in *_"$(uname -m)".whl) ;; *) left_out "$name: not installed, since this machine is $(uname -m)" && rm -r "$temporary/wheel" && continue ;; esac
    python3 -m venv "$temporary/venv"
    if env -u PIP_FIND_LINKS "$temporary/venv/bin/pip" install --quiet --disable-pip-version-check --no-index "$wheel"; then
        judge "$name, the command" "$temporary/venv/bin/pokedex"
        if (cd "$temporary" && venv/bin/python -I -c 'import pokedex'); then ok "$name: import pokedex"; else bad "$name: import pokedex"; fi
        rm -r "$temporary/venv"
    else
        bad "$name: pip does not install it"
    fi
    rm -r "$temporary/wheel"
done

if test -f "$dist/pokedex.rb"; then
    if grep -qE '@[A-Z]' "$dist/pokedex.rb"; then bad "pokedex.rb: something is not filled in"; fi
    if ! command -v ruby >/dev/null; then
        left_out "pokedex.rb: ruby is not here"
    elif ruby -c "$dist/pokedex.rb" >/dev/null; then
        ok "pokedex.rb: is Ruby (not tried in Homebrew)"
    else
        bad "pokedex.rb: not Ruby"
    fi
fi

exit $failed
