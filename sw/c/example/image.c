/* SPDX-License-Identifier: Apache-2.0 */
/* Stands for the image that a build puts into the program: `xxd -i`, or an object file made by the linker. It is none, and refused. */
#include <stddef.h>
#include <stdint.h>

extern const uint8_t image_file[];
extern const size_t image_size;

const uint8_t image_file[4] = {0U, 0U, 0U, 0U};
const size_t image_size = sizeof(image_file);
