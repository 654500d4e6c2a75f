// SPDX-License-Identifier: Apache-2.0
#include "boot/ap.h"
#include "boot/boot.h"
#include "boot/fatal.h"
#include "boot/paging.h"
#include "cipher/page_cipher.h"
#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/master_key.h"
#include "cpu/msr.h"
#include "evidence/entropy.h"
#include "evidence/report_key.h"
#include "evidence/root.h"
#include "iommu/iommu.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/apic.h"
#include "svm/cpu.h"
#include "svm/doors.h"
#include "svm/emulator.h"
#include "svm/fpu.h"
#include "svm/frame.h"
#include "svm/host.h"
#include "svm/nested.h"
#include "svm/smp.h"
#include "zone/zone.h"
#include "zone/vcpu.h"
#include "zone/window.h"
#include "tpm/attach.h"
#include "trace/trace.h"

/* By the random generator and the report key's first test. */
#define BOOT_STACK_USED 6144u

uint64_t refused_total;
struct core_memory core_memory;

unsigned cpu_phys_bits(void)
{
	static unsigned bits;

	if (!bits)
		bits = cpuid(0x80000008, 0).eax & 0xff;
	return bits;
}

/* The last thing that the Core does: no key and no open page outlives it. */
static void scrub(void)
{
	smp_stop_others();
	zones_scrub();
	for (unsigned i = 0; i < nr_cpus; i++) {
		secure_zero(cpus[i]->fpu_scratch, PAGE_SIZE);
		page_key_wipe(cpus[i]->page_key);
	}
	report_key_wipe();
	root_wipe();
	master_key_wipe();
	entropy_wipe();
	/* A reset drops what stands in caches only, and the old contents would come back. */
	__asm__ volatile("wbinvd" : : : "memory");
}

static void nmi_received(void)
{
	struct cpu *cpu = this_cpu();
	uint32_t sent = __atomic_load_n(&cpu->kicks_sent, __ATOMIC_SEQ_CST);

	if (sent != cpu->kicks_taken)
		__atomic_store_n(&cpu->kicks_taken, sent, __ATOMIC_SEQ_CST);
	else
		cpu->nmi_pending = true;
}

void cpu_take_nmi(void)
{
	__asm__ volatile("stgi\n\tnop\n\tclgi" : : : "memory");
}

static void *page_or_panic(void)
{
	void *page = page_alloc();

	if (!page)
		panic("not enough Core memory for a CPU");
	return page;
}

static struct cpu *cpu_init(unsigned id)
{
	struct cpu *cpu = pages_alloc(ALIGN_UP(sizeof(*cpu), PAGE_SIZE) >> PAGE_SHIFT);

	if (!cpu)
		panic("not enough Core memory for a CPU");
	cpu->self = cpu;
	cpu->id = id;
	cpu_desc_init(&cpu->desc);
	wrmsr(MSR_GS_BASE, virt_to_phys(cpu));
	cpu->apic_id = apic_id();
	cpu_set_nmi_handler(nmi_received);
	cpu->host_vmcb = page_or_panic();
	cpu->guest_vmcb = page_or_panic();
	cpu->core_state = page_or_panic();
	cpu->nested.vmcb12 = page_or_panic();
	cpu->fpu_scratch = page_or_panic();
	cpu->fpu_host = page_or_panic();
	cpu->page_key = page_or_panic();
	nested_init_cpu(cpu);
	write_cr4(read_cr4() | CR4_MCE); /* a machine check comes to the Core, not a shutdown */
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	/*
	 * A20M# off would alias physical addresses, of the Core as well: section 15.30.1. And INIT,
	 * which a device's message may be, becomes #SX where no guest's intercept meets it: the
	 * Core fails, and no CPU waits for the host to start it.
	 */
	wrmsr(MSR_VM_CR, rdmsr(MSR_VM_CR) | VM_CR_DIS_A20M | VM_CR_R_INIT);
	wrmsr(MSR_SVM_HSAVE_PA, virt_to_phys(page_or_panic()));
	__asm__ volatile("clgi\n\tvmsave %0" : : "a"(cpu->core_state) : "memory");
	return cpu;
}

static void keys_init(void)
{
	fpu_begin();
	int r = entropy_init();

	if (!r) {
		page_cipher_init();
		master_key_init();
		r = report_key_init();
	}
	/* The master was the only thing to draw. */
	entropy_wipe();
	fpu_end();
	stack_wipe(BOOT_STACK_USED);
	if (r)
		panic("no random numbers or no report key (error %d)", r);
	const uint8_t *k = report_key_public();
	char hex[129];

	for (size_t i = 0; i < 64; i++) {
		hex[2 * i] = "0123456789abcdef"[k[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[k[i] & 15];
	}
	hex[128] = 0;
	log_info("report key %s", hex);
	log_info("page cipher AES-256-GCM, path %s", page_cipher_name());
}

/* Once the IOMMU, if there is one, holds devices back: secrets of the TPM go through the stack. */
static void root_init(const struct boot_info *bi)
{
	fpu_begin();
	const char *why = tpm_attach(bi, iommu_name());

	fpu_end();
	stack_wipe(BOOT_STACK_USED);
	if (why)
		boot_fatal("%s", why);
}

void cpu_enter(struct cpu *cpu, struct vmcb *vmcb, uint64_t *gpr, bool host_if,
	       const struct epoch *table)
{
	struct emulated e = emulator_enter(vmcb, cpu->let_cr0);

	cpu->let_cr0 = false;
	smp_leave(cpu, table);
	svm_enter(virt_to_phys(vmcb), gpr, virt_to_phys(cpu->core_state), host_if);
	smp_back(cpu);
	emulator_exit(vmcb, &e);
	uint64_t code = (uint32_t)vmcb->control.exit_code;
	uint64_t slot = code == EXIT_NPF ? 0xa0 : code < CL_EXIT_CODES ? code : 0xa1;

	if (cpu->run == RUN_HOST)
		cpu->counters.host[slot]++;
	else
		cpu->counters.guest[slot]++;
	if (trace_mask & CL_TRACE_EXITS)
		trace_exit(cpu->run, vmcb);
	/* The guest's event has been injected or is in EXITINTINFO now. */
	vmcb->control.event_inj = 0;
	vmcb->control.tlb_control = TLB_KEEP;
}

/* What every CPU does for ever, with the lock but for the guests' time. */
static void loop(struct cpu *cpu) __attribute__((noreturn));
static void loop(struct cpu *cpu)
{
	for (;;) {
		window_check_idle();
		zones_reap();
		iommu_poll();
		if (cpu->init_pending)
			host_take_init(cpu);
		switch (cpu->run) {
		case RUN_HOST:
			host_run(cpu);
			break;
		case RUN_GUEST:
			nested_run(cpu);
			break;
		case RUN_ZONE:
			vcpu_run(cpu);
			break;
		case RUN_WAIT:
			host_wait_startup(cpu);
			break;
		}
	}
}

void cpu_main(unsigned id)
{
	paging_load();
	cpu_enable_simd();
	struct cpu *cpu = cpu_init(id);

	fpu_init();
	master_key_join();
	host_init_cpu(cpu);
	smp_add(cpu);
	ap_started();
	core_lock();
	loop(cpu);
}

void core_main(struct boot_info *bi)
{
	apic_init();
	struct cpu *cpu = cpu_init(0);

	core_memory = (struct core_memory){bi->core_base, bi->core_size};
	fpu_init();
	log_info("Cloister Core " CORE_VERSION ", memory 0x%lx+0x%lx, %u physical address bits",
		 bi->core_base, bi->core_size, cpu_phys_bits());
	keys_init();
	clock_init();
	smp_add(cpu);
	panic_set_hook(scrub);
	doors_init(bi->rsdp);
	iommu_find(bi->rsdp);
	frame_init(bi);
	iommu_start(frame_host_root());
	root_init(bi);
	zones_init();
	host_init();
	host_init_cpu(cpu);
	core_lock();
	ap_start_all(bi);
	master_key_close();
	host_boot(cpu, &bi->host);
	log_info("pool: %lu of %lu pages free; entering the host", pool_free_pages(), pool_pages());
	loop(cpu);
}
