// SPDX-License-Identifier: Apache-2.0
#include "cipher/page_cipher.h"
#include "cpu/master_key.h"
#include "evidence/entropy.h"
#include "lib/log.h"
#include "lib/string.h"

/* For CPUs that start later; zero once all have started. */
static uint64_t handover[4];

static void load(const uint64_t k[4])
{
	__asm__ volatile("mov %0, %%dr0\n\tmov %1, %%dr1\n\tmov %2, %%dr2\n\tmov %3, %%dr3"
			 :
			 : "r"(k[0]), "r"(k[1]), "r"(k[2]), "r"(k[3]));
}

void master_key_init(void)
{
	entropy_bytes(handover, sizeof(handover));
	load(handover);
}

void master_key_join(void)
{
	load(handover);
}

void master_key_close(void)
{
	secure_zero(handover, sizeof(handover));
}

void master_key_derive(uint8_t out[DERIVED_KEY_SIZE], uint32_t purpose, uint64_t number)
{
	const uint32_t nonce[3] = {purpose, (uint32_t)number, (uint32_t)(number >> 32)};
	uint64_t m0, m1, m2, m3;

	__asm__ volatile("mov %%dr0, %0\n\tmov %%dr1, %1\n\tmov %%dr2, %2\n\tmov %%dr3, %3"
			 : "=r"(m0), "=r"(m1), "=r"(m2), "=r"(m3));
	/* INIT zeroes these registers: better no key than one that everybody can derive. */
	if (!(m0 | m1 | m2 | m3))
		panic("no master key in this CPU's debug registers");
	key_derive(out, m0, m1, m2, m3, nonce);
	/* Where it was handed over: should the Core fail soon, it logs its registers. */
	__asm__ volatile("xor %%esi, %%esi\n\txor %%edx, %%edx\n\txor %%ecx, %%ecx\n\t"
			 "xor %%r8d, %%r8d" ::
				 : "rsi", "rdx", "rcx", "r8", "cc");
}

void master_key_wipe(void)
{
	master_key_close();
	load(handover);
}
