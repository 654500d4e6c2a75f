// SPDX-License-Identifier: Apache-2.0
// Evidence: what started the machine, and whose key the Core's is.
#include "eventlog.h"
#include "evidence_test.h"

#define SEPARATOR 4u
#define ACTION	  0x80000007u
#define APP	  0x80000003u

/* ---- the log ---- */

static void bios_boot(void **state)
{
	forged.no_log = true;
	forged_verdict();
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	expect_status("boot-log", CL_CHECK_FAIL, "unmeasured boot: the firmware left no event log");
	expect_status("boot-image", CL_CHECK_FAIL, "unmeasured boot: there is no event log");
	expect_status("boot-commands", CL_CHECK_FAIL, "unmeasured boot: there is no event log");
	assert_int_equal(strncmp(check_named("boot-image")->reason, "unmeasured boot: ", 17), 0);
}

/* A log that says other than what the TPM saw. */
static void lying_log(void **state)
{
	static const uint32_t pcrs[] = {0, 2, 4, 7, 8, 9};
	uint8_t bundle[CL_EVIDENCE_MAX], log[CL_BOOT_LOG_MAX], again[CL_EVIDENCE_MAX];
	char reason[64];

	for (size_t i = 0; i < COUNT(pcrs); i++) {
		struct cl_evidence parts;
		char error[CL_ERROR_SIZE];
		size_t size;

		evidence_forge_default(&forged, data, digest);
		size = evidence_forge_make(&forged, bundle, sizeof(bundle));
		assert_int_equal(cl_evidence_unpack(bundle, size, &parts, error), 0);
		for (size_t j = 0; j < forged.nr_events; j++) {
			if (forged.event[j].pcr == pcrs[i]) {
				forge_event_remove(&forged, &forged.event[j]);
				break;
			}
		}
		parts.boot_log = log;
		parts.boot_log_size = forge_log_make(&forged, log, sizeof(log));
		size = (size_t)cl_evidence_pack(&parts, again, sizeof(again));
		verdict_of(again, size);
		snprintf(reason, sizeof(reason), "does not make PCR %u what the TPM", pcrs[i]);
		expect_status("boot-log", CL_CHECK_FAIL, reason);
		/* Nothing of it is believed then. */
		expect_status("boot-image", CL_CHECK_FAIL, "no event log that holds");
		expect_status("boot-commands", CL_CHECK_FAIL, "no event log that holds");
		expect_status("firmware", CL_CHECK_PASS, "");
	}
}

/* The log in place of the one that made the PCRs. */
static void expect_log(const uint8_t *log, size_t size, const char *reason)
{
	uint8_t bundle[CL_EVIDENCE_MAX], again[CL_EVIDENCE_MAX];
	struct cl_evidence parts;
	char error[CL_ERROR_SIZE];
	int n;

	n = (int)evidence_forge_make(&forged, bundle, sizeof(bundle));
	assert_int_equal(cl_evidence_unpack(bundle, (size_t)n, &parts, error), 0);
	parts.boot_log = log;
	parts.boot_log_size = size;
	n = cl_evidence_pack(&parts, again, sizeof(again));
	assert_true(n > 0);
	verdict_of(again, (size_t)n);
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	expect_status("boot-log", CL_CHECK_FAIL, reason);
}

/* Offsets into the log that forge_log_make makes: header of 32 bytes, then Spec ID. */
static void malformed_log(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *reason;
	} cases[] = {
		{0, 1, "its first event is no header"},
		{4, 4, "its first event is no header"},
		{28, 0, "its first event is no \"Spec ID Event03\""},
		{28, 24, "its header is too short"},
		{28, 36, "its header is too short"},
		{28, 44, "its header is malformed"},
		{31, 1, "its first event is no header"},
		{46, '2', "its first event is no"},
		{56, 0, "it has 0 banks"},
		{56, 9, "it has 9 banks"},
		{56, 4, "its header is too short"},
		{59, 1, "banks"},
		{68, 0x0b, "names bank 0x000b twice"},
		{64, 0x0d, "it has no bank of SHA-256"},
		{66, 20, "its digests of SHA-256 have 20 bytes"},
		{62, 21, "the event log is malformed"},
		{72, 1, "its header is malformed"},
		{73, 24, "it has an event of PCR 24"},
		{76, 1, "it has an event of PCR 16777216"},
		{81, 2, "an event has 2 digests, but there are 3 banks"},
		{107, 0x04, "an event has a digest of bank 0x0004 twice"},
		{85, 0x99, "the header does not name it"},
	};
	uint8_t log[CL_BOOT_LOG_MAX];
	size_t size;

	for (size_t i = 0; i < COUNT(cases); i++) {
		size = forge_log_make(&forged, log, sizeof(log));
		assert_int_not_equal(log[cases[i].at], cases[i].value);
		log[cases[i].at] = cases[i].value;
		expect_log(log, size, cases[i].reason);
	}
}

static void truncated_log(void **state)
{
	uint8_t whole[CLV_LOG_PCRS][CL_PCR_SIZE], pcrs[CLV_LOG_PCRS][CL_PCR_SIZE];
	uint8_t log[CL_BOOT_LOG_MAX];
	size_t size = forge_log_make(&forged, log, sizeof(log));
	char reason[CL_REASON_SIZE];

	assert_int_equal(clv_log_replay(log, size, whole, reason), 0);
	for (size_t n = 0; n < size; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, log, n);
		/* Cut between two events it is a log, but of less. */
		if (clv_log_replay(copy, n, pcrs, reason) == 0)
			assert_memory_not_equal(pcrs, whole, sizeof(whole));
		free(copy);
	}
	expect_log(log, size - 1, "it ends within an event");
}

static void banks(void **state)
{
	for (forged.log_banks = 2; forged.log_banks <= 4; forged.log_banks++)
		expect_affirming();
	forged.log_banks = 1;
	forged_verdict();
	expect_status("boot-log", CL_CHECK_FAIL, "it has no bank of SHA-256");
}

static void startup_locality(void **state)
{
	static const uint8_t locality3[] = "StartupLocality\0\3";
	struct forge_event *e;

	/* Another value of PCR 0, so the policy has to know it. */
	e = forge_event_add(&forged, 0, 3, locality3, 17);
	struct forge_event first = *e;
	memmove(&forged.event[1], &forged.event[0], (forged.nr_events - 1) * sizeof(*e));
	forged.event[0] = first;
	expect_refused("firmware", "none of the 2 in the policy");
	expect_status("boot-log", CL_CHECK_PASS, "");
	/* Said later it would be a lie about what came before. */
	evidence_forge_default(&forged, data, digest);
	forge_event_add(&forged, 0, 3, locality3, 17);
	forged_verdict();
	expect_status("boot-log", CL_CHECK_FAIL, "it says too late how PCR 0 began");
	/* What extends nothing says nothing. */
	evidence_forge_default(&forged, data, digest);
	forge_event_add(&forged, 4, 3, "note", 4);
	forge_event_add(&forged, 8, 3, "note", 4);
	forge_event_add(&forged, 0, 3, "note", 4);
	expect_affirming();
}

/* ---- firmware, option ROMs ---- */

static void other_firmware(void **state)
{
	forge_event_find(&forged, 0, 8)->data = "OVMF\0002";
	expect_refused("firmware", "is none of the 2 in the policy");
}

static void other_option_roms(void **state)
{
	forge_event_find(&forged, 2, 0x80000004)->measured = "evi";
	expect_refused("option-roms", "is none of the 2 in the policy");
}

static void other_secure_boot_is_no_matter(void **state)
{
	forge_event_find(&forged, 7, 0x80000001)->data = "SecureBooT";
	forge_event_find(&forged, 9, 13)->data = "(memdisk)/grub.cfG";
	forge_event_find(&forged, 5, 0x80000006)->data = "gpt";
	expect_affirming();
}

/* ---- the boot image ---- */

static void changed_image(void **state)
{
	forge_event_find(&forged, 4, APP)->measured = "an evil ima!";
	expect_refused("boot-image", "is none of the 2 in the policy");
}

static void no_image(void **state)
{
	forge_event_remove(&forged, forge_event_find(&forged, 4, APP));
	expect_refused("boot-image", "unmeasured boot: PCR 4 has 0 applications, not 1");
	/* All that SeaBIOS leaves: separators; or nothing. */
	forge_event_remove(&forged, forge_event_find(&forged, 4, ACTION));
	expect_refused("boot-image", "unmeasured boot: ");
	forge_event_remove(&forged, forge_event_find(&forged, 4, SEPARATOR));
	expect_refused("boot-image", "unmeasured boot: ");
}

static void two_images(void **state)
{
	struct forge_event *e = forge_event_add(&forged, 4, APP, "\\EFI\\evil", 9);

	e->measured = "evil";
	e->measured_size = 4;
	expect_refused("boot-image", "PCR 4 has 2 applications, not 1");
	/* The very image twice is one too many, too: the first may have done something else. */
	e->measured = FORGE_IMAGE;
	e->measured_size = strlen(FORGE_IMAGE);
	expect_refused("boot-image", "PCR 4 has 2 applications");
}

/* An application that was run before, with its event passed off as something else. */
static void hidden_image(void **state)
{
	static const uint32_t types[] = {0x00000005, 0x0000000d, 0x00000012, 0x80000004,
					 0x80000005, 0x80000006, 0x8000000c, 0x800000e0};
	struct forge_event *e = forge_event_add(&forged, 4, ACTION, "evil application", 16);

	expect_refused("boot-image", "type 0x80000007 that is not what it says");
	e->data = "Returning from EFI Application from Boot Option";
	e->size = 47;
	expect_affirming();
	e->measured = "evil";
	e->measured_size = 4;
	expect_refused("boot-image", "type 0x80000007 that is not what it says");
	e->type = SEPARATOR;
	e->data = "\0\0\0";
	e->size = 4;
	expect_refused("boot-image", "type 0x00000004 that is not what it says");
	e->measured = NULL;
	expect_affirming();
	e->data = "\xff\xff\xff\xff";
	expect_affirming();
	e->data = "\1\0\0";
	expect_refused("boot-image", "type 0x00000004 that is not what it says");
	for (size_t i = 0; i < COUNT(types); i++) {
		e->type = types[i];
		expect_refused("boot-image", "which belongs to no boot of one image");
	}
}

/* ---- GRUB's commands ---- */

static void changed_command(void **state)
{
	forge_command(&forged, "kernel_cmdline: console=ttyS0 debug");
	expect_refused("boot-commands",
		       "\"kernel_cmdline: console=ttyS0 debug\" is none of the 2 commands");
}

/* A command more, on its own. */
static void expect_command_refused(const char *command, const char *reason)
{
	forge_command(&forged, command);
	expect_refused("boot-commands", reason);
	forged.nr_events--;
}

static void prefixes(void **state)
{
	forge_command(&forged, "kernel_cmdline: cloister-core anything at all");
	expect_affirming();
	/* The prefix ends with a space. */
	expect_command_refused("kernel_cmdline: cloister-core",
			       "\"kernel_cmdline: cloister-core\" is none");
	expect_command_refused("kernel_cmdline: cloister-corevil x",
			       "\"kernel_cmdline: cloister-corevil x\" is none");
	/* What is no prefix is the whole. */
	expect_command_refused("kernel_cmdline: console=ttyS0 x",
			       "\"kernel_cmdline: console=ttyS0 x\" is none");
	expect_command_refused("kernel_cmdline: console=ttyS",
			       "\"kernel_cmdline: console=ttyS\" is none");
	expect_command_refused("kernel_cmdline: ", "\"kernel_cmdline: \" is none");
	expect_command_refused("kernel_cmdline: \x1b[2J\xff", "\"kernel_cmdline: ?[2J?\" is none");
	expect_affirming();
}

/* Of an image for machines without a TPM, which the policy's prefix would let in on any. */
static void without_tpm(void **state)
{
	expect_command_refused("kernel_cmdline: cloister-core loglevel=debug tpm=none",
			       "the Core left the TPM to the host");
	expect_command_refused("kernel_cmdline: cloister-core tpm=none log=com2",
			       "the Core left the TPM to the host");
	forge_command(&forged, "module_cmdline: tpm=none"); /* the host's kernel does not know it */
	expect_affirming();
}

/* The text is not what the digest is of. */
static void disguised_command(void **state)
{
	struct forge_event *e = forge_event_find(&forged, 8, 13); /* the Core's */

	e->measured = "console=evil";
	e->measured_size = 12;
	expect_refused("boot-commands", "whose text is not what was measured");
	e->measured = NULL; /* the prefix with it */
	expect_refused("boot-commands", "whose text is not what was measured");
}

static void malformed_command(void **state)
{
	struct forge_event *e = forge_event_find(&forged, 8, 13);

	e->size--; /* its NUL */
	expect_refused("boot-commands", "whose text is malformed");
	e->size = 0;
	expect_refused("boot-commands", "whose text is malformed");
	e->data = "kernel_cmdline: console=ttyS0\0evil";
	e->size = 35;
	expect_refused("boot-commands", "whose text is malformed");
	e->data = "evil_cmd: console=ttyS0";
	e->size = 24;
	expect_refused("boot-commands", "no command of GRUB's");
	e->data = "kernel_cmdline: console=ttyS0";
	e->size = 30;
	expect_affirming();
	e->type = 5;
	expect_refused("boot-commands", "type 0x00000005, which GRUB never makes");
}

/*
 * A GRUB with a script engine logs its commands. The digest does not cover the prefix, so that any
 * of them could be passed off as a module's command line; but `multiboot2` itself is one, and the
 * first.
 */
static void disguised_module(void **state)
{
	struct forge_event *core = forge_event_find(&forged, 8, 13);

	forge_command(&forged, "grub_cmd: boot");
	expect_refused("boot-commands", "\"grub_cmd: boot\": GRUB ran a script's command; the boot "
					"image of `make boot-image` runs none");
	forged.nr_events--;
	*forge_event_add(&forged, 8, 13, NULL, 0) = *core;
	core->data = "grub_cmd: multiboot2 (memdisk)/core.elf console=ttyS0";
	core->size = 54;
	core->measured = (const char *)core->data + 10;
	core->measured_size = 43;
	expect_refused("boot-commands", "GRUB ran a script's command");
	core->data = "module_cmdline: multiboot2 (memdisk)/core.elf console=ttyS0";
	core->size = 60;
	expect_refused("boot-commands", "comes before the Core's command line");
	core->data = "kernel_cmdline: multiboot2 (memdisk)/core.elf console=ttyS0";
	expect_refused("boot-commands", "is none of the 2 commands");
}

/* Just the Core's command line and the modules'. */
static void command_lines(void **state)
{
	static const char *const named[] = {"kernel_cmdline: cloister-core"};
	struct forge_event *e;

	while (forged.event[forged.nr_events - 1].pcr == 8)
		forged.nr_events--;
	policy.boot_commands = named;
	policy.nr_boot_commands = 1;
	expect_refused("boot-commands", "PCR 8 has no command line of the Core's");
	forge_command(&forged, "kernel_cmdline: cloister-core");
	expect_affirming();
	forge_command(&forged, "module_cmdline: root=UUID=1 ro quiet");
	forge_command(&forged, "module_cmdline: ");
	expect_affirming();
	expect_status("boot-commands", CL_CHECK_PASS, "in 3 steps");
	/* The Core's command line is the first, whatever it is called. */
	e = forge_event_find(&forged, 8, 13);
	e->data = "module_cmdline: cloister-core evil";
	e->size = 35;
	e->measured = "cloister-core evil";
	e->measured_size = 18;
	expect_refused(
		"boot-commands",
		"\"module_cmdline: cloister-core evil\" comes before the Core's command line");
	e->data = "kernel_cmdline: cloister-core evil";
	expect_refused("boot-commands", "is none of the 1 commands");
	e->data = "kernel_cmdline: cloister-core";
	e->size = 30;
	expect_refused("boot-commands", "whose text is not what was measured");
	e->measured_size = 13;
	expect_affirming();
}

/* ---- the Core's key ---- */

static void no_core(void **state)
{
	forged.cored = forged.capped = false;
	forged_verdict();
	expect_status("core-key", CL_CHECK_FAIL, "PCR 13 is zero: no Core put its key there");
	expect_status("root", CL_CHECK_FAIL, "the evidence does not prove it");
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
}

static void expect_core_key_refused(void)
{
	forged_verdict();
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	expect_status("core-key", CL_CHECK_FAIL, "PCR 13 does not hold the key in the report");
	expect_status("root", CL_CHECK_FAIL, "the evidence does not prove it");
}

static void host_extended_pcr13(void **state)
{
	static const uint8_t other[CL_CORE_KEY_SIZE] = {4, 2};

	forged.host_extended = true;
	expect_core_key_refused();
	/* Not capped: the host may yet put its own key there. */
	forged.host_extended = forged.capped = false;
	expect_core_key_refused();
	/* The host's own key after the cap of no Core. */
	forged.cored = false;
	forged.host_extended = forged.capped = true;
	expect_core_key_refused();
	/* Another Core's report with this node's quote. */
	forged.host_extended = false;
	forged.cored = true;
	forged.pcr13_key = other;
	expect_core_key_refused();
}

static void pinned_core_key(void **state)
{
	static const uint8_t other[1][CL_CORE_KEY_SIZE] = {{4, 2}};
	static uint8_t this[1][CL_CORE_KEY_SIZE];

	memcpy(this[0], forge_public(), sizeof(this[0]));
	policy.core_keys = (const uint8_t(*)[CL_CORE_KEY_SIZE])this;
	policy.nr_core_keys = 1;
	expect_affirming();
	policy.core_keys = other;
	forged_verdict();
	expect_status("core-key", CL_CHECK_FAIL, "is none of the 1 in the policy");
}

static void root_in_the_report(void **state)
{
	forge_claim(&forged.report, CL_CLAIM_ROOT)->data = "none";
	assert_int_equal(forged_verdict(), CL_VERDICT_WARNING);
	expect_status("root", CL_CHECK_WARN, "the Core itself says that no TPM vouches for it");
	forge_claim(&forged.report, CL_CLAIM_ROOT)->data = "sgx";
	expect_refused("root", "root: sgx, which this verifier does not know");
}

/* ---- the zone: all that a report's own tests do not see ---- */

static void zone(void **state)
{
	static const uint8_t other[1][CL_DIGEST_SIZE] = {{1}};
	static const uint8_t builds[1][CL_BUILD_SIZE] = {{1}};

	forge_claim(&forged.report, CL_CLAIM_DBGSTAT)->number = CL_DBGSTAT_ENABLED;
	expect_refused("debug", "dbgstat is 0, not 3");
	evidence_forge_default(&forged, data, digest);
	policy.core_version_min = "0.2.0";
	expect_refused("core-version", "older than the policy's oldest, 0.2.0");
	policy.core_version_min = NULL;
	policy.core_builds = builds;
	expect_refused("core-build", "is none of the 1 in the policy");
	policy.nr_core_builds = 0;
	policy.digests = other;
	expect_refused("digest", "is none of the 1 in the policy");
	policy.nr_digests = 0;
	policy.spki = data;
	expect_refused("tls-key", "the TLS key is not the one in the report");
	policy.spki = NULL;
	policy.require_remapping = true;
	expect_refused("remapping", "no interrupt remapping, which the policy requires");
	forge_claim(&forged.report, CL_CLAIM_REMAP)->data = "amd-vi";
	assert_int_equal(forged_verdict(), CL_VERDICT_WARNING);
	forge_claim(&forged.report, CL_CLAIM_IOMMU)->data = "none";
	expect_refused("iommu", "no IOMMU");
	policy.require_iommu = false;
	assert_int_equal(forged_verdict(), CL_VERDICT_WARNING);
	policy.vcpus_min = 2;
	expect_refused("vcpus", "less than the policy's least, 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bios_boot, evidence_setup),
		cmocka_unit_test_setup(lying_log, evidence_setup),
		cmocka_unit_test_setup(malformed_log, evidence_setup),
		cmocka_unit_test_setup(truncated_log, evidence_setup),
		cmocka_unit_test_setup(banks, evidence_setup),
		cmocka_unit_test_setup(startup_locality, evidence_setup),
		cmocka_unit_test_setup(other_firmware, evidence_setup),
		cmocka_unit_test_setup(other_option_roms, evidence_setup),
		cmocka_unit_test_setup(other_secure_boot_is_no_matter, evidence_setup),
		cmocka_unit_test_setup(changed_image, evidence_setup),
		cmocka_unit_test_setup(no_image, evidence_setup),
		cmocka_unit_test_setup(two_images, evidence_setup),
		cmocka_unit_test_setup(hidden_image, evidence_setup),
		cmocka_unit_test_setup(changed_command, evidence_setup),
		cmocka_unit_test_setup(prefixes, evidence_setup),
		cmocka_unit_test_setup(without_tpm, evidence_setup),
		cmocka_unit_test_setup(disguised_command, evidence_setup),
		cmocka_unit_test_setup(malformed_command, evidence_setup),
		cmocka_unit_test_setup(disguised_module, evidence_setup),
		cmocka_unit_test_setup(command_lines, evidence_setup),
		cmocka_unit_test_setup(no_core, evidence_setup),
		cmocka_unit_test_setup(host_extended_pcr13, evidence_setup),
		cmocka_unit_test_setup(pinned_core_key, evidence_setup),
		cmocka_unit_test_setup(root_in_the_report, evidence_setup),
		cmocka_unit_test_setup(zone, evidence_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
