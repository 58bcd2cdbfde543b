#include <stdint.h>

// tiles is the state of AMX in a thread. Each operation reports 0, having changed nothing, where a CPU would raise an
// exception: tiles without configuration, shapes that do not match, registers that coincide.
struct tiles {
	int configured;
	int rows[8], colsb[8]; // of the palette in use: rows, and bytes of a row
	uint8_t data[8][16][64];
};

int tiles_configure(struct tiles *t, const uint8_t *config);
int tiles_release(struct tiles *t);
int tiles_zero(struct tiles *t, int tile);
int tiles_load(struct tiles *t, int tile, const uint8_t *address, int64_t stride);
int tiles_store(struct tiles *t, int tile, uint8_t *address, int64_t stride);
int tiles_dot_bf16(struct tiles *t, int c, int a, int b);
int tiles_dot_int8(struct tiles *t, int c, int a, int b);
