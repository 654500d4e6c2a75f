/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a zone and the machine's TPM. The zone does not trust the relay: it speaks with the TPM
 * in sessions. The host does not trust the zone: it gets the few commands that a volume needs, on
 * counters of its range, and cannot change the TPM's owner, PCRs or keys.
 */
#ifndef CLOISTER_CLI_TPM_RELAY_H
#define CLOISTER_CLI_TPM_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TPM_HEADER	10u
#define TPM_COMMAND_MAX 4096u
#define TPM_DEFINES_MAX 1u /* indices that one zone may make in its life */

struct tpm_filter {
	uint32_t defines; /* so far */
};

/* Size of the whole command or response that begins with this header; 0: no such thing. */
size_t tpm_frame(const uint8_t header[TPM_HEADER]);

/* May a zone give the TPM this command, a whole one? */
bool tpm_allowed(struct tpm_filter *filter, const uint8_t *command, size_t size);

/*
 * A process that passes commands and answers on, one at a time, until either end closes; jail_id 0:
 * with our user's rights. It runs in this control group, so that it ends with the jail whoever is
 * left to end that; -1: in ours. Its pid or negative errno. All descriptors stay the caller's.
 */
pid_t tpm_relay_start(int zone, int tpm, uint32_t jail_id, int cgroup);

#endif
