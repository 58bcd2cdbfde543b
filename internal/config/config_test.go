package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type settings struct {
	Dim   int     `json:"hidden_size"`
	Theta float64 `json:"rope_theta"`
	Act   string  `json:"hidden_act"`
	Flash bool    `json:"use_flash_attention"`
}

func read(t *testing.T, data string, options map[string]string) (settings, *Reader) {
	t.Helper()
	r, err := Parse([]byte(data), options)
	if err != nil {
		t.Fatal(err)
	}
	s := settings{Dim: 8, Theta: 1e4, Act: "silu", Flash: true}
	Read(r, &s.Dim, "hidden_size", "n_embd")
	Read(r, &s.Theta, "rope_theta", "rope_parameters.rope_theta")
	Read(r, &s.Act, "hidden_act")
	Read(r, &s.Flash, "use_flash_attention")
	r.Known("dropout")
	return s, r
}

func TestRead(t *testing.T) {
	tests := map[string]struct {
		data    string
		options map[string]string
		want    settings
		warn    []string
		err     string
	}{
		"defaults":       {data: `{"hidden_size": null}`, want: settings{8, 1e4, "silu", true}},
		"canonical":      {data: `{"hidden_size": 16, "dropout": 0.1}`, want: settings{16, 1e4, "silu", true}},
		"other spelling": {data: `{"n_embd": 16}`, want: settings{16, 1e4, "silu", true}},
		"nested":         {data: `{"rope_parameters": {"rope_theta": 5}}`, want: settings{8, 5, "silu", true}},
		"agreeing":       {data: `{"rope_theta": 10, "rope_parameters": {"rope_theta": 1e1}}`, want: settings{8, 10, "silu", true}},
		"options win": {
			data: `{"n_embd": 16, "hidden_act": "silu"}`, options: map[string]string{"hidden_size": "4", "hidden_act": "gelu", "use_flash_attention": "false"},
			want: settings{4, 1e4, "gelu", false},
		},
		"unknown key": {
			data: `{"zeta": 1, "alpha": 2, "_name_or_path": "x"}`, want: settings{8, 1e4, "silu", true},
			warn: []string{`config: unknown key "alpha" has no effect`, `config: unknown key "zeta" has no effect`},
		},
		"contradiction":  {data: `{"n_embd": 16, "hidden_size": 8}`, err: `keys "hidden_size" and "n_embd" contradict each other: 8 and 16`},
		"type":           {data: `{"hidden_size": "big"}`, err: `key "hidden_size" is "big", want a whole number`},
		"Infinity":       {data: `{"rope_theta": Infinity}`, err: `key "rope_theta" is Infinity, want a finite number`},
		"NaN":            {data: `{"rope_theta": NaN}`, err: `key "rope_theta" is NaN, want a finite number`},
		"-Infinity":      {data: `{"rope_theta": {"__float__": "-Infinity"}}`, err: `key "rope_theta" is -Infinity, want`},
		"NaN, option":    {data: `{}`, options: map[string]string{"rope_theta": "NaN"}, err: `key "rope_theta" is NaN, want`},
		"beyond float":   {data: `{"rope_theta": 1e400}`, err: `key "rope_theta" is 1e400, want a finite number`},
		"unneeded big":   {data: `{"dropout": 1e400}`, want: settings{8, 1e4, "silu", true}},
		"unneeded NaN":   {data: `{"dropout": NaN}`, want: settings{8, 1e4, "silu", true}},
		"unknown option": {data: `{}`, options: map[string]string{"flash": "1"}, err: `option "flash" is no setting`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, r := read(t, tt.data, tt.options)
			if err := r.Err(); tt.err != "" || err != nil {
				if err == nil || tt.err == "" || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.warn, r.Warnings()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, data := range []string{"", "[]", "{", `{"a": 1, "a": 2}`, "{} {}"} {
		if _, err := Parse([]byte(data), nil); err == nil {
			t.Errorf("%q was accepted", data)
		}
	}
}

// TestParseSaysWhere checks that errors name line and column.
func TestParseSaysWhere(t *testing.T) {
	_, err := Parse([]byte("{\n \"a\": [0.0, Infinity],\n \"b\": ,\n}"), nil)
	if want := "line 3, column 7: invalid character ','"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestEffectiveRoundTrip(t *testing.T) {
	s, r := read(t, `{"n_embd": 16, "rope_parameters": {"rope_theta": 5, "rope_type": "default"}, "extra": [1]}`, map[string]string{"hidden_act": "gelu"})
	data, err := r.Effective(s)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"hidden_size": 16.0, "rope_theta": 5.0, "hidden_act": "gelu", "use_flash_attention": true, "extra": []any{1.0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	again, _ := read(t, string(data), nil)
	if diff := cmp.Diff(s, again); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"hidden_size": 16, "rope_parameters": {"rope_theta": 5}}`))
	f.Add([]byte(`{"rope_parameters": 3, "n_embd": 1e99}`))
	f.Add([]byte("\ufeff{\"rope_theta\": Infinity, \"x\": [-Infinity, NaN]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data, nil)
		if err != nil {
			return
		}
		s := settings{}
		Read(r, &s.Dim, "hidden_size", "n_embd")
		Read(r, &s.Theta, "rope_theta", "rope_parameters.rope_theta")
		if r.Err() != nil {
			return
		}
		if _, err := r.Effective(s); err != nil {
			t.Errorf("effective config: %v", err)
		}
	})
}
