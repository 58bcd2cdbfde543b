package run

import (
	"testing"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestReproduce checks that a command contains everything that a cell depends on, quoted for the shell.
func TestReproduce(t *testing.T) {
	t.Setenv(kernelVariable, "")
	loaded := &record.Model{
		Name: "my $model", Architecture: "a", Checkpoint: "/it's here", Precision: "int8", Head: "bf16", Threads: 3,
		PluginPath: "/plug ins/archbench-plugin-a", Options: map[string]string{"top_k": "2", "mode": "x y"},
	}
	seeded := &record.Model{Name: "s", Architecture: "a", Variant: "tiny", Seed: 9, Precision: "f32", Threads: 1}
	own := &record.Run{Seed: 5, Corpus: "/a text", Facts: []record.Fact{{Name: "suite mine", Value: "/my suites/mine.yaml"}, {Name: "budget", Value: "1m0s"}}}
	for _, c := range []struct {
		name    string
		run     *record.Run
		model   *record.Model
		cell    record.Cell
		kernels string
		want    string
	}{
		{"timing of a checkpoint", own, loaded, record.Cell{Suite: "mine", Probe: "decode", Repeats: 7,
			Point: record.Point{{Name: "depth", Value: "16"}}, Params: record.Point{{Name: "tokens", Value: "64"}}}, "",
			`archbench run '/my suites/mine.yaml' --probe decode --model 'my $model=a:/it'\''s here@int8' ` +
				`--plugin 'a=/plug ins/archbench-plugin-a' --head bf16 --option 'mode=x y' --option top_k=2 --set precision=int8 ` +
				`--set depth=16 --set tokens=64 --set repeats=7 --seed 5 --threads 3 --budget 1m0s --corpus '/a text' --db '/d b/r.db'`},
		{"seeded weights, forced kernels", &record.Run{}, seeded, record.Cell{Suite: "flops", Probe: "cost"}, "reference",
			`ARCHBENCH_KERNEL=reference archbench run flops --probe cost --model s=a:tiny@f32 --init 9 --set precision=f32 ` +
				`--seed 0 --threads 1 --db '/d b/r.db'`},
	} {
		t.Setenv(kernelVariable, c.kernels)
		if got := reproduce("/d b/r.db", c.run, c.model, &c.cell); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}
