// SPDX-License-Identifier: Apache-2.0
// cloister's options, QEMU arguments and state files.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "console.h"
#include "exit_names.h"
#include "message.h" // before cmocka.h, which makes fail() a macro
#include "options.h"
#include "qemu_args.h"
#include "state.h"
#include <cmocka.h>

// teardown.c's, which needs a Core.
void state_settle(struct state *st)
{
	st->phase = PHASE_ENDED;
}

static void publish(void **state)
{
	static const char too_long[] =
		"00000000000000000000000000000000000000000000000000000000000000080:80";
	static const char *const bad[] = {"",
					  "80",
					  ":80",
					  "80:",
					  "0:80",
					  "80:0",
					  "65536:80",
					  "80:65536",
					  "80:+80",
					  "80: 80",
					  "a:80:80",
					  "1.2.3:80:80",
					  "1.2.3.4.5:80:80",
					  "::1:80:80",
					  "127.0.0.1:80",
					  "1.2.3.4:80:80:80",
					  "127.0.0.1,x:80:80",
					  "80:80,hostfwd=tcp::1-:2",
					  too_long};
	struct publish p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!parse_publish(bad[i], &p))
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(parse_publish("8443:443", &p), 0);
	assert_string_equal(p.address, "0.0.0.0");
	assert_int_equal(p.host_port, 8443);
	assert_int_equal(p.zone_port, 443);
	assert_int_equal(parse_publish("127.0.0.1:1:65535", &p), 0);
	assert_string_equal(p.address, "127.0.0.1");
	assert_int_equal(p.host_port, 1);
	assert_int_equal(p.zone_port, 65535);
}

static void connections(void **state)
{
	static const char too_long[] =
		"8080:192.0.2.1:0000000000000000000000000000000000000000000000000443";
	static const char *const bad[] = {"",
					  ":",
					  "::",
					  "80",
					  "80:443",
					  "80:192.0.2.1",
					  "192.0.2.1:443",
					  "80:192.0.2.1:",
					  "80::443",
					  ":192.0.2.1:443",
					  "0:192.0.2.1:443",
					  "80:192.0.2.1:0",
					  "65536:192.0.2.1:443",
					  "80:192.0.2.1:65536",
					  "80:192.0.2.1:+443",
					  "-80:192.0.2.1:443",
					  "80:192.0.2.1:443 ",
					  "80:192.0.2:443",
					  "80:192.0.2.256:443",
					  "80:0.0.0.0:443",
					  "80:localhost:443",
					  "80:example.org:443",
					  "80:::1:443",
					  "80:[::1]:443",
					  "80:192.0.2.1:443:443",
					  "tcp:80:192.0.2.1:443",
					  too_long};
	struct reach r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!parse_connect(bad[i], &r))
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(parse_connect("8080:192.0.2.1:443", &r), 0);
	assert_string_equal(r.address, "192.0.2.1");
	assert_int_equal(r.zone_port, 8080);
	assert_int_equal(r.port, 443);
	assert_int_equal(parse_connect("65535:255.255.255.254:1", &r), 0);
	assert_string_equal(r.address, "255.255.255.254");
	assert_int_equal(r.zone_port, 65535);
	assert_int_equal(r.port, 1);
}

static void window(void **state)
{
	static const char *const bad[] = {"",	   "63",   "0",	  "-1",	   "%",
					  "101%",  "0%",   "1 %", "65537", "1G",
					  "4097K", "100K", "5%%", "x%",	   "99999999999%"};
	const uint64_t memory = 256ull << 20; // 65536 pages
	uint32_t pages;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!parse_window(bad[i], memory, &pages))
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(parse_window("all", memory, &pages), 0);
	assert_int_equal(pages, 0);
	assert_int_equal(parse_window("64", memory, &pages), 0);
	assert_int_equal(pages, 64);
	assert_int_equal(parse_window("16M", memory, &pages), 0);
	assert_int_equal(pages, 4096);
	assert_int_equal(parse_window("50%", memory, &pages), 0);
	assert_int_equal(pages, 32768);
	assert_int_equal(parse_window("100%", memory, &pages), 0);
	assert_int_equal(pages, 65536);
}

static void names(void **state)
{
	char name[NAME_MAX_LENGTH + 1], longest[NAME_MAX_LENGTH + 2];

	assert_true(name_valid("redis-1.x_y"));
	assert_false(name_valid(""));
	assert_false(name_valid("."));
	assert_false(name_valid(".."));
	assert_false(name_valid("-x"));
	assert_false(name_valid(".lock"));
	assert_false(name_valid("a/b"));
	assert_false(name_valid("a,b"));
	assert_false(name_valid("a b"));
	memset(longest, 'a', sizeof(longest));
	longest[NAME_MAX_LENGTH + 1] = '\0';
	assert_false(name_valid(longest));
	longest[NAME_MAX_LENGTH] = '\0';
	assert_true(name_valid(longest));
	name_from_path("/srv/images/redis", name);
	assert_string_equal(name, "redis");
	name_from_path("/srv/My, image//", name);
	assert_string_equal(name, "Myimage");
	name_from_path("/", name);
	assert_string_equal(name, "zone");
	name_from_path("/..", name);
	assert_string_equal(name, "zone");
}

static bool has(const struct qemu_args *args, const char *text)
{
	for (uint32_t i = 0; i < args->count; i++)
		if (strstr(args->argv[i], text))
			return true;
	return false;
}

static struct qemu_params params(void)
{
	static const struct publish ports[] = {{"0.0.0.0", 8443, 443}, {"127.0.0.1", 80, 81}};
	static char extra[] = "-trace";
	static char *const extras[] = {extra};

	return (struct qemu_params){.qemu = "/usr/bin/qemu",
				    .name = "n",
				    .accel = "kvm",
				    .console_fd = 15,
				    .qmp_fd = 16,
				    .memory = 512ull << 20,
				    .ram_fd = 9,
				    .loader_fd = 17,
				    .launch_fd = 10,
				    .kernel_fd = 11,
				    .initrd_fd = 12,
				    .cmdline = "a b,c",
				    .rootfs_fd = 13,
				    .verity_fd = 14,
				    .volume_fd = -1,
				    .publish = ports,
				    .nr_publish = 2,
				    .extra = extras,
				    .nr_extra = 1};
}

static void zone_arguments(void **state)
{
	struct qemu_params p = params();
	struct qemu_args args;

	assert_int_equal(qemu_args_build(&args, &p), 0);
	assert_string_equal(args.argv[0], "/usr/bin/qemu");
	assert_null(args.argv[args.count]);
	assert_true(has(&args, "-no-reboot"));
	assert_true(has(&args, "-nodefaults"));
	assert_true(has(&args, "max-ram-below-4g=2G"));
	assert_true(has(&args, "smm=off"));
	assert_true(has(&args, "host-phys-bits-limit=39"));
	assert_true(has(&args, "size=512M,mem-path=/proc/self/fd/9,share=on"));
	assert_true(has(&args, "/proc/self/fd/17"));
	assert_true(has(&args, "fd=15,set=3"));
	assert_true(has(&args, "path=/dev/fdset/3,append=on"));
	assert_true(has(&args, "socket,id=qmp,fd=16,"));
	assert_true(has(&args, "/proc/self/fd/10"));
	assert_false(has(&args, "-append"));
	assert_false(has(&args, "/proc/self/fd/11"));
	assert_true(has(&args, "fd=13,set=1"));
	assert_true(has(&args, "virtio-blk-pci,drive=rootfs,addr=2,iommu_platform=on"));
	assert_true(has(&args, "virtio-blk-pci,drive=verity,addr=3,iommu_platform=on"));
	assert_true(has(&args, "virtio-net-pci,netdev=net,addr=4,romfile=,iommu_platform=on"));
	assert_true(has(&args, ",hostfwd=tcp:0.0.0.0:8443-:443,hostfwd=tcp:127.0.0.1:80-:81"));
	assert_string_equal(args.argv[args.count - 1], "-trace");
	qemu_args_free(&args);
}

static void volume_arguments(void **state)
{
	struct qemu_params p = params();
	struct qemu_args args;

	assert_int_equal(qemu_args_build(&args, &p), 0);
	assert_false(has(&args, "addr=5"));
	assert_false(has(&args, "virtserialport"));
	qemu_args_free(&args);
	p.volume_fd = 20;
	p.volume_read_fd = 21;
	p.tpm_fd = 22;
	p.control_fd = 23;
	assert_int_equal(qemu_args_build(&args, &p), 0);
	assert_true(has(&args, "fd=20,set=4"));
	assert_true(has(&args, "fd=21,set=4"));
	assert_true(has(&args, "node-name=volume,file.driver=file,file.filename=/dev/fdset/4"));
	assert_false(has(&args, "host_device"));
	assert_true(has(&args, "virtio-blk-pci,drive=volume,addr=5,iommu_platform=on"));
	assert_true(has(&args, "virtio-serial-pci,id=ports,max_ports=3,addr=6,iommu_platform=on"));
	assert_true(has(&args, "socket,id=tpm,fd=22"));
	assert_true(has(&args, "chardev=tpm,name=cloister.tpm"));
	assert_true(has(&args, "socket,id=control,fd=23"));
	assert_true(has(&args, "chardev=control,name=cloister.control"));
	qemu_args_free(&args);
	p.volume_block = true;
	assert_int_equal(qemu_args_build(&args, &p), 0);
	assert_true(has(&args, "file.driver=host_device,file.filename=/dev/fdset/4"));
	qemu_args_free(&args);
}

static void plain_arguments(void **state)
{
	struct qemu_params p = params();
	struct qemu_args args;

	p.plain = true;
	p.rootfs_fd = -1;
	p.nr_publish = 0;
	assert_int_equal(qemu_args_build(&args, &p), 0);
	assert_true(has(&args, "/proc/self/fd/11"));
	assert_true(has(&args, "/proc/self/fd/12"));
	assert_true(has(&args, "a b,c"));
	assert_false(has(&args, "/proc/self/fd/17"));
	assert_false(has(&args, "/proc/self/fd/10"));
	assert_false(has(&args, "iommu_platform"));
	assert_false(has(&args, "virtio-blk"));
	assert_false(has(&args, "hostfwd"));
	qemu_args_free(&args);
}

static void too_many_arguments(void **state)
{
	char text[] = "x";
	char *extra[QEMU_ARGS_MAX];
	struct qemu_params p = params();
	struct qemu_args args;

	for (uint32_t i = 0; i < QEMU_ARGS_MAX; i++)
		extra[i] = text;
	p.extra = extra;
	p.nr_extra = QEMU_ARGS_MAX;
	assert_int_equal(qemu_args_build(&args, &p), -E2BIG);
	qemu_args_free(&args);
}

static void given_files(void **state)
{
	static const char *const bad[] = {"", "x", "x:rw", ":rw", "/a,b", "/a=b", "/a:b", "/a\"b"};
	char ro[] = "/d/disk:ro", rw[] = "/d/disk2:rw", plain[] = "/d", path[64];
	struct given g[3], none;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(path, sizeof(path), "%s", bad[i]);
		if (!given_parse(path, &none))
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(given_parse(ro, &g[0]), 0);
	assert_int_equal(given_parse(rw, &g[1]), 0);
	assert_int_equal(given_parse(plain, &g[2]), 0);
	assert_false(g[0].writable);
	assert_true(g[1].writable);
	assert_false(g[2].writable);
	assert_string_equal(g[1].path, "/d/disk2");

	static const char *const cases[][2] = {
		{"file=/d/disk,if=none", "file=/dev/fdset/16,if=none"},
		{"/d/disk", "/dev/fdset/16"},
		{"/d/disk2", "/dev/fdset/17"},
		{"a=/d/disk2,b=/d/disk", "a=/dev/fdset/17,b=/dev/fdset/16"},
		{"{\"filename\":\"/d/disk\"}", "{\"filename\":\"/dev/fdset/16\"}"},
		{"file:/d", "file:/dev/fdset/18"},
		// parts of longer names
		{"/d/disk3", "/d/disk3"},
		{"/x/d/disk", "/x/d/disk"},
		{"-trace", "-trace"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = given_replace(cases[i][0], g, 3);
		assert_string_equal(text, cases[i][1]);
		free(text);
	}
	// What a jailed QEMU would not find is refused beforehand.
	assert_true(given_missing("file=/etc/passwd,if=none", path, sizeof(path)));
	assert_string_equal(path, "/etc/passwd");
	assert_true(given_missing("/etc/passwd", path, sizeof(path)));
	assert_true(
		given_missing("{\"filename\": \"x\",\"y\":\"/etc/passwd\"}", path, sizeof(path)));
	assert_true(given_missing("/dev/fdset/1,/dev/mem", path, sizeof(path)) ||
		    access("/dev/mem", F_OK));
	assert_false(given_missing("file=/dev/fdset/16", path, sizeof(path)));
	assert_false(given_missing("/dev/null", path, sizeof(path)));
	assert_false(given_missing("nbd://host/x", path, sizeof(path)));
	assert_false(given_missing("/nonexistent", path, sizeof(path)));
}

static char dir[] = "/tmp/cloister-cli-XXXXXX";

static int make_dir(void **state)
{
	return mkdtemp(dir) && !setenv("CLOISTER_RUN_DIR", dir, 1) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/.lock", dir);
	unlink(path);
	return rmdir(dir);
}

/* By fields, on zeros: states are compared as memory, padding and all. */
static void sample(struct state *st)
{
	memset(st, 0, sizeof(*st));
	strcpy(st->name, "z");
	st->phase = PHASE_LIVE;
	st->supervisor = process_of(getpid());
	st->qemu = process_of(getpid());
	st->ram_fd = 7;
	st->handle = 0xfedcba9876543210ull;
	st->instance = 3;
	strcpy(st->digest, "ab");
	strcpy(st->image, "/srv/ä \"x\"");
	st->memory = 512ull << 20;
	st->window_pages = 64;
	st->idle_ms = 5;
	st->nr_publish = 1;
	st->guardian = process_of(getppid());
	st->jail_id = 1879048192u;
	st->host_network = true;
	st->started = 1000;
	strcpy(st->publish[0].address, "127.0.0.1");
	st->publish[0].host_port = 1;
	st->publish[0].zone_port = 2;
	st->nr_connect = 2;
	st->connect[0] = (struct reach){8080, "192.0.2.1", 443};
	st->connect[1] = (struct reach){65535, "255.255.255.254", 65535};
	strcpy(st->reason, "why");
}

static void state_round_trip(void **state)
{
	struct state st, back;
	char **list;
	size_t count;

	sample(&st);
	assert_string_equal(state_base(), dir);
	assert_int_equal(state_create(&st), 0);
	assert_int_equal(state_load(&back, "z"), 0);
	assert_memory_equal(&back, &st, sizeof(st));
	assert_int_equal(state_status(&back), STATUS_LIVE);
	assert_int_equal(state_names(&list, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(list[0], "z");
	state_names_free(list, count);
	assert_int_equal(state_load(&back, "none"), -ENOENT);
	assert_int_equal(state_load(&back, "../z"), -EINVAL);
	state_remove("z");
	assert_int_equal(state_load(&back, "z"), -ENOENT);
}

static void state_takes_over_only_the_dead(void **state)
{
	struct state st;

	sample(&st);
	assert_int_equal(state_create(&st), 0);
	assert_int_equal(state_create(&st), -EEXIST);
	st.supervisor.start++; // another process of that number
	assert_int_equal(state_save(&st), 0);
	assert_int_equal(state_status(&st), STATUS_ORPHANED);
	assert_int_equal(state_create(&st), -EEXIST);
	st.qemu.pid = 0;
	assert_int_equal(state_save(&st), 0);
	assert_int_equal(state_status(&st), STATUS_ENDED);
	assert_int_equal(state_create(&st), 0);
	state_remove("z");
}

static void broken_state(void **state)
{
	static const char *const texts[] = {"",
					    "{",
					    "[]",
					    "{\"version\":1}",
					    "{\"version\":2,\"phase\":\"live\"}",
					    "{\"version\":1,\"phase\":7}"};
	struct state st, back;
	char path[128];

	sample(&st);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(state_create(&st), 0);
		assert_true(state_path(path, sizeof(path), "z", STATE_FILE));
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fputs(texts[i], f);
		fclose(f);
		assert_int_equal(state_load(&back, "z"), -EINVAL);
	}
	state_remove("z");
}

static void text(void **state)
{
	char out[16], name[EXIT_NAME_MAX];

	printable(out, sizeof(out), "a\033[31mb\xff\n");
	assert_string_equal(out, "a?[31mb??");
	printable(out, 4, "abcdef");
	assert_string_equal(out, "abc");
	exit_name(0x60, name);
	assert_string_equal(name, "INTR");
	exit_name(0x72, name);
	assert_string_equal(name, "CPUID");
	exit_name(0x7b, name);
	assert_string_equal(name, "IOIO");
	exit_name(0x81, name);
	assert_string_equal(name, "VMMCALL");
	exit_name(0x8f, name);
	assert_string_equal(name, "EFER_WRITE_TRAP");
	exit_name(0xa0, name);
	assert_string_equal(name, "NPF");
	exit_name(0x4e, name);
	assert_string_equal(name, "EXCEPTION_14");
	exit_name(0xa7, name);
	assert_string_equal(name, "0xa7");
}

// A log on a tmpfs, as in /run: so much written, and behind its end blocks for so much more.
static int log_of(off_t written, off_t behind, char path[64])
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_true(fd >= 0);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	assert_int_equal(posix_fallocate(fd, 0, written), 0);
	assert_int_equal(pwrite(fd, "oldest", 6, 0), 6);
	assert_int_equal(pwrite(fd, "latest", 6, written - 6), 6);
	if (behind)
		assert_int_equal(fallocate(fd, FALLOC_FL_KEEP_SIZE, written, behind), 0);
	return fd;
}

static void logs_are_bounded(void **state)
{
	static const struct {
		off_t written, behind, kept; // in MiB
	} cases[] = {
		{4, 0, 4},  // not too much
		{5, 0, 1},  // its end is left
		{1, 2, 3},  // not too much
		{1, 16, 1}, // nothing that would be too old, and all the same too much
		{5, 16, 1}, // both
		{5, 2, 3},  // enough without taking what may be new lines
	};
	char path[64], first[6], last[6];
	struct stat st;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		off_t written = cases[i].written << 20;
		int fd = log_of(written, cases[i].behind << 20, path);
		log_trim(path);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, written);
		assert_int_equal(st.st_blocks * 512, cases[i].kept << 20);
		assert_int_equal(pread(fd, first, 6, 0), 6);
		assert_memory_equal(first, written > 4 << 20 ? "\0\0\0\0\0\0" : "oldest", 6);
		assert_int_equal(pread(fd, last, 6, written - 6), 6);
		assert_memory_equal(last, "latest", 6);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(publish),
		cmocka_unit_test(connections),
		cmocka_unit_test(window),
		cmocka_unit_test(names),
		cmocka_unit_test(zone_arguments),
		cmocka_unit_test(volume_arguments),
		cmocka_unit_test(plain_arguments),
		cmocka_unit_test(too_many_arguments),
		cmocka_unit_test(given_files),
		cmocka_unit_test(state_round_trip),
		cmocka_unit_test(state_takes_over_only_the_dead),
		cmocka_unit_test(broken_state),
		cmocka_unit_test(text),
		cmocka_unit_test(logs_are_bounded),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
