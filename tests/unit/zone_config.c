// SPDX-License-Identifier: Apache-2.0
// What init reads: kernel command line, workload file, passwd; and the verity table it makes.
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cmdline.h"
#include "verity.h"
#include "workload.h"

#define ROOT   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HASH   "cloister.roothash=" ROOT
#define VERITY "cloister.verity=100:abcd"

static struct cmdline cmdline;

static int parse(const char *text)
{
	const char *why = NULL;
	int error = cmdline_parse(text, &cmdline, &why);
	assert_true(error == 0 ? why == NULL : why != NULL);
	return error;
}

static void cmdline_good(void **state)
{
	char text[512];
	assert_int_equal(parse("console=ttyS0 " HASH " quiet " VERITY "\n"), 0);
	assert_int_equal(cmdline.root_hash[1], 0x11);
	assert_int_equal(cmdline.data_blocks, 100);
	assert_int_equal(cmdline.salt_size, 2);
	assert_int_equal(cmdline.address, inet_addr("10.0.2.15"));
	assert_int_equal(cmdline.prefix, 24);
	assert_int_equal(cmdline.gateway, inet_addr("10.0.2.2"));
	assert_int_equal(parse(HASH " " VERITY " cloister.ip=192.0.2.7/31"), 0);
	assert_int_equal(cmdline.address, inet_addr("192.0.2.7"));
	assert_int_equal(cmdline.prefix, 31);
	assert_int_equal(cmdline.gateway, 0);
	assert_int_equal(parse(HASH " " VERITY " cloister.ip=192.0.2.7/24,192.0.2.1"), 0);
	assert_int_equal(cmdline.gateway, inet_addr("192.0.2.1"));
	assert_int_equal(parse(HASH " cloister.verity=1:"), 0); // no salt
	assert_string_equal(cmdline.volume, "");
	assert_int_equal(parse(HASH " " VERITY " cloister.volume=data-2:/var/lib/x_y"), 0);
	assert_string_equal(cmdline.volume, "data-2");
	assert_string_equal(cmdline.volume_path, "/var/lib/x_y");
	snprintf(text, sizeof(text), "%s cloister.verity=1:%0128d", HASH, 0);
	assert_int_equal(parse(text), 0);
}

static void cmdline_refused(void **state)
{
	static const char *const bad[] = {
		"",
		HASH,
		VERITY,
		"x" HASH " " VERITY,
		"cloister.roothash= " VERITY,
		"cloister.roothash=" ROOT "0 " VERITY,
		"cloister.roothash=" ROOT "00 " VERITY,
		"cloister.roothash=g" ROOT " " VERITY,
		HASH " " HASH " " VERITY,
		HASH " " VERITY " " VERITY,
		HASH " cloister.verity=0:ab",
		HASH " cloister.verity=-1:ab",
		HASH " cloister.verity=+1:ab",
		HASH " cloister.verity=1099511627777:ab",
		HASH " cloister.verity=99999999999999999999999:ab",
		HASH " cloister.verity=1:a",
		HASH " cloister.verity=1:zz",
		HASH " cloister.verity=1",
		HASH " cloister.verity=:ab",
		HASH " " VERITY " cloister.ip=",
		HASH " " VERITY " cloister.ip=10.0.0.1",
		HASH " " VERITY " cloister.ip=10.0.0.1/0",
		HASH " " VERITY " cloister.ip=10.0.0.1/33",
		HASH " " VERITY " cloister.ip=10.0.0.256/24",
		HASH " " VERITY " cloister.ip=10.0.0.1/24,",
		HASH " " VERITY " cloister.ip=10.0.0.1/24;10.0.0.2",
		HASH " " VERITY " cloister.ip=10.0.0.1/24 cloister.ip=10.0.0.1/24",
		HASH " " VERITY " cloister.volume=",
		HASH " " VERITY " cloister.volume=a",
		HASH " " VERITY " cloister.volume=a:",
		HASH " " VERITY " cloister.volume=:/a",
		HASH " " VERITY " cloister.volume=a:/",
		HASH " " VERITY " cloister.volume=a:b",
		HASH " " VERITY " cloister.volume=-a:/b",
		HASH " " VERITY " cloister.volume=A:/b",
		HASH " " VERITY " cloister.volume=a:/b/../c",
		HASH " " VERITY " cloister.volume=a:/b//c",
		HASH " " VERITY " cloister.volume=a:/b:c",
		HASH " " VERITY " cloister.volume=a:/b,rw",
		HASH " " VERITY " cloister.volume=a:/b cloister.volume=a:/b",
		HASH " " VERITY " cloister.volume=a23456789012345678901234567890123:/b",
	};
	char text[1024];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i]), -EINVAL);
	snprintf(text, sizeof(text), "%s cloister.verity=1:%0130d", HASH, 0);
	assert_int_equal(parse(text), -EINVAL);
	snprintf(text, sizeof(text), "%s cloister.verity=1:%0400d", HASH, 0);
	assert_int_equal(parse(text), -EINVAL);
	snprintf(text, sizeof(text), "%s %s cloister.volume=a:/%0128d", HASH, VERITY, 0);
	assert_int_equal(parse(text), -EINVAL);
}

static void verity_line(void **state)
{
	char table[VERITY_TABLE_MAX];
	assert_int_equal(parse(HASH " " VERITY), 0);
	assert_true(verity_table(&cmdline, table, sizeof(table)) > 0);
	assert_string_equal(table, "1 /dev/vda /dev/vdb 4096 4096 100 1 sha256 " ROOT " abcd");
	assert_int_equal(verity_table(&cmdline, table, 80), 0);
	assert_int_equal(parse(HASH " cloister.verity=7:"), 0);
	assert_true(verity_table(&cmdline, table, sizeof(table)) > 0);
	assert_string_equal(table, "1 /dev/vda /dev/vdb 4096 4096 7 1 sha256 " ROOT " -");
}

static int workload(const char *text, struct workload *w, unsigned *line)
{
	return workload_parse(w, text, strlen(text), line);
}

static void workload_good(void **state)
{
	struct workload w;
	unsigned line;
	assert_int_equal(workload("# comment\n\n"
				  "argv /usr/bin/x -a\tb\n"
				  "user  redis\n"
				  "port 65535\n"
				  "env A=b=c\n"
				  "tmpfs /tmp 1777 root 16m\n"
				  "tmpfs /var/x 0750 user 1G",
				  &w, &line),
			 0);
	assert_string_equal(w.argv[0], "/usr/bin/x");
	assert_string_equal(w.argv[2], "b");
	assert_null(w.argv[3]);
	assert_string_equal(w.user, "redis");
	assert_int_equal(w.port, 65535);
	assert_int_equal(w.env_count, 1);
	assert_string_equal(w.env[0], "A=b=c");
	assert_int_equal(w.stop, SIGTERM);
	assert_int_equal(w.tmpfs_count, 2);
	assert_string_equal(w.tmpfs[1].path, "/var/x");
	assert_true(w.tmpfs[1].owned_by_user);
	assert_false(w.tmpfs[0].owned_by_user);
	assert_int_equal(workload("argv /x\nuser u\nstop INT\nport 1\n", &w, &line), 0);
	assert_int_equal(w.stop, SIGINT);
	assert_int_equal(w.reload, 0);
	assert_int_equal(workload("argv /x\nuser u\nreload HUP\nport 1\n", &w, &line), 0);
	assert_int_equal(w.reload, SIGHUP);
}

static void workload_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = {
		{"", 0},
		{"argv /x\nuser u\n", 0},
		{"argv x\n", 1},
		{"argv\n", 1},
		{"argv /x\nargv /y\n", 2},
		{"user\n", 1},
		{"user a b\n", 1},
		{"user a\nuser b\n", 2},
		{"port 0\n", 1},
		{"port 65536\n", 1},
		{"port -1\n", 1},
		{"port 99999999999999999999999\n", 1},
		{"port 1\nport 2\n", 2},
		{"reload\n", 1},
		{"reload KILL\n", 1},
		{"reload HUP\nreload USR1\n", 2},
		{"stop\n", 1},
		{"stop KILL\n", 1},
		{"stop INT TERM\n", 1},
		{"stop TERM\nstop TERM\n", 2},
		{"env A\n", 1},
		{"env =A\n", 1},
		{"env A=b c\n", 1},
		{"tmpfs tmp 0755 root 1m\n", 1},
		{"tmpfs /tmp 0788 root 1m\n", 1},
		{"tmpfs /tmp 0755,x root 1m\n", 1},
		{"tmpfs /tmp 0755 me 1m\n", 1},
		{"tmpfs /tmp 0755 root 1m,uid=0\n", 1},
		{"tmpfs /tmp 0755 root\n", 1},
		{"\nshell /bin/sh\n", 2},
	};
	struct workload w;
	unsigned line;
	char big[WORKLOAD_BYTES_MAX + 2];
	char words[512] = "argv /x";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(workload(bad[i].text, &w, &line), -EINVAL);
		assert_int_equal(line, bad[i].line);
	}
	memset(big, '\n', sizeof(big));
	assert_int_equal(workload_parse(&w, big, sizeof(big), &line), -EINVAL);
	assert_int_equal(workload_parse(&w, "a\0b", 3, &line), -EINVAL);
	for (unsigned i = 1; i < WORKLOAD_WORDS_MAX; i++)
		strcat(words, " w");
	strcat(words, "\nuser u\nport 1\n");
	assert_int_equal(workload(words, &w, &line), 0);
	assert_null(w.argv[WORKLOAD_WORDS_MAX]);
	memmove(words + 9, words + 7, strlen(words + 7) + 1);
	memcpy(words + 7, " w", 2);
	assert_int_equal(workload(words, &w, &line), -EINVAL);
}

// Spoil a good file at random: parsed or refused, never a fault (the sanitizers watch).
static void workload_fuzz(void **state)
{
	static const char good[] = "argv /usr/bin/x -a b\nuser redis\nport 6379\nenv A=b\n"
				   "tmpfs /tmp 1777 root 16m\ntmpfs /var/x 0750 user 1G\n";
	static const char alphabet[] = " \n\t/#=09azargvuserportenvtmpfs,\xff";
	struct workload w;
	char text[sizeof(good)];
	unsigned line;

	srand(3);
	for (unsigned round = 0; round < 20000; round++) {
		memcpy(text, good, sizeof(good));
		for (unsigned n = (unsigned)rand() % 8; n > 0; n--)
			text[(size_t)rand() % (sizeof(good) - 1)] =
				alphabet[(size_t)rand() % sizeof(alphabet)];
		int error = workload_parse(&w, text, (size_t)rand() % sizeof(good), &line);
		assert_true(error == 0 || error == -EINVAL);
		if (error == 0)
			assert_true(w.argv[0][0] == '/' && w.user && w.port);
	}
}

static void passwd(void **state)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
				   "redis2:x:7:8::/:\n"
				   "redis:x:100:101::/:\n"
				   "nogid:x:5\n"
				   "short:x\n"
				   "bare\n"
				   "rootgroup:x:5:0::/:\n"
				   "wide:x:4294967296:1::/:\n"
				   "minus:x:-1:1::/:\n"
				   "last:x:9:10:";
	uint32_t uid, gid;

	assert_int_equal(passwd_find(text, "redis", &uid, &gid), 0);
	assert_int_equal(uid, 100);
	assert_int_equal(gid, 101);
	assert_int_equal(passwd_find(text, "last", &uid, &gid), 0);
	assert_int_equal(gid, 10);
	assert_int_equal(passwd_find(text, "none", &uid, &gid), -ENOENT);
	assert_int_equal(passwd_find(text, "bare", &uid, &gid), -ENOENT);
	assert_int_equal(passwd_find("", "redis", &uid, &gid), -ENOENT);
	assert_int_equal(passwd_find(text, "root", &uid, &gid), -EINVAL);
	assert_int_equal(passwd_find(text, "rootgroup", &uid, &gid), -EINVAL);
	assert_int_equal(passwd_find(text, "nogid", &uid, &gid), -EINVAL);
	assert_int_equal(passwd_find(text, "short", &uid, &gid), -EINVAL);
	assert_int_equal(passwd_find(text, "wide", &uid, &gid), -EINVAL);
	assert_int_equal(passwd_find(text, "minus", &uid, &gid), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cmdline_good),	    cmocka_unit_test(cmdline_refused),
		cmocka_unit_test(verity_line),	    cmocka_unit_test(workload_good),
		cmocka_unit_test(workload_refused), cmocka_unit_test(workload_fuzz),
		cmocka_unit_test(passwd),
	};
	return cmocka_run_group_tests_name("zone_config", tests, NULL, NULL);
}
