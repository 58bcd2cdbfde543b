package lmplugin

import (
	"fmt"
	"time"

	"github.com/archbench/archbench/internal/printable"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// mapped returns f of each value; nil stays nil.
func mapped[A, B any](values []A, f func(A) B) []B {
	if values == nil {
		return nil
	}
	out := make([]B, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return out
}

// narrow converts n to the int32 of the wire.
func narrow(op, what string, n int) (int32, error) {
	if int(int32(n)) != n {
		return 0, lm.Errorf(lm.Invalid, op, "%s %d does not fit into 32 bits", what, n)
	}
	return int32(n), nil
}

func describeToPB(d lm.Description) *lmpb.DescribeResponse {
	return &lmpb.DescribeResponse{
		Name:     d.Name,
		Version:  d.Version,
		Language: d.Language,
		Summary:  d.Summary,
		Variants: mapped(d.Variants, func(v lm.Variant) *lmpb.Variant {
			return &lmpb.Variant{Name: v.Name, Summary: v.Summary, Config: v.Config}
		}),
		Abilities:    abilitiesToPB(d.Abilities),
		Precisions:   d.Precisions,
		ConfigSchema: d.ConfigSchema,
		ModelTypes:   d.ModelTypes,
		MarkerKeys:   d.MarkerKeys,
		Kernels:      d.Kernels,
		Devices:      mapped(d.Devices, deviceToPB),
	}
}

func describeFromPB(d *lmpb.DescribeResponse) lm.Description {
	out := lm.Description{
		Name:     d.GetName(),
		Version:  d.GetVersion(),
		Language: d.GetLanguage(),
		Summary:  d.GetSummary(),
		Variants: mapped(d.GetVariants(), func(v *lmpb.Variant) lm.Variant {
			return lm.Variant{Name: v.GetName(), Summary: v.GetSummary(), Config: v.GetConfig()}
		}),
		Abilities:    abilitiesFromPB(d.GetAbilities()),
		Precisions:   d.GetPrecisions(),
		ConfigSchema: d.GetConfigSchema(),
		ModelTypes:   d.GetModelTypes(),
		MarkerKeys:   d.GetMarkerKeys(),
		Kernels:      d.GetKernels(),
		Devices:      mapped(d.GetDevices(), deviceFromPB),
	}
	printable.All(&out)
	return out
}

func rooflineToPB(r lm.Roofline) *lmpb.CalibrateResponse {
	return &lmpb.CalibrateResponse{
		Threads: int32(r.Threads),
		Ceilings: mapped(r.Ceilings, func(c lm.Ceiling) *lmpb.Ceiling {
			return &lmpb.Ceiling{
				Name: c.Name, Operation: string(c.Operation), Precisions: c.Precisions, Footprint: c.Footprint, Unit: c.Unit, Value: c.Value, Kernels: c.Kernels,
			}
		}),
	}
}

func rooflineFromPB(r *lmpb.CalibrateResponse) lm.Roofline {
	out := lm.Roofline{
		Threads: int(r.GetThreads()),
		Ceilings: mapped(r.GetCeilings(), func(c *lmpb.Ceiling) lm.Ceiling {
			return lm.Ceiling{
				Name: c.GetName(), Operation: lm.Operation(c.GetOperation()), Precisions: c.GetPrecisions(), Footprint: c.GetFootprint(),
				Unit: c.GetUnit(), Value: c.GetValue(), Kernels: c.GetKernels(),
			}
		}),
	}
	printable.All(&out)
	return out
}

// loadToPB refuses requests that the wire cannot carry: several sources, or too many threads.
func loadToPB(r lm.LoadRequest) (*lmpb.LoadRequest, error) {
	threads, err := narrow("load", "threads", r.Threads)
	if err != nil {
		return nil, err
	}
	req := &lmpb.LoadRequest{
		Seed:      r.Seed,
		Precision: r.Precision,
		Head:      r.Head,
		Threads:   threads,
		Options:   r.Options,

		Device:       r.Device,
		DeviceMemory: r.DeviceMemory,
	}
	sources := 0
	if r.Checkpoint != "" {
		req.Source = &lmpb.LoadRequest_Checkpoint{Checkpoint: r.Checkpoint}
		sources++
	}
	if r.Config != "" {
		req.Source = &lmpb.LoadRequest_Config{Config: r.Config}
		sources++
	}
	if r.Variant != "" {
		req.Source = &lmpb.LoadRequest_Variant{Variant: r.Variant}
		sources++
	}
	if sources != 1 {
		return nil, lm.Errorf(lm.Invalid, "load", "want exactly one of checkpoint, config and variant, got %d", sources)
	}
	return req, nil
}

func loadFromPB(r *lmpb.LoadRequest) lm.LoadRequest {
	return lm.LoadRequest{
		Checkpoint: r.GetCheckpoint(),
		Config:     r.GetConfig(),
		Variant:    r.GetVariant(),
		Seed:       r.GetSeed(),
		Precision:  r.GetPrecision(),
		Head:       r.GetHead(),
		Threads:    int(r.GetThreads()),
		Options:    r.GetOptions(),

		Device:       r.GetDevice(),
		DeviceMemory: r.GetDeviceMemory(),
	}
}

func deviceToPB(d lm.Device) *lmpb.Device {
	return &lmpb.Device{Name: d.Name, Summary: d.Summary, Memory: d.Memory}
}

func deviceFromPB(d *lmpb.Device) lm.Device {
	return lm.Device{Name: d.GetName(), Summary: d.GetSummary(), Memory: d.GetMemory()}
}

func infoToPB(m lm.ModelInfo) *lmpb.ModelInfo {
	info := &lmpb.ModelInfo{
		Architecture:  m.Architecture,
		Mode:          m.Mode,
		Config:        m.Config,
		Parameters:    m.Parameters,
		Bytes:         mapped(m.Bytes, bytesToPB),
		Vocab:         int32(m.Vocab),
		Eos:           m.EOS,
		ContextLimit:  int64(m.ContextLimit),
		Causal:        m.Causal,
		StateKind:     m.StateKind,
		Precision:     m.Precision,
		HeadPrecision: m.HeadPrecision,
		Kernels:       m.Kernels,
		Threads:       int32(m.Threads),
		Initialised:   m.Initialised,
		Warnings:      m.Warnings,
		LoadNs:        m.LoadTime.Nanoseconds(),
	}
	if m.BOS >= 0 {
		info.Bos = &m.BOS
	}
	if m.Device.Name != "" {
		info.Device = deviceToPB(m.Device)
	}
	if m.Abilities != nil {
		info.Abilities = &lmpb.Abilities{Names: abilitiesToPB(m.Abilities)}
	}
	return info
}

func abilitiesToPB(abilities []lm.Ability) []string {
	return mapped(abilities, func(a lm.Ability) string { return string(a) })
}

func abilitiesFromPB(names []string) []lm.Ability {
	return mapped(names, func(a string) lm.Ability { return lm.Ability(a) })
}

func infoFromPB(m *lmpb.ModelInfo) lm.ModelInfo {
	info := lm.ModelInfo{
		Architecture:  m.GetArchitecture(),
		Mode:          m.GetMode(),
		Config:        m.GetConfig(),
		Parameters:    m.GetParameters(),
		Bytes:         mapped(m.GetBytes(), bytesFromPB),
		Vocab:         int(m.GetVocab()),
		BOS:           -1,
		EOS:           m.GetEos(),
		ContextLimit:  int(m.GetContextLimit()),
		Causal:        m.GetCausal(),
		StateKind:     m.GetStateKind(),
		Precision:     m.GetPrecision(),
		HeadPrecision: m.GetHeadPrecision(),
		Kernels:       m.GetKernels(),
		Threads:       int(m.GetThreads()),
		Initialised:   m.GetInitialised(),
		Warnings:      shortened(m.GetWarnings()),
		LoadTime:      time.Duration(m.GetLoadNs()),
		Device:        deviceFromPB(m.GetDevice()),
	}
	if m != nil && m.Bos != nil {
		info.BOS = m.GetBos()
	}
	if m.GetAbilities() != nil {
		info.Abilities = append([]lm.Ability{}, abilitiesFromPB(m.GetAbilities().GetNames())...) // not nil, which means absent
	}
	printable.All(&info)
	return info
}

func bytesToPB(c lm.ByteClass) *lmpb.ByteClass {
	return &lmpb.ByteClass{Class: c.Class, Bytes: c.Bytes, Device: c.Device}
}

func bytesFromPB(c *lmpb.ByteClass) lm.ByteClass {
	return lm.ByteClass{Class: printable.Line(c.GetClass()), Bytes: c.GetBytes(), Device: printable.Line(c.GetDevice())}
}

func costToPB(c lm.CostItem) *lmpb.CostItem {
	return &lmpb.CostItem{Component: c.Component, Flops: c.FLOPs, Bytes: c.Bytes}
}

func costFromPB(c *lmpb.CostItem) lm.CostItem {
	return lm.CostItem{Component: printable.Line(c.GetComponent()), FLOPs: c.GetFlops(), Bytes: c.GetBytes()}
}

func stateToPB(s lm.State) *lmpb.StateInfo {
	return &lmpb.StateInfo{Length: int64(s.Len()), Bytes: s.Bytes()}
}

// Limits on the text kept from a plugin.
const (
	mostWarnings = 100
	longestText  = 4 << 10 // bytes
)

// shortened returns the first warnings, with long ones cut.
func shortened(warnings []string) []string {
	kept, rest := cut(warnings, mostWarnings)
	out := mapped(kept, func(w string) string { return printable.Cut(w, longestText) })
	if len(rest) > 0 {
		out = append(out, fmt.Sprintf("%d more warnings", len(rest)))
	}
	return out
}
