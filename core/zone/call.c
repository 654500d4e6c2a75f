// SPDX-License-Identifier: Apache-2.0
#include "boot/build_id.h"
#include "boot/boot_log.h"
#include "evidence/report.h"
#include "evidence/report_key.h"
#include "evidence/root.h"
#include "iommu/iommu.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/fpu.h"
#include "svm/smp.h"
#include "trace/trace.h"
#include "zone/call.h"
#include "zone/page.h"
#include "zone/vcpu.h"

#define TRACE_KNOWN (CL_TRACE_EXITS | CL_TRACE_PAGES | CL_TRACE_CALLS)

/* The argument, in Core memory: copied in once, copied out once. */
static union {
	struct cl_core_info core;
	struct cl_zone_info zone;
	struct cl_zone_ref ref;
	struct cl_open_frames frames;
	struct cl_trace trace;
	struct cl_counters counters;
	struct cl_log_read log;
	struct cl_boot_log boot_log;
	struct cl_report_call report;
	struct cl_seal_key seal;
	struct cl_exit exit;
} arg;

static int op_info(void)
{
	const uint8_t *key = report_key_public();

	memset(&arg.core, 0, sizeof(arg.core));
	arg.core.abi_version = CL_ABI_VERSION;
	arg.core.zones = zones_live();
	format(arg.core.version, sizeof(arg.core.version), "%s", CORE_VERSION);
	arg.core.core_base = core_memory.base;
	arg.core.core_bytes = core_memory.bytes;
	arg.core.pool_pages = pool_pages();
	arg.core.pool_free = pool_free_pages();
	arg.core.refused = refused_total;
	arg.core.dma_blocked = iommu_blocked;
	format(arg.core.iommu, sizeof(arg.core.iommu), "%s", iommu_name());
	format(arg.core.root, sizeof(arg.core.root), "%s", root_name());
	arg.core.sealing = root_seals();
	arg.core.debug = CORE_DEBUG;
	memcpy(arg.core.build, build_id(), CL_BUILD_SIZE);
	memcpy(arg.core.key_x, key, 32);
	memcpy(arg.core.key_y, key + 32, 32);
	return 0;
}

static int op_zone_info(void)
{
	struct zone *z = arg.zone.handle     ? zone_by_handle(arg.zone.handle)
			 : arg.zone.instance ? zone_by_instance(arg.zone.instance)
					     : zone_after(arg.zone.after);

	if (!z)
		return -CL_ENOENT;
	arg.zone = z->stats;
	arg.zone.handle = z->handle;
	arg.zone.instance = z->instance;
	arg.zone.after = 0;
	arg.zone.state = z->state;
	arg.zone.vcpus = z->nr_vcpus;
	memcpy(arg.zone.reason, z->reason, sizeof(arg.zone.reason));
	memcpy(arg.zone.digest, z->digest, sizeof(arg.zone.digest));
	arg.zone.memory_bytes = z->memory_bytes;
	arg.zone.policy = z->policy;
	arg.zone.window_pages = z->window;
	arg.zone.idle_ms = z->idle_ms;
	return 0;
}

static int op_zone_end(void)
{
	struct zone *z = zone_by_instance(arg.ref.instance);

	if (!z)
		return -CL_ENOENT;
	if (z->state == CL_ZONE_LAUNCHING)
		return -CL_EBUSY;
	if (z->state == CL_ZONE_LIVE)
		zone_kill(z, "ended by the host");
	for (unsigned i = 0; i < z->nr_vcpus; i++)
		z->vmcb12_pa[i] = NO_VMCB12; /* the host's page may serve another guest */
	return 0;
}

static int op_open_frames(void)
{
	struct zone *z = zone_by_instance(arg.frames.instance);
	uint64_t at = arg.frames.start;
	uint32_t n = 0, most = sizeof(arg.frames.pfn) / sizeof(arg.frames.pfn[0]);

	if (!z)
		return -CL_ENOENT;
	memset(arg.frames.pfn, 0, sizeof(arg.frames.pfn));
	for (; at < z->nr_open && n < most; at++)
		arg.frames.pfn[n++] = page_rec(z, z->open_list[at])->pfn;
	arg.frames.count = n;
	arg.frames.start = at < z->nr_open ? at : 0;
	return 0;
}

static int op_trace(void)
{
	if (arg.trace.mask & ~TRACE_KNOWN || arg.trace.reserved)
		return -CL_EINVAL;
	trace_mask = arg.trace.mask;
	return 0;
}

static int op_counters(void)
{
	uint64_t *sum = (uint64_t *)&arg.counters;

	memset(sum, 0, sizeof(arg.counters));
	for (unsigned c = 0; c < nr_cpus; c++) {
		const uint64_t *own = (const uint64_t *)&cpus[c]->counters;

		for (size_t i = 0; i < sizeof(arg.counters) / sizeof(*sum); i++)
			sum[i] += own[i];
	}
	return 0;
}

static int op_log(void)
{
	memset(arg.log.text, 0, sizeof(arg.log.text));
	arg.log.count = (uint32_t)log_read(&arg.log.position, arg.log.text, sizeof(arg.log.text));
	return 0;
}

static int op_boot_log(void)
{
	uint64_t at = arg.boot_log.position;
	uint32_t total = boot_log_size, n = sizeof(arg.boot_log.data);

	if (at > total)
		return -CL_EINVAL;
	if (n > total - at)
		n = (uint32_t)(total - at);
	memset(&arg.boot_log, 0, sizeof(arg.boot_log));
	memcpy(arg.boot_log.data, boot_log + at, n);
	arg.boot_log.position = at + n;
	arg.boot_log.count = n;
	arg.boot_log.total = total;
	return 0;
}

static const struct host_call {
	uint32_t op;
	uint32_t size;
	int (*run)(void);
	bool in, out;
} host_calls[] = {
	{CL_OP_INFO, sizeof(arg.core), op_info, false, true},
	{CL_OP_ZONE_INFO, sizeof(arg.zone), op_zone_info, true, true},
	{CL_OP_ZONE_END, sizeof(arg.ref), op_zone_end, true, false},
	{CL_OP_OPEN_FRAMES, sizeof(arg.frames), op_open_frames, true, true},
	{CL_OP_TRACE, sizeof(arg.trace), op_trace, true, false},
	{CL_OP_COUNTERS, sizeof(arg.counters), op_counters, false, true},
	{CL_OP_LOG, sizeof(arg.log), op_log, true, true},
	{CL_OP_BOOT_LOG, sizeof(arg.boot_log), op_boot_log, true, true},
};

static int64_t run_call(const struct host_call *c, const struct space *space, uint64_t gva,
			uint64_t size)
{
	int r;

	if (size != c->size)
		return -CL_EINVAL;
	if (c->in && space_read(space, gva, &arg, c->size))
		return -CL_EFAULT;
	r = c->run();
	if (!r && c->out && space_write(space, gva, &arg, c->size))
		return -CL_EFAULT;
	return r;
}

int64_t call_host(const struct space *space, uint32_t op, uint64_t gva, uint64_t size)
{
	int64_t r = -CL_ENOSYS;

	for (unsigned i = 0; i < sizeof(host_calls) / sizeof(host_calls[0]); i++) {
		if (host_calls[i].op == op)
			r = run_call(&host_calls[i], space, gva, size);
	}
	if (r < 0 && r != -CL_ENOENT)
		refused_total++;
	if (trace_mask & CL_TRACE_CALLS)
		log_info("trace: host call 0x%x: %ld", op, (long)r);
	return r;
}

static int64_t zone_report(struct zone_vcpu *vcpu, uint64_t gva, uint64_t size)
{
	struct zone *z = vcpu->zone;
	struct space space;
	int r;

	vcpu_space(vcpu, &space);
	space.user = vcpu->vmcb->save.cpl == 3;
	if (size != sizeof(arg.report))
		return -CL_EINVAL;
	if (space_read(&space, gva, &arg.report, sizeof(arg.report)))
		return -CL_EFAULT;
	struct report_claims claims = {.data = arg.report.data,
				       .digest = z->digest,
				       .instance = z->instance,
				       .memory_bytes = z->memory_bytes,
				       .policy = z->policy,
				       .vcpus = z->nr_vcpus,
				       .window_pages = z->window,
				       .idle_ms = z->idle_ms,
				       .core_version = CORE_VERSION,
				       .iommu = iommu_name(),
				       .root = root_name(),
				       .remap = "none",
				       .build = build_id(),
				       .debug = CORE_DEBUG};
	memset(arg.report.report, 0, sizeof(arg.report.report));
	fpu_begin();
	r = report_make(&claims, arg.report.report, sizeof(arg.report.report));
	fpu_end();
	if (r < 0)
		return r;
	arg.report.size = (uint32_t)r;
	arg.report.reserved = 0;
	return space_write(&space, gva, &arg.report, sizeof(arg.report)) ? -CL_EFAULT : 0;
}

/* Only this zone's vCPU gets it: nothing of it stays in `arg`, which the next call shows. */
static int64_t zone_seal_key(const struct zone *z, const struct space *space, uint64_t gva,
			     uint64_t size)
{
	int r;

	if (size != sizeof(arg.seal))
		return -CL_EINVAL;
	if (space_read(space, gva, &arg.seal, sizeof(arg.seal)))
		return -CL_EFAULT;
	fpu_begin();
	r = root_zone_key(z->digest, &arg.seal);
	fpu_end();
	if (!r && space_write(space, gva, &arg.seal, sizeof(arg.seal)))
		r = -CL_EFAULT;
	secure_zero(&arg.seal, sizeof(arg.seal));
	return r;
}

void call_zone(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	uint32_t op = (uint32_t)vcpu->vmcb->save.rax;
	uint64_t gva = vcpu->gpr[RBX], size = vcpu->gpr[RCX];
	struct space space;
	int64_t r = -CL_ENOSYS;

	if (trace_mask & CL_TRACE_CALLS)
		log_info("trace: zone %lu call 0x%x", vcpu->zone->instance, op);
	vcpu_space(vcpu, &space);
	space.user = vcpu->vmcb->save.cpl == 3;
	if (op == CL_OP_REPORT) {
		r = zone_report(vcpu, gva, size);
	} else if (op == CL_OP_SEAL_KEY) {
		r = zone_seal_key(vcpu->zone, &space, gva, size);
	} else if (op == CL_OP_EXIT && size == sizeof(arg.exit)) {
		if (!space_read(&space, gva, &arg.exit, sizeof(arg.exit))) {
			vcpu_kill(cpu, vcpu, "exit, status %u", arg.exit.status);
			return;
		}
		r = -CL_EFAULT;
	}
	if (r < 0 && r != -CL_ENOENT)
		refused_total++;
	vcpu->vmcb->save.rax = (uint64_t)r;
}
