package config

import "testing"

func TestActivation(t *testing.T) {
	for name, want := range map[string]Activation{
		"gelu_new": "gelu_new", "gelu_fast": "gelu_new", "gelu_pytorch_tanh": "gelu_new", "gelu_python_tanh": "gelu_new",
		"gelu_accurate": "gelu_new", "gelu": "gelu", "gelu_python": "gelu", "silu": "silu", "swish": "silu", "relu": "relu",
		"Swish": "Swish", "quick_gelu": "quick_gelu", "": "",
	} {
		r, err := Parse([]byte(`{"hidden_act": "`+name+`"}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := Activation("relu")
		if Read(r, &got, "hidden_act"); got != want || r.Err() != nil {
			t.Errorf("%q is read as %q, %v; want %q", name, got, r.Err(), want)
		}
	}
	r, err := Parse([]byte(`{"hidden_act": 3}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if Read(r, new(Activation), "hidden_act"); r.Err() == nil || r.Err().Error() != `key "hidden_act" is 3, want a string` {
		t.Errorf("error %v", r.Err())
	}
}
