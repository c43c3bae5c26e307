// The same as entry_x86_64.s, for aarch64; the table and what is dropped are told there.
//
// At entry sp points at argc, argv, 0, envp, 0, auxv, 0 0. x0 belongs to the dynamic loader and must reach
// the runtime untouched.

    .text
    .globl  _start
_start:
    mov     x8, sp
    adr     x9, table

// rt_sigprocmask(SIG_BLOCK, {SIGUSR1}, 0, 8)
    mov     x7, x0
    mov     x6, x8
    mov     x0, #0
    adr     x1, sigusr1
    mov     x2, #0
    mov     x3, #8
    mov     x8, #135
    svc     #0
    mov     x0, x7
    mov     x8, x6

// x10 goes past the environment, then past the auxiliary vector: the length of the old vector.
    ldr     x11, [x8]
    add     x10, x8, x11, lsl #3
    add     x10, x10, #16
1:  ldr     x12, [x10], #8
    cbnz    x12, 1b
2:  ldp     x12, x13, [x10], #16
    cbnz    x12, 2b
    sub     x10, x10, x8

// Room for it and for our own pointers, aligned as the ABI wants it.
    ldp     w13, w14, [x9, #8]
    add     w12, w13, w14
    add     x10, x10, x12, lsl #3
    sub     x10, x8, x10
    and     x10, x10, #-16
    mov     sp, x10

// argc and x12 = the first word to keep.
    add     x12, x8, #8
    cbz     x11, 3f
    sub     x11, x11, #1
    add     x12, x12, #8
3:  add     x11, x11, x13
    str     x11, [x10], #8

// Our arguments, then the rest of the old ones with the zero at their end.
    add     x15, x9, #24
4:  ldr     w11, [x15], #4
    add     x11, x11, x9
    str     x11, [x10], #8
    subs    w13, w13, #1
    b.ne    4b
5:  ldr     x11, [x12], #8
    str     x11, [x10], #8
    cbnz    x11, 5b

// Our environment, then the old one without what is dropped.
    ldr     x11, [x9, #16]
    ldr     x11, [x9, x11]
    str     x10, [x11]
6:  ldr     w11, [x15], #4
    add     x11, x11, x9
    str     x11, [x10], #8
    subs    w14, w14, #1
    b.ne    6b
    movz    w13, #0x4544                            // "DE"
    movk    w13, #0x4f4e, lsl #16                   // "NO"
    movz    x14, #0x4f4e                            // "NO"
    movk    x14, #0x4544, lsl #16                   // "DE"
    movk    x14, #0x4f5f, lsl #32                   // "_O"
    movk    x14, #0x5450, lsl #48                   // "PT"
7:  ldr     x11, [x12], #8
    cbz     x11, 9f
    ldr     x16, [x11]
    cmp     x16, x14
    b.eq    7b
    cmp     w16, w13
    b.ne    8f
    ubfx    x16, x16, #32, #8
    cmp     w16, #0x5f                              // "_"
    b.eq    7b
8:  str     x11, [x10], #8
    b       7b
9:  str     xzr, [x10], #8

// The auxiliary vector, then the runtime.
10: ldp     x11, x13, [x12], #16
    stp     x11, x13, [x10], #16
    cbnz    x11, 10b
    ldr     x11, [x9]
    add     x11, x11, x9
    br      x11

    .balign 8
sigusr1:
    .quad   1 << 9
    .balign 16
table:
