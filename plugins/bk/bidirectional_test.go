package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

func TestPublishedFixtures(t *testing.T) {
	for _, name := range []string{"top1", "top2", "allexperts", "birman-schwinger", "router"} {
		t.Run(name, func(t *testing.T) {
			modeltest.Fixture(t, engine.New(Family{}), "testdata/bk-seed-"+name, nil)
		})
	}
}

func TestPublishedInfo(t *testing.T) {
	for _, name := range []string{"top1", "birman-schwinger", "router"} {
		m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/bk-seed-" + name})
		info := m.Info()
		if info.Causal || info.Mode != modeBidirectional || info.ContextLimit != 48 || len(info.Warnings) > 0 {
			t.Errorf("%s: causal %v, mode %q, context limit %d, warnings %q", name, info.Causal, info.Mode, info.ContextLimit, info.Warnings)
		}
	}
}

// TestPublishedParameters compares with the published count of the reference's own configuration.
func TestPublishedParameters(t *testing.T) {
	ps := nn.NewParams(nil, 1, nn.Precision{})
	newModel(defaultBidirectional(0), ps)
	if got := ps.Count(); got != 4146120 {
		t.Errorf("%d parameters, want 4146120", got)
	}
}

// TestPublishedSeesTheFuture documents why the mode is kept out of language-model tables: the predictions of a prefix
// depend on what follows it.
func TestPublishedSeesTheFuture(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/bk-seed-top2"})
	document := modeltest.Inputs(t, "testdata/bk-seed-top2")[0]
	whole, prefix := modeltest.Scores(t, m, document), modeltest.Scores(t, m, document[:24])
	leak := largest(whole.Logits[:24*384], prefix.Logits)
	t.Logf("the logits of 24 tokens change by %.3g when 24 more follow", leak)
	if leak < 1e-3 {
		t.Errorf("the logits of a prefix change by %g only: the resolvent no longer reads the whole sequence", leak)
	}
	if _, err := m.(lm.Stepper).NewState(context.Background()); lm.KindOf(err) != lm.Unsupported {
		t.Errorf("a state of a model that sees the future: error %v, want kind unsupported", err)
	}
}

func TestPublishedContextLimit(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/bk-seed-top1"})
	_, err := m.Score(context.Background(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: make([]int32, 49), From: 1}}})
	if lm.KindOf(err) != lm.Invalid || !strings.Contains(fmt.Sprint(err), "n_seq=48") {
		t.Errorf("49 tokens in 48 positions: error %v, want kind invalid that names n_seq=48", err)
	}
	modeltest.Scores(t, m, make([]int32, 20))
}

// TestPublishedLowRank checks that an operator that is not served is refused rather than read as zero.
func TestPublishedLowRank(t *testing.T) {
	const layer = "blocks.0.bk_layer."
	const name = layer + "birman_schwinger_core.semiseparable.U"
	for value, refused := range map[float32]bool{0: false, 0.5: true} {
		ps := nn.NewParams(buffer{name, value}, 0, nn.Precision{})
		(&FullConfig{}).declare(&Config{Dim: 4}, layer, ps)
		if strings.Contains(fmt.Sprint(ps.Err()), `"`+name+`" is not zero`) != refused {
			t.Errorf("U of %g: error %v", value, ps.Err())
		}
	}
}

// buffer is a source with one tensor of one element.
type buffer struct {
	name  string
	value float32
}

func (b buffer) Names() []string                               { return []string{b.name} }
func (b buffer) ReleasePages(string)                           {}
func (b buffer) Shape(name string) ([]int, bool)               { return []int{1, 1}, name == b.name }
func (b buffer) Float32s(string) []float32                     { return nil }
func (b buffer) BF16s(string) []uint16                         { return nil }
func (b buffer) Absence(string) string                         { return "" }
func (b buffer) NonFinite(string, int, int) (count, first int) { return 0, 0 }
func (b buffer) ReadRows(_ string, _, _ int, dst []float32) error {
	dst[0] = b.value
	return nil
}
