// SPDX-License-Identifier: Apache-2.0
// Bundles of evidence: exactly the form that cloister/evidence.h describes, and nothing else.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cbor_in.h"
#include "cbor_out.h"
#include "checks.h"

_Static_assert(CL_ERROR_SIZE >= CL_REASON_SIZE, "a reason is an error");

static const uint8_t quoted[CL_QUOTE_NR_PCRS] = {
	CL_PCR_FIRMWARE, CL_PCR_OPTION_ROMS, CL_PCR_BOOT_IMAGE, CL_PCR_SECURE_BOOT,
	CL_PCR_COMMANDS, CL_PCR_FILES,	     CL_PCR_CORE,
};

/* A text string that must be this one. */
static int take_word(struct clv_cbor *in, const char *what, const char *word, char *reason)
{
	const uint8_t *text;
	char shown[48];
	size_t size;

	if (clv_cbor_take_string(in, CLV_TEXT, &text, &size))
		return clv_refuse(reason, "its %s is malformed: %s", what, in->why);
	if (size == strlen(word) && memcmp(text, word, size) == 0)
		return 0;
	clv_printable(shown, sizeof(shown), text, size);
	return clv_refuse(reason, "its %s is \"%s\", not \"%s\"", what, shown, word);
}

static int take_bytes(struct clv_cbor *in, const char *what, size_t min, size_t max,
		      const uint8_t **data, size_t *size, char *reason)
{
	if (clv_cbor_take_string(in, CLV_BYTES, data, size))
		return clv_refuse(reason, "its %s is malformed: %s", what, in->why);
	if (*size < min || *size > max)
		return clv_refuse(reason, "its %s has %zu bytes, not %zu to %zu", what, *size, min,
				  max);
	return 0;
}

/* label: [ type, value ] (draft-ietf-rats-msg-wrap-23, section 3.1) */
static int take_record(struct clv_cbor *in, const char *label, const char *type, size_t min,
		       size_t max, const uint8_t **data, size_t *size, char *reason)
{
	uint64_t items;

	if (take_word(in, "next label", label, reason))
		return -1;
	if (clv_cbor_take(in, CLV_ARRAY, &items))
		return clv_refuse(reason, "its record %s is malformed: %s", label, in->why);
	if (items != 2)
		return clv_refuse(reason, "its record %s is an array of %llu, not of 2", label,
				  (unsigned long long)items);
	if (take_word(in, "record's type", type, reason))
		return -1;
	return take_bytes(in, label, min, max, data, size, reason);
}

static int take_pcrs(struct clv_cbor *in, struct cl_evidence *parts, char *reason)
{
	const uint8_t *value;
	uint64_t pairs, pcr;
	size_t size;

	if (clv_cbor_take(in, CLV_MAP, &pairs))
		return clv_refuse(reason, "its PCRs are malformed: %s", in->why);
	if (pairs != CL_QUOTE_NR_PCRS)
		return clv_refuse(reason, "it has %llu PCRs, not %u", (unsigned long long)pairs,
				  CL_QUOTE_NR_PCRS);
	for (size_t i = 0; i < CL_QUOTE_NR_PCRS; i++) {
		if (clv_cbor_take(in, CLV_UINT, &pcr))
			return clv_refuse(reason, "its PCRs are malformed: %s", in->why);
		if (pcr != quoted[i])
			return clv_refuse(reason, "it has PCR %llu where PCR %u belongs",
					  (unsigned long long)pcr, quoted[i]);
		if (take_bytes(in, "PCR", CL_PCR_SIZE, CL_PCR_SIZE, &value, &size, reason))
			return -1;
		memcpy(parts->pcrs[i], value, CL_PCR_SIZE);
	}
	return 0;
}

static int take_quote(const uint8_t *data, size_t size, struct cl_evidence *parts, char *reason)
{
	struct clv_cbor in = {.at = data, .end = data + size};
	uint64_t items;

	if (clv_cbor_take(&in, CLV_ARRAY, &items))
		return clv_refuse(reason, "its quote is malformed: %s", in.why);
	if (items != 3)
		return clv_refuse(reason, "its quote is an array of %llu, not of 3",
				  (unsigned long long)items);
	if (take_bytes(&in, "attestation", 1, CL_QUOTE_ATTEST_MAX, &parts->attest,
		       &parts->attest_size, reason) ||
	    take_bytes(&in, "quote's signature", 1, CL_QUOTE_SIGNATURE_MAX, &parts->signature,
		       &parts->signature_size, reason) ||
	    take_pcrs(&in, parts, reason))
		return -1;
	if (clv_cbor_take_end(&in))
		return clv_refuse(reason, "its quote is malformed: %s", in.why);
	return 0;
}

static int take_bundle(struct clv_cbor *in, struct cl_evidence *parts, char *reason)
{
	/* Room for what the quote's limits allow, with the heads between. */
	const size_t quote_max = CL_QUOTE_ATTEST_MAX + CL_QUOTE_SIGNATURE_MAX +
				 CL_QUOTE_NR_PCRS * (CL_PCR_SIZE + 3) + 16;
	const uint8_t *quote = NULL;
	size_t quote_size = 0;
	uint64_t pairs;

	if (clv_cbor_take(in, CLV_MAP, &pairs))
		return clv_refuse(reason, "it is no CMW collection: %s", in->why);
	if (pairs != 4 && pairs != 5)
		return clv_refuse(reason, "it has %llu members, not 4, or 5 with a report",
				  (unsigned long long)pairs);
	if (take_record(in, CL_LABEL_AK, CL_TYPE_AK, 1, CL_AK_CERT_MAX, &parts->ak, &parts->ak_size,
			reason) ||
	    take_record(in, CL_LABEL_QUOTE, CL_TYPE_QUOTE, 1, quote_max, &quote, &quote_size,
			reason) ||
	    take_quote(quote, quote_size, parts, reason))
		return -1;
	if (pairs == 5 && take_record(in, CL_LABEL_REPORT, CL_TYPE_REPORT, 1, CL_REPORT_MAX,
				      &parts->report, &parts->report_size, reason))
		return -1;
	if (take_word(in, "next label", CL_LABEL_TYPE, reason) ||
	    take_word(in, "collection's type", CL_EVIDENCE_TYPE, reason) ||
	    take_record(in, CL_LABEL_BOOT_LOG, CL_TYPE_BOOT_LOG, 0, CL_BOOT_LOG_MAX,
			&parts->boot_log, &parts->boot_log_size, reason))
		return -1;
	if (clv_cbor_take_end(in))
		return clv_refuse(reason, "it is malformed: %s", in->why);
	return 0;
}

int cl_evidence_unpack(const uint8_t *bundle, size_t size, struct cl_evidence *parts,
		       char error[CL_ERROR_SIZE])
{
	struct clv_cbor in = {.at = bundle, .end = bundle + size};
	int rc = -1;

	memset(parts, 0, sizeof(*parts));
	if (size == 0)
		clv_refuse(error, "it is empty");
	else if (size > CL_EVIDENCE_MAX)
		clv_refuse(error, "it has %zu bytes, more than %u", size, CL_EVIDENCE_MAX);
	else
		rc = take_bundle(&in, parts, error);
	if (rc == 0)
		return 0;
	memset(parts, 0, sizeof(*parts));
	return -EPROTO;
}

static void put_record(struct clv_cbor_out *out, const char *label, const char *type)
{
	clv_cbor_put_text(out, label);
	clv_cbor_put(out, CLV_ARRAY, 2);
	clv_cbor_put_text(out, type);
}

static void put_quote(struct clv_cbor_out *out, const struct cl_evidence *parts)
{
	clv_cbor_put(out, CLV_ARRAY, 3);
	clv_cbor_put_bytes(out, parts->attest, parts->attest_size);
	clv_cbor_put_bytes(out, parts->signature, parts->signature_size);
	clv_cbor_put(out, CLV_MAP, CL_QUOTE_NR_PCRS);
	for (size_t i = 0; i < CL_QUOTE_NR_PCRS; i++) {
		clv_cbor_put(out, CLV_UINT, quoted[i]);
		clv_cbor_put_bytes(out, parts->pcrs[i], CL_PCR_SIZE);
	}
}

static bool fits(const uint8_t *data, size_t size, size_t max)
{
	return data && size > 0 && size <= max;
}

int cl_evidence_pack(const struct cl_evidence *parts, uint8_t *bytes, size_t capacity)
{
	uint8_t quote[CL_QUOTE_ATTEST_MAX + CL_QUOTE_SIGNATURE_MAX + 512];
	struct clv_cbor_out inner = {.bytes = quote, .capacity = sizeof(quote)};
	struct clv_cbor_out out = {.bytes = bytes, .capacity = capacity};

	if (!parts || !bytes || !fits(parts->ak, parts->ak_size, CL_AK_CERT_MAX) ||
	    !fits(parts->attest, parts->attest_size, CL_QUOTE_ATTEST_MAX) ||
	    !fits(parts->signature, parts->signature_size, CL_QUOTE_SIGNATURE_MAX) ||
	    (parts->report && !fits(parts->report, parts->report_size, CL_REPORT_MAX)) ||
	    (parts->boot_log_size && !fits(parts->boot_log, parts->boot_log_size, CL_BOOT_LOG_MAX)))
		return -EINVAL;
	put_quote(&inner, parts);
	clv_cbor_put(&out, CLV_MAP, parts->report ? 5 : 4);
	put_record(&out, CL_LABEL_AK, CL_TYPE_AK);
	clv_cbor_put_bytes(&out, parts->ak, parts->ak_size);
	put_record(&out, CL_LABEL_QUOTE, CL_TYPE_QUOTE);
	clv_cbor_put_bytes(&out, quote, inner.size);
	if (parts->report) {
		put_record(&out, CL_LABEL_REPORT, CL_TYPE_REPORT);
		clv_cbor_put_bytes(&out, parts->report, parts->report_size);
	}
	clv_cbor_put_text(&out, CL_LABEL_TYPE);
	clv_cbor_put_text(&out, CL_EVIDENCE_TYPE);
	put_record(&out, CL_LABEL_BOOT_LOG, CL_TYPE_BOOT_LOG);
	clv_cbor_put_bytes(&out, parts->boot_log, parts->boot_log_size);
	return out.full ? -ENOSPC : (int)out.size;
}
