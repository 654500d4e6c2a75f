// SPDX-License-Identifier: Apache-2.0
// Which commands (TPM 2.0 Library, part 3) a zone may give to the TPM.
#include <string.h>
#include "tpm_relay.h"

#define TAG_NO_SESSIONS	      0x8001u
#define TAG_SESSIONS	      0x8002u
#define RH_OWNER	      0x40000001u

#define CC_NV_DEFINE_SPACE    0x12au
#define CC_CREATE_PRIMARY     0x131u
#define CC_NV_INCREMENT	      0x134u
#define CC_NV_READ	      0x14eu
#define CC_FLUSH_CONTEXT      0x165u
#define CC_NV_READ_PUBLIC     0x169u
#define CC_START_AUTH_SESSION 0x176u

// The zones' counters: of the owner's range (zone/volume/keys.h).
#define NV_FIRST 0x01800000u
#define NV_LAST	 0x01bfffffu

// TPMA_NV: a counter that only its auth value opens, without lock-outs.
#define NV_ATTRIBUTES 0x02040014u
#define NV_SIZE	      8u

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

size_t tpm_frame(const uint8_t header[TPM_HEADER])
{
	uint32_t tag = be16(header);
	uint32_t size = be32(header + 2);

	return (tag == TAG_NO_SESSIONS || tag == TAG_SESSIONS) && size >= TPM_HEADER &&
			       size <= TPM_COMMAND_MAX
		       ? size
		       : 0;
}

static bool is_counter(const uint8_t *handle)
{
	uint32_t index = be32(handle);
	return index >= NV_FIRST && index <= NV_LAST;
}

// Skip something that begins with its size; 0: it is longer than what is there.
static size_t skip(const uint8_t *command, size_t size, size_t at, size_t width)
{
	if (at + width > size)
		return 0;
	size_t length = width == 2 ? be16(command + at) : be32(command + at);
	return length <= size - at - width ? at + width + length : 0;
}

// handle, authorisations, TPM2B_AUTH (encrypted), TPM2B_NV_PUBLIC: index, name's algorithm,
// attributes, policy, size.
static bool define_allowed(const uint8_t *command, size_t size)
{
	size_t at = skip(command, size, TPM_HEADER + 4, 4);

	if (at)
		at = skip(command, size, at, 2);
	if (!at || size - at != 2 + 14 || be16(command + at) != 14)
		return false;
	const uint8_t *public = command + at + 2;
	return is_counter(public) && be32(public + 6) == NV_ATTRIBUTES && be16(public + 10) == 0 &&
	       be16(public + 12) == NV_SIZE;
}

bool tpm_allowed(struct tpm_filter *filter, const uint8_t *command, size_t size)
{
	if (size < TPM_HEADER + 4 || tpm_frame(command) != size)
		return false;
	bool sessions = be16(command) == TAG_SESSIONS;
	const uint8_t *handles = command + TPM_HEADER;
	switch (be32(command + 6)) {
	case CC_CREATE_PRIMARY:
		return sessions && be32(handles) == RH_OWNER;
	case CC_START_AUTH_SESSION:
	case CC_FLUSH_CONTEXT:
		return !sessions;
	case CC_NV_READ_PUBLIC:
		return is_counter(handles);
	case CC_NV_INCREMENT:
	case CC_NV_READ:
		// With its own auth value: the owner's would open others' as well.
		return sessions && size >= TPM_HEADER + 8 && is_counter(handles) &&
		       be32(handles) == be32(handles + 4);
	case CC_NV_DEFINE_SPACE:
		if (!sessions || be32(handles) != RH_OWNER || !define_allowed(command, size) ||
		    filter->defines >= TPM_DEFINES_MAX)
			return false;
		filter->defines++;
		return true;
	default:
		return false;
	}
}
