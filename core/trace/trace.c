// SPDX-License-Identifier: Apache-2.0
#include "lib/log.h"
#include "svm/cpu.h"
#include "trace/trace.h"

uint32_t trace_mask;

void trace_exit(unsigned running, const struct vmcb *v)
{
	static const char *const who[] = {"host", "guest", "zone"};
	uint32_t code = (uint32_t)v->control.exit_code;

	if (running == RUN_ZONE && !CORE_DEBUG)
		log_info("trace: zone exit 0x%x", code);
	else
		log_info("trace: %s exit 0x%x info 0x%lx 0x%lx rip 0x%lx", who[running], code,
			 v->control.exit_info1, v->control.exit_info2, v->save.rip);
}
