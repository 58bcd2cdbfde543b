package main

import (
	"fmt"
	"math"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/kernel"
)

// The values of rope_type.
const (
	ropeDefault = "default" // θ_i = base^(-2i/hd)
	ropeLinear  = "linear"  // θ_i / factor: positions are interpolated (Chen et al. 2023)
	ropeLlama3  = "llama3"  // slow rotations are divided by factor, fast ones unchanged (Llama 3.1)
)

// scaling changes the rotations of a model that reads longer contexts than it was first trained with.
type scaling struct {
	Type     string  `json:"rope_type"`
	Factor   float64 `json:"factor"`
	Low      float64 `json:"low_freq_factor,omitempty"`                  // llama3: slow is fewer turns per original context
	High     float64 `json:"high_freq_factor,omitempty"`                 // llama3: fast is more turns per original context
	Original int     `json:"original_max_position_embeddings,omitempty"` // llama3: the original context
}

// readRotations reads the base of the rotations and their scaling, from rope_parameters or, in older files, rope_scaling,
// where the oldest spell rope_type as type.
func (c *Config) readRotations(r *config.Reader) {
	s, partial := scaling{}, 1.0
	config.Read(r, &c.Theta, "rope_theta", "rope_parameters.rope_theta", "rope_scaling.rope_theta")
	setting(r, &s.Type, "rope_type", "type")
	setting(r, &s.Factor, "factor")
	setting(r, &s.Low, "low_freq_factor")
	setting(r, &s.High, "high_freq_factor")
	setting(r, &s.Original, "original_max_position_embeddings")
	config.Read(r, &partial, "partial_rotary_factor", "rope_parameters.partial_rotary_factor", "rope_scaling.partial_rotary_factor")
	if s.Type == ropeLlama3 && s.Original == 0 {
		s.Original = c.MaxPositions
	}
	if partial != 1 {
		r.Fail(fmt.Errorf("partial_rotary_factor is %g: only rotations of whole heads are served", partial))
	}
	for _, kind := range []string{fullAttention, slidingAttention} {
		if r.Has("rope_parameters." + kind) {
			r.Fail(fmt.Errorf("rope_parameters.%s: rotations that differ between layers are not served", kind))
		}
	}
	switch {
	case s.Type == "" && s.Factor != 0:
		r.Fail(fmt.Errorf("factor is %g, but there is no rope_type: set it to %s or %s", s.Factor, ropeLinear, ropeLlama3))
	case s.Type == "":
	case s.Type != ropeDefault:
		c.Scaling = &s
	case s.Factor > 1:
		r.Warn("factor %g has no effect: rope_type is %s", s.Factor, s.Type)
	}
}

// setting reads a setting of the rotations from either object.
func setting[T any](r *config.Reader, dst *T, names ...string) {
	var all []string
	for _, object := range []string{"rope_parameters.", "rope_scaling."} {
		for _, name := range names {
			all = append(all, object+name)
		}
	}
	config.Read(r, dst, all...)
}

// validate checks that the rotations are served and their settings are consistent.
func (s *scaling) validate() error {
	switch {
	case s == nil:
		return nil
	case s.Type != ropeLinear && s.Type != ropeLlama3:
		return fmt.Errorf("rope_type is %q: only %s, %s and %s rotations are served", s.Type, ropeDefault, ropeLinear, ropeLlama3)
	case !(s.Factor >= 1):
		return fmt.Errorf("factor of the %s rotations is %g, must be at least 1", s.Type, s.Factor)
	case s.Type == ropeLinear:
		return nil
	case !(s.Low > 0) || !(s.High > s.Low):
		return fmt.Errorf("low_freq_factor is %g and high_freq_factor %g, need 0 < low < high", s.Low, s.High)
	case s.Original < 1:
		return fmt.Errorf("original_max_position_embeddings is %d, must be at least 1", s.Original)
	}
	return nil
}

// frequencies returns the rotation of each pair of components from one position to the next, in radians.
func (c Config) frequencies() []float32 {
	freq := kernel.RopeFrequencies(c.HeadDim, c.Theta)
	if c.Scaling == nil {
		return freq
	}
	for i, f := range freq {
		freq[i] = float32(float64(f) * c.Scaling.slowdown(float64(f)))
	}
	return freq
}

// slowdown returns the factor of a frequency: 1/factor for linear. For llama3 it is 1/factor up to low_freq_factor turns in
// the original context, 1 from high_freq_factor turns on, and linear in between.
func (s *scaling) slowdown(freq float64) float64 {
	if s.Type == ropeLinear {
		return 1 / s.Factor
	}
	turns := float64(s.Original) * freq / (2 * math.Pi)
	kept := min(1, max(0, (turns-s.Low)/(s.High-s.Low)))
	return kept + (1-kept)/s.Factor
}
