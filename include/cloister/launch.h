/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch image: what `cloister run` hands to the loader inside a new guest, and what the
 * Core measures when that guest asks to become a zone.
 *
 * File layout (all integers little-endian, everything page aligned):
 *
 *   page 0   struct cl_launch_header   untrusted hints of the host; not measured
 *   page 1   struct cl_launch_desc     measured
 *   page 2…  contents of desc.seg[0], desc.seg[1], …, back to back; measured
 *
 * Launch digest = SHA-384(desc page ‖ contents of seg[0] ‖ contents of seg[1] ‖ …).
 * The descriptor names every address and size, so the concatenation is unambiguous.
 *
 * Everything the zone may ever trust is in here. RAM outside the segments reads as zero on first
 * private touch.
 */
#ifndef CLOISTER_LAUNCH_H
#define CLOISTER_LAUNCH_H

#include <stdint.h>

#define CL_PAGE_SIZE	   4096u
#define CL_DIGEST_SIZE	   48u /* SHA-384 */

#define CL_LAUNCH_MAGIC	   0x31424c5a434c4300ull /* first 8 bytes of page 0 */
#define CL_DESC_MAGIC	   0x314353445a4c4301ull /* first 8 bytes of page 1 */
#define CL_LAUNCH_VERSION  1u

#define CL_LAUNCH_SEGS_MAX 32u
#define CL_ZONE_VCPUS_MAX  16u
#define CL_ZONE_MEMORY_MIN (64ull << 20)
#define CL_ZONE_MEMORY_MAX (64ull << 30)

/* Machine type q35: RAM below 4 GiB ends here; the rest continues at 4 GiB. */
#define CL_ZONE_LOW_RAM_END 0x80000000ull
#define CL_ZONE_HIGH_RAM    0x100000000ull
/* The hole under 1 MiB (VGA, option ROMs, BIOS). It reads as zero on the private side. */
#define CL_ZONE_HOLE_START 0xa0000ull
#define CL_ZONE_HOLE_END   0x100000ull

/*
 * Seven pages at this guest-physical address are filled by the Core at launch: the zone's first
 * page tables, an identity map of the low 4 GiB with the C-bit set. No segment may overlap them.
 */
#define CL_ZONE_BOOT_TABLES	  0x8000ull
#define CL_ZONE_BOOT_TABLES_PAGES 7u

/* Least and default window, in 4 KiB pages. 0 in the header means "as much as the zone's RAM". */
#define CL_WINDOW_MIN 64u

/* Page 0. Untrusted: the Core reads none of it; the loader passes the values to PROTECT. */
struct cl_launch_header {
	uint64_t magic;	       /* CL_LAUNCH_MAGIC */
	uint32_t version;      /* CL_LAUNCH_VERSION */
	uint32_t window_pages; /* most OPEN pages at a time; 0 = all */
	uint32_t idle_ms;      /* seal pages untouched for this long; 0 = the Core's default */
	uint32_t reserved0;
	uint64_t handle;     /* random; lets the launcher find its zone (struct cl_zone_info) */
	uint64_t file_bytes; /* size of the whole image */
	uint8_t reserved1[4096 - 40];
};

struct cl_launch_seg {
	uint64_t gpa;  /* 4 KiB aligned; segments ascend and do not overlap */
	uint64_t size; /* > 0, a multiple of 4 KiB */
};

/* Page 1. Measured, every byte; reserved fields are zero or PROTECT refuses. */
struct cl_launch_desc {
	uint64_t magic;	       /* CL_DESC_MAGIC */
	uint32_t version;      /* CL_LAUNCH_VERSION */
	uint32_t vcpus;	       /* 1 … CL_ZONE_VCPUS_MAX */
	uint64_t memory_bytes; /* the guest's RAM, as QEMU's -m; a multiple of 2 MiB */
	uint64_t policy;       /* CL_POLICY_* */
	uint64_t entry_rip;    /* 64-bit entry point; inside a segment */
	uint64_t entry_rsi;    /* value of RSI at entry (Linux: boot_params) */
	/*
	 * 0, or where in a segment eight ASCII zeros stand that the Core replaces, after measuring,
	 * by its TSC's frequency in kHz, in hexadecimal: Linux's tsc_early_khz=0x00000000. The
	 * digest does not depend on the machine; the zone need not calibrate against a timer that
	 * the host plays.
	 */
	uint64_t tsc_khz_gpa;
	uint32_t nr_segs; /* 1 … CL_LAUNCH_SEGS_MAX */
	uint32_t reserved0;
	struct cl_launch_seg seg[CL_LAUNCH_SEGS_MAX];
	uint8_t reserved1[4096 - 64 - 16 * CL_LAUNCH_SEGS_MAX];
};

#define CL_TSC_KHZ_DIGITS 8u

#define CL_POLICY_DEBUG	  0x1ull /* reserved: this version refuses it */
#define CL_POLICY_KNOWN	  0x0ull /* the policy bits this version accepts */

_Static_assert(sizeof(struct cl_launch_header) == 4096, "launch header is one page");
_Static_assert(sizeof(struct cl_launch_desc) == 4096, "launch descriptor is one page");

#endif
