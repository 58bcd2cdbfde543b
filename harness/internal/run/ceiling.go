package run

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/lm"
)

// ceilingFact starts the name of the facts that hold the host's measured ceilings: "ceiling fma.f32" is
// "1.5e+11 FLOP/s (avx2)".
const ceilingFact = "ceiling"

// ceilingFacts words a roofline as facts of a run.
func ceilingFacts(r lm.Roofline) (facts []store.Fact) {
	for _, c := range r.Ceilings {
		facts = append(facts, store.Fact{
			Name: ceilingFact + " " + c.Name, Value: fmt.Sprintf("%g %s (%s)", c.Value, c.Unit, c.Kernels),
		})
	}
	return facts
}

// ceilings reads the roofline back from the facts of a run, so that a resumed run measures against the same one.
func ceilings(facts []store.Fact) (r lm.Roofline) {
	for _, f := range facts {
		name, ok := strings.CutPrefix(f.Name, ceilingFact+" ")
		var c lm.Ceiling
		if n, _ := fmt.Sscan(f.Value, &c.Value, &c.Unit); !ok || n != 2 {
			continue
		}
		_, kernels, _ := strings.Cut(f.Value, "(")
		c.Name, c.Kernels = name, strings.TrimSuffix(kernels, ")")
		r.Ceilings = append(r.Ceilings, c)
	}
	return r
}

// calibrate asks the echo plugin for the ceilings of the host. A host without it has no ceilings, and says why.
func calibrate(ctx context.Context, o Options, memory int64) (lm.Roofline, []store.Fact) {
	fail := func(err error) (lm.Roofline, []store.Fact) {
		return lm.Roofline{}, []store.Fact{{Name: ceilingFact, Value: "n/a (" + err.Error() + ")"}}
	}
	path, _, err := o.Plugins.Find("echo")
	if err != nil {
		return fail(err)
	}
	p, err := o.Plugins.Start(ctx, path, threadsOf(o.Threads), memory)
	if err != nil {
		return fail(err)
	}
	defer p.Close()
	c, ok := p.(lm.Calibrator)
	if !ok {
		return fail(errors.New("the plugin echo does not calibrate"))
	}
	roof, err := c.Calibrate(ctx, threadsOf(o.Threads))
	if err != nil {
		return fail(err)
	}
	return roof, ceilingFacts(roof)
}
