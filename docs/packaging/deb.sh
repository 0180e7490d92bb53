#!/usr/bin/env bash
# A Debian package of the release build: target/debian/rtsp-rec_VERSION_ARCHITECTURE.deb. docs/packaging.md tells more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cargo_deb_version=3.8.0
tools=target/tools
# What the package holds besides the binary; [package.metadata.deb] in Cargo.toml names each.
parts=target/packaging

install_cargo_deb() {
    [[ $("$tools/bin/cargo-deb" --version 2>/dev/null) == "cargo-deb $cargo_deb_version" ]] ||
        cargo install cargo-deb --quiet --locked --debug --version "$cargo_deb_version" --root "$tools"
}

# Debian's form of a changelog (deb-changelog(5)); what changed stands in CHANGELOG.md. The date is that of the commit, so
# that the same sources give the same package.
changelog() {
    local version maintainer
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    maintainer=$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
    printf 'rtsp-rec (%s-1) unstable; urgency=medium\n\n' "$version"
    printf '  * Release %s: see changelog.gz.\n\n' "$version"
    printf ' -- %s  %s\n' "$maintainer" "$(date --utc --rfc-email --date "@$SOURCE_DATE_EPOCH")"
}

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

cargo build --release --locked
install_cargo_deb
rm -rf "$parts"
mkdir -p "$parts"
target/release/rtsp-rec man -o "$parts/man"
target/release/rtsp-rec completions bash >"$parts/rtsp-rec.bash"
target/release/rtsp-rec completions zsh >"$parts/_rtsp-rec"
target/release/rtsp-rec completions fish >"$parts/rtsp-rec.fish"
gzip -9n <CHANGELOG.md >"$parts/changelog.gz"
changelog >"$parts/changelog"
"$tools/bin/cargo-deb" --no-build --locked --strip
