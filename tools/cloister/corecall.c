// SPDX-License-Identifier: Apache-2.0
// Typed calls. What the Core says in text is cut and made printable here, once.
#include "corecall.h"
#include <errno.h>
#include <string.h>
#include "core_port.h"
#include "message.h"

static int call(uint32_t op, void *argument, size_t bytes)
{
	long rc = core_port_call(op, argument, bytes);
	if (rc < -4095)
		return -EPROTO;
	return rc < 0 ? (int)rc : 0;
}

static void clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	printable(text, size, text);
}

int core_info(struct cl_core_info *info)
{
	memset(info, 0, sizeof(*info));
	int rc = call(CL_OP_INFO, info, sizeof(*info));
	clean(info->version, sizeof(info->version));
	clean(info->iommu, sizeof(info->iommu));
	clean(info->root, sizeof(info->root));
	return rc;
}

int core_check(void)
{
	struct cl_core_info info;
	int rc = core_info(&info);
	return rc ? rc : info.abi_version == CL_ABI_VERSION ? 0 : -EPROTO;
}

int core_zone_info(struct cl_zone_info *info)
{
	int rc = call(CL_OP_ZONE_INFO, info, sizeof(*info));
	clean(info->reason, sizeof(info->reason));
	return rc;
}

int core_zone_by_handle(uint64_t handle, struct cl_zone_info *info)
{
	*info = (struct cl_zone_info){.handle = handle};
	return core_zone_info(info);
}

int core_zone_end(uint64_t instance)
{
	struct cl_zone_ref ref = {.instance = instance};
	return call(CL_OP_ZONE_END, &ref, sizeof(ref));
}

int core_trace(uint32_t mask)
{
	struct cl_trace trace = {.mask = mask};
	return call(CL_OP_TRACE, &trace, sizeof(trace));
}

int core_counters(struct cl_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	return call(CL_OP_COUNTERS, counters, sizeof(*counters));
}

int core_log(struct cl_log_read *chunk)
{
	int rc = call(CL_OP_LOG, chunk, sizeof(*chunk));
	if (!rc && chunk->count > sizeof(chunk->text))
		return -EPROTO;
	return rc;
}

int core_boot_log(uint8_t *log, size_t *size)
{
	struct cl_boot_log chunk = {.position = 0};
	size_t have = 0;

	do {
		int rc = call(CL_OP_BOOT_LOG, &chunk, sizeof(chunk));
		if (rc)
			return rc;
		// A call that brings nothing would go on for ever, one that brings more than there
		// is would write past the end.
		if (chunk.total > CL_BOOT_LOG_MAX || chunk.count > sizeof(chunk.data) ||
		    chunk.count > chunk.total - have || (!chunk.count && have < chunk.total))
			return -EPROTO;
		memcpy(log + have, chunk.data, chunk.count);
		have += chunk.count;
		chunk.position = have;
	} while (have < chunk.total);
	*size = have;
	return 0;
}

int core_fail(int rc)
{
	switch (rc) {
	case -ENODEV:
		return fail(EXIT_CORE, "the Core: nothing answers beneath this host; boot the host "
				       "under the Core, or use --plain for an ordinary guest");
	case -ENOTSUP:
		return fail(EXIT_CORE,
			    "the Core: this kernel gives no program I/O ports (ioperm(2)), "
			    "so what is beneath it cannot be asked; boot the host under "
			    "the Core");
	case -EPERM:
		return fail(EXIT_ROOT,
			    "the Core: no right to call it; run as root (kernel lockdown "
			    "forbids it even so)");
	case -EPROTO:
		return fail(EXIT_CORE, "the Core: it speaks another version of the interface; "
				       "install the cloister that was built with it");
	default:
		return fail(EXIT_ERROR, "the Core: %s", strerror(-rc));
	}
}
