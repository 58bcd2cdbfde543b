// Package amxemu lets the tests of package kernel run AMX instructions on CPUs without them. Such a CPU raises SIGILL at
// each; the handler that [Install] sets up decodes the instruction, carries it out on tiles of the thread's own and
// continues behind it. It knows the instructions that the kernels use:
//
//	LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILELOADDT1, TILESTORED, TDPBF16PS, TDPBSUD
//
// with the results and the undefined cases that Intel documents (Software Developer's Manual, volume 2; Architecture
// Instruction Set Extensions, chapter 3). One instruction takes about a microsecond, so this shows what the kernels
// compute, not how fast. It is cgo, and for tests alone.
package amxemu
