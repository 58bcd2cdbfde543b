package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
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
	s.Tables = append(s.Tables, t)
}

// unfit is the reason why a cell is left out of language-model tables, "" if it is not.
func (ix *index) unfit(c *record.Cell) string {
	if m := ix.ByName[c.Model]; result.SeesFuture(m) {
		return "sees the future"
	}
	if reason := result.Why(c); reason != "" {
		return reason
	}
	if len(result.Documents(c)) == 0 {
		return "no document was scored"
	}
	return ""
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
	s.Tables = append(s.Tables, t)
	s.Figures = append(s.Figures, ix.lossFigure(cells), ix.qualityFigure(cells))
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
		speedAt(result.PrefillSpeed, cells, at), speedAt(result.DecodeSpeed, cells, at)}
	if quality == nil {
		na := table.Unavailable("quality not planned")
		row = append(row, na, na, na, na)
	} else {
		row = append(row, ix.Value(result.BitsPerByte, quality), ix.cost(m, quality),
			ix.divergence(m, quality, probe.DocumentKL), ix.divergence(m, quality, probe.DocumentTop1))
	}
	if row[6].Number == nil {
		for i := 4; i <= 5; i++ {
			if row[i].Number != nil {
				row[i].Notes = append(slices.Clone(row[i].Notes), "INVALID: a speed without its quality")
			}
		}
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

func speedAt(q *result.Quantity, cells []*record.Cell, at map[string]string) table.Value {
	for _, c := range cells {
		if c.Probe == q.Probe && (at[q.Probe] == "" || c.Point.String() == at[q.Probe]) {
			return q.Value(c)
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
	if reason := ix.unfit(quality); reason != "" {
		return table.Unavailable(reason)
	}
	base, reason := ix.wideCell(m, quality)
	if reason != "" {
		return table.Unavailable(reason)
	}
	gap, _ := stat.CompareBitsPerByte(result.Documents(base), result.Documents(quality))
	return table.Ranged(gap, result.Signed(4), quality.ID, base.ID)
}

// wideCell is the quality cell of the same weights in f32 at the same point, or the reason for its absence.
func (ix *index) wideCell(m *record.Model, quality *record.Cell) (base *record.Cell, reason string) {
	wide := ix.Wide(m)
	if wide == nil {
		return nil, "the same weights were not scored in f32"
	}
	for _, c := range ix.Cells("", "quality") {
		if c.Model == wide.Name && c.Point.String() == quality.Point.String() && ix.unfit(c) == "" {
			return c, ""
		}
	}
	return nil, "the base " + wide.Name + " has no quality"
}

func (ix *index) divergence(m *record.Model, quality *record.Cell, metric string) table.Value {
	if reason := ix.unfit(quality); reason != "" {
		return table.Unavailable(reason)
	}
	if m == ix.Wide(m) {
		return table.Text("base")
	}
	e := result.PerToken(quality, metric)
	if e.N == 0 {
		return table.Unavailable("no ability versus")
	}
	if metric == probe.DocumentTop1 {
		return table.Ranged(e, unit.Percent, quality.ID)
	}
	return table.Measured(e, unit.Nat, quality.ID)
}

// lossFigure shows the loss of each precision against its bits per weight.
func (ix *index) lossFigure(cells []*record.Cell) chart.Figure {
	f := chart.Figure{
		Name: "loss", Title: "Loss that each precision costs", Empty: "no precision was scored beside its f32 base",
		X: chart.Axis{Label: "bits per weight, whole model", Unit: unit.BitsPerWeight}, Y: chart.Axis{Label: "Δ bits per byte", Unit: unit.BitsPerByte},
		Caption: "Bits per byte above the same weights in f32, paired over documents, against the size of the whole model.",
		Rules:   []chart.Rule{{At: 0, Label: "same as f32"}},
	}
	documents := 0
	for _, fam := range ix.Families {
		s := chart.Series{Name: fam.Name, Style: ix.Style[fam.Base.Name]}
		for _, m := range fam.Models {
			c := ix.qualityCell(cells, m.Name)
			if m == ix.Wide(m) || c == nil || ix.unfit(c) != "" || m.Parameters == 0 {
				continue
			}
			if base, reason := ix.wideCell(m, c); reason == "" {
				e, _ := stat.CompareBitsPerByte(result.Documents(base), result.Documents(c))
				documents = max(documents, e.N)
				p := point(8*float64(m.WeightBytes)/float64(m.Parameters), e)
				p.Label = m.Precision
				s.Points = append(s.Points, p)
			}
		}
		f.Series = append(f.Series, s)
	}
	f.Foot = fmt.Sprintf("paired over %s; bars: 95 %% interval", result.Describe(documents, "document"))
	return f
}

// qualityFigure shows quality against decode speed.
func (ix *index) qualityFigure(cells []*record.Cell) chart.Figure {
	f := chart.Figure{
		Name: "quality-speed", Title: "Quality against speed", Empty: "no model has both a quality and a decode speed",
		X:       chart.Axis{Label: "decode speed, token/s", Unit: unit.TokensPerSec, Log: chart.Log10},
		Y:       chart.Axis{Label: "bits per byte of held-out text", Unit: unit.BitsPerByte},
		Caption: strings.Join(append([]string{"Better is down and to the right."}, result.NotAlike(ix.ModelsOf(cells)...)...), " "),
	}
	at := speedPoint(cells)["decode"]
	blocks := 0
	for _, fam := range ix.Families {
		s := chart.Series{Name: fam.Name, Style: ix.Style[fam.Base.Name]}
		for _, m := range fam.Models {
			if speed, bits := decodeAt(cells, m, at), ix.trainedQuality(cells, m); speed.Valid() && bits.Valid() {
				blocks = max(blocks, speed.N)
				p := point(speed.Value, bits)
				p.XLo, p.XHi, p.Label = speed.Lo, speed.Hi, m.Precision
				s.Points = append(s.Points, p)
			}
		}
		f.Series = append(f.Series, s)
	}
	if blocks > 0 {
		f.Foot = "quality: 95 % interval over documents · decode: " + foot(result.DecodeSpeed, blocks, at)
	}
	return f
}

// decodeAt is a model's decode speed at a point, invalid if it was not measured.
func decodeAt(cells []*record.Cell, m *record.Model, at string) stat.Estimate {
	for _, c := range result.OfModel(cells, m.Name) {
		if c.Probe == "decode" && c.Status == record.OK && c.Point.String() == at {
			return result.DecodeSpeed.Estimate(c)
		}
	}
	return stat.Estimate{}
}

// trainedQuality is a model's bits per byte, invalid if not measured or if the weights are random.
func (ix *index) trainedQuality(cells []*record.Cell, m *record.Model) stat.Estimate {
	quality := ix.qualityCell(cells, m.Name)
	if quality == nil || ix.unfit(quality) != "" || m.Initialised {
		return stat.Estimate{}
	}
	return stat.BitsPerByte(result.Documents(quality))
}
