package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// shelf is a catalog of plugins already asked; silent does not answer.
func shelf() *catalog {
	c := newCatalog([]lmplugin.Candidate{
		{Name: "mistral"}, {Name: "mamba"}, {Name: "old"}, {Name: "twin"}, {Name: "silent"}, {Name: "broken", Rejected: "not executable"},
	}, nil)
	c.asked = map[string]*lm.Description{
		"mistral": {Name: "mistral", ModelTypes: []string{"mistral", "llama", "both"}, Precisions: []string{"f32", "int8"},
			ConfigSchema: `{"properties": {"hidden_size": {}, "sliding_window": {}, "rope_parameters": {}}}`},
		"mamba": {Name: "mamba", ModelTypes: []string{"mamba", "mamba2"}, MarkerKeys: []string{"d_model", "ssm_cfg"}, Precisions: []string{"f32"},
			ConfigSchema: `{"properties": {"hidden_size": {}, "state_size": {}}}`},
		"old": {Name: "old", Precisions: []string{"f32", "int4"}}, "twin": {Name: "twin", ModelTypes: []string{"both"}, Precisions: []string{"f32"}},
		"silent": nil,
	}
	return c
}

func TestReader(t *testing.T) {
	for config, want := range map[string]string{
		`{"model_type": "mistral"}`:                 "mistral",
		`{"model_type": "llama"}`:                   "mistral",
		`{"model_type": "mamba2"}`:                  "mamba",
		`{"model_type": "old"}`:                     "old",    // declares none, so its name counts
		`{"model_type": "silent"}`:                  "silent", // the name decides, nobody is asked
		`{"d_model": 1, "ssm_cfg": {}}`:             "mamba",
		`{"d_model": 1}`:                            "error no model_type, and no plugin recognises its keys",
		`{"model_type": "both"}`:                    "error several plugins read it (mistral and twin)",
		`{"model_type": "gpt9", "limit": Infinity}`: `error model_type "gpt9", which no installed plugin reads`,
		`{"model_type": "broken"}`:                  "error which no installed plugin reads",
		`{"model_type": 3}`:                         "error model_type is 3, want a string",
		`{"model_type": `:                           "error config.json",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := shelf().reader(t.Context(), dir)
		message, fails := strings.CutPrefix(want, "error ")
		if fails && (err == nil || !strings.Contains(err.Error(), message)) || !fails && (got != want || err != nil) {
			t.Errorf("%s: %q, %v; want %s", config, got, err, want)
		}
	}
}

func TestPrecisionsAreKnown(t *testing.T) {
	for _, tc := range []struct {
		specs []run.ModelSpec
		more  []string
		err   string
	}{
		{[]run.ModelSpec{{Architecture: "mistral", Precision: "int8"}}, []string{"f32"}, ""},
		{[]run.ModelSpec{{Architecture: "mistral", Precision: "int8+mlp.int4"}}, []string{"int8+mlp.f32"}, ""},
		{[]run.ModelSpec{{Architecture: "mamba", Precision: "int8"}}, nil, ""},  // another plugin has it, so it is unavailable
		{[]run.ModelSpec{{Architecture: "silent", Precision: "int9"}}, nil, ""}, // unknown
		{[]run.ModelSpec{{Architecture: "mistral", Head: "int8"}}, nil, ""},
	} {
		c := shelfWithoutSilent(tc.specs)
		if err := c.checkPrecisions(t.Context(), tc.specs, c.names(), tc.more); err != nil {
			t.Errorf("%+v %v: %v", tc.specs, tc.more, err)
		}
	}
	mistral := []run.ModelSpec{{Architecture: "mistral"}}
	for _, tc := range []struct {
		specs []run.ModelSpec
		more  []string
	}{
		{[]run.ModelSpec{{Architecture: "mistral", Precision: "int9"}}, nil},
		{[]run.ModelSpec{{Architecture: "mistral", Precision: "int8+mlp.int9"}}, nil},
		{[]run.ModelSpec{{Architecture: "mistral", Head: "int9"}}, nil},
		{mistral, []string{"f32", "int9"}},
	} {
		c := shelfWithoutSilent(tc.specs)
		err := c.checkPrecisions(t.Context(), tc.specs, c.names(), tc.more)
		var mistake usageError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), `no plugin has the precision "int9"; there are f32, int8, int4; did you mean`) {
			t.Errorf("%+v %v: error %v, want a usage error with the list", tc.specs, tc.more, err)
		}
	}
}

// shelfWithoutSilent omits the plugin that does not answer unless a model needs it.
func shelfWithoutSilent(specs []run.ModelSpec) *catalog {
	c := shelf()
	if specs[0].Architecture != "silent" {
		c.candidates = c.candidates[:4]
	}
	return c
}

func TestOptionsGoWhereTheyAreKeys(t *testing.T) {
	specs := func(option string) []run.ModelSpec {
		return []run.ModelSpec{
			{Name: "a", Architecture: "mistral", Options: map[string]string{option: "1"}},
			{Architecture: "mamba", Options: map[string]string{option: "1"}},
		}
	}
	for option, want := range map[string]struct {
		first, second bool
		note, err     string
	}{
		"hidden_size":                {true, true, "", ""},
		"sliding_window":             {true, false, "--option sliding_window is not a setting of mamba and has no effect there", ""},
		"rope_parameters.rope_theta": {true, false, "not a setting of mamba", ""},
		"hiden_size":                 {err: "--option hiden_size: no model has that setting; there are hidden_size, rope_parameters, sliding_window, state_size; did you mean hidden_size?"},
	} {
		list, notes := specs(option), ""
		err := shelf().giveOptions(t.Context(), list, func(text string) { notes += text })
		if want.err != "" {
			var mistake usageError
			if !errors.As(err, &mistake) || err.Error() != want.err {
				t.Errorf("%s: error %v, want %s", option, err, want.err)
			}
			continue
		}
		got := []bool{len(list[0].Options) == 1, len(list[1].Options) == 1}
		if diff := cmp.Diff([]bool{want.first, want.second}, got); diff != "" || err != nil || !strings.Contains(notes, want.note) || (want.note == "") != (notes == "") {
			t.Errorf("%s: %v, note %q\n%s", option, err, notes, diff)
		}
	}
	unknowing := []run.ModelSpec{{Architecture: "old", Options: map[string]string{"anything": "1"}}}
	if err := shelf().giveOptions(t.Context(), unknowing, nil); err != nil || len(unknowing[0].Options) != 1 {
		t.Errorf("an option for a plugin without a schema: %v, %v", unknowing, err)
	}
}

// TestAble finds the first plugin with an ability, ignoring plugins that do not answer.
func TestAble(t *testing.T) {
	c := shelf()
	for _, name := range []string{"old", "twin"} {
		c.asked[name].Abilities = []lm.Ability{lm.AbilityCalibrate}
	}
	if name, err := c.able(t.Context(), lm.AbilityCalibrate); name != "old" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
	if name, err := c.able(t.Context(), lm.AbilityTrain); err == nil || !strings.Contains(err.Error(), "no plugin found has the ability train") {
		t.Errorf("%q, %v", name, err)
	}
	if c.has(t.Context(), "silent", lm.AbilityCalibrate) || !c.has(t.Context(), "twin", lm.AbilityCalibrate) {
		t.Error("silent calibrates, or twin does not")
	}
}
