package config

import "encoding/json"

// Activation is the name of an activation function. Of the names that Hugging Face has for one formula it holds the first,
// so whatever asks for the formula (the model, its cost) asks for one name.
type Activation string

// formulas are the other names of formulas.
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
