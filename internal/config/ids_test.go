package config

import (
	"encoding/json"
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
	for _, data := range []string{`"x"`, `{}`, `[1.5]`, `3000000000`} {
		if err := json.Unmarshal([]byte(data), new(IDs)); err == nil {
			t.Errorf("%s was accepted", data)
		}
	}
}
