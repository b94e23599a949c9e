; The program of the RRAM controller (docs/rram.md says what it is for, docs/rram-engine.md what runs it).
; Registers t, u, v are anybody's; what else a routine changes stands above it.

.reg t r1
.reg u r2
.reg v r3
.reg n r4                ; a counter
.reg m r5                ; 4 times a slot: where its variables lie
.reg slot r6
.reg base r7             ; first line of a slot
.reg at r8               ; first line of a record
.reg ref r9              ; 1 and 2 the margins
.reg line r10
.reg x r11
.reg y r12
.reg s r13               ; section, tries, line whose record is in memory
.reg w r14

; Memory: the record at hand, then variables, then the record that the host sends.
.const EPOCH 1
.const FLAGS 2           ; slot 0, turn 1, class of the last turn 3:2, inverted copy 4, spares used 15:8 and 23:16, lines of CRCs 31:24
.const SOFTWARE 3
.const MACHINE 4
.const IN_BYTES 5
.const OUT_BYTES 6
.const WEIGHTS 7         ; lines of weights 15:0, lines of the image 31:16
.const UNITS 8
.const IMAGE_CRC 13
.const TABLE_CRC 14
.const RECORD_CRC 15
.const HAS 16            ; of slot 0; of slot 1 four words on
.const NEWEST_EPOCH 17
.const NEWEST_LINE 18
.const TURN 19
.const COMMAND 32
.const SEEN 33           ; bit 0 a foreign record, bit 1 the chosen one was weak
.const TABLES 34         ; halves of the line table that are made, a bit each
.const LIVE_LINES 35     ; of the image that a scrub looks at
.const LIVE_TILES 36
.const TILES 37
.const REFRESHED 38
.const LEFT 39
.const RUN_SLOT 40
.const GIVEN_NEXT 41     ; where the next of these comes
.const GIVEN_LAST 42     ; behind the last one
.const GIVEN 43          ; lines that did not take their bits in a scrub: five
.const GIVEN_END 48
.const HOST 48

.const RAW 8
.const SEALED 0x80       ; the last 32 bits count as 0 in the CRC: they are the CRC
.const COUNTED 0x800     ; wrong words of this walk count
.const FIRST 0x1000      ; only the first word of a line
.const INVERTED 0x2000   ; entries of the line table are the other way round
.const ANEW 0x4000       ; the CRC begins anew
.const CLEAN 0x8000      ; the verdict begins anew
.const CLEAR_VERDICT 1
.const CLEAR_CRC 2
.const CLEAR_BOTH 3
.const BEYOND 2          ; of a verdict
.const WEAKLY 3          ; corrected or beyond correction
.const FAILED 4
.const MAY_MOVE 1
.const KEYLESS 2

; Bounds of verbs, as powers of two in cycles.
.const QUICK 6
.const COPYING 16
.const WALKING 21
.const PULSING 23

; Reset looks for an image as a command to wake does, without a complaint where there is none.
    st r0, r0, TILES
    st r0, r0, REFRESHED
    put r0, TILE
    put r0, REFRESHED
    put r0, IMAGE_CRC
    put r0, WAKE_CYCLES
    mov t, #0
    jmp wake
complain:
    put t, ERROR
idle:
    do TAKE, 0
    get t, REQUEST
    and t, t, #7
    blt t, #3, wake              ; 1, and 2 warm
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
    st r0, r0, SEEN
    st r0, r0, TABLES
    put r0, READY
    put r0, NEWEST
    put r0, EPOCH
    put r0, PICK
    mov s, #0
    get at, RECORDS_AT
    get x, RECORD_LINES
    get y, HALF
    get w, MAGIC

; First words tell where records are: while one is looked at the next is read. line: the next place; y behind the last.
ring_again:
    mov t, #1
    put t, COUNT
    mov t, #TO_WORD+RAW+FIRST
    put t, WALK
    put at, LINE
    do BEGIN, WALKING
ring:
    xor line, at, y              ; the places take turns between the halves
    bge line, y, ring_begin
    add line, line, x
ring_begin:
    put line, LINE
    do BEGIN, WALKING
    get t, WORD
    beq t, w, ring_record
    mov at, line
    bne at, y, ring
    jmp pick
ring_record:
    mov s, #0
    call read_record
    bne t, #0, ring_next
    mov s, at
    ld t, r0, SOFTWARE
    get u, FINGERPRINT
    bne t, u, ring_foreign
    ld t, r0, MACHINE
    get u, MACHINE
    bne t, u, ring_foreign
    ld slot, r0, FLAGS
    and slot, slot, #1
    call variables
    ld u, r0, EPOCH
    ld t, m, HAS
    beq t, #0, ring_take
    ld v, m, NEWEST_EPOCH
    bge v, u, ring_next
ring_take:
    mov t, #1
    st t, m, HAS
    st u, m, NEWEST_EPOCH
    st at, m, NEWEST_LINE
    jmp ring_next
ring_foreign:
    mov t, #1
    st t, r0, SEEN
ring_next:
    mov at, line
    bne at, y, ring_again

; The newest, then the one before.
pick:
    call newest
    beq u, #2, wake_none
    mov slot, u
    call variables
    beq at, s, pick_margins      ; it is in memory
    mov s, #0
    call read_record
    bne t, #0, wake_bad
pick_margins:
    call read_margins
    beq t, #0, wake_table
    ld t, r0, SEEN
    or t, t, #2                  ; weak: written anew before it is trusted
    st t, r0, SEEN
    get t, LOCKED
    bne t, #0, wake_table
    mov t, #KEYLESS
    put t, MOVE
    ld t, r0, EPOCH              ; elsewhere, and newer than one whose writing was cut: it stands until the new one does
    add t, t, #2
    st t, r0, EPOCH
    st t, m, NEWEST_EPOCH
    call seal_record
    call place_record
    beq t, #0, wake_placed
    ld at, m, NEWEST_LINE
wake_placed:
    st at, m, NEWEST_LINE

; Entries of the image's lines from the copy of the table, then the sections one behind the other.
wake_table:
    call lines_of_record
    get u, LINE_WORDS_1
    add n, t, u
    get u, LINE_LOG2
    ror n, n, u
    and n, n, #0xffff            ; what was rotated out is not counted
    ld s, r0, FLAGS
    call load_table
    mov t, #CLEAR_BOTH
    put t, CLEAR
    mov line, base
    ld n, r0, WEIGHTS
    and n, n, #0xffff
    mov x, #TO_CRC+COUNTED
    ld t, r0, COMMAND
    beq t, #2, sections
    call begin
sections:
    add line, line, n
    mov s, #UNITS
section:
    ld u, s, 0
    put u, PICK
    get v, LINE_UNITS_1
    add n, u, v
    get v, UNITS_LOG2
    ror n, n, v
    and n, n, #0xffff
    ror x, s, #24                ; section 0 to 4, and COUNTED: 8 to 12 in bits 11:8
    or x, x, #TO_UPLOAD
    call begin
    add line, line, n
    add s, s, #1
    bne s, #13, section
    mov s, #0                    ; there may be another record to try
    ld t, r0, COMMAND
    beq t, #2, sections_end
    call lines_of_record
    add n, t, base
    sub n, n, line               ; CRCs of lines
    mov x, #TO_CRC+COUNTED
    call begin
sections_end:
    do DONE, WALKING
    get t, VERDICT
    and t, t, #BEYOND
    bne t, #0, wake_bad
    ld t, r0, COMMAND
    beq t, #2, awake
    get t, CRC
    ld u, r0, IMAGE_CRC
    beq t, u, awake
wake_bad:
    st r0, m, HAS                ; an image that is broken is none
    jmp pick
awake:
    st slot, r0, RUN_SLOT
    put slot, RUN_SLOT
    ld t, r0, IN_BYTES
    put t, IN_BYTES
    ld t, r0, OUT_BYTES
    put t, OUT_BYTES
    ld t, r0, IMAGE_CRC
    put t, IMAGE_CRC
    call live
    xor t, slot, #1
    put t, SLOT
    ld t, r0, SEEN
    put t, SEEN
    mov t, #1
    get u, CYCLES
    put t, READY
    put u, WAKE_CYCLES
    jmp idle
wake_none:
    ld t, r0, SEEN
    put t, SEEN
    ld u, r0, COMMAND
    beq u, #0, idle
    and t, t, #1
    add t, t, #13                ; RRAM_NO_IMAGE, RRAM_FOREIGN
    jmp complain

; Begins to walk over n lines from line on, as x says, when the walk before has ended; 0 lines: nothing.
begin:
    beq n, #0, begun
    put line, LINE
    put n, COUNT
    put x, WALK
    do BEGIN, WALKING
begun:
    ret

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
    put r0, READY                ; what ran is written over
close_turn:
    call variables
    ld t, m, TURN
    beq t, #0, close_program
    call turn
close_program:
    put line, LINE
    mov t, #MAY_MOVE
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
    ld n, r0, HOST+WEIGHTS
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
    put r0, MOVE
    call lines_of_record
    mov n, t
    mov line, base
    mov x, #TO_CRC
    ld y, r0, IMAGE_CRC
    call margins
    mov v, #11                   ; RRAM_CRC
    bne t, #0, commit_fails
    mov w, #0
commit_copy:
    call flags
    call copy_table
    get n, TABLE_LINES
    get line, SLOT_LINES
    add line, line, base
    mov x, #TO_CRC+RAW+SEALED
    ld y, r0, TABLE_CRC
    call margins
    beq t, #0, commit_record
    mov v, #12                   ; RRAM_RECORD
    bne w, #0, commit_fails
    mov w, #INVERTED             ; cells that stick take the other bits
    jmp commit_copy
commit_fails:
    mov t, v
    jmp complain
commit_record:
    call fill_record
    call place_record
    beq t, #0, commit_made
    mov t, #12                   ; RRAM_RECORD
    jmp complain
commit_made:
    mov t, #1
    st t, m, HAS
    ld t, r0, EPOCH
    st t, m, NEWEST_EPOCH
    st at, m, NEWEST_LINE
    ld t, r0, FLAGS
    ror t, t, #1
    and t, t, #1
    st t, m, TURN
    call live
    do RELOCK, QUICK             ; keys are taken back
    jmp idle

; t: 0 where the CRC of n lines from line on, as x says, is y at both margins and nothing is beyond correction.
margins:
    mov ref, #1
margin:
    put line, LINE
    put n, COUNT
    or t, x, ref
    add t, t, #ANEW+CLEAN
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

; ---- scrub: every line of image, copy and record at both margins ----
scrub:
    put r0, SCRUB_AT
    mov t, #0
    st t, r0, LEFT               ; one more than the lines that are left; 0: all
    call newest
    mov t, #13                   ; RRAM_NO_IMAGE
    beq u, #2, complain
    jmp scrub_begin
budget:
    get t, BUDGET
    add t, t, #1
    bne t, #0, budget_left
    sub t, t, #1
budget_left:
    st t, r0, LEFT
    call newest
    beq u, #2, idle
scrub_begin:
    call tables                  ; whose counters of wear what is written again changes
    call newest
    mov t, #KEYLESS
    put t, MOVE
    mov t, #1
    put t, COUNT
    mov slot, u
    call slot_base
scrub_line:
    get n, SCRUB_AT
    get t, PLACE
    and line, t, #0xffff
    ror x, t, #16
    and x, x, #RAW
    put line, LINE
    or t, x, #CLEAN+1
    call scrub_walk
    or t, x, #ANEW+2
    call scrub_walk
    get y, VERDICT
    and y, y, #WEAKLY
    beq y, #0, scrub_tile
    or t, x, #TO_BANKS+COUNTED+ANEW+CLEAN
    call scrub_walk
    get t, VERDICT
    and t, t, #BEYOND
    bne t, #0, scrub_forget      ; what a scrub cannot mend is left to the code
scrub_tile:
    ld t, r0, LIVE_LINES         ; the line's own CRC knows what the code takes for right
    ld u, r0, LIVE_TILES
    sub t, t, u
    bge n, t, scrub_write
    get s, CRC
    get u, LINE_WORDS_1
    and u, n, u
    put u, PICK
    sub v, n, u                  ; a multiple of the words of a line
    get u, LINE_LOG2
    ror v, v, u
    add v, v, t
    add v, v, base
    put v, LINE
    mov t, #TO_WORD+CLEAN
    call scrub_walk
    get t, VERDICT
    and t, t, #BEYOND
    put line, LINE
    bne t, #0, scrub_wrong
    get t, WORD
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
    bge y, #BEYOND, scrub_program
    mov u, #GIVEN                ; one that did not take its bits before is left to the code while that can mend it
    ld v, r0, GIVEN_LAST
scrub_given:
    beq u, v, scrub_program
    ld t, u, 0
    add u, u, #1
    bne t, line, scrub_given
    jmp scrub_forget
scrub_program:
    do PROGRAM, PULSING
    get t, VERDICT
    and t, t, #FAILED
    bne t, #0, scrub_gives
    ld t, r0, REFRESHED
    add t, t, #1
    st t, r0, REFRESHED
    put t, REFRESHED
    jmp scrub_next
scrub_gives:
    call gives
scrub_next:
    add n, n, #1
    get t, PLACE
    ror t, t, #31                ; bit 31: it was the last one
    and t, t, #1
    beq t, #0, scrub_step
    mov n, #0
scrub_step:
    put n, SCRUB_AT
    bne t, #0, idle
    ld t, r0, LEFT
    beq t, #0, scrub_line
    sub t, t, #1
    st t, r0, LEFT
    beq t, #1, idle
    get t, STOP
    beq t, #0, scrub_line
    jmp idle

; The line did not take its bits: the oldest of the list makes room.
gives:
    ld u, r0, GIVEN_NEXT
    ld v, r0, GIVEN_LAST
    st line, u, 0
    add u, u, #1
    bge v, u, gives_last
    st u, r0, GIVEN_LAST
gives_last:
    mov v, #GIVEN_END
    bne u, v, gives_next
    mov u, #GIVEN
gives_next:
    st u, r0, GIVEN_NEXT
    ret

; Walks with the mode in t.
scrub_walk:
    put t, WALK
    do WALK, WALKING
    ret

; ---- records ----

; The place behind the record at at. Places take turns between the halves, whose last lines they are.
next_record:
    get u, HALF
    xor at, at, u
    bge at, u, next_found
    get v, RECORD_LINES
    add at, at, v
    blt at, u, next_found
    get at, RECORDS_AT
next_found:
    ret

; Reads the record at at into memory. t: 0 where magic and CRC are right and nothing was beyond correction.
read_record:
    put at, LINE
    get t, RECORD_LINES
    put t, COUNT
    mov t, #TO_RECORD+RAW+SEALED+ANEW+CLEAN
    put t, WALK
    do WALK, WALKING
    ld t, r0, 0
    get u, MAGIC
    xor t, t, u
    ld u, r0, RECORD_CRC
    get v, CRC
    xor u, u, v
    or t, t, u
    get u, VERDICT
    and u, u, #BEYOND
    or t, t, u
    ret

; Writes the record in memory to the next place behind at that takes it, of four, but not where the record of the other
; slot's image is. t: 0 where there is one, at. Changes n, line, x, y, s.
place_record:
    mov s, #4                    ; a place with a bad cell is left for the next one
place_next:
    call next_record
    xor v, m, #4
    ld t, v, HAS
    beq t, #0, place_write
    ld t, v, NEWEST_LINE
    beq t, at, place_next
place_write:
    call write_record
    call read_margins
    beq t, #0, placed
    sub s, s, #1
    bne s, #0, place_next
placed:
    ret

; Whether the record in memory, at at, reads weakly at one of the margins: t is not 0.
read_margins:
    put at, LINE
    get t, RECORD_LINES
    put t, COUNT
    mov t, #TO_CHECK+RAW+SEALED+ANEW+CLEAN+1
    put t, WALK
    ld v, r0, RECORD_CRC
    do WALK, WALKING
    mov t, #TO_CHECK+RAW+SEALED+ANEW+2
    get u, CRC
    put t, WALK
    xor u, u, v
    do WALK, WALKING
    get t, CRC
    xor t, t, v
    or u, u, t
    get t, VERDICT
    and t, t, #WEAKLY
    or t, t, u
    ret

variables:
    add m, slot, slot
    add m, m, m
    ret

lines_of_record:
    ld t, r0, WEIGHTS
    ror t, t, #16
    and t, t, #0xffff
    ret

; Writes the record in memory to its place, the rest of its lines zero. Changes n, line, x, y.
write_record:
    mov line, at
    mov n, #0
    get x, RECORD_LINES
write_line:
    put line, LINE
    mov y, #0
write_row:
    get u, COL_WORDS
write_word:
    mov t, #0
    and v, n, #0xfff0
    bne v, #0, write_zero        ; behind its 16 words
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
    do PROGRAM, PULSING
    add line, line, #1
    sub x, x, #1
    bne x, #0, write_line
    ret

; What the machine knows of slot: into FLAGS, whose upper byte is the host's. w: the copy is inverted.
flags:
    put slot, USED_SLOT
    ld t, r0, FLAGS
    ror t, t, #24
    and t, t, #0xff
    ror t, t, #8
    get u, USED
    or t, t, u
    or t, t, slot
    ror u, w, #9
    or t, t, u
    st t, r0, FLAGS
    ret

; What else the machine fills in. at: the record before it. Changes n.
fill_record:
    get t, MAGIC
    st t, r0, 0
    call newest
    add v, v, #1
    st v, r0, EPOCH
    get t, FINGERPRINT
    st t, r0, SOFTWARE
    get t, MACHINE
    st t, r0, MACHINE

; The record's CRC. Changes n.
seal_record:
    st r0, r0, RECORD_CRC
    mov t, #CLEAR_CRC
    put t, CLEAR
    mov n, #0
fill_words:
    get u, COL_WORDS
fill_word:
    ld t, n, 0
    put t, DATA
    add n, n, #1
    sub u, u, #1
    bne u, #0, fill_word
    do DIGEST, QUICK
    and t, n, #16
    beq t, #0, fill_words
    get t, CRC
    st t, r0, RECORD_CRC
    ret

; u: slot of the newest image, 2 where there is none; v: its epoch (0); at: its record's line, or the last place. Changes t.
newest:
    mov u, #2
    mov v, #0
    get at, LAST_RECORD
    ld t, r0, HAS
    beq t, #0, newest_1
    mov u, #0
    ld v, r0, NEWEST_EPOCH
    ld at, r0, NEWEST_LINE
newest_1:
    ld t, r0, HAS+4
    beq t, #0, newest_end
    ld t, r0, NEWEST_EPOCH+4
    beq u, #2, newest_is_1
    bge v, t, newest_end
newest_is_1:
    mov u, #1
    mov v, t
    ld at, r0, NEWEST_LINE+4
newest_end:
    ret

; The image of slot, whose record is in memory and in the lines at at, is the newest one, and what a scrub looks at.
live:
    or t, slot, #2
    put t, NEWEST
    ld t, r0, EPOCH
    put t, EPOCH
    call lines_of_record
    st t, r0, LIVE_LINES
    put t, LIVE
    put at, LIVE_RECORD
    ld t, r0, FLAGS
    ror t, t, #24
    and t, t, #0xff
    st t, r0, LIVE_TILES
    put r0, SCRUB_AT
    mov u, #GIVEN
    st u, r0, GIVEN_NEXT
    st u, r0, GIVEN_LAST
    ret

; ---- the line table ----
slot_base:
    mov base, #0
    beq slot, #0, slot_based
    get base, HALF
slot_based:
    ret

; n lines of the copy into the table of slot, and what s says of its spares, as FLAGS. Changes base.
load_table:
    put slot, USED_SLOT
    put s, USED
    ror u, s, #1
    and u, u, #1
    st u, m, TURN
    call slot_base
    put base, AT
    get t, SLOT_LINES
    add t, t, base
    put t, LINE
    put n, COUNT
    and u, s, #0x10
    ror u, u, #23                ; INVERTED
    or u, u, #TO_TABLE+RAW+SEALED+COUNTED+ANEW+CLEAN
    put u, WALK
    do WALK, WALKING
    ret

; Both halves of the table, before anything is programmed. A copy stands for itself: where it is whole, wear and spares of
; the slot are known, whatever became of the image and its record. Changes everything.
tables:
    ld t, r0, TABLES
    beq t, #3, tables_end
    mov slot, #0
tables_half:
    ld t, r0, TABLES
    ror t, t, slot
    and t, t, #1
    bne t, #0, tables_next
    call variables
    call slot_base
    get line, SLOT_LINES
    add line, line, base
    get t, TABLE_LINES           ; the copy's last two words: FLAGS, CRC
    add t, t, line
    sub t, t, #1
    put t, LINE
    mov t, #1
    put t, COUNT
    get v, LINE_WORDS_1
    put v, PICK
    mov t, #TO_WORD+RAW
    put t, WALK
    do WALK, WALKING
    sub v, v, #1
    get y, WORD
    put v, PICK
    do WALK, WALKING
    get s, WORD
    get n, TABLE_LINES
    put line, LINE
    put n, COUNT
    mov t, #TO_CRC+RAW+SEALED+ANEW+CLEAN
    put t, WALK
    do WALK, WALKING
    get t, CRC
    xor t, t, y
    get u, VERDICT
    and u, u, #BEYOND
    or t, t, u
    beq t, #0, tables_load
    call newest
    beq u, slot, tables_next     ; what wake took from it stands as long as it is the newest
    call identity                ; half written when power went: nothing in that slot is alive
    st r0, m, TURN
    put slot, USED_SLOT
    put r0, USED
    jmp tables_made
tables_load:
    call identity                ; lines behind the slot too, which a load without a commit may use
    call load_table
    get t, CRC
    beq t, y, tables_made
    st r0, r0, TABLES            ; an upset of the walk may have changed any entry
    jmp tables
tables_made:
    mov t, #1
    add t, t, slot
    ld u, r0, TABLES
    or t, t, u
    st t, r0, TABLES
tables_next:
    add slot, slot, #1
    bne slot, #2, tables_half
tables_end:
    ret

; Every line of the half of slot stands for itself. Changes base.
identity:
    call slot_base
    put base, AT
    do IDENTITY, COPYING
    ret

; The classes of slot change places: neighbours exchange their entries. Changes n, base, x.
turn:
    call slot_base
    get n, SLOT_LINES
turn_pair:
    put base, AT
    do LOOK, QUICK
    get x, WORD
    add t, base, #1
    put t, AT
    do LOOK, QUICK
    get u, WORD
    put base, AT
    put u, ENTRY
    put x, ENTRY
    add base, base, #2
    sub n, n, #2
    bne n, #0, turn_pair
    put slot, TURNED
    st r0, m, TURN
    ret

; The table of slot into its copy, FLAGS and the CRC behind it, as w says. Changes n, line, ref, x, y, s.
copy_table:
    mov t, #CLEAR_CRC
    put t, CLEAR
    put w, WALK
    put base, AT
    get line, SLOT_LINES
    add line, line, base
    get n, TABLE_LINES
    get x, COL_WORDS
copy_line:
    put line, LINE
    mov y, #0
    get ref, ROWS
    bne n, #1, copy_row
    sub ref, ref, #1             ; the last line's last word, or two of 32 bits, are no entries
    bne x, #1, copy_row
    sub ref, ref, #1
copy_row:
    put y, ROW
    do COPY, QUICK
    add y, y, #1
    bne y, ref, copy_row
    beq n, #1, copy_tail
    do PROGRAM, PULSING          ; what failed is judged by reading
    add line, line, #1
    sub n, n, #1
    jmp copy_line
copy_tail:
    ld s, r0, FLAGS
    bne x, #1, copy_seal
    put s, DATA
    put y, ROW
    do LOAD, QUICK
    add y, y, #1
copy_seal:
    mov t, #0
    call tail_word
    do DIGEST, QUICK
    get t, CRC
    st t, r0, TABLE_CRC
    call tail_word
    put y, ROW
    do LOAD, QUICK
    do PROGRAM, PULSING
    ret

; A word that ends with s and t. Changes u, v.
tail_word:
    mov u, x
tail_unit:
    sub u, u, #1
    mov v, #0
    bne u, #1, tail_last
    mov v, s
tail_last:
    bne u, #0, tail_put
    mov v, t
tail_put:
    put v, DATA
    bne u, #0, tail_unit
    ret
