// Package amxemu emulates AMX instructions, so package kernel's tests can run them on CPUs without AMX. Such a CPU
// raises SIGILL at each instruction; the handler set up by [Install] decodes the instruction, executes it on per-thread
// tiles and continues after it. It supports the instructions that the kernels use:
//
//	LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILELOADDT1, TILESTORED, TDPBF16PS, TDPBSUD
//
// with the results and undefined cases that Intel documents (Software Developer's Manual, volume 2; Architecture
// Instruction Set Extensions, chapter 3). One instruction takes about a microsecond, so the emulation shows results,
// not speed. It needs cgo and is for tests only.
package amxemu
