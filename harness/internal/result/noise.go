package result

import (
	"reflect"
	"slices"
	"sync"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
)

// Noise returns the log ratios of the blocks in which a run compared a model with itself by a timing probe, over all its points. Their
// true median is 0, so they are noise of the host. wanted chooses the models.
func Noise(run *record.Run, probe string, wanted func(*record.Model) bool) (logs []float64) {
	quantities := QuantitiesOf(probe)
	timed := slices.IndexFunc(quantities, (*Quantity).timed)
	if timed < 0 {
		return nil
	}
	of := func(m *record.Model) []*record.Cell { return measured(OfModel(OfProbe(run.All(), probe), m.Name)) }
	for i := range run.Models {
		a := &run.Models[i]
		for j := range run.Models[:i] {
			b := &run.Models[j]
			if !alike(*a, *b) || !wanted(a) {
				continue
			}
			for _, x := range of(a) {
				for _, y := range of(b) {
					if slices.Equal(x.Point, y.Point) && slices.Equal(x.Params, y.Params) {
						ratios, _ := stat.LogRatios(quantities[timed].Blocks(x), quantities[timed].Blocks(y))
						logs = append(logs, ratios...)
					}
				}
			}
			break // further equal models would add the same blocks again
		}
	}
	return logs
}

// alike reports whether two models differ in no more than their names.
func alike(a, b record.Model) bool {
	for _, m := range []*record.Model{&a, &b} {
		m.Name, m.Family, m.Warnings = "", "", nil
	}
	return reflect.DeepEqual(a, b)
}

// detects explains what tables say of undecided comparisons.
const detects = "detects: the difference that 80 % of such comparisons would find."

// detect lets the undecided comparisons of a family by blocks tell how large a ratio they would have found.
func detect(pairs []*pair) {
	f := &family{effects: map[stat.Design]*float64{}}
	for _, p := range pairs {
		if p.reason == "" && p.byBlock() {
			f.pairs = append(f.pairs, p)
		}
	}
	for _, p := range f.pairs {
		if p.result.Verdict() == stat.Undecided {
			p.detects = func() *float64 { return f.detectable(p) }
		}
	}
}

// family are comparisons by blocks that share an error. It computes their noise once, and what they detect once for each number of
// blocks.
type family struct {
	pairs []*pair

	mu      sync.Mutex
	noise   []float64
	effects map[stat.Design]*float64
}

// detectable takes as noise what the blocks' ratios of the whole family deviate from their medians: that of one comparison seldom has
// blocks enough.
func (f *family) detectable(p *pair) *float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.noise == nil {
		for _, o := range f.pairs {
			f.noise = append(f.noise, o.deviations()...)
		}
	}
	d := stat.Design{Blocks: p.result.N, Least: p.base.cell.Repeats, Family: len(f.pairs), Anytime: p.test == bySign}
	effect, known := f.effects[d]
	if !known {
		if e := d.Detectable(f.noise); e.Valid() {
			effect = &e.Value
		}
		f.effects[d] = effect
	}
	return effect
}

// detectable is the smallest ratio that an undecided comparison by blocks would have found; nil if that is unknown.
func (p *pair) detectable() *float64 {
	if p.detects == nil {
		return nil
	}
	return p.detects()
}

// deviations are the log ratios of the blocks without their median.
func (p *pair) deviations() []float64 {
	logs, _ := stat.LogRatios(p.q.Blocks(p.base.cell), p.q.Blocks(p.other.cell))
	centre := stat.MedianOf(logs)
	for i := range logs {
		logs[i] -= centre
	}
	return logs
}

// Comparisons counts those that share an error among cells of one point: of the models with the first, or of a model's
// precisions with its base, whichever are more.
func (ix *Index) Comparisons(cells []*record.Cell) int {
	precisions := map[int]int{}
	most := 0
	for _, c := range cells {
		family := ix.Style[c.Model]
		precisions[family]++
		most = max(most, precisions[family])
	}
	return max(0, len(precisions)-1, most-1)
}
