// SPDX-License-Identifier: Apache-2.0
// Policies out of files.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cloister/verify.h>
#include "cleanup.h"
#include "file.h"
#include "hex.h"
#include "message.h"
#include "policy_from.h"

#define PEM_MAX	      (1u << 20)
#define REFERENCE_MAX (1u << 20)

static json_t *section_of(json_t *policy, const char *section)
{
	if (!section)
		return policy;
	json_t *object = json_object_get(policy, section);
	if (!object && !json_object_set_new(policy, section, json_object()))
		object = json_object_get(policy, section);
	return object;
}

int policy_no_memory(void)
{
	return fail(EXIT_MEMORY, "policy: out of memory; free some");
}

int policy_set(json_t *policy, const char *section, const char *name, json_t *value)
{
	json_t *object = section_of(policy, section);

	if (!object) {
		json_decref(value);
		return policy_no_memory();
	}
	return json_object_set_new(object, name, value) ? policy_no_memory() : EXIT_OK;
}

int policy_add(json_t *policy, const char *section, const char *list, const char *text)
{
	json_t *object = section_of(policy, section);
	json_t *array = json_object_get(object, list);

	if (!array && !json_object_set_new(object, list, json_array()))
		array = json_object_get(object, list);
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!strcmp(json_string_value(json_array_get(array, i)), text))
			return EXIT_OK;
	return json_array_append_new(array, json_string(text)) ? policy_no_memory() : EXIT_OK;
}

// One PEM block, from BEGIN to the end of END's line.
static int add_block(json_t *policy, const char *begin, char *end, const char *kind)
{
	char after = *end;

	*end = '\0';
	int code =
		policy_add(policy, "nodes", strcmp(kind, "CERTIFICATE") == 0 ? "ca" : "crl", begin);
	*end = after;
	return code;
}

int policy_from_pem(json_t *policy, const char *option, const char *path, const char *kind)
{
	static const char *const kinds[] = {"CERTIFICATE", "X509 CRL"};
	cleanup_free char *text = NULL;
	char first[64], last[64];
	bool found = false;
	size_t size;

	int code = read_file(option, path, PEM_MAX, &text, &size);
	// A published list must not bring in whom to trust.
	if (!code && strcmp(kind, kinds[0]) && strstr(text, "-----BEGIN CERTIFICATE-----"))
		code = fail(EXIT_ERROR,
			    "%s %s: there is a certificate in it, which nobody said to trust; if "
			    "it is the CA's: give this file with --ca",
			    option, path);
	for (size_t i = 0; !code && i < 2; i++) {
		char *at = text, *end;
		snprintf(first, sizeof(first), "-----BEGIN %s-----", kinds[i]);
		snprintf(last, sizeof(last), "-----END %s-----", kinds[i]);
		while (!code && (at = strstr(at, first)) && (end = strstr(at, last))) {
			found |= !strcmp(kinds[i], kind);
			end += strlen(last);
			code = add_block(policy, at, end, kinds[i]);
			at = end;
		}
	}
	if (!code && !found)
		code = fail(EXIT_ERROR,
			    "%s %s: there is no %s in it, in PEM; see `cloister node ca`", option,
			    path, kind);
	return code;
}

// A member that must be so many digits of hex.
static const char *hex_of(const json_t *json, const char *name, size_t bytes)
{
	const char *text = json_string_value(json_object_get(json, name));
	uint8_t value[CL_DIGEST_SIZE];

	return text && !parse_hex(text, value, bytes) ? text : NULL;
}

// The numbers of a version, when it is a release: policies know no order of others.
static int add_version(json_t *policy, const char *version)
{
	char release[32];
	size_t size = strcspn(version, "+");

	if (strchr(version, '-') || size >= sizeof(release))
		return EXIT_OK;
	snprintf(release, sizeof(release), "%.*s", (int)size, version);
	return policy_set(policy, "core", "version_min", json_string(release));
}

int policy_from_reference(json_t *policy, const char *path)
{
	cleanup_free char *text = NULL;
	json_error_t error;
	size_t size;

	int code = read_file("--boot-reference", path, REFERENCE_MAX, &text, &size);
	if (code)
		return code;
	cleanup_json json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	const char *image = hex_of(json, "boot_image", CL_HASH_SIZE);
	const char *build = hex_of(json, "core_build", CL_BUILD_SIZE);
	const char *version = json_string_value(json_object_get(json, "core_version"));
	const json_t *commands = json_object_get(json, "commands");
	if (json_integer_value(json_object_get(json, "version")) != 1 || !image || !build ||
	    !version || json_array_size(commands) == 0)
		return fail(EXIT_ERROR,
			    "--boot-reference %s: these are no reference values of a boot image; "
			    "give the reference.json that was made beside it",
			    path);
	code = policy_add(policy, "boot", "images", image);
	for (size_t i = 0; !code && i < json_array_size(commands); i++) {
		const char *command = json_string_value(json_array_get(commands, i));
		code = command ? policy_add(policy, "boot", "commands", command)
			       : fail(EXIT_ERROR,
				      "--boot-reference %s: command %zu is no text; make the boot "
				      "image anew",
				      path, i + 1);
	}
	if (!code)
		code = policy_add(policy, "core", "builds", build);
	return code ? code : add_version(policy, version);
}

static int add_pcr(json_t *policy, const char *list, const uint8_t pcr[CL_PCR_SIZE])
{
	char hex[2 * CL_PCR_SIZE + 1];

	for (size_t i = 0; i < CL_PCR_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", pcr[i]);
	return policy_add(policy, "boot", list, hex);
}

int policy_load(const char *text, struct cl_policy **policy)
{
	char error[CL_ERROR_SIZE];
	int rc = cl_policy_load(text, strlen(text), policy, error);

	if (rc == -ENOMEM)
		return policy_no_memory();
	return rc ? fail(EXIT_ERROR,
			 "policy init: no verifier would take it: %s; check the files that --ca, "
			 "--crl and --boot-reference name",
			 error)
		  : EXIT_OK;
}

// What to do about a node that fails this check.
static const char *advice(const char *check)
{
	if (!strcmp(check, "ak"))
		return "check --ca and --crl, or take evidence of a node that they let in";
	if (!strcmp(check, "test-tpm"))
		return "take evidence of a machine's own TPM (for tests: --accept-test-tpm)";
	return "fetch it anew";
}

// What the rest of the policy says of CAs, CRLs and software TPMs decides.
static int check_evidence(const json_t *policy, const char *path, const uint8_t *bundle,
			  size_t size, struct cl_verdict_result *result)
{
	cleanup_free char *text = json_dumps(policy, 0);
	struct cl_policy *trusted;

	if (!text)
		return policy_no_memory();
	int code = policy_load(text, &trusted);
	if (code)
		return code;
	int rc = cl_verify_node(bundle, size, trusted, result);
	cl_policy_free(trusted);
	if (rc == -ENOMEM)
		return policy_no_memory();
	if (rc)
		return fail(EXIT_ERROR,
			    "--firmware-from %s: no verdict: %s; check OpenSSL's set-up", path,
			    strerror(-rc));
	for (size_t i = 0; i < result->nr_checks; i++) {
		const struct cl_check *c = &result->checks[i];
		if (c->status == CL_CHECK_FAIL)
			return fail(EXIT_ERROR, "--firmware-from %s: %s: %s; %s", path, c->name,
				    c->reason, advice(c->name));
	}
	return EXIT_OK;
}

int policy_from_evidence(json_t *policy, const char *path)
{
	struct cl_verdict_result result;
	cleanup_free char *bundle = NULL;
	size_t size;

	int code = read_file("--firmware-from", path, CL_EVIDENCE_MAX, &bundle, &size);
	if (!code)
		code = check_evidence(policy, path, (const uint8_t *)bundle, size, &result);
	// CL_QUOTE_PCRS in ascending order: 0, then 2.
	if (!code)
		code = add_pcr(policy, "firmware", result.node.pcrs[0]);
	return code ? code : add_pcr(policy, "option_roms", result.node.pcrs[1]);
}
