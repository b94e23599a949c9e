// SPDX-License-Identifier: Apache-2.0
// The host of the system that LiteX made: plays a script of `systole script` (docs/simulators.md) on its ports, registers through LiteX's
// interconnect, and compares registers and output frames. Ends with PASS or FAIL.
//   run SCRIPT
#include "Vtop.h"
#include "verilated.h"
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <string>

namespace {

constexpr uint32_t BASE = 0x40000000;
constexpr int COLS = sizeof(IData);  // bytes of a stream's word: the system's ports have 32 bits
constexpr int POLLS = 20000;         // reads of a register until it has its value
constexpr int LIMIT = 2000;          // cycles until something answers

VerilatedContext context;
Vtop top{&context};
uint64_t cycle = 0;
int steps = 0, frames = 0;

[[noreturn]] void fail(const char *what) {
  std::printf("FAIL: %s in cycle %llu, step %d\n", what, (unsigned long long)cycle, steps);
  std::exit(0);
}

void tick() {
  for (int level : {1, 0}) {
    top.sys_clk = level;
    top.eval();
    context.timeInc(1);
  }
  cycle++;
}

// Ticks in which `valid` is offered until it is taken; `ready` is looked at in front of the edge.
template <typename Valid, typename Ready> void offer(Valid &valid, const Ready &ready, const char *what) {
  valid = 1;
  top.eval();
  for (int n = 0; !ready; n++) {
    if (n == LIMIT) fail(what);
    tick();
  }
  tick();
  valid = 0;
  top.eval();
}

template <typename Valid> void await(const Valid &valid, const char *what) {
  for (int n = 0; !valid; n++) {
    if (n == LIMIT) fail(what);
    tick();
  }
}

void write(uint32_t offset, uint32_t value) {
  top.host_awaddr = BASE + offset;
  top.host_wdata = value;
  top.host_wstrb = 0xf;
  top.host_awvalid = top.host_wvalid = 1;
  top.eval();
  for (int n = 0; top.host_awvalid || top.host_wvalid; n++) {
    if (n == LIMIT) fail("a write is not taken");
    bool address = top.host_awready, data = top.host_wready;
    tick();
    if (address) top.host_awvalid = 0;
    if (data) top.host_wvalid = 0;
    top.eval();
  }
  top.host_bready = 1;
  top.eval();
  await(top.host_bvalid, "a write is not answered");
  if (top.host_bresp != 0) fail("a write is refused");
  tick();
  top.host_bready = 0;
  top.eval();
}

uint32_t read(uint32_t offset) {
  top.host_araddr = BASE + offset;
  offer(top.host_arvalid, top.host_arready, "a read is not taken");
  top.host_rready = 1;
  top.eval();
  await(top.host_rvalid, "a read is not answered");
  uint32_t value = top.host_rdata;
  if (top.host_rresp != 0) fail("a read is refused");
  tick();
  top.host_rready = 0;
  top.eval();
  return value;
}

uint32_t word(std::ifstream &script) {
  std::string name;
  uint32_t value;
  if (!(script >> name >> std::hex >> value) || name != "d") fail("the script ends in the middle of words");
  return value;
}

void step(const std::string &name, std::ifstream &script) {
  auto number = [&] {
    uint32_t n;
    if (!(script >> std::hex >> n)) fail("a step without its numbers");
    return n;
  };
  if (name == "w") {
    uint32_t offset = number();
    write(offset, number());
  } else if (name == "r") {
    uint32_t offset = number(), value = number(), mask = number(), seen = read(offset);
    for (int n = 0; n < POLLS && (seen & mask) != value; n++) seen = read(offset);
    if ((seen & mask) != value) fail("a register");
  } else if (name == "m") {
    for (uint32_t n = number(); n > 0; n--) {
      top.img_tdata = word(script);
      offer(top.img_tvalid, top.img_tready, "a word of the image is not taken");
    }
  } else if (name == "i") {
    uint32_t words = number(), last = number();
    for (uint32_t n = 1; n <= words; n++) {
      top.in_tdata = word(script);
      top.in_tlast = n == words;
      top.in_tkeep = (1 << (n == words ? last : COLS)) - 1;
      offer(top.in_tvalid, top.in_tready, "a word of a frame is not taken");
    }
  } else if (name == "o") {
    uint32_t words = number(), last = number();
    for (uint32_t n = 1; n <= words; n++) {
      uint32_t want = word(script), bits = 8 * (n == words ? last : COLS);
      uint32_t kept = bits == 32 ? ~0u : (1u << bits) - 1;
      await(top.out_tvalid, "no output word");
      if (((top.out_tdata ^ want) & kept) != 0) fail("an output word");
      if (top.out_tlast != (n == words)) fail("the length of an output frame");
      top.out_tready = 1;
      tick();
      top.out_tready = 0;
      top.eval();
    }
    frames++;
  } else if (name == "p") {
    for (uint32_t n = number(); n > 0; n--) tick();
  } else if (name == "q") {
    for (uint32_t n = number(); n > 0 && !top.irq; n--) tick();
    if (!top.irq) fail("no interrupt");
  } else {
    fail("a step that is none");
  }
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) fail("run SCRIPT");
  std::ifstream script(argv[1]);
  if (!script) fail("cannot read the script");
  for (int n = 0; n < 16; n++) tick();
  for (std::string name; script >> name;) {
    steps++;
    step(name, script);
  }
  if (steps == 0) fail("an empty script");
  std::printf("PASS: %d steps, %d output frames, %llu cycles\n", steps, frames, (unsigned long long)cycle);
  return 0;
}
