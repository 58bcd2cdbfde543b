// Command archbench-plugin-mistral serves Mistral (Jiang et al. 2023, "Mistral 7B") in the layout of Hugging Face's
// MistralForCausalLM.
//
//	x    = embed[token]
//	x   += o(attention(RoPE(q h), RoPE(k h), v h))        h = norm x, for each of L layers
//	x   += down(silu(gate h) · up h)                       h = norm x
//	logits = lm_headᵀ norm x
//
// Query head h reads key head ⌊h/(H/K)⌋. The query at position i sees keys max(0, i-W+1) to i, so a document's state is
// a ring of W positions in each layer, whatever its length.
//
// Legend: V vocabulary, d width, L layers, H query heads, K key heads, hd head size, f width of the MLP, W window.
package main

import (
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmplugin"
)

func main() { lmplugin.Serve(engine.New(Family{})) }
