package record

import (
	"fmt"
	"slices"
)

// Whole returns an error if the run is incomplete or contradicts itself. It must have at least one model, every model that
// its cells name, and a name for every coordinate.
func (r *Run) Whole() error {
	models, cells := map[string]bool{}, map[string]bool{}
	for i := range r.Models {
		name := r.Models[i].Name
		if models[name] {
			return fmt.Errorf("run %s has model %q twice", r.ID, name)
		}
		models[name] = true
	}
	for _, c := range r.All() {
		if cells[c.ID] {
			return fmt.Errorf("run %s has cell %.10s twice", r.ID, c.ID)
		}
		cells[c.ID] = true
		if !models[c.Model] {
			return fmt.Errorf("cell %.10s is of a model %q, which run %s lacks", c.ID, c.Model, r.ID)
		}
		if why := c.broken(); why != "" {
			return fmt.Errorf("cell %.10s of run %s has %s", c.ID, r.ID, why)
		}
	}
	if len(models) == 0 {
		return fmt.Errorf("run %s has no models", r.ID)
	}
	return nil
}

// broken says what is wrong with a cell by itself.
func (c *Cell) broken() string {
	switch {
	case slices.ContainsFunc(slices.Concat(c.Point, c.Params), func(x Coordinate) bool { return x.Name == "" }):
		return "a coordinate without a name"
	case c.Repeats < 1 || c.Rounds < 0:
		return "no repeats"
	case c.Status == Unavailable && c.Reason == "":
		return "no reason why it is n/a"
	case c.Status == Failed && (c.Failure == nil || c.Failure.Class == ""):
		return "no class of its failure"
	case !slices.Contains([]Status{Pending, OK, Failed, Unavailable}, c.Status):
		return fmt.Sprintf("an unknown status %q", c.Status)
	}
	return ""
}
