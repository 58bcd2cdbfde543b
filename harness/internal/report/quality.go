package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

const untrained = "untrained: quality columns say nothing about the architecture"

// addQuality shows language-model quality at the models' own precision.
func addQuality(ix *index, s *Section, cells []*record.Cell) {
	t := table.Table{
		ID: "quality", Title: "Language-model quality", Caption: "held-out text; intervals over documents",
		Columns: append(table.Keys("model", "context", "stride"), table.Column{Name: "bits per byte", Unit: unit.BitsPerByte, Better: -1},
			table.Column{Name: "documents", ID: "quality-documents"}, table.Column{Name: "bytes", ID: "quality-bytes", Unit: unit.Byte}),
		Notes: ix.qualityNotes(cells),
	}
	for _, c := range cells {
		documents, bytes := sizeOf(c)
		t.Add(c.Model, c.Point.Get("context"), c.Point.Get("stride"), ix.Value(result.BitsPerByte, c), documents, bytes)
	}
	s.add(t)
}

// sizeOf is the number of documents that a quality cell scored, and their bytes.
func sizeOf(c *record.Cell) (documents, bytes table.Value) {
	documents = table.Unavailable("no document was scored")
	if result.Why(c) != "" {
		documents = result.Missing(c)
	}
	bytes = documents
	all, sum := result.Documents(c), 0.0
	for _, d := range all {
		sum += d.Bytes
	}
	if len(all) > 0 {
		documents = count(len(all), c.ID)
	}
	if sum > 0 {
		bytes = table.Number(sum, unit.Byte, c.ID)
	}
	return documents, bytes
}

// qualityNotes are the caveats about losses.
func (ix *index) qualityNotes(cells []*record.Cell) []string {
	var notes, seeded []string
	for _, m := range ix.ModelsOf(cells) {
		if m.Initialised {
			seeded = append(seeded, m.Name)
		}
	}
	notes = append(notes, result.NotAlike(ix.ModelsOf(cells)...)...)
	if len(seeded) > 0 {
		notes = append(notes, strings.Join(seeded, ", ")+": "+untrained+".")
	}
	return notes
}

// addPrecisions shows the cost and benefit of each precision.
func addPrecisions(ix *index, s *Section, cells []*record.Cell) {
	at := speedPoint(cells)
	t := table.Table{
		ID: "precisions", Title: "What each precision costs", Caption: precisionCaption(at),
		Columns: append(table.Keys("model", "precision"), table.Column{Name: "bits per weight", Unit: unit.BitsPerWeight, Better: -1},
			table.Column{Name: "weights", ID: result.WeightBytes.Name, Unit: unit.Byte, Better: -1},
			table.Column{Name: "prefill", Unit: unit.TokensPerSec, Better: +1}, table.Column{Name: "decode", ID: result.DecodeSpeed.Name, Unit: unit.TokensPerSec, Better: +1},
			table.Column{Name: "bits per byte", Unit: unit.BitsPerByte, Better: -1}, table.Column{Name: "Δ bits per byte", ID: "bits-per-byte-to-f32", Unit: unit.BitsPerByte, Better: -1},
			table.Column{Name: "KL to f32", Unit: unit.Nat, Better: -1}, table.Column{Name: "same first choice as f32", ID: "top1-as-f32", Unit: unit.One, Better: +1}),
		Notes: ix.qualityNotes(cells),
	}
	for _, f := range ix.Families {
		for _, m := range f.Models {
			if own := result.OfModel(cells, m.Name); len(own) > 0 {
				t.Rows = append(t.Rows, ix.precisionRow(f, m, own, at))
			}
		}
	}
	s.add(t)
	s.Figures = append(s.Figures, ix.lossFigure(cells), ix.qualityAgainstBytes(cells), ix.qualityAgainstFLOPs(cells))
}

// speedPoint is the point of each probe whose speed a table of precisions shows: the first one measured.
func speedPoint(cells []*record.Cell) map[string]string {
	at := map[string]string{}
	for _, c := range cells {
		if _, ok := at[c.Probe]; !ok && c.Status == record.OK {
			at[c.Probe] = c.Point.String()
		}
	}
	return at
}

func precisionCaption(at map[string]string) string {
	parts := []string{"Δ, KL and first choice against the same weights widened to f32, paired over documents"}
	for _, p := range []string{"prefill", "decode"} {
		if at[p] != "" {
			parts = append(parts, p+" at "+at[p])
		}
	}
	return strings.Join(parts, "; ")
}

func (ix *index) precisionRow(f result.Family, m *record.Model, cells []*record.Cell, at map[string]string) []table.Value {
	quality := ix.qualityCell(cells, m.Name)
	row := []table.Value{table.Text(f.Name), table.Text(m.Precision), bitsPerWeight(m), modelBytes(m),
		ix.speedAt(result.PrefillSpeed, cells, at), ix.speedAt(result.DecodeSpeed, cells, at)}
	if quality == nil {
		na := table.Unavailable("quality not planned")
		row = append(row, na, na, na, na)
	} else {
		row = append(row, ix.Value(result.BitsPerByte, quality), ix.cost(m, quality),
			ix.divergence(m, quality, probe.DocumentKL), ix.divergence(m, quality, probe.DocumentTop1))
	}
	return row
}

// bitsPerWeight is the size of the whole model divided by its parameters.
func bitsPerWeight(m *record.Model) table.Value {
	if m.Parameters == 0 || m.WeightBytes == 0 {
		return table.Unavailable("the plugin does not report its size")
	}
	bits := 8 * float64(m.WeightBytes) / float64(m.Parameters)
	return table.Figure(unit.Number(bits), bits)
}

func modelBytes(m *record.Model) table.Value {
	if m.WeightBytes == 0 {
		return table.Unavailable("the plugin does not report its size")
	}
	return table.Number(float64(m.WeightBytes), unit.Byte)
}

func (ix *index) speedAt(q *result.Quantity, cells []*record.Cell, at map[string]string) table.Value {
	for _, c := range cells {
		if c.Probe == q.Probe && (at[q.Probe] == "" || c.Point.String() == at[q.Probe]) {
			return ix.Value(q, c)
		}
	}
	return result.NotPlanned
}

// qualityCell is the quality cell of a model among cells, else one from the whole run.
func (ix *index) qualityCell(cells []*record.Cell, model string) *record.Cell {
	for _, c := range slices.Concat(cells, ix.Cells("", "quality")) {
		if c.Probe == "quality" && c.Model == model {
			return c
		}
	}
	return nil
}

// cost is the difference in bits per byte from the same weights in f32.
func (ix *index) cost(m *record.Model, quality *record.Cell) table.Value {
	if m == ix.Wide(m) {
		return table.Text("base")
	}
	if reason := ix.Unscored(quality); reason != "" {
		return table.Unavailable(reason)
	}
	base, reason := ix.WideCell(m, quality)
	if reason != "" {
		return table.Unavailable(reason)
	}
	return table.Ranged(ix.Added(quality, base), result.Signed(4), quality.ID, base.ID)
}

func (ix *index) divergence(m *record.Model, quality *record.Cell, metric string) table.Value {
	if reason := ix.Unscored(quality); reason != "" {
		return table.Unavailable(reason)
	}
	if m == ix.Wide(m) {
		return table.Text("base")
	}
	e := result.PerToken(quality, metric)
	if e.N == 0 {
		return table.Unavailable(cmp.Or(probe.Lacking(quality, metric), "no ability versus"))
	}
	if metric == probe.DocumentTop1 {
		return table.Ranged(e, unit.Percent, quality.ID)
	}
	return table.Measured(e, unit.Nat, quality.ID)
}
