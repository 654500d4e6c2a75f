// SPDX-License-Identifier: Apache-2.0
/*
 * From a file that shows memory to the scanners.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "reader.h"

#define PAGE 4096u

int reader_init(struct reader *r, const struct canary *canary)
{
	int rc;

	memset(r, 0, sizeof(*r));
	tally_init(&r->tally, CANARY_FRAGMENT);
	rc = feed_init(&r->feed, READER_CHUNK);
	if (rc || !canary)
		return rc;
	canary_scan_init(&r->scan, canary, tally_run, &r->tally);
	return feed_add(&r->feed, canary_scan, &r->scan);
}

void reader_free(struct reader *r)
{
	tally_free(&r->tally);
	feed_free(&r->feed);
}

int reader_range(struct reader *r, int fd, uint64_t offset, uint64_t len, uint64_t addr,
		 bool eof_is_gone)
{
	uint64_t done = 0;

	while (done < len) {
		size_t want = r->feed.room;
		ssize_t n;
		int rc;

		if (want > len - done)
			want = len - done;
		n = pread(fd, feed_room(&r->feed), want, (off_t)(offset + done));
		if (n > 0) {
			rc = feed_seek(&r->feed, addr + done);
			if (rc)
				return rc;
			feed_commit(&r->feed, (size_t)n);
			done += (uint64_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 && eof_is_gone)
			return -ESRCH;
		r->errors++;
		done += PAGE - (offset + done) % PAGE;
	}
	return r->tally.error;
}

void reader_print(FILE *out, const struct reader *r, const struct classes *c)
{
	fprintf(out, "\"bytes\": %" PRIu64 ", \"errors\": %" PRIu64 ", ", r->feed.bytes, r->errors);
	tally_print(out, &r->tally, c);
}

void reader_add(struct reader_sum *sum, const struct reader *r)
{
	struct classes none;
	struct counts k;

	classes_init(&none);
	tally_count(&r->tally, &none, &k, NULL);
	sum->bytes += r->feed.bytes;
	sum->errors += r->errors;
	sum->hits.fragments += k.fragments;
	sum->hits.frames += k.frames;
	sum->hits.bytes += k.bytes;
}
