// SPDX-License-Identifier: Apache-2.0
/* libFuzzer target for the firmware's event log: any bytes, in a block of their size. */
#include "boot/boot_log.h"
#include "fuzz.h"
#include "lib/log.h"

void log_line(enum log_level level, const char *fmt, ...)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *log = exact_copy(data, size), *cut, *stopped;
	uint32_t n = tcg_log_size(log, (uint32_t)size);

	require(n <= size);
	if (n) {
		/* What is kept is a log by itself, all of it, whatever stood behind it. */
		cut = exact_copy(log, n);
		require(tcg_log_size(cut, n) == n);
		free(cut);
		stopped = malloc(n + 64);
		require(stopped);
		memcpy(stopped, log, n);
		memset(stopped + n, 0xff, 64);
		require(tcg_log_size(stopped, n + 64) == n);
		free(stopped);
		/* And less is never more. */
		cut = exact_copy(log, n - 1);
		require(tcg_log_size(cut, n - 1) < n);
		free(cut);
	}
	free(log);
	return 0;
}
