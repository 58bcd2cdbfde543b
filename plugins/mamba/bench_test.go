package main

import (
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
)

func BenchmarkForward(b *testing.B) {
	modeltest.BenchmarkForward(b, Family{}, "3m", "130m", "mamba2-3m", "mamba2-130m")
}
