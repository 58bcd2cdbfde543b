package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// change returns documents before and after a change that costs some bits per byte, more or less by a share of it.
func change(seed uint64, bits, spread float64, documents int) (c [2][]Document) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range documents {
		d := Document{Name: fmt.Sprint(i), Bytes: 1000 + float64(100*(i%7)), Nats: 900 + 50*rng.NormFloat64()}
		c[0] = append(c[0], d)
		d.Nats += bits * (1 + spread*rng.NormFloat64()) * d.Bytes * math.Ln2
		c[1] = append(c[1], d)
	}
	return c
}

func TestCompareAdded(t *testing.T) {
	for name, tc := range map[string]struct {
		base, other [2][]Document
		difference  float64
		verdict     Verdict
	}{
		"costs more":           {change(1, 0.010, 0.1, 30), change(2, 0.030, 0.1, 30), 0.020, More},
		"costs less":           {change(1, 0.030, 0.1, 30), change(2, 0.010, 0.1, 30), -0.020, Less},
		"gains, so costs less": {change(1, 0.010, 0.1, 30), change(2, -0.010, 0.1, 30), -0.020, Less},
		"costs as much":        {change(1, 0.010, 3, 30), change(2, 0.010, 3, 30), 0, Undecided},
		"too few documents":    {change(1, 0.010, 0.1, 3), change(2, 0.030, 0.1, 3), 0.020, Undecided},
	} {
		gap, c := CompareAdded(tc.base, tc.other)
		if math.Abs(gap.Value-tc.difference) > 0.012 || c.Verdict() != tc.verdict {
			t.Errorf("%s: %+v, verdict %v (p %g), want %g and %v", name, gap, c.Verdict(), c.P, tc.difference, tc.verdict)
		}
		if math.Abs(math.Log(c.Value)-gap.Value) > 1e-12 {
			t.Errorf("%s: the comparison %g is not that of the difference %g", name, c.Value, gap.Value)
		}
	}
}

// TestCompareAddedLeavesOut checks that a document that one side did not score counts for none.
func TestCompareAddedLeavesOut(t *testing.T) {
	base, other := change(1, 0.01, 0.1, 20), change(2, 0.03, 0.1, 20)
	base[0] = base[0][1:]
	other[1] = other[1][:19]
	if gap, _ := CompareAdded(base, other); gap.N != 18 {
		t.Errorf("%d documents, want 18", gap.N)
	}
	if gap, c := CompareAdded([2][]Document{}, other); gap.Valid() || c.Valid() {
		t.Errorf("nothing compared with something: %+v", gap)
	}
}
