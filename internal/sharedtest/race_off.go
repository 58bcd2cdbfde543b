//go:build !race

package sharedtest

// race reports whether the race detector is on. It makes sync.Pool drop items at random, so allocations cannot be
// counted.
const race = false
