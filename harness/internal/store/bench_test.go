package store

import (
	"context"
	"testing"

	"github.com/archbench/archbench/harness/internal/record"
)

// BenchmarkRecord stores samples in batches the size of a block.
func BenchmarkRecord(b *testing.B) {
	ctx, db, run := context.Background(), open(b), example("r-1")
	if err := db.CreateRun(ctx, run); err != nil {
		b.Fatal(err)
	}
	const size = 1000
	batch := make([]record.Sample, size)
	rows := 0
	for b.Loop() {
		for i := range batch {
			batch[i] = record.Sample{Metric: "prefill_seconds", Value: float64(i), Unit: "s", Block: rows + i}
		}
		if err := db.Record(ctx, run.ID, &run.Cells[0], batch); err != nil {
			b.Fatal(err)
		}
		rows += size
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
