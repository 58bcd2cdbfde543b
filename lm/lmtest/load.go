package lmtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/archbench/archbench/lm"
)

// knownAbilities are the abilities of the contract.
var knownAbilities = []lm.Ability{
	lm.AbilityStep, lm.AbilityGenerate, lm.AbilityCost, lm.AbilityCount, lm.AbilityMemory,
	lm.AbilityVersus, lm.AbilitySave, lm.AbilityCalibrate, lm.AbilityTrain,
	lm.AbilityAnswers, lm.AbilitySample,
}

// checkDescribe checks that the description is complete and valid.
func checkDescribe(ctx context.Context, k *kit) (figure, error) {
	d, err := k.arch.Describe(ctx)
	if err != nil {
		return figure{}, err
	}
	k.description = d
	var errs []error
	for _, field := range []struct{ name, value string }{
		{"name", d.Name}, {"version", d.Version}, {"language", d.Language}, {"summary", d.Summary}, {"kernels", d.Kernels},
	} {
		errs = append(errs, expect(field.value != "", "%s is empty", field.name))
	}
	words := slices.Concat(d.ModelTypes, d.MarkerKeys)
	errs = append(errs,
		expect(!slices.Contains(words, ""), "model types and marker keys %q contain an empty one", words),
		expect(json.Valid([]byte(d.ConfigSchema)), "config schema is not JSON"),
		expect(slices.Contains(d.Precisions, "f32"), "precisions %q lack f32", d.Precisions))
	for _, a := range d.Abilities {
		errs = append(errs, expect(slices.Contains(knownAbilities, a), "unknown ability %q", a))
	}
	seen := map[string]bool{}
	for _, v := range d.Variants {
		errs = append(errs, expect(v.Name != "" && v.Summary != "" && !seen[v.Name] && json.Valid([]byte(v.Config)),
			"variant %q needs a unique name, a summary and a JSON config", v.Name))
		seen[v.Name] = true
	}
	return figure{value: float64(len(d.Abilities)), unit: "abilities"}, errors.Join(errs...)
}

// checkLoad loads the model that the other checks use, and checks its info.
func checkLoad(ctx context.Context, k *kit) (figure, error) {
	model, err := k.arch.Load(ctx, k.request(1))
	if err != nil {
		return figure{}, err
	}
	info := model.Info().Of(k.description)
	k.model, k.info = model, info
	n := k.options.Tokens
	if info.ContextLimit > 0 {
		n = min(n, info.ContextLimit)
	}
	if info.Vocab < 2 || n < 8 {
		_ = model.Close() // too small to test Close either
		k.model = nil
		return figure{}, fmt.Errorf("a vocabulary of %d and a context limit of %d are too small to test", info.Vocab, info.ContextLimit)
	}
	k.text = k.document(1, n)
	errs := []error{
		expect(info.Architecture == k.description.Name, "architecture is %q, in the description %q", info.Architecture, k.description.Name),
		expect(json.Valid([]byte(info.Config)), "config is not JSON"),
		expect(info.Precision != "" && info.HeadPrecision != "" && info.Kernels != "" && info.Threads >= 1,
			"precision %q, head precision %q, kernels %q and threads %d must be set", info.Precision, info.HeadPrecision, info.Kernels, info.Threads),
		expect(info.Device.Name == "" || slices.Contains(k.description.Devices, info.Device),
			"device %+v is not one of %+v", info.Device, k.description.Devices),
		expect(info.LoadTime > 0, "load time is %v", info.LoadTime),
		expect(info.Initialised == (k.options.Checkpoint == ""), "initialised is %v", info.Initialised),
	}
	for _, a := range info.Abilities {
		errs = append(errs, expect(k.description.Has(a), "the model has ability %q, which the plugin does not declare", a))
	}
	for _, id := range append(slices.Clone(info.EOS), max(0, info.BOS)) {
		errs = append(errs, expect(id >= 0 && int(id) < info.Vocab, "special token %d is outside the vocabulary of %d", id, info.Vocab))
	}
	return figure{value: float64(info.Parameters), unit: "parameters"}, errors.Join(errs...)
}

// checkLoadErrors checks that invalid load requests are refused with the right kind.
func checkLoadErrors(ctx context.Context, k *kit) (figure, error) {
	dir, err := os.MkdirTemp(k.options.TempDir, "lmtest")
	if err != nil {
		return figure{}, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"vocab_size": `), 0o600); err != nil {
		return figure{}, err
	}
	good := k.request(1)
	precision, source, option, device := good, good, good, good
	device.Device = "no such device"
	precision.Precision = "f31"
	source.Checkpoint, source.Config, source.Variant = "", "", ""
	option.Options = map[string]string{"no_such_key_of_any_config": "1"}
	cases := []struct {
		what  string
		req   lm.LoadRequest
		kinds []lm.Kind
	}{
		{"a folder that does not exist", lm.LoadRequest{Checkpoint: filepath.Join(dir, "nowhere")}, []lm.Kind{lm.NotFound}},
		{"a folder whose config.json is cut off", lm.LoadRequest{Checkpoint: dir}, []lm.Kind{lm.Invalid, lm.Corrupt}},
		{"a config that is not JSON", lm.LoadRequest{Config: "{"}, []lm.Kind{lm.Invalid, lm.Corrupt}},
		{"another architecture's config", lm.LoadRequest{Config: `{"model_type": "no such thing"}`}, []lm.Kind{lm.Invalid, lm.Corrupt}},
		{"an unknown variant", lm.LoadRequest{Variant: "no such variant"}, []lm.Kind{lm.NotFound, lm.Invalid}},
		{"an unknown precision", precision, []lm.Kind{lm.Invalid}},
		{"no checkpoint, config or variant", source, []lm.Kind{lm.Invalid}},
		{"an unknown option", option, []lm.Kind{lm.Invalid}},
		{"an unknown device", device, []lm.Kind{lm.Unsupported}},
	}
	var errs []error
	for _, c := range cases {
		errs = append(errs, k.refusedLoad(ctx, c.what, c.req, c.kinds...))
	}
	return figure{value: float64(len(cases)), unit: "refusals"}, errors.Join(errs...)
}

// refusedLoad checks that a load fails with one of the kinds.
func (k *kit) refusedLoad(ctx context.Context, what string, req lm.LoadRequest, kinds ...lm.Kind) error {
	m, err := k.arch.Load(ctx, req)
	if err == nil && m != nil {
		_ = m.Close() // that it was loaded fails the check
	}
	return kindError(what, err, kinds...)
}
