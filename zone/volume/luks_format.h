/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one format of a volume. XTS with HMAC-SHA256 and not GCM: its random nonces are 96 bits, too
 * few for a disk that is written for years under one key; here an IV that comes twice gives away
 * that two blocks are equal, and nothing else.
 */
#ifndef CLOISTER_VOLUME_LUKS_FORMAT_H
#define CLOISTER_VOLUME_LUKS_FORMAT_H

#define FORMAT_CIPHER	     "aes"
#define FORMAT_MODE	     "xts-random"
#define FORMAT_INTEGRITY     "hmac(sha256)"
#define FORMAT_TAG	     48u    /* IV and HMAC */
#define FORMAT_SECTOR	     4096u  /* bytes */
#define FORMAT_OFFSET	     32768u /* sectors of 512 bytes: 16 MiB, cryptsetup's default */
#define FORMAT_KERNEL_CIPHER "capi:authenc(hmac(sha256),xts(aes))-random"
#define FORMAT_KERNEL_TAG    "integrity:48:aead"
#define FORMAT_KERNEL_SECTOR "sector_size:4096"

#endif
