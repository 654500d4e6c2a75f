// SPDX-License-Identifier: Apache-2.0
// nodes.json, read as strictly as what strangers send: a list that was cut short or changed by hand
// must not silently forget who is revoked.
#include "nodes.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../cloister/cleanup.h"

static bool hex_text(const char *text, size_t bytes)
{
	return strlen(text) == 2 * bytes && strspn(text, "0123456789abcdef") == 2 * bytes;
}

static int parse_cert(struct node_cert *cert, json_t *json)
{
	const char *serial;
	json_int_t from, to;

	if (json_unpack(json, "{s:s,s:I,s:I!}", "serial", &serial, "not_before", &from, "not_after",
			&to) ||
	    !hex_text(serial, SERIAL_SIZE) || from < 0 || to < from)
		return -EINVAL;
	memcpy(cert->serial, serial, SERIAL_TEXT_SIZE);
	cert->not_before = from;
	cert->not_after = to;
	return 0;
}

static int parse_node(struct node_record *node, json_t *json)
{
	const char *name, *ek, *ak = "", *type;
	json_int_t enrolled, revoked;
	json_t *certs, *cert;
	size_t i;
	int test;

	if (json_unpack(json, "{s:s,s:s,s?s,s:s,s:b,s:I,s:I,s:o!}", "name", &name, "ek", &ek, "ak",
			&ak, "ek_type", &type, "test_tpm", &test, "enrolled", &enrolled, "revoked",
			&revoked, "certificates", &certs) ||
	    !name_valid(name) || !hex_text(ek, SPKI_HASH_SIZE) ||
	    (*ak && !hex_text(ak, SPKI_HASH_SIZE)) || enrolled < 0 || revoked < 0 ||
	    (strcmp(type, "ecc") != 0 && strcmp(type, "rsa") != 0) || !json_is_array(certs) ||
	    json_array_size(certs) > NODE_CERTS_MAX)
		return -EINVAL;
	memset(node, 0, sizeof(*node));
	memcpy(node->name, name, strlen(name));
	memcpy(node->ek, ek, sizeof(node->ek));
	memcpy(node->ak, ak, strlen(ak));
	node->rsa = !strcmp(type, "rsa");
	node->test = test;
	node->enrolled = enrolled;
	node->revoked = revoked;
	json_array_foreach(certs, i, cert) if (parse_cert(&node->certs[node->nr_certs++],
							  cert)) return -EINVAL;
	return 0;
}

static int parse_list(struct nodes *nodes, json_t *list, char *why, size_t why_size)
{
	json_t *json;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > NODES_MAX) {
		snprintf(why, why_size, "\"nodes\" is no list of at most %u", NODES_MAX);
		return -EINVAL;
	}
	json_array_foreach(list, i, json)
	{
		struct node_record *node = nodes_add(nodes), parsed;

		if (!node) {
			snprintf(why, why_size, "no memory");
			return -EINVAL;
		}
		if (parse_node(&parsed, json)) {
			snprintf(why, why_size, "node %zu is malformed", i + 1);
			return -EINVAL;
		}
		if (nodes_by_name(nodes, parsed.name) || nodes_by_ek(nodes, parsed.ek)) {
			snprintf(why, why_size, "\"%s\" or its endorsement key is in it twice",
				 parsed.name);
			return -EINVAL;
		}
		*node = parsed;
	}
	return 0;
}

int nodes_parse(struct nodes *nodes, const char *text, size_t size, char *why, size_t why_size)
{
	json_error_t error;
	json_int_t version = 0, crl = 0;
	json_t *list;

	*nodes = (struct nodes){0};
	cleanup_json json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		snprintf(why, why_size, "line %d: %s", error.line, error.text);
		return -EINVAL;
	}
	if (json_unpack(json, "{s:I,s:I,s:o!}", "version", &version, "crl_number", &crl, "nodes",
			&list) ||
	    version != 1 || crl < 0) {
		snprintf(why, why_size, "it is not of version 1");
		return -EINVAL;
	}
	nodes->crl_number = (uint64_t)crl;
	int rc = parse_list(nodes, list, why, why_size);
	if (rc)
		nodes_free(nodes);
	return rc;
}

json_t *node_json(const struct node_record *node)
{
	json_t *certs = json_array();

	for (size_t i = 0; i < node->nr_certs; i++)
		json_array_append_new(certs,
				      json_pack("{s:s,s:I,s:I}", "serial", node->certs[i].serial,
						"not_before", (json_int_t)node->certs[i].not_before,
						"not_after", (json_int_t)node->certs[i].not_after));
	return json_pack("{s:s,s:s,s:s*,s:s,s:b,s:I,s:I,s:o}", "name", node->name, "ek", node->ek,
			 "ak", *node->ak ? node->ak : NULL, "ek_type", node->rsa ? "rsa" : "ecc",
			 "test_tpm", node->test, "enrolled", (json_int_t)node->enrolled, "revoked",
			 (json_int_t)node->revoked, "certificates", certs);
}

char *nodes_print(const struct nodes *nodes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < nodes->count; i++)
		if (json_array_append_new(list, node_json(&nodes->list[i]))) {
			json_decref(list);
			return NULL;
		}
	cleanup_json json_t *json = json_pack("{s:i,s:I,s:o}", "version", 1, "crl_number",
					      (json_int_t)nodes->crl_number, "nodes", list);
	return json ? json_dumps(json, JSON_INDENT(1)) : NULL;
}

void nodes_free(struct nodes *nodes)
{
	free(nodes->list);
	*nodes = (struct nodes){0};
}

struct node_record *nodes_by_name(const struct nodes *nodes, const char *name)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (!strcmp(nodes->list[i].name, name))
			return &nodes->list[i];
	return NULL;
}

struct node_record *nodes_by_ek(const struct nodes *nodes, const char *ek)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (!strcmp(nodes->list[i].ek, ek))
			return &nodes->list[i];
	return NULL;
}

struct node_record *nodes_by_ak(const struct nodes *nodes, const char *ak)
{
	for (size_t i = 0; *ak && i < nodes->count; i++)
		if (!strcmp(nodes->list[i].ak, ak))
			return &nodes->list[i];
	return NULL;
}

struct node_record *nodes_add(struct nodes *nodes)
{
	// Room for a power of two of them.
	if ((nodes->count & (nodes->count - 1)) == 0) {
		size_t room = nodes->count ? 2 * nodes->count : 1;
		struct node_record *longer = reallocarray(nodes->list, room, sizeof(*longer));

		if (!longer)
			return NULL;
		nodes->list = longer;
	}
	struct node_record *node = &nodes->list[nodes->count++];
	memset(node, 0, sizeof(*node));
	return node;
}

int node_add_cert(struct node_record *node, const struct node_cert *cert, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < node->nr_certs; i++)
		if (node->certs[i].not_after >= now)
			node->certs[kept++] = node->certs[i];
	node->nr_certs = kept;
	if (kept == NODE_CERTS_MAX)
		return -ENOSPC;
	node->certs[node->nr_certs++] = *cert;
	return 0;
}
