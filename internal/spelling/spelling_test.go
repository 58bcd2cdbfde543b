package spelling

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	words := []string{"blocks.0.wq.weight", "blocks.1.wq.weight", "h.0.qkv.weight", "Norm", strings.Repeat("x", 300)}
	for word, want := range map[string][]string{
		"blocks.1.q.weight":      {"blocks.1.wq.weight", "blocks.0.wq.weight"},
		"norm":                   {"Norm"},
		"none of these at all":   nil,
		strings.Repeat("x", 301): nil,
		"":                       nil,
	} {
		if diff := cmp.Diff(want, Nearest(word, words, 2)); diff != "" {
			t.Errorf("%.20q (-want +got):\n%s", word, diff)
		}
	}
}

func TestDistance(t *testing.T) {
	if d := distance("kitten", "sitting"); d != 3 {
		t.Errorf("distance of kitten and sitting is %d, want 3", d)
	}
}
