/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver on a bare machine: the chip's registers at an address, its streams behind two word ports as a small SoC has them, the
 * interrupt asked for. Addresses and ports are this example's; put your own there. It compiles without a C library:
 *   riscv64-linux-gnu-gcc -march=rv32imac -mabi=ilp32 -std=c99 -ffreestanding -nostdlib -Os -Iinclude ..
 *     example/main.c example/image.c src/systole.c src/systole_image.c src/systole_rram.c -lgcc
 */
#include "systole.h"

/* Where this SoC has what belongs to the chip. */
#define REGISTERS 0x40000000U /* AXI4-Lite of the chip */
#define PORTS 0x40010000U     /* a FIFO in front of each stream, 32 bits wide, that packs and unpacks words of C bytes */
#define PORT_IMAGE 0x00U      /* write: four bytes of the image stream */
#define PORT_INPUT 0x04U      /* write: four bytes of an input frame */
#define PORT_INPUT_LAST 0x08U /* write: the frame's last one to four bytes; how many, in PORT_INPUT_BYTES before */
#define PORT_INPUT_BYTES 0x0cU
#define PORT_OUTPUT 0x10U     /* read: four bytes of an output frame, the last ones filled up */
#define PORT_SPACE 0x14U      /* read: bit 0: the inputs take four bytes, bit 1: the output has four */

/* An image made by `systole compile`, put into the program by the linker or by `xxd -i`, and an input frame. */
extern const uint8_t image_file[];
extern const size_t image_size;

static volatile uint32_t *port(uint32_t base, uint32_t offset)
{
    return (volatile uint32_t *)(uintptr_t)(base + offset);
}

static bool read32(void *context, uint32_t offset, uint32_t *value)
{
    (void)context;
    *value = *port(REGISTERS, offset); /* a bus error of this SoC is an exception: there is nothing to return */
    return true;
}

static bool write32(void *context, uint32_t offset, uint32_t value)
{
    (void)context;
    *port(REGISTERS, offset) = value;
    return true;
}

static bool send(void *context, systole_stream stream, const uint8_t *bytes, size_t size)
{
    size_t at = 0U;
    (void)context;
    while (at < size) {
        const size_t count = ((size - at) < 4U) ? (size - at) : 4U;
        uint32_t word = 0U;
        size_t n;
        for (n = 0U; n < count; n++) {
            word |= (uint32_t)bytes[at + n] << (8U * n);
        }
        at += count;
        while ((*port(PORTS, PORT_SPACE) & 1U) == 0U) {
        }
        if (stream == SYSTOLE_STREAM_IMAGE) {
            *port(PORTS, PORT_IMAGE) = word;
        } else if (at < size) {
            *port(PORTS, PORT_INPUT) = word;
        } else {
            *port(PORTS, PORT_INPUT_BYTES) = (uint32_t)count;
            *port(PORTS, PORT_INPUT_LAST) = word;
        }
    }
    return true;
}

static bool receive(void *context, uint8_t *bytes, size_t size)
{
    size_t at = 0U;
    (void)context;
    while (at < size) {
        uint32_t word;
        size_t n;
        while ((*port(PORTS, PORT_SPACE) & 2U) == 0U) {
        }
        word = *port(PORTS, PORT_OUTPUT);
        for (n = 0U; (n < 4U) && (at < size); n++) {
            bytes[at] = (uint8_t)(word >> (8U * n));
            at++;
        }
    }
    return true;
}

#define FRAME_MAX 1024U

int main(void)
{
    static systole_device device;
    static uint8_t input[FRAME_MAX];
    static uint8_t output[FRAME_MAX];
    systole_platform platform;
    systole_image image;
    uint64_t cycles = 0U;
    systole_result result;

    platform.context = NULL;
    platform.read32 = read32;
    platform.write32 = write32;
    platform.send = send;
    platform.receive = receive;
    platform.idle = NULL;

    result = systole_open(&device, &platform);
    device.patience = 1000000U;
    if (result == SYSTOLE_OK) {
        result = systole_image_read(&image, image_file, image_size);
    }
    if ((result == SYSTOLE_OK) && ((image.in_bytes > FRAME_MAX) || (image.out_bytes > FRAME_MAX))) {
        result = SYSTOLE_TOO_LARGE;
    }
    if (result == SYSTOLE_OK) {
        /* A chip with RRAM may be awake with this image already. */
        result = systole_adopt(&device, &image);
        if (result != SYSTOLE_OK) {
            result = systole_load(&device, &image);
        }
    }
    if (result == SYSTOLE_OK) {
        input[systole_element(&image.input, 0U, 0U)] = 1U;
        result = systole_run(&device, input, output, &cycles);
    }
    return (result == SYSTOLE_OK) ? (int)output[systole_element(&image.output, 0U, 0U)] : -(int)result;
}
