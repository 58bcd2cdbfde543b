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
		if field.value == "" {
			errs = append(errs, fmt.Errorf("%s is empty", field.name))
		}
	}
	if names := slices.Concat(d.ModelTypes, d.MarkerKeys); slices.Contains(names, "") {
		errs = append(errs, fmt.Errorf("model types and marker keys %q contain an empty one", names))
	}
	if !json.Valid([]byte(d.ConfigSchema)) {
		errs = append(errs, errors.New("config schema is not JSON"))
	}
	if !slices.Contains(d.Precisions, "f32") {
		errs = append(errs, fmt.Errorf("precisions %q lack f32", d.Precisions))
	}
	for _, a := range d.Abilities {
		if !slices.Contains(knownAbilities, a) {
			errs = append(errs, fmt.Errorf("unknown ability %q", a))
		}
	}
	seen := map[string]bool{}
	for _, v := range d.Variants {
		if v.Name == "" || v.Summary == "" || seen[v.Name] || !json.Valid([]byte(v.Config)) {
			errs = append(errs, fmt.Errorf("variant %q needs a unique name, a summary and a JSON config", v.Name))
		}
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
	var errs []error
	for _, a := range info.Abilities {
		if !k.description.Has(a) {
			errs = append(errs, fmt.Errorf("the model has ability %q, which the plugin does not declare", a))
		}
	}
	if info.Vocab < 2 || n < 8 {
		_ = model.Close() // too small to test Close either
		k.model = nil
		return figure{}, fmt.Errorf("a vocabulary of %d and a context limit of %d are too small to test", info.Vocab, info.ContextLimit)
	}
	k.text = k.document(1, n)
	if info.Architecture != k.description.Name {
		errs = append(errs, fmt.Errorf("architecture is %q, in the description %q", info.Architecture, k.description.Name))
	}
	if !json.Valid([]byte(info.Config)) {
		errs = append(errs, errors.New("config is not JSON"))
	}
	if info.Precision == "" || info.HeadPrecision == "" || info.Kernels == "" || info.Threads < 1 {
		errs = append(errs, fmt.Errorf("precision %q, head precision %q, kernels %q and threads %d must be set",
			info.Precision, info.HeadPrecision, info.Kernels, info.Threads))
	}
	if info.Device.Name != "" && !slices.Contains(k.description.Devices, info.Device) {
		errs = append(errs, fmt.Errorf("device %+v is not one of %+v", info.Device, k.description.Devices))
	}
	if info.LoadTime <= 0 {
		errs = append(errs, fmt.Errorf("load time is %v", info.LoadTime))
	}
	if info.Initialised != (k.options.Checkpoint == "") {
		errs = append(errs, fmt.Errorf("initialised is %v", info.Initialised))
	}
	for _, id := range append(slices.Clone(info.EOS), max(0, info.BOS)) {
		if id < 0 || int(id) >= info.Vocab {
			errs = append(errs, fmt.Errorf("special token %d is outside the vocabulary of %d", id, info.Vocab))
		}
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
