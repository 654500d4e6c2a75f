// SPDX-License-Identifier: Apache-2.0
/* Formatting (with the C library's printf as oracle), log ring, command line options. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "lib/cmdline.h"
#include "lib/format.h"
#include "lib/log.h"

#define CHECK_SAME(...)                                                                            \
	do {                                                                                       \
		char want[256], got[256];                                                          \
		int n = snprintf(want, sizeof(want), __VA_ARGS__);                                 \
		assert_int_equal(format(got, sizeof(got), __VA_ARGS__), n);                        \
		assert_string_equal(got, want);                                                    \
	} while (0)

static void test_format_like_printf(void **state)
{
	CHECK_SAME("plain, 100%%");
	CHECK_SAME("%s|%10s|%.3s|%.*s|%c", "text", "right", "cut off", 2, "xyz", 'c');
	CHECK_SAME("%d %d %d %5d|%05d|%05d", 0, INT_MAX, INT_MIN, -42, -42, 42);
	CHECK_SAME("%ld %ld %lld %zd", LONG_MIN, LONG_MAX, LLONG_MIN, (ssize_t)-1);
	CHECK_SAME("%u %x %X %lx %llx %zu %zx", UINT_MAX, 0xdeadbeefu, 0xcafeu, ULONG_MAX,
		   0x123456789abcdefull, SIZE_MAX, (size_t)0);
	CHECK_SAME("%016lx|%8x|%08x|%2x|%lu", 0x1234ul, 0xabu, 0xabu, 0x12345u, ULONG_MAX);
}

static void test_format_pointer(void **state)
{
	char got[32];

	format(got, sizeof(got), "%p", (void *)0x10002000);
	assert_string_equal(got, "0x0000000010002000");
}

static void test_format_cut_off(void **state)
{
	char got[8] = "unused!";

	assert_int_equal(format(got, 5, "%s", "123456"), 6);
	assert_string_equal(got, "1234");
	assert_int_equal(got[5], 'd'); /* not touched behind the end */
	assert_int_equal(format(got, 0, "abc"), 3);
	assert_string_equal(got, "1234");
	assert_int_equal(format(got, 1, "abc"), 3);
	assert_string_equal(got, "");
}

static void test_format_unknown_conversion(void **state)
{
	/* Not a literal, so that the compiler does not refuse it. */
	char got[32];
	const char *volatile fmt = "a %q %s";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	format(got, sizeof(got), fmt, 1, 2);
	assert_string_equal(got, "a %?");
	fmt = "end %";
	format(got, sizeof(got), fmt, 1);
	assert_string_equal(got, "end %?");
#pragma GCC diagnostic pop
}

static size_t read_all(uint64_t *pos, char *out, size_t size)
{
	size_t n = log_read(pos, out, size - 1);

	out[n] = '\0';
	return n;
}

static void test_log_lines_and_levels(void **state)
{
	char text[256];
	uint64_t pos = 0;

	log_open(LOG_INFO, LOG_PORT_NONE);
	log_info("one %d", 1);
	log_debug("not wanted");
	log_err("bad \x1b[2J\n%s", "\xff");
	read_all(&pos, text, sizeof(text));
	assert_string_equal(text, "cloister: [info] one 1\ncloister: [err] bad ?[2J??\n");
	assert_int_equal(read_all(&pos, text, sizeof(text)), 0);
	log_open(LOG_DEBUG, LOG_PORT_NONE);
	log_debug("wanted");
	read_all(&pos, text, sizeof(text));
	assert_string_equal(text, "cloister: [debug] wanted\n");
}

static void test_log_ring_keeps_the_newest(void **state)
{
	static char all[LOG_RING_SIZE + 1];
	uint64_t pos = 0, beyond = UINT64_MAX;
	const char *last = "cloister: [info] line 9999\n";

	for (int i = 0; i < 10000; i++)
		log_info("line %d", i);
	assert_int_equal(read_all(&pos, all, sizeof(all)), LOG_RING_SIZE);
	assert_string_equal(all + LOG_RING_SIZE - strlen(last), last);
	assert_int_equal(log_read(&pos, all, 1), 0);
	assert_int_equal(log_read(&beyond, all, 1), 0);
	assert_int_equal(beyond, pos);
}

static void test_cmdline(void **state)
{
	const char *line = "/boot/core.elf  log=com2 loglevel=info x= loglevel=debug alog=no";
	size_t len = 99;

	assert_true(cmdline_is(line, "log", "com2"));
	assert_false(cmdline_is(line, "log", "com"));
	assert_false(cmdline_is(line, "log", "com22"));
	assert_true(cmdline_is(line, "loglevel", "debug"));
	assert_false(cmdline_is(line, "loglevel", "info"));
	assert_non_null(cmdline_get(line, "x", &len));
	assert_int_equal(len, 0);
	assert_null(cmdline_get(line, "logl", &len));
	assert_null(cmdline_get("", "log", &len));
	assert_null(cmdline_get("log", "log", &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format_like_printf),
		cmocka_unit_test(test_format_pointer),
		cmocka_unit_test(test_format_cut_off),
		cmocka_unit_test(test_format_unknown_conversion),
		cmocka_unit_test(test_log_lines_and_levels),
		cmocka_unit_test(test_log_ring_keeps_the_newest),
		cmocka_unit_test(test_cmdline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
