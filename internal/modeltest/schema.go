package modeltest

import (
	"encoding/json"
	"testing"
)

// SchemaHas checks that the JSON Schema of a config has a property for each of the keys that its parser reads: options
// are held against the schema before a model is loaded.
func SchemaHas(t testing.TB, schema string, keys []string) {
	t.Helper()
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal([]byte(schema), &s); err != nil {
		t.Fatal(err)
	}
	if len(keys) == 0 {
		t.Error("the parser reads no key")
	}
	for _, key := range keys {
		if s.Properties[key] == nil {
			t.Errorf("the schema lacks the key %q, which the parser reads", key)
		}
	}
}
