/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Core wants of the machine's TPM, at each boot, before the host runs:
 *
 *   1. the sealing root: an HMAC by a primary key of the owner's hierarchy whose policy is that the
 *      PCRs 0, 2, 4 (firmware, its extensions, the boot image with the Core in it) have the values
 *      they have now, and PCR 13 is zero. Of a text that names the IOMMU: devices that nobody holds
 *      back can take the Core's memory, and what was sealed behind an IOMMU must not open there.
 *      Nothing is stored: the TPM derives the key from its seed and the template, policy
 *      included, so none can be put in its place;
 *   2. the point of its storage key;
 *   3. PCR 13 = H(H(0 ‖ H(report key)) ‖ H("cloister cap 1")): the report key is in quotes from now
 *      on, and the policy of 1 cannot be met any more until the TPM is reset.
 *
 * The host may set the owner's authorization value, clear the TPM, break it: then there is no root,
 * or the Core does not start. Whatever fails, the host does not run while the policy could be met,
 * or while PCR 13 would still take a key of the host's making. So a TPM that the Core cannot drive
 * ends the boot as well. The host runs with root "none" only if
 *
 *   - the Core's command line says "tpm=none": the boot image that is measured, and accepted, has
 *     no such word. That the Core finds no TPM is no reason: the host may find one;
 *   - the TPM has no SHA-256 bank: there is no such PCR 13 to quote or to bind to, and one that the
 *     host switches on exists from the TPM's next reset on, which is a boot: the Core is
 *     first again;
 *   - PCR 13 is not zero: it cannot become the value that a verifier wants, nor zero again,
 *     before the next reset. Who extended it ran before the Core, so what PCR 0 to 7 hold tells
 *     of them.
 */
#ifndef CORE_TPM_ATTACH_H
#define CORE_TPM_ATTACH_H

#include "boot/boot.h"

/*
 * Says on the log what came of it. NULL, or why the host must not run. iommu: iommu_name() of this
 * boot, which 1 depends on. Between fpu_begin and fpu_end.
 */
const char *tpm_attach(const struct boot_info *bi, const char *iommu);

#endif
