// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for what `cloister` reads: values of its options, the names that it makes, and
 * state.json. The first byte chooses; the rest is the text.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/launch/size.h"
#include "fuzz.h"
#include "given.h"
#include "message.h"
#include "options.h"
#include "qemu_args.h"
#include "state.h"

static char base[64];

/* tools/cloister/teardown.c has it; nothing is settled here. */
void state_settle(struct state *st)
{
}

static void remove_base(void)
{
	char path[128];

	state_remove("z");
	snprintf(path, sizeof(path), "%s/.lock", base);
	remove(path);
	rmdir(base);
}

static void check_sizes(const char *text)
{
	uint64_t n, memory;
	uint32_t pages;

	if (!parse_number(text, 1000, &n)) {
		require(n <= 1000 && strspn(text, "0123456789") == strlen(text) && *text);
		require(strtoull(text, NULL, 10) == n);
	}
	if (!parse_size(text, &n)) {
		char *end;
		uint64_t digits = strtoull(text, &end, 10);
		unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;

		require(!*end || (shift && !end[1]));
		require(n >> shift == digits && digits << shift == n);
	}
	if (!parse_memory(text, &memory))
		require(memory >= CL_ZONE_MEMORY_MIN && memory <= CL_ZONE_MEMORY_MAX &&
			memory % (2ull << 20) == 0);
	if (!parse_window(text, 1ull << 30, &pages))
		require(!pages || (pages >= CL_WINDOW_MIN && pages <= (1u << 30) / CL_PAGE_SIZE));
}

static void check_names(const char *text)
{
	char name[NAME_MAX_LENGTH + 1], shown[32];

	name_from_path(text, name);
	require(name_valid(name));
	if (name_valid(text))
		require(!strchr(text, '/') && strcmp(text, "..") && strlen(text) < sizeof(name));
	printable(shown, sizeof(shown), text);
	for (const char *c = shown; *c; c++)
		require(*c >= ' ' && *c <= '~');
}

/* What was published must be one forward of QEMU's, with nothing smuggled in. */
static void check_publish(const char *text)
{
	struct publish p;
	struct qemu_args args;
	unsigned commas = 0;

	if (parse_publish(text, &p))
		return;
	require(p.host_port && p.zone_port);
	require(strspn(p.address, "0123456789.") == strlen(p.address));
	struct qemu_params params = {
		.qemu = "q",
		.name = "z",
		.accel = "kvm",
		.console_fd = 3,
		.qmp_fd = 4,
		.memory = 1ull << 30,
		.loader_fd = 5,
		.rootfs_fd = -1,
		.verity_fd = -1,
		.volume_fd = -1,
		.publish = &p,
		.nr_publish = 1,
	};
	require(!qemu_args_build(&args, &params));
	for (uint32_t i = 0; i < args.count; i++) {
		const char *forward = strstr(args.argv[i], "hostfwd=");

		for (; forward && *forward; forward++)
			commas += *forward == ',';
	}
	require(commas == 0);
	qemu_args_free(&args);
}

static void check_connect(const char *text)
{
	struct reach r;

	if (parse_connect(text, &r))
		return;
	require(r.zone_port && r.port);
	require(strspn(r.address, "0123456789.") == strlen(r.address));
}

/* A user's argument for QEMU, with one file given: its name is gone, all else is there. */
static void check_given(const char *text)
{
	const struct given given = {.path = "/a", .fd = 3};
	char *replaced = given_replace(text, &given, 1), *copy = strdup(text);
	struct given parsed;

	require(replaced && copy);
	for (const char *at = text, *r = replaced; *at || *r;) {
		if (*at == *r) {
			at++;
			r++;
			continue;
		}
		require(!strncmp(at - 1, "/a", 2) && !strncmp(r - 1, "/dev/fdset/16", 13));
		require(!at[1] || at[1] == ',' || at[1] == '"');
		at++;
		r += 12;
	}
	if (!given_parse(copy, &parsed))
		require(parsed.path[0] && parsed.fd == -1);
	free(replaced);
	free(copy);
}

static void check_state(const uint8_t *data, size_t size)
{
	struct state st, again;
	char path[128];

	snprintf(path, sizeof(path), "%s/z/" STATE_FILE, base);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	if (state_load(&st, "z"))
		return;
	require(!strcmp(st.name, "z") && st.phase <= PHASE_ENDED && st.nr_publish <= PUBLISH_MAX);
	require(st.nr_connect <= CONNECT_MAX);
	require(strnlen(st.reason, sizeof(st.reason)) < sizeof(st.reason));
	require(strnlen(st.image, sizeof(st.image)) < sizeof(st.image));
	(void)status_name(state_status(&st));
	/* Once read it can be written and read again, unless a text was cut inside a character. */
	if (!state_save(&st)) {
		require(!state_load(&again, "z"));
		require(again.phase == st.phase && again.handle == st.handle);
		require(!strcmp(again.image, st.image) && !strcmp(again.reason, st.reason));
		require(!memcmp(again.publish, st.publish, sizeof(st.publish)));
		require(!memcmp(again.connect, st.connect, sizeof(st.connect)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t what = (uint8_t)take(&in, 1);
	char *text = malloc(in.left + 1);

	if (!base[0]) {
		char path[128];

		snprintf(base, sizeof(base), "/dev/shm/fuzz-run-XXXXXX");
		require(mkdtemp(base) && !setenv("CLOISTER_RUN_DIR", base, 1));
		snprintf(path, sizeof(path), "%s/z", base);
		require(!mkdir(path, 0700));
		atexit(remove_base);
	}
	require(text);
	if (in.left)
		memcpy(text, in.at, in.left);
	text[in.left] = '\0';
	if (what & 1) {
		check_state(in.at, in.left);
	} else {
		check_sizes(text);
		check_names(text);
		check_publish(text);
		check_connect(text);
		check_given(text);
	}
	free(text);
	return 0;
}
