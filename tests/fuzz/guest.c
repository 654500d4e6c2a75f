// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for exits: of the host (its SVM instructions, ports, MSRs, calls into the Core),
 * of an ordinary guest and of a zone, and for what the host puts into its VMCBs. The input says
 * what each CPU did; the Core's own handlers run. Besides machine_check() after each exit:
 *
 *   - nothing of a zone's registers is to be seen by the host, but what an exit is for;
 *   - the host's answer changes what it answers, and nothing else of the zone;
 *   - a zone or a guest is entered only with the Core's intercepts, maps and tables;
 *   - no event reaches a zone that the host may not inject.
 */
#include "lib/pool.h"
#include "machine.h"
#include "svm/host.h"
#include "svm/nested.h"
#include "zone/page.h"
#include "zone/vcpu.h"

#define STEPS_MAX  100u
#define CODE_GPA   0x10000ull		      /* of the zone, page tables map it to itself */
#define ZONE_VMCB  (TABLES * TABLE_PAGES + 1) /* frames: host_launch() chose the first */
#define GUEST_VMCB (ZONE_VMCB + TABLES)
#define OTHER_VMCB (GUEST_VMCB + 1) /* for the zone's second vCPU */
#define HOST_CODE  (GUEST_VMCB + 2)
#define HOST_ARG   (HOST_CODE + 1)
#define FIRST	   48u
#define VCPUS	   2u
#define VECTOR	   0x20u /* the second starts at 0x20000, if it does */

/* A word of a zone's registers: nothing else in the machine has this upper half. */
#define TAG	  0x5ec2e700ull
#define SECRET(i) (TAG << 32 | (i))

static struct input in;
static struct zone *zone;

/* The zone's registers as they were when the host got its turn, to compare afterwards. */
static struct kept {
	bool valid;
	enum pending_op op;
	uint64_t gpr[16], rip, rax, rsp;
	uint8_t real_length, reg;
} kept_of[VCPUS];

static uint64_t some_gpa(void)
{
	uint64_t kind = take(&in, 1), n = take(&in, 2);

	switch (kind & 7) {
	case 0:
		return n << PAGE_SHIFT | kind;
	case 1:
		return 0xfee00000ull + n;
	case 2:
		return CORE_BASE + n * 64;
	case 3:
		return ram(n);
	default:
		return (n & 255) << PAGE_SHIFT | (kind & ~7ull);
	}
}

static uint64_t some_event(void)
{
	uint64_t word = take(&in, 2);

	return word & 0x8000 ? 0 : (word & 0xfff) | EVENT_VALID | (word & 0x7000) << 32;
}

/* Not those by which the machine would be reset for real, from which no road leads back. */
static uint64_t some_port(uint64_t how)
{
	uint64_t port = take(&in, 2), rest = take(&in, 1), size = 1ull << how % 3;
	bool resets = port <= 0xcff && port + size > 0xcf8;

	resets |= port <= 0x92 && port + size > 0x60;
	return port << 16 | size << 4 | (rest & 0xc) | (resets || (rest & 1) ? IOIO_IN : 0);
}

/* What a CPU may report as cut short: the Core offers no vectors below 32. */
static uint64_t cpu_event(void)
{
	uint64_t event = some_event();

	if (EVENT_TYPE(event) == EVENT_TYPE_INTR && (event & EVENT_VALID))
		event |= 32;
	return event;
}

/* ---- the zone ---- */

static void zone_code(void)
{
	int r = page_touch_private(zone->vcpu[0], CODE_GPA);

	if (r)
		return;
	const struct page_rec *rec = page_rec(zone, CODE_GPA >> PAGE_SHIFT);

	take_bytes(&in, phys_to_virt(((uint64_t)rec->pfn << PAGE_SHIFT) + 0x100), 15);
}

static void check_zone_entry(const struct zone_vcpu *vcpu, const struct vmcb *v)
{
	static const unsigned always[] = {ICPT_INTR,	 ICPT_NMI,     ICPT_SMI,    ICPT_INIT,
					  ICPT_CPUID,	 ICPT_INVD,    ICPT_HLT,    ICPT_IOIO,
					  ICPT_MSR,	 ICPT_VMRUN,   ICPT_VMLOAD, ICPT_VMSAVE,
					  ICPT_VMMCALL,	 ICPT_STGI,    ICPT_CLGI,   ICPT_SKINIT,
					  ICPT_SHUTDOWN, ICPT_INVLPGA, ICPT_RDPMC};
	uint64_t e = v->control.event_inj, vector = v->control.int_ctl >> V_VECTOR_SHIFT & 0xff;

	for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		require(vmcb_intercepts(v, always[i]));
	require(v->control.asid == HOST_ASIDS + 1);
	require(v->control.ncr3 == virt_to_phys(vcpu->flat ? zone->npt.root : vcpu->view.root));
	require(vcpu->state == VCPU_ON && vcpu->on == this_cpu());
	require(v->control.nested_ctl == NESTED_NP_ENABLE);
	require(v->control.int_ctl & V_INTR_MASKING);
	require(frame_state(v->control.iopm_pa >> PAGE_SHIFT) == FRAME_CORE);
	require(frame_state(v->control.msrpm_pa >> PAGE_SHIFT) == FRAME_CORE);
	if (v->control.int_ctl & V_IRQ)
		require(vector >= 32 && vector != 0x80);
	/* What the zone's own exit had under way comes again; else NMI, and #GP for an MSR. */
	if ((e & EVENT_VALID) && EVENT_TYPE(e) == EVENT_TYPE_INTR)
		require(EVENT_VECTOR(e) >= 32);
	if ((e & EVENT_VALID) && EVENT_TYPE(e) == EVENT_TYPE_EXC)
		require(EVENT_VECTOR(e) < 32);
}

static void zone_exits(struct vmcb *v, uint64_t *gpr)
{
	static const uint16_t codes[] = {EXIT_NPF,
					 EXIT_NPF,
					 EXIT_IOIO,
					 EXIT_IOIO,
					 EXIT_MSR,
					 EXIT_CPUID,
					 EXIT_HLT,
					 EXIT_INTR,
					 EXIT_NMI,
					 EXIT_IRET,
					 EXIT_INVD,
					 EXIT_RDPMC,
					 EXIT_CR_WRITE + 3,
					 EXIT_SHUTDOWN,
					 EXIT_VMMCALL,
					 EXIT_MWAIT,
					 EXIT_VINTR,
					 EXIT_EXCEPTION + VEC_DB,
					 EXIT_EXCEPTION + VEC_AC,
					 EXIT_SMI};
	static const uint32_t msrs[] = {MSR_TSC_DEADLINE, MSR_TSC,    0x1b,	  MSR_PAT,
					0xc0000080,	  0xc0010015, 0xc0010131, 0x12345678};
	struct zone_vcpu *vcpu = this_cpu()->vcpu;

	check_zone_entry(vcpu, v);
	uint64_t how = take(&in, 1);
	uint16_t code = codes[how % (sizeof(codes) / sizeof(codes[0]))];

	for (unsigned i = 0; i < 16; i++)
		gpr[i] = SECRET(i);
	v->save.rax = SECRET(16);
	v->save.rsp = SECRET(17);
	v->save.cr2 = SECRET(18);
	v->save.lstar = v->save.kernel_gs_base = SECRET(19);
	v->save.rip = CODE_GPA + 0x100 - (v->save.cr0 & CR0_PE ? 0 : v->save.cs.base);
	v->control.exit_code = code;
	v->control.exit_info1 = v->control.exit_info2 = 0;
	v->control.exit_int_info = cpu_event();
	v->control.next_rip = 0;
	switch (code) {
	case EXIT_NPF:
		v->control.exit_info1 = (take(&in, 1) & 0x17) | NPF_U | NPF_FINAL;
		v->control.exit_info2 = some_gpa() | (how & 128 ? BIT64(zone_cbit()) : 0);
		if (how & 64)
			zone_code();
		/* Interrupt commands: registers may hold what is to be written. */
		if (how & 32) {
			v->control.exit_info2 = 0xfee00300 | (how & 16);
			v->save.rax = take(&in, 4);
		}
		break;
	case EXIT_IOIO:
		v->control.exit_info1 =
			take(&in, 2) << 16 | 0x10u << take(&in, 1) % 3 | (how & 64 ? IOIO_IN : 0);
		if (how & 128)
			v->control.exit_info1 = CL_CALL_PORT << 16 | 0x40;
		v->control.exit_info2 = v->save.rip + 1 + (how >> 5 & 1);
		if (how & 128) {
			v->save.rax = CL_OP_REPORT + take(&in, 1) % 3;
			gpr[RBX] = CODE_GPA + take(&in, 2);
			uint64_t size = take(&in, 1);

			gpr[RCX] = size & 1   ? sizeof(struct cl_report_call)
				   : size & 2 ? sizeof(struct cl_seal_key)
					      : 8;
			v->save.cpl = 0;
		}
		break;
	case EXIT_MSR:
		gpr[RCX] = msrs[take(&in, 1) & 7];
		v->control.exit_info1 = how >> 7;
		v->save.rax = take(&in, 4);
		gpr[RDX] = take(&in, 4);
		break;
	case EXIT_CPUID:
		v->save.rax = take(&in, 1) | (how & 128 ? 0x80000000 : 0);
		gpr[RCX] = take(&in, 1);
		break;
	case EXIT_CR_WRITE + 3:
	case EXIT_INVD:
		zone_code();
		break;
	default:
		break;
	}
	v->control.int_ctl = (v->control.int_ctl & ~V_TPR_MASK) | (how >> 5);
	if (how & 32)
		v->control.int_ctl &= ~V_IRQ;
}

/* ---- what the host sees of it ---- */

static void no_secret_in(const void *at, size_t bytes)
{
	for (size_t i = 0; i + 8 <= bytes; i += 8) {
		uint64_t word;

		memcpy(&word, (const uint8_t *)at + i, 8);
		require(word >> 40 != TAG >> 8);
	}
}

static void check_host_sees(const struct zone_vcpu *vcpu, unsigned id)
{
	struct cpu *cpu = this_cpu();
	bool live = zone->state == CL_ZONE_LIVE;
	struct vmcb seen;

	if (!frame_is_host_ram(cpu->nested.vmcb12_pa))
		return;
	memcpy(&seen, phys_to_virt(cpu->nested.vmcb12_pa), sizeof(seen));
	if (live && vcpu->pending == PEND_MMIO_WRITE && vcpu->mmio.size == 8)
		seen.save.rax = 0; /* what the zone gives to its device */
	no_secret_in(&seen, sizeof(seen));
	no_secret_in(cpu->gpr, sizeof(cpu->gpr));
	no_secret_in(cpu->host_vmcb, sizeof(*cpu->host_vmcb));
	struct kept *kept = &kept_of[id];

	kept->valid = live;
	if (!live)
		return;
	memcpy(kept->gpr, vcpu->gpr, sizeof(kept->gpr));
	kept->rip = vcpu->vmcb->save.rip;
	kept->rax = vcpu->vmcb->save.rax;
	kept->rsp = vcpu->vmcb->save.rsp;
	kept->op = vcpu->pending;
	kept->real_length = vcpu->real_length;
	kept->reg = vcpu->mmio.reg;
}

static void check_answer(const struct zone_vcpu *vcpu, const struct kept *kept)
{
	const struct vmcb_save *s = &vcpu->vmcb->save;
	bool reads = kept->op == PEND_MMIO_READ;
	bool in_rax = kept->op == PEND_PORT_IN || (reads && kept->reg == RAX);

	if (vcpu->id &&
	    !s->cr2) { /* started, by the zone: nothing of before is left, or the host's */
		require(s->efer == EFER_SVME && !s->rip && !s->rsp && !s->lstar && vcpu->flat);
		require(s->cs.base == (uint64_t)vcpu->startup_vector << PAGE_SHIFT);
		return;
	}
	if (!kept->valid)
		return;
	require(s->rip == kept->rip ||
		(kept->op != PEND_NONE && s->rip == kept->rip + kept->real_length));
	/* An access that was not done has changed nothing. */
	bool done = s->rip != kept->rip || !kept->real_length;

	require(s->rax == kept->rax || (done && in_rax));
	require(s->rsp == kept->rsp || (done && reads && kept->reg == RSP));
	for (unsigned i = 0; i < 16; i++)
		if (i != RAX && i != RSP && !(reads && i == kept->reg))
			require(vcpu->gpr[i] == kept->gpr[i]);
	require(s->cr2 == SECRET(18) && s->lstar == SECRET(19));
}

/* ---- the guest ---- */

static void guest_exits(struct vmcb *g, uint64_t *gpr)
{
	static const uint16_t codes[] = {
		EXIT_NPF,   EXIT_NPF,  EXIT_IOIO, EXIT_MSR,   EXIT_HLT,	    EXIT_VMMCALL,
		EXIT_VMRUN, EXIT_INVD, EXIT_INTR, EXIT_CPUID, EXIT_INVLPGA, EXIT_EXCEPTION + 14};
	struct cpu *cpu = this_cpu();

	require(vmcb_intercepts(g, ICPT_VMRUN) && vmcb_intercepts(g, ICPT_IOIO) &&
		vmcb_intercepts(g, ICPT_MSR) && vmcb_intercepts(g, ICPT_SHUTDOWN));
	require(g->control.asid > 1 && g->control.asid <= HOST_ASIDS);
	require(g->control.nested_ctl == NESTED_NP_ENABLE);
	require(g->control.ncr3 == virt_to_phys(cpu->nested.shadow->npt.root));
	require(frame_state(g->control.iopm_pa >> PAGE_SHIFT) == FRAME_CORE);
	require(frame_state(g->control.msrpm_pa >> PAGE_SHIFT) == FRAME_CORE);
	require(!g->control.avic_bar && !g->control.ghcb && !g->control.virt_ext);
	uint64_t how = take(&in, 1);

	g->control.exit_code = codes[how % (sizeof(codes) / sizeof(codes[0]))];
	g->control.exit_int_info = cpu_event();
	g->control.exit_info1 = take(&in, 4);
	g->control.exit_info2 = some_gpa();
	if (g->control.exit_code == EXIT_IOIO)
		g->control.exit_info1 = some_port(how);
	gpr[RCX] = take(&in, 4);
	if (how & 128)
		g->save.rax = CL_VMMCALL_PROTECT;
}

/* ---- the host ---- */

/* KVM's way: change some of the VMCB, run it. */
static void host_vmrun(struct vmcb *v)
{
	static const uint64_t frames[] = {ZONE_VMCB, GUEST_VMCB, ZONE_VMCB, OTHER_VMCB};
	uint64_t frame = frames[take(&in, 1) & 3];
	struct vmcb *page = (struct vmcb *)host_reach(ram(frame));

	for (uint64_t n = take(&in, 1) % 4; n; n--) {
		uint64_t at = take(&in, 2) % 0x680, value = take(&in, 8);

		if (at < 0x100 || at >= 0x400)
			memcpy((uint8_t *)page + at, &value, 8);
	}
	if (frame != GUEST_VMCB) {
		uint64_t how = take(&in, 1);

		page->control.event_inj = some_event();
		page->save.rip = how & 8 ? 0 : 0x1000 + (how & 7);
		page->save.rax = take(&in, 8);
	}
	v->save.rax = ram(frame) + (take(&in, 1) == 255);
}

static void host_calls(struct vmcb *v, uint64_t *gpr)
{
	static const uint16_t sizes[] = {sizeof(struct cl_core_info),
					 sizeof(struct cl_zone_info),
					 sizeof(struct cl_zone_ref),
					 sizeof(struct cl_open_frames),
					 sizeof(struct cl_trace),
					 sizeof(struct cl_counters),
					 sizeof(struct cl_log_read),
					 sizeof(struct cl_boot_log),
					 0};
	uint64_t op = take(&in, 1);

	/* An argument that may run into any page of the host's memory, or out of it. */
	take_bytes(&in, host_reach(ram(HOST_ARG)), 32);
	v->control.exit_info1 = CL_CALL_PORT << 16 | 0x40;
	v->save.rax = CL_OP_INFO + op % 9;
	gpr[RBX] = ram(HOST_ARG) + (op & 128 ? take(&in, 2) : 0);
	gpr[RCX] = op & 64 ? take(&in, 2) : sizes[op % 9];
}

static void host_exits(struct vmcb *v, uint64_t *gpr)
{
	static const uint16_t codes[] = {
		EXIT_VMRUN,   EXIT_VMRUN,  EXIT_VMRUN, EXIT_IOIO, EXIT_IOIO,   EXIT_NPF,
		EXIT_MSR,     EXIT_CPUID,  EXIT_STGI,  EXIT_CLGI, EXIT_VMLOAD, EXIT_VMSAVE,
		EXIT_INVLPGA, EXIT_SKINIT, EXIT_NMI,   EXIT_INVD, EXIT_VMMCALL};
	uint64_t how = take(&in, 1);
	uint16_t code = codes[how % (sizeof(codes) / sizeof(codes[0]))];
	struct cpu *cpu = this_cpu();

	require(vmcb_intercepts(v, ICPT_VMRUN) && vmcb_intercepts(v, ICPT_IOIO));
	require(v->control.ncr3 == frame_host_root() && v->control.asid == 1);
	cpu->host_svme = true;
	v->save.rip = ram(HOST_CODE);
	v->save.cpl = 0;
	v->control.exit_code = code;
	v->control.exit_int_info = 0;
	v->control.exit_info1 = 0;
	switch (code) {
	case EXIT_VMRUN:
		host_vmrun(v);
		break;
	case EXIT_IOIO:
		v->control.exit_info2 = v->save.rip + 1;
		if (how & 128)
			v->control.exit_info1 = some_port(how);
		else
			host_calls(v, gpr);
		break;
	case EXIT_NPF:
		v->control.exit_info1 = NPF_U | (how & 64 ? NPF_P : 0);
		v->control.exit_info2 = some_gpa();
		/* Devices' table pages are not given back, and machine_end() counts. */
		if (v->control.exit_info2 < RAM_BASE ||
		    v->control.exit_info2 >= CORE_BASE + CORE_SIZE)
			v->control.exit_info2 = ram(how);
		break;
	case EXIT_MSR:
		gpr[RCX] = take(&in, 4);
		v->control.exit_info1 = how >> 7;
		v->save.rax = take(&in, 4);
		gpr[RDX] = take(&in, 4);
		break;
	case EXIT_VMLOAD:
	case EXIT_VMSAVE:
		v->save.rax = some_gpa();
		break;
	default:
		v->save.rax = take(&in, 4);
		gpr[RCX] = take(&in, 4);
		break;
	}
}

static void enter(struct vmcb *v, uint64_t *gpr)
{
	switch (this_cpu()->run) {
	case RUN_ZONE:
		zone_exits(v, gpr);
		break;
	case RUN_GUEST:
		guest_exits(v, gpr);
		break;
	default:
		host_exits(v, gpr);
		break;
	}
}

static void step(struct cpu *cpu)
{
	enum running was = cpu->run;
	struct zone_vcpu *vcpu = cpu->vcpu;
	unsigned id = was == RUN_ZONE ? vcpu->id : 0;

	switch (was) {
	case RUN_ZONE:
		vcpu_run(cpu);
		break;
	case RUN_GUEST:
		nested_run(cpu);
		break;
	default:
		host_run(cpu);
		break;
	}
	if (was == RUN_ZONE && cpu->run == RUN_HOST)
		check_host_sees(vcpu, id);
	if (cpu->run == RUN_ZONE && was != RUN_ZONE) {
		require(cpu->vcpu->zone->state == CL_ZONE_LIVE);
		/* Another zone than ours may have been launched by the guest. */
		if (cpu->vcpu->zone != zone) {
			vcpu_leave(cpu);
			cpu->run = RUN_HOST;
		} else {
			check_answer(cpu->vcpu, &kept_of[cpu->vcpu->id]);
		}
	}
	if (cpu->run == RUN_ZONE)
		kept_of[cpu->vcpu->id].valid = false;
}

/* A guest's VMCB that the Core takes, and its own page for the zone's. */
static void make_vmcb(uint64_t frame, unsigned table)
{
	struct vmcb *v = (struct vmcb *)host_reach(ram(frame));

	memset(v, 0, sizeof(*v));
	vmcb_intercept(v, ICPT_VMRUN);
	vmcb_intercept(v, ICPT_IOIO);
	vmcb_intercept(v, ICPT_MSR);
	v->control.asid = table + 1;
	v->control.nested_ctl = NESTED_NP_ENABLE;
	v->control.ncr3 = host_root(table);
	v->control.iopm_pa = v->control.msrpm_pa = ram(0);
	v->save.efer = EFER_SVME | EFER_LME | EFER_LMA;
	v->save.cr0 = CR0_PE | CR0_PG;
	v->save.cr4 = CR4_PAE;
	v->save.cs.attrib = SEG_CODE64;
	v->save.rflags = RFLAGS_ONE;
	v->save.g_pat = PAT_INIT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A zone reads below 1 MiB: the page of zeros for that is taken once, and kept. */
	static const uint8_t warm[] = {0x8c, 0x00, 0x80, 0x00, 0x04, 0xa0, 0x00};
	static bool initialised;
	static const uint8_t vmrun[] = {0x0f, 0x01, 0xd8};
	struct cl_launch_desc desc = {
		.magic = CL_DESC_MAGIC,
		.version = CL_LAUNCH_VERSION,
		.vcpus = VCPUS,
		.memory_bytes = CL_ZONE_MEMORY_MIN,
		.entry_rip = CODE_GPA,
		.nr_segs = 1,
		.seg = {{CODE_GPA, PAGE_SIZE}},
	};

	if (!initialised) {
		initialised = true;
		machine_init();
		machine_warm();
		LLVMFuzzerTestOneInput(warm, sizeof(warm));
	}
	in = (struct input){data, size};
	memset(kept_of, 0, sizeof(kept_of));
	machine_begin();
	struct cpu *cpu = this_cpu();

	for (uint64_t n = 0; n < 256; n++) {
		host_map(0, n, ram(FIRST + n) | PTE_P | PTE_W | PTE_U | PTE_D);
		host_map(1, n, ram(FIRST + 256 + n) | PTE_P | PTE_W | PTE_U | PTE_D);
	}
	zone = host_launch(0, &desc, CL_WINDOW_MIN);
	require(zone);
	make_vmcb(ZONE_VMCB, 0);
	make_vmcb(GUEST_VMCB, 1);
	make_vmcb(OTHER_VMCB, 0);
	struct vmcb *other = (struct vmcb *)host_reach(ram(OTHER_VMCB));

	/* As the host brings it for a CPU that has been sent a start-up interrupt. */
	other->control.asid = 3;
	other->save.cr0 = CR0_ET;
	other->save.efer = EFER_SVME;
	other->save.cs.base = VECTOR << PAGE_SHIFT;
	memcpy(host_reach(ram(HOST_CODE)), vmrun, sizeof(vmrun));
	machine_enter = enter;
	vcpu_begin(cpu, zone->vcpu[0]);
	for (unsigned steps = 0; in.left && steps < STEPS_MAX; steps++) {
		step(cpu);
		machine_check();
		zones_reap();
	}
	if (cpu->run == RUN_ZONE)
		vcpu_leave(cpu);
	cpu->run = RUN_HOST;
	machine_end();
	return 0;
}
