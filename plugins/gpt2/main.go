// Command archbench-plugin-gpt2 serves GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask
// Learners") in the layout of Hugging Face's GPT2LMHeadModel.
//
//	x    = wte[token] + wpe[position]
//	x   += c_proj(attention(c_attn(ln_1 x)))       for each of L layers
//	x   += c_proj(gelu_new(c_fc(ln_2 x)))
//	logits = wteᵀ ln_f x
//
// Legend: V vocabulary, P positions, d width, L layers, H heads, f width of the MLP (4d by default). Weights are stored
// in the layout of GPT-2's Conv1D, [in, out].
package main

import (
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmplugin"
)

func main() { lmplugin.Serve(engine.New(Family{})) }
