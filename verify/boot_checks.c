// SPDX-License-Identifier: Apache-2.0
// Judge how a machine was started.
#include <string.h>

#include "boot_checks.h"
#include "boot_events.h"
#include "checks.h"
#include "eventlog.h"
#include "hash.h"
#include "hex.h"

/* Where the PCRs of CL_QUOTE_PCRS stand in cl_evidence.pcrs. */
enum slot {
	SLOT_FIRMWARE,
	SLOT_OPTION_ROMS,
	SLOT_BOOT_IMAGE,
	SLOT_SECURE_BOOT,
	SLOT_COMMANDS,
	SLOT_FILES,
	SLOT_CORE,
};

static const uint8_t replayed[] = {
	[SLOT_FIRMWARE] = CL_PCR_FIRMWARE,     [SLOT_OPTION_ROMS] = CL_PCR_OPTION_ROMS,
	[SLOT_BOOT_IMAGE] = CL_PCR_BOOT_IMAGE, [SLOT_SECURE_BOOT] = CL_PCR_SECURE_BOOT,
	[SLOT_COMMANDS] = CL_PCR_COMMANDS,     [SLOT_FILES] = CL_PCR_FILES,
};

#define UNMEASURED "unmeasured boot: "

/* 0 if the log is what made the PCRs. */
static int check_log(struct cl_verdict_result *r, const struct cl_evidence *parts)
{
	uint8_t pcrs[CLV_LOG_PCRS][CL_PCR_SIZE];
	char reason[CL_REASON_SIZE];

	if (parts->boot_log_size == 0) {
		clv_add(r, "boot-log", CL_CHECK_FAIL,
			UNMEASURED "the firmware left no event log, as under BIOS");
		return -1;
	}
	if (clv_log_replay(parts->boot_log, parts->boot_log_size, pcrs, reason)) {
		clv_add(r, "boot-log", CL_CHECK_FAIL, "the event log is malformed: %.200s", reason);
		return -1;
	}
	for (size_t i = 0; i < sizeof(replayed); i++) {
		if (clv_equal(pcrs[replayed[i]], parts->pcrs[i], CL_PCR_SIZE))
			continue;
		clv_add(r, "boot-log", CL_CHECK_FAIL,
			"the event log does not make PCR %u what the TPM quotes: events are "
			"missing, added or changed",
			replayed[i]);
		return -1;
	}
	clv_add(r, "boot-log", CL_CHECK_PASS,
		"the event log makes PCRs 0, 2, 4, 7, 8 and 9 what the TPM quotes");
	return 0;
}

static void check_value(struct cl_verdict_result *r, const char *name, const char *what,
			const uint8_t value[CL_HASH_SIZE], const uint8_t (*list)[CL_HASH_SIZE],
			size_t nr)
{
	char hex[2 * CL_HASH_SIZE + 1];

	clv_hex(hex, value, CL_HASH_SIZE);
	if (nr == 0) {
		clv_add(r, name, CL_CHECK_WARN, "the policy names no %s: it is %s", what, hex);
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		if (clv_equal(list[i], value, CL_HASH_SIZE)) {
			clv_add(r, name, CL_CHECK_PASS, "the policy names the %s", what);
			return;
		}
	}
	clv_add(r, name, CL_CHECK_FAIL, "the %s, %s, is none of the %zu in the policy", what, hex,
		nr);
}

static void check_image(struct cl_verdict_result *r, const struct cl_policy *p,
			const struct cl_evidence *parts)
{
	uint8_t image[CL_HASH_SIZE];
	char reason[CL_REASON_SIZE];
	bool measured;

	if (parts->boot_log_size == 0) {
		clv_add(r, "boot-image", CL_CHECK_FAIL,
			UNMEASURED "there is no event log, so nothing says what was booted");
		return;
	}
	if (clv_boot_application(parts->boot_log, parts->boot_log_size, image, &measured, reason)) {
		/* Without a known AK the log may be anybody's. */
		if (r->proven)
			memcpy(r->node.boot_image, image, sizeof(image));
		check_value(r, "boot-image", "boot image", image, p->boot_images,
			    p->nr_boot_images);
	} else {
		clv_add(r, "boot-image", CL_CHECK_FAIL, "%s%.220s", measured ? "" : UNMEASURED,
			reason);
	}
}

static void check_commands(struct cl_verdict_result *r, const struct cl_policy *p,
			   const struct cl_evidence *parts)
{
	char reason[CL_REASON_SIZE];
	size_t nr;

	if (parts->boot_log_size == 0)
		clv_add(r, "boot-commands", CL_CHECK_FAIL,
			UNMEASURED "there is no event log, so nothing says what GRUB did");
	else if (p->nr_boot_commands == 0)
		clv_add(r, "boot-commands", CL_CHECK_WARN,
			"the policy names no commands: GRUB may have done anything");
	else if (clv_boot_commands(parts->boot_log, parts->boot_log_size, p, &nr, reason))
		clv_add(r, "boot-commands", CL_CHECK_FAIL, "%.250s", reason);
	else
		clv_add(r, "boot-commands", CL_CHECK_PASS,
			"GRUB did nothing that the policy does not name, in %zu steps", nr);
}

void clv_check_boot(struct cl_verdict_result *r, const struct cl_policy *p,
		    const struct cl_evidence *parts)
{
	/* What a log says that made nothing of the PCRs is nobody's word: it is not looked at. */
	struct cl_evidence seen = *parts;

	if (check_log(r, parts))
		seen.boot_log_size = 0;
	check_value(r, "firmware", "firmware (PCR 0)", parts->pcrs[SLOT_FIRMWARE], p->firmware,
		    p->nr_firmware);
	check_value(r, "option-roms", "option ROMs (PCR 2)", parts->pcrs[SLOT_OPTION_ROMS],
		    p->option_roms, p->nr_option_roms);
	if (seen.boot_log_size == 0 && parts->boot_log_size) {
		clv_add(r, "boot-image", CL_CHECK_FAIL,
			"no event log that holds says what was booted");
		clv_add(r, "boot-commands", CL_CHECK_FAIL,
			"no event log that holds says what GRUB did");
		return;
	}
	check_image(r, p, &seen);
	check_commands(r, p, &seen);
}

static bool core_key_known(const struct cl_verdict_result *r, const struct cl_policy *p)
{
	for (size_t i = 0; i < p->nr_core_keys; i++)
		if (clv_equal(p->core_keys[i], r->report.core_key, CL_CORE_KEY_SIZE))
			return true;
	return p->nr_core_keys == 0;
}

bool clv_check_core_pcr(struct cl_verdict_result *r, const struct cl_policy *p,
			const struct cl_evidence *parts)
{
	static const uint8_t zero[CL_PCR_SIZE];
	uint8_t pcr[CL_PCR_SIZE] = {0}, digest[CL_HASH_SIZE];
	char hex[2 * CLV_FEW + 1];

	clv_sha256(r->report.core_key, CL_CORE_KEY_SIZE, digest);
	clv_extend(pcr, digest);
	clv_sha256((const uint8_t *)CL_PCR_CORE_CAP, strlen(CL_PCR_CORE_CAP), digest);
	clv_extend(pcr, digest);
	clv_hex(hex, r->report.core_key, CLV_FEW);
	if (clv_equal(parts->pcrs[SLOT_CORE], zero, CL_PCR_SIZE))
		clv_add(r, "core-key", CL_CHECK_FAIL,
			"PCR 13 is zero: no Core put its key there when this machine started");
	else if (!clv_equal(pcr, parts->pcrs[SLOT_CORE], CL_PCR_SIZE))
		clv_add(r, "core-key", CL_CHECK_FAIL,
			"PCR 13 does not hold the key in the report, %s…, and that alone: another "
			"key signed the report, or the host extended the PCR",
			hex);
	else if (!core_key_known(r, p))
		clv_add(r, "core-key", CL_CHECK_FAIL,
			"the Core's key, %s…, is none of the %zu in the policy", hex,
			p->nr_core_keys);
	else
		clv_add(r, "core-key", CL_CHECK_PASS,
			"PCR 13 holds the key in the report, and that alone");
	return r->checks[r->nr_checks - 1].status == CL_CHECK_PASS;
}
