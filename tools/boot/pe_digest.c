// SPDX-License-Identifier: Apache-2.0
// "Calculating the PE Image Hash" (Microsoft, Windows Authenticode Portable Executable Signature
// Format), as UEFI firmware does it: the headers without the checksum and the directory entry of
// the signatures, the sections in the order of their place in the file, then what follows them,
// without the signatures.
#include "pe_digest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>

#define DOS_PE_OFFSET	   0x3cu
#define COFF_BYTES	   24u /* with the signature "PE\0\0" */
#define COFF_SECTIONS	   6u
#define COFF_OPTIONAL_SIZE 20u
#define OPT_HEADERS_SIZE   60u
#define OPT_CHECKSUM	   64u
#define OPT_COUNT_32	   92u /* NumberOfRvaAndSizes; the directories follow it */
#define OPT_COUNT_64	   108u
#define CERTIFICATES	   4u /* the directory of the signatures */
#define DIRECTORY_BYTES	   8u
#define SECTION_BYTES	   40u
#define SECTION_RAW_SIZE   16u
#define SECTION_RAW_AT	   20u
#define SECTIONS_MAX	   96u /* as the PE specification has it */

struct span {
	size_t at;
	size_t bytes;
};

struct pe {
	size_t checksum;	 /* where it is */
	size_t certificates;	 /* where the directory entry is; 0: there is none */
	size_t certificate_size; /* how much of the file's end the signatures take */
	size_t headers;
	uint32_t nr_sections;
	struct span section[SECTIONS_MAX];
};

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

static int by_place(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int parse_sections(struct pe *pe, const uint8_t *table, uint32_t count, size_t bytes,
			  const char **why)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *s = table + (size_t)i * SECTION_BYTES;
		struct span raw = {get32(s + SECTION_RAW_AT), get32(s + SECTION_RAW_SIZE)};

		if (!raw.bytes)
			continue;
		if (raw.at < pe->headers || raw.at > bytes || raw.bytes > bytes - raw.at)
			return refuse(why, "a section lies outside the file");
		pe->section[pe->nr_sections++] = raw;
	}
	qsort(pe->section, pe->nr_sections, sizeof(pe->section[0]), by_place);
	for (uint32_t i = 1; i < pe->nr_sections; i++)
		if (pe->section[i].at < pe->section[i - 1].at + pe->section[i - 1].bytes)
			return refuse(why, "sections overlap");
	return 0;
}

static int parse(struct pe *pe, const uint8_t *file, size_t bytes, const char **why)
{
	memset(pe, 0, sizeof(*pe));
	if (bytes < DOS_PE_OFFSET + 4 || memcmp(file, "MZ", 2))
		return refuse(why, "not a PE file (no MZ header)");
	size_t coff = get32(file + DOS_PE_OFFSET);
	if (coff > bytes || bytes - coff < COFF_BYTES || memcmp(file + coff, "PE\0\0", 4))
		return refuse(why, "not a PE file (no PE header)");
	uint32_t sections = get16(file + coff + COFF_SECTIONS);
	size_t opt = coff + COFF_BYTES, opt_size = get16(file + coff + COFF_OPTIONAL_SIZE);
	if (opt_size < 2 || opt_size > bytes - opt)
		return refuse(why, "the PE header is cut short");
	uint32_t magic = get16(file + opt);
	size_t count_at = magic == 0x20b ? OPT_COUNT_64 : OPT_COUNT_32;
	if ((magic != 0x20b && magic != 0x10b) || opt_size < count_at + 4)
		return refuse(why, "neither PE32 nor PE32+");
	size_t table = opt + opt_size;
	if (sections > SECTIONS_MAX || (size_t)sections * SECTION_BYTES > bytes - table)
		return refuse(why, "the table of sections is cut short");

	pe->checksum = opt + OPT_CHECKSUM;
	pe->headers = get32(file + opt + OPT_HEADERS_SIZE);
	if (pe->headers < table + (size_t)sections * SECTION_BYTES || pe->headers > bytes)
		return refuse(why, "the headers' size is wrong");
	uint32_t directories = get32(file + opt + count_at);
	size_t entry = count_at + 4 + (size_t)CERTIFICATES * DIRECTORY_BYTES;
	if (directories > CERTIFICATES) {
		if (entry + DIRECTORY_BYTES > opt_size)
			return refuse(why, "the PE header is cut short");
		pe->certificates = opt + entry;
		pe->certificate_size = get32(file + opt + entry + 4);
	}
	return parse_sections(pe, file + table, sections, bytes, why);
}

static void free_md(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

static bool add(EVP_MD_CTX *md, const uint8_t *file, size_t from, size_t to)
{
	return EVP_DigestUpdate(md, file + from, to - from) == 1;
}

int pe_digest(const uint8_t *file, size_t bytes, uint8_t digest[PE_DIGEST_SIZE], const char **why)
{
	__attribute__((cleanup(free_md))) EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct pe pe;
	int rc = parse(&pe, file, bytes, why);

	if (rc)
		return rc;
	size_t hashed = pe.headers;
	bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
		  add(md, file, 0, pe.checksum);
	if (ok && pe.certificates)
		ok = add(md, file, pe.checksum + 4, pe.certificates) &&
		     add(md, file, pe.certificates + DIRECTORY_BYTES, pe.headers);
	else if (ok)
		ok = add(md, file, pe.checksum + 4, pe.headers);
	for (uint32_t i = 0; ok && i < pe.nr_sections; i++) {
		ok = add(md, file, pe.section[i].at, pe.section[i].at + pe.section[i].bytes);
		hashed += pe.section[i].bytes;
	}
	// The specification counts what was hashed, and takes the rest to be at the file's end.
	if (hashed > bytes || pe.certificate_size > bytes - hashed)
		return refuse(why, "the signatures lie outside the file");
	ok = ok && add(md, file, hashed, bytes - pe.certificate_size) &&
	     EVP_DigestFinal_ex(md, digest, NULL) == 1;
	return ok ? 0 : refuse(why, "OpenSSL cannot compute SHA-256");
}

int pe_digest_file(const char *path, uint8_t digest[PE_DIGEST_SIZE], const char **why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fstat(fd, &st)) {
		rc = -errno;
		*why = strerror(errno);
	} else if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
		rc = refuse(why, "not a file, or empty");
	} else {
		size_t bytes = (size_t)st.st_size;
		void *file = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file == MAP_FAILED) {
			rc = -errno;
			*why = strerror(errno);
		} else {
			rc = pe_digest(file, bytes, digest, why);
			munmap(file, bytes);
		}
	}
	if (fd >= 0)
		close(fd);
	return rc;
}
