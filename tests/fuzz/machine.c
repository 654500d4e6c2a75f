// SPDX-License-Identifier: Apache-2.0
// The modelled machine: see machine.h. What of the Core is not linked is played here.
#include <setjmp.h>
#include <stdarg.h>
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boot/ap.h"
#include "boot/boot_log.h"
#include "boot/build_id.h"
#include "boot/fatal.h"
#include "boot/paging.h"
#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/msr.h"
#include "evidence/entropy.h"
#include "evidence/report_key.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "machine.h"
#include "svm/fpu.h"
#include "svm/shadow.h"
#include "svm/smp.h"
#include "tpm/attach.h"
#include "zone/launch.h"
#include "zone/page.h"
#include "zone/vcpu.h"
#include "zone/watch.h"

#define PHYS_BITS   40u
#define APIC_BASE   0xfee00d00ull /* enabled, x2APIC: registers are MSRs */
#define CACHED_GPNS 1024u

uint64_t machine_clock;
seal_fn *machine_sealed;
enter_fn *machine_enter;

static jmp_buf started;
static uint64_t free_at_rest;
static bool warming;

/* ---- the CPU ---- */

uint64_t rdmsr(uint32_t msr)
{
	return msr == 0x1b ? APIC_BASE : 0;
}

void wrmsr(uint32_t msr, uint64_t v)
{
	if (msr == MSR_GS_BASE)
		require(!syscall(SYS_arch_prctl, ARCH_SET_GS, v));
}

int rdmsr_safe(uint32_t msr, uint64_t *value)
{
	*value = rdmsr(msr);
	return 0;
}

int wrmsr_safe(uint32_t msr, uint64_t value)
{
	wrmsr(msr, value);
	return 0;
}

void xsetbv(uint32_t xcr, uint64_t v)
{
}

struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub)
{
	/* Full of bits, so that what is cut away shows. */
	struct cpuid_regs r = {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff};

	if (leaf == 0x80000008)
		r.eax = 0x3000 | PHYS_BITS;
	return r;
}

uint64_t rdtsc(void)
{
	return machine_clock;
}

uint64_t read_cr4(void)
{
	return 0;
}

void write_cr4(uint64_t v)
{
}

void clock_init(void)
{
}

uint64_t clock_ticks(uint64_t ms)
{
	return ms * 1000;
}

uint32_t model_in(uint16_t port, unsigned size)
{
	return ~0u; /* nothing is there */
}

void model_out(uint16_t port, uint32_t value, unsigned size)
{
}

void svm_enter(uint64_t pa, uint64_t *gpr, uint64_t core_pa, bool host_if)
{
	if (!machine_enter)
		longjmp(started, 1);
	struct cpu *cpu = this_cpu();
	const struct epoch *table = cpu->table;

	/* To play the guest the Core's own functions are called, which want its lock. */
	smp_back(cpu);
	machine_enter(phys_to_virt(pa), gpr);
	smp_leave(cpu, table);
}

/* One CPU: the other ones would come here. */
void ap_start_all(const struct boot_info *bi)
{
}

void ap_started(void)
{
}

void paging_load(void)
{
}

void cpu_enable_simd(void)
{
}

void cpu_wait(const bool *wake)
{
}

void cpu_desc_init(struct cpu_desc *d)
{
}

void cpu_set_nmi_handler(void (*nmi_received)(void))
{
}

static bool fpu_busy;

void fpu_init(void)
{
}

void fpu_begin(void)
{
	require(!fpu_busy);
	fpu_busy = true;
}

void fpu_end(void)
{
	require(fpu_busy);
	fpu_busy = false;
}

void fpu_store(uint8_t *area, uint64_t *xcr0)
{
}

void fpu_load(const uint8_t *area, uint64_t xcr0)
{
}

/* ---- keys: the same in every run ---- */

int entropy_init(void)
{
	return 0;
}

void entropy_bytes(void *out, size_t size)
{
	memset(out, 0x5a, size);
}

void entropy_wipe(void)
{
}

int report_key_init(void)
{
	return 0;
}

const uint8_t *report_key_public(void)
{
	static const uint8_t key[REPORT_KEY_PUBLIC_SIZE] = {1};

	return key;
}

int report_key_sign(uint8_t sig[REPORT_KEY_SIG_SIZE], const uint8_t hash[REPORT_KEY_HASH_SIZE])
{
	memset(sig, 2, REPORT_KEY_SIG_SIZE);
	return 0;
}

void report_key_wipe(void)
{
}

uint64_t page_hash(const void *page)
{
	const uint64_t *word = page;
	uint64_t h = 0xcbf29ce484222325ull, any = 0;

	for (unsigned i = 0; i < 512; i++) {
		h = (h ^ word[i]) * 0x100000001b3ull;
		h ^= h >> 29;
		any |= word[i];
	}
	return any ? h : 0;
}

#if __has_include("cpu/master_key.h")
#include "cpu/master_key.h"

void master_key_init(void)
{
}

void master_key_join(void)
{
}

void master_key_close(void)
{
}

void master_key_derive(uint8_t out[DERIVED_KEY_SIZE], uint32_t purpose, uint64_t number)
{
	require(fpu_busy);
	memset(out, (int)purpose, DERIVED_KEY_SIZE);
	memcpy(out, &number, sizeof(number));
}

void master_key_wipe(void)
{
}
#endif

/* ---- what the linker knows ---- */

const uint8_t *build_id(void)
{
	static const uint8_t id[CL_BUILD_SIZE] = {3};

	return id;
}

/* Without a TPM: tests/fuzz/tpm.c has one. */
const char *tpm_attach(const struct boot_info *bi, const char *iommu)
{
	return NULL;
}

void boot_fatal(const char *fmt, ...)
{
	abort(); /* the host never runs before a boot that failed */
}

uint8_t boot_log[CL_BOOT_LOG_MAX];
uint32_t boot_log_size = 5000;

/* ---- no IOMMU ---- */

#if __has_include("iommu/iommu.h")
#include "iommu/iommu.h"

struct ivrs iommus;
uint64_t iommu_blocked;

void iommu_find(uint64_t rsdp)
{
}

void iommu_start(uint64_t root)
{
}

const char *iommu_name(void)
{
	return "none";
}

bool iommu_hides(uint64_t pa, uint64_t size)
{
	return false;
}

void iommu_unmap(uint64_t pfn, uint64_t n)
{
}

void iommu_poll(void)
{
}
#endif

/* The linker puts these in the place of panic() and page_seal(). */
void __wrap_panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void __real_page_seal(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
		      uint8_t tag[PAGE_CIPHER_TAG_SIZE]);
void __wrap_page_seal(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
		      uint8_t tag[PAGE_CIPHER_TAG_SIZE]);

void __wrap_panic(const char *fmt, ...)
{
	va_list args;

	fputs("the Core panics: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void __wrap_page_seal(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
		      uint8_t tag[PAGE_CIPHER_TAG_SIZE])
{
	uint64_t plaintext = page_hash(page);

	__real_page_seal(k, gpn, version, page, tag);
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		struct zone *z = zone_by_slot(i);

		if (z->key == k) {
			if (machine_sealed)
				machine_sealed(z, gpn, version, plaintext, page_hash(page));
			return;
		}
	}
	fputs("a seal with a key that is no zone's\n", stderr);
	abort();
}

/* ---- the host ---- */

static struct npt host_table(void)
{
	return (struct npt){.root = phys_to_virt(frame_host_root())};
}

uint8_t *host_reach(uint64_t pa)
{
	struct npt npt = host_table();
	unsigned level;
	uint64_t *leaf;

	/* As host_npf(): one fault gives a zone's frame or a table back, or maps a device. */
	for (unsigned faults = 0;
	     !(leaf = npt_leaf(&npt, pa, &level)) || frame_state(pa >> PAGE_SHIFT) == FRAME_TABLE;
	     faults++) {
		require(faults < 2);
		if (!page_surrender_frame(pa >> PAGE_SHIFT))
			require(!frame_map_device(pa));
	}
	return (uint8_t *)phys_to_virt((*leaf & PTE_ADDR & ~(NPT_SIZE(level) - 1)) +
				       (pa & (NPT_SIZE(level) - 1)));
}

uint64_t host_root(unsigned table)
{
	return ram(table * TABLE_PAGES);
}

/*
 * How hypervisors change an entry of a table, from RSI at RDI. The last is none that the Core
 * plays: the host runs it itself once the table is no longer watched.
 */
static const struct {
	uint8_t bytes[5];
	bool compares, swaps, runs;
} stores[] = {
	{{0x48, 0x89, 0x37}, .compares = false},
	{{0x48, 0x87, 0x37}, .swaps = true},
	{{0xf0, 0x48, 0x0f, 0xb1, 0x37}, .compares = true},
	{{0x48, 0x31, 0x37}, .runs = true},
};
static unsigned next_store;

static void host_write(uint64_t pa, uint64_t value)
{
	struct cpu *cpu = this_cpu();
	struct vmcb *v = cpu->host_vmcb;
	struct vmcb saved = *v;
	uint64_t old, rsi = cpu->gpr[RSI], rdi = cpu->gpr[RDI];
	unsigned form = next_store++ % (sizeof(stores) / sizeof(stores[0]));

	if (frame_state(pa >> PAGE_SHIFT) != FRAME_TABLE) {
		memcpy(host_reach(pa), &value, sizeof(value));
		return;
	}
	memcpy(&old, phys_to_virt(pa), sizeof(old));
	v->save.cr0 &= ~CR0_PG;
	v->save.cs.attrib = SEG_CODE64;
	v->save.rip = ram(RAM_FRAMES - 1);
	memcpy(host_reach(v->save.rip), stores[form].bytes, sizeof(stores[form].bytes));
	v->save.rax = old + 1;
	v->control.event_inj = 0;
	v->control.exit_info1 = NPF_P | NPF_W | NPF_U | NPF_FINAL;
	cpu->gpr[RSI] = value;
	cpu->gpr[RDI] = pa;
	if (stores[form].compares) { /* with what is not there, then with what is */
		require(watch_host_write(cpu, pa) && v->save.rip > ram(RAM_FRAMES - 1));
		require(!memcmp(&old, phys_to_virt(pa), sizeof(old)) && v->save.rax == old);
		require(!(v->save.rflags & RFLAGS_ZF) &&
			frame_state(pa >> PAGE_SHIFT) == FRAME_TABLE);
		v->save.rip = ram(RAM_FRAMES - 1);
	}
	require(watch_host_write(cpu, pa));
	require((v->save.rip == ram(RAM_FRAMES - 1)) == stores[form].runs);
	if (stores[form].compares)
		require(v->save.rflags & RFLAGS_ZF);
	if (stores[form].swaps)
		require(cpu->gpr[RSI] == old);
	if (stores[form].runs) {
		require(frame_state(pa >> PAGE_SHIFT) == FRAME_HOST);
		memcpy(host_reach(pa), &value, sizeof(value));
	}
	require(!memcmp(&value, phys_to_virt(pa), sizeof(value)));
	cpu->gpr[RSI] = rsi;
	cpu->gpr[RDI] = rdi;
	*v = saved;
}

void host_map(unsigned table, uint64_t gpn, uint64_t entry)
{
	uint64_t page_table = host_root(table) + (3 + gpn / 512) * PAGE_SIZE;

	require(gpn < TABLE_SPAN);
	host_write(page_table + gpn % 512 * 8, entry);
}

static void host_make_table(unsigned table)
{
	uint64_t root = host_root(table), flags = PTE_P | PTE_W | PTE_U;

	host_write(root, (root + PAGE_SIZE) | flags);
	host_write(root + PAGE_SIZE, (root + 2 * PAGE_SIZE) | flags);
	host_write(root + 2 * PAGE_SIZE, (root + 3 * PAGE_SIZE) | flags);
	host_write(root + 2 * PAGE_SIZE + 8, (root + 4 * PAGE_SIZE) | flags);
}

struct zone *host_launch(unsigned table, const struct cl_launch_desc *desc, uint64_t window)
{
	struct cpu *cpu = this_cpu();
	struct vmcb *g = cpu->guest_vmcb;
	uint64_t desc_frame = ram(TABLES * TABLE_PAGES), gpa = (TABLE_SPAN - 1) * PAGE_SIZE;

	/* The guest's last page holds the descriptor. */
	memcpy(host_reach(desc_frame), desc, sizeof(*desc));
	host_map(table, TABLE_SPAN - 1, desc_frame | PTE_P | PTE_W | PTE_U);
	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	memset(g, 0, sizeof(*g));
	memset(cpu->nested.vmcb12, 0, sizeof(*cpu->nested.vmcb12));
	g->save.efer = EFER_LMA | EFER_LME | EFER_SVME;
	g->save.cr0 = CR0_PE | CR0_PG;
	g->save.cr4 = CR4_PAE;
	g->save.g_pat = PAT_INIT;
	g->save.cs.attrib = SEG_CODE64;
	cpu->nested.vmcb12->control.ncr3 = host_root(table);
	cpu->nested.vmcb12->control.asid = table + 1;
	cpu->nested.vmcb12->control.nested_ctl = NESTED_NP_ENABLE;
	cpu->nested.vmcb12_pa = ram(TABLES * TABLE_PAGES + 1 + table);
	cpu->gpr[RBX] = gpa;
	cpu->gpr[RCX] = window;
	cpu->gpr[RSI] = table + 1;
	cpu->run = RUN_GUEST;
	int r = launch_protect(cpu);

	require(r <= 0);
	/* Its first vCPU is about to run: the host has it again. */
	if (!r)
		vcpu_leave(cpu);
	cpu->run = RUN_HOST;
	cpu->vcpu = NULL;
	return r ? NULL : zone_by_handle(table + 1);
}

/* ---- what must always hold ---- */

/*
 * A TLB that keeps whatever it may: translations of one epoch. One that has gone from its table
 * while the epoch stands still is a stale translation that nobody will flush.
 */
struct tlb {
	uint64_t epoch;
	uint64_t pa[CACHED_GPNS]; /* 0: none */
};
static struct tlb host_tlb, zone_tlb[ZONES_MAX], view_tlb[ZONES_MAX], guest_tlb[HOST_ASIDS];

static void tlb_epoch(struct tlb *tlb, uint64_t epoch)
{
	if (tlb->epoch == epoch)
		return;
	memset(tlb, 0, sizeof(*tlb));
	tlb->epoch = epoch;
}

/* Where each page of n from gpa on (at a multiple of 2 MiB) leads; 0: nowhere. */
static void leaves(const struct npt *npt, uint64_t gpa, uint64_t n, uint64_t *pa)
{
	memset(pa, 0, n * sizeof(*pa));
	for (uint64_t first = 0; first < n; first += 512, gpa += NPT_SIZE(NPT_2M)) {
		const uint64_t *table = npt->root;
		uint64_t e = 0;

		for (unsigned level = 4; level > 1; level--) {
			e = table[gpa >> (12 + 9 * (level - 1)) & 511];
			if (!(e & PTE_P))
				break;
			require(level == NPT_2M || !(e & PTE_PS));
			table = phys_to_virt(e & PTE_ADDR);
		}
		for (uint64_t i = 0; (e & PTE_P) && i < 512 && first + i < n; i++) {
			if (e & PTE_PS)
				pa[first + i] = (e & PTE_ADDR) + i * PAGE_SIZE;
			else if (table[i] & PTE_P)
				pa[first + i] = table[i] & PTE_ADDR;
		}
	}
}

static void tlb_see(struct tlb *tlb, const uint64_t *pa, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		require(!tlb->pa[i] || tlb->pa[i] == pa[i]); /* else: changed without a flush */
		tlb->pa[i] = pa[i];
	}
}

static void check_host_table(void)
{
	struct npt npt = host_table();
	uint64_t leads[RAM_FRAMES];

	leaves(&npt, RAM_BASE, RAM_FRAMES, leads);
	tlb_epoch(&host_tlb, host_epoch.changed);
	tlb_see(&host_tlb, leads, RAM_FRAMES);
	for (uint64_t i = 0; i < RAM_FRAMES; i++) {
		uint64_t pa = ram(i);
		enum frame_state state = frame_state(pa >> PAGE_SHIFT);

		require(state == FRAME_HOST || state == FRAME_OPEN || state == FRAME_SEALED ||
			state == FRAME_TABLE);
		/* Private frames are out of reach, all others are where they were. */
		require(leads[i] == (frame_is_host_ram(pa) ? pa : 0));
		if (state == FRAME_HOST)
			continue;
		if (state == FRAME_TABLE) {
			require(!(*npt_leaf(&npt, pa, NULL) & (PTE_W | PTE_DMA & ~PTE_DMA_READ)));
			continue;
		}
		unsigned slot;
		uint32_t gpn;

		frame_owner(pa >> PAGE_SHIFT, &slot, &gpn);
		struct zone *z = zone_by_slot(slot);

		require(z->state == CL_ZONE_LIVE || z->state == CL_ZONE_ENDING);
		int64_t index = page_index(z, (uint64_t)gpn << PAGE_SHIFT);

		require(index >= 0);
		const struct page_rec *rec = page_rec(z, (uint64_t)index);

		require(rec && rec->pfn == pa >> PAGE_SHIFT);
		require(rec->state == (state == FRAME_OPEN ? PAGE_OPEN : PAGE_SEALED));
	}
	for (uint64_t pa = CORE_BASE; pa < CORE_BASE + CORE_SIZE; pa += 16 * PAGE_SIZE) {
		const uint64_t *leaf = npt_leaf(&npt, pa, NULL);

		require(!leaf || (*leaf & PTE_ADDR) == frame_host_view(CORE_BASE));
	}
}

/* Leaves that a guest of the host can use: never onto a zone's frame or Core memory. */
static void check_shared_leaf(uint64_t leaf, unsigned level)
{
	for (uint64_t pa = leaf & PTE_ADDR, end = pa + NPT_SIZE(level); pa < end; pa += PAGE_SIZE) {
		enum frame_state state = frame_state(pa >> PAGE_SHIFT);

		require(state == FRAME_HOST || state == FRAME_DEVICE ||
			pa == frame_host_view(CORE_BASE));
	}
}

static unsigned private_leaves;

static void check_table(const uint64_t *table, unsigned level, const struct zone *z)
{
	for (unsigned i = 0; i < 512; i++) {
		uint64_t e = table[i];

		if (!(e & PTE_P))
			continue;
		if (level > 1 && !(e & PTE_PS)) {
			check_table(phys_to_virt(e & PTE_ADDR), level - 1, z);
		} else if (!z) {
			check_shared_leaf(e, level);
		} else {
			uint64_t pfn = (e & PTE_ADDR) >> PAGE_SHIFT;
			uint32_t gpn;
			unsigned slot;

			require(level == NPT_4K);
			/* Below 1 MiB there may be zeros to read. */
			if (frame_state(pfn) == FRAME_CORE && !(e & PTE_W) && (e & PTE_NX)) {
				require(!page_hash(phys_to_virt(e & PTE_ADDR)));
				continue;
			}
			require(frame_state(pfn) == FRAME_OPEN);
			frame_owner(pfn, &slot, &gpn);
			require(slot == z->slot);
			private_leaves++;
		}
	}
}

/* A vCPU's table: the zone's private side, and another, seen with the private one away. */
static void check_view(struct zone *z, const struct zone_vcpu *vcpu)
{
	uint64_t *side = &vcpu->view.root[1u << (zone_cbit() - 39)], private_side = *side;

	require(private_side == z->npt.root[0]);
	*side = 0;
	check_table(vcpu->view.root, 4, NULL);
	*side = private_side;
}

/* The host cannot take a held page away without the Core knowing. */
static bool is_watched(const struct zone *z, uint32_t gpn, uint32_t pfn)
{
	for (unsigned i = 0; i < TABLES * TABLE_PAGES; i++) {
		const uint64_t *entry = (uint64_t *)phys_to_virt(ram(i)) + gpn % 512;
		uint32_t first;
		unsigned slot;

		if (frame_state(ram(i) >> PAGE_SHIFT) != FRAME_TABLE)
			continue;
		frame_owner(ram(i) >> PAGE_SHIFT, &slot, &first);
		if (slot == z->slot && first == gpn / 512 * 512 &&
		    (*entry & (PTE_P | PTE_ADDR)) == (PTE_P | (uint64_t)pfn << PAGE_SHIFT))
			return true;
	}
	return false;
}

static void check_zone(struct zone *z)
{
	unsigned by_state[8] = {0};
	uint64_t leads[CACHED_GPNS];

	leaves(&z->npt, 0, CACHED_GPNS, leads);
	for (uint64_t i = 0; i < z->nr_pages; i++) {
		if (!z->recs[i / RECS_PER_PAGE]) {
			i |= RECS_PER_PAGE - 1;
			continue;
		}
		const struct page_rec *rec = page_rec(z, i);
		uint64_t leaf = i < CACHED_GPNS ? leads[i] : 0;

		by_state[rec->state]++;
		if (!page_in_hole(page_gpa(z, i)))
			require((rec->state == PAGE_OPEN) == (leaf != 0));
		if (rec->state == PAGE_OPEN || rec->state == PAGE_SEALED) {
			unsigned slot;
			uint32_t gpn;

			require(frame_state(rec->pfn) ==
				(rec->state == PAGE_OPEN ? FRAME_OPEN : FRAME_SEALED));
			frame_owner(rec->pfn, &slot, &gpn);
			require(slot == z->slot && gpn == page_gpa(z, i) >> PAGE_SHIFT);
			require(is_watched(z, gpn, rec->pfn));
		}
		if (rec->state == PAGE_OPEN) {
			require(leaf >> PAGE_SHIFT == rec->pfn);
			require(rec->slot < z->nr_open && z->open_list[rec->slot] == i);
		}
	}
	require(z->nr_open <= z->window && z->nr_open == by_state[PAGE_OPEN]);
	require(z->stats.open_pages == by_state[PAGE_OPEN]);
	require(z->stats.sealed_pages == by_state[PAGE_SEALED]);
	require(z->stats.surrendered_pages == by_state[PAGE_SURRENDERED]);
	require(z->stats.shared_pages == by_state[PAGE_SHARED]);
	private_leaves = 0;
	check_table(z->npt.root, 4, z);
	require(private_leaves == z->nr_open);
	for (unsigned i = 0; i < z->nr_vcpus; i++)
		check_view(z, z->vcpu[i]);
	tlb_epoch(&zone_tlb[z->slot], z->instance << 32 | z->epoch.changed);
	tlb_epoch(&view_tlb[z->slot], z->instance << 32 | z->epoch.changed);
	tlb_see(&zone_tlb[z->slot], leads, CACHED_GPNS);
	leaves(&z->vcpu[0]->view, 0, CACHED_GPNS, leads);
	tlb_see(&view_tlb[z->slot], leads, CACHED_GPNS);
}

static void check_shadows(void)
{
	struct cpu *cpu = this_cpu();
	uint64_t leads[CACHED_GPNS];

	for (unsigned i = 0; i < HOST_ASIDS; i++) {
		const struct shadow *s = &cpu->shadows.by_asid[i];

		if (cpu->flush_guests || epoch_stale(&guest_epoch, &cpu->guests_seen))
			memset(&guest_tlb[i], 0, sizeof(guest_tlb[i]));
		if (!s->npt.root)
			continue;
		check_table(s->npt.root, 4, NULL);
		require(s->npt.tables <= s->npt.quota);
		/* Without nested paging a guest's addresses are the host's. */
		leaves(&s->npt, s->nested_paging ? 0 : RAM_BASE, CACHED_GPNS, leads);
		tlb_see(&guest_tlb[i], leads, CACHED_GPNS);
	}
}

void machine_check(void)
{
	require(!fpu_busy);
	check_host_table();
	zones_each(check_zone);
	check_shadows();
}

/* ---- runs ---- */

void machine_flush_guests(void)
{
	struct cpu *cpu = this_cpu();

	cpu->flush_guests = false;
	epoch_flushed(&guest_epoch, &cpu->guests_seen);
}

static void all_flushed(void)
{
	memset(&host_tlb, 0, sizeof(host_tlb));
	memset(zone_tlb, 0, sizeof(zone_tlb));
	memset(view_tlb, 0, sizeof(view_tlb));
	memset(guest_tlb, 0, sizeof(guest_tlb));
	machine_flush_guests();
}

/* What a run changes of the CPU, as it was before the first one. */
static struct cpu cpu_at_rest;
static struct vmcb host_at_rest;

void machine_begin(void)
{
	struct cpu *cpu = this_cpu();

	*cpu = cpu_at_rest;
	*cpu->host_vmcb = host_at_rest;
	/* As far as it matters to SVM the host is in long mode. */
	cpu->host_vmcb->save.efer |= EFER_LME | EFER_LMA;
	for (unsigned i = 0; i < TABLES; i++)
		host_make_table(i);
	next_store = 0;
	all_flushed();
}

void machine_warm(void)
{
	warming = true;
}

static void end_zone(struct zone *z)
{
	zone_kill(z, "end of the run");
}

void machine_end(void)
{
	zones_each(end_zone);
	zones_reap();
	for (unsigned i = 0; i < ZONES_MAX; i++)
		zone_discard(zone_by_slot(i));
	shadow_drop_all();
	for (uint64_t i = 0; i < RAM_FRAMES; i++)
		require(frame_state(ram(i) >> PAGE_SHIFT) == FRAME_HOST);
	if (warming)
		free_at_rest = pool_free_pages();
	warming = false;
	/* Whatever host and zones did, the Core has all of its memory back. */
	require(pool_free_pages() == free_at_rest);
	memset(phys_to_virt(RAM_BASE), 0, RAM_END - RAM_BASE);
	machine_enter = NULL;
}

static void make_boot_info(struct boot_info *bi)
{
	*bi = (struct boot_info){
		.map = {{RAM_BASE, RAM_END - RAM_BASE, MEM_RAM}, {CORE_BASE, CORE_SIZE, MEM_RAM}},
		.nr_map = 2,
		.core_base = CORE_BASE,
		.core_size = CORE_SIZE,
		.cmdline = "",
	};
}

static void make_memory(uint64_t pa, uint64_t size)
{
	void *memory = mmap(phys_to_virt(pa), size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	require(memory == phys_to_virt(pa));
}

void machine_init(void)
{
	static struct boot_info bi;
	static struct cl_launch_desc desc = {
		.magic = CL_DESC_MAGIC,
		.version = CL_LAUNCH_VERSION,
		.vcpus = 1,
		.memory_bytes = CL_ZONE_MEMORY_MIN,
		.entry_rip = 0x10000,
		.nr_segs = 1,
		.seg = {{0x10000, PAGE_SIZE}},
	};
	make_memory(OPTION_ROMS, 0x100000 - OPTION_ROMS);
	make_memory(RAM_BASE, CORE_BASE + CORE_SIZE - RAM_BASE);
	pool_init(CORE_BASE, CORE_SIZE);
	make_boot_info(&bi);
	if (!setjmp(started))
		core_main(&bi);
	smp_back(this_cpu()); /* out of its first entry */
	/* What is taken once and kept: shadows' roots, permission maps. */
	for (unsigned i = 0; i < HOST_ASIDS; i++)
		require(shadow_get(&this_cpu()->shadows, i, 0, false));
	for (uint64_t pa = CORE_BASE; pa < CORE_BASE + CORE_SIZE; pa += PAGE_SIZE)
		host_reach(pa);
	cpu_at_rest = *this_cpu();
	host_at_rest = *this_cpu()->host_vmcb;
	machine_begin();
	for (uint64_t i = 0; i < 64; i++)
		host_map(0, i, ram(64 + i) | PTE_P | PTE_W | PTE_U);
	struct zone *z = host_launch(0, &desc, 0);

	require(z);
	zone_kill(z, "warm");
	zones_reap();
	shadow_drop_all();
	free_at_rest = pool_free_pages();
	machine_end();
}
