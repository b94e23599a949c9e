// SPDX-License-Identifier: Apache-2.0
// Written by `make gen` from sw/isa; do not edit.
// Bit ranges of instruction words, registers, sizes of the named configurations.
`ifndef SYSTOLE_ISA_VH
`define SYSTOLE_ISA_VH

`define SYSTOLE_FINGERPRINT 32'h7891e0c9
`define SYSTOLE_ID_VALUE 32'h53595354

`define SYSTOLE_UNIT_END 4'd0
`define SYSTOLE_UNIT_MATMUL 4'd1
`define SYSTOLE_UNIT_POST 4'd2
`define SYSTOLE_UNIT_LOAD 4'd3
`define SYSTOLE_UNIT_STORE 4'd4
`define SYSTOLE_UNIT_SCRUB 4'd5
`define SYSTOLE_LOOPS_MATMUL 7
`define SYSTOLE_LOOPS_POST 4
`define SYSTOLE_LOOPS_LOAD 4
`define SYSTOLE_LOOPS_STORE 4

`define SYSTOLE_ROW_CYCLE 31:0
`define SYSTOLE_ROW_DESC 47:32
`define SYSTOLE_ROW_WORDS 51:48
`define SYSTOLE_ROW_UNIT 55:52

`define SYSTOLE_LOOP_LAST 13:0
`define SYSTOLE_LOOP_GAP 21:14
`define SYSTOLE_LOOP_D0 39:22
`define SYSTOLE_LOOP_D1 57:40
`define SYSTOLE_LOOP_D2 75:58
`define SYSTOLE_LOOP_D3 87:76
`define SYSTOLE_LOOP_D4 99:88

`define SYSTOLE_MATMUL_X_BASE 15:0
`define SYSTOLE_MATMUL_W_BASE 31:16
`define SYSTOLE_MATMUL_ACC_BASE 43:32
`define SYSTOLE_MATMUL_W_SRAM 44:44
`define SYSTOLE_MATMUL_HOLD 47:45
`define SYSTOLE_MATMUL_REDUCE 54:48
`define SYSTOLE_MATMUL_FIRST 55:55
`define SYSTOLE_MATMUL_LAST_EN 56:56
`define SYSTOLE_MATMUL_PAD_EN 57:57
`define SYSTOLE_MATMUL_PAD_VALUE 65:58
`define SYSTOLE_MATMUL_Y_BASE 77:66
`define SYSTOLE_MATMUL_X_INDEX_BASE 89:78
`define SYSTOLE_MATMUL_Y_SIZE 100:90
`define SYSTOLE_MATMUL_X_SIZE 111:101
`define SYSTOLE_MATMUL_LOOPS 114:112

`define SYSTOLE_POST_DST_BASE 15:0
`define SYSTOLE_POST_PARAM_BASE 31:16
`define SYSTOLE_POST_RES_BASE 47:32
`define SYSTOLE_POST_DEST 50:48
`define SYSTOLE_POST_MODE 51:51
`define SYSTOLE_POST_ZERO_POINT 59:52
`define SYSTOLE_POST_LO 67:60
`define SYSTOLE_POST_HI 75:68
`define SYSTOLE_POST_LUT_EN 76:76
`define SYSTOLE_POST_LUT 80:77
`define SYSTOLE_POST_RES_EN 81:81
`define SYSTOLE_POST_LOOPS 114:112

`define SYSTOLE_RESIDUAL_MA 25:0
`define SYSTOLE_RESIDUAL_MB 51:26
`define SYSTOLE_RESIDUAL_OFFSET 99:52
`define SYSTOLE_RESIDUAL_SHIFT 105:100

`define SYSTOLE_LOAD_DST_BASE 15:0
`define SYSTOLE_LOAD_SRC_BASE 33:16
`define SYSTOLE_LOAD_ROTATE 38:34
`define SYSTOLE_LOAD_MASK 70:39
`define SYSTOLE_LOAD_FILL_EN 71:71
`define SYSTOLE_LOAD_FILL 79:72
`define SYSTOLE_LOAD_LOOPS 114:112

`define SYSTOLE_STORE_DST_BASE 15:0
`define SYSTOLE_STORE_SRC_BASE 31:16
`define SYSTOLE_STORE_LOOPS 114:112

`define SYSTOLE_PARAM_BIAS 31:0
`define SYSTOLE_PARAM_Q 55:32
`define SYSTOLE_PARAM_SHIFT 61:56

`define SYSTOLE_REG_ID 8'h00
`define SYSTOLE_REG_FINGERPRINT 8'h04
`define SYSTOLE_REG_CONFIG 8'h08
`define SYSTOLE_REG_GEOMETRY 8'h0c
`define SYSTOLE_REG_X_DEPTH 8'h10
`define SYSTOLE_REG_W_SRAM_DEPTH 8'h14
`define SYSTOLE_REG_RRAM_DEPTH 8'h18
`define SYSTOLE_REG_ACC_DEPTH 8'h1c
`define SYSTOLE_REG_PARAM_DEPTH 8'h20
`define SYSTOLE_REG_LUT_COUNT 8'h24
`define SYSTOLE_REG_IN_DEPTH 8'h28
`define SYSTOLE_REG_OUT_DEPTH 8'h2c
`define SYSTOLE_REG_TIMETABLE_DEPTH 8'h30
`define SYSTOLE_REG_DESC_DEPTH 8'h34
`define SYSTOLE_REG_LATENCY 8'h38
`define SYSTOLE_REG_START 8'h40
`define SYSTOLE_REG_STATUS 8'h44
`define SYSTOLE_REG_ERROR 8'h48
`define SYSTOLE_REG_IN_BYTES 8'h4c
`define SYSTOLE_REG_OUT_BYTES 8'h50
`define SYSTOLE_REG_START_LIMIT 8'h54
`define SYSTOLE_REG_CYCLES_LO 8'h58
`define SYSTOLE_REG_CYCLES_HI 8'h5c
`define SYSTOLE_REG_RUNS 8'h60
`define SYSTOLE_REG_IRQ_STATUS 8'h64
`define SYSTOLE_REG_IRQ_ENABLE 8'h68
`define SYSTOLE_REG_EVENT_FRAMES_IN 8'h6c
`define SYSTOLE_REG_EVENT_FRAMES_OUT 8'h70
`define SYSTOLE_REG_EVENT_FRAMES_DROPPED 8'h74
`define SYSTOLE_REG_EVENT_MACS_LO 8'h78
`define SYSTOLE_REG_EVENT_MACS_HI 8'h7c
`define SYSTOLE_REG_UPLOAD_TARGET 8'h80
`define SYSTOLE_REG_UPLOAD_ADDRESS 8'h84
`define SYSTOLE_REG_UPLOAD_COUNT 8'h88
`define SYSTOLE_REG_SCRATCH 8'h8c
`define SYSTOLE_REG_SEQ_ROW 8'h90
`define SYSTOLE_REG_SEQ_CYCLE 8'h94
`define SYSTOLE_REG_ERROR_CLEAR 8'h98

`define SYSTOLE_STATUS_RUNNING 0
`define SYSTOLE_STATUS_PENDING 1
`define SYSTOLE_STATUS_QUEUED 2
`define SYSTOLE_STATUS_WAIT_IN 3
`define SYSTOLE_STATUS_WAIT_OUT 4
`define SYSTOLE_STATUS_IN_FULL 5
`define SYSTOLE_STATUS_OUT_BUSY 6
`define SYSTOLE_STATUS_UPLOADING 7
`define SYSTOLE_IRQ_DONE 0
`define SYSTOLE_IRQ_ERROR 1
`define SYSTOLE_IRQ_FRAME_IN 2
`define SYSTOLE_IRQ_FRAME_OUT 3
`define SYSTOLE_ERROR_NONE 0
`define SYSTOLE_ERROR_START_LIMIT 1
`define SYSTOLE_ERROR_FRAME_LEN 2
`define SYSTOLE_ERROR_START_OVERRUN 3
`define SYSTOLE_ERROR_UPLOAD_RUNNING 4
`define SYSTOLE_ERROR_UPLOAD_RANGE 5
`define SYSTOLE_UPLOAD_TIMETABLE 3'd0
`define SYSTOLE_UPLOAD_DESC 3'd1
`define SYSTOLE_UPLOAD_PARAM 3'd2
`define SYSTOLE_UPLOAD_LUT 3'd3
`define SYSTOLE_UPLOAD_RRAM 3'd4

`define SYSTOLE_CFG_ROWS(id) ((id) == 0 ? 4 : (id) == 1 ? 8 : (id) == 2 ? 16 : (id) == 3 ? 16 : 32)
`define SYSTOLE_CFG_COLS(id) ((id) == 0 ? 4 : (id) == 1 ? 8 : (id) == 2 ? 8 : (id) == 3 ? 16 : 32)
`define SYSTOLE_CFG_WEIGHT_BEATS(id) ((id) == 0 ? 1 : (id) == 1 ? 1 : (id) == 2 ? 1 : (id) == 3 ? 1 : 1)
`define SYSTOLE_CFG_X_DEPTH(id) ((id) == 0 ? 1024 : (id) == 1 ? 2048 : (id) == 2 ? 2048 : (id) == 3 ? 8192 : 8192)
`define SYSTOLE_CFG_X_BANKS(id) ((id) == 0 ? 2 : (id) == 1 ? 2 : (id) == 2 ? 2 : (id) == 3 ? 4 : 4)
`define SYSTOLE_CFG_W_SRAM_DEPTH(id) ((id) == 0 ? 256 : (id) == 1 ? 256 : (id) == 2 ? 256 : (id) == 3 ? 1024 : 1024)
`define SYSTOLE_CFG_RRAM_DEPTH(id) ((id) == 0 ? 2048 : (id) == 1 ? 2048 : (id) == 2 ? 2048 : (id) == 3 ? 8192 : 8192)
`define SYSTOLE_CFG_RRAM_WAYS(id) ((id) == 0 ? 2 : (id) == 1 ? 2 : (id) == 2 ? 2 : (id) == 3 ? 2 : 2)
`define SYSTOLE_CFG_ACC_DEPTH(id) ((id) == 0 ? 128 : (id) == 1 ? 256 : (id) == 2 ? 256 : (id) == 3 ? 512 : 512)
`define SYSTOLE_CFG_PARAM_DEPTH(id) ((id) == 0 ? 128 : (id) == 1 ? 128 : (id) == 2 ? 128 : (id) == 3 ? 512 : 512)
`define SYSTOLE_CFG_LUT_COUNT(id) ((id) == 0 ? 1 : (id) == 1 ? 2 : (id) == 2 ? 2 : (id) == 3 ? 4 : 4)
`define SYSTOLE_CFG_IN_DEPTH(id) ((id) == 0 ? 1024 : (id) == 1 ? 1024 : (id) == 2 ? 1024 : (id) == 3 ? 4096 : 4096)
`define SYSTOLE_CFG_OUT_DEPTH(id) ((id) == 0 ? 1024 : (id) == 1 ? 1024 : (id) == 2 ? 1024 : (id) == 3 ? 4096 : 4096)
`define SYSTOLE_CFG_TIMETABLE_DEPTH(id) ((id) == 0 ? 512 : (id) == 1 ? 512 : (id) == 2 ? 512 : (id) == 3 ? 1024 : 1024)
`define SYSTOLE_CFG_DESC_DEPTH(id) ((id) == 0 ? 512 : (id) == 1 ? 512 : (id) == 2 ? 512 : (id) == 3 ? 2048 : 2048)

// Latencies, as functions of the sizes (sw/isa, latency.rs).
`define SYSTOLE_X_STAGES(cols) ((cols) > 16 ? 1 : 0)
`define SYSTOLE_W_LEAD(ways, beats) ((ways) + (beats) - 1)
`define SYSTOLE_L(rows, cols) ((rows) + 16 + `SYSTOLE_X_STAGES(cols))

`endif
