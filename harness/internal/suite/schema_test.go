package suite

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/suites"
)

var update = flag.Bool("update", false, "write suites/schema.json anew")

type object = map[string]any

// schema describes suites as JSON Schema, for editors. It is generated from the probe table, so the two cannot
// disagree.
func schema() object {
	var probes []any
	for _, p := range probe.Table {
		properties := object{
			"probe": object{"const": p.Name, "description": p.Summary},
			"grid":  settings(p.Axes, true),
			"with":  settings(p.Params, false),
		}
		if p.Timing {
			properties["repeats"] = object{"type": "integer", "minimum": 1, "description": "blocks"}
		}
		probes = append(probes, closed(properties, "probe"))
	}
	name := object{"type": "string", "pattern": names.String()}
	root := closed(object{
		"name": name, "version": object{"type": "integer", "minimum": 1}, "summary": object{"type": "string"},
		"budget":     object{"type": "string", "description": "duration of the whole run, for example 5m"},
		"repeats":    object{"type": "integer", "minimum": 1, "description": "blocks of every timing probe"},
		"span":       object{"type": "string", "description": "least time of the calls of a sample, such as 100ms"},
		"precisions": object{"type": "array", "minItems": 1, "items": object{"type": "string"}},
		"probes":     object{"type": "array", "minItems": 1, "items": object{"oneOf": probes}},
		"include": object{"type": "array", "minItems": 1, "items": closed(object{
			"suite": name,
			"set":   object{"type": "object", "additionalProperties": oneOrMore(object{"type": []any{"integer", "string"}})},
			"drop":  object{"type": "array", "minItems": 1, "items": object{"type": "string"}},
		}, "suite")},
	}, "name")
	root["anyOf"] = []any{object{"required": []any{"probes"}}, object{"required": []any{"include"}}}
	root["$schema"], root["title"] = "https://json-schema.org/draft/2020-12/schema", "archbench suite"
	return root
}

// closed is an object without additional keys.
func closed(properties object, required ...any) object {
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// settings describes the axes or parameters of a probe.
func settings(all []probe.Setting, lists bool) object {
	properties := object{}
	for _, s := range all {
		one := object{"type": "integer", "minimum": s.Min}
		if s.Words != nil {
			one = object{"enum": s.Words}
		}
		value := one
		if lists {
			value = oneOrMore(one)
		}
		value["description"], value["default"] = s.Doc, s.Default
		properties[s.Name] = value
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// oneOrMore is a value, an integer range, or a list of these.
func oneOrMore(one object) object {
	alternatives := []any{one, object{"type": "string", "pattern": `^\d+\.\.\d+\*\d+$`}}
	list := object{"type": "array", "minItems": 1, "items": object{"anyOf": alternatives}}
	return object{"anyOf": append([]any{list}, alternatives...)}
}

// compiled returns the checked-in schema.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := suites.FS.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaIsCurrent(t *testing.T) {
	want, err := json.MarshalIndent(schema(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(filepath.Join("..", "..", "..", "suites", "schema.json"), want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := suites.FS.ReadFile("schema.json")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("suites/schema.json does not follow from the probe table (%v): run go test ./harness/internal/suite -update", err)
	}
}

// TestSuites loads every built-in suite and validates it against the schema.
func TestSuites(t *testing.T) {
	s := compiled(t)
	for _, name := range Names() {
		loaded, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if loaded.Name != name || loaded.Summary == "" || len(loaded.Parts) == 0 {
			t.Errorf("suite %s: name %q, summary %q, %d parts", name, loaded.Name, loaded.Summary, len(loaded.Parts))
		}
		text, err := suites.FS.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, text); err != nil {
			t.Errorf("suite %s: %v", name, err)
		}
	}
	if len(Names()) < 7 {
		t.Errorf("suites %q", Names())
	}
}

// validate checks YAML against a schema.
func validate(s *jsonschema.Schema, text []byte) error {
	b, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// TestSchemaAgrees checks that parser and schema reject the same mistakes.
func TestSchemaAgrees(t *testing.T) {
	s := compiled(t)
	for _, c := range mistakes {
		if c.beyondSchema {
			continue
		}
		if err := validate(s, []byte(c.yaml)); err == nil {
			t.Errorf("the schema accepts what the parser refuses with %q:\n%s", c.want, c.yaml)
		}
	}
}
