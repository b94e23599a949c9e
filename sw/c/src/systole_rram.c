/* SPDX-License-Identifier: Apache-2.0 */
/* Images in RRAM: wake, program (docs/rram.md). */
#include "internal.h"

bool systole_has_rram(const systole_device *device)
{
    return device->size[SYSTOLE_SIZE_RRAM_CTRL] != 0U;
}

systole_result systole_rram_wait(systole_device *device)
{
    uint32_t status = SYSTOLE_RRAM_STATUS_BUSY_MASK;
    uint32_t looks = 0U;
    systole_result result = systole_has_rram(device) ? systole_read_register(device, SYSTOLE_REG_RRAM_STATUS, &status) : SYSTOLE_OK;
    while (systole_has_rram(device) && (result == SYSTOLE_OK) && ((status & SYSTOLE_RRAM_STATUS_BUSY_MASK) != 0U)) {
        if ((status & SYSTOLE_RRAM_STATUS_CHECK_MASK) != 0U) {
            device->error = SYSTOLE_ERROR_RRAM_ENGINE; /* only reset goes on */
            result = SYSTOLE_MACHINE;
        } else {
            result = systole_again(device, SYSTOLE_WAIT_RRAM, &looks);
        }
        if (result == SYSTOLE_OK) {
            result = systole_read_register(device, SYSTOLE_REG_RRAM_STATUS, &status);
        }
    }
    return result;
}

static systole_result command(systole_device *device, uint32_t code)
{
    systole_result result = systole_rram_wait(device);
    if (result == SYSTOLE_OK) {
        result = systole_write_register(device, SYSTOLE_REG_RRAM_COMMAND, code);
    }
    if (result == SYSTOLE_OK) {
        result = systole_rram_wait(device);
    }
    return (result == SYSTOLE_OK) ? systole_check(device) : result;
}

systole_result systole_rram_open(systole_device *device)
{
    uint32_t status = 0U;
    uint32_t slot = 0U;
    systole_result result = systole_write_register(device, SYSTOLE_REG_RRAM_UNLOCK, SYSTOLE_RRAM_KEY_1);
    if (result == SYSTOLE_OK) {
        result = systole_write_register(device, SYSTOLE_REG_RRAM_UNLOCK, SYSTOLE_RRAM_KEY_2);
    }
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_RRAM_STATUS, &status);
    }
    if (((status & SYSTOLE_RRAM_STATUS_COMMITTED_MASK) != 0U) && ((status & SYSTOLE_RRAM_STATUS_NEWEST_MASK) == 0U)) {
        slot = 1U;
    }
    return (result == SYSTOLE_OK) ? systole_write_register(device, SYSTOLE_REG_RRAM_SLOT, slot) : result;
}

/* Lines of an image: how many its parts have, weights first, and those that hold the CRC of each of them. */
typedef struct {
    size_t line_bytes;
    uint32_t weights;
    uint32_t data;
    uint32_t all;
} lines;

/* The parts of a slot that begin on a line of their own: LUTs and words of the vector unit are one. */
#define SLOT_PARTS 6U
static const uint8_t slot_parts[SLOT_PARTS][2] = {{SYSTOLE_PART_WEIGHTS, 1U},     {SYSTOLE_PART_TIMETABLE, 1U}, {SYSTOLE_PART_DESCRIPTORS, 1U},
                                                  {SYSTOLE_PART_PARAMETERS, 1U}, {SYSTOLE_PART_LUTS, 2U},      {SYSTOLE_PART_TAPS, 1U}};

static size_t slot_part_bytes(const systole_image *image, uint32_t n)
{
    const systole_part *part = &image->part[slot_parts[n][0]];
    return part[0].size + ((slot_parts[n][1] == 2U) ? part[1].size : 0U);
}

static lines lines_of(const systole_device *device, const systole_image *image)
{
    lines count;
    uint32_t n;
    count.line_bytes = (size_t)device->size[SYSTOLE_SIZE_ROWS] * device->size[SYSTOLE_SIZE_COLS];
    count.weights = 0U;
    count.data = 0U;
    for (n = 0U; n < SLOT_PARTS; n++) {
        const uint32_t part = (uint32_t)((slot_part_bytes(image, n) + count.line_bytes - 1U) / count.line_bytes);
        count.weights += (slot_parts[n][0] == SYSTOLE_PART_WEIGHTS) ? part : 0U;
        count.data += part;
    }
    count.all = count.data + (uint32_t)(((4U * (size_t)count.data) + count.line_bytes - 1U) / count.line_bytes);
    return count;
}

/* Lines that an image may have in a slot: what tables, records and spares leave (docs/rram.md). */
static uint32_t usable_lines(const systole_device *device, size_t line_bytes)
{
    const uint32_t depth = device->size[SYSTOLE_SIZE_RRAM_DEPTH];
    const uint32_t line = (uint32_t)line_bytes;
    const uint32_t record = (line < (4U * SYSTOLE_RRAM_RECORD_WORDS)) ? ((4U * SYSTOLE_RRAM_RECORD_WORDS) / line) : 1U;
    const uint32_t used = ((2U * depth) / line) + ((SYSTOLE_RRAM_RECORDS / 2U) * record) + (depth / 64U);
    return ((depth / 2U) > used) ? ((depth / 2U) - used) : 0U;
}

/* CRC of the line of a slot's part that begins at byte `from`. Bytes go over from one section to the next; behind them come zeros. */
static uint32_t line_crc(const systole_image *image, uint32_t n, size_t from, size_t line_bytes)
{
    static const uint8_t zero[1] = {0U};
    const systole_part *part = &image->part[slot_parts[n][0]];
    uint32_t crc = 0U;
    size_t at = from;
    size_t left = line_bytes;
    uint32_t k;
    for (k = 0U; k < slot_parts[n][1]; k++) {
        if (at < part[k].size) {
            const size_t here = ((part[k].size - at) < left) ? (part[k].size - at) : left;
            crc = systole_crc32(crc, &part[k].bytes[at], here);
            left -= here;
            at = 0U;
        } else {
            at -= part[k].size;
        }
    }
    for (; left != 0U; left--) {
        crc = systole_crc32(crc, zero, sizeof(zero));
    }
    return crc;
}

static void put_word(uint8_t *bytes, uint32_t word)
{
    bytes[0] = (uint8_t)word;
    bytes[1] = (uint8_t)(word >> 8);
    bytes[2] = (uint8_t)(word >> 16);
    bytes[3] = (uint8_t)(word >> 24);
}

/* Bytes of a slot on their way: into the CRC of the image, and to the machine where there is an upload. */
typedef struct {
    systole_upload *upload;
    uint32_t crc;
} sink;

static systole_result put(sink *to, const uint8_t *bytes, size_t size)
{
    to->crc = systole_crc32(to->crc, bytes, size);
    return (to->upload != NULL) ? systole_upload_bytes(to->upload, bytes, size) : SYSTOLE_OK;
}

/* Zeros up to a whole line, behind so many bytes. */
static systole_result put_rest(sink *to, size_t bytes, size_t line_bytes)
{
    static const uint8_t zero[1] = {0U};
    systole_result result = SYSTOLE_OK;
    size_t n;
    for (n = bytes; ((n % line_bytes) != 0U) && (result == SYSTOLE_OK); n++) {
        result = put(to, zero, sizeof(zero));
    }
    return result;
}

/* The lines of a slot: the parts, each from a new line on, then the CRC of each line. */
static systole_result put_slot(sink *to, const systole_image *image, const lines *count)
{
    systole_result result = SYSTOLE_OK;
    uint32_t n;
    for (n = 0U; (n < SLOT_PARTS) && (result == SYSTOLE_OK); n++) {
        const systole_part *part = &image->part[slot_parts[n][0]];
        uint32_t k;
        for (k = 0U; (k < slot_parts[n][1]) && (result == SYSTOLE_OK); k++) {
            result = put(to, part[k].bytes, part[k].size);
        }
        if (result == SYSTOLE_OK) {
            result = put_rest(to, slot_part_bytes(image, n), count->line_bytes);
        }
    }
    for (n = 0U; (n < SLOT_PARTS) && (result == SYSTOLE_OK); n++) {
        size_t at;
        for (at = 0U; (at < slot_part_bytes(image, n)) && (result == SYSTOLE_OK); at += count->line_bytes) {
            uint8_t word[4];
            put_word(word, line_crc(image, n, at, count->line_bytes));
            result = put(to, word, sizeof(word));
        }
    }
    return (result == SYSTOLE_OK) ? put_rest(to, 4U * (size_t)count->data, count->line_bytes) : result;
}

/* The record without what the machine fills in: epoch, slot, spares, CRC of the line table. */
static systole_result send_record(systole_device *device, const systole_image *image, const lines *count, uint32_t image_crc)
{
    uint8_t record[4U * SYSTOLE_RRAM_RECORD_WORDS];
    systole_upload upload;
    systole_result result;
    uint32_t n;
    for (n = 0U; n < SYSTOLE_RRAM_RECORD_WORDS; n++) {
        put_word(&record[4U * n], 0U);
    }
    put_word(&record[0U], SYSTOLE_RRAM_RECORD_MAGIC);
    put_word(&record[4U * 2U], (count->all - count->data) << 24);
    put_word(&record[4U * 3U], SYSTOLE_FINGERPRINT);
    put_word(&record[4U * 4U], device->machine);
    put_word(&record[4U * 5U], image->in_bytes);
    put_word(&record[4U * 6U], image->out_bytes);
    put_word(&record[4U * 7U], count->weights | (count->all << 16));
    for (n = 1U; n < SLOT_PARTS; n++) {
        put_word(&record[4U * (7U + n)], (uint32_t)(slot_part_bytes(image, n) / 8U));
    }
    put_word(&record[4U * 13U], image_crc);
    put_word(&record[4U * 15U], systole_crc32(0U, record, sizeof(record)));
    result = systole_upload_begin(&upload, device, SYSTOLE_UPLOAD_RECORD);
    if (result == SYSTOLE_OK) {
        result = systole_upload_bytes(&upload, record, sizeof(record));
    }
    return (result == SYSTOLE_OK) ? systole_upload_end(&upload, sizeof(record)) : result;
}

systole_result systole_program(systole_device *device, const systole_image *image)
{
    lines count;
    systole_upload upload;
    sink to;
    systole_result result = systole_fits(device, image);
    if (result != SYSTOLE_OK) {
        return result;
    }
    if (!systole_has_rram(device)) {
        device->error = SYSTOLE_ERROR_RRAM_ABSENT;
        return SYSTOLE_MACHINE;
    }
    count = lines_of(device, image);
    if (count.all > usable_lines(device, count.line_bytes)) {
        return SYSTOLE_TOO_LARGE;
    }
    device->loaded = false;
    result = systole_write_register(device, SYSTOLE_REG_ERROR_CLEAR, SYSTOLE_ERROR_CLEAR_CLEAR_MASK);
    if (result == SYSTOLE_OK) {
        result = systole_rram_wait(device);
    }
    if (result == SYSTOLE_OK) {
        result = systole_rram_open(device);
    }
    if (result == SYSTOLE_OK) {
        result = systole_upload_begin(&upload, device, SYSTOLE_UPLOAD_RRAM);
    }
    to.upload = &upload;
    to.crc = 0U;
    if (result == SYSTOLE_OK) {
        result = put_slot(&to, image, &count);
    }
    if (result == SYSTOLE_OK) {
        result = systole_upload_end(&upload, count.line_bytes);
    }
    if (result == SYSTOLE_OK) {
        result = systole_rram_wait(device);
    }
    if (result == SYSTOLE_OK) {
        result = systole_check(device);
    }
    if (result == SYSTOLE_OK) {
        result = send_record(device, image, &count, to.crc);
    }
    return (result == SYSTOLE_OK) ? command(device, SYSTOLE_COMMAND_COMMIT) : result;
}

systole_result systole_adopt(systole_device *device, const systole_image *image)
{
    uint32_t status = 0U;
    uint32_t crc = 0U;
    uint32_t in_bytes = 0U;
    uint32_t out_bytes = 0U;
    systole_result result = systole_has_rram(device) ? systole_rram_wait(device) : SYSTOLE_NO_IMAGE;
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_RRAM_STATUS, &status);
    }
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_RRAM_IMAGE_CRC, &crc);
    }
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_IN_BYTES, &in_bytes);
    }
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_OUT_BYTES, &out_bytes);
    }
    if ((result == SYSTOLE_OK) && ((status & SYSTOLE_RRAM_STATUS_READY_MASK) == 0U)) {
        result = SYSTOLE_NO_IMAGE;
    }
    if ((result == SYSTOLE_OK) && (image != NULL)) {
        const lines count = lines_of(device, image);
        sink to = {NULL, 0U};
        (void)put_slot(&to, image, &count); /* into the CRC alone: it cannot fail */
        if ((crc != to.crc) || (in_bytes != image->in_bytes) || (out_bytes != image->out_bytes)) {
            result = SYSTOLE_OTHER_IMAGE;
        }
    }
    return (result == SYSTOLE_OK) ? systole_take(device, in_bytes, out_bytes) : result;
}

systole_result systole_wake(systole_device *device, bool warm)
{
    systole_result result = systole_write_register(device, SYSTOLE_REG_ERROR_CLEAR, SYSTOLE_ERROR_CLEAR_CLEAR_MASK);
    if (result == SYSTOLE_OK) {
        result = command(device, warm ? SYSTOLE_COMMAND_WARM_WAKE : SYSTOLE_COMMAND_WAKE);
    }
    return (result == SYSTOLE_OK) ? systole_adopt(device, NULL) : result;
}
