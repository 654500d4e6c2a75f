/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls into the Core.
 *
 * From the host's user space, and from a zone's: a 32-bit OUT to port CL_CALL_PORT, so the caller
 * needs I/O permission for it (CAP_SYS_RAWIO and ioperm(2)).
 *
 *   in   EAX = CL_OP_*, RBX = address of the argument structure, RCX = its size in bytes,
 *        RDX = CL_CALL_PORT
 *   out  RAX = 0 or more on success, a negative CL_E* on failure
 *
 * The structure is read and written through the caller's own page tables; its pages must be
 * present and, where the call answers, writable (touch them first, mlock them), else -CL_EFAULT.
 * Without the Core nothing listens on the port: RAX keeps CL_OP_*, which no call returns.
 *
 * From the loader, CPL 0 and 64-bit mode only: VMMCALL with EAX = CL_VMMCALL_PROTECT.
 *
 *   in   RBX = guest-physical address of struct cl_launch_desc (page aligned),
 *        RCX = window in pages (0 = all), RDX = idle milliseconds (0 = default), RSI = handle
 *   out  on success the guest is a zone and runs at desc.entry_rip; else RAX = negative CL_E*
 *
 * Without the Core, KVM answers VMMCALL itself, with -KVM_ENOSYS (-1000).
 */
#ifndef CLOISTER_CALL_H
#define CLOISTER_CALL_H

#include <stdint.h>
#include <cloister/launch.h>

#define CL_CALL_PORT	   0x0c1fu
#define CL_VMMCALL_PROTECT 0x435a0001u
#define CL_ABI_VERSION	   2u

/* Errors; values as in Linux, so that strerror(3) explains them. */
#define CL_EPERM  1
#define CL_ENOENT 2
#define CL_EIO	  5
#define CL_E2BIG  7
#define CL_ENOMEM 12
#define CL_EFAULT 14
#define CL_EBUSY  16
#define CL_EEXIST 17
#define CL_EINVAL 22
#define CL_ENOSPC 28
#define CL_ENOSYS 38

enum cl_op {
	/* For the host. */
	CL_OP_INFO = 0x435a0101,	/* out: struct cl_core_info */
	CL_OP_ZONE_INFO = 0x435a0102,	/* in/out: struct cl_zone_info */
	CL_OP_ZONE_END = 0x435a0103,	/* in: struct cl_zone_ref */
	CL_OP_OPEN_FRAMES = 0x435a0104, /* in/out: struct cl_open_frames */
	CL_OP_TRACE = 0x435a0105,	/* in: struct cl_trace */
	CL_OP_COUNTERS = 0x435a0106,	/* out: struct cl_counters */
	CL_OP_LOG = 0x435a0107,		/* in/out: struct cl_log_read */
	CL_OP_BOOT_LOG = 0x435a0108,	/* in/out: struct cl_boot_log */
	/* For a zone. */
	CL_OP_REPORT = 0x435a0201,   /* in/out: struct cl_report_call */
	CL_OP_EXIT = 0x435a0202,     /* in: struct cl_exit; does not return */
	CL_OP_SEAL_KEY = 0x435a0203, /* in/out: struct cl_seal_key */
};

#define CL_BUILD_SIZE 20u

struct cl_core_info {
	uint32_t abi_version; /* CL_ABI_VERSION */
	uint32_t zones;	      /* live zones */
	char version[32];     /* "0.1.0+g1234567", NUL-terminated */
	uint64_t core_base;   /* Core memory: first byte and size, host-physical */
	uint64_t core_bytes;
	uint64_t pool_pages; /* Core pages in all, and free */
	uint64_t pool_free;
	uint64_t refused;  /* malformed requests from host and guests so far */
	uint8_t key_x[32]; /* public report key, P-256, big-endian */
	uint8_t key_y[32];
	char iommu[16];		      /* as reports say it; NUL-terminated */
	uint64_t dma_blocked;	      /* DMA of devices that the IOMMU refused, as far as it told */
	char root[16];		      /* as reports say it; NUL-terminated */
	uint32_t sealing;	      /* 1: zones can have keys, by CL_OP_SEAL_KEY */
	uint32_t debug;		      /* 1: a debug build, which no verifier accepts */
	uint8_t build[CL_BUILD_SIZE]; /* GNU build-id of the Core's ELF file */
	uint32_t reserved;
};

enum cl_zone_state {
	CL_ZONE_NONE = 0,
	CL_ZONE_LIVE = 1,
	CL_ZONE_DEAD = 2,      /* memory scrubbed and given back; reason says why */
	CL_ZONE_ENDING = 3,    /* runs no more, its memory is being scrubbed */
	CL_ZONE_LAUNCHING = 4, /* being measured */
};

struct cl_zone_info {
	/* in: exactly one of these selects a zone */
	uint64_t handle;   /* ≠ 0: the zone with this handle; newest first */
	uint64_t instance; /* ≠ 0: this instance */
	uint64_t after;	   /* else: the zone with the next instance number after this one */
	/* out: handle and instance as well */
	uint32_t state; /* enum cl_zone_state */
	uint32_t vcpus;
	char reason[64]; /* why it ended; empty while live */
	uint8_t digest[CL_DIGEST_SIZE];
	uint64_t memory_bytes;
	uint64_t policy;
	uint32_t window_pages; /* as in force */
	uint32_t idle_ms;
	uint64_t open_pages; /* now, by state */
	uint64_t sealed_pages;
	uint64_t surrendered_pages;
	uint64_t shared_pages;
	uint64_t seals; /* since launch */
	uint64_t opens;
	uint64_t idle_seals;
	uint64_t surrenders;
	uint64_t exits;		  /* to the Core */
	uint64_t exits_reflected; /* of these, to the host */
	uint64_t refused;	  /* injections and other host input refused */
};

struct cl_zone_ref {
	uint64_t instance;
};

/* The frames that hold a zone's plaintext at this moment. */
struct cl_open_frames {
	uint64_t instance;
	uint64_t start; /* in: skip this many; out: where to go on, 0 = the end */
	uint32_t count; /* out */
	uint32_t reserved;
	uint64_t pfn[500]; /* host-physical frame numbers */
};

#define CL_TRACE_EXITS 0x1u /* every exit, to the Core's log */
#define CL_TRACE_PAGES 0x2u /* every change of a page's state */
#define CL_TRACE_CALLS 0x4u /* every call into the Core */

struct cl_trace {
	uint32_t mask;
	uint32_t reserved;
};

/* Exits so far, by cause (AMD APM vol. 2, appendix C). */
#define CL_EXIT_CODES 0xa8u
struct cl_counters {
	uint64_t host[CL_EXIT_CODES];	   /* from the host; [0xa0] counts #NPF (code 0x400) */
	uint64_t guest[CL_EXIT_CODES];	   /* from ordinary guests and zones */
	uint64_t reflected[CL_EXIT_CODES]; /* of guest[], handed to the host */
};

/* The Core's log ring, newest kept. */
struct cl_log_read {
	uint64_t position; /* in: byte to start from; out: byte to go on with */
	uint32_t count;	   /* out */
	uint32_t reserved;
	char text[4080];
};

/*
 * The firmware's event log of this boot (TCG PC Client Platform Firmware Profile, section 10: the
 * crypto-agile format), as it was before the host first ran. The Core has not checked it: whoever
 * reads it replays it against a quote.
 */
#define CL_BOOT_LOG_MAX 65536u
struct cl_boot_log {
	uint64_t position; /* in: byte to start from; out: byte to go on with */
	uint32_t count;	   /* out */
	uint32_t total;	   /* out: size of the whole log; 0: the firmware left none */
	uint8_t data[4080];
};

#define CL_REPORT_DATA 64u
#define CL_REPORT_MAX  1024u
struct cl_report_call {
	uint8_t data[CL_REPORT_DATA]; /* in: whatever the caller wants bound */
	uint32_t size;		      /* out: bytes of report[] used */
	uint32_t reserved;
	uint8_t report[CL_REPORT_MAX]; /* out: COSE_Sign1, see cloister/report.h */
};

/*
 * A key that only zones with this launch digest get, at each boot of this machine with this
 * firmware and this Core: HKDF-SHA256 of the Core's sealing root. -CL_ENOENT without a TPM behind
 * the Core (cl_core_info.sealing is 0), -CL_EPERM from a debug build.
 */
#define CL_SEAL_CONTEXT	 32u
#define CL_SEAL_KEY_SIZE 32u
struct cl_seal_key {
	uint8_t context[CL_SEAL_CONTEXT]; /* in: what the key is for: SHA-256 of a name */
	uint8_t key[CL_SEAL_KEY_SIZE];	  /* out */
	/* out: point of the TPM's storage key (TCG's template for P-256), so that the zone can
	 * speak to the genuine TPM through the host, in sessions salted to it */
	uint8_t srk_x[32];
	uint8_t srk_y[32];
};

struct cl_exit {
	uint32_t status; /* logged */
	uint32_t reserved;
};

#endif
