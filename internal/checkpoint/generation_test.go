package checkpoint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEnds combines the end token of config.json, here 2, with every kind of generation_config.json.
func TestEnds(t *testing.T) {
	for text, want := range map[string]struct {
		ends    []int32
		warning string
	}{
		"":                                     {[]int32{2}, ""},
		`{"temperature":0.6,"top_p":0.9}`:      {[]int32{2}, ""},
		`{"eos_token_id":null}`:                {[]int32{2}, ""},
		`{"eos_token_id":65}`:                  {[]int32{2, 65}, ""},
		`{"eos_token_id":[2,65,66,65]}`:        {[]int32{2, 65, 66}, ""},
		`{"eos_token_id":[65,100,-1]}`:         {[]int32{2, 65}, "eos_token_id 100 is outside the 100 ids"},
		`{"eos_token_id":"</s>"}`:              {[]int32{2}, "generation_config.json lists are not known: key \"eos_token_id\" is \"</s>\", want a token id, a list"},
		`{"eos_token_id":[65,null]}`:           {[]int32{2}, "want a token id, a list"},
		`{"eos_token_id":1,"eos_token_id":65}`: {[]int32{2}, "duplicate key"},
		`{"eos_token_id":[1`:                   {[]int32{2}, "generation_config.json: line 1, column 18: unexpected end"},
		`{"x":NaN,"eos_token_id":65}`:          {[]int32{2, 65}, ""},
		strings.Repeat(" ", maxSettings) + "1": {[]int32{2}, "too large"},
	} {
		dir := t.TempDir()
		put(t, dir, ConfigFile, "{}")
		shard(t, dir, WeightsFile, counted("w", 1, 1))
		if text != "" {
			put(t, dir, GenerationFile, text)
		}
		before := []int32{2}
		got, warnings := open(t, dir).Ends(before, 100)
		if diff := cmp.Diff(want.ends, got); diff != "" || before[0] != 2 {
			t.Errorf("%.60s: %s", text, diff)
		}
		if all := strings.Join(warnings, "\n"); !strings.Contains(all, want.warning) || (all == "") != (want.warning == "") {
			t.Errorf("%.60s: warnings %q, want %q", text, all, want.warning)
		}
	}
}
