// Where programs and threads begin.
// SPDX-License-Identifier: MIT
//
// A zero frame pointer ends backtraces.

.section .text.start, "ax"
.global _start
_start:
    xor %ebp, %ebp
    call start_program
    ud2

// A further thread: its function and argument lie on its stack.
.global thread_entry
thread_entry:
    pop %rdi
    pop %rsi
    xor %ebp, %ebp
    call thread_begin
    ud2

.section .note.GNU-stack, "", @progbits
