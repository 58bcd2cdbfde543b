package nn

import (
	"strings"
	"testing"
)

// TestOutput checks which output matrix a model gets from checkpoints with and without one.
func TestOutput(t *testing.T) {
	table, other := []float32{1, 2, 3, 4, 5, 6}, []float32{1, 2, 3, 4, 5, 7}
	tests := map[string]struct {
		head     []float32 // nil: none in the file
		tied     bool
		want     []float32
		wantTied bool
		warn     int
		err      string
	}{
		"tied":                {nil, true, table, true, 0, ""},
		"tied, stored again":  {table, true, table, true, 0, ""},
		"tied, another":       {other, true, other, false, 1, ""},
		"untied":              {other, false, other, false, 0, ""},
		"untied, but equal":   {table, false, table, false, 0, ""},
		"untied, and missing": {nil, false, nil, false, 0, `"lm_head.weight" is missing from the checkpoint: tie_word_embeddings is false`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src := &memory{shapes: map[string][]int{"wte.weight": {3, 2}}, data: map[string][]float32{"wte.weight": table}}
			if tt.head != nil {
				src.shapes["lm_head.weight"], src.data["lm_head.weight"] = []int{3, 2}, tt.head
			}
			ps := NewParams(src, 0, Precision{})
			tied := tt.tied
			head := ps.Output("lm_head", ps.Embedding("wte", 3, 2, nil), &tied, nil)
			if tt.err != "" {
				if err := ps.Err(); err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err := ps.Err(); err != nil || tied != tt.wantTied || len(ps.Warnings()) != tt.warn {
				t.Errorf("error %v, tied %v, warnings %q", err, tied, ps.Warnings())
			}
			row := make([]float32, 2)
			for r := range 3 {
				if head.W.Row(r, row); row[0] != tt.want[2*r] || row[1] != tt.want[2*r+1] {
					t.Errorf("row %d is %v, want %v", r, row, tt.want[2*r:2*r+2])
				}
			}
		})
	}
}
