// SPDX-License-Identifier: Apache-2.0
//! The functions of the driver. Its structures stay C's own: here they are memory of the size that C says.

use crate::{Failure, Platform, Stream, Waiting};
use std::ffi::{c_uint, c_void};
use std::marker::PhantomData;

#[repr(C)]
struct RawPlatform {
    context: *mut c_void,
    read32: extern "C" fn(*mut c_void, u32, *mut u32) -> bool,
    write32: extern "C" fn(*mut c_void, u32, u32) -> bool,
    send: extern "C" fn(*mut c_void, c_uint, *const u8, usize) -> bool,
    receive: extern "C" fn(*mut c_void, *mut u8, usize) -> bool,
    idle: Option<extern "C" fn(*mut c_void, c_uint) -> bool>,
}

type Raw = *mut u64;

unsafe extern "C" {
    fn systole_crc32(crc: u32, bytes: *const u8, size: usize) -> u32;
    fn systole_image_read(image: Raw, file: *const u8, size: usize) -> c_uint;
    fn systole_open(device: Raw, platform: *const RawPlatform) -> c_uint;
    fn systole_load(device: Raw, image: *const u64) -> c_uint;
    fn systole_send(device: Raw, frame: *const u8) -> c_uint;
    fn systole_start(device: Raw) -> c_uint;
    fn systole_poll(device: Raw) -> c_uint;
    fn systole_wait(device: Raw) -> c_uint;
    fn systole_cycles(device: Raw, cycles: *mut u64) -> c_uint;
    fn systole_receive(device: Raw, frame: *mut u8) -> c_uint;
    fn systole_run(device: Raw, input: *const u8, output: *mut u8, cycles: *mut u64) -> c_uint;
    fn systole_check(device: Raw) -> c_uint;
    fn systole_recover(device: Raw) -> c_uint;
    fn systole_rram_wait(device: Raw) -> c_uint;
    fn systole_wake(device: Raw, warm: bool) -> c_uint;
    fn systole_adopt(device: Raw, image: *const u64) -> c_uint;
    fn systole_program(device: Raw, image: *const u64) -> c_uint;
    fn glue_device_bytes() -> usize;
    fn glue_image_bytes() -> usize;
    fn glue_set(device: Raw, patience: u32, interrupts: bool);
    fn glue_error(device: *const u64) -> u32;
    fn glue_size(device: *const u64, number: u32) -> u32;
    fn glue_frames(device: *const u64, in_bytes: *mut u32, out_bytes: *mut u32);
    fn glue_element(image: *const u64, output: bool, row: u32, col: u32) -> usize;
}

/// CRC-32 of bytes behind others whose CRC is `crc`, as the driver computes it.
pub fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    // SAFETY: the driver reads `size` bytes.
    unsafe { systole_crc32(crc, bytes.as_ptr(), bytes.len()) }
}

/// Memory for a structure of C, zeroed.
fn memory(bytes: usize) -> Box<[u64]> {
    vec![0; bytes.div_ceil(8)].into()
}

fn ended(code: c_uint, error: u32) -> Result<(), Failure> {
    Err(match code {
        0 => return Ok(()),
        1 => Failure::Bus,
        2 => Failure::NotSystole,
        3 => Failure::OtherIsa,
        4 => Failure::OtherMachine,
        5 => Failure::BadImage,
        6 => Failure::TooLarge,
        7 => Failure::Machine(error),
        8 => Failure::Late,
        9 => Failure::NoImage,
        10 => Failure::OtherImage,
        other => unreachable!("systole_result {other}"),
    })
}

/// A `systole_image`.
pub struct Image<'a> {
    memory: Box<[u64]>,
    file: PhantomData<&'a [u8]>,
}

impl<'a> Image<'a> {
    /// `systole_image_read`.
    ///
    /// # Errors
    /// [`Failure::BadImage`], [`Failure::OtherIsa`].
    pub fn read(file: &'a [u8]) -> Result<Image<'a>, Failure> {
        // SAFETY: the memory is of the structure's size and alignment; the driver keeps pointers into `file`, which lives longer.
        unsafe {
            let mut memory = memory(glue_image_bytes());
            ended(systole_image_read(memory.as_mut_ptr(), file.as_ptr(), file.len()), 0)?;
            Ok(Image { memory, file: PhantomData })
        }
    }

    /// `systole_element` of the input tensor or the output tensor.
    pub fn element(&self, output: bool, row: u32, col: u32) -> usize {
        // SAFETY: a structure that systole_image_read filled.
        unsafe { glue_element(self.memory.as_ptr(), output, row, col) }
    }
}

struct Context {
    platform: Box<dyn Platform>,
    device: Raw,
}

extern "C" fn read32(context: *mut c_void, offset: u32, value: *mut u32) -> bool {
    // SAFETY: `context` is that of the device that calls, `value` the driver's own.
    unsafe {
        match (*context.cast::<Context>()).platform.read32(offset) {
            Some(read) => {
                *value = read;
                true
            }
            None => false,
        }
    }
}

extern "C" fn write32(context: *mut c_void, offset: u32, value: u32) -> bool {
    // SAFETY: as above.
    unsafe { (*context.cast::<Context>()).platform.write32(offset, value) }
}

extern "C" fn send(context: *mut c_void, stream: c_uint, bytes: *const u8, size: usize) -> bool {
    let stream = if stream == 0 { Stream::Image } else { Stream::Input };
    // SAFETY: as above, and `size` bytes are the driver's.
    unsafe { (*context.cast::<Context>()).platform.send(stream, std::slice::from_raw_parts(bytes, size)) }
}

extern "C" fn receive(context: *mut c_void, bytes: *mut u8, size: usize) -> bool {
    // SAFETY: as above.
    unsafe { (*context.cast::<Context>()).platform.receive(std::slice::from_raw_parts_mut(bytes, size)) }
}

extern "C" fn idle(context: *mut c_void, waiting: c_uint) -> bool {
    let waiting = if waiting == 0 { Waiting::Run } else { Waiting::Rram };
    // SAFETY: as above. The handler of an interrupt is called as on one core: the driver stands still meanwhile.
    unsafe {
        let device = (*context.cast::<Context>()).device;
        match (*context.cast::<Context>()).platform.idle(waiting) {
            Some(true) => systole_poll(device) == 0,
            Some(false) => true,
            None => false,
        }
    }
}

/// A `systole_device`.
pub struct Device {
    raw: Raw,
    bytes: usize,
    context: *mut Context,
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: both were made by `Device::open`, and nobody else has them.
        unsafe {
            drop(Box::from_raw(self.context));
            drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.raw, self.bytes.div_ceil(8))));
        }
    }
}

impl Device {
    /// `systole_open`, then `patience` and `interrupts` of the device.
    ///
    /// # Errors
    /// What the driver says.
    pub fn open(platform: Box<dyn Platform>, patience: u32, interrupts: bool) -> Result<Device, Failure> {
        // SAFETY: memory of the structure's size; the context lives as long as the device.
        unsafe {
            let bytes = glue_device_bytes();
            let raw = Box::into_raw(memory(bytes)).cast::<u64>();
            let context = Box::into_raw(Box::new(Context { platform, device: raw }));
            let device = Device { raw, bytes, context };
            let platform = RawPlatform { context: context.cast(), read32, write32, send, receive, idle: Some(idle) };
            device.ended(systole_open(raw, &platform))?;
            glue_set(raw, patience, interrupts);
            Ok(device)
        }
    }

    fn ended(&self, code: c_uint) -> Result<(), Failure> {
        // SAFETY: a structure that systole_open filled.
        ended(code, unsafe { glue_error(self.raw) })
    }

    /// Writes a register beside the driver, as its user would: the platform's own function.
    pub fn write32(&mut self, offset: u32, value: u32) -> bool {
        // SAFETY: the context lives as long as the device, and the driver is not at work.
        unsafe { (*self.context).platform.write32(offset, value) }
    }

    /// A size of the machine, by its number in `SYSTOLE_SIZE_LIST`.
    pub fn size(&self, number: u32) -> u32 {
        // SAFETY: the driver's own array.
        unsafe { glue_size(self.raw, number) }
    }

    /// Bytes of an input and of an output frame.
    pub fn frames(&self) -> (usize, usize) {
        let (mut input, mut output) = (0, 0);
        // SAFETY: as above.
        unsafe { glue_frames(self.raw, &mut input, &mut output) };
        (input as usize, output as usize)
    }

    /// `systole_load`.
    ///
    /// # Errors
    /// What the driver says, here and below.
    pub fn load(&mut self, image: &Image) -> Result<(), Failure> {
        // SAFETY: both structures were filled by the driver.
        self.ended(unsafe { systole_load(self.raw, image.memory.as_ptr()) })
    }

    /// `systole_send`.
    ///
    /// # Errors
    /// As [`Device::load`].
    ///
    /// # Panics
    /// When the frame is not as long as an input frame.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), Failure> {
        assert_eq!(frame.len(), self.frames().0);
        // SAFETY: the driver reads a frame.
        self.ended(unsafe { systole_send(self.raw, frame.as_ptr()) })
    }

    /// `systole_start`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn start(&mut self) -> Result<(), Failure> {
        // SAFETY: as above.
        self.ended(unsafe { systole_start(self.raw) })
    }

    /// `systole_wait`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn wait(&mut self) -> Result<(), Failure> {
        // SAFETY: as above.
        self.ended(unsafe { systole_wait(self.raw) })
    }

    /// `systole_cycles`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn cycles(&mut self) -> Result<u64, Failure> {
        let mut cycles = 0;
        // SAFETY: as above.
        self.ended(unsafe { systole_cycles(self.raw, &mut cycles) }).map(|()| cycles)
    }

    /// `systole_receive`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn receive(&mut self) -> Result<Vec<u8>, Failure> {
        let mut frame = vec![0; self.frames().1];
        // SAFETY: the driver writes a frame.
        self.ended(unsafe { systole_receive(self.raw, frame.as_mut_ptr()) }).map(|()| frame)
    }

    /// `systole_run`: the output frame and its cycles.
    ///
    /// # Errors
    /// As [`Device::load`].
    ///
    /// # Panics
    /// As [`Device::send`].
    pub fn run(&mut self, input: &[u8]) -> Result<(Vec<u8>, u64), Failure> {
        let (expected, output) = self.frames();
        assert_eq!(input.len(), expected);
        let (mut frame, mut cycles) = (vec![0; output], 0);
        // SAFETY: frames of those lengths.
        let code = unsafe { systole_run(self.raw, input.as_ptr(), frame.as_mut_ptr(), &mut cycles) };
        self.ended(code).map(|()| (frame, cycles))
    }

    /// `systole_check`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn check(&mut self) -> Result<(), Failure> {
        // SAFETY: as above.
        self.ended(unsafe { systole_check(self.raw) })
    }

    /// `systole_recover`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn recover(&mut self) -> Result<(), Failure> {
        // SAFETY: as above.
        self.ended(unsafe { systole_recover(self.raw) })
    }

    /// `systole_rram_wait`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn rram_wait(&mut self) -> Result<(), Failure> {
        // SAFETY: as above.
        self.ended(unsafe { systole_rram_wait(self.raw) })
    }

    /// `systole_wake`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn wake(&mut self, warm: bool) -> Result<(), Failure> {
        // SAFETY: as above.
        self.ended(unsafe { systole_wake(self.raw, warm) })
    }

    /// `systole_adopt`, of this image or of any.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn adopt(&mut self, image: Option<&Image>) -> Result<(), Failure> {
        // SAFETY: as above; NULL is for any image.
        self.ended(unsafe { systole_adopt(self.raw, image.map_or(std::ptr::null(), |i| i.memory.as_ptr())) })
    }

    /// `systole_program`.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn program(&mut self, image: &Image) -> Result<(), Failure> {
        // SAFETY: as above.
        self.ended(unsafe { systole_program(self.raw, image.memory.as_ptr()) })
    }
}
