// SPDX-License-Identifier: Apache-2.0
// CMW collections of the one kind that cloister makes.
#include "bundle.h"
#include <errno.h>
#include <string.h>
#include "../../core/evidence/cbor.h"
#include "../../verify/cbor_in.h"

static int size_of(const struct cbor_out *out)
{
	return out->full ? -ENOSPC : (int)out->len;
}

int bundle_put_quote(const struct tpm_quote *quote, uint8_t *out, size_t max)
{
	struct cbor_out o;
	size_t place = 0;

	cbor_begin(&o, out, max);
	cbor_put_array(&o, 3);
	cbor_put_bytes(&o, quote->attest, quote->attest_size);
	cbor_put_bytes(&o, quote->signature, quote->signature_size);
	cbor_put_map(&o, CL_QUOTE_NR_PCRS);
	for (unsigned int pcr = 0; pcr < 24; pcr++) {
		if (!(CL_QUOTE_PCRS & 1u << pcr))
			continue;
		cbor_put_uint(&o, pcr);
		cbor_put_bytes(&o, quote->pcrs[place++], CL_PCR_SIZE);
	}
	return size_of(&o);
}

static void put_record(struct cbor_out *o, const char *label, const char *type,
		       const struct wire_bytes *value)
{
	cbor_put_text(o, label);
	cbor_put_array(o, 2);
	cbor_put_text(o, type);
	cbor_put_bytes(o, value->data, value->size);
}

int bundle_put(const struct bundle *bundle, uint8_t *out, size_t max)
{
	struct cbor_out o;

	cbor_begin(&o, out, max);
	cbor_put_map(&o, bundle->report.data ? 5 : 4);
	put_record(&o, CL_LABEL_AK, CL_TYPE_AK, &bundle->ak);
	put_record(&o, CL_LABEL_QUOTE, CL_TYPE_QUOTE, &bundle->quote);
	if (bundle->report.data)
		put_record(&o, CL_LABEL_REPORT, CL_TYPE_REPORT, &bundle->report);
	cbor_put_text(&o, CL_LABEL_TYPE);
	cbor_put_text(&o, CL_EVIDENCE_TYPE);
	put_record(&o, CL_LABEL_BOOT_LOG, CL_TYPE_BOOT_LOG, &bundle->boot_log);
	return size_of(&o);
}

static int take_word(struct clv_cbor *in, const char *word)
{
	const uint8_t *text;
	size_t size;

	if (clv_cbor_take_string(in, CLV_TEXT, &text, &size))
		return -EINVAL;
	if (size == strlen(word) && !memcmp(text, word, size))
		return 0;
	in->why = "it is not a node's evidence of this version";
	return -EINVAL;
}

static int take_record(struct clv_cbor *in, const char *label, const char *type, size_t max,
		       struct wire_bytes *value)
{
	uint64_t count;

	if (take_word(in, label) || clv_cbor_take(in, CLV_ARRAY, &count))
		return -EINVAL;
	if (count != 2) {
		in->why = "a record is not of a type and a value";
		return -EINVAL;
	}
	if (take_word(in, type) || clv_cbor_take_string(in, CLV_BYTES, &value->data, &value->size))
		return -EINVAL;
	if (value->size > max) {
		in->why = "a record is too long";
		return -EINVAL;
	}
	return 0;
}

int bundle_take(struct bundle *bundle, const uint8_t *data, size_t size, const char **why)
{
	struct clv_cbor in = {.at = data, .end = data + size};
	uint64_t count = 0;
	int rc = clv_cbor_take(&in, CLV_MAP, &count);

	memset(bundle, 0, sizeof(*bundle));
	if (!rc && count != 4 && count != 5) {
		in.why = "it is not a node's evidence of this version";
		rc = -EINVAL;
	}
	if (!rc)
		rc = take_record(&in, CL_LABEL_AK, CL_TYPE_AK, CL_AK_CERT_MAX, &bundle->ak);
	if (!rc)
		rc = take_record(&in, CL_LABEL_QUOTE, CL_TYPE_QUOTE,
				 CL_QUOTE_ATTEST_MAX + CL_QUOTE_SIGNATURE_MAX + 512,
				 &bundle->quote);
	if (!rc && count == 5)
		rc = take_record(&in, CL_LABEL_REPORT, CL_TYPE_REPORT, CL_REPORT_MAX,
				 &bundle->report);
	if (!rc)
		rc = take_word(&in, CL_LABEL_TYPE);
	if (!rc)
		rc = take_word(&in, CL_EVIDENCE_TYPE);
	if (!rc)
		rc = take_record(&in, CL_LABEL_BOOT_LOG, CL_TYPE_BOOT_LOG, CL_BOOT_LOG_MAX,
				 &bundle->boot_log);
	if (!rc)
		rc = clv_cbor_take_end(&in);
	if (rc)
		*why = in.why;
	return rc ? -EINVAL : 0;
}
