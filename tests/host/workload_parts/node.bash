# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # tmp is lib.bash's
# npm's client of the Workload API, by the lock file. Debian has npm apart from nodejs, others within.
node_modules=${BUILD:-build}/tests/workload-node/node_modules

has_node() { command -v npm >/dev/null && command -v node >/dev/null; }

# Once for all tests, of which two may come at a time.
install_grpc_js() {
	local lock=tests/host/workload_parts/package-lock.json modules=${node_modules%/*}
	mkdir -p "$modules"
	(
		flock 9
		cmp -s "$lock" "$modules/done" && exit
		cp "${lock%-lock.json}.json" "$lock" "$modules"
		(cd "$modules" && npm ci --ignore-scripts --no-audit --no-fund) >"$tmp/npm" 2>&1 &&
			cp "$lock" "$modules/done"
	) 9>"$modules/lock"
	check "npm ci" cmp -s "$lock" "$modules/done"
	[ -f "$modules/done" ] || sed 's/^/# /' "$tmp/npm"
}
