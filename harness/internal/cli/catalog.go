package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// catalog caches the descriptions of the plugins found. It asks each plugin at most once, and only when needed. A plugin
// that does not answer is ignored; loading one of its models will report the failure.
type catalog struct {
	candidates []lmplugin.Candidate
	asked      map[string]*lm.Description // by architecture; nil: no answer
	note       func(string)
}

func newCatalog(candidates []lmplugin.Candidate, note func(string)) *catalog {
	usable := slices.DeleteFunc(candidates, func(c lmplugin.Candidate) bool { return c.Rejected != "" })
	return &catalog{candidates: usable, asked: map[string]*lm.Description{}, note: note}
}

// names lists the architectures in search order.
func (c *catalog) names() []string {
	return result.Distinct(c.candidates, func(p lmplugin.Candidate) string { return p.Name })
}

// describe returns the description of an architecture's plugin, nil if there is none or it does not answer.
func (c *catalog) describe(ctx context.Context, architecture string) *lm.Description {
	if d, ok := c.asked[architecture]; ok {
		return d
	}
	c.asked[architecture] = nil
	if i := slices.IndexFunc(c.candidates, func(p lmplugin.Candidate) bool { return p.Name == architecture }); i >= 0 {
		if d, _, err := ask(ctx, c.candidates[i], c.note); err == nil {
			c.asked[architecture] = &d
		}
	}
	return c.asked[architecture]
}

// has reports whether the plugin of an architecture declares an ability.
func (c *catalog) has(ctx context.Context, architecture string, ability lm.Ability) bool {
	d := c.describe(ctx, architecture)
	return d != nil && d.Has(ability)
}

// able returns the first architecture whose plugin declares an ability.
func (c *catalog) able(ctx context.Context, ability lm.Ability) (string, error) {
	for _, name := range c.names() {
		if c.has(ctx, name, ability) {
			return name, nil
		}
	}
	return "", fmt.Errorf("no plugin found has the ability %s (archbench plugins list -v)", ability)
}

// ask starts a plugin and returns its description. The first start ever is announced with a note. Rejected plugins are not
// started.
func ask(ctx context.Context, p lmplugin.Candidate, note func(string)) (d lm.Description, sha string, err error) {
	if p.Rejected != "" {
		return d, "", fmt.Errorf("%s: %s", p.Path, p.Rejected)
	}
	if sha, err = lmplugin.Identity(p.Path); err != nil {
		return d, "", err
	}
	if !askedBefore(sha) {
		note(fmt.Sprintf("running %s for the first time, to read its description (sha256 %s)", p.Path, table.Short(sha)))
	}
	running, err := lmplugin.Launch(ctx, lmplugin.Options{Path: p.Path, StartTimeout: 10 * time.Second})
	if err != nil {
		return d, sha, err
	}
	defer running.Close()
	d, err = running.Describe(ctx)
	return d, sha, err
}

// reader finds the plugin that reads a checkpoint folder: the one named like its model_type, else the one that declares
// that model_type or, for a config without model_type, its marker keys.
func (c *catalog) reader(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, checkpoint.ConfigFile)
	data, err := checkpoint.ReadConfig(dir)
	if err != nil {
		return "", err
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return "", fmt.Errorf("%s is not a JSON object, as a config must be", path)
	}
	var modelType string
	if raw := keys["model_type"]; raw != nil && json.Unmarshal(raw, &modelType) != nil {
		return "", fmt.Errorf("%s: model_type is %s, want a string", path, raw)
	}
	if slices.Contains(c.names(), modelType) {
		return modelType, nil
	}
	var found []string
	for _, name := range c.names() {
		if d := c.describe(ctx, name); d != nil && reads(d, modelType, keys) {
			found = append(found, name)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("%s: several plugins read it (%s); choose one: %s:%s", path, strings.Join(found, " and "), found[0], dir)
	case modelType == "":
		return "", fmt.Errorf("%s has no model_type, and no plugin recognises its keys; name the architecture: ARCH:%s", path, dir)
	default:
		return "", fmt.Errorf("%s has model_type %q, which no installed plugin reads (see archbench plugins list -v); "+
			"to try a plugin, name it: ARCH:%s", path, modelType, dir)
	}
}

// reads reports whether a plugin declares that it reads a config.
func reads(d *lm.Description, modelType string, keys map[string]json.RawMessage) bool {
	if modelType != "" {
		return slices.Contains(d.Types(), modelType)
	}
	missing := slices.ContainsFunc(d.MarkerKeys, func(key string) bool { return keys[key] == nil })
	return len(d.MarkerKeys) > 0 && !missing
}

// offers rejects a precision that none of these plugins has; a plugin that does not answer might have it. In a precision
// with parts for components, such as int8+ffn.int4, each part is checked; only the model knows its components.
func (c *catalog) offers(ctx context.Context, precision string, architectures []string) error {
	for i, part := range strings.Split(precision, "+") {
		if i > 0 && !strings.Contains(part, ".") {
			return usage("precision %q: %q is not COMPONENT.PRECISION, as in int8+ffn.int4", precision, part)
		}
	}
	for _, part := range lm.Precisions(precision) {
		if err := c.offersPart(ctx, part, architectures); err != nil {
			return err
		}
	}
	return nil
}

// offersPart is offers for a precision without parts.
func (c *catalog) offersPart(ctx context.Context, precision string, architectures []string) error {
	if precision == "" || precision == "f32" { // every plugin has it
		return nil
	}
	var known []string
	for _, name := range architectures {
		d := c.describe(ctx, name)
		if d == nil || slices.Contains(d.Precisions, precision) {
			return nil
		}
		for _, p := range d.Precisions {
			if !slices.Contains(known, p) {
				known = append(known, p)
			}
		}
	}
	return usage("no plugin has the precision %q; there are %s%s", precision, strings.Join(known, ", "), didYouMean(precision, known))
}

// checkVariants rejects variants that their plugins do not list; a plugin that does not answer might have them.
func (c *catalog) checkVariants(ctx context.Context, specs []run.ModelSpec) error {
	for _, s := range specs {
		if s.Variant == "" {
			continue
		}
		d := c.describe(ctx, s.Architecture)
		if d == nil {
			continue
		}
		if known := variants(*d); !slices.Contains(known, s.Variant) {
			return usage("%s has no variant %q; there are %s%s", s.Architecture, s.Variant, strings.Join(known, ", "), didYouMean(s.Variant, known))
		}
	}
	return nil
}

// settings are the config keys of an architecture, nil if unknown.
func (c *catalog) settings(ctx context.Context, architecture string) []string {
	d := c.describe(ctx, architecture)
	if d == nil {
		return nil
	}
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if json.Unmarshal([]byte(d.ConfigSchema), &schema) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(schema.Properties))
}

// checkPrecisions rejects precisions, of models or more, that neither the models' plugins nor the others have. One that
// only others have is not a mistake: the model will be unavailable in it.
func (c *catalog) checkPrecisions(ctx context.Context, specs []run.ModelSpec, others, more []string) error {
	var architectures []string
	asked := slices.Clone(more)
	for _, s := range specs {
		architectures = append(architectures, s.Architecture)
		asked = append(asked, s.Precision, s.Head)
	}
	architectures = append(architectures, others...)
	slices.Sort(asked)
	for _, precision := range slices.Compact(asked) {
		if err := c.offers(ctx, precision, architectures); err != nil {
			return err
		}
	}
	return nil
}

// giveOptions removes from each model the options that are not keys of its config. An option that no model has is a
// mistake.
func (c *catalog) giveOptions(ctx context.Context, specs []run.ModelSpec, note func(string)) error {
	for _, key := range slices.Sorted(maps.Keys(allOptions(specs))) {
		var known, without []string
		for i := range specs {
			settings := c.settings(ctx, specs[i].Architecture)
			if outer, _, _ := strings.Cut(key, "."); settings == nil || slices.Contains(settings, outer) {
				continue
			}
			known = append(known, settings...)
			delete(specs[i].Options, key)
			without = append(without, cmp.Or(specs[i].Name, specs[i].Architecture))
		}
		switch {
		case len(without) == len(specs):
			slices.Sort(known)
			known = slices.Compact(known)
			return usage("--option %s: no model has that setting; there are %s%s", key, strings.Join(known, ", "), didYouMean(key, known))
		case len(without) > 0:
			note(fmt.Sprintf("--option %s is not a setting of %s and has no effect there", key, strings.Join(without, ", ")))
		}
	}
	return nil
}

// allOptions are the options of all models by key.
func allOptions(specs []run.ModelSpec) map[string]string {
	all := map[string]string{}
	for _, s := range specs {
		maps.Copy(all, s.Options)
	}
	return all
}
