package config

import "encoding/json"

// Activation is the name of an activation function. Hugging Face has several names for some formulas; Activation holds
// the first, so the model and its cost use the same name.
type Activation string

// formulas maps alternative names to the canonical one.
var formulas = map[string]Activation{
	"gelu_fast": "gelu_new", "gelu_pytorch_tanh": "gelu_new", "gelu_python_tanh": "gelu_new", "gelu_accurate": "gelu_new",
	"gelu_python": "gelu",
	"swish":       "silu",
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *Activation) UnmarshalJSON(data []byte) error {
	var name string
	if err := json.Unmarshal(data, &name); err != nil {
		return err
	}
	*a = Activation(name)
	if formula, ok := formulas[name]; ok {
		*a = formula
	}
	return nil
}
