// SPDX-License-Identifier: Apache-2.0
#include "boot/boot_log.h"

#include "lib/log.h"
#include "lib/string.h"

/* The first event: index, type, a SHA-1 digest, size, then Spec ID (section 10.4.5.1). */
#define EV_NO_ACTION   3u
#define FIRST_HEAD     32u
#define SPEC_SIGNATURE "Spec ID Event03"
#define SPEC_ALGS      24u /* in the event: how many; then a word and a size each */
#define ALGS_MAX       8u
#define DIGEST_MAX     64u
#define PCRS	       24u

/* UEFI 2.10, section 7.2.3. */
#define EFI_BOOT_SERVICES_DATA 4u
#define EFI_ACPI_RECLAIM       9u
#define EFI_ACPI_NVS	       10u
struct efi_memory_descriptor {
	uint32_t type, pad;
	uint64_t start, virtual_start, pages, attribute;
};

uint8_t boot_log[CL_BOOT_LOG_MAX];
uint32_t boot_log_size;

struct algs {
	uint32_t nr;
	uint16_t id[ALGS_MAX], size[ALGS_MAX];
};

static uint32_t read_le(const uint8_t *p, unsigned bytes)
{
	uint32_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

/* Size of the first event, 0 if it is none. */
static uint32_t first_event(const uint8_t *log, uint32_t max, struct algs *algs)
{
	static const char signature[] = SPEC_SIGNATURE; /* and its NUL */
	static const uint8_t no_digest[FIRST_HEAD - 12];
	const uint8_t *event = log + FIRST_HEAD;
	uint32_t size;

	if (max < FIRST_HEAD + SPEC_ALGS + 4 || read_le(log, 4) != 0 ||
	    read_le(log + 4, 4) != EV_NO_ACTION || memcmp(log + 8, no_digest, sizeof(no_digest)) ||
	    memcmp(event, signature, sizeof(signature)))
		return 0;
	size = read_le(log + FIRST_HEAD - 4, 4);
	algs->nr = read_le(event + SPEC_ALGS, 4);
	if (size > max - FIRST_HEAD || !algs->nr || algs->nr > ALGS_MAX ||
	    size < SPEC_ALGS + 4 + 4 * algs->nr + 1)
		return 0;
	for (uint32_t i = 0; i < algs->nr; i++) {
		algs->id[i] = (uint16_t)read_le(event + SPEC_ALGS + 4 + 4 * i, 2);
		algs->size[i] = (uint16_t)read_le(event + SPEC_ALGS + 6 + 4 * i, 2);
		if (!algs->size[i] || algs->size[i] > DIGEST_MAX)
			return 0;
	}
	return FIRST_HEAD + size;
}

/* Size of a further event, 0 if it is none: index, type, digests, size, event. */
static uint32_t next_event(const uint8_t *p, uint32_t max, const struct algs *algs)
{
	uint32_t at = 12, size;

	if (max < at || read_le(p, 4) >= PCRS || read_le(p + 8, 4) != algs->nr)
		return 0;
	for (uint32_t i = 0; i < algs->nr; i++) {
		uint32_t k = 0;

		if (max - at < 2)
			return 0;
		while (k < algs->nr && algs->id[k] != read_le(p + at, 2))
			k++;
		if (k == algs->nr || max - at < 2u + algs->size[k])
			return 0;
		at += 2u + algs->size[k];
	}
	if (max - at < 4)
		return 0;
	size = read_le(p + at, 4);
	return size <= max - at - 4 ? at + 4 + size : 0;
}

uint32_t tcg_log_size(const uint8_t *log, uint32_t max)
{
	struct algs algs;
	uint32_t at = first_event(log, max, &algs), size = at;

	while (size) {
		size = next_event(log + at, max - at, &algs);
		at += size;
	}
	return at;
}

/*
 * Firmware may choose: OVMF takes boot services data at the first boot of new variables, ACPI NVS
 * at all others.
 */
static bool may_hold_log(const struct efi_memory_descriptor *d)
{
	return d->type == EFI_BOOT_SERVICES_DATA || d->type == EFI_ACPI_RECLAIM ||
	       d->type == EFI_ACPI_NVS;
}

/* A log at the start of a page in [base, end)? */
static bool search(uint64_t base, uint64_t end)
{
	for (uint64_t at = base; at < end; at += PAGE_SIZE) {
		const uint8_t *page = phys_to_virt(at);
		uint32_t n = end - at < sizeof(boot_log) ? (uint32_t)(end - at) : sizeof(boot_log);

		if (!tcg_log_size(page, n))
			continue;
		memcpy(boot_log, page, n);
		boot_log_size = tcg_log_size(boot_log, n);
		memset(boot_log + boot_log_size, 0, sizeof(boot_log) - boot_log_size);
		return true;
	}
	return false;
}

void boot_log_find(const struct loader_info *li)
{
	struct efi_memory_descriptor d;

	for (uint32_t at = 0; li->efi_map_entry >= sizeof(d) && at + sizeof(d) <= li->efi_map_bytes;
	     at += li->efi_map_entry) {
		memcpy(&d, li->efi_map + at, sizeof(d));
		if (!may_hold_log(&d) || d.start % PAGE_SIZE || d.start >= SIZE_4G ||
		    d.pages > (SIZE_4G - d.start) / PAGE_SIZE)
			continue;
		if (search(d.start, d.start + d.pages * PAGE_SIZE)) {
			log_info("firmware's event log: %u bytes", boot_log_size);
			return;
		}
	}
	log_info("firmware's event log: none");
}
