package modeltest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema checks the JSON Schema of a config: it accepts and refuses the given configs, and has a property for each of the
// keys that the parser reads, because options are checked against the schema before a model is loaded.
func Schema(t testing.TB, schema string, keys, accepted, refused []string) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	var doc map[string]any
	decode(t, schema, &doc)
	if err := compiler.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range accepted {
		var v any
		decode(t, config, &v)
		if err := s.Validate(v); err != nil {
			t.Errorf("%s\n%v", config, err)
		}
	}
	for _, config := range refused {
		var v any
		decode(t, config, &v)
		if s.Validate(v) == nil {
			t.Errorf("%s was accepted", config)
		}
	}
	if len(keys) == 0 {
		t.Error("the parser reads no key")
	}
	properties, _ := doc["properties"].(map[string]any)
	for _, key := range keys {
		if properties[key] == nil {
			t.Errorf("the schema lacks the key %q, which the parser reads", key)
		}
	}
}

// decode decodes JSON as the schema compiler needs it.
func decode[T any](t testing.TB, text string, v *T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
}
