package table

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"charm.land/lipgloss/v2"
)

// TestLinesAreNotBrokenAtHyphens checks that flags such as "--set" and names such as "int4-row" can be copied from a table.
func TestLinesAreNotBrokenAtHyphens(t *testing.T) {
	tbl := Words("t", "T", []string{"run", "command"})
	tbl.Add("r-1", "archbench run --set len=128 --budget 5m in int4-row and int8-g128")
	tbl.Notes = []string{"with --init every model is seeded"}
	for width := 24; width < 80; width++ {
		var out bytes.Buffer
		if err := Write(&out, "table", width, tbl); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if strings.HasSuffix(strings.TrimSpace(line), "-") {
				t.Errorf("width %d: a line ends at a hyphen: %s", width, line)
			}
		}
		if strings.Contains(out.String(), firm) {
			t.Errorf("width %d: %q", width, out.String())
		}
	}
}

func wideTable() Table {
	t := Words("t", "Speeds", []string{"model", "len 128", "len 512", "len 2048"})
	t.Add("gpt2", "61.24 ktoken/s ±1.2 %", "50.57 ktoken/s ±1.3 %", Unavailable("context limit 512"))
	t.Add("mamba", "37.88 ktoken/s ±1.2 %", "38.19 ktoken/s ±0.9 %", "38.13 ktoken/s ±1.6 %")
	t.Notes = []string{"a note that is long enough to need more than one line of a narrow terminal"}
	return t
}

func TestTablesFitTheTerminal(t *testing.T) {
	for _, width := range []int{0, 30, 40, 60, 80, 200} {
		var b bytes.Buffer
		if err := Write(&b, "table", width, wideTable()); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(b.String(), "\n") {
			if width > 0 && lipgloss.Width(line) > width {
				t.Errorf("width %d: a line of %d columns: %q", width, lipgloss.Width(line), line)
			}
		}
		for _, want := range []string{"gpt2", "mamba", "61.24", "38.13"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("width %d loses %s:\n%s", width, want, b.String())
			}
		}
		if strings.Contains(b.String(), "\x1b[") {
			t.Errorf("width %d: escape sequences without a terminal", width)
		}
	}
	if groups := split(wideTable(), 60); len(groups) < 2 || groups[0][0] != 0 || groups[1][0] != 0 {
		t.Errorf("columns are split into %v; each group needs the key", groups)
	}
}

// TestAddAFormat checks that a new format needs only a value and a line in Formats.
func TestAddAFormat(t *testing.T) {
	defer func(all []*Format) { Formats = all }(Formats)
	Formats = append(Formats, &Format{Name: "toy", Programs: true, render: func(b *bytes.Buffer, _ int, tables []Table) error {
		b.WriteString(tables[0].ID + "!")
		return nil
	}})
	var b bytes.Buffer
	if err := Write(&b, "toy", 0, wideTable()); err != nil || b.String() != "t!" || !ForPrograms("toy") || FormatNames()[len(Formats)-1] != "toy" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// TestColumnsBeside checks that columns which belong together are not separated, however narrow the terminal is.
func TestColumnsBeside(t *testing.T) {
	tab := Table{Columns: append(Keys("key"), Column{Name: "a"}, Column{Name: "b"}, Column{Name: "vs", Beside: true}, Column{Name: "c"}, Column{Name: "vs", Beside: true})}
	tab.Add("k", "aaaaaaaa", "bbbbbbbb", "vvvvvvvv", "cccccccc", "vvvvvvvv")
	for width, want := range map[int][][]int{
		0: {{0, 1, 2, 3, 4, 5}}, 10: {{0, 1}, {0, 2, 3}, {0, 4, 5}}, 26: {{0, 1}, {0, 2, 3}, {0, 4, 5}}, 35: {{0, 1, 2, 3}, {0, 4, 5}}, 55: {{0, 1, 2, 3, 4, 5}},
	} {
		if diff := cmp.Diff(want, split(tab, width)); diff != "" {
			t.Errorf("width %d: %s", width, diff)
		}
	}
}
