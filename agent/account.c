// SPDX-License-Identifier: Apache-2.0
#include "account.h"
#include <stdlib.h>
#include "limits.h"

struct account *account_of(struct accounts *all, uid_t uid, int64_t now_ns)
{
	struct account *account = all->first;

	// As many as there are connections at most.
	while (account && account->uid != uid)
		account = account->next;
	if (account)
		return account_ref(account);
	account = calloc(1, sizeof(*account));
	if (!account)
		return NULL;
	*account = (struct account){.uid = uid,
				    .references = 1,
				    .saved_ns = CPU_PURSE_NS,
				    .counted_ns = now_ns,
				    .all = all,
				    .next = all->first};
	all->first = account;
	return account;
}

struct account *account_ref(struct account *account)
{
	account->references++;
	return account;
}

void account_unref(struct account *account)
{
	if (--account->references)
		return;
	struct account **at = &account->all->first;
	while (*at != account)
		at = &(*at)->next;
	*at = account->next;
	free(account);
}

bool account_connect(struct account *account)
{
	struct accounts *all = account->all;

	if (account->connections >= UID_CONNECTIONS_MAX || all->connections >= CONNECTIONS_MAX)
		return false;
	if (all->connections >= CONNECTIONS_MAX / 4 * 3 &&
	    account->connections >= UID_CONNECTIONS_FEW)
		return false;
	account->connections++;
	all->connections++;
	return true;
}

void account_disconnect(struct account *account)
{
	account->connections--;
	account->all->connections--;
}

bool account_call(struct account *account)
{
	if (account->calls >= UID_CALLS_MAX)
		return false;
	account->calls++;
	return true;
}

void account_call_over(struct account *account)
{
	account->calls--;
}

bool account_fetch(struct account *account)
{
	if (account->fetches >= UID_FETCHES_MAX || account->all->fetches >= FETCHES_MAX)
		return false;
	account->fetches++;
	account->all->fetches++;
	return true;
}

void account_fetch_over(struct account *account)
{
	account->fetches--;
	account->all->fetches--;
}

bool account_take(struct account *account, size_t size)
{
	struct accounts *all = account->all;

	if (size > UID_BYTES_MAX - account->bytes)
		return false;
	if (all->bytes + size > BYTES_MAX && account->bytes + size > ACCOUNT_FLOOR)
		return false;
	account->bytes += size;
	all->bytes += size;
	return true;
}

void account_give(struct account *account, size_t size)
{
	account->bytes -= size;
	account->all->bytes -= size;
}

int64_t account_worked(struct account *account, int64_t from_ns, int64_t now_ns)
{
	account->saved_ns += (now_ns - account->counted_ns) / 2 - (now_ns - from_ns);
	account->counted_ns = now_ns;
	if (account->saved_ns > CPU_PURSE_NS)
		account->saved_ns = CPU_PURSE_NS;
	return account->saved_ns < 0 ? -2 * account->saved_ns : 0;
}
