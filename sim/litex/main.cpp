// SPDX-License-Identifier: Apache-2.0
// A clock for the system that LiteX made, and an end for one that hangs.
#include "Vtop.h"
#include "verilated.h"
#include <cstdio>

int main() {
  VerilatedContext context;
  Vtop top{&context};
  for (int step = 0; step < 40000 && !context.gotFinish(); step++) {
    top.sys_clk = step & 1;
    top.eval();
    context.timeInc(1);
  }
  if (!context.gotFinish()) std::puts("FAIL: no end in 20000 cycles");
  return 0;
}
