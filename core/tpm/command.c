// SPDX-License-Identifier: Apache-2.0
#include "tpm/command.h"

#include <bearssl.h>

#include "lib/string.h"
#include "tpm/hw.h"
#include "tpm/interface.h"
#include "tpm/wire.h"

/* Part 2: section 6.9, tags; 6.5.2, command codes; 6.6.3, response codes; 7.4, handles. */
#define ST_NO_SESSIONS	      0x8001u
#define ST_SESSIONS	      0x8002u
#define CC_CREATE_PRIMARY     0x131u
#define CC_HMAC		      0x155u
#define CC_FLUSH_CONTEXT      0x165u
#define CC_START_AUTH_SESSION 0x176u
#define CC_PCR_READ	      0x17eu
#define CC_POLICY_PCR	      0x17fu
#define CC_PCR_EXTEND	      0x182u
#define RC_SUCCESS	      0u
#define RC_YIELDED	      0x908u
#define RC_TESTING	      0x90au
#define RC_RETRY	      0x922u
#define RS_PW		      0x40000009u
#define RH_OWNER	      0x40000001u
#define RH_NULL		      0x40000007u
#define HT_POLICY_SESSION     0x03u
#define HT_TRANSIENT	      0x80u
#define SE_POLICY	      1u
/* Section 6.3, algorithms; 6.4, curves. */
#define ALG_HMAC      0x0005u
#define ALG_AES	      0x0006u
#define ALG_KEYEDHASH 0x0008u
#define ALG_SHA256    0x000bu
#define ALG_NULL      0x0010u
#define ALG_ECC	      0x0023u
#define ALG_CFB	      0x0043u
#define ECC_NIST_P256 0x0003u
/* Section 8.3, attributes of objects. */
#define FIXED_TPM	      0x00002u
#define FIXED_PARENT	      0x00010u
#define SENSITIVE_DATA_ORIGIN 0x00020u
#define USER_WITH_AUTH	      0x00040u
#define ADMIN_WITH_POLICY     0x00080u
#define NO_DA		      0x00400u
#define RESTRICTED	      0x10000u
#define DECRYPT		      0x20000u
#define SIGN		      0x40000u

#define SELECT_BYTES	      3u /* 24 PCRs, as every PC's TPM has them */
#define NONCE_SIZE	      16u
/* Keys may take long to make; what asks for no key must not (PTP, table 15). */
#define SHORT_MS 5000u
#define LONG_MS	 60000u
#define RETRIES	 200u
#define RETRY_MS 20u

uint32_t tpm_refused;

static uint8_t command_buf[1024], response_buf[1024];
static struct tpm_out out;
static struct tpm_in in;

static void begin(uint16_t tag, uint32_t code)
{
	out = (struct tpm_out){.buf = command_buf, .cap = sizeof(command_buf)};
	tpm_put16(&out, tag);
	tpm_put32(&out, 0); /* the size: run() */
	tpm_put32(&out, code);
}

/* Section 10.13.2 of part 2: a session that authorizes, without an HMAC. */
static void put_session(uint32_t session, uint32_t nonce_size)
{
	static const uint8_t nonce[NONCE_SIZE]; /* nothing hangs on it: no HMAC, no encryption */

	tpm_put32(&out, 9 + nonce_size);
	tpm_put32(&out, session);
	tpm_put16(&out, (uint16_t)nonce_size);
	tpm_put(&out, nonce, nonce_size);
	tpm_put8(&out, 0); /* ends with the command */
	tpm_put16(&out, 0);
}

static void put_select(struct tpm_out *o, uint32_t pcrs)
{
	tpm_put32(o, 1);
	tpm_put16(o, ALG_SHA256);
	tpm_put8(o, SELECT_BYTES);
	for (unsigned i = 0; i < SELECT_BYTES; i++)
		tpm_put8(o, (uint8_t)(pcrs >> (8 * i)));
}

static void pause_ms(uint32_t ms)
{
	for (uint64_t end = tpm_hw_ms() + ms; tpm_hw_ms() < end;)
		tpm_hw_pause();
}

/*
 * Send what was put, check the response's head, and the sessions' part, whose contents say nothing
 * here. `in` then reads the handle, if the command gives one, and the parameters.
 */
static int run(bool gives_handle, uint32_t ms, uint32_t *handle)
{
	uint16_t tag;
	uint32_t size, code = RC_RETRY;
	int r = 0;

	for (unsigned i = 0; i < 4; i++)
		command_buf[2 + i] = (uint8_t)(out.len >> (24 - 8 * i));
	if (out.bad)
		return -CL_E2BIG;
	/* Sent again unchanged: these codes say that nothing was done (part 3, section 5.3). */
	for (unsigned n = 0; n < RETRIES; n++) {
		r = tpm_transmit(command_buf, out.len, response_buf, sizeof(response_buf), ms);
		if (r < 0)
			return -CL_EIO;
		in = (struct tpm_in){.at = response_buf, .left = (uint32_t)r};
		tag = tpm_get16(&in);
		size = tpm_get32(&in);
		code = tpm_get32(&in);
		if (code != RC_RETRY && code != RC_TESTING && code != RC_YIELDED)
			break;
		pause_ms(RETRY_MS);
	}
	if (code != RC_SUCCESS) {
		tpm_refused = code;
		return -CL_EPERM;
	}
	if (in.bad || size != (uint32_t)r || tag != (command_buf[0] << 8 | command_buf[1]))
		return -CL_EIO;
	if (gives_handle)
		*handle = tpm_get32(&in);
	if (tag == ST_SESSIONS) {
		uint32_t parameters = tpm_get32(&in);
		const uint8_t *at = tpm_get(&in, parameters);

		tpm_get_sized(&in); /* nonce, attributes, HMAC */
		tpm_get8(&in);
		tpm_get_sized(&in);
		if (in.bad || in.left)
			return -CL_EIO;
		in = (struct tpm_in){.at = at, .left = parameters};
	}
	return in.bad ? -CL_EIO : 0;
}

/* Was that all, and was it there? */
static int end(void)
{
	return in.bad || in.left ? -CL_EIO : 0;
}

/* A TPM2B of that size; NULL if it is not. */
static const uint8_t *get_hash(void)
{
	struct tpm_in sized = tpm_get_sized(&in);

	return sized.left == TPM_HASH_SIZE ? sized.at : NULL;
}

int tpm_pcr_read(uint32_t pcrs, uint8_t values[][TPM_HASH_SIZE])
{
	uint32_t selected = 0, banks, count;
	int r;

	begin(ST_NO_SESSIONS, CC_PCR_READ);
	put_select(&out, pcrs);
	r = run(false, SHORT_MS, NULL);
	if (r)
		return r;
	tpm_get32(&in); /* the counter of updates */
	banks = tpm_get32(&in);
	if (banks == 1 && tpm_get16(&in) == ALG_SHA256 && tpm_get8(&in) == SELECT_BYTES) {
		for (unsigned i = 0; i < SELECT_BYTES; i++)
			selected |= (uint32_t)tpm_get8(&in) << (8 * i);
	}
	count = tpm_get32(&in);
	if (!in.bad && !in.left && !selected && !count)
		return -CL_ENOENT;
	if (selected != pcrs)
		return -CL_EIO;
	for (; pcrs; pcrs &= pcrs - 1, count--) {
		const uint8_t *value = get_hash();

		if (!value || !count)
			return -CL_EIO;
		memcpy(*values++, value, TPM_HASH_SIZE);
	}
	return count ? -CL_EIO : end();
}

int tpm_pcr_extend(uint32_t pcr, const uint8_t digest[TPM_HASH_SIZE])
{
	int r;

	begin(ST_SESSIONS, CC_PCR_EXTEND);
	tpm_put32(&out, pcr);
	put_session(RS_PW, 0);
	tpm_put32(&out, 1);
	tpm_put16(&out, ALG_SHA256);
	tpm_put(&out, digest, TPM_HASH_SIZE);
	r = run(false, SHORT_MS, NULL);
	return r ? r : end();
}

void tpm_policy_pcr_digest(uint32_t pcrs, const uint8_t values_hash[TPM_HASH_SIZE],
			   uint8_t digest[TPM_HASH_SIZE])
{
	uint8_t buf[128];
	struct tpm_out o = {.buf = buf, .cap = sizeof(buf)};
	static const uint8_t start[TPM_HASH_SIZE];
	br_sha256_context sha;

	/* Part 3, section 23.7. */
	tpm_put(&o, start, sizeof(start));
	tpm_put32(&o, CC_POLICY_PCR);
	put_select(&o, pcrs);
	tpm_put(&o, values_hash, TPM_HASH_SIZE);
	br_sha256_init(&sha);
	br_sha256_update(&sha, buf, o.len);
	br_sha256_out(&sha, digest);
}

/*
 * CreatePrimary with a public area of so many bytes behind `public`, which ends with an empty
 * `unique` of unique_size bytes. *in then reads the `unique` of the key that was made; everything
 * before it is as asked for.
 */
static int create_primary(const struct tpm_out *public, uint32_t unique_size, uint32_t *handle)
{
	uint32_t fixed = public->len - unique_size, made = 0;
	struct tpm_in area;
	const uint8_t *head;
	int r;

	if (public->bad)
		return -CL_E2BIG;
	begin(ST_SESSIONS, CC_CREATE_PRIMARY);
	tpm_put32(&out, RH_OWNER);
	put_session(RS_PW, 0);
	tpm_put16(&out, 4); /* no authorization value, no data */
	tpm_put32(&out, 0);
	tpm_put16(&out, (uint16_t) public->len);
	tpm_put(&out, public->buf, public->len);
	tpm_put16(&out, 0);
	tpm_put32(&out, 0);
	r = run(true, LONG_MS, &made);
	if (r) {
		/* A key whose handle is not known goes with the next reset of the TPM. */
		if (made >> 24 == HT_TRANSIENT)
			tpm_flush(made);
		return r;
	}
	area = tpm_get_sized(&in);
	head = tpm_get(&area, fixed);
	if (made >> 24 != HT_TRANSIENT)
		return -CL_EIO;
	if (!head || memcmp(head, public->buf, fixed)) {
		tpm_flush(made);
		return -CL_EIO;
	}
	/* Creation data, its hash and ticket, the name: whoever needs them asks again. */
	*handle = made;
	in = area;
	return 0;
}

int tpm_create_hmac_key(const uint8_t policy[TPM_HASH_SIZE], uint32_t *handle)
{
	uint8_t buf[128];
	struct tpm_out o = {.buf = buf, .cap = sizeof(buf)};

	tpm_put16(&o, ALG_KEYEDHASH);
	tpm_put16(&o, ALG_SHA256);
	tpm_put32(&o, FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | ADMIN_WITH_POLICY | NO_DA |
			      SIGN);
	tpm_put16(&o, TPM_HASH_SIZE);
	tpm_put(&o, policy, TPM_HASH_SIZE);
	tpm_put16(&o, ALG_HMAC);
	tpm_put16(&o, ALG_SHA256);
	tpm_put16(&o, 0);
	return create_primary(&o, 2, handle);
}

/* A coordinate, which may come without its leading zeros. */
static bool coordinate(uint8_t to[32])
{
	struct tpm_in sized = tpm_get_sized(&in);
	uint32_t size = sized.left;
	const uint8_t *p = tpm_get(&sized, size);

	if (!p || !size || size > 32)
		return false;
	memset(to, 0, 32);
	memcpy(to + 32 - size, p, size);
	return true;
}

int tpm_create_storage_key(uint32_t *handle, uint8_t x[32], uint8_t y[32])
{
	uint8_t buf[128];
	struct tpm_out o = {.buf = buf, .cap = sizeof(buf)};
	int r;

	tpm_put16(&o, ALG_ECC);
	tpm_put16(&o, ALG_SHA256);
	tpm_put32(&o, FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | USER_WITH_AUTH | NO_DA |
			      RESTRICTED | DECRYPT);
	tpm_put16(&o, 0);
	tpm_put16(&o, ALG_AES);
	tpm_put16(&o, 128);
	tpm_put16(&o, ALG_CFB);
	tpm_put16(&o, ALG_NULL);
	tpm_put16(&o, ECC_NIST_P256);
	tpm_put16(&o, ALG_NULL);
	tpm_put32(&o, 0);
	r = create_primary(&o, 4, handle);
	if (r)
		return r;
	if (coordinate(x) && coordinate(y) && !end())
		return 0;
	tpm_flush(*handle);
	return -CL_EIO;
}

static int start_policy_session(uint32_t *session)
{
	static const uint8_t nonce[NONCE_SIZE];
	int r;

	begin(ST_NO_SESSIONS, CC_START_AUTH_SESSION);
	tpm_put32(&out, RH_NULL);
	tpm_put32(&out, RH_NULL);
	tpm_put16(&out, NONCE_SIZE);
	tpm_put(&out, nonce, NONCE_SIZE);
	tpm_put16(&out, 0);
	tpm_put8(&out, SE_POLICY);
	tpm_put16(&out, ALG_NULL);
	tpm_put16(&out, ALG_SHA256);
	*session = 0;
	r = run(true, SHORT_MS, session);
	if (!r) {
		tpm_get_sized(&in);
		r = end();
	}
	if (!r && *session >> 24 != HT_POLICY_SESSION)
		r = -CL_EIO;
	if (r && *session >> 24 == HT_POLICY_SESSION)
		tpm_flush(*session);
	return r;
}

static int policy_pcr(uint32_t session, uint32_t pcrs)
{
	int r;

	begin(ST_NO_SESSIONS, CC_POLICY_PCR);
	tpm_put32(&out, session);
	tpm_put16(&out, 0); /* the values of now */
	put_select(&out, pcrs);
	r = run(false, SHORT_MS, NULL);
	return r ? r : end();
}

static int hmac(uint32_t handle, uint32_t session, const char *text, uint8_t mac[TPM_HASH_SIZE])
{
	uint32_t length = (uint32_t)strlen(text);
	const uint8_t *value;
	int r;

	begin(ST_SESSIONS, CC_HMAC);
	tpm_put32(&out, handle);
	put_session(session, NONCE_SIZE);
	tpm_put16(&out, (uint16_t)length);
	tpm_put(&out, text, length);
	tpm_put16(&out, ALG_SHA256);
	r = run(false, SHORT_MS, NULL);
	if (r)
		return r;
	value = get_hash();
	if (!value || end())
		return -CL_EIO;
	memcpy(mac, value, TPM_HASH_SIZE);
	return 0;
}

int tpm_hmac(uint32_t handle, uint32_t pcrs, const char *text, uint8_t mac[TPM_HASH_SIZE])
{
	uint32_t session, refused;
	int r = start_policy_session(&session);

	if (r)
		return r;
	r = policy_pcr(session, pcrs);
	if (!r)
		r = hmac(handle, session, text, mac);
	/* A command that succeeds ends it. */
	if (r) {
		refused = tpm_refused;
		tpm_flush(session);
		tpm_refused = refused;
	}
	return r;
}

int tpm_flush(uint32_t handle)
{
	int r;

	begin(ST_NO_SESSIONS, CC_FLUSH_CONTEXT);
	tpm_put32(&out, handle);
	r = run(false, SHORT_MS, NULL);
	return r ? r : end();
}

void tpm_wipe(void)
{
	secure_zero(command_buf, sizeof(command_buf));
	secure_zero(response_buf, sizeof(response_buf));
}
