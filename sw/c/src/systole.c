/* SPDX-License-Identifier: Apache-2.0 */
/* Identify, load, run (docs/registers.md, "A run"). */
#include "internal.h"

systole_result systole_read_register(const systole_device *device, uint32_t offset, uint32_t *value)
{
    return device->platform.read32(device->platform.context, offset, value) ? SYSTOLE_OK : SYSTOLE_BUS;
}

systole_result systole_write_register(const systole_device *device, uint32_t offset, uint32_t value)
{
    return device->platform.write32(device->platform.context, offset, value) ? SYSTOLE_OK : SYSTOLE_BUS;
}

systole_result systole_check(systole_device *device)
{
    uint32_t error = 0U;
    systole_result result = systole_read_register(device, SYSTOLE_REG_ERROR, &error);
    if (result == SYSTOLE_OK) {
        device->error = error;
        if (error != SYSTOLE_ERROR_NONE) {
            result = SYSTOLE_MACHINE;
        }
    }
    return result;
}

systole_result systole_again(const systole_device *device, systole_waiting waiting, uint32_t *looks)
{
    if (device->patience != 0U) {
        if (*looks >= device->patience) {
            return SYSTOLE_LATE;
        }
        *looks += 1U;
    }
    if (device->platform.idle != NULL) {
        return device->platform.idle(device->platform.context, waiting) ? SYSTOLE_OK : SYSTOLE_BUS;
    }
    return SYSTOLE_OK;
}

systole_result systole_open(systole_device *device, const systole_platform *platform)
{
    typedef struct {
        uint16_t offset;
        uint8_t lsb;
        uint8_t bits;
    } place;
#define PLACE(name, offset, lsb, bits) {(uint16_t)(offset), (uint8_t)(lsb), (uint8_t)(bits)},
    static const place places[SYSTOLE_SIZES] = {SYSTOLE_SIZE_LIST(PLACE)};
#undef PLACE
    uint32_t value = 0U;
    uint32_t n;
    systole_result result;

    device->platform.context = platform->context;
    device->platform.read32 = platform->read32;
    device->platform.write32 = platform->write32;
    device->platform.send = platform->send;
    device->platform.receive = platform->receive;
    device->platform.idle = platform->idle;
    device->machine = 0U;
    device->patience = 0U;
    device->interrupts = false;
    device->loaded = false;
    device->in_bytes = 0U;
    device->out_bytes = 0U;
    device->waited = 0U;
    device->ended = 0U;
    device->error = SYSTOLE_ERROR_NONE;

    result = systole_read_register(device, SYSTOLE_REG_ID, &value);
    if ((result == SYSTOLE_OK) && (value != SYSTOLE_ID_RESET)) {
        result = SYSTOLE_NOT_SYSTOLE;
    }
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_FINGERPRINT, &value);
    }
    if ((result == SYSTOLE_OK) && (value != SYSTOLE_FINGERPRINT)) {
        result = SYSTOLE_OTHER_ISA;
    }
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_CONFIG, &device->machine);
    }
    for (n = 0U; (n < SYSTOLE_SIZES) && (result == SYSTOLE_OK); n++) {
        result = systole_read_register(device, places[n].offset, &value);
        device->size[n] = (value >> places[n].lsb) & (UINT32_MAX >> (32U - places[n].bits));
    }
    if ((result == SYSTOLE_OK) && ((device->size[SYSTOLE_SIZE_COLS] == 0U) ||
                                   (device->size[SYSTOLE_SIZE_COLS] > SYSTOLE_WORD_MAX) || (device->size[SYSTOLE_SIZE_ROWS] == 0U))) {
        result = SYSTOLE_NOT_SYSTOLE;
    }
    return result;
}

/* The number under which an image knows this machine: of one's own sizes with a hash of them, the code and WEIGHT_BEATS left out. */
static uint32_t image_machine(const systole_device *device)
{
    uint32_t number = device->machine & (SYSTOLE_CONFIG_NUMBER_MASK | SYSTOLE_CONFIG_WEIGHT_BEATS_MASK);
    if ((device->machine & SYSTOLE_CONFIG_NUMBER_MASK) == SYSTOLE_CONFIG_OWN) {
        uint32_t crc = 0U;
        uint32_t n;
        for (n = 0U; n < SYSTOLE_SIZES; n++) {
            const uint32_t size = device->size[n];
            const uint8_t bytes[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24)};
            if ((n != SYSTOLE_SIZE_ECC) && (n != SYSTOLE_SIZE_WEIGHT_BEATS)) {
                crc = systole_crc32(crc, bytes, sizeof(bytes));
            }
        }
        number |= crc << 16;
    }
    return number;
}

systole_result systole_fits(const systole_device *device, const systole_image *image)
{
    const uint32_t cols = device->size[SYSTOLE_SIZE_COLS];
    const size_t luts = (size_t)device->size[SYSTOLE_SIZE_LUT_COUNT] * SYSTOLE_IMAGE_LUTS_BYTES;
    if (image->fingerprint != SYSTOLE_FINGERPRINT) {
        return SYSTOLE_OTHER_ISA;
    }
    if (image->machine != image_machine(device)) {
        return SYSTOLE_OTHER_MACHINE;
    }
    /* Words of the vector unit lie behind all lookup tables that there are. */
    if ((image->part[SYSTOLE_PART_VECTOR].size != 0U) && (image->part[SYSTOLE_PART_LUTS].size != luts)) {
        return SYSTOLE_BAD_IMAGE;
    }
    /* What is too long for another memory is refused by the machine as it comes. */
    if ((image->in_bytes > (device->size[SYSTOLE_SIZE_IN_DEPTH] * cols)) ||
        (image->out_bytes > (device->size[SYSTOLE_SIZE_OUT_DEPTH] * cols))) {
        return SYSTOLE_TOO_LARGE;
    }
    return SYSTOLE_OK;
}

systole_result systole_upload_begin(systole_upload *upload, systole_device *device, uint32_t target)
{
    upload->device = device;
    upload->sent = 0U;
    upload->held = 0U;
    return systole_write_register(device, SYSTOLE_REG_UPLOAD_TARGET, target);
}

static systole_result send_words(systole_upload *upload, const uint8_t *bytes, size_t size)
{
    const systole_platform *platform = &upload->device->platform;
    upload->sent += size;
    return platform->send(platform->context, SYSTOLE_STREAM_IMAGE, bytes, size) ? SYSTOLE_OK : SYSTOLE_BUS;
}

systole_result systole_upload_bytes(systole_upload *upload, const uint8_t *bytes, size_t size)
{
    const size_t word = upload->device->size[SYSTOLE_SIZE_COLS];
    systole_result result = SYSTOLE_OK;
    size_t at = 0U;
    while ((at < size) && (result == SYSTOLE_OK)) {
        if ((upload->held == 0U) && ((size - at) >= word)) {
            /* Whole words go as they lie there. */
            const size_t whole = (size - at) - ((size - at) % word);
            result = send_words(upload, &bytes[at], whole);
            at += whole;
        } else {
            upload->word[upload->held] = bytes[at];
            upload->held += 1U;
            at += 1U;
            if (upload->held == word) {
                upload->held = 0U;
                result = send_words(upload, upload->word, word);
            }
        }
    }
    return result;
}

systole_result systole_upload_end(systole_upload *upload, size_t unit)
{
    static const uint8_t zero[1] = {0U};
    const uint32_t word = upload->device->size[SYSTOLE_SIZE_COLS];
    uint32_t taken = 0U;
    uint32_t looks = 0U;
    systole_result result = SYSTOLE_OK;
    while ((((upload->sent + upload->held) % unit) != 0U) && (result == SYSTOLE_OK)) {
        result = systole_upload_bytes(upload, zero, sizeof(zero));
    }
    /* The last words may still be on their way; a machine that takes no more says why. */
    while (result == SYSTOLE_OK) {
        result = systole_read_register(upload->device, SYSTOLE_REG_UPLOAD_COUNT, &taken);
        if ((result == SYSTOLE_OK) && (taken == (upload->sent / word))) {
            break;
        }
        if (result == SYSTOLE_OK) {
            result = systole_check(upload->device);
        }
        if (result == SYSTOLE_OK) {
            result = systole_again(upload->device, SYSTOLE_WAIT_RRAM, &looks);
        }
    }
    return (result == SYSTOLE_OK) ? systole_check(upload->device) : result;
}

static systole_result upload_parts(systole_device *device, uint32_t target, const systole_part *part, uint32_t parts, size_t unit)
{
    systole_upload upload;
    systole_result result = systole_upload_begin(&upload, device, target);
    uint32_t n;
    for (n = 0U; (n < parts) && (result == SYSTOLE_OK); n++) {
        result = systole_upload_bytes(&upload, part[n].bytes, part[n].size);
    }
    return (result == SYSTOLE_OK) ? systole_upload_end(&upload, unit) : result;
}

systole_result systole_take(systole_device *device, uint32_t in_bytes, uint32_t out_bytes)
{
    uint32_t runs = 0U;
    systole_result result = SYSTOLE_OK;
    if (device->size[SYSTOLE_SIZE_VEC_LANES] != 0U) {
        /* Runs that follow by themselves, and where they begin: as after reset. */
        result = systole_write_register(device, SYSTOLE_REG_AUTO, 0U);
        if (result == SYSTOLE_OK) {
            result = systole_write_register(device, SYSTOLE_REG_ENTRY, 0U);
        }
    }
    if (result == SYSTOLE_OK) {
        result = systole_write_register(device, SYSTOLE_REG_IRQ_STATUS, UINT32_MAX);
    }
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_RUNS, &runs);
    }
    device->waited = runs;
    device->ended = runs;
    device->error = SYSTOLE_ERROR_NONE;
    device->in_bytes = in_bytes;
    device->out_bytes = out_bytes;
    if (result == SYSTOLE_OK) {
        result = systole_write_register(device, SYSTOLE_REG_IRQ_ENABLE,
                                        SYSTOLE_IRQ_ENABLE_DONE_MASK | SYSTOLE_IRQ_ENABLE_ERROR_MASK | SYSTOLE_IRQ_ENABLE_POISON_MASK);
    }
    device->loaded = (result == SYSTOLE_OK);
    return result;
}

systole_result systole_load(systole_device *device, const systole_image *image)
{
    /* What is uploaded where; the words of the vector unit follow the lookup tables. */
    static const struct {
        uint8_t target;
        uint8_t part;
        uint8_t parts;
    } uploads[5] = {{SYSTOLE_UPLOAD_TIMETABLE, SYSTOLE_PART_TIMETABLE, 1U},
                    {SYSTOLE_UPLOAD_DESC, SYSTOLE_PART_DESCRIPTORS, 1U},
                    {SYSTOLE_UPLOAD_PARAM, SYSTOLE_PART_PARAMETERS, 1U},
                    {SYSTOLE_UPLOAD_LUT, SYSTOLE_PART_LUTS, 2U},
                    {SYSTOLE_UPLOAD_TAP, SYSTOLE_PART_TAPS, 1U}};
    const size_t word = device->size[SYSTOLE_SIZE_COLS];
    const size_t unit = (word < 8U) ? 8U : word;
    const size_t line = word * device->size[SYSTOLE_SIZE_ROWS];
    systole_result result = systole_fits(device, image);
    uint32_t n;

    if (result == SYSTOLE_OK) {
        device->loaded = false;
        result = systole_write_register(device, SYSTOLE_REG_ERROR_CLEAR, SYSTOLE_ERROR_CLEAR_CLEAR_MASK);
    }
    if (result == SYSTOLE_OK) {
        result = systole_rram_wait(device);
    }
    for (n = 0U; (n < 5U) && (result == SYSTOLE_OK); n++) {
        result = upload_parts(device, uploads[n].target, &image->part[uploads[n].part], uploads[n].parts, unit);
    }
    if ((result == SYSTOLE_OK) && systole_has_rram(device)) {
        result = systole_rram_open(device);
    }
    if (result == SYSTOLE_OK) {
        result = upload_parts(device, SYSTOLE_UPLOAD_RRAM, &image->part[SYSTOLE_PART_WEIGHTS], 1U, line);
    }
    if ((result == SYSTOLE_OK) && systole_has_rram(device)) {
        result = systole_rram_wait(device);
        if (result == SYSTOLE_OK) {
            result = systole_write_register(device, SYSTOLE_REG_RRAM_UNLOCK, 0U);
        }
        if (result == SYSTOLE_OK) {
            result = systole_check(device);
        }
    }
    if (result == SYSTOLE_OK) {
        result = systole_write_register(device, SYSTOLE_REG_IN_BYTES, image->in_bytes);
    }
    if (result == SYSTOLE_OK) {
        result = systole_write_register(device, SYSTOLE_REG_OUT_BYTES, image->out_bytes);
    }
    return (result == SYSTOLE_OK) ? systole_take(device, image->in_bytes, image->out_bytes) : result;
}

systole_result systole_send(systole_device *device, const uint8_t *frame)
{
    const systole_platform *platform = &device->platform;
    if (!device->loaded) {
        return SYSTOLE_NO_IMAGE;
    }
    if (device->in_bytes == 0U) {
        return SYSTOLE_OK;
    }
    return platform->send(platform->context, SYSTOLE_STREAM_INPUT, frame, device->in_bytes) ? SYSTOLE_OK : SYSTOLE_BUS;
}

systole_result systole_start(systole_device *device)
{
    return device->loaded ? systole_write_register(device, SYSTOLE_REG_START, SYSTOLE_START_RUN_MASK) : SYSTOLE_NO_IMAGE;
}

systole_result systole_poll(systole_device *device)
{
    uint32_t causes = 0U;
    uint32_t value = 0U;
    systole_result result = systole_read_register(device, SYSTOLE_REG_IRQ_STATUS, &causes);
    if ((result != SYSTOLE_OK) || (causes == 0U)) {
        return result;
    }
    /* Cleared before the counts are read: what comes from here on raises the interrupt again. */
    result = systole_write_register(device, SYSTOLE_REG_IRQ_STATUS, causes);
    if ((result == SYSTOLE_OK) && ((causes & SYSTOLE_IRQ_STATUS_DONE_MASK) != 0U)) {
        result = systole_read_register(device, SYSTOLE_REG_RUNS, &value);
        if (result == SYSTOLE_OK) {
            device->ended = value;
        }
    }
    if ((result == SYSTOLE_OK) && ((causes & (SYSTOLE_IRQ_STATUS_ERROR_MASK | SYSTOLE_IRQ_STATUS_POISON_MASK)) != 0U)) {
        result = systole_read_register(device, SYSTOLE_REG_ERROR, &value);
        if (result == SYSTOLE_OK) {
            device->error = value;
        }
    }
    return result;
}

systole_result systole_wait(systole_device *device)
{
    uint32_t looks = 0U;
    systole_result result = device->loaded ? SYSTOLE_OK : SYSTOLE_NO_IMAGE;
    while (result == SYSTOLE_OK) {
        if (!device->interrupts) {
            result = systole_poll(device);
            if (result != SYSTOLE_OK) {
                break;
            }
        }
        if (device->error != SYSTOLE_ERROR_NONE) {
            result = SYSTOLE_MACHINE;
        } else if (device->ended != device->waited) {
            device->waited += 1U;
            break;
        } else {
            result = systole_again(device, SYSTOLE_WAIT_RUN, &looks);
        }
    }
    return result;
}

systole_result systole_cycles(systole_device *device, uint64_t *cycles)
{
    uint32_t low = 0U;
    uint32_t high = 0U;
    systole_result result = systole_read_register(device, SYSTOLE_REG_CYCLES_LO, &low); /* latches the high word */
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_CYCLES_HI, &high);
    }
    *cycles = ((uint64_t)high << 32) | low;
    return result;
}

systole_result systole_receive(systole_device *device, uint8_t *frame)
{
    const systole_platform *platform = &device->platform;
    if (!device->loaded) {
        return SYSTOLE_NO_IMAGE;
    }
    if (device->out_bytes == 0U) {
        return SYSTOLE_OK;
    }
    return platform->receive(platform->context, frame, device->out_bytes) ? SYSTOLE_OK : SYSTOLE_BUS;
}

systole_result systole_run(systole_device *device, const uint8_t *input, uint8_t *output, uint64_t *cycles)
{
    systole_result result = systole_send(device, input);
    if (result == SYSTOLE_OK) {
        result = systole_start(device);
    }
    if (result == SYSTOLE_OK) {
        result = systole_wait(device);
    }
    if (result == SYSTOLE_OK) {
        result = systole_cycles(device, cycles);
    }
    return (result == SYSTOLE_OK) ? systole_receive(device, output) : result;
}

systole_result systole_recover(systole_device *device)
{
    uint32_t runs = 0U;
    systole_result result = systole_write_register(device, SYSTOLE_REG_START, SYSTOLE_START_ABANDON_MASK);
    if (result == SYSTOLE_OK) {
        result = systole_write_register(device, SYSTOLE_REG_ERROR_CLEAR, SYSTOLE_ERROR_CLEAR_CLEAR_MASK);
    }
    if (result == SYSTOLE_OK) {
        result = systole_write_register(device, SYSTOLE_REG_IRQ_STATUS, UINT32_MAX);
    }
    if (result == SYSTOLE_OK) {
        result = systole_read_register(device, SYSTOLE_REG_RUNS, &runs);
    }
    if (result == SYSTOLE_OK) {
        device->ended = runs;
        device->waited = runs;
        device->error = SYSTOLE_ERROR_NONE;
    }
    return result;
}
