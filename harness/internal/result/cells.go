package result

import "github.com/archbench/archbench/harness/internal/record"

// OfProbe keeps the cells of one probe.
func OfProbe(cells []*record.Cell, probe string) []*record.Cell {
	var out []*record.Cell
	for _, c := range cells {
		if c.Probe == probe {
			out = append(out, c)
		}
	}
	return out
}

// Longest returns the measured cell with the greatest length.
func Longest(cells []*record.Cell) *record.Cell {
	var best *record.Cell
	for _, c := range cells {
		if c.Status == record.OK && (best == nil || Number(c.Point, "len") > Number(best.Point, "len")) {
			best = c
		}
	}
	return best
}

// With keeps the cells at one value of an axis.
func With(cells []*record.Cell, name, value string) []*record.Cell {
	var out []*record.Cell
	for _, c := range cells {
		if c.Point.Get(name) == value {
			out = append(out, c)
		}
	}
	return out
}
