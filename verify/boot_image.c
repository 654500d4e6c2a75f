// SPDX-License-Identifier: Apache-2.0
// Which application did the firmware boot? PCR 4 of the event log.
#include <string.h>

#include "boot_events.h"
#include "checks.h"
#include "hash.h"

/*
 * PFP 1.05, section 10.4.3: what an EV_EFI_ACTION of PCR 4 says. Its digest is that of these very
 * characters. No other text is taken: whoever may choose the text could choose the very bytes that
 * an application's digest is made of, and pass the application off as a remark.
 */
static const char *const remarks[] = {
	"Calling EFI Application from Boot Option",
	"Returning from EFI Application from Boot Option",
};

static bool is_remark(const struct clv_event *e)
{
	uint8_t digest[CL_HASH_SIZE];

	for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++) {
		if (e->size != strlen(remarks[i]) || memcmp(e->data, remarks[i], e->size) != 0)
			continue;
		clv_sha256(e->data, e->size, digest);
		return clv_equal(digest, e->digest, CL_HASH_SIZE);
	}
	return false;
}

/* Section 10.4.1, EV_SEPARATOR: four bytes, zeros or ones; anything else tells of an error. */
static bool is_separator(const struct clv_event *e)
{
	static const uint8_t zeros[4], ones[4] = {0xff, 0xff, 0xff, 0xff};
	uint8_t digest[CL_HASH_SIZE];

	if (e->size != 4 || (memcmp(e->data, zeros, 4) != 0 && memcmp(e->data, ones, 4) != 0))
		return false;
	clv_sha256(e->data, e->size, digest);
	return clv_equal(digest, e->digest, CL_HASH_SIZE);
}

static int take_event(const struct clv_event *e, size_t *applications, char reason[CL_REASON_SIZE])
{
	switch (e->type) {
	case CLV_EV_NO_ACTION:
		return 0;
	case CLV_EV_EFI_BOOT_APPLICATION:
		(*applications)++;
		return 0;
	case CLV_EV_SEPARATOR:
		if (is_separator(e))
			return 0;
		break;
	case CLV_EV_EFI_ACTION:
		if (is_remark(e))
			return 0;
		break;
	default:
		return clv_refuse(reason,
				  "PCR 4 has an event of type 0x%08x, which belongs to no boot of "
				  "one image",
				  e->type);
	}
	return clv_refuse(reason, "PCR 4 has an event of type 0x%08x that is not what it says",
			  e->type);
}

int clv_boot_application(const uint8_t *data, size_t size, uint8_t digest[CL_HASH_SIZE],
			 bool *measured, char reason[CL_REASON_SIZE])
{
	size_t applications = 0;
	struct clv_event event = {0};
	struct clv_log log;
	int rc;

	*measured = true;
	if (clv_log_open(&log, data, size, reason))
		return 0;
	while ((rc = clv_log_next(&log, &event, reason)) > 0) {
		size_t before = applications;

		if (event.pcr != CL_PCR_BOOT_IMAGE)
			continue;
		if (take_event(&event, &applications, reason))
			return 0;
		if (applications > before)
			memcpy(digest, event.digest, CL_HASH_SIZE);
	}
	if (rc < 0)
		return 0;
	if (applications == 1)
		return 1;
	*measured = applications > 0;
	clv_refuse(reason, "PCR 4 has %zu applications, not 1", applications);
	return 0;
}
