/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for the Systole chip that asks nothing of its platform but four functions: C99, freestanding, no memory of its own.
 * docs/integrating.md shows it in use. One device is used by one task at a time; systole_poll() may also be called from the
 * interrupt's handler, where `interrupts` of the device says so.
 */
#ifndef SYSTOLE_H
#define SYSTOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "systole_regs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a function ended. */
typedef enum {
    SYSTOLE_OK = 0,
    SYSTOLE_BUS,         /* a function of the platform failed */
    SYSTOLE_NOT_SYSTOLE, /* the register ID says something else */
    SYSTOLE_OTHER_ISA,   /* hardware, driver and image are not made from the same tables */
    SYSTOLE_OTHER_MACHINE, /* the image is for another configuration */
    SYSTOLE_BAD_IMAGE,   /* no image, another format, cut short or damaged */
    SYSTOLE_TOO_LARGE,   /* the image's frames, tables or lines are more than the machine holds */
    SYSTOLE_MACHINE,     /* the machine has an error: `error` of the device is its register ERROR */
    SYSTOLE_LATE,        /* `patience` of the device ran out */
    SYSTOLE_NO_IMAGE,    /* nothing is loaded or awake */
    SYSTOLE_OTHER_IMAGE  /* another image is awake */
} systole_result;

/* The two streams into the chip. */
typedef enum {
    SYSTOLE_STREAM_IMAGE, /* s_axis_img: whole words, no TLAST */
    SYSTOLE_STREAM_INPUT  /* s_axis_in: a frame, TLAST with its last word, TKEEP of what is left in it */
} systole_stream;

/* What is waited for. */
typedef enum {
    SYSTOLE_WAIT_RUN,  /* the end of a run, an error, or poison; each raises the interrupt */
    SYSTOLE_WAIT_RRAM  /* the RRAM controller or the last words of a section: no interrupt comes, registers are asked again */
} systole_waiting;

/* What the driver needs. Each function returns whether it worked; `context` is handed on as it is. */
typedef struct {
    void *context;
    /* A register at a byte offset. false where the chip answers SLVERR, too. */
    bool (*read32)(void *context, uint32_t offset, uint32_t *value);
    bool (*write32)(void *context, uint32_t offset, uint32_t value);
    /* Sends bytes, C a word (C: COLS), the first in the lowest byte. When it returns the bytes may change: the chip has taken them, or
     * they are copied. */
    bool (*send)(void *context, systole_stream stream, const uint8_t *bytes, size_t size);
    /* Receives an output frame of so many bytes from m_axis_out. */
    bool (*receive)(void *context, uint8_t *bytes, size_t size);
    /* May be NULL. Called again and again while something is waited for: to sleep until the interrupt, to let other tasks run. */
    bool (*idle)(void *context, systole_waiting waiting);
} systole_platform;

/* A machine. Made by systole_open(); to be read, not written, but for what is said. */
typedef struct {
    systole_platform platform;
    uint32_t size[SYSTOLE_SIZES]; /* by SYSTOLE_SIZE_.. */
    uint32_t machine;             /* register CONFIG */
    uint32_t patience;            /* to be written: looks at a register before SYSTOLE_LATE; 0: without end */
    bool interrupts;              /* to be written: the handler of the interrupt calls systole_poll(), nobody else does */
    bool loaded;                  /* an image is loaded or awake */
    uint32_t in_bytes;            /* of its frames */
    uint32_t out_bytes;
    uint32_t waited;              /* runs that were waited for */
    volatile uint32_t ended;      /* register RUNS, as systole_poll() saw it */
    volatile uint32_t error;      /* register ERROR, likewise */
} systole_device;

/* Where the elements of a matrix lie in a frame (docs/isa.md). */
typedef struct {
    uint32_t rows;
    uint32_t cols;
    uint32_t bytes; /* of an element: 1 (int8) or 4 (int32, little endian) */
    uint32_t offset;
    uint32_t row_pitch;
    uint32_t tile;
    uint32_t tile_pitch;
} systole_tensor;

/* Bytes of an image file. */
typedef struct {
    const uint8_t *bytes;
    size_t size;
} systole_part;

/* Sections of an image, in the order of a slot. LUTs and the words of the vector unit are one. */
#define SYSTOLE_PART_WEIGHTS 0U
#define SYSTOLE_PART_TIMETABLE 1U
#define SYSTOLE_PART_DESCRIPTORS 2U
#define SYSTOLE_PART_PARAMETERS 3U
#define SYSTOLE_PART_LUTS 4U
#define SYSTOLE_PART_VECTOR 5U
#define SYSTOLE_PART_TAPS 6U
#define SYSTOLE_PARTS 7U

/* An image in memory. Its parts are those of the file, which has to stay where it is. */
typedef struct {
    uint32_t fingerprint;
    uint32_t machine; /* number of the configuration, WEIGHT_BEATS << 8, of one's own sizes a hash << 16 */
    uint32_t in_bytes;
    uint32_t out_bytes;
    systole_part part[SYSTOLE_PARTS];
    systole_tensor input;
    systole_tensor output;
} systole_image;

/* CRC-32 (IEEE) of bytes behind others whose CRC is `crc`; 0 to begin with. */
uint32_t systole_crc32(uint32_t crc, const uint8_t *bytes, size_t size);

/* Reads an image file, and checks its CRC. SYSTOLE_BAD_IMAGE, SYSTOLE_OTHER_ISA. */
systole_result systole_image_read(systole_image *image, const uint8_t *file, size_t size);

/* First byte of element (row, col) in a frame. */
size_t systole_element(const systole_tensor *tensor, uint32_t row, uint32_t col);

/* Identifies the machine: ID, fingerprint, sizes. */
systole_result systole_open(systole_device *device, const systole_platform *platform);

/* Whether an image is for this machine and fits into it. */
systole_result systole_fits(const systole_device *device, const systole_image *image);

/* Uploads an image and makes it the one that runs. Its weights go to the slot of RRAM that does not hold the newest image. */
systole_result systole_load(systole_device *device, const systole_image *image);

/* Sends an input frame of in_bytes; nothing where a program has none. While a run is on, the next run's may be sent. */
systole_result systole_send(systole_device *device, const uint8_t *frame);

/* Starts a run. It launches when its input is there; one more may be started while it is on. */
systole_result systole_start(systole_device *device);

/* Looks whether something happened, and notes it in the device: for the interrupt's handler, or for a loop of one's own. Takes the
 * interrupt away. */
systole_result systole_poll(systole_device *device);

/* Waits for the end of the first run that was not waited for. SYSTOLE_MACHINE where there is an error instead. */
systole_result systole_wait(systole_device *device);

/* Cycles of the last run, from launch to its end. */
systole_result systole_cycles(systole_device *device, uint64_t *cycles);

/* Receives the output frame of a run, out_bytes; nothing where a program has none. */
systole_result systole_receive(systole_device *device, uint8_t *frame);

/* All of a run: send, start, wait, receive. */
systole_result systole_run(systole_device *device, const uint8_t *input, uint8_t *output, uint64_t *cycles);

/* Reads the register ERROR: SYSTOLE_MACHINE where the machine has one. */
systole_result systole_check(systole_device *device);

/* Clears the machine's error, abandons starts that wait, drops input that was received. Frames may be sent again then. */
systole_result systole_recover(systole_device *device);

/* Waits until the RRAM controller is idle: after reset it looks for an image. At once where there is none. */
systole_result systole_rram_wait(systole_device *device);

/* Wakes the newest image in RRAM, its program and, unless `warm`, with a check of every line. */
systole_result systole_wake(systole_device *device, bool warm);

/* Takes the image that is awake, as after reset, for the one that runs. `image` is the one that is expected, or NULL for any. */
systole_result systole_adopt(systole_device *device, const systole_image *image);

/* Writes an image into the slot of RRAM that does not hold the newest one, and commits it: from then on it wakes. A power cut leaves
 * the one or the other. */
systole_result systole_program(systole_device *device, const systole_image *image);

#ifdef __cplusplus
}
#endif

#endif
