#include <stdint.h>

int amxemu_install(void);
int64_t amxemu_executed(void);
void amxemu_trap(void);
