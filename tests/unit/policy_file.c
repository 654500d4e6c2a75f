// SPDX-License-Identifier: Apache-2.0
// Policy files: all that one can say arrives, and what is not understood is refused.
#include <errno.h>
#include <unistd.h>

#include <jansson.h>

#include "evidence_test.h"

#define HEX20 "00112233445566778899aabbccddeeff00112233"
#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX48 HEX32 "00112233445566778899aabbccddeeff"

static struct cl_policy *loaded;
static char error[CL_ERROR_SIZE];

static int teardown(void **state)
{
	cl_policy_free(loaded);
	loaded = NULL;
	return 0;
}

static int load(const char *text)
{
	char *copy = malloc(strlen(text) + 1);
	int rc;

	cl_policy_free(loaded);
	error[0] = '\0';
	memcpy(copy, text, strlen(text));
	rc = cl_policy_load(copy, strlen(text), &loaded, error);
	free(copy);
	if (rc)
		assert_null(loaded);
	return rc;
}

/* The forge's PEM as JSON texts. */
static char *whole_policy(void)
{
	json_t *json = json_pack(
		"{s:i, s:[s], s:{s:[s], s:[s], s:b}, s:{s:[s,s], s:[s], s:[s], "
		"s:[s,s]}, s:{s:s, s:[s]}, s:{s:i, s:i, s:I, s:I, s:i, s:i}, s:b, "
		"s:b}",
		"version", 1, "digests", HEX48, "nodes", "ca", forge_ca_pem(FORGE_THIS), "crl",
		forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - 1, FORGE_NOW + 1), "accept_test_tpm", 1,
		"boot", "firmware", HEX32, HEX32, "option_roms", HEX32, "images", HEX32, "commands",
		"kernel_cmdline: x", "kernel_cmdline: y *", "core", "version_min", "0.5.0",
		"builds", HEX20, "zone", "vcpus_min", 1, "vcpus_max", 4, "memory_bytes_min",
		(json_int_t)1 << 20, "memory_bytes_max", (json_int_t)INT64_MAX, "window_pages_max",
		1024, "idle_ms_max", 1000, "require_iommu", 1, "require_remapping", 1);
	char *text = json_dumps(json, 0);

	json_decref(json);
	return text;
}

static void everything_arrives(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
					0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	char *text = whole_policy();

	assert_int_equal(load(text), 0);
	free(text);
	assert_int_equal(loaded->size, sizeof(*loaded));
	assert_int_equal(loaded->nr_digests, 1);
	assert_memory_equal(loaded->digests[0] + 32, bytes, 16);
	assert_int_equal(loaded->nr_cas, 1);
	assert_non_null(strstr(loaded->cas[0], "BEGIN CERTIFICATE"));
	assert_int_equal(loaded->nr_crls, 1);
	assert_non_null(strstr(loaded->crls[0], "BEGIN X509 CRL"));
	assert_true(loaded->accept_test_tpm);
	assert_int_equal(loaded->nr_firmware, 2);
	assert_memory_equal(loaded->firmware[1] + 16, bytes, 16);
	assert_int_equal(loaded->nr_option_roms, 1);
	assert_int_equal(loaded->nr_boot_images, 1);
	assert_int_equal(loaded->nr_boot_commands, 2);
	assert_string_equal(loaded->boot_commands[1], "kernel_cmdline: y *");
	assert_string_equal(loaded->core_version_min, "0.5.0");
	assert_int_equal(loaded->nr_core_builds, 1);
	assert_memory_equal(loaded->core_builds[0], bytes, 16);
	assert_int_equal(loaded->vcpus_min, 1);
	assert_int_equal(loaded->vcpus_max, 4);
	assert_int_equal(loaded->memory_bytes_min, 1 << 20);
	assert_int_equal(loaded->memory_bytes_max, INT64_MAX);
	assert_int_equal(loaded->window_pages_max, 1024);
	assert_int_equal(loaded->idle_ms_max, 1000);
	assert_true(loaded->require_iommu);
	assert_true(loaded->require_remapping);
	assert_null(loaded->nonce);
	assert_null(loaded->spki);
	assert_int_equal(loaded->now, 0);
}

static void least(void **state)
{
	// printf '{"version": 1}' | sha256sum
	static const uint8_t id[] = {0xc3, 0xaa, 0x97, 0x44, 0x21, 0x4c, 0xaf, 0x6e,
				     0xb9, 0x93, 0xd6, 0xf8, 0x8f, 0x3f, 0x1d, 0xda,
				     0x3e, 0x4e, 0x60, 0xd5, 0x9f, 0x71, 0x2b, 0x64,
				     0x63, 0xc4, 0xce, 0x2c, 0x4b, 0x00, 0xdf, 0xa1};
	struct cl_policy none = {.size = sizeof(none)};

	assert_int_equal(load("{\"version\": 1}"), 0);
	assert_memory_equal(loaded->id, id, sizeof(id));
	none.id = loaded->id;
	assert_memory_equal(loaded, &none, sizeof(none));
	assert_int_equal(load("{\"version\": 1, \"digests\": [], \"nodes\": {}, \"boot\": {}, "
			      "\"core\": {}, \"zone\": {}, \"require_iommu\": false}"),
			 0);
	assert_memory_not_equal(loaded->id, id, sizeof(id));
	none.id = loaded->id;
	assert_memory_equal(loaded, &none, sizeof(none));
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{"", "line "},
		{"{", "line "},
		{"[]", "an object with \"version\": 1 expected"},
		{"1", "line "},
		{"{}", "an object with \"version\": 1 expected"},
		{"{\"version\": 2}", "version: 1 expected"},
		{"{\"version\": \"1\"}", "version: 1 expected"},
		{"{\"version\": 1.0}", "version: 1 expected"},
		{"{\"version\": 1} x", "line 1: "},
		{"{\"version\": 1, \"version\": 1}", "duplicate"},
		{"{\"version\": 1, \"digest\": []}", "digest: there is no such member"},
		{"{\"version\": 1, \"\\u001b\": []}", "?: there is no such member"},
		{"{\"version\": 1, \"ca\": []}", "ca: there is no such member"},
		{"{\"version\": 1, \"nodes\": {\"digests\": []}}",
		 "nodes.digests: there is no such member"},
		{"{\"version\": 1, \"zone\": {\"nodes\": {}}}",
		 "zone.nodes: there is no such member"},
		{"{\"version\": 1, \"nodes\": []}", "nodes: an object expected"},
		{"{\"version\": 1, \"nodes\": null}", "nodes: an object expected"},
		{"{\"version\": 1, \"digests\": {}}", "digests: a list of at most 4096 expected"},
		{"{\"version\": 1, \"digests\": [1]}", "digests: entry 1: a text expected"},
		{"{\"version\": 1, \"digests\": [\"\"]}", "digests: entry 1: a text expected"},
		{"{\"version\": 1, \"digests\": [\"" HEX48 "\", \"" HEX32 "\"]}",
		 "digests: entry 2: 96 lower-case hex digits expected"},
		{"{\"version\": 1, \"boot\": {\"images\": [\"" HEX48 "\"]}}",
		 "boot.images: entry 1: 64 lower-case hex digits expected"},
		{"{\"version\": 1, \"boot\": {\"commands\": [\"kernel_cmdline: x\", \"grub_cmd: "
		 "boot\"]}}",
		 "boot.commands: entry 2: a script's commands (grub_cmd) are never accepted"},
		{"{\"version\": 1, \"boot\": {\"commands\": [\"kernel_cmdline: x tpm=none\"]}}",
		 "boot.commands: entry 1: a Core with tpm=none leaves the TPM to the host and is "
		 "never accepted"},
		{"{\"version\": 1, \"core\": {\"builds\": [\"" HEX32 "\"]}}",
		 "core.builds: entry 1: 40 lower-case hex digits expected"},
		{"{\"version\": 1, \"core\": {\"builds\": "
		 "[\"00112233445566778899AABBCCDDEEFF00112233\"]}}",
		 "40 lower-case hex digits expected"},
		{"{\"version\": 1, \"core\": {\"version_min\": \"1.2\"}}",
		 "core.version_min: a release"},
		{"{\"version\": 1, \"core\": {\"version_min\": \"1.2.3-rc1\"}}", "a release"},
		{"{\"version\": 1, \"core\": {\"version_min\": 1}}", "a release"},
		{"{\"version\": 1, \"zone\": {\"vcpus_min\": 0}}",
		 "zone.vcpus_min: a whole number from 1 to 4294967295 expected"},
		{"{\"version\": 1, \"zone\": {\"vcpus_min\": 4294967296}}", "zone.vcpus_min: "},
		{"{\"version\": 1, \"zone\": {\"vcpus_min\": -1}}", "zone.vcpus_min: "},
		{"{\"version\": 1, \"zone\": {\"vcpus_min\": 1.5}}", "zone.vcpus_min: "},
		{"{\"version\": 1, \"zone\": {\"memory_bytes_max\": 9223372036854775808}}",
		 "line 1: "},
		{"{\"version\": 1, \"zone\": {\"vcpus_min\": 2, \"vcpus_max\": 1}}",
		 "zone: a least number is more than the most"},
		{"{\"version\": 1, \"zone\": {\"memory_bytes_min\": 2, \"memory_bytes_max\": 1}}",
		 "zone: a least number is more than the most"},
		{"{\"version\": 1, \"require_iommu\": 1}", "require_iommu: true or false expected"},
		{"{\"version\": 1, \"nodes\": {\"accept_test_tpm\": \"false\"}}",
		 "nodes.accept_test_tpm: true or false expected"},
		{"{\"version\": 1, \"nodes\": {\"ca\": [\"x\"]}}",
		 "CA number 1 of the policy is not one CA certificate in PEM"},
		{"{\"version\": 1, \"nodes\": {\"crl\": [\"x\"]}}",
		 "CRL number 1 of the policy is not one whole CRL in PEM"},
		{"{\"version\": 1, \"nodes\": {\"ca\": [\"a\\u0000b\"]}}", "line 1: "},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(load(cases[i].text), -EINVAL);
		if (!strstr(error, cases[i].reason))
			fail_msg("%s: %s", cases[i].text, error);
	}
}

static void every_truncation(void **state)
{
	char *text = whole_policy();
	size_t size = strlen(text);

	for (size_t n = 0; n < size; n += n < 300 ? 1 : 37) {
		text[n] = '\0';
		assert_int_equal(load(text), -EINVAL);
		free(text);
		text = whole_policy();
	}
	free(text);
}

static void sizes(void **state)
{
	char *big = malloc(CL_POLICY_MAX + 1);

	memset(big, ' ', CL_POLICY_MAX + 1);
	memcpy(big, "{\"version\":1}", 13);
	assert_int_equal(cl_policy_load(big, CL_POLICY_MAX, &loaded, error), 0);
	cl_policy_free(loaded);
	assert_int_equal(cl_policy_load(big, CL_POLICY_MAX + 1, &loaded, error), -EINVAL);
	assert_string_equal(error, "at most 1048576 bytes expected");
	assert_null(loaded);
	free(big);
	assert_int_equal(cl_policy_load(NULL, 0, &loaded, error), -EINVAL);
	assert_int_equal(cl_policy_load("{}", 2, NULL, error), -EINVAL);
	cl_policy_free(NULL);
}

static void files(void **state)
{
	char path[] = "/tmp/policy-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{\"version\":1}", 13), 13);
	close(fd);
	assert_int_equal(cl_policy_load_file(path, &loaded, error), 0);
	unlink(path);
	cl_policy_free(loaded);
	assert_int_equal(cl_policy_load_file(path, &loaded, error), -ENOENT);
	assert_string_equal(error, "cannot open it: No such file or directory");
	assert_null(loaded);
	assert_int_equal(cl_policy_load_file("/tmp", &loaded, error), -EISDIR);
	assert_int_equal(cl_policy_load_file("/dev/zero", &loaded, error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(everything_arrives, teardown),
		cmocka_unit_test_teardown(least, teardown),
		cmocka_unit_test_teardown(refusals, teardown),
		cmocka_unit_test_teardown(every_truncation, teardown),
		cmocka_unit_test(sizes),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
