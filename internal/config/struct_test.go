package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadAll(t *testing.T) {
	tests := map[string]struct {
		data string
		want settings
		warn []string
		err  string
	}{
		"defaults":    {data: `{"rope_theta": null}`, want: settings{8, 1e4, "silu", true}},
		"all":         {data: `{"hidden_size": 2, "rope_theta": 3, "hidden_act": "relu", "use_flash_attention": false}`, want: settings{2, 3, "relu", false}},
		"unknown key": {data: `{"zeta": 1}`, want: settings{8, 1e4, "silu", true}, warn: []string{`config: unknown key "zeta" has no effect`}},
		"type":        {data: `{"hidden_act": 3}`, err: `key "hidden_act" is 3, want a string`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Parse([]byte(tt.data), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := settings{Dim: 8, Theta: 1e4, Act: "silu", Flash: true}
			ReadAll(r, &got)
			if err := r.Err(); tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
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

func TestReadAllEmbedded(t *testing.T) {
	type Shared struct {
		Dim int `json:"hidden_size"`
	}
	var got struct {
		Shared
		Layers int `json:"num_hidden_layers"`
	}
	r, err := Parse([]byte(`{"hidden_size": 4, "num_hidden_layers": 2}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	ReadAll(r, &got)
	if r.Err() != nil || got.Dim != 4 || got.Layers != 2 {
		t.Errorf("read %+v, error %v", got, r.Err())
	}
}

func TestReadAllParts(t *testing.T) {
	type core struct {
		Mode  string   `json:"mode"`
		Clamp *float64 `json:"clamp"`
	}
	type ffn struct {
		Width int `json:"width"`
	}
	type config struct {
		Dim    int  `json:"dim"`
		Core   any  `json:"core"`
		FFN    ffn  `json:"ffn"`
		Absent *ffn `json:"absent,omitempty"`
	}
	three := 3.0
	want := config{4, &core{"gate", &three}, ffn{2}, nil}
	for data, options := range map[string]map[string]string{
		`{"dim": 4, "core": {"mode": "gate", "clamp": 3}, "ffn": {"width": 2}}`:           nil,
		`{"dim": 4, "mode": "gate", "clamp": 3, "width": 2}`:                              nil,
		`{"dim": 4, "core": {"mode": "gate", "clamp": 3, "odd": 1}, "ffn": {"width": 9}}`: {"ffn.width": "2"},
		`{"dim": 4, "core": {"mode": "gate", "clamp": 9}, "width": 2}`:                    {"clamp": "3"},
		`{"dim": 4, "clamp": 3, "core": {"mode": "gate"}, "ffn": null, "odd": [1]}`:       {"ffn": `{"width": 2}`},
	} {
		r, err := Parse([]byte(data), options)
		if err != nil {
			t.Fatal(err)
		}
		got := config{Core: &core{Mode: "begin"}, FFN: ffn{1}}
		ReadAll(r, &got)
		if diff := cmp.Diff(want, got); r.Err() != nil || diff != "" {
			t.Errorf("%s, %v: error %v\n%s", data, options, r.Err(), diff)
		}
		if warned := strings.Contains(strings.Join(r.Warnings(), ""), "odd"); warned != strings.Contains(data, "odd") {
			t.Errorf("%s: warnings %q", data, r.Warnings())
		}
		effective, err := r.Effective(got)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(effective); strings.Contains(text, "\n  \"clamp\"") || strings.Contains(text, "absent") {
			t.Errorf("effective config %s", text)
		}
	}
	for data, message := range map[string]string{
		`{"core": 3}`:                          `key "core" is 3, want an object`,
		`{"core": {"mode": "a"}, "mode": "b"}`: `keys "core.mode" and "mode" contradict each other`,
		`{"core": {"clamp": "wide"}}`:          `key "core.clamp" is "wide", want a finite number`,
	} {
		r, err := Parse([]byte(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		if ReadAll(r, &config{Core: &core{}}); r.Err() == nil || !strings.Contains(r.Err().Error(), message) {
			t.Errorf("%s: error %v, want one with %q", data, r.Err(), message)
		}
	}
}
