package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/internal/config"
)

// PublishedConfig is config.json of mode bidirectional, the reference project's own model (version 0.9).
type PublishedConfig struct {
	ModelType string `json:"model_type"`
	Mode      string `json:"mode"`
	Vocab     int    `json:"vocab_size"`
	Dim       int    `json:"d_model"`
	Layers    int    `json:"n_layers"`
	Positions int    `json:"n_seq"` // rows of the position table: the hard limit of the context
	Experts   int    `json:"num_experts"`
	TopK      int    `json:"top_k"`

	// UseBirmanSchwinger names the core whose operator is semiseparable, tridiagonal plus low rank. The published
	// low-rank part is zero, so both cores are the resolvent of the tridiagonal operator; only new position tables
	// and the buffers of a checkpoint differ.
	UseBirmanSchwinger bool    `json:"use_birman_schwinger"`
	ZReal              float64 `json:"z_real"` // the spectral point z
	ZImag              float64 `json:"z_imag"`
	VMax               float64 `json:"v_max"`
	FeatureClamp       float64 `json:"feature_clamp"`

	UseScatteringRouter bool    `json:"use_scattering_router"` // experts by the phase of G instead of a learned gate
	RouterBins          string  `json:"router_bins"`           // legacy or half_circle
	Epsilon             float64 `json:"epsilon"`               // of the legacy bins and the prime bump

	PrimeBumpInit  bool    `json:"prime_bump_init"` // new position tables begin with a bump at the primes
	PrimeBumpScale float64 `json:"prime_bump_scale"`
	PrimeBumpK     int     `json:"k_max_primes"`

	BOS config.IDs `json:"bos_token_id"`
	EOS config.IDs `json:"eos_token_id"`
}

// defaultBidirectional holds the reference's defaults.
func defaultBidirectional() PublishedConfig {
	return PublishedConfig{
		ModelType: "resnet_bk", Mode: modeBidirectional, Vocab: 30000, Dim: 64, Layers: 4, Positions: 128, Experts: 4, TopK: 1,
		ZImag: 1, VMax: 3, FeatureClamp: 10, RouterBins: "legacy", Epsilon: 1, PrimeBumpScale: 0.02, PrimeBumpK: 3,
	}
}

// readBidirectional reads and validates the config.
func readBidirectional(r *config.Reader) (PublishedConfig, error) {
	c := defaultBidirectional()
	config.ReadAll(r, &c)
	config.ReadIDs(r, &c.BOS, c.Vocab, "bos_token_id")
	config.ReadIDs(r, &c.EOS, c.Vocab, "eos_token_id")
	r.Known("dropout_p")
	if err := r.Err(); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// Validate checks that the settings make sense together.
func (c *PublishedConfig) Validate() error {
	sizes := config.Sizes{
		{"vocab_size", c.Vocab}, {"d_model", c.Dim}, {"n_layers", c.Layers}, {"n_seq", c.Positions}, {"num_experts", c.Experts},
		{"top_k", c.TopK}, {"k_max_primes", c.PrimeBumpK},
	}
	if err := sizes.Check(); err != nil {
		return err
	}
	switch {
	case c.ModelType != "resnet_bk":
		return fmt.Errorf("model_type is %q, this plugin serves %q", c.ModelType, "resnet_bk")
	case !(c.ZImag > 0):
		return fmt.Errorf("z_imag is %g, must be positive: the resolvent has its poles on the real axis", c.ZImag)
	case !(c.VMax > 0), !(c.FeatureClamp > 0), !(c.Epsilon > 0), !(c.PrimeBumpScale > 0):
		return errors.New("v_max, feature_clamp, epsilon and prime_bump_scale must be positive")
	case !slices.Contains([]string{"legacy", "half_circle"}, c.RouterBins):
		return fmt.Errorf("router_bins is %q, must be legacy or half_circle", c.RouterBins)
	}
	return nil
}
