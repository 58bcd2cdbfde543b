package main

import (
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
)

func BenchmarkForward(b *testing.B) {
	modeltest.BenchmarkForward(b, Family{}, "bk-row-3m", "bk-diag-3m", "bk-original-3m", "bk-keyed-3m")
}
