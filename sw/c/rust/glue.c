/* SPDX-License-Identifier: Apache-2.0 */
/* What Rust needs to know of the driver's types: their sizes, and some of their fields. */
#include "systole.h"

size_t glue_device_bytes(void);
size_t glue_image_bytes(void);
void glue_set(systole_device *device, uint32_t patience, bool interrupts);
uint32_t glue_error(const systole_device *device);
uint32_t glue_size(const systole_device *device, uint32_t number);
void glue_frames(const systole_device *device, uint32_t *in_bytes, uint32_t *out_bytes);
size_t glue_element(const systole_image *image, bool output, uint32_t row, uint32_t col);

size_t glue_device_bytes(void)
{
    return sizeof(systole_device);
}

size_t glue_image_bytes(void)
{
    return sizeof(systole_image);
}

void glue_set(systole_device *device, uint32_t patience, bool interrupts)
{
    device->patience = patience;
    device->interrupts = interrupts;
}

uint32_t glue_error(const systole_device *device)
{
    return device->error;
}

uint32_t glue_size(const systole_device *device, uint32_t number)
{
    return device->size[number];
}

void glue_frames(const systole_device *device, uint32_t *in_bytes, uint32_t *out_bytes)
{
    *in_bytes = device->in_bytes;
    *out_bytes = device->out_bytes;
}

size_t glue_element(const systole_image *image, bool output, uint32_t row, uint32_t col)
{
    return systole_element(output ? &image->output : &image->input, row, col);
}
