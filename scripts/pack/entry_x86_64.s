# The first code of a packed lvscare on x86-64. It stands in front of the runtime's own entry point, puts
# words of ours before the user's on the argument vector, and goes on into the runtime as if the kernel
# had started it so. Nothing is unpacked, copied or opened.
#
# At entry rsp points at what the kernel laid out: argc, argv, 0, envp, 0, auxv, 0 0. rdx belongs to the
# dynamic loader and must reach the runtime untouched. Behind this code stands the table that
# elf.ts writes:
#
#    0  s64  the runtime's entry point, relative to the table
#    8  u32  how many argument words, of which the first takes the place of argv[0]
#   12  u32  how many environment strings
#   16  s64  where the runtime holds the address of libc's `environ`, relative to the table
#   24  u32  where each of these strings begins, relative to the table; arguments first
#
# The runtime takes its arguments from the vector, but the dynamic loader has told libc already where the
# environment is: so `environ` is set as well.
#
# DENO_* and NODE_OPTIONS are dropped from the environment: what the program may do, and which files it
# reads before its own first line, must not depend on the environment it is started in.

# SIGUSR1 is blocked, for all threads that are to come: the runtime would open a debugger at it, for anybody on
# the host, beside whatever the program does. The program asks for the signal itself.

    .intel_syntax noprefix
    .text
    .globl  _start
_start:
    mov     r8, rsp
    lea     r9, [rip + table]
    cld

# rt_sigprocmask(SIG_BLOCK, {SIGUSR1}, 0, 8)
    mov     r12, rdx
    mov     eax, 14
    xor     edi, edi
    lea     rsi, [rip + sigusr1]
    xor     edx, edx
    mov     r10d, 8
    syscall
    mov     rdx, r12

# How long is the old vector? rsi goes past the environment, then past the auxiliary vector.
    mov     rcx, [r8]
    lea     rsi, [r8 + rcx*8 + 16]
1:  lodsq
    test    rax, rax
    jnz     1b
2:  lodsq
    mov     r10, rax
    lodsq
    test    r10, r10
    jnz     2b
    sub     rsi, r8

# Room for it and for our own pointers, aligned as the ABI wants it.
    mov     ecx, [r9 + 8]
    mov     r11d, [r9 + 12]
    lea     rax, [rcx + r11]
    lea     rsi, [rsi + rax*8]
    sub     rsp, rsi
    and     rsp, -16
    mov     rdi, rsp

# argc and rsi = the first word to keep. Older kernels allow an argc of 0.
    mov     rax, [r8]
    lea     rsi, [r8 + 8]
    test    rax, rax
    jz      3f
    dec     rax
    add     rsi, 8
3:  add     rax, rcx
    stosq

# Our arguments, then the rest of the old ones with the zero at their end.
    lea     r10, [r9 + 24]
4:  mov     eax, [r10]
    add     r10, 4
    add     rax, r9
    stosq
    dec     ecx
    jnz     4b
5:  lodsq
    stosq
    test    rax, rax
    jnz     5b

# Our environment, then the old one without what is dropped.
    mov     rax, [r9 + 16]
    mov     rax, [r9 + rax]
    mov     [rax], rdi
6:  mov     eax, [r10]
    add     r10, 4
    add     rax, r9
    stosq
    dec     r11d
    jnz     6b
7:  lodsq
    test    rax, rax
    jz      9f
    cmp     dword ptr [rax], 0x4f4e4544             # "DENO"
    jne     8f
    cmp     byte ptr [rax + 4], 0x5f                # "_"
    je      7b
8:  movabs  rcx, 0x54504f5f45444f4e                 # "NODE_OPT"
    cmp     [rax], rcx
    je      7b
    stosq
    jmp     7b
9:  stosq

# The auxiliary vector, then the runtime.
10: lodsq
    stosq
    mov     r10, rax
    lodsq
    stosq
    test    r10, r10
    jnz     10b
    mov     rax, [r9]
    add     rax, r9
    jmp     rax

    .balign 8
sigusr1:
    .quad   1 << 9
    .balign 16
table:
