; The program of the RRAM controller (docs/rram.md says what it is for, docs/rram-engine.md what runs it).
; Registers t, u, v are anybody's; what else a routine changes stands above it.

.reg t r1
.reg u r2
.reg v r3
.reg n r4                ; a counter
.reg m r5                ; 4 times a slot: where its variables lie
.reg slot r6
.reg base r7             ; first line of a slot
.reg place r8            ; of a record
.reg ref r9              ; 0 normal, 1 and 2 the margins
.reg line r10
.reg x r11
.reg y r12
.reg s r13               ; section, or tries

; Memory: the record at hand, then variables, then the record that the host sends.
.const MAGIC 0
.const EPOCH 1
.const FLAGS 2
.const SOFTWARE 3
.const MACHINE 4
.const IN_BYTES 5
.const OUT_BYTES 6
.const WEIGHTS 7
.const UNITS 8
.const IMAGE_CRC 13
.const TABLE_CRC 14
.const RECORD_CRC 15
.const HAS 16            ; of slot 0; of slot 1 four words on
.const NEWEST_EPOCH 17
.const NEWEST_PLACE 18
.const TRIED 19
.const TURN 24           ; likewise
.const COMMAND 32
.const FOREIGN 33
.const WEAK 34
.const TABLES 35
.const LIVE_LINES 36
.const LIVE_TILES 37
.const SCRUB_AT 38
.const TILES 39
.const REFRESHED 40
.const LEFT 41
.const RUN_SLOT 42
.const READY 43
.const HOST 48

.const RAW 8
.const COUNTED 0x800     ; wrong words of this walk count
.const CLEAR_VERDICT 1
.const CLEAR_CRC 2
.const CLEAR_BOTH 3
.const WEAKLY 3          ; of a verdict: corrected or beyond correction
.const BEYOND 2
.const FAILED 4

; Bounds of verbs, as powers of two in cycles.
.const QUICK 6
.const WALKING 21
.const PULSING 26

; Reset looks for an image as a command to wake does, without a complaint where there is none.
    mov t, #0
    jmp wake
idle:
    do TAKE, 0
    get t, REQUEST
    and t, t, #7
    beq t, #1, wake
    beq t, #2, wake              ; warm
    beq t, #3, commit
    beq t, #4, scrub
    beq t, #5, close
    beq t, #6, budget
    jmp idle

; ---- wake: the newest record with a good image ----
wake:
    st t, r0, COMMAND
    st r0, r0, HAS
    st r0, r0, HAS+4
    st r0, r0, TRIED
    st r0, r0, TRIED+4
    st r0, r0, FOREIGN
    st r0, r0, WEAK
    st r0, r0, TABLES
    st r0, r0, READY
    put r0, READY
    mov t, #7                    ; so that the first record goes to place 0
    st t, r0, NEWEST_PLACE
    st t, r0, NEWEST_PLACE+4
    mov place, #0
ring:
    mov ref, #0
    call read_record
    bne t, #0, ring_next
    call ours
    beq t, #0, ring_ours
    mov t, #1
    st t, r0, FOREIGN
    jmp ring_next
ring_ours:
    call slot_of_record
    ld u, r0, EPOCH
    ld t, m, HAS
    beq t, #0, ring_take
    ld v, m, NEWEST_EPOCH
    bge v, u, ring_next
ring_take:
    mov t, #1
    st t, m, HAS
    st u, m, NEWEST_EPOCH
    st place, m, NEWEST_PLACE
ring_next:
    add place, place, #1
    bne place, #8, ring

; The newest that was not tried yet.
pick:
    mov x, #0                    ; epoch of the best so far
    mov s, #2                    ; its slot; 2: none
    mov slot, #0
pick_slot:
    call variables
    ld t, m, HAS
    beq t, #0, pick_next
    ld t, m, TRIED
    bne t, #0, pick_next
    ld u, m, NEWEST_EPOCH
    blt u, x, pick_next
    beq s, #2, pick_take
    beq u, x, pick_next
pick_take:
    mov x, u
    mov s, slot
pick_next:
    add slot, slot, #1
    bne slot, #2, pick_slot
    beq s, #2, wake_none
    mov slot, s
    call variables
    mov t, #1
    st t, m, TRIED
    ld place, m, NEWEST_PLACE
    mov ref, #0
    call read_record
    bne t, #0, pick
    call ours
    bne t, #0, pick
    call read_margins
    beq t, #0, wake_table
    mov t, #1                    ; weak: written again before it is trusted
    st t, r0, WEAK
    get t, LOCKED
    bne t, #0, wake_table
    call write_record

; Entries of the image's lines from the copy of the table, then the sections one behind the other.
wake_table:
    call lines_of_record
    get u, LINE_WORDS
    add n, t, u
    sub n, n, #1
    get u, LINE_LOG2
    ror n, n, u
    and n, n, #0xffff             ; what was rotated out is not counted
    mov t, #CLEAR_BOTH
    put t, CLEAR
    call load_table
    mov t, #CLEAR_CRC
    put t, CLEAR
    mov line, base
    mov s, #0
section:
    ld n, r0, WEIGHTS
    mov x, #TO_CRC+COUNTED
    beq s, #0, section_weights
    beq s, #6, section_tiles
    add t, s, #UNITS
    sub t, t, #1
    ld u, t, 0
    put u, PICK
    get v, LINE_WORDS            ; a unit is two words
    ror v, v, #1
    add n, u, v
    sub n, n, #1
    get v, UNITS_LOG2
    ror n, n, v
    and n, n, #0xffff
    sub x, s, #1
    ror x, x, #24
    or x, x, #TO_UPLOAD+COUNTED
    jmp section_walk
section_tiles:
    ror n, n, #16
    and n, n, #0xff
    jmp section_cold
section_weights:
    and n, n, #0xffff
section_cold:
    ld t, r0, COMMAND
    beq t, #2, section_next
section_walk:
    beq n, #0, section_next
    put line, LINE
    put n, COUNT
    put x, WALK
    do WALK, WALKING
section_next:
    add line, line, n
    add s, s, #1
    bne s, #7, section
    get t, VERDICT
    and t, t, #BEYOND
    bne t, #0, pick
    ld t, r0, COMMAND
    beq t, #2, awake
    get t, CRC
    ld u, r0, IMAGE_CRC
    bne t, u, pick

awake:
    mov t, #1
    xor u, slot, #1              ; an image that is broken is none: the other slot's is the newest then
    add v, u, u
    add v, v, v
    ld n, v, TRIED
    beq n, #0, awake_live
    st r0, v, HAS
awake_live:
    st t, r0, READY
    st slot, r0, RUN_SLOT
    call live
    ld t, r0, IN_BYTES
    put t, IN_BYTES
    ld t, r0, OUT_BYTES
    put t, OUT_BYTES
    ld t, r0, IMAGE_CRC
    put t, IMAGE_CRC
    put slot, RUN_SLOT
    call newest
    put v, EPOCH
    xor t, slot, #1
    put t, SLOT
    mov t, #1
    put t, READY
    jmp idle
wake_none:
    ld t, r0, COMMAND
    beq t, #0, idle
    mov t, #14                   ; RRAM_FOREIGN
    ld u, r0, FOREIGN
    bne u, #0, complain
    mov t, #13                   ; RRAM_NO_IMAGE
complain:
    put t, ERROR
    jmp idle

; ---- a line of the stream is complete ----
close:
    call tables
    get line, REQUEST
    ror line, line, #16
    and line, line, #0xffff
    mov slot, #0
    get t, HALF
    blt line, t, close_slot
    mov slot, #1
close_slot:
    ld t, r0, RUN_SLOT
    bne t, slot, close_turn
    st r0, r0, READY             ; what ran is written over
    put r0, READY
close_turn:
    call variables
    ld t, m, TURN
    beq t, #0, close_program
    call turn
close_program:
    put line, LINE
    mov t, #1
    put t, MOVE
    do PROGRAM, PULSING
    get t, VERDICT
    and t, t, #FAILED
    beq t, #0, idle
    mov t, #10                   ; RRAM_PROGRAM
    jmp complain

; ---- commit: margins, copy of the table, record last ----
commit:
    mov t, #6                    ; RRAM_LOCKED
    get u, UNLOCKED
    beq u, #0, complain
    ld n, r0, HOST+2
    ror n, n, #16
    and n, n, #0xffff
    mov t, #11                   ; RRAM_CRC
    beq n, #0, complain
    get u, MAX_LINES
    blt u, n, complain
    call newest
    get slot, SLOT
    mov t, #7                    ; RRAM_SLOT
    beq u, slot, complain
    call tables
    get slot, SLOT
    call variables
    call slot_base
    mov n, #0
commit_host:
    ld t, n, HOST
    st t, n, 0
    add n, n, #1
    and t, n, #16
    beq t, #0, commit_host
    call lines_of_record
    mov n, t
    mov line, base
    mov x, #TO_CRC
    ld y, r0, IMAGE_CRC
    call margins
    beq t, #0, commit_copy
    mov t, #11                   ; RRAM_CRC
    jmp complain
commit_copy:
    call copy_table
    get n, TABLE_LINES
    get line, SLOT_LINES
    add line, line, base
    mov x, #TO_CRC+RAW
    ld y, r0, TABLE_CRC
    call margins
    bne t, #0, commit_failed
    call fill_record
    mov s, #4                    ; a place with a bad cell is left for the next one
commit_place:
    add place, place, #1
    and place, place, #7
    call write_record
    call read_margins
    beq t, #0, commit_made
    sub s, s, #1
    bne s, #0, commit_place
commit_failed:
    mov t, #12                   ; RRAM_RECORD
    jmp complain
commit_made:
    mov t, #1
    st t, m, HAS
    ld t, r0, EPOCH
    st t, m, NEWEST_EPOCH
    put t, EPOCH
    st place, m, NEWEST_PLACE
    ld t, r0, FLAGS
    ror t, t, #1
    and t, t, #1
    st t, m, TURN
    call live
    mov t, #1
    put t, MADE                  ; keys are taken back
    jmp idle

; ---- scrub: every line of image, copy and record at both margins ----
scrub:
    st r0, r0, SCRUB_AT
    call newest
    mov t, #13                   ; RRAM_NO_IMAGE
    beq u, #2, complain
    call tables                  ; whose counters of wear what is written again changes
    jmp scrub_line
budget:
    get t, BUDGET
    st t, r0, LEFT
    call newest
    beq u, #2, idle
    call tables
scrub_line:
    call newest
    mov slot, u
    call variables
    call slot_base
    ld n, r0, SCRUB_AT
    call scrub_place             ; line, x: raw or not
    mov t, #CLEAR_VERDICT
    put t, CLEAR
    mov t, #1
    call scrub_walk
    mov t, #CLEAR_CRC
    put t, CLEAR
    mov t, #2
    call scrub_walk
    get y, VERDICT
    and y, y, #WEAKLY
    beq y, #0, scrub_tile
    mov t, #CLEAR_BOTH
    put t, CLEAR
    mov t, #TO_BANKS+COUNTED
    call scrub_walk
    get t, VERDICT
    and t, t, #BEYOND
    bne t, #0, scrub_forget      ; what a scrub cannot mend is left to the code
scrub_tile:
    get s, CRC                   ; the line's own CRC knows what the code takes for right
    ld t, r0, LIVE_LINES
    ld u, r0, LIVE_TILES
    sub t, t, u
    bge n, t, scrub_write
    get u, LINE_WORDS
    sub u, u, #1
    and u, n, u
    put u, PICK
    sub v, n, u                  ; a multiple of the words of a line
    get u, LINE_LOG2
    ror v, v, u
    add v, v, t
    add v, v, base
    put v, LINE
    mov t, #1
    put t, COUNT
    mov t, #CLEAR_VERDICT
    put t, CLEAR
    mov t, #TO_WORD
    put t, WALK
    do WALK, WALKING
    get t, VERDICT
    and t, t, #BEYOND
    bne t, #0, scrub_wrong
    get t, PICKED
    beq t, s, scrub_write
scrub_wrong:
    ld t, r0, TILES
    add t, t, #1
    st t, r0, TILES
    ror t, t, #16
    or t, t, n
    put t, TILE
    mov t, #15                   ; RRAM_TILE
    put t, ERROR
scrub_forget:
    do FORGET, QUICK
    jmp scrub_next
scrub_write:
    beq y, #0, scrub_next
    get t, LOCKED
    bne t, #0, scrub_forget
    put line, LINE
    put r0, MOVE
    do PROGRAM, PULSING
    get t, VERDICT
    and t, t, #FAILED
    bne t, #0, scrub_next
    ld t, r0, REFRESHED
    add t, t, #1
    st t, r0, REFRESHED
    put t, REFRESHED
scrub_next:
    add n, n, #1
    call scrub_lines
    blt n, t, scrub_on
    st r0, r0, SCRUB_AT
    put r0, SCRUB_LINE
    jmp idle
scrub_on:
    st n, r0, SCRUB_AT
    put n, SCRUB_LINE
    ld t, r0, LEFT
    get u, REQUEST
    and u, u, #7
    beq u, #4, scrub_line
    sub t, t, #1
    st t, r0, LEFT
    beq t, #0, idle
    get t, STOP
    beq t, #0, scrub_line
    jmp idle

; Lines that a scrub looks at: t.
scrub_lines:
    ld t, r0, LIVE_LINES
    get u, TABLE_LINES
    add t, t, u
    get u, RECORD_LINES
    add t, t, u
    ret

; Line n of a scrub: line, and x is RAW outside the slot. Changes place.
scrub_place:
    mov x, #0
    add line, base, n
    ld t, r0, LIVE_LINES
    blt n, t, scrub_placed
    mov x, #RAW
    sub u, n, t
    get t, SLOT_LINES
    add line, base, t
    add line, line, u
    get v, TABLE_LINES
    blt u, v, scrub_placed
    ld place, m, NEWEST_PLACE
    sub u, u, v
    mov y, u
    call record_line
    add line, line, y
scrub_placed:
    ret

; Walks over the line of a scrub with the mode in t.
scrub_walk:
    put line, LINE
    or t, t, x
    put t, WALK
    mov t, #1
    put t, COUNT
    do WALK, WALKING
    ret

; ---- records ----

; First line of a place: line.
record_line:
    get line, RECORDS_AT
    and t, place, #1
    beq t, #0, record_half
    get u, HALF
    add line, line, u
record_half:
    ror t, place, #1
    and t, t, #3
    get u, RECORD_LINES
record_more:
    beq t, #0, record_found
    add line, line, u
    sub t, t, #1
    jmp record_more
record_found:
    ret

; Reads a record at ref; at the normal reference into memory. t: 0 where magic and CRC are right and nothing was beyond
; correction; VERDICT stands. Changes line.
read_record:
    call record_line
    put line, LINE
    get t, RECORD_LINES
    put t, COUNT
    mov t, #CLEAR_BOTH
    put t, CLEAR
    mov t, #TO_RECORD+RAW
    beq ref, #0, read_walk
    or t, ref, #TO_CHECK+RAW
read_walk:
    put t, WALK
    do WALK, WALKING
    ld t, r0, MAGIC
    mov u, #0x5953               ; "SYSR"
    high u, #0x5253
    xor t, t, u
    ld u, r0, RECORD_CRC
    get v, CRC
    xor u, u, v
    or t, t, u
    get u, VERDICT
    and u, u, #BEYOND
    or t, t, u
    ret

; Whether the record reads weakly at one of the margins: t is not 0.
read_margins:
    mov y, #0
    mov ref, #1
read_margin:
    call read_record
    or y, y, t
    get t, VERDICT
    and t, t, #WEAKLY
    or y, y, t
    add ref, ref, #1
    bne ref, #3, read_margin
    mov t, y
    ret

; t: 0 where the record is of this software and for this machine.
ours:
    ld t, r0, SOFTWARE
    get u, FINGERPRINT
    xor t, t, u
    ld u, r0, MACHINE
    get v, MACHINE
    xor u, u, v
    or t, t, u
    ret

slot_of_record:
    ld slot, r0, FLAGS
    and slot, slot, #1
variables:
    add m, slot, slot
    add m, m, m
    ret

lines_of_record:
    ld t, r0, FLAGS
    ror t, t, #16
    and t, t, #0xffff
    ret

; Writes the record in memory to its place, the rest of its lines zero. Changes n, line, x, y.
write_record:
    call record_line
    mov n, #0
    get x, RECORD_LINES
write_line:
    put line, LINE
    mov y, #0
write_row:
    get u, COL_WORDS
write_word:
    ror v, n, #4
    and v, v, #0xffff            ; not 0 behind its 16 words
    mov t, #0
    bne v, #0, write_zero
    ld t, n, 0
write_zero:
    put t, DATA
    add n, n, #1
    sub u, u, #1
    bne u, #0, write_word
    put y, ROW
    do LOAD, QUICK
    add y, y, #1
    get t, ROWS
    blt y, t, write_row
    put r0, MOVE
    do PROGRAM, PULSING
    add line, line, #1
    sub x, x, #1
    bne x, #0, write_line
    ret

; What the machine fills in. Leaves place before the first one to try.
fill_record:
    mov t, #0x5953
    high t, #0x5253
    st t, r0, MAGIC
    call newest                  ; v: its epoch, place
    add v, v, #1
    st v, r0, EPOCH
    put slot, USED_SLOT
    get u, USED
    and v, u, #0xff
    ror v, v, #24
    get t, WANT
    add t, t, t
    or v, v, t
    or v, v, slot
    call lines_of_record
    ror t, t, #16
    or v, v, t
    st v, r0, FLAGS
    ror u, u, #8
    and u, u, #0xff
    ror u, u, #8
    ld t, r0, WEIGHTS
    ror t, t, #16
    and t, t, #0xff
    ror t, t, #16
    or u, u, t
    ld t, r0, WEIGHTS
    and t, t, #0xffff
    or u, u, t
    st u, r0, WEIGHTS
    get t, FINGERPRINT
    st t, r0, SOFTWARE
    get t, MACHINE
    st t, r0, MACHINE
    mov t, #CLEAR_CRC
    put t, CLEAR
    mov n, #0
fill_crc:
    ld t, n, 0
    put t, DIGEST
    add n, n, #1
    bne n, #15, fill_crc
    put r0, DIGEST
    get t, CRC
    st t, r0, RECORD_CRC
    ret

; u: slot of the newest image, 2 where there is none; v: its epoch (0), place. Changes t.
newest:
    mov u, #2
    mov v, #0
    mov place, #7
    ld t, r0, HAS
    beq t, #0, newest_1
    mov u, #0
    ld v, r0, NEWEST_EPOCH
    ld place, r0, NEWEST_PLACE
newest_1:
    ld t, r0, HAS+4
    beq t, #0, newest_end
    ld t, r0, NEWEST_EPOCH+4
    beq u, #2, newest_is_1
    bge v, t, newest_end
newest_is_1:
    mov u, #1
    mov v, t
    ld place, r0, NEWEST_PLACE+4
newest_end:
    ret

; The image that a scrub looks at is that of the record in memory.
live:
    call lines_of_record
    st t, r0, LIVE_LINES
    ld t, r0, WEIGHTS
    ror t, t, #16
    and t, t, #0xff
    st t, r0, LIVE_TILES
    st r0, r0, SCRUB_AT
    put r0, SCRUB_LINE
    ret

; ---- the line table ----
slot_base:
    mov base, #0
    beq slot, #0, slot_based
    get base, HALF
slot_based:
    ret

; CRC of n lines from line on, at both margins: t is 0 where it is y each time. x: mode.
margins:
    mov ref, #1
margin:
    put line, LINE
    put n, COUNT
    mov t, #CLEAR_BOTH
    put t, CLEAR
    or t, x, ref
    put t, WALK
    do WALK, WALKING
    get t, CRC
    xor t, t, y
    get u, VERDICT
    and u, u, #BEYOND
    or t, t, u
    bne t, #0, margins_end
    add ref, ref, #1
    bne ref, #3, margin
margins_end:
    ret

; n lines of the copy into the table of slot, and what the record says of its spares. Changes base.
load_table:
    ld t, r0, FLAGS
    ror u, t, #1
    and u, u, #1
    st u, m, TURN
    ror u, t, #2
    and u, u, #3
    ror u, u, #16
    ror t, t, #8
    and t, t, #0xff
    or u, u, t
    ld t, r0, WEIGHTS
    ror t, t, #24
    and t, t, #0xff
    ror t, t, #24
    or u, u, t
    put slot, USED_SLOT
    put u, USED
    call slot_base
    put base, AT
    get t, SLOT_LINES
    add t, t, base
    put t, LINE
    put n, COUNT
    mov t, #TO_TABLE+RAW+COUNTED
    put t, WALK
    do WALK, WALKING
    ret

; Both halves of the table, before anything is programmed. Changes everything.
tables:
    ld t, r0, TABLES
    bne t, #0, tables_end
    mov slot, #0
tables_half:
    call variables
    ld t, m, HAS
    beq t, #0, tables_identity
    ld place, m, NEWEST_PLACE
    mov ref, #0
    call read_record
    mov t, #CLEAR_BOTH
    put t, CLEAR
    get n, TABLE_LINES
    call load_table
    get t, CRC
    ld u, r0, TABLE_CRC
    xor t, t, u
    get u, VERDICT
    and u, u, #BEYOND
    or x, t, u
    beq x, #0, tables_next
    call newest
    beq u, slot, tables_next     ; half written when power went: nothing in another slot is alive
tables_identity:
    st r0, m, TURN
    put slot, USED_SLOT
    put r0, USED
    call slot_base
    get n, HALF
identity:
    put base, AT
    put base, ENTRY
    do ENTER, QUICK
    add base, base, #1
    sub n, n, #1
    bne n, #0, identity
tables_next:
    add slot, slot, #1
    bne slot, #2, tables_half
    mov t, #1
    st t, r0, TABLES
tables_end:
    ret

; The classes of slot change places: neighbours exchange their entries. Changes n, base, x.
turn:
    call slot_base
    get n, SLOT_LINES
turn_pair:
    put base, AT
    do LOOK, QUICK
    get x, ENTRY
    add t, base, #1
    put t, AT
    do LOOK, QUICK
    get u, ENTRY
    put x, ENTRY
    do ENTER, QUICK
    put base, AT
    put u, ENTRY
    do ENTER, QUICK
    add base, base, #2
    sub n, n, #2
    bne n, #0, turn_pair
    put slot, TURNED
    st r0, m, TURN
    ret

; The table of slot into its copy, and the copy's CRC into the record. Changes n, line, x, y.
copy_table:
    mov t, #CLEAR_CRC
    put t, CLEAR
    mov n, #0
    get line, SLOT_LINES
    add line, line, base
    get x, TABLE_LINES
copy_line:
    put line, LINE
    mov y, #0
copy_row:
    get u, COL_WORDS
copy_entry:
    mov t, #0
    get v, SLOT_LINES
    bge n, v, copy_put
    add v, base, n
    put v, AT
    do LOOK, QUICK
    get t, ENTRY
copy_put:
    put t, DATA
    put t, DIGEST
    add n, n, #1
    sub u, u, #1
    bne u, #0, copy_entry
    put y, ROW
    do LOAD, QUICK
    add y, y, #1
    get t, ROWS
    blt y, t, copy_row
    put r0, MOVE
    do PROGRAM, PULSING          ; what failed is judged by reading
    add line, line, #1
    sub x, x, #1
    bne x, #0, copy_line
    get t, CRC
    st t, r0, TABLE_CRC
    ret
