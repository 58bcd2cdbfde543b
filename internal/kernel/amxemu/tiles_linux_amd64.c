//go:build cgo

// What the instructions do to tiles. Whatever lies beyond a tile's rows and columns is zero at all times.

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#include "tiles_linux_amd64.h"

// config is the operand of LDTILECFG.
struct config {
	uint8_t palette, start_row, reserved[14];
	uint16_t colsb[16]; // of tiles 0 to 7; the others are reserved
	uint8_t rows[16];
};

int tiles_release(struct tiles *t) {
	memset(t, 0, sizeof *t);
	return 1;
}

int tiles_configure(struct tiles *t, const uint8_t *config) {
	struct config c;
	memcpy(&c, config, sizeof c);
	if (c.palette == 0)
		return tiles_release(t);
	if (c.palette != 1 || c.start_row != 0)
		return 0;
	for (size_t i = 0; i < sizeof c.reserved; i++)
		if (c.reserved[i] != 0)
			return 0;
	for (int i = 0; i < 16; i++)
		if (c.colsb[i] > 64 || c.rows[i] > 16 || !c.colsb[i] != !c.rows[i] || (i >= 8 && c.rows[i] != 0))
			return 0;
	tiles_release(t);
	t->configured = 1;
	for (int i = 0; i < 8; i++)
		t->rows[i] = c.rows[i], t->colsb[i] = c.colsb[i];
	return 1;
}

// usable reports whether there is such a tile with a shape.
static int usable(const struct tiles *t, int tile) { return t->configured && tile < 8 && t->rows[tile] != 0; }

int tiles_zero(struct tiles *t, int tile) {
	if (!usable(t, tile))
		return 0;
	memset(t->data[tile], 0, sizeof t->data[tile]);
	return 1;
}

int tiles_load(struct tiles *t, int tile, const uint8_t *address, int64_t stride) {
	if (!tiles_zero(t, tile))
		return 0;
	for (int r = 0; r < t->rows[tile]; r++)
		memcpy(t->data[tile][r], address + r * stride, t->colsb[tile]);
	return 1;
}

int tiles_store(struct tiles *t, int tile, uint8_t *address, int64_t stride) {
	if (!usable(t, tile))
		return 0;
	for (int r = 0; r < t->rows[tile]; r++)
		memcpy(address + r * stride, t->data[tile][r], t->colsb[tile]);
	return 1;
}

// multiplicable reports whether c += a·b is defined.
static int multiplicable(const struct tiles *t, int c, int a, int b) {
	return usable(t, c) && usable(t, a) && usable(t, b) && c != a && c != b && a != b && t->rows[c] == t->rows[a] &&
	       t->colsb[c] == t->colsb[b] && t->colsb[a] == 4 * t->rows[b] && t->colsb[c] % 4 == 0;
}

// The elements of a tile as the instructions see them.
typedef uint16_t __attribute__((may_alias)) bf16;

// float_of widens a bf16.
static inline float float_of(bf16 bits) {
	uint32_t wide = (uint32_t)bits << 16;
	float f;
	memcpy(&f, &wide, 4);
	return f;
}

// dot_row is one row of TDPBF16PS: for every column a chain over the even elements along k and one over the odd ones,
// both from zero, whose sum is added to c.
__attribute__((target("avx2,fma"), optimize("O3")))
static void dot_row(float *restrict c, const bf16 *a, const bf16 (*b)[32], int pairs) {
	float even[16] = {0}, odd[16] = {0};
	for (int k = 0; k < pairs; k++) {
		float a0 = float_of(a[2 * k]), a1 = float_of(a[2 * k + 1]);
		for (int n = 0; n < 16; n++) {
			even[n] = __builtin_fmaf(a0, float_of(b[k][2 * n]), even[n]);
			odd[n] = __builtin_fmaf(a1, float_of(b[k][2 * n + 1]), odd[n]);
		}
	}
	for (int n = 0; n < 16; n++)
		c[n] = c[n] + (even[n] + odd[n]);
}

int tiles_dot_bf16(struct tiles *t, int c, int a, int b) {
	if (!multiplicable(t, c, a, b))
		return 0;
	unsigned control = _mm_getcsr();
	_mm_setcsr(0x1F80 | 0x8040); // nearest even, no exceptions, denormals are zero on the way in and out
	for (int m = 0; m < t->rows[c]; m++) {
		float sums[16];
		memcpy(sums, t->data[c][m], sizeof sums);
		dot_row(sums, (const bf16 *)t->data[a][m], (const bf16(*)[32])t->data[b], t->colsb[a] / 4);
		memcpy(t->data[c][m], sums, t->colsb[c]);
	}
	_mm_setcsr(control);
	return 1;
}

// TDPBSUD: four products of a signed and an unsigned byte a step, wrapping around in 32 bits.
__attribute__((optimize("O3")))
int tiles_dot_int8(struct tiles *t, int c, int a, int b) {
	if (!multiplicable(t, c, a, b))
		return 0;
	for (int m = 0; m < t->rows[c]; m++) {
		uint32_t sums[16];
		memcpy(sums, t->data[c][m], sizeof sums);
		for (int k = 0; k < t->colsb[a] / 4; k++) {
			const int8_t *x = (const int8_t *)t->data[a][m] + 4 * k;
			const uint8_t *y = t->data[b][k];
			for (int n = 0; n < 16; n++)
				sums[n] += x[0] * y[4 * n] + x[1] * y[4 * n + 1] + x[2] * y[4 * n + 2] + x[3] * y[4 * n + 3];
		}
		memcpy(t->data[c][m], sums, t->colsb[c]);
	}
	return 1;
}
