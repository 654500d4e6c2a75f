// SPDX-License-Identifier: Apache-2.0
// The build-id, out of the note that the linker puts into the image (core.lds checks its size).
#include "boot/build_id.h"
#include "boot/image.h"

#define NOTE_HEAD 16u /* three words, and "GNU" (ELF-64 Object File Format, "Note Section") */

const uint8_t *build_id(void)
{
	return core_build_note + NOTE_HEAD;
}
