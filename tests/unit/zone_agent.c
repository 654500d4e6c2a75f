// SPDX-License-Identifier: Apache-2.0
// What a zone's agent fetches from the issuer, the real one, over a real channel.
#include <errno.h>
#include "../../spiffe/jwt.h"
#include "../../spiffe/x509_check.h"
#include "../../zone/agent/fetch.h"
#include "issuer_play.h"

static struct channel channel;
static struct fetched fetched;
static char error[CL_ERROR_SIZE];

static int find(const char *name, uid_t *uid)
{
	if (strcmp(name, "www-data") != 0)
		return -ENOENT;
	*uid = 33;
	return 0;
}

static const struct fetch_users users = {.workload = 1000, .find = find};

static int end(void **state)
{
	fetched_free(&fetched);
	channel_close(&channel);
	return issuer_end(state);
}

static void fetch(void)
{
	issuer_come_in(&channel);
	if (fetch_all(&channel, &users, time(NULL), &fetched, error))
		fail_msg("%s", error);
}

static void all(void **state)
{
	const time_t now = time(NULL);
	struct spiffe_bundle bundle;
	const struct spiffe_bundle *list[] = {&bundle};
	const struct spiffe_bundles bundles = {list, 1};
	const char *why = "";
	struct spiffe_id id;
	char *jwks;

	grants.nr_grants = 2;
	grants.grant[0].names[0] = SPAN("web.example.org");
	grants.grant[0].nr_names = 1;
	grants.grant[1].id = SPAN("spiffe://example.org/front");
	grants.grant[1].hint = SPAN("external");
	grants.grant[1].users[0] = SPAN("www-data");
	grants.grant[1].nr_users = 1;
	grants.nr_files = 1;
	grants.file[0] = (struct wire_file){SPAN("password"), SPAN(""), SPAN("s3cr\0t")};
	fetch();
	assert_int_equal(fetched.nr_ids, 2);
	assert_string_equal(fetched.id[1], "spiffe://example.org/front");
	assert_int_equal(fetched.nr_files, 1);
	assert_string_equal(fetched.file[0].name, "password");
	assert_memory_equal(fetched.file[0].content, "s3cr\0t", 6);
	/* Certificates last 600 seconds, the bundle is to be asked for every 1,500. */
	assert_in_range(fetched.renew, now + 295, now + 305);
	assert_int_equal(fetched.refresh, fetched.renew);

	const struct identities *ids = fetched.identities;
	assert_int_equal(ids->count, 2);
	assert_string_equal(ids->own_domain, "spiffe://example.org");
	assert_int_equal(ids->entries[0].uid, 1000);
	assert_int_equal(ids->entries[1].uid, 33);
	assert_string_equal(ids->entries[1].hint, "external");
	assert_int_equal(ids->x509_count, 1);
	assert_int_equal(ids->jwt_count, 1);
	jwks = strndup((const char *)ids->jwt[0].content.data, ids->jwt[0].content.size);
	assert_non_null(strstr(jwks, "\"keys\""));
	free(jwks);
	/* They are what their bundle says, and the keys are theirs. */
	assert_int_equal(spiffe_bundle_init(&bundle, "example.org", &why), 0);
	assert_int_equal(spiffe_bundle_add_x509(&bundle, ids->x509[0].content.data,
						ids->x509[0].content.size, &why),
			 0);
	for (size_t i = 0; i < 2; i++) {
		const uint8_t *der = ids->entries[i].chain.data, *key = ids->entries[i].key.data;
		assert_int_equal(spiffe_x509_check(der, ids->entries[i].chain.size, &bundles, now,
						   &id, &why),
				 0);
		assert_string_equal(id.text, ids->entries[i].spiffe_id);
		X509 *x = d2i_X509(NULL, &der, (long)ids->entries[i].chain.size);
		EVP_PKEY *k = d2i_AutoPrivateKey(NULL, &key, (long)ids->entries[i].key.size);
		assert_int_equal(X509_check_private_key(x, k), 1);
		X509_free(x);
		EVP_PKEY_free(k);
	}
	spiffe_bundle_free(&bundle);
}

/* Each time it is another key. */
static void anew(void **state)
{
	struct fetched second;

	fetch();
	assert_int_equal(fetch_all(&channel, &users, time(NULL), &second, error), 0);
	const struct bytes *a = &fetched.identities->entries[0].key;
	const struct bytes *b = &second.identities->entries[0].key;
	assert_true(a->size != b->size || memcmp(a->data, b->data, a->size) != 0);
	fetched_free(&second);
}

static void token(void **state)
{
	static const char *const audiences[] = {"a", "b"};
	char *jwt;

	fetch();
	assert_int_equal(fetch_token(&channel, 0, audiences, 2, &jwt, error), 0);
	assert_int_equal(
		strspn(jwt, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
		strlen(jwt));
	free(jwt);
	assert_int_equal(fetch_token(&channel, 1, audiences, 1, &jwt, error), -EACCES);
	assert_null(jwt);
	assert_non_null(strstr(error, "no such identity"));
	assert_int_equal(fetch_token(&channel, 0, audiences, 0, &jwt, error), -EINVAL);
	assert_int_equal(fetch_token(&channel, 0, audiences, 17, &jwt, error), -EINVAL);
	assert_int_equal(fetch_token(&channel, 0, audiences, 1, &jwt, error), 0);
	free(jwt);
}

static void refused(int code, const char *reason)
{
	issuer_come_in(&channel);
	int rc = fetch_all(&channel, &users, time(NULL), &fetched, error);

	if (rc != code || !strstr(error, reason))
		fail_msg("%d, %s", rc, error);
	assert_null(fetched.identities);
	channel_close(&channel);
}

static void nothing_granted(void **state)
{
	no_grants = true;
	refused(-EACCES, "knows nothing that this zone may have");
	no_grants = false;
	grants.grant[0].users[0] = SPAN("nobody-here");
	grants.grant[0].nr_users = 1;
	refused(-ENOENT, "is for the user \"nobody-here\"");
	grants.grant[0].nr_users = 0;
	fetch();
}

/* It ends in the middle of all. */
static void issuer_ends(void **state)
{
	fetch();
	issuer_stop();
	fetched_free(&fetched);
	assert_true(fetch_all(&channel, &users, time(NULL), &fetched, error) < 0);
	assert_non_null(strstr(error, "the issuer: "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, issuer_begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all), TEST(anew), TEST(token), TEST(nothing_granted), TEST(issuer_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
