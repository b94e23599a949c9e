/* SPDX-License-Identifier: Apache-2.0 */
/* Image files: where their parts lie, and whether they are whole. */
#include "systole.h"

/* Metadata begins with two tensors of seven words, and the count of multiplications. */
#define TENSOR_WORDS 7U
#define METADATA_MIN 64U

uint32_t systole_crc32(uint32_t crc, const uint8_t *bytes, size_t size)
{
    /* CRC-32 of the 16 values of four bits: half as fast as a table of 256, a sixteenth of its size. */
    static const uint32_t table[16] = {
        0x00000000U, 0x1db71064U, 0x3b6e20c8U, 0x26d930acU, 0x76dc4190U, 0x6b6b51f4U, 0x4db26158U, 0x5005713cU,
        0xedb88320U, 0xf00f9344U, 0xd6d6a3e8U, 0xcb61b38cU, 0x9b64c2b0U, 0x86d3d2d4U, 0xa00ae278U, 0xbdbdf21cU};
    uint32_t sum = ~crc;
    size_t n;
    for (n = 0U; n < size; n++) {
        sum ^= bytes[n];
        sum = (sum >> 4) ^ table[sum & 15U];
        sum = (sum >> 4) ^ table[sum & 15U];
    }
    return ~sum;
}

static uint32_t word_at(const uint8_t *bytes, size_t word)
{
    const uint8_t *at = &bytes[4U * word];
    return (uint32_t)at[0] | ((uint32_t)at[1] << 8) | ((uint32_t)at[2] << 16) | ((uint32_t)at[3] << 24);
}

static void read_tensor(systole_tensor *tensor, const uint8_t *bytes)
{
    tensor->rows = word_at(bytes, 0U);
    tensor->cols = word_at(bytes, 1U);
    tensor->bytes = (word_at(bytes, 2U) == 0U) ? 1U : 4U;
    tensor->offset = word_at(bytes, 3U);
    tensor->row_pitch = word_at(bytes, 4U);
    tensor->tile = (word_at(bytes, 5U) == 0U) ? 1U : word_at(bytes, 5U);
    tensor->tile_pitch = word_at(bytes, 6U);
}

size_t systole_element(const systole_tensor *tensor, uint32_t row, uint32_t col)
{
    return (size_t)tensor->offset + ((size_t)row * tensor->row_pitch) + ((size_t)(col / tensor->tile) * tensor->tile_pitch) +
           ((size_t)(col % tensor->tile) * tensor->bytes);
}

/* A section of the file: which word of the header counts its units, their bytes, and which part it is. */
typedef struct {
    uint8_t count;
    uint8_t part;
    uint16_t unit;
} section;

systole_result systole_image_read(systole_image *image, const uint8_t *file, size_t size)
{
    static const section sections[SYSTOLE_PARTS] = {
        {SYSTOLE_IMAGE_TIMETABLE, SYSTOLE_PART_TIMETABLE, SYSTOLE_IMAGE_TIMETABLE_BYTES},
        {SYSTOLE_IMAGE_DESCRIPTORS, SYSTOLE_PART_DESCRIPTORS, SYSTOLE_IMAGE_DESCRIPTORS_BYTES},
        {SYSTOLE_IMAGE_PARAMETERS, SYSTOLE_PART_PARAMETERS, SYSTOLE_IMAGE_PARAMETERS_BYTES},
        {SYSTOLE_IMAGE_LUTS, SYSTOLE_PART_LUTS, SYSTOLE_IMAGE_LUTS_BYTES},
        {SYSTOLE_IMAGE_WEIGHTS, SYSTOLE_PART_WEIGHTS, SYSTOLE_IMAGE_WEIGHTS_BYTES},
        {SYSTOLE_IMAGE_TAPS, SYSTOLE_PART_TAPS, SYSTOLE_IMAGE_TAPS_BYTES},
        {SYSTOLE_IMAGE_VECTOR, SYSTOLE_PART_VECTOR, SYSTOLE_IMAGE_VECTOR_BYTES}};
    size_t at = 4U * SYSTOLE_IMAGE_HEADER_WORDS;
    size_t metadata;
    size_t n;

    if ((size < at) || (word_at(file, SYSTOLE_IMAGE_MAGIC) != SYSTOLE_IMAGE_MAGIC_VALUE) ||
        (word_at(file, SYSTOLE_IMAGE_VERSION) != SYSTOLE_IMAGE_VERSION_VALUE)) {
        return SYSTOLE_BAD_IMAGE;
    }
    for (n = 0U; n < SYSTOLE_PARTS; n++) {
        const size_t count = word_at(file, sections[n].count);
        systole_part *part = &image->part[sections[n].part];
        /* Whatever a damaged header says, nothing behind the file is touched. */
        if (count > ((size - at) / sections[n].unit)) {
            return SYSTOLE_BAD_IMAGE;
        }
        part->bytes = &file[at];
        part->size = count * sections[n].unit;
        at += part->size;
    }
    at = (at + 3U) & ~(size_t)3U;
    metadata = word_at(file, SYSTOLE_IMAGE_METADATA);
    if ((at > size) || (metadata < METADATA_MIN) || (metadata > (size - at))) {
        return SYSTOLE_BAD_IMAGE;
    }
    read_tensor(&image->input, &file[at]);
    read_tensor(&image->output, &file[at + (4U * TENSOR_WORDS)]);
    at = (at + metadata + 3U) & ~(size_t)3U;
    if ((size < 4U) || (at != (size - 4U)) || (systole_crc32(0U, file, at) != word_at(&file[at], 0U))) {
        return SYSTOLE_BAD_IMAGE;
    }
    image->fingerprint = word_at(file, SYSTOLE_IMAGE_FINGERPRINT);
    image->machine = word_at(file, SYSTOLE_IMAGE_MACHINE);
    image->in_bytes = word_at(file, SYSTOLE_IMAGE_IN_BYTES);
    image->out_bytes = word_at(file, SYSTOLE_IMAGE_OUT_BYTES);
    return (image->fingerprint == SYSTOLE_FINGERPRINT) ? SYSTOLE_OK : SYSTOLE_OTHER_ISA;
}
