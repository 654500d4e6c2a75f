// SPDX-License-Identifier: Apache-2.0
// Show a verdict to programs.
#include <inttypes.h>
#include <stdlib.h>

#include <jansson.h>

#include <cloister/verify.h>
#include "hex.h"

/* jansson's setters take ownership of the value, and fail if it or the object is NULL. */

static int set_hex(json_t *object, const char *key, const uint8_t *data, size_t size)
{
	char text[2 * CL_REPORT_DATA + 1];

	clv_hex(text, data, size);
	return json_object_set_new(object, key, json_string(text));
}

static int set_text(json_t *object, const char *key, const char *text)
{
	return json_object_set_new(object, key, json_string(text));
}

/* The parser keeps these below 2^63. */
static int set_number(json_t *object, const char *key, uint64_t value)
{
	return json_object_set_new(object, key, json_integer((json_int_t)value));
}

static int set_bits(json_t *object, const char *key, uint64_t bits)
{
	char text[2 + 16 + 1];

	snprintf(text, sizeof(text), "0x%" PRIx64, bits);
	return set_text(object, key, text);
}

/* `object` is NULL or the caller's; give it back if all is well. */
static json_t *finish(json_t *object, int err)
{
	if (!err)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *claims(const struct cl_report *r)
{
	json_t *o = json_object();
	int err = 0;

	err |= set_hex(o, "digest", r->digest, sizeof(r->digest));
	err |= set_hex(o, "nonce", r->data, CL_REPORT_NONCE_SIZE);
	err |= set_hex(o, "tls_key", r->data + CL_REPORT_NONCE_SIZE, CL_REPORT_SPKI_SIZE);
	err |= set_hex(o, "core_key", r->core_key, sizeof(r->core_key));
	err |= set_text(o, "core_version", r->core_version);
	err |= set_text(o, "root", r->root);
	err |= set_text(o, "iommu", r->iommu);
	err |= set_text(o, "remap", r->remap);
	err |= set_hex(o, "core_build", r->build, sizeof(r->build));
	err |= set_number(o, "instance", r->instance);
	err |= set_number(o, "vcpus", r->vcpus);
	err |= set_number(o, "memory_bytes", r->memory_bytes);
	err |= set_number(o, "window_pages", r->window_pages);
	err |= set_number(o, "idle_ms", r->idle_ms);
	err |= set_number(o, "dbgstat", r->dbgstat);
	err |= set_bits(o, "policy", r->policy);
	return finish(o, err);
}

static json_t *pcrs(const struct cl_node *n)
{
	json_t *o = json_object();
	size_t slot = 0;
	char name[4];
	int err = 0;

	for (unsigned int pcr = 0; pcr < 24; pcr++) {
		if (!(CL_QUOTE_PCRS & 1u << pcr))
			continue;
		snprintf(name, sizeof(name), "%u", pcr);
		err |= set_hex(o, name, n->pcrs[slot++], CL_PCR_SIZE);
	}
	return finish(o, err);
}

static json_t *node(const struct cl_node *n)
{
	json_t *o = json_object();
	int err = 0;

	err |= set_text(o, "name", n->name);
	err |= set_hex(o, "ek", n->ek, sizeof(n->ek));
	err |= json_object_set_new(o, "test_tpm", json_boolean(n->test_tpm));
	err |= json_object_set_new(o, "ak_until", json_integer((json_int_t)n->ak_until));
	err |= set_hex(o, "boot_image", n->boot_image, sizeof(n->boot_image));
	err |= json_object_set_new(o, "pcrs", pcrs(n));
	return finish(o, err);
}

static json_t *check(const struct cl_check *c)
{
	json_t *o = json_object();
	int err = 0;

	err |= set_text(o, "name", c->name);
	err |= set_text(o, "status", cl_check_status_name(c->status));
	err |= set_text(o, "reason", c->reason);
	return finish(o, err);
}

static json_t *checks(const struct cl_verdict_result *result)
{
	json_t *list = json_array();
	int err = 0;

	for (size_t i = 0; i < result->nr_checks; i++)
		err |= json_array_append_new(list, check(&result->checks[i]));
	return finish(list, err);
}

char *cl_result_json(const struct cl_verdict_result *result)
{
	json_t *o = json_object();
	char *text = NULL;
	int err = 0;

	err |= set_text(o, "verdict", cl_verdict_name(result->verdict));
	err |= json_object_set_new(o, "authentic", json_boolean(result->authentic));
	err |= json_object_set_new(o, "checks", checks(result));
	err |= json_object_set_new(o, "node", result->proven ? node(&result->node) : json_null());
	err |= json_object_set_new(o, "report",
				   result->authentic ? claims(&result->report) : json_null());
	o = finish(o, err);
	if (o)
		text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	return text;
}
