// SPDX-License-Identifier: Apache-2.0
// `cloister measure`: the launch digest from the files alone; no root, no KVM, no Core.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "../launch/size.h"
#include "../launch/zone_image.h"
#include "cleanup.h"
#include "measure.h"
#include "message.h"
#include "options.h"
#include "verbs.h"

static const char help[] =
	"usage: cloister measure [--memory SIZE] [--vcpus N] [--segments | --json] IMAGE\n"
	"\n"
	"Print the digest (SHA-384, hex) that the Core will measure for this image: over the\n"
	"launch descriptor and the contents of all segments. --name, --window, --idle and\n"
	"--publish do not enter it.\n"
	"\n"
	"  --memory SIZE  as for `cloister run`; enters the digest\n"
	"  --vcpus N      likewise\n"
	"  --segments     list what enters it, each with its own digest\n"
	"  --json         the same as JSON\n"
	"  --help         this text\n";

enum output { DIGEST, SEGMENTS, JSON };

static struct launch launch; // large

static void hex(char *to, const uint8_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		sprintf(to + 2 * i, "%02x", from[i]);
}

static void print_json(const struct zone_image *img, const char *digest)
{
	char part_hex[2 * CL_DIGEST_SIZE + 1];
	uint8_t part[CL_DIGEST_SIZE];
	json_t *segments = json_array();

	for (uint32_t i = 0; i < launch.desc.nr_segs; i++) {
		const struct launch_part *p = &launch.part[i];
		if (launch_part_digest(p, part))
			continue;
		hex(part_hex, part, sizeof(part));
		json_array_append_new(segments,
				      json_pack("{s:s,s:I,s:I,s:s}", "name", p->name, "gpa",
						(json_int_t)p->gpa, "size", (json_int_t)p->bytes,
						"sha384", part_hex));
	}
	cleanup_json json_t *json = json_pack(
		"{s:s,s:i,s:I,s:i,s:I,s:I,s:I,s:s,s:o}", "digest", digest, "version",
		(int)launch.desc.version, "memory_bytes", (json_int_t)launch.desc.memory_bytes,
		"vcpus", (int)launch.desc.vcpus, "policy", (json_int_t)launch.desc.policy,
		"entry_rip", (json_int_t)launch.desc.entry_rip, "entry_rsi",
		(json_int_t)launch.desc.entry_rsi, "cmdline", img->cmdline, "segments", segments);
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}

static void print_segments(const struct zone_image *img, const char *digest)
{
	char part_hex[2 * CL_DIGEST_SIZE + 1];
	uint8_t part[CL_DIGEST_SIZE];

	printf("digest     %s\n", digest);
	printf("memory     %" PRIu64 " MiB\n", launch.desc.memory_bytes >> 20);
	printf("vcpus      %u\n", launch.desc.vcpus);
	printf("policy     0x%" PRIx64 "\n", launch.desc.policy);
	printf("entry      rip 0x%" PRIx64 " rsi 0x%" PRIx64 "\n", launch.desc.entry_rip,
	       launch.desc.entry_rsi);
	printf("cmdline    %s\n\n", img->cmdline);
	printf("%-12s %-10s %-10s %s\n", "SEGMENT", "ADDRESS", "BYTES", "SHA-384");
	for (uint32_t i = 0; i < launch.desc.nr_segs; i++) {
		const struct launch_part *p = &launch.part[i];
		if (launch_part_digest(p, part))
			continue;
		hex(part_hex, part, sizeof(part));
		printf("%-12s 0x%08" PRIx64 " %-10" PRIu64 " %s\n", p->name, p->gpa, p->bytes,
		       part_hex);
	}
}

// Digest of an image for a guest of this size; leaves the launch image in `launch` if asked.
static int measure(const char *path, const char *memory_text, uint32_t vcpus, enum output output,
		   uint8_t digest[CL_DIGEST_SIZE])
{
	struct zone_image img;
	struct zone_files files;
	char err[LAUNCH_ERR], text[2 * CL_DIGEST_SIZE + 1];
	uint64_t memory = 0;

	if (memory_text && parse_memory(memory_text, &memory))
		return fail(EXIT_USAGE, "--memory %s: not a size from 64M to 64G in steps of 2M",
			    memory_text);
	if (zone_image_open(&img, path, err))
		return fail(EXIT_IMAGE, "%s: %s; see zone-image(5)", path, err);
	int rc = zone_image_launch(&img, memory, vcpus, &files, &launch, err);
	if (rc)
		fail(EXIT_IMAGE, "%s: %s; see zone-image(5)", path, err);
	else if (launch_digest(&launch, digest))
		rc = fail(EXIT_ERROR, "%s: OpenSSL cannot compute SHA-384; check its set-up", path);
	else {
		hex(text, digest, CL_DIGEST_SIZE);
		if (output == JSON)
			print_json(&img, text);
		else if (output == SEGMENTS)
			print_segments(&img, text);
	}
	zone_files_free(&files);
	zone_image_close(&img);
	return rc < 0 ? EXIT_IMAGE : rc;
}

int image_digest(const char *path, const char *memory, uint32_t vcpus,
		 uint8_t digest[CL_DIGEST_SIZE])
{
	return measure(path, memory, vcpus, DIGEST, digest);
}

int verb_measure(int argc, char **argv)
{
	static const struct option options[] = {
		{"memory", required_argument, NULL, 'm'}, {"vcpus", required_argument, NULL, 'v'},
		{"segments", no_argument, NULL, 's'},	  {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0}};
	char text[2 * CL_DIGEST_SIZE + 1];
	uint8_t digest[CL_DIGEST_SIZE] = {0};
	const char *memory = NULL;
	uint32_t vcpus = 0;
	enum output output = DIGEST;
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		if (id == 'm')
			memory = optarg;
		else if (id == 'v' && !parse_vcpus(optarg, &vcpus))
			continue;
		else if (id == 's' || id == 'j')
			output = id == 's' ? SEGMENTS : JSON;
		else
			return verb_usage("measure");
	}
	if (argc - optind != 1)
		return verb_usage("measure");
	int code = measure(argv[optind], memory, vcpus, output, digest);
	if (!code && output == DIGEST) {
		hex(text, digest, sizeof(digest));
		puts(text);
	}
	return code;
}
