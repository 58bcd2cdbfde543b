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
		"unknown key": {data: `{"zeta": 1}`, want: settings{8, 1e4, "silu", true}, warn: []string{`config: unknown key "zeta" is kept and has no effect`}},
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
