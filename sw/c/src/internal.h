/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the driver share. */
#ifndef SYSTOLE_INTERNAL_H
#define SYSTOLE_INTERNAL_H

#include "systole.h"

/* The longest word of a stream, in bytes. */
#define SYSTOLE_WORD_MAX 32U

systole_result systole_read_register(const systole_device *device, uint32_t offset, uint32_t *value);
systole_result systole_write_register(const systole_device *device, uint32_t offset, uint32_t value);

/* What is waited for did not come yet: SYSTOLE_LATE after `patience` calls, of which `looks` counts. */
systole_result systole_again(const systole_device *device, systole_waiting waiting, uint32_t *looks);

/* A section on its way to the machine. */
typedef struct {
    systole_device *device;
    size_t sent;  /* bytes */
    size_t held;  /* bytes in `word` */
    uint8_t word[SYSTOLE_WORD_MAX];
} systole_upload;

/* An upload is begun, given bytes in any portions, and ended, which fills it with zeros up to a multiple of `unit` bytes (a power of
 * two, at least a word). The end says whether the machine took all of it. */
systole_result systole_upload_begin(systole_upload *upload, systole_device *device, uint32_t target);
systole_result systole_upload_bytes(systole_upload *upload, const uint8_t *bytes, size_t size);
systole_result systole_upload_end(systole_upload *upload, size_t unit);

/* Whether there is an RRAM controller. */
bool systole_has_rram(const systole_device *device);

/* The keys that allow programming, and the slot that holds no newest image. */
systole_result systole_rram_open(systole_device *device);

/* Takes frames of these lengths, and the interrupt's causes. */
systole_result systole_take(systole_device *device, uint32_t in_bytes, uint32_t out_bytes);

#endif
