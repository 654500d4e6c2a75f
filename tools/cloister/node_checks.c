// SPDX-License-Identifier: Apache-2.0
// The checks themselves. A machine that Linux is not running on (--root of a disk) says nothing of
// its hardware: such a finding is "unknown", not guessed.
#include "node_checks.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "cleanup.h"
#include "corecall.h"
#include "node_kernel.h"
#include "node_tpm.h"

#define MEMORY_MIN_KIB	  (1u << 20) /* less leaves a host nothing beside the Core */
#define MEMORY_GOOD_KIB	  (4u << 20)
#define ESP_MIN_BYTES	  (64u << 20) /* a kernel with its initrd, and those that replace them */
#define TPM2_PATH	  "/sys/firmware/acpi/tables/TPM2"
#define TPM2_START_METHOD 48 /* TCG ACPI Specification 1.3, section 8 */
#define START_METHOD_FIFO 6u
#define START_METHOD_CRB  7u
#define SECURE_BOOT_PATH  "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static void __attribute__((format(printf, 3, 4)))
say(struct finding *f, enum finding_state state, const char *format, ...)
{
	va_list args;

	f->state = state;
	va_start(args, format);
	vsnprintf(f->reason, sizeof(f->reason), format, args);
	va_end(args);
}

// Does the line that begins with `key` have this word?
static bool line_has(const char *text, const char *key, const char *word)
{
	const char *line = strstr(text, key);
	size_t length = strlen(word);

	if (!line)
		return false;
	line += strspn(line, "\n");
	const char *end = line + strcspn(line, "\n");
	for (const char *at = line; (at = strstr(at, word)) && at < end; at += length)
		if (strchr(" \t:", at[-1]) && strchr(" \n", at[length]))
			return true;
	return false;
}

static void check_cpu(const struct node_host *h, struct finding *f)
{
	static char text[1 << 20];
	int n = node_read(h, "/proc/cpuinfo", text, sizeof(text));

	// The first CPUs are enough of a machine with very many.
	if (n < 0 && n != -EFBIG)
		return say(f, FINDING_UNKNOWN, "/proc/cpuinfo cannot be read: %s", strerror(-n));
	text[sizeof(text) - 1] = '\0';
	if (!line_has(text, "vendor_id", "AuthenticAMD"))
		return say(f, FINDING_ERROR, "not an AMD CPU; the Core needs AMD's SVM");
	if (!line_has(text, "\nflags", "svm"))
		return say(f, FINDING_ERROR,
			   "no SVM: switched off in the firmware's setup, or kept from this guest");
	if (!line_has(text, "\nflags", "npt"))
		return say(f, FINDING_ERROR, "no nested paging (NPT); the Core needs it");
	if (!line_has(text, "\nflags", "aes"))
		return say(f, FINDING_WARNING, "no AES instructions; zones will be slow");
	say(f, FINDING_OK, "AMD with SVM, nested paging and AES");
}

static void check_memory(const struct node_host *h, struct finding *f)
{
	char text[8192];
	uint64_t kib = 0;
	int n = node_read(h, "/proc/meminfo", text, sizeof(text));

	if (n < 0 || sscanf(text, "MemTotal: %" SCNu64, &kib) != 1)
		return say(f, FINDING_UNKNOWN, "/proc/meminfo cannot be read");
	say(f,
	    kib < MEMORY_MIN_KIB    ? FINDING_ERROR
	    : kib < MEMORY_GOOD_KIB ? FINDING_WARNING
				    : FINDING_OK,
	    "%" PRIu64 " MiB%s", kib >> 10,
	    kib < MEMORY_MIN_KIB    ? "; a host above the Core needs at least 1024"
	    : kib < MEMORY_GOOD_KIB ? "; room for few zones"
				    : "");
}

static void check_iommu(const struct node_host *h, struct finding *f)
{
	struct cl_core_info info;

	if (!node_exists(h, "/sys/firmware/acpi/tables"))
		say(f, FINDING_UNKNOWN, "the firmware's ACPI tables cannot be seen");
	else if (node_exists(h, "/sys/firmware/acpi/tables/IVRS"))
		say(f, FINDING_OK, "the firmware describes an AMD IOMMU (IVRS)");
	// A Core hides the table from its host.
	else if (h->core && !core_info(&info))
		say(f, FINDING_OK, "a Core runs already, with the IOMMU \"%.15s\"", info.iommu);
	else
		say(f, FINDING_WARNING,
		    "no AMD IOMMU (no IVRS): devices could read zones; switch it on in the "
		    "firmware's setup");
}

static bool unmeasured(const struct node_host *h)
{
	return h->entry == ENTRY_GRUB || !h->uefi;
}

// The boot image wants one; GRUB's entry tells the Core that there is none.
static void without_tpm(const struct node_host *h, struct finding *f, const char *why)
{
	if (unmeasured(h))
		say(f, FINDING_WARNING,
		    "%s: nobody could be shown what was booted, and nothing could be sealed", why);
	else
		say(f, FINDING_ERROR,
		    "%s: the measured boot image does not start the host without one; \"--entry "
		    "grub\" installs an entry that does, unmeasured",
		    why);
}

// What the Core will make of ACPI's TPM2 table (core/tpm/locate.c), said in `f` if it is not good.
// The interface's name, or NULL.
static const char *tpm_interface(const struct node_host *h, struct finding *f)
{
	uint8_t table[4096];
	uint32_t method;
	int n = node_read(h, TPM2_PATH, (char *)table, sizeof(table));

	if (n == -ENOENT) {
		without_tpm(h, f, "ACPI has no TPM2 table, so the Core finds no TPM");
		return NULL;
	}
	if (n < TPM2_START_METHOD + (int)sizeof(method)) {
		say(f, FINDING_UNKNOWN, "ACPI's TPM2 table cannot be read: %s",
		    n < 0 ? strerror(-n) : "too short");
		return NULL;
	}
	memcpy(&method, table + TPM2_START_METHOD, sizeof(method));
	if (method == START_METHOD_CRB)
		return "CRB";
	if (method == START_METHOD_FIFO)
		return "FIFO";
	say(f, FINDING_ERROR,
	    "the TPM's start method is %" PRIu32
	    " (ACPI): the Core drives 6 (FIFO) and 7 (CRB) and does not start beside a TPM that "
	    "it cannot drive; turn it off in the firmware's setup, or use another",
	    method);
	return NULL;
}

static void check_tpm(const struct node_host *h, struct finding *f)
{
	char version[16] = "";
	struct node_tpm tpm;

	if (!node_exists(h, "/sys/class"))
		return say(f, FINDING_UNKNOWN, "the machine's devices cannot be seen");
	bool seen = node_exists(h, "/sys/class/tpm/tpm0");

	if (!seen && !node_exists(h, TPM2_PATH))
		return without_tpm(h, f, "no TPM; switch it on in the firmware's setup");
	if (seen &&
	    (node_read(h, "/sys/class/tpm/tpm0/tpm_version_major", version, sizeof(version)) < 0 ||
	     version[0] != '2')) {
		// A TPM 1.2 has none, and the Core looks for nothing else.
		if (!node_exists(h, TPM2_PATH))
			return without_tpm(h, f, "not a TPM 2.0, and the Core uses no other");
		return say(f, FINDING_ERROR,
			   "not a TPM 2.0, and the Core does not start beside a TPM that it cannot "
			   "drive; turn it off in the firmware's setup");
	}
	const char *interface = tpm_interface(h, f);

	if (!interface)
		return;
	// What the tree has there may be anything, and this machine's TPM says nothing about it.
	if (h->root[0])
		return say(f, FINDING_UNKNOWN,
			   "TPM 2.0 (%s); on another machine it cannot be asked", interface);
	int rc = node_tpm_ask("/dev/tpmrm0", &tpm);
	if (rc)
		say(f, FINDING_UNKNOWN, "/dev/tpmrm0 cannot be asked: %s", strerror(-rc));
	else if (tpm.owner_auth)
		say(f, FINDING_WARNING,
		    "the TPM's owner hierarchy has a password: the Core gets no keys from it; "
		    "clear the TPM or remove the password");
	else if (!tpm.sha256)
		say(f, FINDING_WARNING,
		    "the TPM has no SHA-256 PCRs; switch that bank on in the firmware's setup");
	else if (tpm.lockout)
		say(f, FINDING_WARNING,
		    "the TPM is locked out after wrong passwords; wait, or clear it");
	else
		say(f, FINDING_OK, "TPM 2.0 (%s), no owner password, SHA-256 PCRs", interface);
}

static void check_firmware(const struct node_host *h, struct finding *f)
{
	if (h->core)
		say(f, FINDING_OK, "a Core runs already, and hides it");
	else if (unmeasured(h))
		say(f, FINDING_WARNING,
		    "a BIOS boot: nothing of it is measured, and reports will say so");
	else
		say(f, FINDING_OK, "UEFI");
}

static void check_secure_boot(const struct node_host *h, struct finding *f)
{
	char data[8];

	if (h->core)
		return say(f, FINDING_OK, "a Core runs already, so it is off");
	if (!h->uefi)
		return say(f, FINDING_OK, "no UEFI, no Secure Boot");
	int n = node_read(h, SECURE_BOOT_PATH, data, sizeof(data));
	if (n == -ENOENT && node_exists(h, "/sys/firmware/efi/efivars"))
		say(f, FINDING_OK, "this firmware has none");
	else if (n != 5)
		say(f, FINDING_UNKNOWN, "its variable cannot be read");
	else if (data[4])
		say(f, FINDING_ERROR,
		    "on, and the boot image is not signed: the firmware would refuse it; switch it "
		    "off in the firmware's setup");
	else
		say(f, FINDING_OK, "off");
}

static void check_esp(const struct node_host *h, struct finding *f)
{
	char full[NODE_PATH];
	struct statvfs fs;

	if (h->entry == ENTRY_GRUB)
		return say(f, FINDING_OK, "not needed on a BIOS");
	if (!h->esp[0])
		return say(f, FINDING_ERROR,
			   "no EFI system partition (FAT) on /boot/efi, /efi or /boot; mount it, "
			   "or give --esp");
	if (!node_path(h, full, h->esp) || statvfs(full, &fs))
		return say(f, FINDING_ERROR, "%s: %s", h->esp, strerror(errno));
	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes < ESP_MIN_BYTES)
		say(f, FINDING_WARNING,
		    "%s has %" PRIu64 " MiB left; a kernel update needs about 64 for a moment",
		    h->esp, free_bytes >> 20);
	else
		say(f, FINDING_OK, "%s, %" PRIu64 " MiB free", h->esp, free_bytes >> 20);
}

static void check_kernel(const struct node_host *h, struct finding *f)
{
	struct node_kernel kernel;
	const char *why = "";

	if (node_kernel_find(h, &kernel, &why))
		say(f, FINDING_ERROR, "%s", why);
	else
		say(f, FINDING_OK, "%s, %.200s", kernel.version, kernel.arguments);
}

// The Core refuses sleep states; a desktop that tries would only look broken.
static void check_suspend(const struct node_host *h, struct finding *f)
{
	char path[NODE_PATH], target[16];

	if (!node_path(h, path, "/etc/systemd/system/sleep.target"))
		return say(f, FINDING_UNKNOWN, "the root's path is too long");
	ssize_t n = readlink(path, target, sizeof(target));
	if (n == 9 && !memcmp(target, "/dev/null", 9))
		say(f, FINDING_OK, "switched off");
	else
		say(f, FINDING_WARNING,
		    "systemd may try to suspend, which the Core refuses; `systemctl mask "
		    "sleep.target`");
}

size_t node_checks(const struct node_host *h, struct finding findings[FINDINGS_MAX])
{
	static const struct {
		const char *name;
		void (*check)(const struct node_host *h, struct finding *f);
	} checks[] = {
		{"cpu", check_cpu},	      {"memory", check_memory},
		{"iommu", check_iommu},	      {"tpm", check_tpm},
		{"firmware", check_firmware}, {"secure-boot", check_secure_boot},
		{"esp", check_esp},	      {"kernel", check_kernel},
		{"suspend", check_suspend},
	};
	size_t count = sizeof(checks) / sizeof(checks[0]);

	for (size_t i = 0; i < count; i++) {
		findings[i].name = checks[i].name;
		checks[i].check(h, &findings[i]);
	}
	return count;
}

const char *finding_state_name(enum finding_state state)
{
	static const char *const names[] = {"ok", "unknown", "warning", "error"};

	return names[state];
}

enum finding_state findings_worst(const struct finding *findings, size_t count)
{
	enum finding_state worst = FINDING_OK;

	for (size_t i = 0; i < count; i++)
		worst = findings[i].state > worst ? findings[i].state : worst;
	return worst;
}
