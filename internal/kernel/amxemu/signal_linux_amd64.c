//go:build cgo

// The signal handler: finds AMX instructions in the bytes at RIP and carries them out.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "tiles.h"
#include "tiles_linux_amd64.h"

// instruction is a decoded VEX instruction of the map 0F38. All of AMX is in it, in the form with three bytes.
struct instruction {
	int length;
	int w, l, prefix; // prefix: 0 none, 1 66, 2 F3, 3 F2
	int opcode;
	int mod, reg, rm, vvvv;
	uint8_t *address; // of a memory operand
	int64_t stride;   // its index register, scaled; in tile loads and stores the distance of rows
	int strided;      // whether it has an index
};

enum { none, p66, pF3, pF2 };

// generals maps the number of a register in an instruction to its place in the context.
static const int generals[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

// decode_memory reads ModRM, SIB and displacement at p, and returns what follows, or NULL for the forms that no tile
// instruction of a kernel uses: relative to RIP or without base.
static const uint8_t *decode_memory(struct instruction *in, const uint8_t *p, int x, int b, const greg_t *regs) {
	int base = in->rm | b << 3;
	in->strided = in->rm == 4;
	if (in->strided) {
		int sib = *p++;
		int index = (sib >> 3 & 7) | x << 3;
		base = (sib & 7) | b << 3;
		if (index != 4)
			in->stride = (int64_t)((uint64_t)regs[generals[index]] << (sib >> 6));
	}
	if (in->mod == 0 && (base & 7) == 5)
		return NULL;
	int64_t displacement = 0;
	if (in->mod == 1) {
		displacement = (int8_t)*p++;
	} else if (in->mod == 2) {
		int32_t d;
		memcpy(&d, p, 4);
		displacement = d;
		p += 4;
	}
	in->address = (uint8_t *)regs[generals[base]] + displacement;
	return p;
}

// decode reads the instruction at p. It reports 0 for what is no VEX instruction of map 0F38.
static int decode(struct instruction *in, const uint8_t *p, const greg_t *regs) {
	const uint8_t *start = p;
	memset(in, 0, sizeof *in);
	if (p[0] != 0xC4 || (p[1] & 0x1F) != 2)
		return 0;
	int r = ~p[1] >> 7 & 1, x = ~p[1] >> 6 & 1, b = ~p[1] >> 5 & 1;
	in->w = p[2] >> 7, in->vvvv = ~p[2] >> 3 & 15, in->l = p[2] >> 2 & 1, in->prefix = p[2] & 3;
	in->opcode = p[3];
	in->mod = p[4] >> 6, in->reg = (p[4] >> 3 & 7) | r << 3, in->rm = p[4] & 7;
	p += 5;
	if (in->mod == 3)
		in->rm |= b << 3;
	else if ((p = decode_memory(in, p, x, b, regs)) == NULL)
		return 0;
	in->length = p - start;
	return 1;
}

// execute carries out an AMX instruction. It reports 0 for any other, and for one that a CPU would refuse.
static int execute(struct tiles *t, const struct instruction *in) {
	int registers = in->mod == 3, unary = in->vvvv == 0;
	if (in->w || in->l)
		return 0;
	switch (in->opcode << 2 | in->prefix) {
	case 0x49 << 2 | none:
		if (!unary || in->reg != 0)
			return 0;
		if (registers)
			return in->rm == 0 && tiles_release(t);
		return tiles_configure(t, in->address);
	case 0x49 << 2 | pF2:
		return registers && unary && in->rm == 0 && tiles_zero(t, in->reg);
	case 0x4B << 2 | pF2: // TILELOADD
	case 0x4B << 2 | p66: // TILELOADDT1
		return in->strided && unary && tiles_load(t, in->reg, in->address, in->stride);
	case 0x4B << 2 | pF3:
		return in->strided && unary && tiles_store(t, in->reg, in->address, in->stride);
	case 0x5C << 2 | pF3:
		return registers && tiles_dot_bf16(t, in->reg, in->rm, in->vvvv);
	case 0x5E << 2 | pF3:
		return registers && tiles_dot_int8(t, in->reg, in->rm, in->vvvv);
	}
	return 0;
}

static struct sigaction before;
static _Atomic int64_t executed;
static _Thread_local struct tiles tiles;

static void on_sigill(int signal, siginfo_t *info, void *context) {
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct instruction in;
	int done = 0;
	while (decode(&in, (const uint8_t *)regs[REG_RIP], regs) && execute(&tiles, &in)) { // the next may be one as well
		regs[REG_RIP] += in.length;
		done++;
	}
	if (done == 0)
		before.sa_sigaction(signal, info, context); // Go's; it was set with SA_SIGINFO
	atomic_fetch_add_explicit(&executed, done, memory_order_relaxed);
}

int amxemu_install(void) {
	struct sigaction action = {.sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	sigfillset(&action.sa_mask);
	sigdelset(&action.sa_mask, SIGSEGV); // a bad address is reported as any other
	sigdelset(&action.sa_mask, SIGBUS);
	struct sigaction current;
	if (sigaction(SIGILL, NULL, &current) != 0)
		return errno;
	if ((current.sa_flags & SA_SIGINFO) && current.sa_sigaction == on_sigill)
		return 0;
	before = current;
	return sigaction(SIGILL, &action, NULL) == 0 ? 0 : errno;
}

int64_t amxemu_executed(void) { return atomic_load_explicit(&executed, memory_order_relaxed); }

void amxemu_trap(void) { __asm__ volatile("ud2"); }
