// Command archbench-plugin-mistral serves Mistral (Jiang et al. 2023, "Mistral 7B") and Llama, which differs only by having
// no window, in the layout of Hugging Face's MistralForCausalLM and LlamaForCausalLM.
//
//	x    = embed[token]
//	x   += o(attention(RoPE(q h), RoPE(k h), v h))        h = norm x, for each of L layers
//	x   += down(silu(gate h) · up h)                       h = norm x
//	logits = lm_headᵀ norm x
//
// Query head h reads key head ⌊h/(H/K)⌋. The query at position i sees keys max(0, i-W+1) to i, so a document's state is
// a ring of W positions per layer, whatever its length. layer_types may exempt layers from the window; these cache all
// positions. Rotations are those of the paper, interpolated (linear), or those of Llama 3.1 (llama3); see rope.go.
//
// Legend: V vocabulary, d width, L layers, H query heads, K key heads, hd head size, f width of the MLP, W window.
package main

import (
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmplugin"
)

func main() { lmplugin.Serve(engine.New(Family{})) }
