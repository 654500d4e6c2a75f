#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make install`: everything is there and works from wherever it was moved; `make uninstall` leaves
# nothing.
set -u
. tests/host/lib.bash
build=${BUILD:-build}
install() {
	make --no-print-directory "$1" DESTDIR="$tmp/dest" PREFIX=/opt/cloister >"$tmp/log" 2>&1 ||
		{ cat "$tmp/log"; return 1; }
}
check install install install
moved=$tmp/elsewhere
mv "$tmp/dest/opt/cloister" "$moved"
check version test "$("$moved/bin/cloister" --version)" = "cloister $(<VERSION)"
check issuer_version test "$("$moved/bin/cloister-issuer" --version)" = "cloister-issuer $(<VERSION)"

for f in lib/cloister/{zone-loader.elf,cloister-core.elf} lib/libcloister-verify.{a,so} \
	lib/pkgconfig/libcloister-verify.pc share/man/man1/cloister{,-issuer}.1 \
	share/cloister/schema/issuer-policy.schema.json; do
	check "has $f" test -s "$moved/$f"
done
for header in include/cloister/*.h; do
	check "has $header" cmp "$header" "$moved/$header"
done
check no_path_of_the_build_tree bash -c '! grep -rlF -- "$1" "$2/lib/pkgconfig"' - "$PWD" "$moved"

# A stranger's program, with what pkg-config says and nothing else.
cat >"$tmp/stranger.c" <<'END'
#include <cloister/verify.h>
#include <string.h>
int main(void)
{
	static const uint8_t no_report[1];
	struct cl_policy policy = {.size = sizeof(policy)};
	static struct cl_verdict_result result;
	return cl_verify_report(no_report, 1, &policy, &result) != 0 || !result.nr_checks ||
	       strcmp(cl_verdict_name(result.verdict), "contraindicated") != 0;
}
END
stranger() { # [--static]
	local flags
	flags=$(PKG_CONFIG_PATH=$moved/lib/pkgconfig pkg-config --cflags --libs ${1:+"$1"} \
		libcloister-verify) || return 1
	# shellcheck disable=SC2086 # words
	"${CC:-gcc}" -o "$tmp/stranger" "$tmp/stranger.c" $flags &&
		LD_LIBRARY_PATH=$moved/lib "$tmp/stranger"
}
check pkg_config_shared stranger
mv "$moved/lib/libcloister-verify.so" "$tmp"
check pkg_config_static stranger --static
mv "$tmp/libcloister-verify.so" "$moved/lib"

# The loader beside the program is found; $CLOISTER_LIBDIR goes first.
says() { # PATTERN COMMAND…
	local pattern=$1
	shift
	"$@" >"$tmp/out" 2>&1
	grep -q -- "$pattern" "$tmp/out" || { cat "$tmp/out"; return 1; }
}
cp "$build/tests/cloister" "$moved/bin/played"
make_image "$tmp/image"
run=(env "CLOISTER_RUN_DIR=$tmp/run" "CLOISTER_FAKE_DIR=$tmp" "$moved/bin/played" run --qemu /bin/true
	--no-jail --name x "$tmp/image")
if [ "$(id -u)" -eq 0 ]; then
	check loader_given says "/nonexistent/zone-loader.elf: the zone loader is missing" \
		env CLOISTER_LIBDIR=/nonexistent "${run[@]}"
	mv "$moved/lib/cloister/zone-loader.elf" "$tmp"
	check loader_missing says "$moved/bin/../lib/cloister/zone-loader.elf: the zone loader is missing" \
		"${run[@]}"
	mv "$tmp/zone-loader.elf" "$moved/lib/cloister"
	check loader_of_its_own bash -c '! "$@" 2>&1 | grep "loader is missing"' - "${run[@]}"
fi

rm "$moved/bin/played"
mkdir -p "$tmp/dest/opt"
mv "$moved" "$tmp/dest/opt/cloister"
touch "$tmp/dest/opt/cloister/lib/cloister/of-somebody-else"
check uninstall install uninstall
left=$(cd "$tmp/dest/opt/cloister" && find . -type f -o -type l)
check leaves_only_what_is_not_ours test "$left" = ./lib/cloister/of-somebody-else
exit "$failed"
