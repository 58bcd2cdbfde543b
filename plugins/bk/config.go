package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/config"
)

// The modes of the mathematics.
const (
	modeRow           = "causal-row"    // rows of the causal resolvent mix values
	modeDiag          = "causal-diag"   // only its diagonal is read
	modeBidirectional = "bidirectional" // the published model: the full resolvent, which sees the future
)

// CausalConfig is config.json of the causal modes. A key whose name ends in _init, or begins with eta_init, matters for a
// new model only; keys that the chosen modes do not use have no effect.
type CausalConfig struct {
	ModelType string  `json:"model_type"`
	Mode      string  `json:"mode"`
	Vocab     int     `json:"vocab_size"`
	Dim       int     `json:"d_model"`
	Layers    int     `json:"n_layers"`
	Heads     int     `json:"bk_heads"` // chains in a layer
	Values    int     `json:"d_value"`  // values a head and token; 0 in causal-diag
	Eps       float64 `json:"layer_norm_eps"`

	A0Mode      string  `json:"a0_mode"` // learned or const
	A0Value     float64 `json:"a0_value"`
	A0Init      string  `json:"a0_init"` // golden or zero (a0_value)
	A0Span      float64 `json:"a0_span"`
	EnergyMode  string  `json:"energy_mode"` // learned or const
	EnergyValue float64 `json:"energy_value"`
	EtaMode     string  `json:"eta_mode"` // learned or const
	EtaValue    float64 `json:"eta_value"`
	EtaMin      float64 `json:"eta_min"`
	EtaInitMax  float64 `json:"eta_init_max"`
	EtaInitMin  float64 `json:"eta_init_min"`
	KMode       string  `json:"k_mode"` // gate, learned or const
	KValue      float64 `json:"k_value"`
	KMax        float64 `json:"k_max"`
	KBiasInit   float64 `json:"k_bias_init"`
	VLimit      string  `json:"v_limit"`    // tanh or clamp
	VMaxMode    string  `json:"v_max_mode"` // per_head or uniform
	VMax        float64 `json:"v_max"`
	VInit       string  `json:"v_init"` // scaled or xavier

	GFeatures    string   `json:"g_features"` // cayley or raw
	RowIncludeG  bool     `json:"row_include_g"`
	BornNorm     bool     `json:"born_norm"`
	FeatureClamp *float64 `json:"feature_clamp"` // nil: none

	Experts           int    `json:"num_experts"`
	TopK              int    `json:"top_k"`
	MoEGate           string `json:"moe_gate"` // full_softmax or topk_softmax
	FFNMultiplier     int    `json:"ffn_multiplier"`
	FFNActivation     string `json:"ffn_activation"` // relu, gelu or swiglu
	ResidualInitScale bool   `json:"residual_init_scale"`

	Positions  string     `json:"position_embedding"`
	Tied       bool       `json:"tie_word_embeddings"`
	LMHeadBias bool       `json:"lm_head_bias"`
	BOS        config.IDs `json:"bos_token_id"`
	EOS        config.IDs `json:"eos_token_id"`
}

// defaultConfig is the shape of bk-row-3m or, in mode causal-diag, of bk-diag-3m. A row model of another width has
// one head for every 16 channels.
func defaultConfig(mode string, dim int) CausalConfig {
	c := CausalConfig{
		ModelType: "resnet_bk", Mode: mode, Vocab: 4096, Dim: dim, Layers: 7, Heads: max(1, dim/16), Values: 16, Eps: 1e-5,
		A0Mode: "learned", A0Init: "golden", A0Span: 1.9, EnergyMode: "learned",
		EtaMode: "learned", EtaValue: 1, EtaMin: 1e-3, EtaInitMax: 1, EtaInitMin: 0.05,
		KMode: "gate", KValue: 1, KMax: 2, VLimit: "tanh", VMaxMode: "per_head", VMax: 3, VInit: "scaled",
		GFeatures: "raw", BornNorm: true,
		Experts: 1, TopK: 1, MoEGate: "full_softmax", FFNMultiplier: 2, FFNActivation: "relu", ResidualInitScale: true,
		Positions: "none", Tied: true, BOS: config.IDs{0}, EOS: config.IDs{0},
	}
	if mode == modeDiag {
		c.Layers, c.Heads, c.Values, c.KMode, c.GFeatures = 10, 64, 0, "learned", "cayley"
	}
	return c
}

// readConfig reads and validates the config of a causal model.
func readConfig(r *config.Reader, mode string) (CausalConfig, error) {
	dim := 192
	config.Read(r, &dim, "d_model")
	c := defaultConfig(mode, dim)
	config.ReadAll(r, &c)
	config.ReadIDs(r, &c.BOS, c.Vocab, "bos_token_id")
	config.ReadIDs(r, &c.EOS, c.Vocab, "eos_token_id")
	if err := r.Err(); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// row reports whether the model mixes values by rows of the resolvent.
func (c *CausalConfig) row() bool { return c.Mode == modeRow }

// usesG reports whether g itself is a feature.
func (c *CausalConfig) usesG() bool { return !c.row() || c.RowIncludeG }

// Validate checks that the settings make sense together.
func (c *CausalConfig) Validate() error {
	for _, check := range []func() error{c.validateSizes, c.validateWords, c.validateNumbers, c.validateFixed} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *CausalConfig) validateSizes() error {
	sizes := config.Sizes{
		{"vocab_size", c.Vocab}, {"d_model", c.Dim}, {"n_layers", c.Layers}, {"bk_heads", c.Heads},
		{"num_experts", c.Experts}, {"top_k", c.TopK}, {"ffn_multiplier", c.FFNMultiplier},
	}
	if err := sizes.Check(); err != nil {
		return err
	}
	if c.row() && c.Values < 1 {
		return fmt.Errorf("d_value is %d, must be at least 1 in mode %s", c.Values, modeRow)
	}
	if !c.row() && c.Values != 0 {
		return fmt.Errorf("d_value is %d, must be 0 in mode %s, which mixes no values", c.Values, modeDiag)
	}
	return nil
}

func (c *CausalConfig) validateWords() error {
	for _, w := range []struct {
		key, value string
		allowed    []string
	}{
		{"model_type", c.ModelType, []string{"resnet_bk"}},
		{"mode", c.Mode, []string{modeRow, modeDiag}},
		{"a0_mode", c.A0Mode, []string{"learned", "const"}},
		{"a0_init", c.A0Init, []string{"golden", "zero"}},
		{"energy_mode", c.EnergyMode, []string{"learned", "const"}},
		{"eta_mode", c.EtaMode, []string{"learned", "const"}},
		{"k_mode", c.KMode, []string{"gate", "learned", "const"}},
		{"v_limit", c.VLimit, []string{"tanh", "clamp"}},
		{"v_max_mode", c.VMaxMode, []string{"per_head", "uniform"}},
		{"v_init", c.VInit, []string{"scaled", "xavier"}},
		{"g_features", c.GFeatures, []string{"cayley", "raw"}},
		{"moe_gate", c.MoEGate, []string{"full_softmax", "topk_softmax"}},
		{"ffn_activation", c.FFNActivation, []string{"relu", "gelu", "swiglu"}},
		{"position_embedding", c.Positions, []string{"none"}},
	} {
		if !slices.Contains(w.allowed, w.value) {
			return fmt.Errorf("%s is %q, must be %s", w.key, w.value, strings.Join(w.allowed, " or "))
		}
	}
	return nil
}

func (c *CausalConfig) validateNumbers() error {
	for _, n := range []struct {
		key   string
		value float64
	}{
		{"layer_norm_eps", c.Eps}, {"eta_value", c.EtaValue}, {"eta_init_min", c.EtaInitMin - c.EtaMin}, {"k_value", c.KValue},
		{"k_max", c.KMax}, {"v_max", c.VMax},
	} {
		if !(n.value > 0) {
			return fmt.Errorf("%s is too small: it must be positive, and eta_init_min above eta_min", n.key)
		}
	}
	switch {
	case c.EtaMin < 0:
		return fmt.Errorf("eta_min is %g, must not be negative: the resolvent has its poles there", c.EtaMin)
	case c.EtaInitMax < c.EtaInitMin:
		return fmt.Errorf("eta_init_max %g is below eta_init_min %g", c.EtaInitMax, c.EtaInitMin)
	case c.FeatureClamp != nil && !(*c.FeatureClamp > 0):
		return fmt.Errorf("feature_clamp is %g, must be positive or null", *c.FeatureClamp)
	}
	return nil
}

func (c *CausalConfig) validateFixed() error {
	if c.LMHeadBias {
		return fmt.Errorf("lm_head_bias must be false in mode %s", c.Mode)
	}
	return nil
}

// risks names settings that are known to train or compute badly.
func (c *CausalConfig) risks() (list []string) {
	smallEta := c.EtaMode == "learned" || c.EtaValue < 0.5
	if c.usesG() && c.GFeatures == "raw" && smallEta {
		list = append(list, `g_features "raw" with eta below about 1: |g| reaches 1/eta, the features are ill-conditioned `+
			`and such models have trained badly; use "cayley", and expect looser agreement between implementations`)
	}
	if c.row() && !c.BornNorm && smallEta {
		list = append(list, "born_norm false with eta below about 1: y grows like 1/eta and such models have trained badly")
	}
	return list
}
