package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/table"
)

// data is report.json: the rows of each table.
type data map[string][]map[string]any

func readData(text []byte) (d data, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return d, decoder.Decode(&d)
}

// comparison compares the numbers of a bundled report with recomputed ones.
type comparison struct {
	exact               bool // else numbers may differ by tolerance, and words, which contain rounded numbers, are not compared
	bundled, recomputed data
	numbers             int
	found               []Difference
}

// Between platforms numbers may differ by a factor of 1 ± tolerance, and differences that are zero up to rounding by rounding.
const (
	tolerance = 1e-9
	rounding  = 1e-15
)

// ledger is the table of claims, which ships with archbench and differs between its versions.
const ledger = "claims"

// prose are keys of words for people.
var prose = []string{"text", "note", "notes", "reason"}

// statistics compares all rows of report.json, in the order of its tables and keys.
func (c *comparison) statistics(tables []table.Table) Check {
	keys := map[string][]string{}
	for _, t := range tables {
		if frame := t.Program(); len(frame.Keys) > 0 {
			name := strings.ReplaceAll(t.ID, "-", "_")
			keys[name] = frame.Keys
			c.table(name, frame.Keys)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.bundled)) {
		if keys[name] == nil {
			c.differ(Difference{Table: name, Recomputed: "there is no such table"})
		}
	}
	check := Check{What: "statistics", State: good, Found: fmt.Sprintf("%d numbers agree", c.numbers)}
	if !c.exact {
		check.Found += fmt.Sprintf(" to %g", tolerance)
	}
	if len(c.found) > 0 {
		check.State, check.First = failed, &c.found[0]
		check.Found = c.found[0].String()
		if more := len(c.found) - 1; more > 0 {
			check.Found += fmt.Sprintf(" (and %d more)", more)
		}
	}
	return check
}

// String names file, table, row and number: "report/report.json: values, row 3 (bk prefill len=512), lo is 1, recomputed 2".
func (d Difference) String() string {
	s := d.File + ": " + d.Table
	if d.Row > 0 {
		s += fmt.Sprintf(", row %d", d.Row)
	}
	if d.what != "" {
		s += " (" + d.what + ")"
	}
	if d.Key != "" {
		s += ", " + d.Key + " is " + d.Bundled + ", recomputed"
	}
	return s + ": " + d.Recomputed
}

func (c *comparison) differ(d Difference) {
	d.File = reportData
	c.found = append(c.found, d)
}

// table compares one table.
func (c *comparison) table(name string, keys []string) {
	bundled, ok := c.bundled[name]
	recomputed := c.recomputed[name]
	switch {
	case !c.exact && name == ledger:
	case !ok && c.exact:
		c.differ(Difference{Table: name, Recomputed: "the bundle lacks this table"})
	case ok && len(bundled) != len(recomputed):
		c.differ(Difference{Table: name, Key: "rows", Bundled: fmt.Sprint(len(bundled)), Recomputed: fmt.Sprint(len(recomputed))})
	case ok:
		for i := range bundled {
			c.row(Difference{Table: name, Row: i + 1, what: describe(bundled[i])}, bundled[i], recomputed[i], keys)
		}
	}
}

// row compares one row. A newer archbench may have more keys, an older one lacks them.
func (c *comparison) row(at Difference, bundled, recomputed map[string]any, keys []string) {
	for _, key := range append(keys, unknown(bundled, keys)...) {
		was, bundles := bundled[key]
		is, computes := recomputed[key]
		at.Key, at.Bundled, at.Recomputed = key, words(was), words(is)
		switch {
		case !c.exact && (!bundles || slices.Contains(prose, key)):
		case !computes:
			at.Recomputed = "there is no such key"
			c.differ(at)
		case !bundles || !c.same(was, is):
			c.differ(at)
		}
	}
}

// unknown lists the keys of a row that are not among keys.
func unknown(row map[string]any, keys []string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(row)), func(key string) bool { return slices.Contains(keys, key) })
}

// same compares two values of JSON.
func (c *comparison) same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		c.numbers++
		return ok && (a == b || !c.exact && near(a, b))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, c.same)
	case map[string]any:
		return false // no value is an object
	}
	return a == b
}

// near reports whether two numbers differ by no more than platforms do.
func near(a, b json.Number) bool {
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && math.Abs(x-y) <= rounding+tolerance*math.Max(math.Abs(x), math.Abs(y))
}

// words writes a value of JSON.
func words(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return fmt.Sprint(value)
}

// identity are the keys that tell people which row it is.
var identity = []string{"suite", "table", "fact", "probe", "model", "quantity", "part", "len", "phase", "batch", "context", "stride", "depth", "position"}

// describe names a row: "speed prefill-speed bk prefill len=512".
func describe(row map[string]any) string {
	var all []string
	for i, key := range identity {
		switch value := row[key]; {
		case value == nil:
		case i < 7:
			all = append(all, words(value))
		default:
			all = append(all, key+"="+words(value))
		}
	}
	return strings.Join(all, " ")
}
