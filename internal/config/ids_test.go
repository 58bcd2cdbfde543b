package config

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestIDs(t *testing.T) {
	for data, first := range map[string]int32{"null": -1, "[]": -1, "7": 7, "[3,9]": 3} {
		var ids IDs
		if err := json.Unmarshal([]byte(data), &ids); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if ids.First() != first {
			t.Errorf("%s: first id %d, want %d", data, ids.First(), first)
		}
		again, err := json.Marshal(ids)
		if err != nil || (string(again) != data && data != "[]") {
			t.Errorf("%s was written as %s, %v", data, again, err)
		}
	}
	for _, data := range []string{`"x"`, `{}`, `[1.5]`, `[3,null]`, `[null]`, `3000000000`} {
		if err := json.Unmarshal([]byte(data), new(IDs)); err == nil {
			t.Errorf("%s was accepted", data)
		}
	}
}

func TestReadIDs(t *testing.T) {
	tests := map[string]struct {
		data  string
		first int32
		warn  int
	}{
		"absent":  {`{}`, 5, 0},
		"null":    {`{"bos": null}`, -1, 0},
		"given":   {`{"bos": 3}`, 3, 0},
		"outside": {`{"bos": [300, 4]}`, 4, 1},
	}
	for _, data := range []string{`{"eos": [3, null]}`, `{"eos": [null]}`, `{"eos": "3"}`, `{"eos": [1.5]}`} {
		r, err := Parse([]byte(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		readIDs(r, new(IDs), 10, "eos")
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), "want a token id, a list of ids, or null") {
			t.Errorf("%s: error %v", data, err)
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Parse([]byte(tt.data), nil)
			if err != nil {
				t.Fatal(err)
			}
			unset := IDs{50}
			if readIDs(r, &unset, 10, "eos"); unset.First() != -1 {
				t.Errorf("a default outside the vocabulary was kept: %d", unset)
			}
			ids := IDs{5}
			readIDs(r, &ids, 10, "bos")
			if ids.First() != tt.first || len(r.Warnings()) != tt.warn {
				t.Errorf("first id %d and warnings %q, want %d and %d of them", ids.First(), r.Warnings(), tt.first, tt.warn)
			}
		})
	}
}
