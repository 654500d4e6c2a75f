// SPDX-License-Identifier: Apache-2.0
// Read and replay a crypto-agile event log (PFP 1.05, section 10.2). Integers are little-endian.
#include <string.h>

#include "checks.h"
#include "eventlog.h"
#include "hash.h"

#define TPM_ALG_SHA256 0x000bu
#define SHA1_SIZE      20u

static const char spec_id[16] = "Spec ID Event03";
static const char startup_locality[16] = "StartupLocality";

static const uint8_t *take(struct clv_log *log, size_t size)
{
	const uint8_t *bytes = log->at;

	if (size > (size_t)(log->end - log->at))
		return NULL;
	log->at += size;
	return bytes;
}

static bool take_uint(struct clv_log *log, size_t size, uint32_t *value)
{
	const uint8_t *bytes = take(log, size);

	*value = 0;
	for (size_t i = 0; bytes && i < size; i++)
		*value |= (uint32_t)bytes[i] << (8 * i);
	return bytes != NULL;
}

/* TCG_EfiSpecIDEvent, section 10.4.5.1: which banks the digests of each event are of. */
static int open_spec_id(struct clv_log *event, struct clv_log *log, char reason[CL_REASON_SIZE])
{
	const uint8_t *signature = take(event, sizeof(spec_id));
	uint32_t alg, size, count, vendor;
	bool sha256 = false;

	if (!signature || memcmp(signature, spec_id, sizeof(spec_id)) != 0)
		return clv_refuse(reason, "its first event is no \"%s\"", spec_id);
	/* platformClass, version (2), errata, uintnSize */
	if (!take(event, 8) || !take_uint(event, 4, &count))
		return clv_refuse(reason, "its header is too short");
	if (count == 0 || count > CLV_LOG_ALGS_MAX)
		return clv_refuse(reason, "it has %u banks, not 1 to %u", count, CLV_LOG_ALGS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!take_uint(event, 2, &alg) || !take_uint(event, 2, &size))
			return clv_refuse(reason, "its header is too short");
		for (size_t j = 0; j < i; j++)
			if (log->alg[j] == alg)
				return clv_refuse(reason, "its header names bank 0x%04x twice",
						  alg);
		if (alg == TPM_ALG_SHA256 && size != CL_HASH_SIZE)
			return clv_refuse(reason, "its digests of SHA-256 have %u bytes", size);
		sha256 |= alg == TPM_ALG_SHA256;
		log->alg[i] = (uint16_t)alg;
		log->digest_size[i] = (uint16_t)size;
	}
	if (!sha256)
		return clv_refuse(reason, "it has no bank of SHA-256");
	log->nr_algs = count;
	if (!take_uint(event, 1, &vendor) || !take(event, vendor) || event->at != event->end)
		return clv_refuse(reason, "its header is malformed");
	return 0;
}

int clv_log_open(struct clv_log *log, const uint8_t *data, size_t size, char reason[CL_REASON_SIZE])
{
	struct clv_log event = {0};
	uint32_t pcr, type, length;

	*log = (struct clv_log){.at = data, .end = data + size};
	/* TCG_PCClientPCREvent, section 10.2.1: the first event has the form of TPM 1.2. */
	if (!take_uint(log, 4, &pcr) || !take_uint(log, 4, &type) || !take(log, SHA1_SIZE) ||
	    !take_uint(log, 4, &length))
		return clv_refuse(reason, "its header is too short");
	event.at = take(log, length);
	if (!event.at || pcr != 0 || type != CLV_EV_NO_ACTION)
		return clv_refuse(reason, "its first event is no header");
	event.end = event.at + length;
	return open_spec_id(&event, log, reason);
}

/* TPML_DIGEST_VALUES: one digest of each bank that the header named, in any order. */
static int take_digests(struct clv_log *log, struct clv_event *event, char reason[CL_REASON_SIZE])
{
	uint32_t count, alg, seen = 0;

	if (!take_uint(log, 4, &count))
		return clv_refuse(reason, "it ends within an event");
	if (count != log->nr_algs)
		return clv_refuse(reason, "an event has %u digests, but there are %zu banks", count,
				  log->nr_algs);
	for (size_t n = 0; n < count; n++) {
		const uint8_t *digest;
		size_t i = 0;

		if (!take_uint(log, 2, &alg))
			return clv_refuse(reason, "it ends within an event");
		while (i < log->nr_algs && log->alg[i] != alg)
			i++;
		if (i == log->nr_algs || (seen & 1u << i))
			return clv_refuse(reason,
					  "an event has a digest of bank 0x%04x twice, or "
					  "the header does not name it",
					  alg);
		seen |= 1u << i;
		digest = take(log, log->digest_size[i]);
		if (!digest)
			return clv_refuse(reason, "it ends within an event");
		if (alg == TPM_ALG_SHA256)
			event->digest = digest;
	}
	return 0;
}

int clv_log_next(struct clv_log *log, struct clv_event *event, char reason[CL_REASON_SIZE])
{
	uint32_t size;

	if (log->at == log->end)
		return 0;
	if (!take_uint(log, 4, &event->pcr) || !take_uint(log, 4, &event->type))
		return clv_refuse(reason, "it ends within an event");
	if (event->pcr >= CLV_LOG_PCRS)
		return clv_refuse(reason, "it has an event of PCR %u", event->pcr);
	if (take_digests(log, event, reason))
		return -1;
	if (!take_uint(log, 4, &size) || !(event->data = take(log, size)))
		return clv_refuse(reason, "it ends within an event");
	event->size = size;
	return 1;
}

/*
 * PFP 1.05, section 10.4.5.3: with another locality than 0 at start-up PCR 0 begins as that number
 * (TPM 2.0 Library 1.59, part 1, section 11.4.5.4), and the log says so before anything else of
 * PCR 0.
 */
static int start_pcr0(const struct clv_event *event, bool extended, uint8_t pcr0[CL_PCR_SIZE],
		      char reason[CL_REASON_SIZE])
{
	if (event->size != sizeof(startup_locality) + 1 ||
	    memcmp(event->data, startup_locality, sizeof(startup_locality)) != 0)
		return 0; /* says something else, which extends nothing */
	if (extended)
		return clv_refuse(reason, "it says too late how PCR 0 began");
	pcr0[CL_PCR_SIZE - 1] = event->data[sizeof(startup_locality)];
	return 0;
}

int clv_log_replay(const uint8_t *data, size_t size, uint8_t pcrs[CLV_LOG_PCRS][CL_PCR_SIZE],
		   char reason[CL_REASON_SIZE])
{
	struct clv_event event = {0};
	bool extended = false;
	struct clv_log log;
	int rc;

	memset(pcrs, 0, (size_t)CLV_LOG_PCRS * CL_PCR_SIZE);
	if (clv_log_open(&log, data, size, reason))
		return -1;
	while ((rc = clv_log_next(&log, &event, reason)) > 0) {
		if (event.type != CLV_EV_NO_ACTION) {
			clv_extend(pcrs[event.pcr], event.digest);
			extended |= event.pcr == 0;
		} else if (event.pcr == 0 && start_pcr0(&event, extended, pcrs[0], reason)) {
			return -1;
		}
	}
	return rc;
}
