// SPDX-License-Identifier: Apache-2.0
// Judge a bundle: the checks of a whole chain, from the node's AK to what the zone's report says.
#include <errno.h>

#include <openssl/err.h>

#include "ak.h"
#include "ak_cache.h"
#include "boot_checks.h"
#include "checks.h"
#include "hex.h"
#include "quote.h"
#include "verifier.h"

/* The AK's certificate. 1, 0 if it fails (ak then has its key, unless it has no right form). */
static int check_ak(struct cl_verifier *v, const struct cl_evidence *parts, time_t now,
		    struct clv_ak *ak, struct cl_verdict_result *r)
{
	char reason[CL_REASON_SIZE], hex[2 * CLV_FEW + 1];
	int rc;

	rc = clv_ak_known(v, parts->ak, parts->ak_size, now, ak, reason);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		clv_add(r, "ak", CL_CHECK_FAIL, "the AK's certificate: %.220s", reason);
		return 0;
	}
	clv_hex(hex, ak->ek, CLV_FEW);
	if (v->policy.nr_crls == 0)
		clv_add(r, "ak", CL_CHECK_WARN,
			"the CA enrolled this TPM as %s (EK %s…), but the policy has no CRL: it "
			"may be revoked",
			ak->name, hex);
	else
		clv_add(r, "ak", CL_CHECK_PASS, "the CA enrolled this TPM as %s (EK %s…)", ak->name,
			hex);
	return 1;
}

static void check_test_tpm(struct cl_verdict_result *r, const struct cl_policy *p,
			   const struct clv_ak *ak)
{
	if (!ak->test_tpm)
		clv_add(r, "test-tpm", CL_CHECK_PASS, "the CA does not mark it as a software TPM");
	else if (p->accept_test_tpm)
		clv_add(r, "test-tpm", CL_CHECK_PASS,
			"a software TPM, as the policy accepts: this proves nothing about a "
			"machine");
	else
		clv_add(r, "test-tpm", CL_CHECK_FAIL,
			"a software TPM: whoever runs it can make it say anything");
}

/* The rest builds on the quote: 1 if it holds. */
static int check_quote(struct cl_verdict_result *r, const struct cl_evidence *parts,
		       const struct clv_ak *ak, uint8_t nonce[CL_EVIDENCE_NONCE_SIZE])
{
	char reason[CL_REASON_SIZE];
	int rc;

	if (!ak->key) {
		clv_add(r, "quote", CL_CHECK_FAIL, "there is no AK to verify the quote with");
		return 0;
	}
	rc = clv_quote(parts, ak->key, nonce, reason);
	if (rc == 1)
		clv_add(r, "quote", CL_CHECK_PASS,
			"the AK signed PCRs 0, 2, 4, 7, 8, 9 and 13 (SHA-256)");
	else if (rc == 0)
		clv_add(r, "quote", CL_CHECK_FAIL, "the TPM's quote: %.230s", reason);
	return rc;
}

static void check_nonces(struct cl_verdict_result *r, const struct cl_policy *p,
			 const uint8_t quoted[CL_EVIDENCE_NONCE_SIZE])
{
	const uint8_t *reported = r->report.data;

	if (!clv_equal(quoted, reported, CL_EVIDENCE_NONCE_SIZE))
		clv_add(r, "nonce", CL_CHECK_FAIL,
			"quote and report answer different nonces: they do not belong together");
	else if (!p->nonce)
		clv_add(r, "nonce", CL_CHECK_WARN,
			"no nonce was asked for: the evidence may be old");
	else if (clv_equal(p->nonce, reported, CL_EVIDENCE_NONCE_SIZE))
		clv_add(r, "nonce", CL_CHECK_PASS,
			"quote and report answer the nonce: both are "
			"fresh");
	else
		clv_add(r, "nonce", CL_CHECK_FAIL,
			"it does not answer the nonce: the evidence was made for another request");
}

/* core-key has said whether the evidence proves it. */
static void check_root(struct cl_verdict_result *r, bool key_proven)
{
	if (strcmp(r->report.root, "tpm") == 0 && key_proven)
		clv_add(r, "root", CL_CHECK_PASS, "root: tpm: the evidence proves it");
	else if (strcmp(r->report.root, "tpm") == 0)
		clv_add(r, "root", CL_CHECK_FAIL,
			"root: tpm, or so it says: the evidence does not prove it");
	else if (strcmp(r->report.root, "none") == 0)
		clv_add(r, "root", CL_CHECK_WARN,
			"root: none, development: the Core itself says that no TPM vouches for it");
	else
		clv_add(r, "root", CL_CHECK_FAIL, "root: %s, which this verifier does not know",
			r->report.root);
}

static void fill_node(struct cl_verdict_result *r, const struct cl_evidence *parts,
		      const struct clv_ak *ak)
{
	r->proven = true;
	memcpy(r->node.name, ak->name, sizeof(r->node.name));
	memcpy(r->node.ek, ak->ek, sizeof(r->node.ek));
	memcpy(r->node.pcrs, parts->pcrs, sizeof(r->node.pcrs));
	r->node.test_tpm = ak->test_tpm;
	r->node.ak_until = ak->until;
}

/* Whose quote is it? As check_quote(). trusted: has a CA of the policy enrolled this TPM? */
static int check_signer(struct cl_verifier *v, const struct cl_policy *p,
			const struct cl_evidence *parts, struct clv_ak *ak, bool *trusted,
			uint8_t nonce[CL_EVIDENCE_NONCE_SIZE], struct cl_verdict_result *r)
{
	int rc = check_ak(v, parts, p->now ? p->now : time(NULL), ak, r);

	if (rc < 0)
		return rc;
	*trusted = rc == 1;
	check_test_tpm(r, p, ak);
	return check_quote(r, parts, ak, nonce);
}

static int check_node(struct cl_verifier *v, const struct cl_policy *p,
		      const struct cl_evidence *parts, struct clv_ak *ak,
		      struct cl_verdict_result *r)
{
	uint8_t nonce[CL_EVIDENCE_NONCE_SIZE];
	bool trusted, key_proven;
	int rc;

	rc = check_signer(v, p, parts, ak, &trusted, nonce, r);
	if (rc <= 0)
		return rc;
	if (trusted)
		fill_node(r, parts, ak);
	check_nonces(r, p, nonce);
	clv_check_boot(r, p, parts);
	key_proven = clv_check_core_pcr(r, p, parts);
	check_root(r, key_proven);
	clv_check_digest(r, p);
	clv_check_zone(r, p);
	return 0;
}

static int check_bundle(struct cl_verifier *v, const struct cl_policy *p, const uint8_t *bundle,
			size_t size, struct cl_verdict_result *r)
{
	char reason[CL_REASON_SIZE];
	struct cl_evidence parts;
	struct clv_ak ak = {0};
	int rc;

	clv_name_policy(r, p);
	if (cl_evidence_unpack(bundle, size, &parts, reason)) {
		clv_add(r, "format", CL_CHECK_FAIL, "this is no evidence: %.230s", reason);
		return 0;
	}
	if (!parts.report) {
		clv_add(r, "format", CL_CHECK_FAIL,
			"this is a node's evidence without a zone's report: it says nothing about "
			"a zone");
		return 0;
	}
	rc = clv_check_authentic(r, parts.report, parts.report_size);
	if (rc <= 0)
		return rc;
	rc = check_node(v, p, &parts, &ak, r);
	clv_ak_free(&ak);
	return rc;
}

/* What a caller sees who does not look at the error. */
static void refuse_first(struct cl_verdict_result *result)
{
	memset(result, 0, sizeof(*result));
	result->verdict = CL_VERDICT_CONTRAINDICATED;
}

int cl_verifier_check(struct cl_verifier *verifier, const uint8_t *bundle, size_t size,
		      const uint8_t *nonce, const uint8_t *spki, struct cl_verdict_result *result)
{
	struct cl_policy policy;
	int rc;

	if (!result)
		return -EINVAL;
	refuse_first(result);
	if (!verifier || !bundle)
		return -EINVAL;
	policy = verifier->policy;
	policy.nonce = nonce;
	policy.spki = spki;
	ERR_set_mark();
	rc = check_bundle(verifier, &policy, bundle, size, result);
	ERR_pop_to_mark();
	if (rc < 0)
		result->verdict = CL_VERDICT_CONTRAINDICATED;
	return rc;
}

static void check_nonce(struct cl_verdict_result *r, const struct cl_policy *p,
			const uint8_t quoted[CL_EVIDENCE_NONCE_SIZE])
{
	if (!p->nonce)
		return;
	if (clv_equal(p->nonce, quoted, CL_EVIDENCE_NONCE_SIZE))
		clv_add(r, "nonce", CL_CHECK_PASS, "the quote answers the nonce");
	else
		clv_add(r, "nonce", CL_CHECK_FAIL, "the quote does not answer the nonce");
}

static int check_node_alone(struct cl_verifier *v, const uint8_t *bundle, size_t size,
			    struct cl_verdict_result *r)
{
	uint8_t nonce[CL_EVIDENCE_NONCE_SIZE];
	const struct cl_policy *p = &v->policy;
	char reason[CL_REASON_SIZE];
	struct cl_evidence parts;
	struct clv_ak ak = {0};
	bool trusted;
	int rc;

	clv_name_policy(r, p);
	if (cl_evidence_unpack(bundle, size, &parts, reason)) {
		clv_add(r, "format", CL_CHECK_FAIL, "this is no evidence: %.230s", reason);
		return 0;
	}
	clv_add(r, "format", CL_CHECK_PASS, "it is evidence of a node");
	rc = check_signer(v, p, &parts, &ak, &trusted, nonce, r);
	if (rc > 0)
		check_nonce(r, p, nonce);
	/* An AK that is not trusted has failed. */
	if (rc > 0 && r->verdict != CL_VERDICT_CONTRAINDICATED)
		fill_node(r, &parts, &ak);
	clv_ak_free(&ak);
	return rc < 0 ? rc : 0;
}

int cl_verify_node(const uint8_t *bundle, size_t size, const struct cl_policy *policy,
		   struct cl_verdict_result *result)
{
	char error[CL_ERROR_SIZE];
	struct cl_verifier *verifier;
	int rc;

	if (!result)
		return -EINVAL;
	refuse_first(result);
	rc = bundle ? cl_verifier_create(policy, &verifier, error) : -EINVAL;
	if (rc)
		return rc;
	result->verdict = CL_VERDICT_NONE;
	ERR_set_mark();
	rc = check_node_alone(verifier, bundle, size, result);
	ERR_pop_to_mark();
	cl_verifier_free(verifier);
	if (rc)
		result->verdict = CL_VERDICT_CONTRAINDICATED;
	return rc;
}

int cl_verify_evidence(const uint8_t *bundle, size_t size, const struct cl_policy *policy,
		       struct cl_verdict_result *result)
{
	char error[CL_ERROR_SIZE];
	struct cl_verifier *verifier;
	int rc;

	if (!result)
		return -EINVAL;
	refuse_first(result);
	rc = cl_verifier_create(policy, &verifier, error);
	if (rc)
		return rc;
	rc = cl_verifier_check(verifier, bundle, size, policy->nonce, policy->spki, result);
	cl_verifier_free(verifier);
	return rc;
}
